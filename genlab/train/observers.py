"""Observers of a run: each looks at a stated cadence, may stop the run, and changes nothing."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from genlab.core.errors import GenlabError, SpecError
from genlab.core.measure import Picture, Reading
from genlab.models.base import GenerativeModel
from genlab.probes.base import Probe, merge_readings, read_probes
from genlab.train.algorithm import Algorithm, Info
from genlab.train.snapshots import Snapshot, early, not_finite, take

#: Seconds a step from which on every step is looked at: slower than that, people follow each.
SLOW = 0.2


#: What a picture that cannot be drawn raises; what the disk says (OSError) is not of a picture.
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
    """Looks at a run every so many steps; returns True to stop it."""

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
    """Where observers put what they saw: copies, never live tensors."""

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        """Numbers of a step."""

    def pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Pictures of a step."""

    def event(self, step: int, level: str, message: str) -> None:
        """Something to tell."""

    def flush(self) -> None:
        """Make what was put so far visible; the records of one step become visible together."""

    def save(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; may return before it is kept."""

    def settle(self) -> None:
        """Wait until everything is kept."""

    def beside(self) -> float:
        """Seconds of processor time taken beside the training since this was asked last."""


class CommandLike(Protocol):
    """A command from outside.

    ``pause``, ``resume``, ``stop``; ``step`` {"n": 1, "player": "generator"}, where a player may
    be named who alone moves; ``pace`` {"rate": 2.0}, steps a second at most, 0 for no limit;
    ``set`` {"lr": 1e-4}, options of the algorithm from here on.
    """

    @property
    def name(self) -> str:
        """Which."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Its arguments."""


class Budget:
    """How much time looking may take: a share of the training time, after a first allowance.

    Counted is the processor's time of this thread: where other programs hold the machine, a look
    that they interrupted is no dearer, and the next one comes no later.

    Args:
        share: of the time spent training.
        credit: seconds that the first looks may take besides.
        clock: seconds, for tests; it also stands for the clock on the wall then.
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
        self.began = self.clock()
        self.spent = self.idle = 0.0
        self._inside = False

    @contextmanager
    def looking(self, free: bool = False) -> Iterator[None]:
        """Count the time inside the block as looking (or, where it is free, not at all)."""
        if self._inside:
            yield
            return
        start = self.clock()
        self._inside = True
        try:
            yield
        finally:
            self._inside = False
            took = self.clock() - start
            if free:
                self.idle += took
            else:
                self.spent += took

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside the block neither as looking nor as training."""
        with self.looking(free=True):
            yield

    @property
    def trained(self) -> float:
        """Seconds spent training."""
        return self.clock() - self.began - self.spent - self.idle

    def allows(self, cost: float) -> bool:
        """Whether another look that takes so many seconds fits."""
        return self.spent + cost <= self.credit + self.share * self.trained


class Recorder(Observer):
    """Records each term's mean over the step's batch, and stops a run whose loss is no number.

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


class Watcher(Observer):
    """Looks at the model with every probe and keeps a snapshot, within a budget of time.

    It looks before the first step, after steps 1, 2, 4, 8, ..., then whenever the budget allows,
    whenever the run pauses, and at the end. A probe with a share of its own is left out of a look
    for which its share does not suffice, so that it makes no other look rarer.

    Args:
        algorithm: what is running.
        probes: what to look with, or what makes it: that may take a while (a grid of a density)
            and is called after the first step, so that nobody waits for that step.
        sink: where to.
        attempt: of the run.
        budget: of time.
        first: the step at which the run begins.
        gap: seconds between two looks at least, however cheap they are.
    """

    def __init__(
        self,
        algorithm: Algorithm[Any],
        probes: Sequence[Probe] | Callable[[], Sequence[Probe]],
        sink: Sink,
        *,
        attempt: int = 1,
        budget: Budget | None = None,
        first: int = 0,
        gap: float = 0.4,
    ) -> None:
        self._algorithm, self._sink = algorithm, sink
        self._make = probes if callable(probes) else lambda: probes
        self._probes: list[Probe] | None = None
        self._attempt, self._first, self._gap = attempt, first, gap
        self.budget = budget or Budget()
        self._cost = 0.0
        #: Seconds that the probes with a share of their own took: each in all, and at last.
        self._spent: dict[str, float] = {}
        self._last: dict[str, float] = {}
        #: Those seconds in the present look, which the common budget does not pay.
        self._apart = 0.0
        self._seen = -1
        self._when = -math.inf
        self._start: tuple[Snapshot, GenerativeModel] | None = None

    def begin(self, step: int, state: Any) -> bool:
        self.budget.began = self.budget.clock()
        if step == self._first:
            # A copy is looked at after the first step.
            model = copy.deepcopy(self._algorithm.model(state))
            self._start = take(self._algorithm, state, step, self._attempt), model
        # A resumed run was looked at when its snapshot was taken.
        self._seen = step
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self._look_at_start()
        due = early(step) or self.budget.wall() - self._when >= self._gap
        if due and self.budget.allows(self._cost):
            with self.budget.looking():
                self.look(step, state, sparing=True)
            self.budget.spent -= self._apart
            self.budget.idle += self._apart
            self._apart = 0.0
        return False

    def end(self, step: int, state: Any) -> None:
        with self.budget.looking(free=True):
            self.look(step, state)
            self._sink.settle()

    def settle(self) -> None:
        """Wait until everything that was seen is kept."""
        self._sink.settle()

    def look(self, step: int, state: Any, sparing: bool = False) -> None:
        """Look now, unless this step was looked at already.

        Args:
            step: steps taken.
            state: the algorithm's.
            sparing: leave out the probes whose own share does not suffice.

        Raises:
            Diverged: if the state holds a number that is not finite; nothing was kept then.
        """
        self._look_at_start()
        if step == self._seen:
            return
        start = self.budget.clock()
        snapshot = take(self._algorithm, state, step, self._attempt)
        self._look(snapshot, self._algorithm.model(state), sparing)
        took = self.budget.clock() - start
        self._when = self.budget.wall()
        # What is written beside the training takes its processor too: that of the last look is
        # known by now, and is about that of the next.
        beside = self._sink.beside()
        self.budget.spent += beside
        self._cost = took - self._apart + beside

    def _look_at_start(self) -> None:
        if self._start is not None:
            snapshot, model = self._start
            self._start = None
            start = self.budget.clock()
            with self.budget.looking(free=True):
                self._look(snapshot, model)
            # In a process that has just started the first look is the slow one: what it took is
            # believed and counted up to half of the allowance only.
            took = self.budget.clock() - start - self._apart
            self._cost = min(took, max(self.budget.credit / 2, 0.0))
            self.budget.spent += self._cost
            self._apart = 0.0

    def _affords(self, probe: Probe) -> bool:
        if not probe.share:
            return True
        spent = self._spent.get(probe.name, 0.0) + self._last.get(probe.name, 0.0)
        return spent <= self.budget.credit / 3 + probe.share * self.budget.trained

    def _read(self, probe: Probe, model: GenerativeModel, step: int, charged: bool) -> Reading:
        start = self.budget.clock()
        reading = read_probes(probe, model, step)
        if probe.share:
            took = self.budget.clock() - start
            self._apart += took
            if charged:
                self._spent[probe.name] = self._spent.get(probe.name, 0.0) + took
                self._last[probe.name] = took
        return reading

    def _look(self, snapshot: Snapshot, model: GenerativeModel, sparing: bool = False) -> None:
        step = snapshot.step
        self._apart = 0.0
        wrong = not_finite(snapshot.tensors)
        if wrong is not None:
            raise Diverged(step, wrong)
        if self._probes is None:
            self._probes = self._prepared(step)
        readings: list[Reading] = []
        apart: list[Reading] = []
        for probe in tuple(self._probes):
            if sparing and not self._affords(probe):
                continue
            try:
                reading = self._read(probe, model, step, charged=sparing)
                # Numbers that are not there in every look are a record of their own.
                (readings if not probe.share else apart).append(reading)
            except Exception as error:
                # What only looks must not end a training; it is left out and said.
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
        self._show(step, merge_readings([*readings, *apart]).pictures)
        self._sink.flush()
        self._sink.save(snapshot)
        self._seen = step

    def _prepared(self, step: int) -> list[Probe]:
        """The probes; where they cannot be made the training goes on unwatched, which is told."""
        try:
            return list(self._make())
        except Exception as error:
            self._sink.event(
                step,
                "warning",
                f"This run goes on without its views: {type(error).__name__}: {error}",
            )
            return []

    def _show(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Put the pictures; one that cannot be drawn is left out and told."""
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


class Controls(Observer):
    """Obeys the wishes of people: pause, resume, stop, slow motion, a changed learning rate, and
    single steps, of all players or of one, while paused.

    A wish that cannot be granted changes nothing and is told as a warning.

    Args:
        wishes: those that came since, waiting for one at most so many seconds.
        status: told ``paused`` and ``running``.
        watcher: looks when the run pauses, so that what is shown is where it stands.
        algorithm: whose players and options the wishes are about.
        sink: where is told what changed the course of the run.
    """

    def __init__(
        self,
        wishes: Callable[[float], Sequence[CommandLike]],
        status: Callable[[str], None],
        watcher: Watcher,
        algorithm: Algorithm[Any] | None = None,
        sink: Sink | None = None,
    ) -> None:
        self._wishes, self._status, self._watcher = wishes, status, watcher
        self._algorithm, self._sink = algorithm, sink
        self._paused, self._told, self._stop = False, False, False
        #: The single steps that are still to do: for each the player who alone moves, or None.
        self._todo: list[str | None] = []
        #: Seconds that a step takes at least.
        self._pace = 0.0
        self._began = time.perf_counter()

    def alone(self) -> str | None:
        """The player who alone moves in the next step."""
        return self._todo[0] if self._todo else None

    def _obey(self, wishes: Sequence[CommandLike], step: int, state: Any) -> None:
        for wish in wishes:
            try:
                self._grant(wish.name, wish.values, step, state)
            except (GenlabError, TypeError, ValueError) as error:
                self._tell(step, "warning", f"{wish.name!r} was not done: {error}")

    def _grant(self, name: str, values: Mapping[str, Any], step: int, state: Any) -> None:
        if name == "stop":
            self._stop = True
        elif name == "pause":
            self._paused, self._todo = True, []
        elif name == "resume":
            self._paused, self._todo = False, []
        elif name == "step":
            player = values.get("player")
            if player is not None:
                known = self._algorithm.players if self._algorithm is not None else ()
                if player not in known:
                    raise SpecError.unknown("player", player, known)
                self._tell(step, "info", f"From step {step} the {player} alone moves.")
            self._todo += [player] * max(1, int(values.get("n", 1)))
            self._paused = True
        elif name == "pace":
            rate = float(values["rate"])
            if not 0.0 <= rate < math.inf:
                raise SpecError("rate", rate, "allowed: steps a second, 0 for no limit")
            self._pace = 1.0 / rate if rate else 0.0
        elif name == "set" and self._algorithm is not None:
            self._algorithm.set_options(state, values)
            words = ", ".join(f"{key} = {value}" for key, value in values.items())
            self._tell(step, "info", f"From step {step} on: {words}.")

    def _tell(self, step: int, level: str, message: str) -> None:
        if self._sink is not None:
            self._sink.event(step, level, message)
            self._sink.flush()

    def begin(self, step: int, state: Any) -> bool:
        return self._hold(step, state)

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        del self._todo[:1]
        return self._hold(step, state)

    def _slowly(self, step: int, state: Any) -> None:
        with self._watcher.budget.waiting():
            if self._pace >= SLOW:
                self._watcher.look(step, state)
            while self._pace and not self._paused and not self._stop:
                left = self._pace - (time.perf_counter() - self._began)
                if left <= 0:
                    break
                self._obey(self._wishes(min(left, 0.5)), step, state)
        self._began = time.perf_counter()

    def _hold(self, step: int, state: Any) -> bool:
        self._obey(self._wishes(0.0), step, state)
        if self._pace:
            self._slowly(step, state)
        if self._paused and not self._todo and not self._stop:
            with self._watcher.budget.waiting():
                self._watcher.look(step, state)
                self._watcher.settle()
                if not self._told:
                    self._status("paused")
                    self._told = True
                while self._paused and not self._todo and not self._stop:
                    self._obey(self._wishes(0.5), step, state)
        if self._told and not self._paused and not self._stop:
            self._status("running")
            self._told = False
        return self._stop


class Cursor(Observer):
    """Where the run stands, for a thread that tells others."""

    def __init__(self) -> None:
        self.step = 0

    def begin(self, step: int, state: Any) -> bool:
        self.step = step
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self.step = step
        return False
