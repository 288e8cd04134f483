"""The limit on wrong guesses of an address: for secrets, codes of rooms and claim links."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

#: Wrong tries that an address has within the window, and the window in seconds.
MOST = 10
WINDOW = 60.0
#: Addresses that are remembered at most.
ADDRESSES = 10_000


class Tries:
    """Counts wrong tries by address; right ones cost nothing.

    Thirty students behind the one address of a school must all be able to join, so what is
    limited is being wrong.

    Args:
        most: wrong tries within the window.
        window: its length in seconds.
        clock: tells the time in seconds.

    Example:
        >>> tries = Tries(most=1)
        >>> tries.remaining("10.0.0.1"), tries.wrong("10.0.0.1"), tries.remaining("10.0.0.1")
        (1, None, 0)
    """

    def __init__(
        self, most: int = MOST, window: float = WINDOW, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._window, self._clock = most, window, clock
        self._wrong: dict[str, deque[float]] = {}
        self._lock = threading.Lock()
        # A lock is there as long as somebody holds it or waits for it.
        self._turns = weakref.WeakValueDictionary[str, asyncio.Lock]()

    def turn(self, address: str) -> asyncio.Lock:
        """The turn of an address: whoever looks something up between asking whether it may and
        saying that it was wrong holds it, so that guesses sent at once are not all let through.
        """
        with self._lock:
            found = self._turns.get(address)
            if found is None:
                found = self._turns[address] = asyncio.Lock()
            return found

    def _recent(self, address: str) -> deque[float]:
        times, now = self._wrong.get(address, deque()), self._clock()
        while times and times[0] <= now - self._window:
            times.popleft()
        return times

    def remaining(self, address: str) -> int:
        """How many wrong tries an address has left now."""
        with self._lock:
            return max(0, self._most - len(self._recent(address)))

    def wrong(self, address: str) -> None:
        """Count a wrong try."""
        with self._lock:
            times = self._recent(address)
            times.append(self._clock())
            self._wrong.pop(address, None)
            self._wrong[address] = times
            while len(self._wrong) > ADDRESSES:
                del self._wrong[next(iter(self._wrong))]

    def wait(self, address: str) -> int:
        """Seconds until an address may try again, at least 1; 0 where it may now."""
        with self._lock:
            times = self._recent(address)
            if len(times) < self._most:
                return 0
            return max(1, round(times[0] + self._window - self._clock()))
