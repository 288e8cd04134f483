"""Symptoms: functions of a run's history that return a finding or None."""

from __future__ import annotations

import abc
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from genlab.core.errors import GenlabError
from genlab.core.registry import Registry
from genlab.core.run_spec import KINDS, Combination
from genlab.sentinel.statistics import start_of_last_run

LOG = logging.getLogger(__name__)
Severity = Literal["serious", "warning"]
SYMPTOMS: Registry[type[Symptom]] = Registry("symptom", "genlab.sentinel")


@dataclass(frozen=True)
class Curve:
    """One series of a run.

    Args:
        steps, values: (n,) each, steps rising; NaN where a value was not finite.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.steps)

    def last(self, k: int) -> float:
        """The median of the last k values, NaN where there are fewer than k."""
        part = self.values[-k:]
        return float(np.median(part)) if len(part) == k else math.nan


class History:
    """The history of a run: its series, its status and its spec.

    Args:
        spec: the flat values of the run.
        series: what its numbers are (flat :class:`genlab.core.measure.Series`).
        steps: how many it shall take.
        status: as the run store has it.
        message: what is said of the end.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        series: Sequence[Mapping[str, Any]] = (),
        *,
        steps: int = 0,
        status: str = "running",
        message: str = "",
    ) -> None:
        self.spec, self.step = dict(spec), 0
        self.tell(series, steps=steps, status=status, message=message)
        self._steps: dict[str, list[int]] = {}
        self._values: dict[str, list[float]] = {}

    def tell(
        self, series: Sequence[Mapping[str, Any]], *, steps: int, status: str, message: str
    ) -> None:
        """Update the run's status; its series are known after the first step."""
        self.series = {str(row["name"]): row for row in series}
        self.steps, self.status, self.message = steps, status, message

    def add(self, step: int, values: Mapping[str, float | None]) -> None:
        """Add the numbers of a step; a resumed run may repeat its last steps."""
        self.step = max(self.step, step)
        for name, value in values.items():
            steps = self._steps.setdefault(name, [])
            known = self._values.setdefault(name, [])
            while steps and steps[-1] >= step:
                steps.pop()
                known.pop()
            steps.append(step)
            known.append(math.nan if value is None else float(value))

    def curve(self, name: str) -> Curve:
        """The series of this name; empty where there is none."""
        steps = np.asarray(self._steps.get(name, ()), dtype=np.int64)
        return Curve(steps, np.asarray(self._values.get(name, ()), dtype=np.float64))

    @property
    def names(self) -> frozenset[str]:
        """The names of the series that have values."""
        return frozenset(self._steps)

    def truth(self, name: str) -> float:
        """The value of a series for an ideal model, NaN where it is unknown."""
        value = self.series.get(name, {}).get("truth")
        return math.nan if value is None else float(value)

    def kind(self, name: str) -> str:
        """The kind of a series and its sample size, as text.

        Example:
            >>> row = {"name": "kl", "kind": "Monte Carlo", "n": 2000}
            >>> History({}, [row]).kind("kl")
            'Monte Carlo, n = 2,000'
        """
        row = self.series.get(name, {})
        words = str(row.get("kind", ""))
        return f"{words}, n = {row['n']:,}" if row.get("n") else words


@dataclass(frozen=True)
class Remedy:
    """A change of options that may help.

    Args:
        text: a phrase that follows "Fork with".
        changes: of the run's options.
        anew: whether it only makes sense from the first step.
    """

    text: str
    changes: Mapping[str, Any]
    anew: bool = False


@dataclass(frozen=True)
class Finding:
    """A detected failure.

    Args:
        since: the first step from which it has lasted.
        evidence: numbers with their kind, unit and sample size, in sentences.
        cause: the likely cause, a sentence or two; with the source where there is one.
        remedies: those that this run's options allow.
        name, title: of the symptom.
    """

    since: int
    evidence: Sequence[str]
    cause: str
    remedies: Sequence[Remedy] = ()
    severity: Severity = "warning"
    name: str = ""
    title: str = ""


class Symptom(abc.ABC):
    """One kind of failure of a run.

    It can be seen in the runs that have the series it needs: nothing asks for a model's name.
    """

    name: ClassVar[str]
    #: Sets of series, each of which suffices.
    needs: ClassVar[Sequence[Sequence[str]]] = ()

    @classmethod
    def fits(cls, history: History) -> bool:
        """Whether this run records the series that the symptom needs."""
        return any(history.names.issuperset(names) for names in cls.needs)

    @abc.abstractmethod
    def look(self, history: History) -> Finding | None:
        """The finding, or None."""


def vary_spec(spec: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The flat values of a run with changes; None where that run is impossible.

    Options that the changed run does not have are left out.

    Example:
        >>> ring = {"model": "gan", "data": "ring", "objective": "wgan", "clip": 0.1}
        >>> vary_spec(ring, {"objective": "r1"})["gamma"], vary_spec(ring, {"objective": "elbo"})
        (1.0, None)
    """
    wanted = {**spec, **changes}
    try:
        combination = Combination.of(wanted)
        known = {row.name for rows in combination.options().values() for row in rows}
        if not known.union(KINDS).issuperset(changes):
            return None
        return combination.spec({k: v for k, v in wanted.items() if k in known}).flat()
    except GenlabError:
        return None


def possible(history: History, remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """The remedies that change something and give a valid run, each change once."""
    found: list[Remedy] = []
    for remedy in remedies:
        if any(remedy.changes == known.changes for known in found):
            continue
        new = vary_spec(history.spec, remedy.changes)
        if new is not None and any(new[name] != history.spec.get(name) for name in remedy.changes):
            found.append(remedy)
    return tuple(found)


def watched_symptoms(history: History) -> list[str]:
    """The titles of the symptoms that this run's series can show."""
    return [row.title for row in SYMPTOMS.rows() if row.value.fits(history)]


def look(history: History) -> list[Finding]:
    """The findings in a run, the most serious first."""
    found = []
    for row in SYMPTOMS.rows():
        try:
            finding = row.value().look(history) if row.value.fits(history) else None
        except Exception:
            # One that cannot look must not hide what the others see.
            LOG.exception("the symptom %r could not be looked for", row.name)
            continue
        if finding is not None:
            remedies = possible(history, finding.remedies)
            found.append(replace(finding, name=row.name, title=row.title, remedies=remedies))
    return sorted(found, key=lambda one: (one.severity != "serious", one.since))


#: The part of a run's planned steps before which nothing is called collapsed: an untrained net
#: says the same of everything, and that is no failure.
UNTRAINED = 0.02


def after_start(history: History, curve: Curve) -> NDArray[np.bool_]:
    """Where a curve is of a net that has been trained for a while, (n,)."""
    return np.asarray(curve.steps >= max(1.0, UNTRAINED * history.steps))


def holds_since(
    history: History, curve: Curve, mask: NDArray[np.bool_], *, part: float, least: int
) -> int | None:
    """The step since which a condition has held without a break, if for long enough.

    Args:
        history: of the run.
        curve: on whose steps the condition is known.
        mask: where it holds, (n,).
        part: of the run's planned steps that it must have lasted.
        least: records that it must have lasted.
    """
    first = start_of_last_run(mask)
    if first is None or len(mask) - first < least:
        return None
    since = int(curve.steps[first])
    return since if history.step - since >= part * history.steps else None
