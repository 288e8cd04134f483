"""A study of two arms and three seeds, from the form to the sentence, by a real supervisor."""

from __future__ import annotations

from typing import Any

from genlab import runs, studies
from tests.browser.axe import violations

FORM = "studies?model=vae&data=digits&steps=60&hidden=32&batch=64"


def test_from_the_form_to_the_sentence(app: Any, page: Any, shot: Any) -> None:
    page.set_default_timeout(60_000)
    page.goto(f"{app.url}/{FORM}")
    page.get_by_role("combobox", name="Varied option").fill("(latent)")
    page.keyboard.press("Enter")
    page.get_by_placeholder("1e-3, 1e-4").wait_for()
    values = page.get_by_label("Values, between commas")
    values.fill("1, 8")
    values.press("Enter")
    seeds = page.get_by_label("Seeds of each arm")
    seeds.fill("3")
    seeds.press("Enter")
    page.get_by_role("button", name="Start 6 runs").click()
    page.get_by_text("of 6 runs have ended").wait_for()
    name = page.url.rpartition("study=")[2]
    assert [arm.name for arm in studies.open_study(name).arms] == ["latent = 1", "latent = 8"]
    page.get_by_text("6 of 6 runs have ended").wait_for(timeout=120_000)
    sentence = page.get_by_role("heading", name="3 pairs of seeds and")
    sentence.wait_for(timeout=120_000)
    assert "latent = 8" in sentence.inner_text()
    page.locator(".own-table").nth(1).wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    shot("study")
    for size in ((960, 540), (360, 740)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_timeout(800)
        shot(f"study-{size[0]}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0] + 1
    assert not page.console_errors
    rows = [runs.store().get(cell.run) for cell in studies.open_study(name).cells]
    assert [row.attempt for row in rows] == [1] * 6


def test_a_search_from_the_form_to_the_fresh_seeds(app: Any, page: Any, shot: Any) -> None:
    page.set_default_timeout(60_000)
    page.goto(f"{app.url}/{FORM}")
    page.get_by_text("Search a range").click()
    space = page.get_by_role("textbox", name="Options and their ranges")
    space.fill("lr=1e-4..1e-2:log, latent=1..8")
    space.press("Enter")
    for label, value in (("Trials", "4"), ("Fresh seeds at the end", "3")):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(value)
        field.press("Enter")
    page.get_by_role("button", name="Start 4 trials").click()
    page.get_by_text("of 10 runs have ended").wait_for()
    page.get_by_text("10 of 10 runs have ended").wait_for(timeout=180_000)
    sentence = page.get_by_role("heading", name="winner's curse")
    sentence.wait_for()
    page.get_by_role("heading", name="3 pairs of seeds").wait_for(timeout=180_000)
    page.locator(".js-plotly-plot").nth(2).wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in ((1440, 900), (960, 540), (360, 740)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(800)
            shot(f"search-{scheme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
    assert violations(page) == []
    assert not page.console_errors
