"""Odd small tables, one for each way of writing: what is read, what is left out, what is said.

No file here lies in a folder. Each is written from numbers that the test keeps, and what was read
is compared with those.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from genlab import cli, runs
from genlab.core.errors import DataError
from genlab.data.readers import read

N = 60
RANDOM = np.random.default_rng(3)
A, B, C, D = np.round(RANDOM.normal(50.0, 20.0, (4, N)), 2)
LARGE = np.round(RANDOM.lognormal(8.0, 1.2, N), 2)
KIND = RANDOM.integers(0, 3, N)
WHOLE = np.floor(LARGE * 100)
SIX = WHOLE % 900_000 + 1000
GAP = np.nan


@dataclass(frozen=True)
class Case:
    """A file and what is right.

    Args:
        content: of the file.
        columns: name and role of each column of the file.
        values: of learned columns, by name.
        said: parts of what the notes or the questions say.
        asked: whether there is a question.
    """

    content: bytes
    columns: str
    values: dict[str, Any]
    said: tuple[str, ...] = ()
    asked: bool = False


def rows(line: Callable[[int], str], head: str = "a,b", end: str = "\n") -> bytes:
    lines = [head, *map(line, range(N))] if head else list(map(line, range(N)))
    return (end.join(lines) + end).encode()


def german(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def lakhs(value: float) -> str:
    text = f"{value:.0f}"
    head, tail = text[:-3], text[-3:]
    groups = []
    while len(head) > 2:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join(filter(None, [head, *groups, tail]))


def every(k: int, word: str, values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Numbers as text with a word in every k-th place, and what is known of them."""
    at = np.arange(N) % k == 0
    text = [word if gone else str(v) for gone, v in zip(at, values, strict=True)]
    return text, np.where(at, GAP, values)


STARS, AT_STARS = every(7, "*", A)
BOUNDS, AT_BOUNDS = every(4, "<0.5", np.abs(A))
HALF, AT_HALF = every(2, "≤ 0.5", np.abs(A))
MANY = ["k. A.", "keine Angabe", "s/o", "n.d.", "unbekannt", "fehlt", "N/D", "sin dato"]
GONE = np.where(np.arange(N) % 6 == 0, GAP, A)
POWERS = np.array([1e3, 2.5e-4, -7e2])
PERCENT = np.where(np.arange(N) % 2, np.arange(1, N + 1.0), np.arange(1, N + 1) / 100)

