"""Your own picture in a real browser: sent, drawn, refused; encoded, and compared."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genlab import runs
from tests.browser.test_live import eventually

pytestmark = pytest.mark.browser

VAE = "shipped:vae-mnist5k"


def content(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def decibels(page: Any) -> float:
    words = page.locator("[data-testid=stMetric]").filter(has_text="PSNR").inner_text()
    return float(words.split()[1])


def test_a_picture_is_sent_and_a_hostile_one_is_refused(app: Any, page: Any, shot: Any) -> None:
    page.goto(f"{app.url}/explore?run={VAE}&tool=picture&n=200")
    field = page.locator("[data-testid=stFileUploaderDropzoneInput]")
    field.wait_for(state="attached", timeout=60_000)
    x = runs.open_run(VAE).data().test.x[0, 0].numpy()
    digit = Image.fromarray((255 - 255 * x).astype(np.uint8)).resize((112, 112))
    sheet = Image.new("L", (320, 240), 255)
    sheet.paste(digit, (180, 90))
    field.set_input_files({"name": "digit.png", "mimeType": "image/png", "buffer": content(sheet)})
    page.get_by_text("as sent, 320 × 240").wait_for()
    page.get_by_text("The nearest training examples").wait_for()
    eventually(lambda: page.locator("[data-testid=stMetric]").count() > 0, "no PSNR")
    assert decibels(page) > 14.0
    assert "Light and dark were exchanged" in page.content()
    shot("picture-light", full_page=True)
    page.emulate_media(color_scheme="dark")
    shot("picture-dark", full_page=True)
    field.set_input_files(
        {"name": "digit.png", "mimeType": "image/png", "buffer": b"PK\x03\x04 a zip"}
    )
    page.get_by_text("a ZIP archive, whatever its name says").wait_for()
    assert page.console_errors == []


def test_a_drawing_reaches_the_model_and_can_be_cleared(app: Any, page: Any, shot: Any) -> None:
    page.goto(f"{app.url}/explore?run={VAE}&tool=picture&n=200&t.source=draw")
    canvas = page.locator(".gl-draw canvas")
    canvas.wait_for(timeout=60_000)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    left, top, side = box["x"], box["y"], box["width"]
    page.mouse.move(left + 0.35 * side, top + 0.2 * side)
    page.mouse.down()
    for u, v in ((0.7, 0.2), (0.45, 0.85)):
        page.mouse.move(left + u * side, top + v * side, steps=8)
    page.mouse.up()
    page.get_by_text("as the model sees it").wait_for()
    page.get_by_text("The nearest training examples").wait_for()
    assert decibels(page) > 10.0
    shot("drawing", full_page=True)
    page.get_by_role("button", name="Clear").click()
    eventually(
        lambda: page.get_by_text("as the model sees it").count() == 0, "the drawing is not cleared"
    )
    # With the keyboard alone: pen down, four steps, pen up.
    canvas.focus()
    page.keyboard.press(" ")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.get_by_text("as the model sees it").wait_for()
    assert page.console_errors == []
