"""Your own picture in a real browser: sent, drawn, refused; encoded, and compared."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from genlab import runs
from genlab.panels.scripts import static_version
from genlab.ui.explore.draw import HTML
from tests.browser.test_live import eventually

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
    page.get_by_text("as uploaded, 320 × 240").wait_for()
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


def test_a_canvas_mounted_anew_shows_what_was_sent(app: Any, page: Any) -> None:
    page.goto(f"{app.url}/_stcore/health")
    found = page.evaluate(
        """async ([address, html]) => {
            const draw = (await import(address)).mount, sent = [];
            const data = { side: 28, pixels: 28, ground: "#000000", ink: "#ffffff" };
            const mount = (more) => {
                const parentElement = document.createElement("div");
                parentElement.innerHTML = html;
                const setStateValue = (_, value) => sent.push(value);
                draw({ data: { ...data, ...more }, parentElement, setStateValue });
                return parentElement.querySelector("canvas");
            };
            const grey = (canvas) => {
                const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
                return Array.from(data).filter((_, i) => i % 4 === 0);
            };
            const first = mount({}), pen = first.getContext("2d");
            pen.fillStyle = "#ffffff";
            pen.fillRect(4, 6, 10, 3);
            const again = mount({ drawing: first.toDataURL("image/png") });
            await new Promise((done) => setTimeout(done, 300));
            return [grey(first), grey(again), grey(mount({}))];
        }""",
        [f"{app.url}/genlab/static/{static_version()}/explore/draw.js", HTML],
    )
    drawn, again, blank = (np.array(part).reshape(28, 28) for part in found)
    assert drawn[6:9, 4:14].min() == 255
    assert drawn.sum() == 255 * 30
    np.testing.assert_array_equal(again, drawn)
    assert blank.sum() == 0
