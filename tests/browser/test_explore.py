"""Explore and Learn in a real browser: the first sight, Back, linked maps, a drawn prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genlab import runs
from genlab.runs import foreground
from genlab.runs.worker import perform_job
from tests.browser.test_live import eventually
from tests.browser.test_map import lonely, on_screen


@pytest.fixture(scope="module")
def trained(app: Any) -> str:
    """A small VAE on the digits with two snapshots."""
    values = {"model": "vae", "data": "digits", "likelihood": "bernoulli"}
    values |= {"latent": 2, "steps": 60}
    run = foreground.train(values, title="First sight").id
    first, last = runs.open_run(run).snapshots()[1], runs.open_run(run).snapshots()[-1]
    wish = {"run": run, "method": "pca", "seed": 0, "dims": 2}
    for more in (
        {"step": last, "n": 200, "what": "data"},
        {"step": first, "n": 200, "what": "data"},
        {"step": last, "n": 5000, "what": "prior"},
    ):
        key = runs.store().submit("project", wish | more).key
        while (row := runs.store().claim_job("test:1")) is not None:
            perform_job(runs.store(), runs.files(), row)
        eventually(lambda key=key: runs.job(key).status == "done", "no map")
    return run


def test_the_first_sight_is_a_map_of_images_over_the_whole_width(
    app: Any, page: Any, shot: Any, trained: str
) -> None:
    page.goto(f"{app.url}/explore?run={trained}&n=200")
    canvas = page.locator("canvas.gl-scatter[data-sheet]").first
    canvas.wait_for(timeout=60_000)
    eventually(lambda: int(canvas.get_attribute("data-pictures") or 0) > 20, "no pictures")
    block = page.locator(".stMainBlockContainer").bounding_box()
    assert canvas.bounding_box()["width"] > 0.85 * block["width"]
    images = page.get_by_role("button", name="Images")
    images.click()
    eventually(lambda: canvas.get_attribute("data-pictures") == "0", "pictures stay")
    images.click()
    with page.expect_download() as file:
        page.get_by_role("button", name="Save SVG").click()
    text = Path(file.value.path()).read_text()
    assert text.count("<circle") >= 180
    with page.expect_download() as file:
        page.get_by_role("button", name="Save PNG").click()
    assert Path(file.value.path()).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    shot("explore-first")


@pytest.mark.parametrize("way", ["link", "address"])
def test_back_leaves_the_page_with_one_press(app: Any, page: Any, trained: str, way: str) -> None:
    page.goto(f"{app.url}/data")
    page.get_by_role("heading", name="Data").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    if way == "link":
        page.get_by_role("link", name="Explore").click()
    else:
        page.goto(f"{app.url}/explore?run={trained}&n=200")
    page.locator("canvas.gl-scatter[data-points]").first.wait_for(timeout=60_000)
    page.wait_for_function("window.location.search.includes('tool=')")
    page.wait_for_timeout(1500)
    page.go_back()
    page.wait_for_url("**/data**", timeout=10_000)
    heading = page.get_by_role("heading", level=1)
    eventually(lambda: heading.first.inner_text() == "Data", "the page Data is not shown")
    # A last script run of Explore may still be writing its address.
    page.wait_for_function("!window.location.search.includes('tool=')", timeout=10_000)
    assert page.evaluate("window.location.pathname").endswith("/data")
    assert heading.first.inner_text() == "Data"


def test_a_large_map_comes_as_a_file(app: Any, page: Any, trained: str) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(f"{app.url}/explore?run={trained}&n=5000&what=prior&method=pca")
    page.locator("canvas.gl-scatter[data-points='5000']").first.wait_for(timeout=60_000)
    files = [url for url in fetched if "/genlab/map/" in url]
    assert len(files) == 1
    answer = page.request.get(files[0])
    assert len(answer.body()) == 5000 * (2 * 2 + 2)
    assert page.request.get(f"{app.url}/genlab/map/{'0' * 12}.bin").status == 404
    assert page.request.get(f"{app.url}/genlab/map/..%2f..%2fetc.bin").status in (400, 404)


def test_what_is_meant_on_one_map_lights_up_on_the_other(
    app: Any, page: Any, shot: Any, trained: str
) -> None:
    first = runs.open_run(trained).snapshots()[1]
    link = f"tool=linked&t.beside={trained}&t.beside_step={first}"
    page.goto(f"{app.url}/explore?run={trained}&n=200&{link}")
    pair = page.locator("canvas.gl-scatter[data-sheet]")
    eventually(lambda: pair.count() == 3, "three maps")
    left, right = pair.nth(1), pair.nth(2)
    left.scroll_into_view_if_needed()
    xy = runs.job_result(str(left.get_attribute("data-map")))["xy"].astype(float)
    row = int(lonely(xy)[0])
    page.mouse.move(*on_screen(left, xy)[row])
    eventually(lambda: right.get_attribute("data-peer") == str(row), "no peer")
    # The map above belongs to no group.
    assert pair.nth(0).get_attribute("data-peer") is None
    page.get_by_role("button", name="Box").nth(1).click()
    box = left.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3, steps=4)
    page.mouse.up()
    inside = np.flatnonzero(on_screen(left, xy)[:, 0] < box["x"] + box["width"] / 2)
    eventually(lambda: right.get_attribute("data-set") == str(len(inside)), "no set")
    shot("explore-linked")


def test_a_prediction_is_drawn_and_then_judged(app: Any, page: Any, shot: Any) -> None:
    page.goto(f"{app.url}/learn?lesson=gan_game")
    canvas = page.locator(".gl-curve canvas")
    canvas.wait_for(timeout=60_000)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    plot = (box["x"] + 47, box["x"] + box["width"] - 13)
    # D* falls from 1 to 0 as a logistic curve 1/(1 + e^(2x − 2)) over −4 … 5.
    for k in range(41):
        x = -4 + 9 * k / 40
        y = 1 / (1 + np.exp(2 * x - 2))
        at = (
            plot[0] + k / 40 * (plot[1] - plot[0]),
            box["y"] + 13 + (1 - y) * (box["height"] - 54),
        )
        page.mouse.move(*at)
        if k == 0:
            page.mouse.down()
    page.mouse.up()
    reveal = page.get_by_role("button", name="Reveal").first
    eventually(lambda: reveal.is_enabled(), "not answered")
    reveal.click()
    verdict = page.get_by_text("Right: a curve")
    verdict.wait_for(timeout=30_000)
    eventually(lambda: canvas.get_attribute("data-right") == "true", "no right curve")
    assert verdict.count() == 1
    assert page.console_errors == []
    shot("learn-curve")


@pytest.mark.parametrize("path", ["learn", "learn?lesson=vae", "explore?run={run}&n=200"])
def test_nothing_is_wider_than_a_phone(app: Any, browser: Any, trained: str, path: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    page.goto(f"{app.url}/{path.format(run=trained)}")
    page.wait_for_selector("h1", timeout=60_000)
    idle = "[data-testid=stApp][data-test-script-state=notRunning]"
    page.wait_for_selector(idle, timeout=60_000)
    page.wait_for_timeout(2500)
    wide = page.evaluate("document.querySelector('.stMain').scrollWidth")
    small = page.evaluate(
        """() => {
          const shown = [];
          const look = (root) => {
            for (const node of root.querySelectorAll("*")) {
              if (node.shadowRoot) look(node.shadowRoot);
              if (node.matches(".gl-map button") && node.checkVisibility()) {
                const box = node.getBoundingClientRect();
                if (box.height < 44 || box.width < 44) shown.push(node.textContent);
              }
            }
          };
          look(document);
          return shown;
        }"""
    )
    context.close()
    assert wide <= 360
    assert small == []
