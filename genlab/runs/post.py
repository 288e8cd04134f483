"""Delivers a worker's records and files in order, from a background thread, through outages.

Training does not wait for the store. While the store or the folder of the files cannot be
reached, records wait in memory and files wait in a second folder of the run. The run continues
for :data:`PATIENCE` seconds, and then pauses itself until the store is back.
"""

from __future__ import annotations

import abc
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from genlab.core.errors import LeaseLost, RunNotFound, StoreError, StoreOutage
from genlab.core.folders import is_full, is_outage
from genlab.runs.log import say

#: Seconds for which a run continues training while nothing can be delivered.
PATIENCE = 900.0
#: Seconds after which a delivery that neither ends nor fails counts as an outage.
SLOW = 5.0
#: Seconds between two tries, at first and at most.
RETRY = (0.1, 2.0)
MOST_BYTES = 256 * 2**20
MOST_RECORDS = 100_000


Result = TypeVar("Result")


def passes(error: BaseException) -> bool:
    """Whether the same may succeed later: the store or the files are away, or a disk is full."""
    return isinstance(error, StoreOutage) or is_full(error) or is_outage(error)


def through_outage(call: Callable[[], Result], patience: float = PATIENCE) -> Result:
    """What a call returns, tried again while the store or the files cannot be reached.

    Args:
        call: may be done twice.
        patience: seconds.

    Raises:
        StoreOutage, OSError: the error, if it lasts longer.
    """
    until, rest = time.monotonic() + patience, RETRY[0]
    while True:
        try:
            return call()
        except Exception as error:
            if is_full(error) or not passes(error) or time.monotonic() > until:
                raise
            time.sleep(rest)
            rest = min(2 * rest, RETRY[1])


class Parcel(abc.ABC):
    """Something to deliver; what it takes while it waits is nothing unless it says so."""

    @abc.abstractmethod
    def deliver(self, again: bool) -> None:
        """Write it; ``again``: an earlier try failed and may have succeeded all the same."""

    def keep(self) -> None:  # noqa: B027 - a parcel may have nothing to put aside
        """Put aside what takes much memory, while it cannot be delivered."""

    def drop(self) -> bool:
        """Give up a file; False otherwise."""
        return False

    def size(self) -> int:
        """Bytes that wait, in memory or put aside."""
        return 0

    def records(self) -> int:
        """Records that wait."""
        return 0


class Deed(Parcel):
    """A parcel that is a call.

    Args:
        act: what to do; it may be done twice.
    """

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def deliver(self, again: bool) -> None:
        self._act()


class Post:
    """Delivers parcels one after the other.

    Args:
        abandon: called when the run turns out to be no longer this worker's.
        recovered: called, before the next parcel, with what went wrong and the seconds it took.
        paused: called with the reason when the run has to wait, and with ``""`` when it continues.
        clock: returns seconds; for tests.
    """

    def __init__(
        self,
        abandon: Callable[[], None],
        recovered: Callable[[str, float], None] = lambda *_: None,
        paused: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._abandon, self._recovered, self._paused = abandon, recovered, paused
        self._clock = clock
        self._queue: deque[Parcel] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._closed = False
        self._full = False
        #: What is wrong, since when, and when the delivery at work began (0: none is).
        self._trouble, self._since, self._began = "", 0.0, 0.0
        self._holds = False
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="post", daemon=True)
        self._thread.start()

    # -- for the training --------------------------------------------------------------------

    def put(self, parcel: Parcel) -> None:
        """Deliver something after all that was put before; does not wait."""
        with self._changed:
            if not self._closed:
                self._queue.append(parcel)
                self._changed.notify_all()

    def down_for(self) -> float:
        """Seconds for which nothing could be delivered; 0 while all is well."""
        now, began = self._clock(), self._began
        if self._trouble:
            return max(now - self._since, 1e-9)
        return now - began if began and now - began > SLOW else 0.0

    def may_go(self) -> bool:
        """Whether the training may continue; waits a moment if it may not."""
        down = self.down_for()
        if not down:
            return True
        waiting = list(self._queue)
        over = (
            down > PATIENCE
            or self._full
            or sum(parcel.size() for parcel in waiting) > MOST_BYTES
            or sum(parcel.records() for parcel in waiting) > MOST_RECORDS
        )
        self._holds = over
        if over:
            with self._changed:
                self._changed.wait(0.2)
        return not over

    def settle(self) -> None:
        """Wait until all is delivered, or an outage prevents it; raise what went wrong.

        Raises:
            OSError: the error of a file that could not be written for another reason than an
                outage or a full disk.
        """
        with self._changed:
            while self._queue and self._error is None and not self._closed:
                if self.down_for():
                    return
                self._changed.wait(0.5)
            if self._error is not None:
                error, self._error = self._error, None
                raise error

    def finish(self) -> None:
        """Wait until all is delivered, however long an outage takes."""
        with self._changed:
            while self._queue and not self._closed:
                self._changed.wait(0.5)

    def background_seconds(self) -> float:
        """CPU seconds that delivering took since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def discard_files(self) -> bool:
        """Give up the files that wait for a full disk; whether there were any."""
        waiting = [parcel for parcel in list(self._queue) if self._full and parcel.drop()]
        return bool(waiting)

    def close(self) -> None:
        """Deliver nothing more."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()

    # -- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                parcel = self._queue[0]
            start = time.thread_time()
            self._deliver(parcel)
            self._seconds += time.thread_time() - start
            with self._changed:
                if self._queue and self._queue[0] is parcel:
                    self._queue.popleft()
                self._changed.notify_all()

    def _deliver(self, parcel: Parcel) -> None:
        """Try until it is delivered, or cannot be."""
        again, rest = False, RETRY[0]
        while not self._closed:
            self._began = self._clock()
            try:
                parcel.deliver(again)
            except (LeaseLost, RunNotFound):
                self.close()
                self._abandon()
                return
            except BaseException as error:
                if not passes(error):
                    self._error = error
                    return
                self._wait_out(error, rest)
                again, rest = True, min(2 * rest, RETRY[1])
                continue
            finally:
                self._began = 0.0
            if self._trouble:
                self._recover()
            return

    def _wait_out(self, error: BaseException, seconds: float) -> None:
        if not self._trouble:
            self._since = self._clock()
            say(f"waiting: {error}")
        self._trouble = str(error)
        self._full = is_full(error) or getattr(error, "full", False)
        with contextlib.suppress(OSError, StoreError, LeaseLost, RunNotFound):
            if self._holds or self._full:
                self._paused(words_of(error))
            for parcel in list(self._queue) if isinstance(error, StoreOutage) else ():
                parcel.keep()
        with self._changed:
            self._changed.notify_all()
            self._changed.wait(seconds)

    def _recover(self) -> None:
        words, seconds = self._trouble, self._clock() - self._since
        self._trouble, self._full, self._holds = "", False, False
        try:
            self._paused("")
            self._recovered(words, seconds)
        except (StoreError, LeaseLost, RunNotFound):
            # The next parcel meets the same.
            return


def words_of(error: BaseException) -> str:
    """The message of a waiting run about the reason."""
    if isinstance(error, OSError) and is_full(error):
        return (
            "The disk of the runs' files is full. The run has paused itself, and continues when "
            "there is space."
        )
    end = "The run has paused itself, and continues when it is back."
    return f"{error} {end}"
