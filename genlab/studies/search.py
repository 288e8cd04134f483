"""A search: the ranges of its options, the number of trials, and the series that is optimised."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genlab.core.errors import SpecError
from genlab.core.options import Option
from genlab.core.run_spec import KINDS, Combination, RunSpec

#: Trials, and dimensions of the space, at most.
MOST_TRIALS, MOST_DIMENSIONS = 500, 8
SAMPLERS: Mapping[str, str] = {
    "tpe": "Tree-structured Parzen estimator (Bergstra et al. 2011)",
    "random": "Random search (Bergstra and Bengio 2012)",
}
GRAMMAR = "allowed: OPTION=LOW..HIGH, OPTION=LOW..HIGH:log or OPTION=A,B, as in lr=1e-4..1e-2:log"
#: Splits ``lr=1..2,objective=a,b`` at the comma before the next name.
_NEXT = re.compile(r",\s*(?=[a-zA-Z][\w-]*\s*=)")


@dataclass(frozen=True)
class Dimension:
    """One option of a search, with the values it may take.

    Args:
        name: of the option.
        choices: the values of a list; empty for a range.
        low, high: the ends of a range, both included.
        log: whether the range is searched along its logarithm.
        whole: whether its values are whole numbers.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    @property
    def corners(self) -> tuple[Any, ...]:
        """Values that must be possible: both ends of a range, every value of a list."""
        if self.choices:
            return self.choices
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def __str__(self) -> str:
        if self.choices:
            return f"{self.name}={','.join(map(str, self.choices))}"
        return f"{self.name}={self.low:g}..{self.high:g}{':log' * self.log}"

    def values(self) -> dict[str, Any]:
        """The dimension as plain values, for the store."""
        if self.choices:
            return {"name": self.name, "choices": list(self.choices)}
        return {"name": self.name, "low": self.low, "high": self.high, "log": self.log,
                "whole": self.whole}  # fmt: skip


@dataclass(frozen=True)
class Search:
    """The definition and the state of a search.

    Args:
        space: the options that are searched.
        trials: runs of the search.
        metric, title: the series of a run whose last value is its result.
        direction: the better direction: ``lower`` or ``higher``.
        seed: of every trial; the best trial is trained anew on other seeds.
        fresh: the number of seeds on which the best trial is trained anew.
        prune: whether a trial that falls behind is stopped early.
        at_once: trials that wait or train at the same time.
        sampler: a row of :data:`SAMPLERS`.
        best: the number of the best trial once the search has ended, None before.
        best_value: its result in the search.
        ended: whether the search has ended.
    """

    space: tuple[Dimension, ...]
    trials: int
    metric: str
    title: str
    direction: str
    seed: int
    fresh: int
    prune: bool = True
    at_once: int = 2
    sampler: str = "tpe"
    best: int | None = None
    best_value: float = math.nan
    ended: bool = False

    def values(self) -> dict[str, Any]:
        """The search as plain values, for the store."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        value = None if math.isnan(self.best_value) else self.best_value
        return plain | {"space": [one.values() for one in self.space], "best_value": value}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Search:
        """The search from its plain values."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        known["space"] = tuple(
            Dimension(**{**row, "choices": tuple(row.get("choices", ()))})
            for row in values["space"]
        )
        if known.get("best_value") is None:
            known["best_value"] = math.nan
        return cls(**known)


def trial_run(name: str, number: int) -> str:
    """The id of the run of a trial, known before it is queued.

    Example:
        >>> trial_run("lr", 0)
        'lr-t1'
    """
    return f"{name}-t{number + 1}"


