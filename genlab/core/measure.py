"""Estimates with their kind, unit, sample size and direction."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["exact", "Monte Carlo", "lower bound", "upper bound", "grid", "training batch"]
Direction = Literal["lower", "higher", "none"]


@dataclass(frozen=True)
class Series:
    """A named number over the steps of a run, with everything that a chart states about it.

    Args:
        name: key in the records (``elbo``); unique in a run.
        title: what the legend says (``ELBO``).
        group: the chart it is drawn in (``loss``, ``divergence``, ``confidence``, ``latent``).
        unit: ``nats``, ``bits/dim``, ``probability``, ``count``, ...
        kind: how the number was computed; ``training batch`` is a mean over the step's own batch.
        n: from how many samples, 0 where it does not apply.
        direction: which way is better.
        truth: the constant that an ideal model reaches, drawn as a line; None where unknown.
        truth_label: what that constant is (``log 2``, ``floor of a perfect sampler``).
    """

    name: str
    title: str
    group: str
    unit: str
    kind: Kind
    n: int = 0
    direction: Direction = "none"
    truth: float | None = None
    truth_label: str = ""

    def flat(self) -> dict[str, Any]:
        """The series as plain values, for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Estimate:
    """One number with its error.

    Args:
        value: the number.
        series: what it is.
        low, high: a 95 % interval, equal to the value where the number is exact.
    """

    value: float
    series: Series
    low: float
    high: float

    def flat(self) -> dict[str, Any]:
        """The estimate as plain values, for JSON."""
        row = self.series.flat()
        return {"value": self.value, "low": self.low, "high": self.high} | {
            key: row[key] for key in ("title", "unit", "kind", "n", "direction")
        }


@dataclass(frozen=True)
class Picture:
    """A picture of a step: a sheet of images, points, bars, ...

    Args:
        form: a name in the table :data:`genlab.panels.PANELS`, which says how it is drawn.
        title: the title of the panel.
        payload: plain values and arrays, as the form's ``fields`` describe them.
        note: kind of number, unit and sample size, in words.
    """

    form: str
    title: str
    payload: dict[str, Any]
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """The result of a probe at a step: numbers by series name, pictures by panel name."""

    values: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
