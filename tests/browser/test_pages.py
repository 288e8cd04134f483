"""Start, Train, Explore and Data in a real browser: presets, a slider, the looks."""

from __future__ import annotations

import re

import pytest

from genlab.testing.pages import faults


@pytest.fixture(scope="module")
def trained(app):
    """A short VAE run on digits in the app's own store."""
    from genlab.runs import foreground

    values = {"model": "vae", "data": "digits", "latent": 4, "steps": 400}
    return foreground.train(values, title="a trained VAE").id


def settled(page):
    """Wait until the page has drawn and nothing runs."""
    page.wait_for_selector("h1")
    idle = "[data-testid=stApp][data-test-script-state=notRunning]"
    page.wait_for_selector(idle, timeout=60_000)
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(300)


def test_a_deep_link_is_the_first_thing_a_server_may_be_asked(app, page):
    page.goto(f"{app.url}/train?data=ring&model=gan&steps=321")
    settled(page)
    assert page.inner_text("h1") == "Train"
    assert page.locator("input[aria-label='Training steps']").input_value() == "321"
    assert not page.console_errors


def test_a_preset_lands_on_watch_with_the_run(app, page):
    page.goto(app.url)
    settled(page)
    page.get_by_role("button", name="Start", exact=False).first.click()
    page.wait_for_url(re.compile(r"/watch\?.*run=vae-mnist5k-"))
    page.wait_for_selector("h1:has-text('Watch')")
    page.goto(app.url)
    settled(page)
    assert page.locator(".thumb").count() >= 1
    assert page.get_by_text(re.compile(r"step [\d,]+ of 4,000|queued, position")).count() >= 1


def test_a_slider_decodes_when_it_is_let_go(app, page, trained):
    page.goto(f"{app.url}/explore?run={trained}&n=200&tool=own")
    page.get_by_text("Set the latent dimensions").wait_for(timeout=60_000)
    settled(page)
    image = page.locator("[data-testid=stImage] img").last
    before = image.get_attribute("src")
    slider = page.locator("[data-testid=stSlider] input").last
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => [...document.querySelectorAll('[data-testid=stImage] img')].at(-1).src"
        " !== before",
        arg=image.evaluate("node => node.src") if before is None else before,
    )
    assert image.get_attribute("src") != before


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 960, 360])
def test_how_the_pages_look(app, browser, trained, mode, width):
    from pathlib import Path

    out = Path(__file__).resolve().parents[2] / "test-results"
    out.mkdir(exist_ok=True)
    context = browser.new_context(
        viewport={"width": width, "height": 2000 if width > 600 else 4200},
        color_scheme=mode,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    addresses = {
        "start": "",
        "train": "train?data=ring&model=gan",
        "data": "data?data=digits",
        "learn-game": "learn?lesson=gan_game",
        "explore": f"explore?run={trained}&n=200&a=3&b=20",
    }
    for name, address in addresses.items():
        page.goto(f"{app.url}/{address}")
        settled(page)
        if name == "explore":
            page.get_by_text("Sliders for z").first.wait_for()
        page.wait_for_timeout(700)
        path = out / f"{name}-{mode}-{width}.png"
        page.screenshot(path=str(path), full_page=True)
        assert faults(page) == [], f"{name} at {width} px"
        assert path.stat().st_size > 5_000
    context.close()


def test_the_navigation_shows_where_the_focus_is(app, page):
    page.goto(f"{app.url}/learn")
    settled(page)
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen += page.evaluate(
            """() => { const now = document.activeElement, look = getComputedStyle(now);
                return now.matches('[data-testid^=stTopNavLink]') ? [[now.textContent,
                    look.outlineStyle !== 'none' || look.boxShadow !== 'none']] : []; }"""
        )
    assert len(seen) >= 5
    assert all(visible for _, visible in seen), seen


def test_a_picture_of_a_lesson_can_be_taken_along(app, page):
    page.goto(f"{app.url}/learn?lesson=kl_js")
    settled(page)
    plot = page.locator(".js-plotly-plot").first
    plot.hover()
    with page.expect_download() as saved:
        plot.locator(".modebar-btn").click()
    assert saved.value.suggested_filename == "kl_js-panel-0.png"
    assert saved.value.path().read_bytes()[1:4] == b"PNG"
