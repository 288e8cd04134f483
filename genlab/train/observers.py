"""Observers of a run: each is called at its interval, may stop the run, and does not change it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from genlab.core.measure import Picture, Reading
from genlab.models.base import GenerativeModel
from genlab.probes.base import Probe, merge_readings, read_probes
from genlab.train.algorithm import Algorithm, Info
from genlab.train.ledger import COMMON, FREE, Ledger
from genlab.train.motion import Motion
from genlab.train.snapshots import Snapshot, early, not_finite, take

#: The probes run when the expected change of the pictures reaches this, in units of their spread.
MOVED = 0.2

#: The errors of a picture that cannot be drawn; an OSError comes from the disk, not from a
#: picture.
UNDRAWN = (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError)


class Diverged(Exception):
    """A number became NaN or infinite.

    Args:
        step: the step after which it was seen.
        term: the term of the loss, or the tensor of the state.
    """

    def __init__(self, step: int, term: str) -> None:
        self.step, self.term = step, term
        super().__init__(f"{term} is no longer a finite number at step {step}")


class Observer:
    """Called every ``every`` steps of a run; returns True to stop it."""

    every: int = 1

    def begin(self, step: int, state: Any) -> bool:
        """Before the first step."""
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        """After a step."""
        return False

    def end(self, step: int, state: Any) -> None:
        """After the last step, or after the one at which the run was stopped."""
        return None


class Sink(Protocol):
    """Receives what observers record: copies, never live tensors."""

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        """Numbers of a step."""

    def pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Pictures of a step."""

    def event(self, step: int, level: str, message: str) -> None:
        """A message about the run."""

    def flush(self) -> None:
        """Make the records so far visible; the records of one step become visible together."""

    def save(self, snapshot: Snapshot) -> None:
        """Store a snapshot; may return before it is stored."""

    def settle(self) -> None:
        """Wait until everything is stored."""

    def background_seconds(self) -> float:
        """CPU seconds of background work since the last call."""


