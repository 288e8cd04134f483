"""The user's options for a table as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genlab.core import options
from genlab.core.errors import SpecError
from genlab.core.options import Options, option
from genlab.data.readers import dialect
from genlab.data.readers.dialect import AUTO, NONE
from genlab.data.readers.text_encoding import ENCODINGS
from genlab.data.schema import ROLES, TYPES

KEYS = ("type", "role", "missing", "decimal", "thousands")


@dataclass(frozen=True)
class CsvOptions(Options):
    """What may be chosen of a table."""

    label: str = option(
        AUTO, "column of the class: auto (found by its name or text), none, a name", label="Label"
    )
    columns: str = option(
        "", "columns to learn, their names separated by commas; empty: all", label="Columns"
    )
    separator: str = option(
        AUTO,
        "what separates the cells of a line",
        choices=(AUTO, ",", ";", "tab", "|", "space", NONE),
    )
    encoding: str = option(
        AUTO,
        "encoding of the text; auto: UTF-8, or UTF-16 by its first bytes, otherwise asked",
        choices=(AUTO, *ENCODINGS),
    )
    decimal: str = option(AUTO, "decimal sign", choices=(AUTO, ".", ","))
    thousands: str = option(
        AUTO, "sign between thousands", choices=(AUTO, NONE, ".", ",", "space", "'")
    )
    header_row: str = option(
        AUTO, "line of the file with the names: auto, 0 for none, or its number from 1"
    )
    units_row: str = option(
        AUTO, "whether the row below the names holds units", choices=(AUTO, "yes", "no")
    )
    comments: str = option(
        AUTO, "lines that begin with #, // or %: auto leaves them out", choices=(AUTO, "keep")
    )
    totals: str = option(
        AUTO, "rows that sum up the others: auto leaves them out", choices=(AUTO, "keep")
    )
    missing: str = option(
        AUTO,
        "codes for a missing entry besides empty and NA, separated by spaces, as in -999 x; auto "
        "finds usual ones, none takes none",
    )
    layout: str = option(
        AUTO,
        "rows of grey levels, with or without a label: as images (pictures) or as a table; auto: "
        "images "
        "from more than 500 columns on",
        choices=(AUTO, "pictures", "table"),
    )
    column: str = option(
        "",
        "of single columns, as in price:type=positive,role=feature,missing=-1; several are "
        f"separated by line breaks; type: {', '.join(TYPES)}; role: {', '.join(ROLES)}",
    )


def parse_column_options(text: str) -> dict[str, dict[str, str]]:
    """What a user says of single columns.

    Raises:
        SpecError: for a key or a value that there is not.

    Example:
        >>> parse_column_options("a:b:type=count,role=leave out\\nc:missing=-1 -2")
        {'a:b': {'type': 'count', 'role': 'leave out'}, 'c': {'missing': '-1 -2'}}
    """
    allowed = {"type": TYPES, "role": ROLES, "decimal": (".", "comma"), "thousands": None}
    found: dict[str, dict[str, str]] = {}
    for line in filter(None, (w.strip() for w in text.split("\n"))):
        at = re.search(rf":(?=(?:{'|'.join(KEYS)})=[^:]*$)", line)
        if at is None:
            raise SpecError(
                "column", line, "allowed: NAME:key=value,...; keys: " + ", ".join(KEYS)
            )
        mine = found.setdefault(line[: at.start()], {})
        for pair in line[at.end() :].split(","):
            key, sign, value = pair.partition("=")
            if key not in KEYS or not sign:
                raise SpecError("column", pair, f"allowed: {', '.join(KEYS)}, each with =")
            choices = allowed.get(key)
            if choices is not None and value not in choices:
                raise SpecError("column", pair, f"allowed for {key}: {', '.join(choices)}")
            mine[key] = {"comma": ",", "point": "."}.get(value, value)
    return found


def parse_header_line(text: str) -> int:
    """The line of the header: -1 for auto, 0 for none.

    Raises:
        SpecError: if it is not the number of a line.

    Example:
        >>> parse_header_line("auto"), parse_header_line("none"), parse_header_line("3")
        (-1, 0, 3)
    """
    word = text.strip().lower()
    if word in (AUTO, ""):
        return -1
    if word == NONE:
        return 0
    found = options.parse_int(word, 0, dialect.ROWS)
    if found is None:
        raise SpecError("header_row", text, "allowed: auto, 0 for none, or the number of a line")
    return found
