"""What the start and the solution of each challenge reach, by seed: python -m bench.challenges."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import genlab
from genlab import runs
from genlab.challenges import CHALLENGES, Training
from genlab.challenges.base import EXAMPLES, NOISE
from genlab.metrics.evaluation import evaluate
from genlab.runs import foreground, forks
from genlab.runs.catalog import RunView


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


def reached(row: Training, changes: Mapping[str, Any]) -> Iterator[tuple[int, bool, str, float]]:
    """For each seed: whether the goals are reached, the numbers, and the processor seconds."""
    for seed in row.seeds:
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
        yield seed, met, words, spent


def main(names: list[str]) -> None:
    """Measure challenges; all of training where no name is given."""
    with tempfile.TemporaryDirectory() as folder:
        runs.configure("memory:", folder)
        for name in names or CHALLENGES.names():
            row = CHALLENGES[name]
            if not isinstance(row, Training):
                continue
            print(f"{name}: {'; '.join(goal.text for goal in row.goals)}")
            for what, changes in (("start", {}), ("solution", dict(row.solution))):
                for seed, met, words, spent in reached(row, changes):
                    sign = "reached" if met else "not reached"
                    print(f"  {what}, seed {seed}: {words}: {sign} ({spent:.1f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
