"""The real app on a free port with a store of its own, and the browser that looks at it."""

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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from genlab.core.folders import ROOT

#: How chromium is started: without a screen, and without anything that asks the network.
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


def chromium() -> str | None:
    """The browser's program; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@dataclass
class App:
    """The running app: where it listens, and where its runs are.

    Args:
        url: without a slash at its end.
        port: of this machine.
        store, files: as ``GENLAB_STORE`` and ``GENLAB_FILES`` say.
        log: what the server printed.
        process: the server.
    """

    url: str
    port: int
    store: str
    files: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def end_supervisor(self) -> None:
        """End the supervisor that was started for this store, and its runs with it."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                known = (folder / "environ").read_bytes().split(b"\0")
                if b"worker" in words and f"GENLAB_STORE={self.store}".encode() in known:
                    os.kill(int(folder.name), signal.SIGTERM)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(folder: Path, environment: Mapping[str, str] | None = None) -> App:
    """Start the app on the store in a folder, and wait until it is well.

    Args:
        folder: for the store, the files and the log.
        environment: of the server, beside this process's own.

    Raises:
        RuntimeError: where it is not well within a minute; with what it printed.
    """
    port = free_port()
    more = {
        "GENLAB_STORE": f"sqlite:///{folder / 'genlab.db'}",
        "GENLAB_FILES": str(folder / "files"),
        "OMP_NUM_THREADS": "1",
        **(environment or {}),
    }
    store, files = more["GENLAB_STORE"], more["GENLAB_FILES"]
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
            env=os.environ | more,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    app = App(f"http://127.0.0.1:{port}", port, store, files, log, process)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=2) as reply,
        ):
            if reply.status == 200:
                return app
        time.sleep(0.1)
    app.stop()
    raise RuntimeError(f"the app did not start:\n{log.read_text()[-3000:]}")


@contextlib.contextmanager
def serving(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[App]:
    """The app as :func:`serve` starts it, with ``genlab.runs`` of this process on its store."""
    from genlab import runs

    app = serve(folder, environment)
    # Another app may be served already; its store comes back when this one ends.
    outer = (runs.store_url(), runs.files_url()) if runs.is_configured() else (None, None)
    runs.configure(app.store, app.files)
    try:
        yield app
    finally:
        app.stop()
        app.end_supervisor()
        runs.configure(*outer)
