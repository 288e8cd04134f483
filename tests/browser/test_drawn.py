"""Drawing a distribution in a real browser: pointer, touch, keyboard, undo, and the run on it."""

from __future__ import annotations

from typing import Any

import pytest

from genlab import runs
from genlab.data import drawings
from genlab.testing.pages import choose
from tests.browser.axe import violations
from tests.browser.test_live import eventually

CANVAS = ".gl-density canvas"


def covered(page: Any) -> int:
    return int(page.locator(".gl-density [role=status]").inner_text().split()[0].replace(",", ""))


def open_editor(page: Any, address: str) -> None:
    page.goto(address)
    # The first visit of a server loads torch.
    page.locator(CANVAS).wait_for(timeout=60_000)
    page.locator(CANVAS).scroll_into_view_if_needed()


def drag(page: Any, points: list[tuple[float, float]]) -> None:
    box = page.locator(CANVAS).bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def test_strokes_bumps_erasing_undo_and_clear(app: Any, page: Any) -> None:
    from playwright.sync_api import expect

    open_editor(page, f"{app.url}/data?data=drawn")
    use = page.get_by_role("button", name="Use this distribution")
    expect(use).to_be_disabled()
    drag(page, [(0.2, 0.5), (0.8, 0.5)])
    first = covered(page)
    assert first > 60
    expect(use).to_be_enabled()
    page.get_by_role("button", name="Bump").click()
    drag(page, [(0.5, 0.2), (0.5, 0.2)])
    assert covered(page) > first
    page.get_by_role("button", name="Undo").click()
    assert covered(page) == first
    page.get_by_role("button", name="Erase").click()
    drag(page, [(0.2, 0.5), (0.5, 0.5)])
    assert 0 < covered(page) < first
    page.get_by_role("button", name="Clear").click()
    assert covered(page) == 0
    expect(use).to_be_disabled()
    page.get_by_role("button", name="Undo").click()
    assert covered(page) > 0
    use.click()
    page.wait_for_function("() => location.href.includes('drawing=drawing-')")
    name = page.url.partition("drawing=")[2].partition("&")[0]
    assert drawings.find(name).covered == covered(page)
    assert page.console_errors == []


def test_the_keyboard_draws_in_the_plane_and_on_the_line(app: Any, page: Any) -> None:
    open_editor(page, f"{app.url}/data?data=drawn")
    canvas = page.locator(CANVAS)
    canvas.focus()
    for key in ("Space", "ArrowRight", "ArrowRight", "Shift+ArrowUp", "Space"):
        canvas.press(key)
    in_plane = covered(page)
    assert in_plane > 20
    canvas.press("Delete")
    assert covered(page) < in_plane
    canvas.press("Control+z")
    assert covered(page) == in_plane
    page.get_by_role("radio", name="On the line").click()
    page.locator(".gl-d1").wait_for()
    canvas = page.locator(CANVAS)
    canvas.focus()
    for key in ("ArrowUp", "ArrowRight", "Shift+ArrowUp", "ArrowRight", "ArrowUp"):
        canvas.press(key)
    assert covered(page) == 3
    canvas.press("Delete")
    assert covered(page) == 2
    page.get_by_role("button", name="Use this distribution").click()
    page.wait_for_function("() => location.href.includes('drawing=drawing-')")
    name = page.url.partition("drawing=")[2].partition("&")[0]
    made = drawings.find(name)
    assert (made.dim, made.covered) == (1, 2)
    assert page.console_errors == []


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (960, "dark"), (1440, "light")])
def test_it_is_accessible_and_fits(app: Any, browser: Any, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width == 360
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    open_editor(page, f"{app.url}/data?data=drawn")
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    if width == 360:
        box = page.locator(CANVAS).bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert covered(page) > 5
        heights = page.eval_on_selector_all(
            ".gl-density button", "all => all.map(b => b.getBoundingClientRect().height)"
        )
        assert min(heights) >= 44
    context.close()


def test_an_example_is_trained_on_from_the_form(app: Any, page: Any) -> None:
    open_editor(page, f"{app.url}/train?data=drawn&model=gan&steps=5&points=200&hidden=8")
    choose(page, "Start from", "letter")
    eventually(lambda: covered(page) > 100, "the example is on the canvas")
    page.get_by_role("button", name="Use this distribution").click()
    page.wait_for_function("() => location.href.includes('drawing=drawing-')")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/watch?**")
    page.locator("[data-card='panel:gap'] figure[data-step]").wait_for(timeout=60_000)
    run = runs.store().runs()[0]
    assert run.spec["drawing"] == drawings.example("letter").id
    assert page.console_errors == []
