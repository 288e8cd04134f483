"""Every page with real content: what the screenshots and the accessibility tests visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The address of each page; the braces name runs that are trained before.
ADDRESSES: Mapping[str, str] = {
    "start": "",
    "train": "train?data=ring&model=gan",
    "train-images": "train?data=mnist5k&model=vae",
    "watch": "watch?run={vae}",
    "watch-groups": "watch?run={vae}&open=learning,quality,latent,critic",
    "game": "watch?run={gan}",
    "game-groups": "watch?run={gan}&open=learning,quality,latent,critic",
    "present": "watch?run={gan}&present=1",
    "compare": "compare?runs={vae},{dcgan}",
    "explore": "explore?run={vae}&n=500",
    "explore-linked": "explore?run={vae}&n=200&tool=linked",
    "learn": "learn",
    "learn-elbo": "learn?lesson=elbo",
    "learn-game": "learn?lesson=gan_game",
    "data": "data?data=mnist5k",
    "data-own": "data?data=csv",
    "studies": "studies?study={study}",
    "studies-new": "studies?model=vae&data=digits",
    "class": "room",
}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
SKELETON = "() => !document.querySelector('[data-testid=stSkeleton]')"
#: Images and canvases that are still empty, of those that can be seen.
EMPTY = """() => [...document.querySelectorAll('img')].every(
    image => !image.getClientRects().length || image.complete)"""


def settled(page: Any, rest: float = 1.5) -> None:
    """Wait until a page is drawn and nothing runs.

    Args:
        page: of Playwright.
        rest: seconds that its own scripts get for their pictures.
    """
    page.wait_for_selector("h1, .gl-present", timeout=120_000, state="attached")
    page.wait_for_selector(IDLE, timeout=180_000, state="attached")
    page.wait_for_function(SKELETON)
    page.wait_for_function(EMPTY)
    page.wait_for_timeout(rest * 1000)
