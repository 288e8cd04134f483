"""The real app on a free port with a store of its own, and a real browser to look at it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab.testing.scripted_run import ScriptedRun
from genlab.testing.served import FLAGS, ROOT, App, chromium, serving

RESULTS = ROOT / "test-results"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is a browser test, without saying so."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app, once for all browser tests; ``genlab.runs`` of this process uses the same store."""
    with serving(tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """One chromium for all tests; without one they are skipped, or failed where CI=true."""
    path = chromium()
    if path is None:
        message = "no chromium on this machine; install it to run the browser tests"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


def note(page: object, message: object) -> None:
    """Keep an error of the console; what Streamlit's own frame failed to fetch is not ours."""
    foreign = "Failed to load resource" in message.text and "/genlab/" not in str(
        message.location.get("url", "")
    )
    if message.type == "error" and not foreign:
        page.console_errors.append(message.text)


@pytest.fixture
def page(browser: object, request: pytest.FixtureRequest) -> Iterator[object]:
    """A fresh page with its ``console_errors``; a test that fails leaves a screenshot."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.console_errors = []
    page.on("pageerror", lambda error: page.console_errors.append(str(error)))
    page.on("console", lambda message: note(page, message))
    page.set_default_timeout(20_000)
    yield page
    report = getattr(request.node, "report", None)
    if report is not None and report.failed:
        RESULTS.mkdir(exist_ok=True)
        page.screenshot(path=str(RESULTS / f"failed-{request.node.name}.png"), full_page=True)
    context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: object):
    report = yield
    if report.when == "call":
        item.report = report
    return report


@pytest.fixture
def shot(page: object):
    """Save a screenshot under ``test-results/``."""

    def save(name: str, **values: object) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.png"
        page.screenshot(path=str(path), **values)
        return path

    return save


@pytest.fixture
def run(app: App) -> Iterator[ScriptedRun]:
    """A run that a test writes by hand: 100 steps, two looks."""
    from genlab import runs

    made = ScriptedRun(runs.store(), runs.files(), title="Scripted VAE")
    made.look()
    made.go(100)
    made.look()
    yield made
    with contextlib.suppress(Exception):
        made.end("stopped")
        runs.delete(made.id)
