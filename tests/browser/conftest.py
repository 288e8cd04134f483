"""The real app on a free port with a store of its own, and a real browser to look at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RESULTS = ROOT / "test-results"


@dataclass
class App:
    """The running app: where it listens, and where its runs are."""

    url: str
    store: str
    files: str
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(folder: Path) -> App:
    """Start the app on the store in a folder, and wait until it is well."""
    port = free_port()
    store, files = f"sqlite:///{folder / 'genlab.db'}", str(folder / "files")
    environment = os.environ | {
        "GENLAB_STORE": store,
        "GENLAB_FILES": files,
        "OMP_NUM_THREADS": "1",
    }
    log = folder / "server.log"
    with open(log, "ab") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "app.py"),
                *("--server.port", str(port), "--server.address", "127.0.0.1"),
                *("--server.headless", "true", "--browser.gatherUsageStats", "false"),
                *("--server.fileWatcherType", "none"),
            ],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    app = App(f"http://127.0.0.1:{port}", store, files, environment, log, process)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=2) as reply,
        ):
            if reply.status == 200:
                return app
        time.sleep(0.1)
    app.stop()
    pytest.fail(f"the app did not start:\n{log.read_text()[-3000:]}")


def end_supervisor(store: str) -> None:
    """End the supervisor that the app or a test started for this store, and its runs with it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            known = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"worker" in words and f"GENLAB_STORE={store}".encode() in known:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(folder.name), signal.SIGTERM)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app, once for all browser tests; ``genlab.runs`` of this process uses the same store."""
    from genlab import runs

    app = serve(tmp_path_factory.mktemp("app"))
    runs.configure(app.store, app.files)
    yield app
    app.stop()
    end_supervisor(app.store)
    runs.configure()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """One chromium for all tests; without one they are skipped, or failed where CI=true."""
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None:
        message = "no chromium on this machine; install it to run the browser tests"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


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
