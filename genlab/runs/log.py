"""The log of the supervisor and of the processes that it starts."""

from __future__ import annotations

import contextlib
import sys
import time


def say(text: str) -> None:
    """Write a line to the log."""
    # The disk of the log may be the one that is full.
    with contextlib.suppress(OSError, ValueError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201
