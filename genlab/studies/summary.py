"""The result of a study: the differences between its arms, over seeds and test examples."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genlab import runs
from genlab.compare.difference import finite, holm
from genlab.compare.over_seeds import (
    SeedDifference,
    Verdict,
    crossed_difference,
    independent_seeds,
    paired_seeds,
    verdict,
)
from genlab.report.tables import METRIC_VALUES, SEED, merge_results
from genlab.runs.store import ACTIVE
from genlab.studies.state import StudyState
from genlab.studies.study import Study

#: The metric of the headline is the first of these that all arms have.
FIRST = (
    "test_log_prob", "test_elbo", "test_iwae_100", "grid_js", "quality_frechet", "test_energy",
)  # fmt: skip
#: The statuses of runs that have ended without a model to measure.
BAD = ("diverged", "failed", "lost", "stopped")
CAUTION = (
    "The interval of a difference is over seeds and, where the metric is a mean over test "
    "examples, over these too. The p-values are corrected by Holm over all rows. A study that is "
    "extended until something is significant finds differences too often."
)


@dataclass(frozen=True)
class ArmValue:
    """A metric of one arm.

    Args:
        arm: its name.
        values: one number a seed, in the order of the seeds.
        seeds: those seeds.
    """

    arm: str
    values: tuple[float, ...]
    seeds: tuple[int, ...]

    @property
    def median(self) -> float:
        """The median over seeds."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Row:
    """One metric of two arms.

    Args:
        name, title, unit, direction: of the metric.
        first, second: the arms.
        difference: second − first.
        adjusted: its p-value by Holm over all rows.
        verdict: the conclusion about it.
    """

    name: str
    title: str
    unit: str
    direction: str
    first: ArmValue
    second: ArmValue
    difference: SeedDifference
    adjusted: float
    verdict: Verdict


@dataclass(frozen=True)
class Summary:
    """The result of a study.

    Args:
        sentence: the result in one sentence.
        rows: every metric of every pair of the first arm and another.
        losses: sentences on the runs that ended badly.
        measured: the number of runs, of ``planned``, whose metrics are included.
        planned: runs of the study.
    """

    sentence: str
    rows: tuple[Row, ...]
    losses: tuple[str, ...]
    measured: int
    planned: int


def metric_jobs(study: Study, run: str, step: int) -> list[tuple[str, dict[str, Any]]]:
    """The jobs that measure a run of a study: the kind and the values of each."""
    at = {"run": run, "step": step, "seed": SEED}
    jobs = [("evaluate", {**at, **METRIC_VALUES})]
    return [*jobs, ("sample_quality", at)] if study.quality else jobs


def collect_metrics(
    study: Study,
    progress: StudyState,
    get: Callable[[str, Mapping[str, Any]], Mapping[str, Any] | None],
) -> dict[str, Mapping[str, Any]]:
    """The metrics of the finished runs, by run.

    Args:
        study: the study.
        progress: the status of its runs.
        get: called with the kind and the values of a job; its result, or None while there is
            none. A run is left out until all its results are there.
    """
    found = dict[str, Mapping[str, Any]]()
    for cell in study.cells:
        row = progress.rows.get(cell.run)
        if row is None or row.status != "done":
            continue
        there = runs.open_run(cell.run).snapshots()
        if there:
            results = [get(*job) for job in metric_jobs(study, cell.run, there[-1])]
            known = [result for result in results if result is not None]
            if len(known) == len(results):
                found[cell.run] = merge_results(known)
    return found


def summarise(
    study: Study,
    progress: StudyState,
    found: Mapping[str, Mapping[str, Any]],
    metric: str = "",
    collapsed: Mapping[str, str] | None = None,
) -> Summary:
    """Compare every arm with the first, metric by metric.

    Runs of the same seed are paired, since they share the order of the data and the test
    examples. If the metric is a mean over the same test examples, the interval is over seeds and
    examples, otherwise over seeds.

    Args:
        study: the study.
        progress: the status of its runs.
        found: the results by run, as of :func:`collect_metrics`.
        metric: the metric of the headline; if empty, the first of a list of usual ones.
        collapsed: the title of the collapse of each collapsed run
            (:func:`genlab.studies.collapse.collapsed_runs`).
    """
    pairs = []
    for second in range(1, len(study.arms)):
        for about, one, two, difference in _pairs(study, found, second):
            pairs.append((about, one, two, difference))
    adjusted = holm([1.0 if math.isnan(d.p) else d.p for *_, d in pairs])
    rows = tuple(
        Row(
            about["name"],
            about["title"],
            about["unit"],
            about["direction"],
            one,
            two,
            difference,
            p,
            verdict(difference, p, about["direction"], one.arm, two.arm),
        )
        for (about, one, two, difference), p in zip(pairs, adjusted, strict=True)
    )
    losses = (*_losses(study, progress), *_collapses(study, collapsed or {}))
    sentence = " ".join(filter(None, (
        _sentence(study, progress, rows, metric), _counted(losses) if rows else "", study.stopped,
    )))  # fmt: skip
    return Summary(sentence, rows, losses, len(found), len(study.cells))


def _by_seed(study: Study, found: Mapping[str, Mapping[str, Any]], arm: int) -> dict[int, Any]:
    return {
        cell.seed: found[cell.run] for cell in study.cells if cell.arm == arm and cell.run in found
    }


