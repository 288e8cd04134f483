"""Curves of a study: for each arm the median over seeds, and a band that says what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.studies.study import Study

#: Points of a curve at most.
POINTS = 200
#: From so many runs in every arm on a band holds the middle 80 %. With fewer the 10th percentile
#: would be interpolated between the two lowest runs, so the band is that of all.
MANY = 10


@dataclass(frozen=True)
class Band:
    """A series of one arm over its seeds.

    Args:
        arm: its name.
        step: (n,).
        median, low, high: over the runs that have reached the step, (n,).
        runs: by run id its own curve, (n,); NaN beyond its end.
        percent: what ``low`` and ``high`` are, as percentiles over the runs; alike in all arms.
    """

    arm: str
    step: NDArray[np.float64]
    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    runs: Mapping[str, NDArray[np.float64]]
    percent: tuple[float, float] = (0, 100)


def band_words(band: Band) -> str:
    """What lies between the ends of a band.

    Example:
        >>> none = np.zeros(0)
        >>> band_words(Band("a", none, none, none, none, {}, (10, 90)))
        'from the 10th to the 90th percentile of the seeds'
    """
    low, high = band.percent
    if (low, high) == (0, 100):
        return "from the lowest to the highest seed"
    return f"from the {low:g}th to the {high:g}th percentile of the seeds"


def series_of(study: Study) -> dict[str, str]:
    """The series that runs of the study record: title by name."""
    found: dict[str, str] = {}
    for cell in study.cells:
        try:
            for one in runs.open_run(cell.run).series:
                found.setdefault(one.name, one.title)
        except RunNotFound:
            continue
    return found


def bands(study: Study, name: str) -> list[Band]:
    """The bands of a series, one an arm that has recorded it.

    Each run's curve is interpolated between its records on a common grid of steps.

    Args:
        study: the study.
        name: of the series.
    """
    curves: dict[int, dict[str, tuple[list[float], list[float]]]] = {}
    for cell in study.cells:
        try:
            view = runs.open_run(cell.run)
        except RunNotFound:
            continue
        steps, values = [], []
        after = 0
        while page := view.read(after=after, limit=5000, kinds={"scalars"}):
            for record in page:
                value = record.payload.get(name)
                if value is not None and np.isfinite(value):
                    steps.append(float(record.step))
                    values.append(float(value))
            after = page[-1].seq
        if steps:
            curves.setdefault(cell.arm, {})[cell.run] = (steps, values)
    fewest = min((len(drawn) for drawn in curves.values()), default=0)
    percent = (10, 90) if fewest >= MANY else (0, 100)
    found = []
    for arm, drawn in sorted(curves.items()):
        every = np.unique(np.concatenate([steps for steps, _ in drawn.values()]))
        grid = every[np.linspace(0, len(every) - 1, min(POINTS, len(every))).astype(int)]
        lines = {
            run: np.interp(grid, *_rising(steps, values), left=np.nan, right=np.nan)
            for run, (steps, values) in drawn.items()
        }
        stack = np.stack(list(lines.values()))
        there = np.isfinite(stack).any(axis=0)
        stack, grid = stack[:, there], grid[there]
        lines = {run: line[there] for run, line in lines.items()}
        low, high = np.nanpercentile(stack, percent, axis=0)
        middle = np.nanmedian(stack, axis=0)
        found.append(Band(study.arms[arm].name, grid, middle, low, high, lines, percent))
    return found


def _rising(
    steps: list[float], values: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The last value of each step, in the order of the steps (a resumed run repeats some)."""
    last = dict(zip(steps, values, strict=True))
    order = sorted(last)
    return np.array(order), np.array([last[step] for step in order])
