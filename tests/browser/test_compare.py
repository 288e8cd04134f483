"""Compare and its report in a browser: the answer first, pictures that fill their columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.axe import violations

#: The share of its column that an image covers at least.
FILLED = 0.95


@pytest.fixture(scope="module")
def pair(app: Any) -> list[str]:
    """A VAE and a GAN on digits, trained for a moment."""
    from genlab.runs import foreground

    specs = {"vae": {"latent": 4, "steps": 60}, "gan": {"steps": 30}}
    return [
        foreground.train({"model": model, "data": "digits", **more}, title=f"{model} <i>").id
        for model, more in specs.items()
    ]


@pytest.fixture(scope="module")
def report(pair: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their report as a file."""
    from genlab.report.collect import collect
    from genlab.report.page import html
    from genlab.report.time_cursor import TimeCursor

    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(collect(pair, TimeCursor())), encoding="utf-8")
    return path


def open_pair(page: Any, app: Any, pair: list[str]) -> None:
    page.goto(f"{app.url}/compare?runs={','.join(pair)}")
    page.wait_for_selector(".answer .lead", timeout=90_000)
    page.wait_for_selector(".gl-card svg")


def test_the_answer_is_in_sight_and_the_rest_in_its_order(
    app: Any, page: Any, pair: list[str]
) -> None:
    open_pair(page, app, pair)
    lead = page.locator(".answer .lead").first.bounding_box()
    assert lead["y"] + lead["height"] < page.viewport_size["height"]
    names = ("answer", "bar", "pictures", "curves", "numbers", "options", "report")
    tops = [page.locator(f".st-key-compare_{name}").bounding_box()["y"] for name in names]
    assert tops == sorted(tops)
    assert "another seed may say otherwise" in page.locator(".answer").inner_text()
    assert not page.console_errors


@pytest.mark.parametrize("width", [1440, 960])
def test_images_fill_their_columns(app: Any, page: Any, pair: list[str], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    open_pair(page, app, pair)
    page.wait_for_selector(".st-key-compare_pictures [data-testid=stImage] img")
    shares = page.evaluate(
        """() => [...document.querySelectorAll(".st-key-compare_pictures .stImage img")].map(
          (image) => image.getBoundingClientRect().width
            / image.closest("[data-testid=stColumn]").getBoundingClientRect().width)"""
    )
    assert len(shares) >= 4
    assert min(shares) > FILLED


def test_the_marks_of_the_runs_are_those_of_the_curves(
    app: Any, page: Any, pair: list[str]
) -> None:
    open_pair(page, app, pair)
    columns, heads = (
        page.locator(selector).evaluate_all(
            "(marks) => marks.slice(0, 2).map((mark) => getComputedStyle(mark).backgroundColor)"
        )
        for selector in (".run-name .run-mark", ".gl-run .gl-name i")
    )
    assert columns == heads == ["rgb(0, 114, 178)", "rgb(213, 94, 0)"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_rule_is_broken(
    app: Any, browser: Any, pair: list[str], report: Path, scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    open_pair(page, app, pair)
    page.wait_for_timeout(1500)
    found = [one for one in violations(page) if 'aria-label="Runs"' not in one]
    page.goto(report.as_uri())
    found += violations(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert found == []
    assert wide <= width
