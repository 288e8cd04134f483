"""What the start and the solution of each challenge reach, by seed.

The seeds that judge an entry are trained first, then fresh ones that no threshold was set on. Then
each goal has a line: the worse end of the 95 % interval of the best start and of the worst
solution, with the threshold between them.

    python -m bench.challenges [NAME ...] [--fresh 11,12,13,14,15]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import genlab
from genlab import runs
from genlab.challenges import CHALLENGES, Training
from genlab.challenges.base import EXAMPLES, NOISE, Goal
from genlab.metrics.evaluation import evaluate
from genlab.runs import foreground, forks
from genlab.runs.catalog import RunView

#: Seeds that judge no entry of any challenge.
FRESH = (11, 12, 13, 14, 15)


def train(row: Training, changes: Mapping[str, Any], seed: int) -> RunView:
    """The run of a challenge's start with changed options; for a repair the fork of that run."""
    if not row.is_repair:
        return genlab.train(**{**row.start, **changes, "seed": seed})
    given = genlab.train(**{**row.start, "seed": seed})
    if not changes:
        return given
    fork = forks.branch(
        given, row.fork_at, dict(changes), store=runs.store(), folder=runs.files(), title=""
    )
    return foreground.resume(fork)


@dataclass(frozen=True)
class Reached:
    """What a run of one seed reached.

    Args:
        seed: of the run.
        met: whether every goal is reached.
        ends: the worse end of the interval of each goal.
        words: the numbers.
        spent: processor seconds of the training.
    """

    seed: int
    met: bool
    ends: tuple[float, ...]
    words: str
    spent: float


def worse_end(goal: Goal, estimate: Mapping[str, Any]) -> float:
    """The end of an interval that a goal asks for."""
    return float(estimate["low" if goal.low is not None else "high"])


def reached(
    row: Training, changes: Mapping[str, Any], seeds: Sequence[int] = ()
) -> Iterator[Reached]:
    """What is reached for each seed; those that judge an entry where none are named."""
    for seed in seeds or row.seeds:
        start = time.process_time()
        view = train(row, changes, seed)
        spent = time.process_time() - start
        found = evaluate(view.model(), view.data(), NOISE, EXAMPLES, view.spec)
        rows = {one.series.name: one.flat() for one in found}
        met = all(goal.is_met(rows[goal.metric]) for goal in row.goals)
        words = ", ".join(
            f"{goal.metric} {rows[goal.metric]['value']:.4g} "
            f"[{rows[goal.metric]['low']:.4g}, {rows[goal.metric]['high']:.4g}]"
            for goal in row.goals
        )
        ends = tuple(worse_end(goal, rows[goal.metric]) for goal in row.goals)
        yield Reached(seed, met, ends, words, spent)


def summary(row: Training, start: Sequence[Reached], solution: Sequence[Reached]) -> Iterator[str]:
    """For each goal what the best start and the worst solution reach beside the threshold."""
    for k, goal in enumerate(row.goals):
        best, worst = (max, min) if goal.low is not None else (min, max)
        threshold = goal.low if goal.low is not None else goal.high
        yield (
            f"  {goal.metric}: best start {best(one.ends[k] for one in start):.4g}, threshold "
            f"{threshold:g}, worst solution {worst(one.ends[k] for one in solution):.4g}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure challenges, all of training where no name is given; 1 where a row fails."""
    parser = argparse.ArgumentParser(description="What start and solution reach, by seed.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--fresh", default=",".join(map(str, FRESH)), help="seeds beside its own")
    values = parser.parse_args(arguments)
    fresh = [int(one) for one in values.fresh.split(",") if one]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        runs.configure("memory:", folder)
        for name in values.names or CHALLENGES.names():
            row = CHALLENGES[name]
            if not isinstance(row, Training):
                continue
            print(f"{name}: {'; '.join(goal.text for goal in row.goals)}")
            seeds = [*row.seeds, *(seed for seed in fresh if seed not in row.seeds)]
            found: dict[str, list[Reached]] = {"start": [], "solution": []}
            for what, changes in (("start", {}), ("solution", dict(row.solution))):
                for one in reached(row, changes, seeds):
                    found[what].append(one)
                    kind = "" if one.seed in row.seeds else " (fresh)"
                    sign = "reached" if one.met else "not reached"
                    print(
                        f"  {what}, seed {one.seed}{kind}: {one.words}: {sign} "
                        f"({one.spent:.1f} s)",
                        flush=True,
                    )
                    if one.met is (what == "start"):
                        failed.append(f"{name}, {what}, seed {one.seed}")
            print("\n".join(summary(row, found["start"], found["solution"])), flush=True)
    print("against what the table says: " + ("; ".join(failed) or "nothing"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
