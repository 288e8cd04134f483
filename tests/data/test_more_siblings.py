"""More odd tables: ends of rows, scripts, dates of two orders, chosen types, orders of words.

Each file is written from numbers that the test keeps, as in ``test_sibling_files.py``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from genlab.core.errors import DataError
from genlab.data.readers import read
from genlab.data.readers.base import Examples
from genlab.data.readers.ladders import ordinal_scale
from genlab.data.readers.reading import ColumnReading
from genlab.data.schema import TYPES

N = 60
RANDOM = np.random.default_rng(11)
A, B = np.round(RANDOM.normal(50.0, 20.0, (2, N)), 2)
LARGE = np.round(RANDOM.lognormal(8.0, 1.2, N), 2)
KIND = RANDOM.integers(0, 3, N)


def table(head: str, lines: list[str]) -> bytes:
    return "\n".join([head, *lines, ""]).encode()


def column(found: Examples, name: str) -> np.ndarray:
    return found.x[:, found.columns.index(name)]


def seen(found: Examples, name: str) -> ColumnReading:
    assert found.reading is not None
    return next(one for one in found.reading.columns if one.column.name == name)


def said(found: Examples) -> str:
    assert found.reading is not None
    return " ".join([*found.notes, *(one.question for one in found.reading.questions)])


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("more", [1, 3])
def test_rows_that_end_with_separators_keep_their_names(sign: str, more: int) -> None:
    lines = [f"{a}{sign}{b}{sign * more}" for a, b in zip(A, B, strict=True)]
    found = read(table(f"a{sign}b", lines), {})
    np.testing.assert_array_equal(column(found, "a"), A)
    np.testing.assert_array_equal(column(found, "b"), B)
    assert "end with separators" in said(found)


def test_names_that_end_with_separators_are_names() -> None:
    lines = [f"{a},{b}" for a, b in zip(A, B, strict=True)]
    found = read(table("a,b,,", lines), {})
    np.testing.assert_array_equal(column(found, "a"), A)
    assert "The row of names alone ends with separators." in said(found)
    twice = read(table("a,a,", lines), {})
    np.testing.assert_array_equal(column(twice, "a (2)"), B)


@pytest.mark.parametrize("head", ["a,b,", "a", "a,b,c"])
def test_a_chosen_row_of_names_of_another_length_costs_no_row(head: str) -> None:
    lines = [f"{a},{b}" for a, b in zip(A, B, strict=True)]
    found = read(table(head, lines), {"header_row": "1"})
    np.testing.assert_array_equal(column(found, "a"), A)


def test_a_file_put_together_of_several_repeats_its_names() -> None:
    lines = [f"{'xyz'[k]},{b}" for k, b in zip(KIND, B, strict=True)]
    lines[40:40] = ["\ufeffkind,b"]
    lines[20:20] = ["kind,b"]
    found = read(table("kind,b", lines), {})
    assert found.classes == ("x", "y", "z")
    np.testing.assert_array_equal(column(found, "b"), B)
    assert "2 rows left out that only repeat the names (the first: row 22)." in said(found)


@pytest.mark.parametrize("unseen", ["\ufeff", "\u200b", "\x00", "\u200e", "\u2060", "\u3000"])
def test_signs_that_are_not_seen_do_not_cost_a_number(unseen: str) -> None:
    lines = [f"{a},{b}" for a, b in zip(A, B, strict=True)]
    lines[30] = f"{unseen}{A[30]}{unseen},{B[30]}"
    found = read(table("a,b", lines), {})
    np.testing.assert_array_equal(column(found, "a"), A)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("options", [{}, {"encoding": "utf-16"}])
def test_utf_16_without_a_mark_is_text(encoding: str, options: dict[str, str]) -> None:
    text = table("größe\tb", [f"{a}\t{b}" for a, b in zip(A, B, strict=True)]).decode()
    found = read(text.encode(encoding), options)
    np.testing.assert_array_equal(column(found, "größe"), A)
    assert "UTF-16" in said(found) or options


@pytest.mark.parametrize(
    "digits", ["٠١٢٣٤٥٦٧٨٩٫", "۰۱۲۳۴۵۶۷۸۹٫", "０１２３４５６７８９．", "०१२३४५६७८९."]
)
def test_digits_of_other_scripts_are_numbers(digits: str) -> None:
    signs = str.maketrans("0123456789.", digits)
    lines = [f"{str(a).translate(signs)};{b}" for a, b in zip(A, B, strict=True)]
    found = read(table("a;b", lines), {})
    np.testing.assert_array_equal(column(found, "a"), A)
    assert "were read as 0 to 9" in said(found)


def test_words_with_such_digits_stay_as_they_are() -> None:
    words = ["٣ غرف", "٤ غرف", "غرفة"]
    found = read(table("a,b", [f"{words[k]},{b}" for k, b in zip(KIND, B, strict=True)]), {})
    assert set(found.classes) == set(words)


@pytest.mark.parametrize("form", ["{m:.3f}D+03", "{m:.3f}×10^3", "{m:.3f} x 10^3", "{m:.3f}*10^3"])
def test_powers_of_ten_as_fortran_and_people_write_them(form: str) -> None:
    lines = [f"{form.format(m=large / 1000)},{b}" for large, b in zip(LARGE, B, strict=True)]
    found = read(table("a,b", lines), {})
    wanted = np.array([float(f"{large / 1000:.3f}e3") for large in LARGE])
    np.testing.assert_allclose(column(found, "a"), wanted, rtol=1e-12)


def test_a_currency_before_brackets_is_read() -> None:
    lines = [
        f"$({large:,.2f});{b}" if k % 2 else f"${large:,.2f};{b}"
        for k, (large, b) in enumerate(zip(LARGE, B, strict=True))
    ]
    found = read(table("a;b", lines), {})
    np.testing.assert_allclose(column(found, "a"), LARGE * np.where(np.arange(N) % 2, -1, 1))
    assert seen(found, "a").column.unit == "$"


def test_one_decimal_among_thousands_decides_nothing() -> None:
    """1,013 beside one 1,5: a factor of 1,000 in silence before."""
    lines = [f"{'1,5' if k == 7 else f'{1000 + 13 * k:,}'};{KIND[k]}" for k in range(N)]
    found = read(table("a;b", lines), {})
    assert "Is a number as 51,738 in 'a' fifty-one thousand" in said(found)
    half = [f"{'1,5' if k % 2 else '1,234'};{KIND[k]}" for k in range(N)]
    assert set(column(read(table("a;b", half), {}), "a")) == {1.5, 1.234}


def test_what_is_said_of_signs_is_true() -> None:
    text = [f"{v:,.2f}".replace(",", " " if v > 3000 else "'") for v in LARGE]
    lines = [f"{v};{b}" for v, b in zip(text, B, strict=True)]
    found = read(table("a;b", lines), {})
    assert "not all with the same signs between thousands" in said(found)
    assert "decimal comma" not in said(found)
    lines = [f"{k};{b}" for k, b in zip(KIND, B, strict=True)]
    plain = read(table("a;b", lines), {"column": "a:type=categorical"})
    assert "Look at" not in said(plain)


def test_dates_of_two_orders_are_all_read_and_said() -> None:
    lines = [
        (f"{k % 28 + 1}/{k % 12 + 1}/2024" if k % 2 else f"{k % 12 + 1}/{k % 28 + 1}/2024")
        + f",{a}"
        for k, a in enumerate(A)
    ]
    found = read(table("at,a", lines), {"column": "at:role=feature"})
    assert np.isfinite(column(found, "at")).all()
    assert "Its dates are of two kinds" in said(found)


def test_dates_with_points_do_not_turn_those_with_strokes() -> None:
    days = np.arange(N) % 28 + 1
    lines = [
        f"{d}.3.2024,{a}" if d % 2 else f"3/{d}/2024,{a}" for d, a in zip(days, A, strict=True)
    ]
    found = read(table("at,a", lines), {"column": "at:role=feature"})
    # 1970-01-01 to 2024-03-01: 54 years of 365 days, 13 leap days, 31 + 29 days.
    np.testing.assert_array_equal(column(found, "at"), 54 * 365 + 13 + 60 + days - 1)


@pytest.mark.parametrize("zone", ["AM GMT+1", "PM GMT-5", "AM UTC", "AM EST"])
def test_a_time_with_the_name_of_its_zone_is_a_time(zone: str) -> None:
    lines = [f"2024/03/{k % 28 + 1:02d} 10:{k:02d}:00 {zone},{a}" for k, a in enumerate(A)]
    assert seen(read(table("at,a", lines), {}), "at").column.type == "date"


VALUES: dict[str, list[str]] = {
    "real": [str(a) for a in A],
    "words": [("red", "blue", "green")[k] for k in KIND],
    "negative": [str(k - 30) for k in range(N)],
    "iso": [f"{20240101 + k % 28}" for k in range(N)],
    "names": [f"n{k}" for k in range(N)],
    "long": [str(10**17 + 3 * k) for k in range(N)],
    "huge": [f"{a}e300" for a in A],
    "empty": [""] * N,
    "infinite": ["inf"] * N,
    "gaps": ["" if k % 3 else str(a) for k, a in enumerate(A)],
    "times": [f"{k % 24}:{k:02d}" for k in range(N)],
    "dashes": ["-"] * N,
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", VALUES)
def test_a_type_against_the_data_is_answered(name: str, kind: str) -> None:
    """No error but a refusal; every entry is learned, missing or counted as not read."""
    content = table(f"{name},b", [f"{v},{b}" for v, b in zip(VALUES[name], B, strict=True)])
    try:
        found = read(content, {"column": f"{name}:type={kind}"})
    except DataError as error:
        assert "1e30" in str(error)  # noqa: PT017
        return
    one = seen(found, name)
    if name not in found.columns:
        assert one.column.role != "feature"
        return
    values = column(found, name)
    assert int(np.isnan(values).sum()) == one.missing + one.unread
    there = values[np.isfinite(values)]
    assert len(there)
    if one.column.type == "count":
        assert ((there >= 0) & (there == np.rint(there))).all()
    if one.column.type == "positive":
        assert (there >= 0).all()
    if one.column.type in ("binary", "categorical", "ordinal") and one.column.categories:
        assert 0 <= there.min() <= there.max() < len(one.column.categories)
    if one.column.type != kind:
        assert f"The type {kind} has at most" in said(found)


def test_a_type_that_no_cell_has_is_said() -> None:
    content = table("a,b", [f"{'xyz'[k]},{b}" for k, b in zip(KIND, B, strict=True)])
    found = read(content, {"column": "a:type=count"})
    assert found.columns == ("b",)
    assert "None of its cells is a value of the type count. It is left out." in said(found)


def test_a_number_that_is_too_large_is_shown_with_its_place() -> None:
    lines = [f"{'1e308' if k == 8 else a},{b}" for k, (a, b) in enumerate(zip(A, B, strict=True))]
    with pytest.raises(
        DataError, match=r"1 cell of 'a' holds a number beyond 1e30 .*row 10: 1e\+308"
    ):
        read(table("a,b", lines), {})
    left = read(table("a,b", lines), {"column": "a:missing=1e308"})
    np.testing.assert_array_equal(column(left, "a"), np.where(np.arange(N) == 8, np.nan, A))


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        (",Height,,Weight,", "Name,left,right,left,right", "Name|Height left|Height right"),
        ("Id,Height,Height,Weight,Weight", "no,left,right,left,right", "Id no|Height left"),
    ],
)
def test_names_that_span_columns_are_not_units(first: str, second: str, names: str) -> None:
    lines = [f"p{k},{A[k]},{B[k]},{LARGE[k]},{A[-k]}" for k in range(N)]
    found = read(table(f"{first}\n{second}", lines), {})
    assert found.reading is not None
    shown = "|".join(one.column.name for one in found.reading.columns)
    assert shown.startswith(names)
    np.testing.assert_array_equal(column(found, "Height right"), B)


def test_names_that_occur_twice_are_said() -> None:
    found = read(table("a,a,b", [f"{A[k]},{B[k]},{LARGE[k]}" for k in range(N)]), {})
    assert "Names that occur more than once are numbered: 'a (2)'." in said(found)


@pytest.mark.parametrize(
    "ladder",
    [
        "Strongly disagree|Disagree|Neither agree nor disagree|Agree|Strongly agree",
        "Very dissatisfied|Dissatisfied|Neutral|Satisfied|Very satisfied",
        "Very unlikely|Unlikely|Somewhat likely|Likely",
        "trifft nicht zu|trifft eher nicht zu|teils/teils|trifft eher zu|trifft voll zu",
        "1 - not at all|2|3|4|5 - very much",
        "under 18|18-24|25-34|35-54|55+",
        "< 20k|20k-40k|40k-60k|> 60k",
        "$0 to $10|$10 to $20|more than 20",
        "2 rooms|3 rooms|10 rooms",
    ],
)
def test_answers_of_surveys_are_in_their_order(ladder: str) -> None:
    words = ladder.split("|")
    order = ordinal_scale([*words[2:], *words[:2]])
    assert order is not None
    places = [order.index(word.lower()) for word in words]
    assert all(a < b for a, b in pairwise(places))


@pytest.mark.parametrize(
    "words",
    ["12 Main St|14 Oak St|9 Elm", "A1|A2|A3", "red|blue", "2024-01-01|2024-01-02|2024-02-01"],
)
def test_words_without_an_order_get_none(words: str) -> None:
    assert ordinal_scale(words.split("|")) is None


def test_long_answers_that_begin_alike_stay_apart() -> None:
    """A word is shown by its first forty signs: two of them were one class before."""
    answers = [f"I would recommend this course to a friend because of {w}" for w in "xyz"]
    found = read(table("b,a", [f"{b},{answers[k]}" for k, b in zip(KIND, B, strict=True)]), {})
    assert len(set(found.classes)) == 3
    np.testing.assert_array_equal(found.y, KIND)


def test_an_order_that_is_not_known_is_not_silent() -> None:
    words = ("low-ish", "so-so", "a lot")
    content = table("a,b", [f"{words[k]},{b}" for k, b in zip(KIND, B, strict=True)])
    options = {"column": "a:type=ordinal,role=feature"}
    found = read(content, options)
    assert seen(found, "a").column.categories == ("a lot", "low-ish", "so-so")
    assert "they have that of the alphabet: a lot, low-ish, so-so." in said(found)
    for k, word in enumerate(words, 1):
        content = content.replace(word.encode(), f"{k} - {word}".encode())
    numbered = read(content, options)
    assert seen(numbered, "a").column.categories == ("1 - low-ish", "2 - so-so", "3 - a lot")
    assert "alphabet" not in said(numbered)


@pytest.mark.parametrize("mark", ["", '"'])
def test_rows_of_which_some_end_with_separators_are_kept(mark: str) -> None:
    pairs = enumerate(zip(A, B, strict=True))
    lines = [f"{mark}{a}{mark},{b}" + "," * (k % 3) for k, (a, b) in pairs]
    lines[7] = f"{A[7]},{B[7]},1"
    found = read(table("a,b", lines), {})
    np.testing.assert_array_equal(column(found, "a"), np.delete(A, 7))
    assert "1 row of another length left out" in said(found)


@pytest.mark.parametrize("form", ["{v:.2f}k", "{k}h {k}min", "{k}°{k}'", "{v:.1f} quid"])
def test_amounts_in_an_unknown_unit_are_not_lost_in_silence(form: str) -> None:
    text = [form.format(v=v / 1000, k=k) for k, v in enumerate(LARGE)]
    lines = [f"{v},{b}" for v, b in zip(text, B, strict=True)]
    answer = said(read(table("a,b", lines), {}))
    assert ("Look at 'a': Its cells begin with numbers" in answer) is ("quid" not in form)


def test_names_that_begin_with_numbers_are_names() -> None:
    lines = [f"{k}-{k * 7919 % 997},{b}" for k, b in enumerate(B)]
    assert "Look at" not in said(read(table("a,b", lines), {}))
