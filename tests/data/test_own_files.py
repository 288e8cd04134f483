"""Small files that each stand for a kind, read in Python and by the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genlab import cli, runs
from genlab.core.errors import DataError
from genlab.data import own_dataset, user_sets
from genlab.data.readers import Examples, read

FOLDER = next(
    (
        parent / "shared" / "data" / "own"
        for parent in Path(__file__).resolve().parents
        if (parent / "shared" / "data" / "own").is_dir()
    ),
    None,
)
WHY = "the folder shared/data/own is not beside this checkout"
Check = Callable[[Examples, list[list[str]]], None]


def cells(content: bytes) -> list[list[str]]:
    """The cells of a file by Python's own reader."""
    text = content.decode("utf-8-sig")
    sign = ";" if ";" in text.split("\n")[min(2, text.count("\n"))] else ","
    return [row for row in csv.reader(io.StringIO(text), delimiter=sign) if row]


def number(text: str) -> float:
    """A number with a decimal comma, and points, spaces or commas between thousands."""
    bare = "".join(c for c in text if not c.isspace())
    if "," in bare:
        bare = bare.replace(".", "").replace(",", ".")
    return float(bare)


def table(names: str, rows: int, types: str = "", said: str = "", **more: Any) -> Check:
    """Names, rows, types of the learned columns, and what is said."""

    def check(found: Examples, body: list[list[str]]) -> None:
        assert found.columns == tuple(names.split())
        assert len(found.x) == rows
        if types:
            assert [c.type for c in found.schema] == types.split()
        for word in filter(None, said.split("|")):
            assert word in " ".join(found.notes), (word, found.notes)
        for k, wanted in more.get("values", {}).items():
            np.testing.assert_array_equal(found.x[:, k], wanted(body))
        if "classes" in more:
            assert found.classes == more["classes"]
        for name, unit in more.get("units", {}).items():
            assert next(c for c in found.schema if c.name == name).unit == unit

    return check


def column(k: int, skip: int = 1, read_as: Callable[[str], float] = float) -> Any:
    return lambda body: np.array([read_as(row[k]) for row in body[skip:]])


def thousands(text: str) -> float:
    return float("".join(c for c in text if c.isdigit()))


def pictures(n: int, said: str = "", classes: tuple[str, ...] = (), bright: bool = True) -> Check:
    """How many, what is said, the classes, and that something is to be seen."""

    def check(found: Examples, _: list[list[str]]) -> None:
        assert len(found.x) == n
        assert found.classes == classes
        for word in filter(None, said.split("|")):
            assert word in " ".join(found.notes), (word, found.notes)
        level = found.x / found.white
        assert level.max() > 0.9 or not bright
        assert level.std() > 0.05

    return check


def refused(words: str) -> str:
    return words


def gap(text: str) -> float:
    return float(text) if text else np.nan


EXPECTED: dict[str, Check | str] = {
    "all_categorical.csv": table(
        "colour size shape", 60, "categorical ordinal binary", "categories"
    ),
    "constant_in_train.csv": table("x rareflag", 300, "numeric binary"),
    "counts.csv": table("visits children", 300, "count count", "'class' is", classes=("a", "b")),
    "decimal_comma_quoted.csv": table(
        "a b", 60, "", "decimal comma", values={0: column(0, 1, number), 1: column(1, 1, number)}
    ),
    "eu_thousands_mix.csv": table(
        "preis flaeche",
        1000,
        "",
        "thousands separated by points",
        values={0: column(0, 1, thousands), 1: column(1, 1, number)},
    ),
    "european_int_thousands.csv": refused("fifty-one thousand"),
    "european_thousands.csv": table(
        "Umsatz Menge", 60, "", "thousands separated by points", values={0: column(0, 1, number)}
    ),
    "excel_sep_line.csv": table(
        "x y", 60, "", "sep=|semicolons", values={0: column(0, 2), 1: column(1, 2)}
    ),
    "huge_offset.csv": table("timestamp value", 300, "", "", values={0: column(0)}),
    "ids.csv": table("height weight", 60, "", "'id'"),
    "late_sensor.csv": table("a late", 1500, "numeric numeric", values={1: column(1, 1, gap)}),
    "missing_1in4.csv": table(
        "a b c d e", 300, "", values={k: column(k, 1, gap) for k in range(5)}
    ),
    "mixed_columns.csv": table(
        "age sex smoker income city", 60, "count binary binary positive categorical", "categories"
    ),
    "mnist_like_785.csv": pictures(30, "785 cells|'label'", tuple("0123456789")),
    "nbsp_thousands.csv": table(
        "a b", 60, "", "spaces", values={0: column(0, 1, thousands), 1: column(1, 1, number)}
    ),
    "ordinal_stars.csv": table("stars helpful", 300, "ordinal binary"),
    "preamble.csv": table("x y", 60, "", "before the table left out"),
    "sentinel_missing.csv": table("age score", 60, "", "-999 taken for missing|option missing"),
    "space_thousands.csv": table(
        "a b", 60, "", "spaces", values={0: column(0, 1, thousands), 1: column(1)}
    ),
    "thousands_quoted.csv": table(
        "income age",
        60,
        "",
        "51738: commas between thousands",
        values={0: column(0, 1, thousands)},
    ),
    "total_row.csv": table("length mass", 60, "", "sums up others left out"),
    "two_word_cols.csv": table("when temp", 200, "categorical numeric", "'city'"),
    "units_row.csv": table("length mass", 60, "", "units", units={"length": "cm", "mass": "kg"}),
    "year_header.csv": table("1990 2000 2010", 60, "", "taken for names"),
    "yes_no.csv": table("bread milk beer", 200, "binary binary binary"),
    "yyyymmdd.csv": table("temp rain", 60, "", "dates|'date'"),
    "zero_inflated.csv": table("claims age", 400, "positive numeric"),
    "img_10_pictures.zip": pictures(10),
    "img_3_pictures.zip": refused("at least 10 are needed"),
    "img_12bit_in_16bit.zip": pictures(40, "4,095 is taken for white", ("disc", "square")),
    "img_palette.zip": pictures(40, "masks of 2 coloured classes"),
    "img_rgba_white_ink.zip": pictures(40, "laid on black", ("disc", "square")),
    "img_nested.zip": pictures(40, "the first that varies", ("disc", "square")),
    "img_no_ext.zip": pictures(40),
    "img_jpe_jfif.zip": pictures(40),
    "img_gif.zip": pictures(40),
    "img_tiff.zip": pictures(40),
    "img_same_all.zip": pictures(40, "39 pictures repeat"),
    "npz_medmnist.npz": pictures(40, "parts of the split", ("0", "1")),
    "npz_keras_mnist.npz": pictures(40, "parts of the split", ("0", "1")),
    "npz_dsprites.npz": pictures(40, "'imgs'"),
    "npz_flat784.npz": pictures(40, "28 × 28", ("0", "1")),
    "npz_y_onehot.npz": pictures(40, "", ("0", "1")),
    "npz_ylabels_bytes.npz": pictures(40, "", ("cat", "dog")),
    "npz_uint16_12bit.npz": pictures(40, "4,095 is taken for white", ("0", "1")),
    "npz_int16_hu.npz": pictures(40, "moved to [0, 1]", ("0", "1")),
}


