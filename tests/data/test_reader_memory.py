"""A file that is read again under other options gives what a first reading under them gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from genlab.core.errors import GenlabError
from genlab.data.readers import read
from genlab.data.readers.csv_options import CsvOptions
from genlab.data.readers.memory import Memory
from genlab.data.schema import ROLES, TYPES
from tests.data.test_sibling_files import CASES

CHOICES = {row.name: tuple(row.choices) for row in CsvOptions.table() if row.choices}
#: Steps of one walk through the options.
STEPS = 14


def facts(content: bytes, values: dict[str, str], memory: Memory | None) -> dict[str, Any] | str:
    """All that a reading gives, or its refusal."""
    try:
        found = read(content, values, memory=memory)
    except GenlabError as error:
        return f"{type(error).__name__}: {error}"
    made = {one.name: getattr(found, one.name) for one in dataclasses.fields(found)}
    for name in ("x", "y", "part"):
        if made[name] is not None:
            made[name] = np.ascontiguousarray(made[name]).tobytes()
    return made


def change(draw: np.random.Generator, values: dict[str, str], columns: list[str]) -> None:
    """One change as a person makes it: an option, or the type, role or code of one column."""
    name = str(draw.choice([*CHOICES, "header_row", "label", "missing", "column", "column"]))
    if name == "header_row":
        values[name] = str(draw.choice(["auto", "0", "1", "2"]))
    elif name == "label":
        values[name] = str(draw.choice(["auto", "none", *columns]))
    elif name == "missing":
        values[name] = str(draw.choice(["auto", "none", "-999", "0 1"]))
    elif name == "column" and columns:
        given = {
            "type": str(draw.choice(["", *TYPES])),
            "role": str(draw.choice(["", *ROLES])),
            "missing": str(draw.choice(["", "0", "-999"])),
        }
        pairs = ",".join(f"{key}={value}" for key, value in given.items() if value)
        values[name] = f"{draw.choice(columns)}:{pairs}" if pairs else ""
    elif name in CHOICES:
        values[name] = str(draw.choice(CHOICES[name]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_second_reading_is_a_first_one(case: str) -> None:
    content = CASES[case].content
    draw = np.random.default_rng(len(content))
    memory, values = Memory(), dict[str, str]()
    columns: list[str] = []
    for _ in range(STEPS):
        again, first = facts(content, values, memory), facts(content, values, None)
        assert again == first, values
        if isinstance(first, dict):
            reading = first["reading"]
            columns = [one.column.name for one in reading.columns] if reading else []
        change(draw, values, columns)


def test_what_stays_as_it_is_is_not_computed_again() -> None:
    """The text is split once, and only the column that changed is read anew."""
    rows = (b"%d,%d,%d\n" % (k * k % 97, 7 * k % 11, k * k * k % 31) for k in range(100))
    content = b"a,b,c\n" + b"".join(rows)
    memory, made = Memory(), list[str]()
    kept = memory.of

    def counted(step: str, key: Any, make: Any) -> Any:
        def told() -> Any:
            made.append(step)
            return make()

        return kept(step, key, told)

    memory.of = counted  # type: ignore[method-assign]
    read(content, {}, memory=memory)
    assert "columns" in made
    made.clear()
    read(content, {"column": "b:missing=0"}, memory=memory)
    assert made == ["cells 1", "column 1"]
    made.clear()
    read(content, {"column": "b:missing=0,role=leave out"}, memory=memory)
    assert made == ["column 1"]
