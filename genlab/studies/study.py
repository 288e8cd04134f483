"""The definition of a study: a base run, arms that change it, and seeds."""

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
        name: its changes, or a word for existing runs.
        changes: the options that differ from the study's base, by name.
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
        title: the title in lists.
        base: the flat options that all arms share, as given.
        arms: the first is the one with which the others are compared.
        cells: the runs.
        paused: whether its waiting runs are held back.
        owner: the browser that owns it; empty for the machine.
        search: the search for its second arm; None if the arms were given.
        stop_early: whether it stops as soon as a difference is unlikely to be found.
        stopped: the reason of an early stop, in a sentence; otherwise empty.
        quality: whether the quality of the samples is measured too.
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
    quality: bool = False

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
        """The number of runs in all, with those of its search and those after the search."""
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
            "quality": self.quality,
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
            bool(values.get("quality", False)),
        )


def arms_of(vary: Mapping[str, Sequence[Any]]) -> tuple[Arm, ...]:
    """Every combination of the values of the varied options, in order.

    Args:
        vary: the values of each varied option.

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
            raise SpecError(name, list(values), "seeds cannot be varied; give their number")
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
    """A cell for every arm and seed, ordered by seed, so that all arms grow at the same rate.

    The id of a run follows from study, arm and seed, so no cell is queued twice after a crash.

    Example:
        >>> [cell.run for cell in cells_of("lr", 2, [0])]
        ['lr-a1-s0', 'lr-a2-s0']
    """
    return tuple(
        Cell(arm, seed, f"{name}-a{arm + 1}-s{seed}") for seed in seeds for arm in range(arms)
    )
