"""Wait in a test for what other processes or threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_for(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """The value of the condition once it is true; the test fails if that takes too long."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
    return value
