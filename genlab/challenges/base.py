"""A challenge: limits, a number, and a threshold that every seed must reach.

A challenge of training names the seeds, so that nobody wins by drawing lots, and asks that the
worse end of the number's 95 % interval reaches the threshold for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genlab.core.registry import Registry
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.lessons.panels import Curves

#: Seeds of the runs that are judged.
SEEDS = (0, 1, 2)
#: Test examples that a number is measured on, and the seed of its noise.
EXAMPLES, NOISE = 1000, 0
#: Options of a run that change nothing of what it learns.
FREE = ("seed", "snapshots")


@dataclass(frozen=True)
class Goal:
    """A number and the threshold that it must reach.

    Args:
        metric: a name among the metrics of ``genlab evaluate``.
        says: what it is, in words.
        unit: of it.
        low, high: the interval must lie above, or below; one of them is None.
    """

    metric: str
    says: str
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The goal in words.

        Example:
            >>> Goal("modes", "modes reached", "", low=8.0).text
            'modes reached: at least 8'
        """
        word, value = ("at least", self.low) if self.low is not None else ("at most", self.high)
        return f"{self.says}: {word} {value:g} {self.unit}".strip()

    def is_met(self, estimate: Mapping[str, Any]) -> bool:
        """Whether the whole interval of an estimate reaches the threshold.

        Example:
            >>> Goal("elbo", "ELBO", "nats", low=-25.0).is_met({"low": -24.9, "high": -24.1})
            True
        """
        if self.low is not None:
            return float(estimate["low"]) >= self.low
        return float(estimate["high"]) <= float(self.high or 0.0)


@dataclass(frozen=True)
class Training:
    """A challenge that is met by training.

    Args:
        title: what lists show.
        asks: what to do, Markdown.
        start: the options that the form opens with; alone they do not reach the goal.
        fixed: names of options of ``start`` that must stay. With ``data`` stay all options of it:
            how wide its modes are, or whether its pixels are binary, decides what a number is.
        steps: training steps at most; a fork counts from its first step.
        goals: all must be reached.
        solution: options that reach the goals; for a repair the changes of the fork.
        fork_at: for a repair: the run of ``start`` is given, and one fork, begun after this many
            steps at least, must reach the goals. 0 for runs of your own.
        seconds: of training at most; 0 for no limit.
        hint: where to look, a sentence.
        seeds: of the runs that are judged.
    """

    title: str
    asks: str
    start: Mapping[str, Any]
    fixed: tuple[str, ...]
    steps: int
    goals: tuple[Goal, ...]
    solution: Mapping[str, Any]
    fork_at: int = 0
    seconds: float = 0.0
    hint: str = ""
    seeds: tuple[int, ...] = SEEDS

    @property
    def is_repair(self) -> bool:
        """Whether a given run is to be repaired by one fork."""
        return self.fork_at > 0

    def given(self, seed: int) -> RunSpec:
        """The run that the challenge begins with."""
        return RunSpec.build(**{**self.start, "seed": seed})

    @property
    def kept(self) -> tuple[str, ...]:
        """The options that must stay: the fixed ones, and those of a fixed dataset.

        Example:
            >>> row = Training("", "", {"data": "moons", "model": "maf"}, ("data",), 1, (), {})
            >>> row.kept
            ('data', 'points', 'std')
        """
        if "data" not in self.fixed:
            return self.fixed
        data = DATASETS[str(self.start["data"])].Options.table()
        return tuple(dict.fromkeys((*self.fixed, *(option.name for option in data))))

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits in words."""
        known = self.given(self.seeds[0]).flat()
        found = [f"{name} = {known[name]}" for name in self.fixed]
        if "data" in self.fixed:
            found.append("the options of the data as they are")
        found.append(f"at most {self.steps:,} steps")
        if self.seconds:
            found.append(f"at most {self.seconds:g} s of training")
        if self.is_repair:
            found.append(f"one fork of the given run, at step {self.fork_at:,} or later")
        seeds = ", ".join(map(str, self.seeds))
        return (*found, f"for each of the seeds {seeds}")


@dataclass(frozen=True)
class Pictures:
    """A challenge that is met by looking: which of the choices drew each picture.

    Args:
        title: what lists show.
        asks: what to do, Markdown.
        choices: the answers by name, with their titles.
        hidden: the right answer of each picture; a lucky guess of all is rare.
        draw: from an answer to its picture.
    """

    title: str
    asks: str
    choices: Callable[[], Mapping[str, str]]
    hidden: tuple[str, ...]
    draw: Callable[[str], Curves]
    hint: str = ""

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits in words."""
        n, k = len(self.hidden), len(self.choices())
        return (
            f"{n} pictures, all of them right",
            f"{k} choices each: guesses alone win once in {k**n:,}",
        )

    def is_met(self, answers: Sequence[str]) -> bool:
        """Whether all pictures are told right."""
        return tuple(answers) == self.hidden


Challenge = Training | Pictures
#: The challenges by name.
CHALLENGES: Registry[Challenge] = Registry("challenge", "genlab.challenges")


@dataclass(frozen=True)
class Verdict:
    """What became of an entry.

    Args:
        met: whether every goal is reached for every seed.
        lines: one sentence for each seed and goal.
        value: the worst number of the first goal, for the order of the board.
        runs: that were judged.
    """

    met: bool
    lines: tuple[str, ...] = ()
    value: float = 0.0
    runs: tuple[str, ...] = field(default=())
