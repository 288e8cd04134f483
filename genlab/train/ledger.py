"""What looking at a run has cost, and what it may cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: The account of what every look pays; the other accounts are those of single probes.
COMMON = ""
#: The account of time that is neither training nor looking.
FREE = "free"
#: The part of the time at rest that all looks may take, and that each dear probe may.
IDLE, IDLE_APART = 0.3, 0.1


class Ledger:
    """The time budget of probes: one account for all looks, one for each expensive probe.

    Looking may take a share of the training time, after a first allowance, and a part of the time
    for which a run in slow motion rests. The time is the processor's time of this thread: a look
    that other programs interrupted costs no more.

    Args:
        share: of the training time that all looks together may take.
        credit: seconds that the first looks may take besides.
        clock: returns seconds; for tests, where it also stands for the wall clock.
    """

    def __init__(
        self,
        share: float = 0.014,
        credit: float = 0.15,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.share, self.credit = share, credit
        self.clock = clock or time.thread_time
        self.wall = clock or time.perf_counter
        self.restart()

    def restart(self) -> None:
        """Reset all accounts."""
        self._began = self.clock()
        self._accounts: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._waiting = False
        self._rested = 0.0

    def charge(self, account: str, seconds: float) -> None:
        """Charge seconds to an account; they no longer count as training.

        Args:
            account: ``COMMON``, ``FREE`` or the name of a probe.
            seconds: processor time.
        """
        self._accounts[account] = self.spent(account) + seconds
        self._last[account] = seconds

    def expect(self, account: str, seconds: float) -> None:
        """Expect that the next look of an account costs so many seconds; nothing is charged."""
        self._last[account] = seconds

    def spent(self, account: str = COMMON) -> float:
        """Return the seconds booked on an account so far."""
        return self._accounts.get(account, 0.0)

    @property
    def trained(self) -> float:
        """Seconds spent training."""
        return self.clock() - self._began - sum(self._accounts.values())

    def rest(self, seconds: float) -> None:
        """Tell of seconds for which the run rested, so that the processor was free."""
        self._rested += seconds

    def affords(
        self, account: str, share: float, credit: float, cost: float | None = None
    ) -> bool:
        """Return whether an account affords one more look.

        Args:
            account: its name.
            share: of the training time that it may take.
            credit: seconds that it may take besides.
            cost: seconds of the next time; None: as many as the last time.
        """
        price = self._last.get(account, 0.0) if cost is None else cost
        idle = (IDLE if account == COMMON else IDLE_APART) * self._rested
        return self.spent(account) + price <= credit + share * self.trained + idle

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside the block neither as looking nor as training."""
        if self._waiting:
            yield
            return
        start = self.clock()
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False
            self.charge(FREE, self.clock() - start)
