"""Hostile titles in a browser: shown as they are, and nothing is asked of another server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from genlab.testing.scripted_run import ScriptedRun

TITLE = "![q](http://evil.test/x.png)<img src=http://evil.test/y>"
SEEN = "http://evil.test/x.png"


@pytest.fixture(scope="module")
def hostile(app: Any) -> list[str]:
    """Two runs with an image of another server as their title."""
    from genlab import runs

    made = []
    for k in range(2):
        one = ScriptedRun(runs.store(), runs.files(), title=f"{TITLE}{k}")
        one.look()
        one.go(40)
        one.end("failed", f"It broke: {TITLE}")
        runs.edit(one.id, tags=["![t](http://evil.test/t)"])
        made.append(one.id)
    return made


@pytest.fixture
def asked(page: Any, app: Any) -> list[str]:
    """What the page asks of anybody but the app."""
    found: list[str] = []

    def note(request: Any) -> None:
        if not request.url.startswith((app.url, "data:", "blob:", "ws://127.0.0.1", "file:")):
            found.append(request.url)

    page.on("request", note)
    return found


def wait_until_seen(page: Any) -> None:
    """Wait until the title is on the page, or in one of its fields."""
    # The content policy forbids the expression that Playwright's own waiting evaluates.
    fields = "[...document.querySelectorAll('input')].map((field) => field.value)"
    look = f"() => [document.body.innerText, ...{fields}]"
    until = time.monotonic() + 60
    while not any(SEEN in text for text in page.evaluate(look)):
        assert time.monotonic() < until, page.evaluate(look)
        page.wait_for_timeout(200)


@pytest.mark.parametrize("name", ["start", "watch", "compare", "explore"])
def test_a_page_shows_the_title_and_asks_nobody_else(
    page: Any, app: Any, hostile: list[str], asked: list[str], name: str
) -> None:
    query = {
        "watch": f"?run={hostile[0]}",
        "explore": f"?run={hostile[0]}",
        "compare": f"?runs={','.join(hostile)}",
    }
    page.goto(f"{app.url}/{name if name != 'start' else ''}{query.get(name, '')}")
    page.locator(".stMain h1").first.wait_for()
    wait_until_seen(page)
    assert page.locator("img[src*='evil.test']").count() == 0
    assert asked == []


def test_a_report_shows_the_title_and_asks_nobody(
    page: Any, app: Any, hostile: list[str], asked: list[str], tmp_path: Path
) -> None:
    from genlab.report.collect import collect
    from genlab.report.page import html
    from genlab.report.time_cursor import TimeCursor
    from genlab.runs import foreground

    small = {"model": "vae", "data": "digits", "latent": 2, "steps": 6, "batch": 16}
    runs_ = [foreground.train({**small, "seed": k}, title=TITLE).id for k in range(2)]
    report = tmp_path / "report.html"
    report.write_text(html(collect(runs_, TimeCursor())), encoding="utf-8")
    page.goto(report.as_uri())
    wait_until_seen(page)
    assert page.locator("img[src*='evil.test']").count() == 0
    assert asked == []
