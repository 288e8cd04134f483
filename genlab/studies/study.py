"""What a study is: a base run, arms that change it, and seeds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genlab.core.errors import SpecError
from genlab.core.run_spec import RunSpec
from genlab.studies.search import Search, trial_run

#: Arms, and seeds of an arm, at most.
MOST_ARMS, MOST_SEEDS = 24, 100
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")


@dataclass(frozen=True)
class Arm:
    """One way of training.

    Args:
        name: what it is called: its changes, or a word for runs that were there already.
        changes: options by name, over those of the study's base.
    """

    name: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Args:
        arm: the number of its arm.
        seed: of the run.
        run: its id, known before it is queued.
    """

    arm: int
    seed: int
    run: str


@dataclass(frozen=True)
class Study:
    """Several ways of training, each with the same seeds.

    Args:
        name: short, unique in the store, safe in a URL and a path.
        title: what lists show.
        base: the flat options that all arms share, as they were given.
        arms: the first is the one with which the others are compared.
        cells: the runs.
        paused: whether its waiting runs are held back.
        owner: the browser that owns it; empty for the machine.
        search: what finds its second arm; None where the arms were given.
        stop_early: whether it stops where a difference is unlikely to be found any more.
        stopped: why it was stopped early, in a sentence; empty where it was not.
    """

    name: str
    title: str
    base: Mapping[str, Any]
    arms: tuple[Arm, ...]
    cells: tuple[Cell, ...]
    paused: bool = False
    owner: str = ""
    search: Search | None = None
    stop_early: bool = False
    stopped: str = ""

    @property
    def seeds(self) -> tuple[int, ...]:
        """All seeds, rising."""
        return tuple(sorted({cell.seed for cell in self.cells}))

    @property
    def trial_runs(self) -> tuple[str, ...]:
        """The ids of the runs of its search, whether they are queued yet or not."""
        wanted = 0 if self.search is None else self.search.trials
        return tuple(trial_run(self.name, number) for number in range(wanted))

    @property
    def planned(self) -> int:
        """How many runs it will have, with those of its search and after it."""
        if self.search is None:
            return len(self.cells)
        later = 0 if self.search.ended else 2 * self.search.fresh
        return self.search.trials + (len(self.cells) or later)

    def spec(self, cell: Cell) -> RunSpec:
        """The run of a cell.

        Raises:
            SpecError: for options that are unknown, out of range, or do not fit together.
        """
        return RunSpec.build(**{**self.base, **self.arms[cell.arm].changes, "seed": cell.seed})

    def values(self) -> dict[str, Any]:
        """The study as plain values, for the store."""
        return {
            "title": self.title,
            "base": dict(self.base),
            "arms": [{"name": arm.name, "changes": dict(arm.changes)} for arm in self.arms],
            "cells": [[cell.arm, cell.seed, cell.run] for cell in self.cells],
            "paused": self.paused,
            "stop_early": self.stop_early,
            "stopped": self.stopped,
            **({} if self.search is None else {"search": self.search.values()}),
        }

    @classmethod
    def of(cls, name: str, values: Mapping[str, Any], owner: str = "") -> Study:
        """The study from its plain values."""
        return cls(
            name,
            str(values["title"]),
            dict(values["base"]),
            tuple(Arm(str(row["name"]), dict(row["changes"])) for row in values["arms"]),
            tuple(Cell(int(a), int(s), str(r)) for a, s, r in values["cells"]),
            bool(values.get("paused", False)),
            owner,
            Search.of(values["search"]) if values.get("search") else None,
            bool(values.get("stop_early", False)),
            str(values.get("stopped", "")),
        )


def arms_of(vary: Mapping[str, Sequence[Any]]) -> tuple[Arm, ...]:
    """Every combination of the values of the varied options, in order.

    Args:
        vary: by option the values that it takes.

    Raises:
        SpecError: for an option without values, the seed, or more than 24 arms.

    Example:
        >>> [arm.name for arm in arms_of({"objective": ["wgan", "hinge"], "latent": [2]})]
        ['objective = wgan, latent = 2', 'objective = hinge, latent = 2']
    """
    for name, values in vary.items():
        if not values:
            raise SpecError(name, "", "a study needs at least one value of each varied option")
        if len(set(map(str, values))) < len(values):
            raise SpecError(name, list(values), "each value of a varied option once")
        if name == "seed":
            raise SpecError(name, list(values), "seeds are not varied: give how many there are")
    arms = tuple(
        Arm(
            ", ".join(f"{name} = {value}" for name, value in zip(vary, values, strict=True)),
            dict(zip(vary, values, strict=True)),
        )
        for values in itertools.product(*vary.values())
    )
    if len(arms) > MOST_ARMS:
        raise SpecError("vary", len(arms), f"at most {MOST_ARMS} arms")
    return arms


def cells_of(name: str, arms: int, seeds: Sequence[int]) -> tuple[Cell, ...]:
    """A cell for every arm and seed, seed by seed, so that arms grow evenly.

    The id of a run follows from study, arm and seed: who queues the cells again, after a crash,
    queues none twice.

    Example:
        >>> [cell.run for cell in cells_of("lr", 2, [0])]
        ['lr-a1-s0', 'lr-a2-s0']
    """
    return tuple(
        Cell(arm, seed, f"{name}-a{arm + 1}-s{seed}") for seed in seeds for arm in range(arms)
    )