class Recorder(Observer):
    """Records each term's mean over the step's batch, and stops a run whose loss is not finite.

    Args:
        sink: where to.
        steps: of the whole run; about 500 of them are recorded.
        patience: seconds for which records may wait before they are made visible.
    """

    def __init__(self, sink: Sink, steps: int, patience: float = 0.5) -> None:
        self.every = max(1, steps // 500)
        self._sink, self._patience = sink, patience
        self._flushed = 0.0

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        # Records that wait are of earlier steps: those of one step become visible together, so
        # that after a crash a step is either recorded in full or not at all.
        now = time.perf_counter()
        if now - self._flushed > self._patience:
            self._sink.flush()
            self._flushed = now
        means = info.means()
        wrong = [name for name, value in means.items() if not math.isfinite(value)]
        self._sink.scalars(step, {k: None if k in wrong else v for k, v in means.items()})
        if wrong:
            raise Diverged(step, wrong[0])
        return False


#: The share of the training time that a probe may take which turned out to be dear.
DEAR_SHARE = 0.01


class Watcher(Observer):
    """Runs the probes and stores snapshots, within a share of the training time.

    A *look* is one evaluation of the probes with one snapshot. There is a look before the first
    step, after steps 1, 2, 3, 4, 6, 8, ..., when the pictures have changed, when the ledger
    allows, when the run pauses, and at the end. An expensive probe has a time budget of its own
    and is left out of a look that this budget does not cover; a probe without a budget gets one
    if it turns out to be expensive.

    Args:
        algorithm: the running algorithm.
        probes: the probes, or a function that builds them. It may be slow (a grid of a density),
            so it is called after the first step and does not delay that step.
        sink: where to.
        attempt: of the run.
        ledger: the time budget of the probes.
        first: the step at which the run begins.
        gap: the least seconds between two looks; a quarter of it while the pictures change fast.
    """

    def __init__(
        self,
        algorithm: Algorithm[Any],
        probes: Sequence[Probe] | Callable[[], Sequence[Probe]],
        sink: Sink,
        *,
        attempt: int = 1,
        ledger: Ledger | None = None,
        first: int = 0,
        gap: float = 0.4,
    ) -> None:
        self._algorithm, self._sink = algorithm, sink
        self._make = probes if callable(probes) else lambda: probes
        self._probes: list[Probe] | None = None
        self._attempt, self._first, self._gap = attempt, first, gap
        self.ledger = ledger or Ledger()
        #: The expected cost of the next look for the common account, in seconds.
        self._cost = 0.0
        self._last_step = -1
        self._when = -math.inf
        self._start: tuple[Snapshot, GenerativeModel] | None = None
        #: Probes that turned out to be expensive, and the share that they got.
        self._dear: dict[str, float] = {}
        self._motion = Motion()

    def begin(self, step: int, state: Any) -> bool:
        self.ledger.restart()
        if step == self._first:
            # The probes run on a copy after the first step.
            model = copy.deepcopy(self._algorithm.model(state))
            self._start = take(self._algorithm, state, step, self._attempt), model
        # The look of a resumed run's first step belongs to its snapshot.
        self._last_step = step
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self._look_at_start()
        ledger = self.ledger
        if self._due(step) and ledger.affords(COMMON, ledger.share, ledger.credit, self._cost):
            self.look(step, state, sparing=True)
        return False

    def _due(self, step: int) -> bool:
        """Whether a look is due: by the step's number, the time, or the change of the pictures."""
        since = self.ledger.wall() - self._when
        moved = since >= self._gap / 4 and self._motion.ahead(step) >= MOVED
        return early(step) or moved or since >= self._gap

    def end(self, step: int, state: Any) -> None:
        with self.ledger.waiting():
            self.look(step, state)
            self._sink.settle()

    def settle(self) -> None:
        """Wait until everything is stored."""
        self._sink.settle()

    def look(self, step: int, state: Any, sparing: bool = False) -> None:
        """Run the probes now, unless they ran at this step.

        Args:
            step: steps taken.
            state: the algorithm's.
            sparing: charge the look, and leave out the probes whose budget does not cover it.

        Raises:
            Diverged: if the state holds a number that is not finite; nothing was kept then.
        """
        self._look_at_start()
        if step == self._last_step:
            return
        ledger = self.ledger
        start = ledger.clock()
        snapshot = take(self._algorithm, state, step, self._attempt)
        apart = self._look(snapshot, self._algorithm.model(state), sparing)
        common = ledger.clock() - start - apart
        self._when = ledger.wall()
        # Background writing takes processor time too. The time of the last look is known by now
        # and predicts that of the next.
        beside = self._sink.background_seconds()
        ledger.charge(COMMON, beside + (common if sparing else 0.0))
        self._cost = common + beside

    def _look_at_start(self) -> None:
        if self._start is not None:
            snapshot, model = self._start
            self._start = None
            ledger = self.ledger
            start = ledger.clock()
            with ledger.waiting():
                apart = self._look(snapshot, model)
            # The first look of a process is slow: at most half of the allowance is charged for
            # it, and expected for the next look.
            took = ledger.clock() - start - apart
            self._cost = min(took, max(ledger.credit / 2, 0.0))
            ledger.charge(COMMON, self._cost)

    def _look(
        self, snapshot: Snapshot, model: GenerativeModel[Any], sparing: bool = False
    ) -> float:
        """Read the probes and store their readings.

        Returns:
            The seconds of the probes with their own accounts.
        """
        step, ledger, seconds_apart = snapshot.step, self.ledger, 0.0
        wrong = not_finite(snapshot.tensors)
        if wrong is not None:
            raise Diverged(step, wrong)
        if self._probes is None:
            self._probes = self._prepared(step)
        readings: list[Reading] = []
        apart: list[Reading] = []
        for probe in tuple(self._probes):
            own = probe.name
            share = probe.share or self._dear.get(own, 0.0)
            # The share pays for the last look too, which is taken whatever it costs.
            price = 2 * ledger.expected(own)
            if sparing and share and not ledger.affords(own, share, ledger.credit / 3, price):
                continue
            try:
                start = ledger.clock()
                reading = read_probes(probe, model, step)
                # The numbers of a probe that is not part of every look are a separate record.
                (readings if not share else apart).append(reading)
                took = ledger.clock() - start
                if share:
                    seconds_apart += took
                    if sparing:
                        ledger.charge(own, took)
                    elif not ledger.spent(own):
                        # The first look is paid by what the account earns later. In a process
                        # that has just started it is slower than the next.
                        ledger.charge(own, took)
                        ledger.charge(FREE, -took)
                        ledger.expect(own, took / 2)
                elif sparing and took > ledger.credit / 3:
                    # An expensive probe must not reduce the number of looks.
                    self._dear[own] = DEAR_SHARE
            except Exception as error:
                # A probe must not end a training: it is left out, with a message.
                self._probes.remove(probe)
                self._sink.event(
                    step,
                    "warning",
                    f"The view {probe.name!r} was left out from here on: "
                    f"{type(error).__name__}: {error}",
                )
        for reading in (merge_readings(readings), *apart):
            if reading.values:
                values = {k: v if math.isfinite(v) else None for k, v in reading.values.items()}
                self._sink.scalars(step, values)
        pictures = merge_readings([*readings, *apart]).pictures
        self._motion.add(step, pictures)
        self._show(step, pictures)
        self._sink.flush()
        self._sink.save(replace(snapshot, moved=self._motion.travelled))
        self._last_step = step
        return seconds_apart

    def _prepared(self, step: int) -> list[Probe]:
        """Make the probes; training continues without those that fail, with a message."""
        try:
            return list(self._make())
        except Exception as error:
            self._sink.event(
                step,
                "warning",
                f"This run continues without its views: {type(error).__name__}: {error}",
            )
            return []

    def _show(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Store the pictures; one that cannot be drawn is left out with a message."""
        if not pictures:
            return
        try:
            self._sink.pictures(step, pictures)
            return
        except UNDRAWN:
            good = {}
        for panel, picture in pictures.items():
            try:
                self._sink.pictures(step, {panel: picture})
                good[panel] = picture
            except UNDRAWN as error:
                self._sink.event(
                    step,
                    "warning",
                    f"The picture {panel!r} could not be drawn: {type(error).__name__}: {error}",
                )
        if len(good) > 1:
            # The frame of this step names all its panels.
            self._sink.pictures(step, good)


class Cursor(Observer):
    """The present step, for the heartbeat thread."""

    def __init__(self) -> None:
        self.step = 0

    def begin(self, step: int, state: Any) -> bool:
        self.step = step
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self.step = step
        return False
