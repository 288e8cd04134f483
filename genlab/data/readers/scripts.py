"""Signs that are not seen, and digits of other scripts, in the cells of a table."""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from genlab.data.readers import numbers
from genlab.data.readers.numbers import Signs

#: Signs at the ends of a cell that are not seen: control signs, marks of byte order and direction.
UNSEEN = (
    "".join(map(chr, range(33)))
    + "\u007f\u0085\u00a0\u00ad\u1680\u180e\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
    + "".join(map(chr, range(0x2000, 0x2010)))
    + "".join(map(chr, range(0x202A, 0x202F)))
    + "".join(map(chr, range(0x2066, 0x206A)))
)
#: The zeros of scripts whose digits are read: full width, Arabic, Persian, Devanagari, ...
ZEROS = (0xFF10, 0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0E50)
#: Signs beside such digits.
BESIDE = {
    "٫": ".",
    "٬": "'",
    "،": ",",
    "٪": "%",
    "．": ".",
    "，": ",",
    "－": "-",
    "＋": "+",
    "％": "%",
    "￥": "¥",
    "（": "(",
    "）": ")",
    "ｅ": "e",
    "Ｅ": "E",
}
_ASCII = str.maketrans({chr(zero + k): str(k) for zero in ZEROS for k in range(10)} | BESIDE)
_OTHER = "[" + "".join(f"{chr(zero)}-{chr(zero + 9)}" for zero in ZEROS) + "]"
#: Cells by which it is judged whether a column with such digits holds numbers.
JUDGED = 2000


def trim(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells without spaces and unseen signs around them.

    Example:
        >>> trim(pa.chunked_array([["\\ufeff1.5 ", "\\u200ba b\\x00"]])).to_pylist()
        ['1.5', 'a b']
    """
    return pc.utf8_trim(cells, characters=UNSEEN)


def with_digits(cells: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
    """Cells with the digits 0 to 9 if they are numbers in the digits of another script.

    Returns:
        The cells, and the name of the script's zero; the cells themselves and an empty text where
        there is nothing to change.

    Example:
        >>> with_digits(pa.chunked_array([["٣٫٥", "٤"]]))[0].to_pylist()
        ['3.5', '4']
    """
    other = pc.match_substring_regex(cells, _OTHER)
    if not pc.any(other).as_py():
        return cells, ""
    some = [str(w) for w in cells.filter(other).slice(0, JUDGED).to_pylist()]
    good = sum(is_number(word.translate(_ASCII)) for word in some)
    if good < 0.9 * len(some):
        return cells, ""
    first = re.search(_OTHER, some[0])
    assert first is not None
    script = unicodedata.name(first[0]).rsplit(" DIGIT", 1)[0].lower()
    words = [str(w).translate(_ASCII) for w in cells.to_pylist()]
    return pa.chunked_array([pa.array(words, pa.string())]), script


def is_number(word: str) -> bool:
    """Whether a cell is a number with signs of some kind."""
    return numbers.parse_number(word, Signs(",", ".")) is not None or numbers.looks_like_number(
        word
    )
