"""The pad of Explore in a real browser: frames a second, time of a decode, how near to torch.

Headless chromium drags over the pad for some seconds, for a convolutional VAE and the DCGAN that
ships, both on 28 x 28 pixels. Printed are frames a second (50 are wanted), the 95th percentile of
a decode, the greatest difference to torch over draws of the prior (1e-5 is wanted), how soon a
click shows its picture (300 ms are wanted), and how soon the server has said how likely that z is.
Skips, and says so, where there is no chromium.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from genlab.testing.served import FLAGS, chromium, serving

SECONDS, CODES, CLICKS = 4.0, 20, 30
#: Drags in circles as a hand with a fast mouse does: two moves for each picture of the screen.
DRAG = """async (root, seconds) => {
  const { pad } = root, square = root.querySelector(".gl-square");
  const box = square.getBoundingClientRect();
  const send = (name, a) => square.dispatchEvent(new PointerEvent(name, {
    bubbles: true, pointerId: 1, button: 0,
    clientX: box.left + box.width * (0.55 + 0.3 * Math.cos(a)),
    clientY: box.top + box.height * (0.5 + 0.3 * Math.sin(a)),
  }));
  square.setPointerCapture = () => {};
  const begun = performance.now(), before = pad.frames;
  let turn = 0;
  send("pointerdown", 0);
  while (performance.now() - begun < 1000 * seconds) {
    send("pointermove", (turn += 0.04));
    await new Promise((done) => setTimeout(done, 8));
  }
  const spent = performance.now() - begun, frames = pad.frames - before;
  send("pointerup", turn);
  const n = Math.min(pad.frames, pad.took.length);
  return { rate: 1000 * frames / spent, took: Array.from(pad.took.slice(0, n)) };
}"""
#: From the press to the picture in the canvas, in milliseconds.
CLICK = """async (root, [x, y]) => {
  const { pad } = root, square = root.querySelector(".gl-square");
  const box = square.getBoundingClientRect();
  const at = {
    bubbles: true, pointerId: 1, button: 0,
    clientX: box.left + x * box.width, clientY: box.top + y * box.height,
  };
  const before = pad.frames, begun = performance.now();
  square.setPointerCapture = () => {};
  square.dispatchEvent(new PointerEvent("pointerdown", at));
  while (pad.frames === before) await new Promise((done) => requestAnimationFrame(done));
  const took = performance.now() - begun;
  square.dispatchEvent(new PointerEvent("pointerup", at));
  return took;
}"""


def p95(values: Any) -> float:
    """The 95th percentile."""
    return float(np.quantile(values, 0.95))


def parity(pad: Any, run: str, step: int) -> float:
    """The greatest difference between the page's decoder and torch's over draws of the prior."""
    from genlab import latent, runs

    model = runs.open_run(run).model(step)
    z = latent.prior_sample(model, CODES, 1)
    exact = latent.decode_mean(model, z).flatten(1).numpy()
    found = pad.evaluate(
        "(root, codes) => codes.map((z) => Array.from(root.pad.decode(z)))", z.tolist()
    )
    return float(np.abs(np.array(found) - exact).max())


def answers(page: Any) -> list[float]:
    """Milliseconds from letting go on the pad to the server's numbers of that z on the page."""
    status = page.get_by_text("Let go at")
    square = page.locator(".gl-square").bounding_box()
    took = []
    for x, y in np.random.default_rng(1).uniform(0.2, 0.8, (CLICKS, 2)):
        before = status.inner_text()
        page.mouse.move(square["x"] + x * square["width"], square["y"] + y * square["height"])
        page.mouse.down()
        begun = time.perf_counter()
        page.mouse.up()
        while status.inner_text() == before and time.perf_counter() - begun < 5:
            time.sleep(0.005)
        took.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.2)
    return took


def measure(page: Any, url: str, run: str, step: int) -> bool:
    """One decoder; whether all that is wanted was met."""
    page.goto(f"{url}/explore?run={run}&n=500&tool=pad")
    page.wait_for_selector(".gl-pad[data-program]", timeout=120_000)
    page.wait_for_timeout(1500)
    pad = page.locator(".gl-pad")
    pad.scroll_into_view_if_needed()
    found = pad.evaluate(DRAG, SECONDS)
    page.wait_for_timeout(1000)
    gap = parity(pad, run, step)
    at = np.random.default_rng(0).uniform(0.2, 0.8, (CLICKS, 2)).tolist()
    presses = [pad.evaluate(CLICK, one) for one in at]
    page.wait_for_timeout(1500)
    heard = answers(page)
    print(
        f"{run}: {found['rate']:.1f} frames/s while dragging, decode p95 "
        f"{p95(found['took']):.2f} ms (n = {len(found['took'])}), against torch {gap:.1e} at most "
        f"(n = {CODES}); click to decoded picture p95 {p95(presses):.0f} ms, to the server's "
        f"numbers of it median {np.median(heard):.0f} ms, p95 {p95(heard):.0f} ms (n = {CLICKS})"
    )
    return found["rate"] >= 50 and gap <= 1e-5 and p95(presses) < 300


def main() -> int:
    """Measure; 1 where a target is missed."""
    program = chromium()
    if program is None:
        print("skipped: there is no chromium on the path")
        return 0
    from playwright.sync_api import sync_playwright

    from genlab import runs
    from genlab.runs import foreground

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as app,
        sync_playwright() as playwright,
    ):
        run = foreground.train({"model": "conv_vae", "data": "mnist5k", "steps": 60}, title="VAE")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        good = []
        for ref in (run.id, "shipped:dcgan-mnist5k"):
            good.append(measure(page, app.url, ref, runs.open_run(ref).snapshots()[-1]))
        browser.close()
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
