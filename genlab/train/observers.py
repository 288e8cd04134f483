"""Observers of a run: each looks at a stated interval, may stop the run, and changes nothing."""

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
        """Make the records so far visible; those of one step become visible together."""

    def save(self, snapshot: Snapshot) -> None:
        """Store a snapshot; may return before it is stored."""

    def settle(self) -> None:
        """Wait until everything is stored."""

    def background_seconds(self) -> float:
        """CPU seconds of background work since the last call."""


class CommandLike(Protocol):
    """A command for a run.

    ``pause``, ``resume``, ``stop``; ``step`` {"n": 1, "player": "generator"}, where a player may
    be named who alone moves; ``pace`` {"rate": 2.0}, steps a second at most, 0 for no limit;
    ``set`` {"lr": 1e-4}, options of the algorithm from here on.
    """

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Its arguments."""


#: The account of what every look pays; the other accounts are those of single probes.
COMMON = ""
#: The account of time that is neither training nor looking.
FREE = "free"


class Ledger:
    """The time budget of probes: one account for all looks, one for each expensive probe.

    Looking may take a share of the training time, after a first allowance. The time is the
    processor's time of this thread: a look that other programs interrupted costs no more.

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

    def charge(self, account: str, seconds: float) -> None:
        """Charge seconds to an account; they no longer count as training.

        Args:
            account: ``COMMON``, ``FREE`` or the name of a probe.
            seconds: processor time.
        """
        self._accounts[account] = self.spent(account) + seconds
        self._last[account] = seconds

    def spent(self, account: str = COMMON) -> float:
        """Return the seconds booked on an account so far."""
        return self._accounts.get(account, 0.0)

    @property
    def trained(self) -> float:
        """Seconds spent training."""
        return self.clock() - self._began - sum(self._accounts.values())

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
        return self.spent(account) + price <= credit + share * self.trained

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


