"""The log of the supervisor and of the processes that it starts."""

from __future__ import annotations

import sys
import time


def say(text: str) -> None:
    """Write a line to the log."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201