CASES: dict[str, Case] = {
    "line breaks in quotation marks": Case(
        rows(lambda k: f'"one\ntwo {"xyz"[KIND[k]]}",{A[k]},{B[k]}', "note,a,b"),
        "note:class a:feature b:feature",
        {"a": A, "b": B},
    ),
    "semicolons, decimal comma, points between thousands": Case(
        rows(lambda k: f"{german(LARGE[k])};{german(A[k])}", "Betrag;Menge"),
        "Betrag:feature Menge:feature",
        {"Betrag": LARGE, "Menge": A},
        ("thousands separated by points",),
    ),
    "tabs and an empty last column": Case(
        rows(lambda k: f"{A[k]}\t{B[k]}\t", "a\tb\t"),
        "a:feature b:feature column 3:leave out",
        {"a": A, "b": B},
        ("Left out, since they are constant: 'column 3'",),
    ),
    "a byte order mark": Case(
        b"\xef\xbb\xbf" + rows(lambda k: f"{A[k]},{B[k]}", "größe,b"),
        "größe:feature b:feature",
        {"größe": A, "b": B},
    ),
    "carriage returns alone": Case(
        rows(lambda k: f"{A[k]},{B[k]}", end="\r"), "a:feature b:feature", {"a": A, "b": B}
    ),
    "dates of two forms": Case(
        rows(
            lambda k: (
                f"2024-{k % 12 + 1:02d}-{k % 28 + 1:02d},{A[k]}"
                if k % 2
                else f"{k % 28 + 1}.{k % 12 + 1}.2024,{A[k]}"
            ),
            "when,a",
        ),
        "when:leave out a:feature",
        {"a": A},
        ("since they are dates",),
    ),
    "brackets of accountants": Case(
        rows(lambda k: (f"({abs(A[k]):.2f})" if k % 3 == 0 else f"{A[k]:.2f}") + f",{B[k]}"),
        "a:feature b:feature",
        {"a": np.where(np.arange(N) % 3 == 0, -np.abs(A), A)},
    ),
    "a minus behind the number": Case(
        rows(lambda k: f"{abs(A[k])}{'-' if k % 4 == 0 else ''},{B[k]}"),
        "a:feature b:feature",
        {"a": np.abs(A) * np.where(np.arange(N) % 4 == 0, -1, 1)},
    ),
    "powers of ten": Case(
        rows(lambda k: f"{['1e3', '2.5E-4', '-7e+2'][KIND[k]]},{B[k]}"),
        "a:feature b:feature",
        {"a": POWERS[KIND]},
    ),
    "powers of ten with a decimal comma": Case(
        rows(lambda k: f"{A[k]:.6e};{B[k]:.6e}".replace(".", ","), "a;b"),
        "a:feature b:feature",
        {"a": A, "b": B},
    ),
    "percent beside plain numbers": Case(
        rows(lambda k: (f"{k + 1}%" if k % 2 else f"{(k + 1) / 100:.2f}") + f",{B[k]}"),
        "a:feature b:feature",
        {"a": PERCENT},
        ("30 of its cells have the unit '%', and 30 have none",),
    ),
    "two currencies": Case(
        rows(lambda k: f"{'$' if k % 2 else '€'}{A[k]},{B[k]}"),
        "a:feature b:feature",
        {"a": A},
        ("several units ($, €)",),
    ),
    "centimetres beside metres": Case(
        rows(lambda k: f"{A[k]} {'cm' if k % 2 else 'm'},{B[k]}"),
        "a:feature b:feature",
        {"a": A},
        ("several units (cm, m)",),
    ),
    "a currency behind the number": Case(
        rows(lambda k: f"{german(LARGE[k])} €;{german(A[k])}", "a;b"),
        "a:feature b:feature",
        {"a": LARGE, "b": A},
    ),
    "units in brackets below the names": Case(
        rows(lambda k: f"{A[k]},{B[k]}", "mass,length\n(kg),(m)"),
        "mass:feature length:feature",
        {"mass": A, "length": B},
        ("Line 2 holds units",),
    ),
    "years above the names": Case(
        rows(
            lambda k: f"{A[k]},{B[k]},{C[k]},{D[k]}",
            "2023,2023,2024,2024\nheight,weight,height,weight",
        ),
        "2023 height:feature 2023 weight:feature 2024 height:feature 2024 weight:feature",
        {"2023 height": A, "2024 weight": D},
        ("Lines 1 and 2 hold the names",),
    ),
    "an index without a name": Case(
        rows(lambda k: f"{k},{A[k]},{B[k]}", ",a,b"),
        "column 1:id a:feature b:feature",
        {"a": A, "b": B},
    ),
    "names of all columns but the first": Case(
        rows(lambda k: f"row{k},{A[k]},{B[k]}"),
        "column 1:id a:feature b:feature",
        {"a": A, "b": B},
        ("the first column has no name",),
    ),
    "names of all columns but the first, quoted, spaces": Case(
        rows(lambda k: f'"row{k}" {A[k]} {B[k]}', '"a" "b"'),
        "column 1:id a:feature b:feature",
        {"a": A, "b": B},
        ("the first column has no name",),
    ),
    "lines that are too short": Case(
        rows(lambda k: f"{A[k]},{B[k]}" + ("" if k % 9 == 0 else f",{C[k]}"), "a,b,c"),
        "a:feature b:feature c:feature",
        {"a": A[np.arange(N) % 9 > 0]},
        ("7 rows of another length left out",),
    ),
    "lines that are too long": Case(
        rows(lambda k: f"{A[k]},{B[k]}" + (",7" if k % 9 == 0 else "")),
        "a:feature b:feature",
        {"a": A[np.arange(N) % 9 > 0]},
        ("7 rows of another length left out",),
    ),
    "yes and no in two languages": Case(
        rows(
            lambda k: f"{'TRUE' if KIND[k] else 'FALSE'},{'ja' if KIND[k] else 'nein'},{A[k]}",
            "ok,paid,a",
        ),
        "ok:feature paid:feature a:feature",
        {"ok": np.minimum(KIND, 1), "a": A},
        ("Learned as categories",),
    ),
    "times of day": Case(
        rows(lambda k: f"{k % 24:02d}:{k * 7 % 60:02d},{A[k]}", "at,a"),
        "at:leave out a:feature",
        {"a": A},
        ("since they are dates",),
    ),
    "days and months that may be either": Case(
        rows(lambda k: f"{k % 12 + 1}/{k // 6 % 12 + 1}/20{k % 10:02d},{A[k]}", "at,a"),
        "at:leave out a:feature",
        {"a": A},
    ),
    "durations of ISO 8601": Case(
        rows(lambda k: f"PT{k % 3}H{k % 60}M,{A[k]}", "took,a"),
        "took:id a:feature",
        {"a": A},
        ("Left out, since they only name or number the rows: 'took'",),
    ),
    "apostrophes between thousands": Case(
        rows(lambda k: f"{WHOLE[k]:,.1f}".replace(",", "'") + f",{A[k]}"),
        "a:feature b:feature",
        {"a": WHOLE, "b": A},
        ("thousands separated by apostrophes",),
    ),
    "lakhs": Case(
        rows(lambda k: f"{lakhs(WHOLE[k])};{A[k]}", "a;b"),
        "a:feature b:feature",
        {"a": WHOLE, "b": A},
        ("thousands separated by commas",),
    ),
    "thin spaces between thousands": Case(
        rows(lambda k: f"{WHOLE[k]:,.0f}".replace(",", "\u2009") + f",{A[k]}"),
        "a:feature b:feature",
        {"a": WHOLE, "b": A},
        ("thousands separated by spaces",),
    ),
    "points between thousands and nothing else": Case(
        rows(lambda k: f"{SIX[k]:,.0f}".replace(",", ".") + f";{KIND[k]}", "a;b"),
        "a:feature b:feature",
        {},
        ("fifty-one thousand",),
        asked=True,
    ),
    "words for a gap in several languages": Case(
        rows(lambda k: f"{MANY[k // 6 % 8] if k % 6 == 0 else A[k]},{B[k]}"),
        "a:feature b:feature",
        {"a": GONE, "b": B},
    ),
    "stars for a gap": Case(
        rows(lambda k: f"{STARS[k]},{B[k]}"), "a:feature b:feature", {"a": AT_STARS}
    ),
    "below the limit of detection": Case(
        rows(lambda k: f"{BOUNDS[k]},{B[k]}"),
        "a:feature b:feature",
        {"a": AT_BOUNDS},
        ("15 cells hold a bound in place of a value", "15 cells of 'a' not read"),
    ),
    "half of them below the limit": Case(
        rows(lambda k: f"{HALF[k]},{B[k]}"),
        "a:feature b:feature",
        {"a": AT_HALF},
        ("30 cells hold a bound in place of a value",),
    ),
    "codes with leading zeros": Case(
        rows(lambda k: f"{k * 137 % 9000:05d},{B[k]}"),
        "a:id b:feature",
        {"b": B},
        ("Left out, since they only name or number the rows: 'a'",),
    ),
    "months with leading zeros": Case(
        rows(lambda k: f"{k % 12 + 1:02d},{B[k]}"),
        "a:feature b:feature",
        {"a": np.arange(N) % 12 + 1.0},
    ),
    "ids beyond float64": Case(
        rows(lambda k: f"{2**53 + 2 * (k * 7 % N) + 1},{B[k]}"),
        "a:id b:feature",
        {"b": B},
        ("Left out, since they only name or number the rows: 'a'",),
    ),
    "decimal points beside decimal commas": Case(
        rows(lambda k: (str(A[k]) if k % 2 else str(A[k]).replace(".", ",")) + f";{B[k]}", "a;b"),
        "a:id b:feature",
        {"b": B},
        ("Look at 'a': Its cells are numbers, some with a decimal point",),
    ),
    "digits of another script": Case(
        rows(lambda k: f"{k}".translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")) + f",{B[k]}"),
        "a:id b:feature",
        {"b": B},
        ("The digits of 1 column (arabic-indic) were read as 0 to 9.",),
    ),
    "the names once more in the middle": Case(
        rows(lambda k: "a,b" if k == 30 else f"{A[k]},{B[k]}"),
        "a:feature b:feature",
        {"a": np.delete(A, 30)},
        ("1 row left out that only repeats the names (the first: row 32).",),
    ),
    "a source below the table": Case(
        rows(lambda k: f"{A[k]},{B[k]}") + b"Source: an office,\n",
        "a:feature b:feature",
        {"a": A},
        ("the first: row 62: 'Source: an office'",),
    ),
    "infinities": Case(
        rows(lambda k: f"{'inf' if k % 9 == 0 else A[k]},{B[k]}"),
        "a:feature b:feature",
        {"a": np.where(np.arange(N) % 9 == 0, GAP, A)},
        ("7 cells of 'a' not read",),
    ),
    "two columns of one name": Case(
        rows(lambda k: f"{A[k]},{B[k]},{C[k]}", "a,a,b"),
        "a:feature a (2):feature b:feature",
        {"a": A, "a (2)": B, "b": C},
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_file_is_read_as_it_was_meant(name: str) -> None:
    case = CASES[name]
    found = read(case.content, {})
    assert found.reading is not None
    shown = [f"{one.column.name}:{one.column.role}" for one in found.reading.columns]
    assert " ".join(shown) == case.columns
    for column, values in case.values.items():
        made = found.x[:, found.columns.index(column)]
        np.testing.assert_allclose(made, np.asarray(values, float), rtol=1e-12)
    text = " ".join([*found.notes, *(one.question for one in found.reading.questions)])
    for words in case.said:
        assert words in text
    assert bool(found.reading.questions) is case.asked


def test_the_terminal_says_the_same(tmp_path: Any, capsys: Any) -> None:
    """A warning, and cells that were not read."""
    runs.configure("memory:", tmp_path / "files")
    try:
        for name in ("percent beside plain numbers", "below the limit of detection"):
            file = tmp_path / "table.csv"
            file.write_bytes(CASES[name].content)
            assert cli.main(["data", "look", str(file)]) == 0
            said = capsys.readouterr().out
            for words in CASES[name].said:
                assert words in said
    finally:
        runs.configure()


WORDS = "größe,b\n" + "".join(f"{a},{b}\n" for a, b in zip(A, B, strict=True))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_an_encoding_that_the_first_bytes_state_is_read(encoding: str) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    found = read(mark + WORDS.encode(encoding), {})
    assert found.columns == ("größe", "b")
    np.testing.assert_array_equal(found.x[:, 0], A)
    assert found.reading is not None
    assert not found.reading.questions
    assert any("UTF-16" in note for note in found.notes) == ("utf-16" in encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_an_encoding_that_nothing_states_is_asked_for(encoding: str) -> None:
    found = read(WORDS.encode(encoding), {})
    assert found.columns == ("größe", "b")
    assert found.reading is not None
    (question,) = found.reading.questions
    assert question.option == "encoding"
    assert question.value == "windows-1252"
    assert "'größe,b'" in question.question
    answered = read(WORDS.encode(encoding), {"encoding": question.value})
    assert answered.reading is not None
    assert not answered.reading.questions
    np.testing.assert_array_equal(answered.x, found.x)


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("windows-1250", "Łódź"),
        ("windows-1251", "Рост"),
        ("iso-8859-15", "prix €"),
        ("shift_jis", "身長"),
        ("gb18030", "身高"),
    ],
)
def test_an_encoding_that_is_chosen_is_read(encoding: str, word: str) -> None:
    text = WORDS.replace("größe", word).encode(encoding)
    # What is proposed may be wrong, so that it is asked, or refused with the same list.
    with contextlib.suppress(DataError):
        first = read(text, {}).reading
        assert first is not None
        assert first.questions
    found = read(text, {"encoding": encoding})
    assert found.columns == (word, "b")
    np.testing.assert_array_equal(found.x[:, 0], A)


@pytest.mark.parametrize("place", [0, 2**20 - 1, 2**20, 2**21 + 7])
def test_the_line_of_the_first_wrong_byte_is_told(place: int) -> None:
    """Whatever piece it is in, also where a sign lies across two pieces."""
    lines = ["ä,b"] + [f"{k % 97}.5,{k % 89}" for k in range(400_000)]
    text = "\n".join(lines).encode()
    at = text.index(b"\n", place) + 1 if place else 0
    broken = text[:at] + b"\xe9" + text[at:]
    with pytest.raises(DataError, match=f"line {text.count(bytes([10]), 0, at) + 1:,} is not"):
        read(broken, {"encoding": "utf-8"})


def test_the_terminal_takes_the_encoding(tmp_path: Any, capsys: Any) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(WORDS.encode("cp1252"))
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    try:
        assert cli.main(["data", "add", str(file)]) != 0
        said = "".join(capsys.readouterr())
        assert "encoding" in said
        assert "'größe,b'" in said
        assert cli.main(["data", "add", str(file), "--encoding", "windows-1252"]) == 0
        assert "gr\\u00f6\\u00dfe" in capsys.readouterr().out
    finally:
        runs.configure()
