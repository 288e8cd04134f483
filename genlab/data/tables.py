"""Small tables: rows of a few named columns, for models of parameters and not of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core import options
from genlab.core.options import Options, option
from genlab.core.random import generator
from genlab.core.tables import DATASETS
from genlab.data.base import DataMeta, Dataset, DataSource, Progress, Split

#: What a regression predicts: the name of the last column.
RESPONSE, OUTCOME = "y", "y (0 or 1)"
TIME = "time"
SCHOOLS = ("effect", "standard error")
#: Rows held out of a table that is made up.
HELD_OUT = 500

#: The eight schools: estimated effects and their standard errors (Rubin 1981).
EIGHT_SCHOOLS_EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
EIGHT_SCHOOLS_ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)


def regression_data(
    n: int = 60, noise: float = 0.5, seed: int = 0, part: str = ""
) -> tuple[Tensor, Tensor]:
    """x (n, 2) and y = 0.5 + 1.5 x_1 - x_2 + noise (n,), made up."""
    source = _source(seed, "linear regression", part)
    x = torch.randn(n, 2, generator=source, dtype=torch.float64)
    error = torch.randn(n, generator=source, dtype=torch.float64)
    return x, 0.5 + 1.5 * x[:, 0] - x[:, 1] + noise * error


def logistic_data(n: int = 80, seed: int = 0, part: str = "") -> tuple[Tensor, Tensor]:
    """x (n, 2) and y in {0, 1} (n,) with log-odds -0.5 + 2 x_1 - x_2, made up."""
    source = _source(seed, "logistic regression", part)
    x = torch.randn(n, 2, generator=source, dtype=torch.float64)
    u = torch.rand(n, generator=source, dtype=torch.float64)
    return x, (u < torch.sigmoid(-0.5 + 2 * x[:, 0] - x[:, 1])).double()


def waiting_data(n: int = 25, seed: int = 0, part: str = "") -> tuple[Tensor]:
    """Waiting times of rate 1.5, (n,), made up."""
    u = torch.rand(n, generator=_source(seed, "waiting times", part), dtype=torch.float64)
    return (-torch.log1p(-u) / 1.5,)


def eight_schools_data() -> tuple[Tensor, Tensor]:
    """Effects and their standard errors, (8,) each."""
    return (
        torch.tensor(EIGHT_SCHOOLS_EFFECTS, dtype=torch.float64),
        torch.tensor(EIGHT_SCHOOLS_ERRORS, dtype=torch.float64),
    )


def _source(seed: int, name: str, part: str) -> torch.Generator:
    return generator(seed, name, part) if part else generator(seed, name)


class Table(DataSource):
    """A table with named columns: each row an example, three independent sets of rows."""

    #: The names of the columns.
    columns: ClassVar[tuple[str, ...]]
    note: ClassVar[str]

    @classmethod
    def meta(cls, options: Any) -> DataMeta:
        return DataMeta((len(cls.columns),), "real", note=cls.note, columns=cls.columns)

    @classmethod
    def rows(cls, options: Any, n: int, part: str) -> tuple[Tensor, ...]:
        """The columns of n rows of a part, ``""`` for the training rows."""
        raise TypeError(f"{cls.__name__} does not say what its rows are")

    @classmethod
    def load(cls, options: Any, progress: Progress | None = None) -> Dataset:
        sizes = {"": options.table_rows, "validation": HELD_OUT, "test": HELD_OUT}
        train, validation, test = (
            Split(torch.column_stack(cls.rows(options, n, part)).float())
            for part, n in sizes.items()
        )
        if progress is not None:
            progress(1.0, f"{options.table_rows} rows made up")
        return Dataset(cls.meta(options), train, validation, test)


@dataclass(frozen=True)
class RegressionTableOptions(Options):
    """Options of the table of a regression."""

    table_rows: int = option(
        60, "training rows, simulated with a fixed seed", low=2, high=10_000, label="Training rows"
    )
    noise_sd: float = option(
        0.5,
        "standard deviation of the noise in y",
        low=0.01,
        high=10.0,
        label="Noise standard deviation",
    )


@DATASETS.register(
    "linear_table",
    title="Linear regression table",
    summary="Rows (x₁, x₂, y) with y = 0.5 + 1.5 x₁ − x₂ + noise.",
    order=190,
)
class LinearTable(Table):
    """x ~ N(0, I₂), y = 0.5 + 1.5 x_1 - x_2 + N(0, noise²)."""

    Options: ClassVar[type[options.Options]] = RegressionTableOptions
    columns = ("x₁", "x₂", RESPONSE)
    note = "Made up: y = 0.5 + 1.5 x₁ − x₂ + noise. No density in closed form is kept."

    @classmethod
    def rows(cls, options: Any, n: int, part: str) -> tuple[Tensor, ...]:
        return regression_data(n, options.noise_sd, part=part)


@dataclass(frozen=True)
class LogisticTableOptions(Options):
    """Options of the table of a logistic regression."""

    table_rows: int = option(
        80, "training rows, simulated with a fixed seed", low=2, high=10_000, label="Training rows"
    )


@DATASETS.register(
    "logistic_table",
    title="Logistic regression table",
    summary="Rows (x₁, x₂, y) where y is 1 with log-odds −0.5 + 2 x₁ − x₂.",
    order=200,
)
class LogisticTable(Table):
    """x ~ N(0, I₂), y ~ Bernoulli(σ(-0.5 + 2 x_1 - x_2))."""

    Options = LogisticTableOptions
    columns = ("x₁", "x₂", OUTCOME)
    note = "Made up: log-odds −0.5 + 2 x₁ − x₂ of y = 1. No density in closed form is kept."

    @classmethod
    def rows(cls, options: Any, n: int, part: str) -> tuple[Tensor, ...]:
        return logistic_data(n, part=part)


@dataclass(frozen=True)
class WaitingOptions(Options):
    """Options of the waiting times."""

    table_rows: int = option(
        25,
        "training times, simulated with a fixed seed",
        low=2,
        high=10_000,
        label="Training rows",
    )


@DATASETS.register(
    "waiting_times",
    title="Waiting times",
    summary="Exponential waiting times of rate 1.5.",
    order=210,
)
class WaitingTimes(Table):
    """x ~ Exponential(1.5)."""

    Options = WaitingOptions
    columns = (TIME,)
    note = "Made up: exponential waiting times of rate 1.5. No density in closed form is kept."

    @classmethod
    def rows(cls, options: Any, n: int, part: str) -> tuple[Tensor, ...]:
        return waiting_data(n, part=part)


@dataclass(frozen=True)
class SchoolsOptions(Options):
    """Options of the eight schools."""

    error_scale: float = option(
        1.0,
        "factor on the standard errors; below 1 each school says more of itself",
        low=0.1,
        high=10.0,
        log=True,
        label="Standard-error factor",
    )


@DATASETS.register(
    "eight_schools",
    title="Eight schools",
    summary="The effect of coaching in eight schools, each with its standard error.",
    order=220,
)
class EightSchools(Table):
    """Estimated effects and standard errors of eight parallel experiments.

    Source: Rubin 1981, "Estimation in parallel randomized experiments".
    """

    Options = SchoolsOptions
    columns = SCHOOLS
    note = (
        "Real: eight schools and no more, so all three splits hold the same eight and nothing "
        "is held out. No density in closed form is kept."
    )

    @classmethod
    def load(cls, options: Any, progress: Progress | None = None) -> Dataset:
        effects, errors = eight_schools_data()
        split = Split(torch.column_stack([effects, errors * options.error_scale]).float())
        if progress is not None:
            progress(1.0, "8 rows")
        return Dataset(cls.meta(options), split, split, split)