def parse_space(
    words: Sequence[str] | Mapping[str, Any], base: Mapping[str, Any]
) -> tuple[Dimension, ...]:
    """The space that words describe, checked against the options of a run.

    Args:
        words: ``OPTION=LOW..HIGH``, ``OPTION=LOW..HIGH:log``, ``OPTION=LOW..HIGH:linear`` or
            ``OPTION=A,B``, one or several separated by commas; or a mapping of options to the
            part after the sign. A range without a scale has the scale of the option's slider.
        base: flat options of the run that the search starts from.

    Raises:
        SpecError: for another form, an option that the run does not have, a value out of its
            range, or more than 8 options.

    Example:
        >>> base = {"model": "vae", "data": "digits"}
        >>> [str(one) for one in parse_space(["lr=1e-4..1e-2:log,latent=2..8"], base)]
        ['lr=0.0001..0.01:log', 'latent=2..8']
        >>> [str(one) for one in parse_space({"latent": [2, 8]}, base)]
        ['latent=2,8']
    """
    pairs = list(_pairs(words))
    if not pairs:
        raise SpecError("search", "", GRAMMAR)
    if len(pairs) > MOST_DIMENSIONS:
        raise SpecError("search", len(pairs), f"at most {MOST_DIMENSIONS} options")
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise SpecError("search", name, "each option is searched once")
        if name == "seed":
            raise SpecError(name, "", "seeds cannot be searched: the best seed is best by chance")
    rows = _options(base, pairs)
    found = tuple(_dimension(name, text, rows) for name, text in pairs)
    check_space(found, base)
    return found


def check_space(space: Sequence[Dimension], base: Mapping[str, Any]) -> None:
    """Check that a run can be built at both ends of every range and for every value of a list.

    The other options have their first value.

    Raises:
        SpecError: for the first value that is not possible.
    """
    first = {one.name: one.corners[0] for one in space}
    for one in space:
        for value in one.corners:
            RunSpec.build(**{**base, **first, one.name: value})


def _pairs(words: Sequence[str] | Mapping[str, Any]) -> list[tuple[str, str]]:
    if isinstance(words, Mapping):
        return [
            (name, value if isinstance(value, str) else ",".join(map(str, value)))
            for name, value in words.items()
        ]
    found = []
    for word in words:
        for part in _NEXT.split(word):
            name, equals, values = part.partition("=")
            if not (name.strip() and equals and values.strip()):
                raise SpecError("search", part, GRAMMAR)
            found.append((name.strip().replace("-", "_"), values.strip()))
    return found


def _options(base: Mapping[str, Any], pairs: Sequence[tuple[str, str]]) -> dict[str, Option]:
    """The options of the run, and those of the searched objectives and models."""
    kinds = [(name, text.split(",")) for name, text in pairs if name in KINDS]
    rows: dict[str, Option] = {}
    for changes in ({}, *({name: value} for name, values in kinds for value in values)):
        named = {k: v for k, v in base.items() if k in KINDS}
        parts = Combination.of({**named, **changes}).options()
        rows |= {row.name: row for part in parts.values() for row in part if row.name not in rows}
    return rows


def _dimension(name: str, text: str, rows: Mapping[str, Option]) -> Dimension:
    if ".." not in text:
        values = [value.strip() for value in text.split(",") if value.strip()]
        if len(set(values)) < len(values):
            raise SpecError(name, text, "each value of a searched option once")
        if name in KINDS:
            return Dimension(name, tuple(values))
        if name not in rows:
            raise SpecError.unknown("option", name, {*rows, *KINDS})
        return Dimension(name, tuple(rows[name].parse(value) for value in values))
    if name not in rows:
        raise SpecError.unknown("option", name, {*rows, *KINDS})
    row = rows[name]
    if row.type not in (int, float) or row.choices is not None:
        raise SpecError(name, text, f"a list is needed here, as in {name}=A,B; {row.allowed}")
    ends, _, scale = text.partition(":")
    if scale not in {"", "log", "linear"}:
        raise SpecError(name, text, GRAMMAR)
    low, high = (row.parse(end.strip()) for end in ends.split("..", 1))
    log = scale == "log" or (not scale and row.log and low > 0)
    if not low < high:
        raise SpecError(name, text, "the lower end of a range comes first")
    if log and low <= 0:
        raise SpecError(name, text, "a logarithmic range begins above zero")
    return Dimension(name, (), float(low), float(high), log, row.type is int)
