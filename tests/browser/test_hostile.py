"""Hostile titles in a browser: shown as they are, and nothing is asked of another server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from genlab.testing.scripted_run import ScriptedRun

TITLE = "![q](http://evil.test/x.png)<img src=http://evil.test/y><b id=owned>b</b>"
SEEN = "http://evil.test/x.png"
#: What a name that became markup would have made, in shadow roots too.
MADE = "#owned, img[src*='evil.test'], .stMain b:text-is('b')"
STUDY = "hostile"


@pytest.fixture(scope="module")
def hostile(app: Any) -> list[str]:
    """Two runs with an image of another server as their title."""
    from genlab import runs, studies

    made = []
    for k in range(2):
        one = ScriptedRun(runs.store(), runs.files(), title=f"{TITLE}{k}")
        one.look()
        one.go(40)
        one.end("failed", f"It broke: {TITLE}")
        runs.edit(one.id, tags=["![t](http://evil.test/t)"])
        made.append(one.id)
    studies.from_runs({f"{TITLE}{k}": [made[k]] for k in range(2)}, name=STUDY, title=TITLE)
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
    # A table that is drawn says its cells to a screen reader.
    drawn = "[...document.querySelectorAll('canvas')].map((one) => one.textContent)"
    look = f"() => [document.body.innerText, ...{fields}, ...{drawn}]"
    until = time.monotonic() + 60
    while not any(SEEN in text for text in page.evaluate(look)):
        assert time.monotonic() < until, page.evaluate(look)
        page.wait_for_timeout(200)


@pytest.mark.parametrize(
    "name", ["start", "watch", "compare", "runs", "explore", "studies", "study"]
)
def test_a_page_shows_the_title_and_asks_nobody_else(
    page: Any, app: Any, hostile: list[str], asked: list[str], name: str
) -> None:
    query = {
        "watch": f"?run={hostile[0]}",
        "explore": f"?run={hostile[0]}",
        "compare": f"?runs={','.join(hostile)}",
        "study": f"?study={STUDY}",
    }
    # All runs stand in a table on Compare.
    path = {"start": "", "runs": "compare", "study": "studies"}.get(name, name)
    page.goto(f"{app.url}/{path}{query.get(name, '')}")
    page.locator(".stMain h1").first.wait_for()
    if name == "runs":
        page.get_by_text("All runs: search, sort").click()
    wait_until_seen(page)
    # What a page draws last has had its time.
    page.wait_for_timeout(1000)
    assert page.locator(MADE).count() == 0
    assert asked == []


def test_a_report_and_a_replay_show_the_title_and_ask_nobody(
    page: Any, app: Any, hostile: list[str], asked: list[str], tmp_path: Path
) -> None:
    from genlab import cli
    from genlab.report.collect import collect
    from genlab.report.page import html
    from genlab.report.time_cursor import TimeCursor
    from genlab.runs import foreground

    small = {"model": "vae", "data": "digits", "latent": 2, "steps": 6, "batch": 16}
    runs_ = [foreground.train({**small, "seed": k}, title=TITLE).id for k in range(2)]
    report, replay = tmp_path / "report.html", tmp_path / "replay.html"
    report.write_text(html(collect(runs_, TimeCursor())), encoding="utf-8")
    assert cli.main(["replay", *runs_, "--out", str(replay)]) == 0
    for file in (report, replay):
        page.goto(file.as_uri())
        wait_until_seen(page)
        page.wait_for_timeout(1000)
        assert page.locator(MADE).count() == 0, file
    assert asked == []
