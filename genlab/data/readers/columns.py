"""What the columns of a table are: numbers or words, type, role, missing entries, warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genlab.data.readers import chosen_type, dates, numbers, words
from genlab.data.readers.base import clean, count_noun
from genlab.data.readers.ladders import ordinal_scale
from genlab.data.readers.numbers import MISSING, MISSING_NUMBERS, Signs
from genlab.data.schema import Column

#: Digits from which on numbers with leading zeros are codes: 07 is a month, 01067 a place.
CODE = 4
#: The largest number that is learned.
LARGEST = 1e30
#: Digits of a whole number that float64 always keeps.
EXACT = 15
#: Cells that a preview shows as written.
SHOWN = 5
#: Categories of a learned column at most, and rows a category at least on average.
CATEGORIES, ROWS_EACH = 100, 2
#: Numbers that are codes for a missing entry if they lie far from all other values.
CODES = (-9, -99, -999, -9999, -99999, -999999, -1, 99, 999, 9999, 99999, 999999, 1e20, 1e30)
IDS = re.compile(
    r"(?:.*[ _.-])?(?:id|ids|idx|index|key|uuid|guid|nr|no|number|row|rownum|rowid|code|name)"
    r"|unnamed.*|.+[a-z]ID",
    re.IGNORECASE,
)
#: A number and a unit that is not known, and maybe more of them: 1.8k, 2h 5min.
AMOUNT = re.compile(
    r"[-+−]?[$€£]?\d+(?:[.,]\d+)?\s?(?:[^\W\d_]{1,3}\b|[°'’\"]).{0,20}|\d+[^\W\d_]{1,3}\s?\d.{0,20}"
)
#: Words by which that is judged.
JUDGED = 1000
#: Cells without a unit.
PLAIN = f"^[-+−.,0-9eE'’{numbers.SPACES}()–]*$"
SHARES = re.compile(r"percent|pct|share|ratio|fraction|probab|rate|prop", re.IGNORECASE)


@dataclass
class Cells:
    """One column while it is read.

    Args:
        name: harmless.
        signs: of its numbers.
        is_number: whether its cells are numbers.
        written: a few of its cells as written, by their rows.
        values: numbers or indices of ``words``; NaN where missing or not read.
        words: the categories of a column of words.
        missing: entries that are missing.
        unread: cells that are neither missing nor of the column's type.
        first: the first of them, with its row.
        padded: digits of codes with leading zeros; 0 for numbers.
        is_long: whether whole numbers have more digits than float64 keeps.
        unit: of its numbers.
        is_date, is_ambiguous: whether its cells are dates, and may be day or month first.
        n_kinds: distinct values, once :func:`build_column` has judged the column.
        key: the options on which all of this depends.
    """

    name: str
    signs: Signs
    is_number: bool
    written: dict[int, str]
    values: NDArray[np.float64] = None  # type: ignore[assignment]
    words: tuple[str, ...] = ()
    missing: int = 0
    unread: int = 0
    first: str = ""
    padded: int = 0
    is_long: bool = False
    unit: str = ""
    is_date: bool = False
    is_ambiguous: bool = False
    warning: str = ""
    n_kinds: int = 0
    key: Hashable = None


@dataclass(frozen=True)
class ColumnEvidence:
    """The shapes of a column's cells: the evidence for its type, from all of its rows.

    Args:
        every: how often each shape occurs.
        shapes: those that are not missing.
        n: cells that are not missing.
        evidence: see :func:`genlab.data.readers.numbers.evidence`.
        best: the largest number of cells that are numbers under any signs.
    """

    every: Mapping[str, int]
    shapes: Mapping[str, int]
    n: int
    evidence: Mapping[str, int]
    best: int


def collect_evidence(
    text: pa.ChunkedArray, known: Mapping[str, int] | None = None
) -> ColumnEvidence:
    """The shapes of trimmed cells.

    Args:
        text: cells.
        known: shapes of cells that were counted before, and are included.
    """
    found = numbers.shapes(text)
    for shape, n in (known or {}).items():
        found[shape] = found.get(shape, 0) + n
    void = {*MISSING, *MISSING_NUMBERS}
    kept = {shape: n for shape, n in found.items() if shape.lower() not in void}
    n = sum(kept.values())
    number = {
        s: k
        for s, k in kept.items()
        if any(numbers.count_numbers({s: 1}, g) for g in numbers.SIGNS)
    }
    return ColumnEvidence(found, kept, n, numbers.evidence(number), sum(number.values()))


def is_number(seen: ColumnEvidence, signs: Signs) -> bool:
    """Whether nine of ten cells are numbers, or half of them and the rest few words or bounds."""
    if not seen.n:
        return False
    good = numbers.count_numbers(seen.shapes, signs)
    if good >= 0.9 * seen.n:
        return True
    others = [s for s in seen.shapes if not numbers.count_numbers({s: 1}, signs)]
    # What says no more than that a number is below a limit is no word.
    named = [s for s in others if not numbers.BOUND.fullmatch(s)]
    bounds = sum(seen.shapes[s] for s in others) - sum(seen.shapes[s] for s in named)
    if any("9" in s for s in named) or good < 0.25 * seen.n:
        return False
    return good >= 0.5 * (seen.n - bounds) and len(named) <= 2


def read_column(
    name: str,
    text: pa.ChunkedArray,
    signs: Signs,
    number: bool,
    rows: NDArray[np.int64],
    given: Mapping[str, str],
    seen: ColumnEvidence,
) -> Cells:
    """The values of a column.

    Args:
        name: of the column.
        text: trimmed cells.
        signs: of its numbers.
        number: whether its cells are numbers.
        rows: their numbers in the file.
        given: the user's options for this column.
        seen: the shapes of its cells.
    """
    made = Cells(name, signs, number, preview(text))
    codes = tuple(filter(None, given.get("missing", "").split(" ")))
    void = {*MISSING, *(c.lower() for c in codes)}
    if number:
        void |= {*MISSING_NUMBERS}
    gaps = len(seen.every) >= numbers.SHAPES or bool(codes)
    gaps = gaps or any(shape.lower() in void for shape in seen.every)
    there = np.ones(len(text), dtype=bool)
    if gaps:
        there = ~np.asarray(pc.is_in(pc.utf8_lower(text), pa.array(sorted(void))))
    made.missing = int((~there).sum())
    if number:
        made.values = numbers.parse_numbers(text, signs, sorted(void), seen.every)
        made.values = np.where(there, made.values, np.nan)
        for code in codes:
            if (v := numbers.parse_number(code)) is not None and math.isfinite(v):
                gone = made.values == v
                made.missing += int(gone.sum())
                made.values[gone] = np.nan
                there &= ~gone
        made.unit = _unit(text, there, signs, made, seen)
        made.padded = _padded(text, seen)
        made.is_long = any(len(s) > EXACT and set(s) == {"9"} for s in seen.shapes)
    else:
        known = words.read_words(text, there)
        made.values, made.words, made.warning = known.values, known.words, known.warning
        made.is_date, made.is_ambiguous = known.is_date, known.is_ambiguous
        # By the user's choice they may be words though all of them are numbers.
        if seen.n and seen.best >= 0.9 * seen.n and not is_number(seen, signs):
            count = seen.evidence.get
            points, commas = (
                count(f"{a}d", 0) + count(f"{b}t", 0) for a, b in ((".", ","), (",", "."))
            )
            made.warning = words.other_signs(points, commas)
    wrong = there & ~np.isfinite(made.values)
    made.values[wrong] = np.nan
    made.unread = int(wrong.sum())
    if made.unread:
        k = int(wrong.argmax())
        made.first = f"row {rows[k]:,}: {clean(str(text[k].as_py()))!r}"
        bounds = [s for s in seen.shapes if numbers.BOUND.fullmatch(s)] if number else []
        if bounds:
            made.warning = (
                f"{count_noun(sum(seen.shapes[s] for s in bounds), 'cell')} hold a bound in place "
                "of a value, and count as missing: those that are left are no fair sample."
            )
    return made


def preview(text: pa.ChunkedArray) -> dict[int, str]:
    """The first cells as written, and the longest, where signs of thousands stand, by their rows.

    The whole text of a column is not kept: of a large table that is most of the memory.
    """
    n = len(text)
    spots = list(range(min(n, SHOWN)))
    if n > SHOWN:
        lengths = np.asarray(pc.binary_length(text), dtype=np.int64)
        spots[-1] = max(int(lengths.argmax()), SHOWN - 1)
    return {k: clean(str(text[k].as_py())) for k in spots}


def _unit(
    text: pa.ChunkedArray,
    there: NDArray[np.bool_],
    signs: Signs,
    made: Cells,
    seen: ColumnEvidence,
) -> str:
    """The unit in the cells of a column; a warning if it differs between cells."""
    if seen.n and all(map(numbers.BARE.fullmatch, seen.shapes)):
        return ""
    plain = pc.match_substring_regex(text, PLAIN)
    odd = np.flatnonzero(there & ~np.asarray(plain) & np.isfinite(made.values))
    if not len(odd):
        return ""
    kinds = pc.unique(text.take(pa.array(odd))).to_pylist()
    found = sorted({numbers.unit(str(cell), signs) for cell in kinds} - {""})
    if len(found) > 1:
        made.warning = (
            f"Its cells have several units ({', '.join(found[:4])}); the numbers are as written."
        )
        return ""
    # A zero is one in any unit.
    bare = there & np.isfinite(made.values) & (made.values != 0)
    bare[odd] = False
    if found and bare.any():
        made.warning = (
            f"{len(odd):,} of its cells have the unit {found[0]!r}, and {int(bare.sum()):,} have "
            "none; the numbers are as written."
        )
    return found[0] if len(found) == 1 else ""


def _padded(text: pa.ChunkedArray, seen: ColumnEvidence) -> int:
    """The digits of a column of codes, all as long and some with leading zeros, as 00548."""
    shapes = list(seen.shapes)
    if len(shapes) != 1 or set(shapes[0]) != {"9"} or len(shapes[0]) < CODE:
        return 0
    return len(shapes[0]) if pc.any(pc.starts_with(text, "0")).as_py() else 0


def missing_code(values: NDArray[np.float64]) -> float | None:
    """The probable code of missing entries: a usual code far from all other values.

    Example:
        >>> missing_code(np.array([-999.0, 17.0, 20.0, 23.0, -999.0]))
        -999.0
        >>> missing_code(np.arange(-5.0, 5.0)) is None
        True
    """
    there = values[np.isfinite(values)]
    # Only the lowest or the highest value can be a code: most columns need no sorting.
    if not len(there) or not {float(there.min()), float(there.max())} & set(CODES):
        return None
    kinds = np.unique(there)
    if len(kinds) < 3:
        return None
    for code in CODES:
        spot = np.searchsorted(kinds, code)
        if spot >= len(kinds) or kinds[spot] != code or 0 < spot < len(kinds) - 1:
            continue
        rest = np.delete(kinds, spot)
        spread = rest[-1] - rest[0]
        gap = abs(code - (rest[0] if spot == 0 else rest[-1]))
        share = float((there == code).mean())
        many = share > 0.02 and int((there == code).sum()) >= 3
        lone = code in (-1, -9) and not (rest[0] >= 0 and spread > 20 and many)
        impossible = code < 0 <= rest[0] and abs(code) >= 99 and gap > 0.3 * spread
        if not lone and share < 0.9 and (gap > spread or impossible or (code in (-1, -9))):
            return float(code)
    return None


def build_column(cells: Cells, given: Mapping[str, str], unit: str = "") -> Column:
    """Type and role of a column, with the reason; the user's options have priority.

    Args:
        cells: as read.
        given: ``type`` and ``role`` where the user chose them.
        unit: from a row of units.
    """
    there = cells.values[np.isfinite(cells.values)]
    n = len(cells.values)
    made = Column(
        cells.name,
        unit=unit or cells.unit,
        missing=1.0 - len(there) / n if n else 0.0,
        low=float(there.min()) if len(there) else 0.0,
        high=float(there.max()) if len(there) else 0.0,
        whole=bool(len(there)) and bool((there == np.rint(there)).all()),
    )
    kinds, sizes = np.unique(there, return_counts=True)
    cells.n_kinds = len(kinds)
    rare = len(there) - int(sizes.max(initial=0))
    if len(there) and 0 < rare < min(5, 0.02 * n) and not cells.warning:
        cells.warning = f"All but {count_noun(rare, 'row')} hold the same: its scale rests on few."
    made = (
        _of_numbers(made, cells, there, kinds)
        if cells.is_number
        else _of_words(made, cells, there)
    )
    if made.missing > 0.5 and made.role == "feature":
        made = replace(
            made,
            role="leave out",
            why=f"{made.missing:.0%} of its entries are missing. {made.why}",
        )
    if given.get("type"):
        made = chosen_type.with_type(made, given["type"], cells.words, cells.is_number, kinds)
    if given.get("role"):
        made = replace(made, role=given["role"], why=f"{made.why} You chose the role.".strip())
    return made


def _of_words(made: Column, cells: Cells, there: NDArray[np.float64]) -> Column:
    kinds, n = len(cells.words), len(there)
    made = replace(made, categories=cells.words, whole=True)
    if not kinds:
        return replace(made, type="constant", role="leave out", why="It is empty.")
    if all(re.fullmatch(r"[-+]?inf(inity)?", word.lower()) for word in cells.words):
        return replace(made, type="constant", role="leave out", why="It holds infinities alone.")
    if kinds == 1:
        why = f"It always holds {cells.words[0]!r}."
        return replace(made, type="constant", role="leave out", why=why)
    if cells.is_date and kinds > min(20, n / 5):
        why = (
            f"Its cells are dates or times ({count_noun(kinds, 'distinct one')}); as a feature "
            "they become days since 1970-01-01."
        )
        if cells.is_ambiguous:
            why += " Day and month may be either in all of them: read as month first."
        return replace(made, type="date", role="leave out", why=why, categories=())
    if kinds == 2:
        return replace(made, type="binary", why=f"Two words: {_listed(cells.words)}.")
    if kinds > min(CATEGORIES, max(3, n // ROWS_EACH)):
        why = f"{kinds:,} distinct words in {n:,} rows: names, not categories."
        amounts = sum(map(bool, map(AMOUNT.fullmatch, cells.words[:JUDGED])))
        if amounts >= 0.9 * min(kinds, JUDGED) and not cells.warning:
            cells.warning = (
                f"Its cells begin with numbers, as {cells.words[0]!r}, and were read as words. If "
                "they are amounts, write them as plain numbers in one unit."
            )
        return replace(made, type="id", role="id", why=why, categories=())
    if ordinal_scale(cells.words) is not None:
        return replace(made, type="ordinal", why=f"Ordered words: {_listed(cells.words)}.")
    when = " They look like dates or times." if cells.is_date else ""
    return replace(made, type="categorical", why=f"{kinds} words: {_listed(cells.words)}.{when}")


def _of_numbers(
    made: Column, cells: Cells, there: NDArray[np.float64], kinds: NDArray[np.float64]
) -> Column:
    if not len(kinds):
        return replace(made, type="constant", role="leave out", why="It is empty.")
    if len(kinds) == 1:
        why = f"It always holds {kinds[0]:.6g}."
        return replace(made, type="constant", role="leave out", why=why)
    if dates.are_compact(kinds):
        why = (
            "Its numbers are dates written as yyyymmdd; as a feature they become days since "
            "1970-01-01."
        )
        return replace(made, type="date", role="leave out", why=why)
    if (why_id := _names_rows(cells, there)) is not None:
        return replace(made, type="id", role="id", why=why_id)
    zeros = float((there == 0).mean())
    if len(kinds) == 2:
        return replace(made, type="binary", why=f"Two values: {kinds[0]:g} and {kinds[1]:g}.")
    if made.whole:
        return _of_whole(made, there, kinds, zeros)
    if max(abs(made.low), abs(made.high)) > LARGEST:
        # It is not learned unless these cells are left out: its moments would overflow.
        return replace(made, type="numeric", why="Real numbers.")
    mean, spread = float(there.mean()), float(there.std())
    if zeros > 0.1 and made.low == 0:
        why = f"{zeros:.0%} of its values are exactly 0, the others positive: zero-inflated."
        return replace(made, type="positive", zeros=zeros, why=why)
    if made.low >= 0 and made.high <= 1 and (made.high - made.low > 0.5 or _is_share(made)):
        return replace(made, type="bounded", why="Its values lie from 0 to 1.")
    if made.low >= 0 and made.high <= 100 and _is_share(made):
        return replace(made, type="bounded", why="Its values are percentages from 0 to 100.")
    skew = float(((there - mean) ** 3).mean()) / spread**3 if spread > 0 else 0.0
    if made.low > 0 and skew > 1 and made.high > 5 * made.low:
        why = f"All values are positive and their distribution is skewed (skewness {skew:.1f})."
        return replace(made, type="positive", why=why)
    return replace(made, type="numeric", why="Real numbers.")


def _is_share(made: Column) -> bool:
    return made.unit == "%" or SHARES.search(made.name) is not None


def _of_whole(
    made: Column, there: NDArray[np.float64], kinds: NDArray[np.float64], zeros: float
) -> Column:
    low, high = made.low, made.high
    if max(abs(low), abs(high)) > LARGEST:
        return replace(made, type="numeric", why="Whole numbers.")
    full = len(kinds) == high - low + 1
    if low == 1 and 3 <= high <= 10 and full and len(there) >= 5 * len(kinds):
        why = f"Whole numbers from 1 to {high:g}, all of which occur: steps of a scale."
        return replace(made, type="ordinal", why=why)
    mean, variance = float(there.mean()), float(there.var())
    if low >= 0 and high <= 10_000 and low <= 20 and variance > 0.3 * mean:
        extra = zeros - (math.exp(-mean) + 0.1)
        why = f"Whole numbers from {low:g} to {high:g} (mean {mean:.3g}, variance {variance:.3g})"
        why += "; more zeros than a Poisson distribution has." if extra > 0.1 else ": counts."
        return replace(made, type="count", zeros=zeros, why=why)
    if low > 0 and high > 20 * low:
        return replace(made, type="positive", why="Whole positive numbers over a wide range.")
    return replace(made, type="numeric", why="Whole numbers.")


def _names_rows(cells: Cells, there: NDArray[np.float64]) -> str | None:
    """Why a column of whole numbers is an id, None where it is none."""
    if cells.padded:
        return f"Its cells have leading zeros and {cells.padded} digits each, as codes have."
    if cells.is_long:
        return "Its whole numbers have more digits than float64 keeps, as ids have."
    if len(there) < 10 or len(there) < len(cells.values):
        return None
    if not (there == np.rint(there)).all():
        return None
    step = np.diff(there)
    if abs(step[0]) == 1 and (step == step[0]).all():
        return "It numbers the rows."
    named = IDS.fullmatch(cells.name) is not None
    if named and cells.n_kinds == len(there):
        return "Its name says so, and no value occurs twice."
    return None


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - 5:,} more" if len(words) > 5 else ""
    return ", ".join(words[:5]) + more