@pytest.mark.skipif(FOLDER is None, reason=WHY)
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_file_gives_what_it_should(name: str, tmp_path: Path, capsys: Any) -> None:
    assert FOLDER is not None
    content = (FOLDER / name).read_bytes()
    wanted = EXPECTED[name]
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    try:
        if isinstance(wanted, str):
            with pytest.raises(DataError, match=wanted):
                user_sets.store(read(content), "set")
            assert cli.main(["data", "add", str(FOLDER / name)]) == 2
            assert wanted in capsys.readouterr().err
            return
        found = read(content)
        wanted(found, cells(content) if name.endswith(".csv") else [])
        assert cli.main(["data", "add", str(FOLDER / name)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["notes"] == list(found.notes)
        assert told["n"] == len(found.x)
        # What was stored can be learned: three parts, no gap.
        parts = own_dataset.Own.load(own_dataset.OwnOptions(set=told["set"]))
        for part in (parts.train, parts.validation, parts.test):
            assert len(part) >= 1
            assert bool(part.x.isfinite().all())
    finally:
        runs.configure()


@pytest.mark.skipif(FOLDER is None, reason=WHY)
def test_every_file_of_the_folder_is_expected() -> None:
    assert FOLDER is not None
    there = {path.name for path in FOLDER.iterdir()} - {"README.md"}
    assert there <= set(EXPECTED), there - set(EXPECTED)


@pytest.mark.skipif(FOLDER is None, reason=WHY)
def test_a_question_is_answered_by_a_flag(tmp_path: Path, capsys: Any) -> None:
    assert FOLDER is not None
    path = str(FOLDER / "european_int_thousands.csv")
    assert cli.main(["data", "look", path, "--thousands", "."]) == 0
    (first, _) = json.loads(capsys.readouterr().out)["columns"]
    assert first["after"][:2] == ["51738", "37005"]
    assert cli.main(["data", "look", path, "--decimal", "."]) == 0
    (first, _) = json.loads(capsys.readouterr().out)["columns"]
    assert first["after"][:2] == ["51.738", "37.005"]
    assert cli.main(["data", "look", path, "--column", "Umsatz:decimal=comma,thousands=."]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["columns"][0]["after"][0] == "51738"
    assert told["questions"] == []


@pytest.mark.skipif(FOLDER is None, reason=WHY)
def test_numbers_far_from_zero_come_back_in_double_precision(tmp_path: Path) -> None:
    assert FOLDER is not None
    content = (FOLDER / "huge_offset.csv").read_bytes()
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    try:
        made = user_sets.store(read(content), "times")
        data = own_dataset.Own.load(own_dataset.OwnOptions(set=made.id))
        wanted = {float(row[0]) for row in cells(content)[1:]}
        back = [
            float(v)
            for part in (data.train, data.validation, data.test)
            for v in data.meta.original(part.x)[:, 0]
        ]
        assert len(set(back)) == len(wanted)
        # Single precision of the standardised value: 1e-7 of a spread of 1e5.
        np.testing.assert_allclose(sorted(back), sorted(wanted), atol=0.05)
    finally:
        runs.configure()