def _pairs(
    study: Study, found: Mapping[str, Mapping[str, Any]], second: int
) -> list[tuple[Mapping[str, Any], ArmValue, ArmValue, SeedDifference]]:
    one, two = (_by_seed(study, found, arm) for arm in (0, second))
    names = (study.arms[0].name, study.arms[second].name)
    abouts: dict[str, Mapping[str, Any]] = {}
    for side in (*one.values(), *two.values()):
        for row in side["metrics"]:
            if row.get("direction") in {"lower", "higher"} and not row["name"].endswith("_p"):
                abouts.setdefault(row["name"], row)
    result = []
    for name, about in abouts.items():
        a, b = (_numbers(side, name) for side in (one, two))
        shared = sorted(a.keys() & b.keys())
        if shared:
            difference = _difference(one, two, name, shared, a, b)
        elif a and b:
            difference = independent_seeds(list(a.values()), list(b.values()))
        else:
            continue
        values = (
            ArmValue(arm, tuple(side[s] for s in sorted(side)), tuple(sorted(side)))
            for arm, side in zip(names, (a, b), strict=True)
        )
        result.append((about, *values, difference))
    return result  # type: ignore[return-value]


def _numbers(side: Mapping[int, Any], name: str) -> dict[int, float]:
    found = {}
    for seed, result in side.items():
        row = next((row for row in result["metrics"] if row["name"] == name), None)
        if row is not None and finite(row):
            found[seed] = float(row["value"])
    return found


def _difference(
    one: Mapping[int, Any],
    two: Mapping[int, Any],
    name: str,
    seeds: Sequence[int],
    a: Mapping[int, float],
    b: Mapping[int, float],
) -> SeedDifference:
    digests = {side[s].get("examples") for side in (one, two) for s in seeds}
    values = [(one[s].get(f"values.{name}"), two[s].get(f"values.{name}")) for s in seeds]
    same = len(digests) == 1 and None not in digests
    if same and all(x is not None and y is not None for x, y in values):
        sides = [(np.asarray(x, float), np.asarray(y, float)) for x, y in values]
        sizes = {len(z) for pair in sides for z in pair}
        if len(sizes) == 1 and max(sizes) > 1:
            d = np.stack([y - x for x, y in sides])
            if np.isfinite(d).all():
                return crossed_difference(d)
    return paired_seeds([a[s] for s in seeds], [b[s] for s in seeds])


def _losses(study: Study, progress: StudyState) -> tuple[str, ...]:
    found = []
    for arm, counts in zip(study.arms, progress.counts, strict=True):
        whole = sum(counts.values())
        for status in BAD:
            if status == "stopped" and study.stopped:
                continue
            if counts.get(status):
                found.append(f"{arm.name}: {counts[status]} of {whole} runs {_word(status)}")
    return tuple(found)


def _collapses(study: Study, collapsed: Mapping[str, str]) -> tuple[str, ...]:
    found = []
    for number, arm in enumerate(study.arms):
        runs_of_arm = [cell.run for cell in study.cells if cell.arm == number]
        bad = Counter(collapsed[run] for run in runs_of_arm if run in collapsed)
        for title, count in bad.items():
            found.append(
                f"{arm.name}: {count} of {len(runs_of_arm)} runs collapsed ({title.lower()})"
            )
    return tuple(found)


def _counted(losses: Sequence[str]) -> str:
    """A sentence on the runs that ended badly, which are part of the result."""
    if not losses:
        return ""
    return (
        f"Bad endings: {'; '.join(losses)}. Collapsed runs are in the interval; those without a "
        "model to measure are not, which favours the arm that loses more."
    )


def leading(rows: Sequence[Row], metric: str = "") -> list[Row]:
    """The rows of the headline's metric, one for each compared arm.

    Args:
        rows: of a summary.
        metric: its name; if empty or not measured, the first of a list of usual ones.
    """
    known = {row.name for row in rows}
    if not known:
        return []
    name = metric if metric in known else next((n for n in FIRST if n in known), rows[0].name)
    return [row for row in rows if row.name == name]


def _word(status: str) -> str:
    return {"lost": "were lost", "stopped": "were stopped"}.get(status, status)


def _sentence(study: Study, progress: StudyState, rows: Sequence[Row], metric: str) -> str:
    if len(study.arms) < 2:
        return "A study of one arm has nothing to compare; its spread over seeds is below."
    if not rows:
        waiting = sum(row.status in ACTIVE for row in progress.rows.values())
        return (
            f"Nothing is measured yet: {waiting} runs wait or train."
            if waiting
            else "Nothing can be compared: no metric was measured in two arms."
        )
    about = leading(rows, metric)
    parts = [_clause(row) for row in about]
    return f"{'; '.join(parts)} ({about[0].difference.how}). Measured by {about[0].title}."


def _clause(row: Row) -> str:
    d = row.difference
    if not row.verdict.decided:
        reason = row.verdict.words.removeprefix("not decided: ")
        return f"Not decided between {row.first.arm} and {row.second.arm}: {reason}"
    low, high = sorted((abs(d.low), abs(d.high)))
    return f"{row.verdict.words} by {abs(d.value):.4g} {row.unit} [{low:.4g}, {high:.4g}]"
