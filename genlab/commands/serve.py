"""Commands that run until they are stopped: the pages, and a worker."""

from __future__ import annotations

import argparse
import os
import sys

from genlab.core.errors import SpecError


def serve_pages(arguments: argparse.Namespace) -> int:
    """``genlab serve``: serve the pages."""
    if not 1 <= arguments.port <= 65_535:
        raise SpecError("port", arguments.port, "allowed: a whole number from 1 to 65535")
    from genlab.core.folders import ROOT

    words = (
        *(sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")),
        *("--server.port", str(arguments.port), "--server.address", arguments.address),
    )
    # The server replaces this process, so it receives the signals sent to this process.
    os.execv(words[0], words)


def start_worker(arguments: argparse.Namespace) -> int:
    """``genlab worker``: take runs from the queue until it is stopped."""
    from genlab.runs import supervisor

    return supervisor.main(arguments.idle_exit)
