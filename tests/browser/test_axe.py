"""No page breaks a rule of WCAG 2.2 A or AA by an element of ours, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genlab.testing.pages import settled
from tests.browser.axe import violations

ROOT = Path(__file__).resolve().parents[2]
#: Pages with what they show when they are in use.
GIVEN = {
    "start": "",
    "train": "train?data=ring&model=gan",
    "watch": "watch?run={run}&open=learning,quality,latent,critic",
    "presentation": "watch?run={run}&present=1",
    "explore": "explore?run={run}&n=200",
    "linked": "explore?run={run}&n=200&tool=linked",
    "compare": "compare?runs={run}",
    "two": "compare?runs={run},{other}",
    "studies": "studies?model=vae&data=digits",
    "learn": "learn?lesson=elbo",
    "contents": "learn",
    "game": "learn?lesson=gan_game",
    "data": "data?data=digits",
    "class": "room",
}


def every_page(folder: Path) -> dict[str, str]:
    """The addresses to look at: a page that has no row above is looked at as it opens."""
    known = {address.partition("?")[0] or "start" for address in GIVEN.values()}
    stems = sorted(path.stem for path in folder.glob("*.py"))
    return GIVEN | {stem: stem for stem in stems if stem not in known}


PAGES = every_page(ROOT / "pages")


def test_a_new_page_is_looked_at_by_itself(tmp_path: Path) -> None:
    stems = {path.stem for path in (ROOT / "pages").glob("*.py")}
    assert stems == {address.partition("?")[0] or "start" for address in PAGES.values()}
    (tmp_path / "brand_new.py").touch()
    assert every_page(tmp_path)["brand_new"] == "brand_new"


@pytest.fixture(scope="module")
def trained(app: Any) -> dict[str, str]:
    """A short VAE run on digits, and another, in the app's own store."""
    from genlab.runs import foreground

    values = {"model": "vae", "data": "digits", "latent": 4}
    return {
        "run": foreground.train({**values, "steps": 200}, title="a trained VAE").id,
        "other": foreground.train({**values, "steps": 20}, title="another").id,
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", list(PAGES))
def test_no_rule_is_broken(
    app: Any, browser: Any, trained: dict[str, str], name: str, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(f"{app.url}/{PAGES[name].format(**trained)}")
    settled(page)
    # The list of chosen runs is Streamlit's own.
    found = [one for one in violations(page) if 'aria-label="Runs"' not in one]
    context.close()
    assert found == []
