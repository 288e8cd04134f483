"""The map in a real browser: hover shows the point's picture, a lasso its set, clicks A and B."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest

from genlab import runs
from genlab.latent.codes import held_out
from genlab.latent.projection_methods import pca_embed
from genlab.latent.sets import read
from genlab.runs import foreground
from genlab.runs.worker import perform_job
from tests.browser.test_live import eventually

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


def on_screen(canvas: Any, xy: np.ndarray, points: np.ndarray | None = None) -> np.ndarray:
    """Where the points of a whole map, or others, lie in pixels of the window."""
    box = canvas.bounding_box()
    low, high = xy.min(0), xy.max(0)
    # The border, a pixel a side, is no part of the drawing.
    half = (min(box["width"], box["height"]) - 2) / 2 - MARGIN
    at = 2 * ((xy if points is None else points) - (low + high) / 2) / (high - low).max()
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
        page.mouse.click(*on_screen(canvas, xy)[row])
        page.wait_for_url(re.compile(rf"[?&]{letter}={row}(&|$)"))

    # A lasso around the left half gives the rows that lie there.
    page.get_by_role("button", name="Lasso").click()
    box, at = canvas.bounding_box(), on_screen(canvas, xy)
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
    chosen = np.flatnonzero(at[:, 0] < middle).tolist()
    heading = page.get_by_role("heading", name=f"A set of {len(chosen)} points")
    heading.wait_for()
    page.wait_for_url(re.compile(r"[?&]t\.set="))
    shot("map-light", full_page=True)

    # A link restores the set and both points.
    kept = parse_qs(urlparse(page.url).query)
    assert read(kept["t.set"][0], 180) == chosen
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    heading.wait_for(timeout=60_000)
    page.locator(f"canvas.gl-scatter[data-set='{len(chosen)}']").wait_for()
    assert [kept["a"][0], kept["b"][0]] == [str(row) for row in rows[:2]]
    assert page.get_by_label("Point A").input_value() == kept["a"][0]
    assert page.console_errors == []


def test_clicks_faster_than_the_server_are_all_taken(app: Any, page: Any, trained: str) -> None:
    canvas, found = opened(app, page, trained)
    rows = list(map(int, lonely(found["xy"].astype(float))[:3]))
    at = on_screen(canvas, found["xy"].astype(float))
    for row in rows[:2]:
        page.mouse.click(*at[row])
    page.wait_for_url(re.compile(rf"[?&]a={rows[0]}&b={rows[1]}(&|$)"))
    # The next one comes while the fields still show what was before.
    page.mouse.click(*on_screen(canvas, found["xy"].astype(float))[rows[2]])
    page.wait_for_url(re.compile(rf"[?&]a={rows[1]}&b={rows[2]}(&|$)"))
    for letter, row in zip("AB", rows[1:], strict=True):
        field = page.get_by_label(f"Point {letter}")
        # All at once: the field a click replaces may go between one look and the next.
        eventually(
            lambda field=field, row=row: (
                field.evaluate_all("all => all.map(one => one.value)") == [str(row)]
            ),
            "the fields do not show the points",
        )
    assert page.console_errors == []


def test_a_z_of_ones_own_is_put_on_the_map(app: Any, page: Any, shot: Any, trained: str) -> None:
    link = {"tool": "own", "t.z": "0.4+-0.2"}
    page.goto(
        f"{app.url}/explore?run={trained}&n=200&" + "&".join(f"{k}={v}" for k, v in link.items())
    )
    page.get_by_role("button", name="Show on the map").click(timeout=60_000)
    page.get_by_role("button", name="Remove P").wait_for(timeout=60_000)
    canvas = page.locator("canvas.gl-scatter[data-guests^='P']")
    canvas.wait_for()
    found = runs.job_result(str(canvas.get_attribute("data-map")))
    xy = found["xy"].astype(float)
    expected = pca_embed(found["code"], xy)(np.array([[0.4, -0.2]]))
    box, at = canvas.bounding_box(), on_screen(canvas, xy, expected)[0]
    words = str(canvas.get_attribute("data-guests")).split()
    drawn = np.array([float(words[1]) + box["x"], float(words[2]) + box["y"]])
    assert drawn == pytest.approx(at, abs=1.5)
    shot("map-guest", full_page=True)
    page.get_by_role("button", name="Remove P").click()
    page.locator("canvas.gl-scatter[data-guests='']").wait_for()
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


def test_a_map_is_seen_to_settle_in_a_worker_and_stops_when_told(
    app: Any, page: Any, shot: Any, trained: str
) -> None:
    page.goto(f"{app.url}/explore?run={trained}&method=tsne&what=prior&n=2000&seed=5&tool=own")
    live = page.locator("canvas.gl-scatter[data-points='2000']").first
    live.wait_for(timeout=90_000)
    key = str(live.get_attribute("data-map"))
    words = live.get_attribute("aria-label")
    before = runs.job_so_far(key)
    assert before is not None
    # It moves on by itself: the next look says a later iteration, and the points are elsewhere.
    eventually(lambda: live.get_attribute("aria-label") != words, "the map does not move on")
    shot("map-settling")
    eventually(
        lambda: (
            (so_far := runs.job_so_far(key)) is None
            or not np.array_equal(so_far["xy"], before["xy"])
        ),
        "the points do not move",
    )
    page.get_by_role("button", name="Stop here").click()
    page.get_by_text("(stopped there)").wait_for(timeout=60_000)
    assert runs.job(key).status == "done"
    found = runs.job_result(key)
    assert bool(found["stopped"])
    assert 0 < int(found["iterations"]) < 1000
    assert found["xy"].shape == (2000, 2)
    assert np.isfinite(found["xy"]).all()
    page.get_by_text(f"nats after {int(found['iterations'])} iterations").wait_for()
    # What the worker showed on its way, and the wish to stop, are gone.
    assert runs.job_so_far(key) is None
    assert not [name for name in runs.files().names("jobs") if f"{key}.part" in name]
    assert page.console_errors == []
