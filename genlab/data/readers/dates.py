"""Dates and times of day in the cells of a table, as numbers of days."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Months in other languages, by their first letters.
OTHER_MONTHS = {"mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12, "fév": 2, "avr": 4, "aoû": 8}
_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d+)?))?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_WORD = r"(?P<word>[A-Za-zäéû]{3,9})\.?"
_ZONE = (
    r"(?:\s?(?:Z|(?:UTC|GMT)?\s?[+-]\d{1,2}(?::?\d{2})?|UTC|GMT|[CEMPW]E?[SD]?T|CEST|BST|MSK|JST"
    r"|IST|AE[SD]T)(?:\s?\([A-Za-z ]+\))?)?"
)
_DAY = (
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<sign>[-/.])(?P<second_>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})",
    rf"{_WORD}[ -](?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[ -](?P<year>\d{{4}}|\d{{2}})",
    rf"(?P<day>\d{{1,2}})\.?[ -]?{_WORD},?[ -]?(?P<year>\d{{4}}|\d{{2}})",
)
PATTERNS = (
    *(re.compile(rf"{day}(?:[T ,]\s?{_TIME}{_ZONE})?") for day in _DAY),
    re.compile(_TIME),
)


def is_date(cell: str) -> bool:
    """Whether a cell looks like a date or a time of day.

    Example:
        >>> [is_date(w) for w in ("2024-01-31", "Jan 1 2000", "12:00 PM", "31.12.99", "12", "1.5")]
        [True, True, True, True, False, False]
    """
    return _match(cell) is not None


def _match(cell: str) -> re.Match[str] | None:
    text = cell.strip()
    if len(text) > 40:
        return None
    for pattern in PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None and (word := found.groupdict().get("word")) is not None:
            found = found if _month(word) else None
        if found is not None:
            return found
    return None


def _month(word: str) -> int:
    start = word[:3].lower()
    return MONTHS.index(start) + 1 if start in MONTHS else OTHER_MONTHS.get(start, 0)


def month_first(cells: Sequence[str]) -> bool | None:
    """Of dates as 3/4/2024: whether the month is first; None if no date decides it.

    Where some dates have the day first and others the month, the commoner order. Dates with
    points have the day first, as is usual where points are used.

    Example:
        >>> month_first(["3/4/2024", "3/14/2024"]), month_first(["3/4/2024"])
        (True, None)
    """
    day, month = orders(cells)
    return None if not day and not month else month > day


def orders(cells: Sequence[str]) -> tuple[int, int]:
    """How many dates surely have the day first, and how many the month.

    Example:
        >>> orders(["13/4/2024", "4/13/2024", "4/14/2024", "3/4/2024", "3.4.2024"])
        (1, 2)
    """
    day = month = 0
    for cell in cells:
        found = _match(cell)
        parts = found.groupdict() if found else {}
        if parts.get("sign") in ("/", "-"):
            first, second = int(parts["first"]), int(parts["second_"])
            day += first > 12 >= second
            month += second > 12 >= first
    return day, month


def is_of_two_numbers(cell: str) -> bool:
    """Whether the day and the month of a date are numbers, of which either may be first.

    Example:
        >>> is_of_two_numbers("3/4/2024"), is_of_two_numbers("2024-03-04")
        (True, False)
    """
    found = _match(cell)
    return found is not None and found.groupdict().get("sign") in ("/", "-")


def days(cell: str, month_is_first: bool = True) -> float:
    """Days since 1970-01-01 (of a time of day: since midnight); NaN if it is not a date.

    Example:
        >>> days("1970-01-02"), days("6:00 PM"), days("2.1.1970 12:00"), days("hello")
        (1.0, 0.75, 1.5, nan)
    """
    found = _match(cell)
    if found is None:
        return float("nan")
    parts = found.groupdict()
    made = 0.0
    try:
        if parts.get("year"):
            made = float(_date(parts, month_is_first).toordinal() - date(1970, 1, 1).toordinal())
        if parts.get("hour"):
            made += _time(parts)
    except ValueError:
        return float("nan")
    return made


def _date(parts: dict[str, str], month_is_first: bool) -> date:
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 70 else 1900
    if parts.get("word"):
        return date(year, _month(parts["word"]), int(parts["day"]))
    if parts.get("sign"):
        first, second = int(parts["first"]), int(parts["second_"])
        # A date that can be read in one way alone is read so, whatever the others are.
        if parts["sign"] == "." or first > 12:
            month_is_first = False
        elif second > 12:
            month_is_first = True
        month, day = (first, second) if month_is_first else (second, first)
        return date(year, month, day)
    return date(year, int(parts["month"]), int(parts["day"]))


def _time(parts: dict[str, str]) -> float:
    hour, minute = int(parts["hour"]), int(parts["minute"])
    half = (parts.get("half") or "").lower()
    if hour > 24 or minute > 59 or (half and not 1 <= hour <= 12):
        raise ValueError(parts)
    if half:
        hour = hour % 12 + 12 * (half == "p")
    second = float((parts.get("second") or "0").replace(",", "."))
    return (hour + minute / 60 + second / 3600) / 24


def are_compact(values: NDArray[np.float64]) -> bool:
    """Whether whole numbers are all dates written as yyyymmdd, of 1900 to 2100.

    Example:
        >>> are_compact(np.array([20240131.0, 19991231.0])), are_compact(np.array([20241301.0]))
        (True, False)
    """
    there = values[np.isfinite(values)]
    if not len(there) or there.min() < 19_000_101 or there.max() > 21_001_231:
        return False
    there = np.unique(there)
    if not (there == np.rint(there)).all():
        return False
    month, day = there // 100 % 100, there % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def compact_days(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Days since 1970-01-01 of dates written as yyyymmdd.

    Example:
        >>> compact_days(np.array([19700102.0, np.nan])).tolist()
        [1.0, nan]
    """
    made = np.full(len(values), np.nan)
    there = values[(values >= 10_101) & (values <= 99_991_231) & (values == np.floor(values))]
    for v in np.unique(there):
        number = int(v)
        try:
            day = date(number // 10_000, number // 100 % 100, number % 100)
        except ValueError:
            continue
        made[values == v] = day.toordinal() - date(1970, 1, 1).toordinal()
    return made
