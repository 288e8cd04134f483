"""No page breaks a rule of WCAG 2.2 A or AA by an element of ours, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.axe import violations

PAGES = {
    "start": "",
    "train": "train?data=ring&model=gan",
    "watch": "watch?run={run}&open=learning,quality,latent,critic",
    "explore": "explore?run={run}&n=200",
    "compare": "compare?runs={run}",
    "studies": "studies?model=vae&data=digits",
    "learn": "learn?lesson=elbo",
    "contents": "learn",
    "game": "learn?lesson=gan_game",
    "linked": "explore?run={run}&n=200&tool=linked",
    "data": "data?data=digits",
    "class": "room",
}


@pytest.fixture(scope="module")
def trained(app: Any) -> str:
    """A short VAE run on digits in the app's own store."""
    from genlab.runs import foreground

    values = {"model": "vae", "data": "digits", "latent": 4, "steps": 200}
    return foreground.train(values, title="a trained VAE").id


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", list(PAGES))
def test_no_rule_is_broken(app: Any, browser: Any, trained: str, name: str, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(f"{app.url}/{PAGES[name].format(run=trained)}")
    page.wait_for_selector("h1", timeout=60_000)
    idle = "[data-testid=stApp][data-test-script-state=notRunning]"
    page.wait_for_selector(idle, timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(1500)
    found = violations(page)
    context.close()
    assert found == []
