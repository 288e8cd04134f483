"""The commands to a running training: pause, resume, stop, pace, changed options, single steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from genlab.core.errors import GenlabError, SpecError
from genlab.train.algorithm import Algorithm, Info
from genlab.train.observers import Observer, Sink, Watcher

#: From this many seconds per step on, the probes run at every step.
SLOW = 0.2
#: Seconds between two checks whether it is this run's turn.
TURN = 0.01
#: With what the event of a change begins.
CHANGED = "From step"


def tells_a_change(event: Mapping[str, Any]) -> bool:
    """Whether an event of a run says that somebody changed its training on the way.

    Args:
        event: the payload of its record.

    Example:
        >>> tells_a_change({"level": "info", "message": "From step 3 on: lr = 0.1."})
        True
    """
    return event.get("level") == "info" and str(event.get("message", "")).startswith(CHANGED)


class CommandLike(Protocol):
    """A command for a run.

    ``pause``, ``resume``, ``stop``; ``step`` {"n": 1, "player": "generator"}, where the player is
    optional and then is the only one to be updated; ``pace`` {"rate": 2.0}, the largest number of
    steps a second, 0 for no limit; with {"rate": 8.0, "growth": 0.1} the limit at step s is the
    larger of 8 and 0.1 s, so that each doubling of the steps takes the same time; ``set`` {"lr":
    1e-4}, options of the algorithm from this step on.
    """

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Its arguments."""


class Controls(Observer):
    """Executes commands: pause, resume, stop, pace, a changed option, single steps while paused.

    A single step may update one player alone.

    A command that cannot be executed changes nothing and is reported as a warning.

    Args:
        commands: returns the new commands; waits for one at most the given number of seconds.
        status: called with ``paused`` and ``running``.
        watcher: runs the probes when the run pauses, so that the page shows the present state.
        algorithm: has the players and options that the commands name.
        sink: takes the events that changed the course of the run.
        turn: returns whether the next step may be taken now; None: always.
    """

    def __init__(
        self,
        commands: Callable[[float], Sequence[CommandLike]],
        status: Callable[[str], None],
        watcher: Watcher,
        algorithm: Algorithm[Any] | None = None,
        sink: Sink | None = None,
        turn: Callable[[int], bool] | None = None,
    ) -> None:
        self._commands, self._status, self._watcher = commands, status, watcher
        self._algorithm, self._sink, self._turn = algorithm, sink, turn
        self._paused, self._pause_shown, self._stop = False, False, False
        #: The remaining single steps: for each the only player to be updated, or None for all.
        self._todo: list[str | None] = []
        #: The limit of steps a second, and its growth per step; 0 for no limit.
        self._rate, self._growth = 0.0, 0.0
        self._began = time.perf_counter()

    def alone(self) -> str | None:
        """The only player that the next step updates."""
        return self._todo[0] if self._todo else None

    def _execute_all(self, commands: Sequence[CommandLike], step: int, state: Any) -> None:
        for command in commands:
            try:
                self._execute(command.name, command.values, step, state)
            except (GenlabError, TypeError, ValueError) as error:
                self._report(step, "warning", f"{command.name!r} was not executed: {error}")

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
                self._report(step, "info", f"{CHANGED} {step} on, only the {player} is updated.")
            self._todo += [player] * max(1, int(values.get("n", 1)))
            self._paused = True
        elif name == "pace":
            rate, growth = float(values["rate"]), float(values.get("growth", 0.0))
            if not 0.0 <= rate < math.inf:
                raise SpecError("rate", rate, "allowed: steps a second, 0 for no limit")
            if not 0.0 <= growth < math.inf:
                raise SpecError("growth", growth, "allowed: 0 or more, a second")
            self._rate, self._growth = rate, growth
        elif name == "set" and self._algorithm is not None:
            self._algorithm.set_options(state, values)
            words = ", ".join(f"{key} = {value}" for key, value in values.items())
            self._report(step, "info", f"{CHANGED} {step} on: {words}.")

    def _report(self, step: int, level: str, message: str) -> None:
        if self._sink is not None:
            self._sink.event(step, level, message)
            self._sink.flush()

    def begin(self, step: int, state: Any) -> bool:
        return self._hold(step, state)

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        del self._todo[:1]
        return self._hold(step, state)

    def seconds(self, step: int) -> float:
        """The least duration of the next step in seconds."""
        rate = max(self._rate, self._growth * step) if self._rate else 0.0
        return 1.0 / rate if rate else 0.0

    def _slowly(self, step: int, state: Any) -> None:
        ledger = self._watcher.ledger
        with ledger.waiting():
            if self.seconds(step) >= SLOW:
                self._watcher.look(step, state)
            begun = time.perf_counter()
            while self._rate and not self._paused and not self._stop:
                left = self.seconds(step) - (time.perf_counter() - self._began)
                if left <= 0:
                    break
                self._execute_all(self._commands(min(left, 0.5)), step, state)
            ledger.rest(time.perf_counter() - begun)
        self._began = time.perf_counter()

    def _wait_for_turn(self, step: int, state: Any, turn: Callable[[int], bool]) -> None:
        with self._watcher.ledger.waiting():
            while not self._paused and not self._stop:
                self._execute_all(self._commands(TURN), step, state)
                if turn(step):
                    break
        self._began = time.perf_counter()

    def _hold(self, step: int, state: Any) -> bool:
        self._execute_all(self._commands(0.0), step, state)
        if self._rate:
            self._slowly(step, state)
        if self._turn is not None and not self._turn(step):
            self._wait_for_turn(step, state, self._turn)
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
