"""The time budget of the probes: the time that they have taken, and may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: The account of all cheap probes together; each expensive probe has its own account.
COMMON = ""
#: The account of time that is neither training nor probing.
FREE = "free"
#: The share of idle time that the cheap probes may take, and that an expensive probe may take.
IDLE, IDLE_APART = 0.3, 0.1


class Ledger:
    """The time budget of probes: one account for all cheap probes, one for each expensive probe.

    The probes may take a share of the training time, after a first allowance, and a share of the
    idle time of a run in slow motion. Time is the processor time of this thread, so interruptions
    by other programs do not count.

    Args:
        share: the share of the training time that the cheap probes may take together.
        credit: the seconds of the first allowance.
        clock: returns seconds; for tests, where it also replaces the wall clock.
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

    def expected(self, account: str) -> float:
        """Return the seconds that the next look of an account is expected to cost."""
        return self._last.get(account, 0.0)

    def spent(self, account: str = COMMON) -> float:
        """Return the seconds booked on an account so far."""
        return self._accounts.get(account, 0.0)

    @property
    def trained(self) -> float:
        """Seconds spent training."""
        return self.clock() - self._began - sum(self._accounts.values())

    def rest(self, seconds: float) -> None:
        """Record idle seconds of the run, in which the processor was free."""
        self._rested += seconds

    def affords(
        self, account: str, share: float, credit: float, cost: float | None = None
    ) -> bool:
        """Return whether an account can pay for one more evaluation of its probes.

        Args:
            account: its name.
            share: the share of the training time that it may take.
            credit: seconds that it may take in addition.
            cost: the expected seconds; None: those of the last evaluation.
        """
        price = self.expected(account) if cost is None else cost
        idle = (IDLE if account == COMMON else IDLE_APART) * self._rested
        return self.spent(account) + price <= credit + share * self.trained + idle

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside the block neither as probing nor as training."""
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