class Watcher(Observer):
    """Runs the probes and stores snapshots, within a share of the training time.

    It looks before the first step, after steps 1, 2, 4, 8, ..., then whenever the ledger allows,
    whenever the run pauses, and at the end. A probe with a share of its own is left out of a look
    for which its share does not suffice, so that it makes no other look rarer.

    Args:
        algorithm: what is running.
        probes: what to look with, or what makes it: that may take a while (a grid of a density)
            and is called after the first step, so that nobody waits for that step.
        sink: where to.
        attempt: of the run.
        ledger: of what looking costs.
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
        ledger: Ledger | None = None,
        first: int = 0,
        gap: float = 0.4,
    ) -> None:
        self._algorithm, self._sink = algorithm, sink
        self._make = probes if callable(probes) else lambda: probes
        self._probes: list[Probe] | None = None
        self._attempt, self._first, self._gap = attempt, first, gap
        self.ledger = ledger or Ledger()
        #: Seconds that the common account is expected to pay for the next look.
        self._cost = 0.0
        self._last_step = -1
        self._when = -math.inf
        self._start: tuple[Snapshot, GenerativeModel] | None = None

    def begin(self, step: int, state: Any) -> bool:
        self.ledger.restart()
        if step == self._first:
            # A copy is looked at after the first step.
            model = copy.deepcopy(self._algorithm.model(state))
            self._start = take(self._algorithm, state, step, self._attempt), model
        # A resumed run was looked at when its snapshot was taken.
        self._last_step = step
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self._look_at_start()
        ledger = self.ledger
        due = early(step) or ledger.wall() - self._when >= self._gap
        if due and ledger.affords(COMMON, ledger.share, ledger.credit, self._cost):
            self.look(step, state, sparing=True)
        return False

    def end(self, step: int, state: Any) -> None:
        with self.ledger.waiting():
            self.look(step, state)
            self._sink.settle()

    def settle(self) -> None:
        """Wait until everything is stored."""
        self._sink.settle()

    def look(self, step: int, state: Any, sparing: bool = False) -> None:
        """Run the probes now, unless they have seen this step.

        Args:
            step: steps taken.
            state: the algorithm's.
            sparing: charge the look, and leave out the probes whose own share does not suffice.

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
        # What is written beside the training takes its processor too: that of the last look is
        # known by now, and is about that of the next.
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
            # In a process that has just started the first look is the slow one: only up to half of
            # the allowance is charged, and expected of the next.
            took = ledger.clock() - start - apart
            self._cost = min(took, max(ledger.credit / 2, 0.0))
            ledger.charge(COMMON, self._cost)

    def _look(
        self, snapshot: Snapshot, model: GenerativeModel[Any], sparing: bool = False
    ) -> float:
        """Read the probes and store their readings.

        Returns:
            The seconds of the probes with a share of their own, which their accounts pay.
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
            if sparing and probe.share and not ledger.affords(own, probe.share, ledger.credit / 3):
                continue
            try:
                start = ledger.clock()
                reading = read_probes(probe, model, step)
                # Numbers that are not there in every look are a record of their own.
                (readings if not probe.share else apart).append(reading)
                if probe.share:
                    took = ledger.clock() - start
                    seconds_apart += took
                    if sparing:
                        ledger.charge(own, took)
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
                f"This run goes on without its views: {type(error).__name__}: {error}",
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


class Controls(Observer):
    """Executes commands: pause, resume, stop, pace, a changed option, single steps while paused.

    A single step may be that of one player alone.

    A command that cannot be executed changes nothing and is reported as a warning.

    Args:
        commands: returns those that came since, after waiting for one at most so many seconds.
        status: called with ``paused`` and ``running``.
        watcher: looks when the run pauses, so that what is shown is where it stands.
        algorithm: whose players and options the commands name.
        sink: takes the events that changed the course of the run.
    """

    def __init__(
        self,
        commands: Callable[[float], Sequence[CommandLike]],
        status: Callable[[str], None],
        watcher: Watcher,
        algorithm: Algorithm[Any] | None = None,
        sink: Sink | None = None,
    ) -> None:
        self._commands, self._status, self._watcher = commands, status, watcher
        self._algorithm, self._sink = algorithm, sink
        self._paused, self._pause_shown, self._stop = False, False, False
        #: The single steps that are still to do: for each the player who alone moves, or None.
        self._todo: list[str | None] = []
        #: Seconds that a step takes at least.
        self._pace = 0.0
        self._began = time.perf_counter()

    def alone(self) -> str | None:
        """The only player that the next step updates."""
        return self._todo[0] if self._todo else None

    def _execute_all(self, commands: Sequence[CommandLike], step: int, state: Any) -> None:
        for command in commands:
            try:
                self._execute(command.name, command.values, step, state)
            except (GenlabError, TypeError, ValueError) as error:
                self._report(step, "warning", f"{command.name!r} was not done: {error}")

    def _execute(self, name: str, values: Mapping[str, Any], step: int, state: Any) -> None:
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
                self._report(step, "info", f"From step {step} the {player} alone moves.")
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
            self._report(step, "info", f"From step {step} on: {words}.")

    def _report(self, step: int, level: str, message: str) -> None:
        if self._sink is not None:
            self._sink.event(step, level, message)
            self._sink.flush()

    def begin(self, step: int, state: Any) -> bool:
        return self._hold(step, state)

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        del self._todo[:1]
        return self._hold(step, state)

    def _slowly(self, step: int, state: Any) -> None:
        with self._watcher.ledger.waiting():
            if self._pace >= SLOW:
                self._watcher.look(step, state)
            while self._pace and not self._paused and not self._stop:
                left = self._pace - (time.perf_counter() - self._began)
                if left <= 0:
                    break
                self._execute_all(self._commands(min(left, 0.5)), step, state)
        self._began = time.perf_counter()

    def _hold(self, step: int, state: Any) -> bool:
        self._execute_all(self._commands(0.0), step, state)
        if self._pace:
            self._slowly(step, state)
        if self._paused and not self._todo and not self._stop:
            with self._watcher.ledger.waiting():
                self._watcher.look(step, state)
                self._watcher.settle()
                if not self._pause_shown:
                    self._status("paused")
                    self._pause_shown = True
                while self._paused and not self._todo and not self._stop:
                    self._execute_all(self._commands(0.5), step, state)
        if self._pause_shown and not self._paused and not self._stop:
            self._status("running")
            self._pause_shown = False
        return self._stop


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
