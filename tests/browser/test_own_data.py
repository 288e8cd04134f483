"""Your own data in a real browser: sent, looked at, saved, on the way to be trained on."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import expect

from genlab.data import user_sets
from tests.data.test_readers import as_csv, iris_rows

#: Milliseconds: two cores may be busy with other tests.
WAIT = 30_000


def test_a_table_is_sent_saved_and_offered_for_training(app: Any, page: Any, shot: Any) -> None:
    page.goto(f"{app.url}/data?data=own")
    field = page.locator("[data-testid=stFileUploaderDropzoneInput]")
    field.wait_for(state="attached", timeout=60_000)
    sent = {"name": "page.csv", "mimeType": "text/csv", "buffer": b"<svg onload='alert(1)'/>"}
    field.set_input_files(sent)
    expect(page.get_by_text("which may hold scripts")).to_be_visible(timeout=WAIT)
    field.set_input_files({**sent, "name": "flowers.csv", "buffer": as_csv(iris_rows())})
    expect(page.get_by_text("150 rows of 5 columns separated by commas")).to_be_visible(
        timeout=WAIT
    )
    expect(page.get_by_text("setosa (50), versicolor (50)")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value(
        "flowers", timeout=WAIT
    )
    shot("own-preview-light", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 800})
    shot("own-preview-dark-narrow", full_page=True)
    # Nothing stands out of a narrow screen.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is stored as flowers-")).to_be_visible(timeout=WAIT)
    (known,) = [one for one in user_sets.list_sets() if one.name == "flowers"]
    shelf = page.locator(f".st-key-own-go-{known.id}").get_by_role("button", name="Train on this")
    shelf.click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("likelihood = mixed").first).to_be_visible(timeout=WAIT)
    found = parse_qs(urlparse(page.evaluate("location.href")).query)
    assert found["data"] == ["own"]
    assert found["set"] == [known.id]
    assert page.console_errors == []
