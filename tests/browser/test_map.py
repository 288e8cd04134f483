"""The map in a real browser: hover shows the point's picture, a lasso its set, clicks A and B."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from genlab import runs
from genlab.latent.codes import held_out
from genlab.runs import foreground
from genlab.runs.worker import perform_job
from tests.browser.test_live import eventually

pytestmark = pytest.mark.browser
MARGIN = 22


@pytest.fixture(scope="module")
def trained(app: Any) -> str:
    """A small VAE on the digits."""
    values = {"model": "vae", "data": "digits", "latent": 2, "steps": 60}
    run = foreground.train(values, title="Map").id
    for dims in (2, 3):
        wish = {"run": run, "step": 60, "method": "pca", "n": 200, "seed": 0, "what": "data"}
        key = runs.store().submit("project", wish | {"dims": dims}).key
        while (row := runs.store().claim_job("test:1")) is not None:
            perform_job(runs.store(), runs.files(), row)
        eventually(lambda key=key: runs.job(key).status == "done", "no map")
    return run


def on_screen(canvas: Any, xy: np.ndarray) -> np.ndarray:
    """Where the points of a whole map lie, in pixels of the window."""
    box = canvas.bounding_box()
    low, high = xy.min(0), xy.max(0)
    half = min(box["width"], box["height"]) / 2 - MARGIN
    at = 2 * (xy - (low + high) / 2) / (high - low).max()
    return np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]) + half * at * [
        1,
        -1,
    ]


def lonely(xy: np.ndarray) -> np.ndarray:
    """Rows by how far their nearest neighbour is, the farthest first."""
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=-1) + 1e9 * np.eye(len(xy))
    return np.argsort(-distance.min(1))


def opened(app: Any, page: Any, run: str, **more: str) -> tuple[Any, dict[str, Any]]:
    """The page at a map of this run, its canvas and the map's arrays."""
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    page.goto(f"{app.url}/explore?run={run}&n=200{extra}")
    canvas = page.locator("canvas.gl-scatter[data-points='180'][data-sheet]").first
    canvas.wait_for(timeout=60_000)
    # The tools below are drawn last: the script has come to its end.
    page.locator(".gl-pad").wait_for(timeout=60_000)
    return canvas, runs.job_result(str(canvas.get_attribute("data-map")))


def test_hover_click_and_lasso_on_the_map(app: Any, page: Any, shot: Any, trained: str) -> None:
    canvas, found = opened(app, page, trained)
    xy = found["xy"].astype(float)
    at, rows = on_screen(canvas, xy), lonely(xy)
    view = runs.open_run(trained)

    # Hover: the pixels of the tip are those of the example.
    for row in map(int, rows[:3]):
        page.mouse.move(*at[row])
        tip = page.locator(f".gl-tip[data-row='{row}']")
        tip.wait_for()
        pixels = tip.locator("canvas").evaluate(
            "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
        )
        grey = np.array(pixels).reshape(8, 8, 4)[..., 0] / 255
        x = held_out(view.data()).x[int(found["index"][row])][0].numpy()
        np.testing.assert_allclose(grey, x, atol=2 / 255)
    shot("map-hover")

    # Two clicks are A and B, and the URL keeps them.
    for row, letter in zip(map(int, rows[:2]), "ab", strict=True):
        page.mouse.click(*at[row])
        page.wait_for_url(re.compile(rf"[?&]{letter}={row}(&|$)"))

    # A lasso around the left half gives the rows that lie there.
    page.get_by_role("button", name="Lasso").click()
    box = canvas.bounding_box()
    middle = float(np.median(at[:, 0])) + 0.5
    corners = [
        (box["x"] + 2, box["y"] + 2),
        (middle, box["y"] + 2),
        (middle, box["y"] + box["height"] - 2),
        (box["x"] + 2, box["y"] + box["height"] - 2),
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    expected = int((at[:, 0] < middle).sum())
    page.get_by_role("heading", name=f"A set of {expected} points").wait_for()
    shot("map-light", full_page=True)
    assert page.console_errors == []


def test_the_map_by_keyboard_in_the_dark_on_a_telephone(
    app: Any, page: Any, shot: Any, trained: str
) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 800})
    canvas, found = opened(app, page, trained, dims="3")
    assert found["xy"].shape == (180, 3)
    canvas.focus()
    page.keyboard.press("ArrowRight")
    tip = page.locator(".gl-tip[data-row]")
    tip.wait_for()
    first = tip.get_attribute("data-row")
    page.keyboard.press("ArrowRight")
    eventually(lambda: tip.get_attribute("data-row") != first, "the arrow did not move on")
    row = tip.get_attribute("data-row")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"[?&]a={row}(&|$)"))
    shot("map-dark-360")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    assert page.console_errors == []
