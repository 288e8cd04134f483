"""The result of a comparison in plain sentences, with its interval and what the interval covers.

The headline compares one number that all runs have. Numbers over the same test examples come
first, because their difference has the narrower interval. Bounds come last, because the bounds of
different models bound different quantities. Otherwise the order is that of the table of metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genlab.compare.difference import Line, differences
from genlab.core.numbers import significant

BOUNDS = {"lower bound", "upper bound"}
#: The variation that the intervals of a comparison do not cover.
ONE_TRAINING = "It covers one training of each; another seed may say otherwise."


@dataclass(frozen=True)
class Answer:
    """What a comparison shows.

    Args:
        headline: one sentence for each other run, which compares it with the first.
        interval: the variation that the intervals cover.
        more: the counts of the other numbers that favour each run.
    """

    headline: Sequence[str]
    interval: str
    more: Sequence[str]

    @property
    def sentences(self) -> list[str]:
        """All sentences in their order."""
        return [*self.headline, *filter(None, [self.interval]), *self.more]


def answer(
    found: Mapping[str, Mapping[str, Any]], data: Sequence[object] = (), missing: str = ""
) -> Answer:
    """Describe the result of a comparison in sentences.

    Args:
        found: the results of the job ``evaluate`` by the runs' titles; the first run is the one
            with which the others are compared (see
            :func:`genlab.compare.difference.differences`).
        data: what each run learned, in any form that can be compared; where two differ, their
            numbers are not compared.
        missing: the sentence if there is nothing to compare yet.

    Example:
        >>> row = {"name": "kl", "title": "KL", "unit": "nats", "kind": "Monte Carlo", "n": 9,
        ...        "direction": "lower", "how": "mean ± 1.96 SE"}
        >>> a = {"metrics": [row | {"value": 2.0, "low": 1.5, "high": 2.5}]}
        >>> b = {"metrics": [row | {"value": 4.0, "low": 3.5, "high": 4.5}]}
        >>> answer({"A": a, "B": b}).headline[0]
        'A is better than B by KL: 2 against 4 nats (lower is better).'
    """
    if len(found) < 2:
        return Answer([missing], "", []) if missing else Answer([], "", [])
    if len({repr(one) for one in data}) > 1:
        words = (
            "These runs learned different data, so their numbers cannot be compared. The "
            "pictures below show each on its own data."
        )
        return Answer([words], "", [])
    lines = differences(found)
    first, *others = found
    headline, intervals = [], []
    for second in others:
        mine = [line for line in lines if line.second == second]
        best = min(mine, key=lambda line: _rank(line, found[first]), default=None)
        if best is None:
            headline.append(
                f"{first} and {second} share no number with a better direction, so neither is "
                "called better; the pictures below show both."
            )
            continue
        headline.append(_sentence(best, first, found))
        intervals.append(_interval(best, first, found))
    more = [
        text
        for second in others
        if (text := _count([line for line in lines if line.second == second], first, second))
    ]
    parts = [*intervals, ONE_TRAINING] if intervals else []
    return Answer(headline, " ".join(parts), more)


def _rank(line: Line, first: Mapping[str, Any]) -> tuple[bool, bool, int]:
    names = [row["name"] for row in first["metrics"]]
    place = names.index(line.name)
    return not line.difference.paired, first["metrics"][place]["kind"] in BOUNDS, place


def _row(found: Mapping[str, Mapping[str, Any]], title: str, name: str) -> Mapping[str, Any]:
    rows: Sequence[Mapping[str, Any]] = found[title]["metrics"]
    return next(row for row in rows if row["name"] == name)


def _sentence(line: Line, first: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    a, b = (_row(found, title, line.name) for title in (first, line.second))
    values = {first: significant(a["value"]), line.second: significant(b["value"])}
    unit = f" {a['unit']}" if a["unit"] else ""
    end = f"({a['direction']} is better)"
    winner, loser = first, line.second
    if line.words.startswith(f"{line.second} is better") and not line.words.startswith(
        f"{first} is better"
    ):
        winner, loser = loser, winner
    numbers = f"{values[winner]} against {values[loser]}{unit} {end}"
    if line.words == f"{winner} is better":
        return f"{winner} is better than {loser} by {line.title}: {numbers}."
    if "Holm" in line.words:
        return (
            f"{winner} is better than {loser} by {line.title}, but not after the correction for "
            f"several numbers: {numbers}."
        )
    return f"No difference of {first} and {line.second} is shown by {line.title}: {numbers}."


def _interval(line: Line, first: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    one = line.difference
    value, low, high = (significant(v) for v in (one.value, one.low, one.high))
    text = f"The difference {line.second} − {first} is {value}, 95 % interval {low} to {high}"
    if one.paired:
        return f"{text}, over the same {one.n:,} test examples."
    a, b = (found[title].get("examples") for title in (first, line.second))
    other = " The test examples of the two are not the same." if a != b else ""
    how = str(_row(found, first, line.name).get("how") or "their own intervals")
    return f"{text}, from the intervals of the two numbers ({how}).{other}"


def _count(lines: Sequence[Line], first: str, second: str) -> str:
    if len(lines) < 2:
        return ""
    wins = {
        title: sum(line.words == f"{title} is better" for line in lines)
        for title in (first, second)
    }
    open_ = len(lines) - sum(wins.values())
    parts = [f"{title} is better in {n}" for title, n in wins.items() if n]
    if open_:
        parts.append(f"{open_} {'shows' if open_ == 1 else 'show'} no difference")
    return (
        f"Of {len(lines)} numbers that {first} and {second} share, {', '.join(parts)} (5 %, "
        "corrected for their number)."
    )
