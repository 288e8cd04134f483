"""Make ``docs/images/watch.gif``: the Watch page while a preset of the Start page trains.

The app is served on a store of its own, a real browser clicks the preset and takes a screenshot
about once a second. It needs a ``chromium`` on the path::

    PYTHONPATH=. python scripts/make_moving_picture.py
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from genlab import runs
from genlab.core.errors import RunStateError
from genlab.testing.served import FLAGS, App, chromium, serving

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "watch.gif"
#: Wide enough for three cards beside each other, high enough for two rows of them.
VIEW = {"width": 1280, "height": 900}
WIDTH = 880
COLOURS = 200
FRAME_MS, LAST_MS = 300, 2500
#: What stays above the cards, in pixels; how the page is scrolled below it.
HEADER = 110
SCROLL = "top => { document.querySelector('[data-testid=stMain]').scrollTop = top; }"
#: Between two screenshots.
SECONDS = 0.6


def record(page: Any, app: App, preset: str, frames: int) -> list[Image.Image]:
    """Screenshots of the Watch page, from the click on a preset on."""
    page.goto(app.url)
    page.locator(f".st-key-preset-{preset} button").click()
    page.wait_for_url("**/watch?run=*")
    run = page.url.partition("run=")[2].partition("&")[0]
    page.wait_for_selector('[data-panel="samples"] figure')
    # The run's state sticks to the top, right above the cards.
    top = page.locator("#gl-time").bounding_box()["y"] - HEADER
    shots = []
    while len(shots) < frames and runs.store().get(run).status in {"queued", "running"}:
        # The page asks for what is new once a second, and its cards grow while they fill.
        page.wait_for_timeout(SECONDS * 1000)
        page.evaluate(SCROLL, top)
        page.wait_for_timeout(100)
        shots.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    with contextlib.suppress(RunStateError):
        runs.request(run, "stop")
    return shots


def animate(shots: list[Image.Image]) -> bytes:
    """The screenshots as one GIF with one palette, so that what stands still costs nothing."""
    height = round(shots[0].height * WIDTH / shots[0].width)
    small = [shot.resize((WIDTH, height), Image.Resampling.LANCZOS) for shot in shots]
    both = Image.new("RGB", (WIDTH, 2 * height))
    both.paste(small[len(small) // 2], (0, 0))
    both.paste(small[-1], (0, height))
    palette = both.quantize(COLOURS)
    frames = [shot.quantize(palette=palette, dither=Image.Dither.NONE) for shot in small]
    out = io.BytesIO()
    times = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    frames[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=times,
        loop=0,
        optimize=True,
    )
    return out.getvalue()


def main() -> None:
    """Record, encode, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="gan", help="the key of the preset")
    parser.add_argument("--frames", type=int, default=20, help="at most so many")
    parser.add_argument("--out", type=Path, default=TARGET)
    values = parser.parse_args()
    path = chromium()
    if path is None:
        raise SystemExit("no chromium on this machine; install it first")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as app,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport=VIEW)
        page.set_default_timeout(60_000)
        shots = record(page, app, values.preset, values.frames)
        browser.close()
    content = animate(shots)
    values.out.write_bytes(content)
    print(f"{values.out}: {len(shots)} frames, {len(content) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
