"""A map of many points in a real browser: pixels instead of stamps, with the same behaviour."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Route

from genlab.panels.colours import ROLES, for_page
from genlab.panels.scripts import static_files

N, SIDE = 4000, 500
COLOURS = [(200, 0, 0), (0, 120, 0), (0, 0, 220)]
MOUNT = """async (data) => {
  const { mount } = await import("/explore/map.js");
  const parent = document.body.appendChild(document.createElement("div"));
  window.reports = [];
  mount({ data, parentElement: parent, setStateValue: (...all) => window.reports.push(all) });
  window.map = parent.firstChild.map;
  await new Promise((done) => setTimeout(done, 200));
  return Array.from(window.map.px);
}"""
PIXELS = """(which) => {
  const { canvas, overlay } = window.map, one = which === "overlay" ? overlay : canvas;
  const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
  return [one.width, one.height, Array.from(data)];
}"""


def serve(route: Route) -> None:
    """Our own scripts, without a server."""
    name = route.request.url.removeprefix("http://map.test/")
    body = static_files().get(name)
    kind = "text/javascript" if body else "text/html"
    route.fulfill(body=body or "<!doctype html><body style='margin: 0'>", content_type=kind)


def corner(page: Any) -> np.ndarray:
    """The upper left corner of the drawing, inside the canvas's border of a pixel."""
    box = page.locator(".gl-scatter").bounding_box()
    return np.array([box["x"] + 1, box["y"] + 1])


def packed(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


@pytest.fixture
def points(page: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where the points of a map are in its canvas, and their classes; the page shows them."""
    rng = np.random.default_rng(1)
    label = rng.integers(3, size=N).astype(np.uint8)
    whole = rng.integers(65536, size=(N, 2)).astype("<u2")
    whole[:2] = [[0, 0], [65535, 65535]]
    page.route("http://map.test/**", serve)
    page.set_viewport_size({"width": SIDE + 2, "height": 700})
    page.goto("http://map.test/")
    page.add_style_tag(content=static_files()["explore/map.css"].decode())
    at = page.evaluate(
        MOUNT,
        {
            "id": "m",
            "n": N,
            "dims": 2,
            "low": [0, 0],
            "high": [1, 1],
            "xy": packed(whole),
            "colour": packed(label),
            "palette": [f"rgb{colour}" for colour in COLOURS],
            "names": ["a", "b", "c"],
            "words": "a map",
            "pick": True,
        },
    )
    return np.array(at).reshape(N, 2), label


def pixels(page: Any, which: str = "canvas") -> np.ndarray:
    width, height, flat = page.evaluate(PIXELS, which)
    return np.array(flat, dtype=np.uint8).reshape(height, width, 4)


def drawn(at: np.ndarray, label: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The squares of 4 by 4 pixels that should be there."""
    image = np.zeros(shape, dtype=np.uint8)
    for (x, y), k in zip(np.floor(at - 2 + 0.5).astype(int), label, strict=True):
        image[y : y + 4, x : x + 4] = (*COLOURS[k], 255)
    return image


def test_many_points_are_squares_of_their_colours(page: Any, points: Any) -> None:
    at, label = points
    found = pixels(page)
    expected = drawn(at, label, found.shape)
    # A position that lies on the border of two pixels may be rounded either way.
    assert (found != expected).any(-1).mean() < 1e-3
    assert page.console_errors == []


def test_the_ring_has_a_canvas_of_its_own(page: Any, points: Any) -> None:
    at, _ = points
    before = pixels(page)
    took = page.locator(".gl-scatter").get_attribute("data-took")
    page.evaluate("() => { window.map.paint = () => { throw new Error('drawn anew'); }; }")
    for row in (10, 20, 30):
        page.mouse.move(*corner(page) + at[row])
        # Two points may share a pixel: the one that is shown is as near.
        shown = int(page.locator(".gl-tip[data-row]").get_attribute("data-row"))
        assert np.hypot(*(at[shown] - at[row])) < 1
        ring = pixels(page, "overlay")[..., 3] > 0
        rows, columns = np.nonzero(ring)
        assert [columns.mean(), rows.mean()] == pytest.approx(at[shown] - 0.5, abs=0.6)
    assert page.locator(".gl-scatter").get_attribute("data-took") == took
    assert np.array_equal(pixels(page), before)
    assert page.console_errors == []


def test_a_box_a_click_and_what_is_left_faint(page: Any, points: Any) -> None:
    at, label = points
    page.get_by_role("button", name="Box").click()
    low, high = np.array([150.0, 120.0]), np.array([300.0, 330.0])
    page.mouse.move(*corner(page) + low)
    page.mouse.down()
    page.mouse.move(*corner(page) + high, steps=4)
    assert (pixels(page, "overlay")[..., 3] > 0).any()
    page.mouse.up()
    (name, value) = page.evaluate("window.reports.at(-1)")
    inside = np.flatnonzero(((at > low) & (at < high)).all(1))
    assert name == "set"
    assert value["rows"] == inside.tolist()
    page.wait_for_selector(f"canvas[data-set='{len(inside)}']")
    alpha = pixels(page)[..., 3]
    # Opaque are the selected ones alone, and nothing covers them.
    opaque = drawn(at[inside], label[inside], (*alpha.shape, 4))[..., 3] > 0
    assert ((alpha == 255) != opaque).mean() < 1e-3
    assert set(np.unique(alpha)) == {0, 46, 255}

    page.get_by_role("button", name="Move").click()
    page.mouse.click(*corner(page) + at[40])
    name, (click,) = page.evaluate("window.reports.at(-1)")
    assert name == "clicks"
    assert np.hypot(*(at[click["row"]] - at[40])) < 1
    assert page.console_errors == []


def test_generated_points_follow_the_theme_of_the_page(page: Any, points: Any) -> None:
    page.evaluate(
        """(generated) => {
          window.map.update({ ...window.map.data, id: "made", generated });
        }""",
        packed(np.ones(N, dtype=np.uint8)),
    )
    for theme, back, ink in (("light", "#ffffff", "#111111"), ("dark", "#0f1419", "#eeeeee")):
        page.evaluate(
            """([back, ink]) => {
              const { style } = document.documentElement;
              style.setProperty("--st-background-color", back);
              style.setProperty("--st-text-color", ink);
            }""",
            [back, ink],
        )
        page.wait_for_timeout(300)
        found = pixels(page).reshape(-1, 4)
        shown = {"#" + bytes(one[:3]).hex().upper() for one in found[found[:, 3] == 255]}
        assert shown == {getattr(ROLES["generated"], theme)}
    assert page.console_errors == []


def test_an_image_of_a_panel_follows_the_theme_of_the_page(page: Any) -> None:
    role = ROLES["generated"]
    square = f'<path fill="{role.light}" d="M0 0H9V9H0Z"/></svg>'
    svg = for_page(f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{square}')
    source = base64.b64encode(svg.encode()).decode()
    for scheme in ("light", "dark"):
        page.set_content(
            f'<html style="color-scheme: {scheme}"><body style="margin: 0">'
            f'<img src="data:image/svg+xml;base64,{source}"></body></html>'
        )
        shot = page.screenshot(clip={"x": 0, "y": 0, "width": 9, "height": 9})
        colour = Image.open(io.BytesIO(shot)).convert("RGB").getpixel((4, 4))
        assert "#" + bytes(colour).hex().upper() == getattr(role, scheme)
