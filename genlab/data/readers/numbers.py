"""Numbers in text files: decimal and thousands signs, currency, units, percent, signs.

Cells are judged by their *shape*, the text with every digit replaced by 9: a column of a million
cells has few shapes, so that all of its rows are judged.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: Words for a missing entry, in any column, in lower case.
MISSING = (
    "",
    "na",
    "n/a",
    "#n/a",
    "#na",
    "#value!",
    "#div/0!",
    "<na>",
    "nan",
    "null",
    "nil",
    "nat",
    "?",
    "n.a.",
    "k.a.",
    "--",
    "---",
    "..",
    "...",
    "…",
    "—",
)
#: Words that also mean a missing entry where the other cells are numbers.
MISSING_NUMBERS = (
    *(
        "none",
        "missing",
        "-",
        ".",
        "unknown",
        "x",
        "–",
        "*",
        "not available",
        "no data",
        "n.d.",
        "nd",
    ),
    *("k. a.", "keine angabe", "unbekannt", "fehlt", "fehlend", "s/o", "n/d", "sin dato", "s/d"),
    *("desconocido", "inconnu", "non disponible", "non disp.", "manquant", "sconosciuto"),
    *("desconhecido", "onbekend", "brak", "brak danych", "okänd", "ukendt", "неизвестно"),
)
#: A bound in place of a value, as ``<0.5`` below the limit of detection.
BOUND = re.compile(r"(?:[<>≤≥]=?|less than|more than|below|above)\s*[+\-−]?[09.,]+.*", re.I)
#: Spaces that group digits.
SPACES = " \u00a0\u2009\u202f"
GROUP = {"": "", ".": r"\.", ",": ",", " ": f"[{SPACES}]", "'": "['’]"}
CURRENCY = r"US\$|[€$£¥₹₩]|EUR|USD|GBP|CHF|JPY|INR|Rs\.?|kr\.?|zł"
UNITS = (
    r"%|‰|°C|°F|°|℃|kg|mg|µg|g|t|lbs?|oz|km/h|m/s|mph|km|cm|mm|µm|nm|m²|m2|m³|m|ft|in|ms|µs|min|hrs?"
    r"|h|s|d|kWh|kW|MW|W|kHz|MHz|GHz|Hz|mV|V|mA|A|kPa|hPa|Pa|mbar|bar|mol|ml|mL|l|L|K|kB|KB|MB|GB"
    r"|px|pts?|years?|yrs?|days?"
)
#: Before and after a number; a minus may be on either side of a currency.
PREFIX = rf"(?:({CURRENCY})[{SPACES}]?)?"
SUFFIX = rf"(?:[{SPACES}]?({CURRENCY}|{UNITS}))?"
MINUS = "[-−–]"
#: Before the power of ten of a number: as in 1e3, as Fortran (1D+03) and as people (1.2×10^3) do.
POWER = rf"(?:[eEdD]|[{SPACES}]?[×x*·][{SPACES}]?\d\d\^)"
#: Distinct shapes of a column that are counted: the most frequent ones.
SHAPES = 5000


@dataclass(frozen=True)
class Signs:
    """The decimal sign, and what separates thousands (``""`` for nothing, ``" "`` for spaces)."""

    decimal: str = "."
    thousands: str = ""

    @property
    def words(self) -> str:
        """As a sentence has it.

        Example:
            >>> Signs(",", ".").words
            'decimal comma, thousands separated by points'
        """
        sign = "comma" if self.decimal == "," else "point"
        group = {
            "": "",
            ".": "points",
            ",": "commas",
            " ": "spaces",
            "'": "apostrophes",
        }[self.thousands]
        return f"decimal {sign}" + (f", thousands separated by {group}" if group else "")


@functools.cache
def body(signs: Signs) -> str:
    """The regular expression of a number without its sign, its unit or its currency."""
    whole = r"\d+"
    if signs.thousands:
        between = GROUP[signs.thousands]
        whole = rf"(?:\d{{1,3}}(?:{between}\d{{3}})+|\d+)"
        if signs.thousands == ",":
            # Lakhs: 12,34,567.
            whole = r"(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d+)"
    point = re.escape(signs.decimal)
    return rf"(?:{whole}(?:{point}\d*)?|{point}\d+)(?:{POWER}[+\-−]?\d+)?"


@functools.cache
def pattern(signs: Signs) -> re.Pattern[str]:
    """A whole cell that is a number: sign, currency, digits, unit, brackets of accountants."""
    number = body(signs)
    return re.compile(
        rf"(?:(?P<outer>{CURRENCY})[{SPACES}]?(?=\())?(?P<open>\()?(?P<minus>{MINUS}|\+)?"
        rf"[{SPACES}]?{PREFIX}(?P<inner>{MINUS})?"
        rf"(?P<number>{number})(?P<after>{MINUS})?{SUFFIX}(?P<close>\))?",
        re.ASCII,
    )


def parse_number(cell: str, signs: Signs = Signs()) -> float | None:
    """The number in a cell, None if there is none; NaN where the value is missing.

    Example:
        >>> parse_number("1.234,5", Signs(",", ".")), parse_number("(5 €)")
        (1234.5, -5.0)
        >>> parse_number("−2e3"), parse_number("red")
        (-2000.0, None)
    """
    text = cell.strip().strip(SPACES)
    if text.lower() in MISSING or text.lower() in MISSING_NUMBERS:
        return float("nan")
    # An ASCII digit alone is a digit: float() would also take others.
    found = pattern(signs).fullmatch(text) if text.isascii() or _known(text) else None
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    minus = sum(bool(found[k]) and found[k] not in "+" for k in ("minus", "inner", "after"))
    minus += bool(found["open"])
    if minus > 1:
        return None
    digits = found["number"]
    if signs.thousands:
        digits = re.sub(GROUP[signs.thousands], "", digits)
    if "^" in digits and "10^" not in digits and set(re.findall(r"\d", digits)) != {"9"}:
        # The ten of 2×10^3 is 99 in a shape alone.
        return None
    digits = re.sub(POWER, "e", digits.replace(signs.decimal, "."))
    number = float(digits.replace("−", "-"))
    return -number if minus else number


def _known(text: str) -> bool:
    return not any(c.isdigit() and not c.isascii() for c in text)


#: All signs that are tried, the plainest first.
SIGNS = (
    Signs("."),
    Signs(","),
    *(Signs(decimal, mark) for mark in ",. '" for decimal in ".," if decimal != mark),
)
_DIGITS = str.maketrans("012345678", "999999999")


def looks_like_number(text: str) -> bool:
    """Whether a cell is a number, whatever its decimal and thousands signs.

    Example:
        >>> looks_like_number("1.234,5"), looks_like_number("12 kg"), looks_like_number("red")
        (True, True, False)
    """
    # Whether it is one depends on the shape alone, and shapes are few.
    return len(text) <= 40 and _is_number_shape(text.translate(_DIGITS))


@functools.lru_cache(maxsize=10_000)
def _is_number_shape(text: str) -> bool:
    return any(parse_number(text, signs) is not None for signs in SIGNS if signs.thousands)


def unit(cell: str, signs: Signs) -> str:
    """The currency or unit of the number in a cell, empty for none.

    Example:
        >>> unit("12.5 %", Signs()), unit("$3", Signs()), unit("3", Signs())
        ('%', '$', '')
    """
    found = pattern(signs).fullmatch(cell.strip().strip(SPACES))
    words = [w for w in (found.groups() if found else ()) if w]
    marks = [w for w in words if re.fullmatch(f"{CURRENCY}|{UNITS}", w)]
    return marks[0] if marks else ""


_SHAPE = bytes(57 if 49 <= c <= 57 else c for c in range(256))


def shapes(cells: pa.ChunkedArray) -> dict[str, int]:
    """How often each shape occurs: digits become 9, a leading lone zero becomes 0.

    Example:
        >>> sorted(shapes(pa.chunked_array([["1.25", "0.50", "10.125"]])).items())
        [('0.99', 1), ('9.99', 1), ('99.999', 1)]
    """
    counts: dict[str, int] = {}
    for chunk in cells.chunks:
        if not len(chunk):
            continue
        found = pc.value_counts(_shaped(chunk))
        sizes = np.asarray(found.field("counts"))
        order = np.argsort(-sizes, kind="stable")[:SHAPES]
        words = found.field("values").take(pa.array(order)).to_pylist()
        for word, k in zip(words, order, strict=True):
            counts[str(word)] = counts.get(str(word), 0) + int(sizes[k])
    if len(counts) <= SHAPES:
        return counts
    return dict(sorted(counts.items(), key=lambda one: -one[1])[:SHAPES])


def _shaped(chunk: pa.StringArray) -> pa.StringArray:
    """The cells of a chunk with their digits replaced, by whole buffers: a regular expression a
    cell would take half a minute for 60 MB.
    """
    _, offsets, data = chunk.buffers()
    n = len(chunk)
    ends = np.frombuffer(offsets, dtype=np.int32)[chunk.offset : chunk.offset + n + 1]
    first, last = int(ends[0]), int(ends[-1])
    if data is None or first == last:
        return chunk
    text = np.frombuffer(data.slice(first, last - first).to_pybytes().translate(_SHAPE), np.uint8)
    made = text.copy()
    zero = np.flatnonzero(text == 48)
    made[zero] = 57
    # A zero alone before a sign shows that the sign is of decimals.
    start = np.zeros(len(text) + 1, dtype=bool)
    start[ends[:-1] - first] = True
    before = np.where(start[zero] | (zero == 0), 32, text[np.maximum(zero, 1) - 1])
    after = np.where(start[zero + 1], 32, text[np.minimum(zero + 1, len(text) - 1)])
    after[zero == len(text) - 1] = 32
    behind = np.where(start[np.minimum(zero + 2, len(text))], 32, 57)
    sign = ((after == 44) | (after == 46)) & (behind == 57) & (zero + 2 < len(text))
    lone = sign & ~np.isin(before, (44, 46, 48, 57))
    made[zero[lone]] = 48
    moved = pa.array(ends - first, pa.int32()).buffers()[1]
    return pa.StringArray.from_buffers(n, moved, pa.py_buffer(made.tobytes()))


#: The sign of one shape as evidence for decimal and thousands signs.
_CORE = re.compile(r"[09][09.,'’ \u00a0\u2009\u202f]*[09]|[.,]?[09]+[.,]?")


def evidence(found: Mapping[str, int]) -> dict[str, int]:
    """The evidence for the signs in the shapes of a column, as counts of cells.

    ``.d`` and ``,d``: surely a decimal sign; ``.t``, ``,t``, `` t`` and ``'t``: surely of
    thousands; ``.?`` and ``,?``: one sign, three digits behind it and one to three before it,
    which may be either.

    Example:
        >>> evidence({"99.999": 3, "9.9": 1})
        {'.?': 3, '.d': 1}
        >>> evidence({"9.999,99": 2})
        {'.t': 2, ',d': 2}
    """
    counts: dict[str, int] = {}

    def add(key: str, n: int) -> None:
        counts[key] = counts.get(key, 0) + n

    for shape, n in found.items():
        core = _CORE.search(shape)
        if core is None:
            continue
        text = core[0]
        exponent = bool(re.match(rf"{POWER}[+\-−]?9", shape[core.end() :]))
        dots, commas = text.count("."), text.count(",")
        for sign, mine, other in ((".", dots, ","), (",", commas, ".")):
            if mine:
                add(sign + _part(text, sign, mine, other, exponent), n)
        if re.search(rf"9[{SPACES}]9", text):
            add(" t", n)
        if re.search(r"9['’]9", text):
            add("'t", n)
    return counts


def _part(text: str, sign: str, mine: int, other: str, exponent: bool) -> str:
    """What a sign is in a number: d decimal, t thousands, ? either, nothing where neither."""
    dot, comma = re.escape(sign), re.escape(other)
    if mine > 1 or other in text:
        if re.fullmatch(rf"9[09]{{0,2}}(?:{dot}[09]{{3}})+(?:{comma}[09]*)?", text):
            return "t"
        last = text.rindex(sign) > text.rfind(other)
        return "d" if mine == 1 and last else "x"
    head, tail = text.split(sign)
    either = len(tail) == 3 and 1 <= len(head) <= 3 and not head.startswith("0")
    return "?" if either and not exponent else "d"


def count_numbers(found: Mapping[str, int], signs: Signs) -> int:
    """The number of cells of these shapes that are numbers with these signs."""
    whole = pattern(signs)
    return sum(n for shape, n in found.items() if whole.fullmatch(shape))


#: A cell without a unit, as a shape.
BARE = re.compile(rf"[-+−.,09eE'’{SPACES}()–]*")
#: A shape that is read at once.
_SIMPLE = re.compile(r"-?(?:[09]+(?:\.9*)?|\.9+)(?:[eE]-?9+)?")


def parse_numbers(
    cells: pa.ChunkedArray,
    signs: Signs,
    missing: Sequence[str],
    found: Mapping[str, int] | None = None,
) -> NDArray[np.float64]:
    """The numbers in cells (n,); NaN where missing or not a number.

    Args:
        cells: trimmed.
        signs: decimal and thousands.
        missing: words for a missing entry, in lower case.
        found: their shapes, if known: if all are plain, no cell is inspected.
    """
    if found and signs == Signs() and len(found) < SHAPES and all(map(_SIMPLE.fullmatch, found)):
        whole = pc.cast(cells, pa.float64()).to_numpy()
        return np.asarray(whole, dtype=np.float64)
    plain = pc.match_substring_regex(
        cells, r"^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
    )
    simple = signs.decimal == "." and not signs.thousands
    if not simple:
        # A thousands separator changes the value of a plain cell.
        plain = pc.match_substring_regex(cells, r"^-?[0-9]+$")
    text = pc.if_else(plain, cells, None)
    made = np.asarray(pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    rest = np.flatnonzero(~np.asarray(plain))
    if not len(rest):
        return made
    made = made.copy()
    # What is left is read by the one rule of :func:`value`, each distinct cell once.
    others = cells.take(pa.array(rest)).combine_chunks().dictionary_encode()
    others = others.chunk(0) if isinstance(others, pa.ChunkedArray) else others
    void = {*missing}
    known = np.array(
        [
            np.nan
            if (w := str(word)).lower() in void or (v := parse_number(w, signs)) is None
            else v
            for word in others.dictionary.to_pylist()
        ],
        dtype=np.float64,
    )
    if len(known):
        made[rest] = known[np.asarray(others.indices)]
    return made
