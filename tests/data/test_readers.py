"""Files that somebody brings: read as an independent reader reads them, or refused at once."""

from __future__ import annotations

import csv
import functools
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_iris

from genlab.core.errors import DataError, SpecError
from genlab.data.readers import READERS, Examples, Reader, read
from genlab.data.readers.base import BYTES
from tests.data import test_image_uploads
from tests.data.test_image_uploads import encoded

bomb = functools.cache(test_image_uploads.bomb)


def as_csv(rows: list[list[object]], delimiter: str = ",", decimal: str = ".") -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    for row in rows:
        words = [str(v).replace(".", decimal) if isinstance(v, float) else v for v in row]
        writer.writerow(words)
    return out.getvalue().encode()


def iris_rows() -> list[list[object]]:
    iris = load_iris()
    kinds = [str(iris.target_names[k]) for k in iris.target]
    body = [[*map(float, x), kind] for x, kind in zip(iris.data, kinds, strict=True)]
    return [[*iris.feature_names, "species"], *body]


def as_npz(**arrays: object) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def as_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def grey(k: int, side: int = 8) -> Image.Image:
    rng = np.random.default_rng(k)
    return Image.fromarray(rng.integers(0, 256, (side, side), dtype=np.uint8))


def pictures(n: int = 12, side: int = 8, form: str = "PNG") -> dict[str, bytes]:
    ending = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp"}[form]
    return {f"{'ab'[k % 2]}/{k:03d}.{ending}": encoded(grey(k, side), form) for k in range(n)}


# -- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delimiter", "decimal"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")]
)
def test_iris_through_csv_has_scikit_learns_numbers(delimiter: str, decimal: str) -> None:
    iris = load_iris()
    found = read(as_csv(iris_rows(), delimiter, decimal))
    np.testing.assert_array_equal(found.x, iris.data)
    np.testing.assert_array_equal(found.y, iris.target)
    assert found.columns == tuple(iris.feature_names)
    assert found.classes == tuple(iris.target_names)
    assert found.offered["label"] == ("auto", "none", "species")


def test_a_table_without_names_spaces_between_and_a_mark_at_its_beginning() -> None:
    text = "\ufeff" + "\n".join(f"  {k}.5   {k * k}   {2 ** (k % 5)} " for k in range(20))
    found = read(text.encode())
    assert found.columns == ("column 1", "column 2", "column 3")
    np.testing.assert_array_equal(found.x[:, 1], np.arange(20.0) ** 2)
    assert found.y is None


def test_missing_values_stay_missing_and_ragged_rows_and_words_are_counted() -> None:
    rows: list[list[object]] = [["a", "b", "kind"]]
    rows += [[k + 0.5, k**2 / 2, "red" if k % 3 else "blue"] for k in range(40)]
    rows[5][0], rows[6][1], rows[7][2], rows[8][0], rows[9][1] = "NA", "", "?", "inf", "oops"
    rows[10] = [1.0, 2.0]
    found = read(as_csv(rows))
    said = " ".join(found.notes)
    assert "1 row of another length left out" in said
    assert "1 cell of 'a' not read, counted as missing; the first: row 9: 'inf'." in said
    assert "1 cell of 'b' not read, counted as missing; the first: row 10: 'oops'." in said
    assert "1 row left out: 'kind', the class, is missing there." in said
    kept = [k for k in range(1, 41) if k not in (7, 10)]
    wanted = np.array([rows[k][:2] for k in kept], dtype=object)
    wanted[np.isin(wanted, ["NA", "", "inf", "oops"])] = np.nan
    np.testing.assert_array_equal(found.x, wanted.astype(float))
    assert [found.classes[k] for k in found.y] == [rows[k][2] for k in kept]


def test_constant_columns_row_numbers_and_mostly_empty_columns_are_left_out() -> None:
    rows: list[list[object]] = [["id", "a", "flat", "gaps", "note"]]
    rows += [[k, (k * 7 % 11) / 2, 3.0, 1.5 if k > 15 else "", f"note {k}"] for k in range(20)]
    found = read(as_csv(rows))
    assert found.columns == ("a",)
    said = " ".join(found.notes)
    for words in (
        "only name or number the rows: 'id', 'note'",
        "constant: 'flat'",
        "half of their values are missing: 'gaps'",
    ):
        assert words in said, words
    assert read(as_csv(rows), {"columns": "id, a"}).columns == ("id", "a")


def test_the_label_can_be_chosen_and_numbers_can_be_classes() -> None:
    rows: list[list[object]] = [["a", "target", "k"]]
    rows += [[k / 3, k % 3 + 5, k % 2] for k in range(30)]
    found = read(as_csv(rows))
    assert found.classes == ("5", "6", "7")
    assert found.columns == ("a", "k")
    np.testing.assert_array_equal(found.y, np.arange(30) % 3)
    assert read(as_csv(rows), {"label": "k"}).classes == ("0", "1")
    assert read(as_csv(rows), {"label": "none"}).columns == ("a", "target", "k")
    with pytest.raises(DataError, match=r"no column 'z' for the label.*'a', 'target', 'k'"):
        read(as_csv(rows), {"label": "z"})
    with pytest.raises(SpecError, match="'side' is not possible: allowed: column, columns"):
        read(as_csv(rows), {"side": 28})


def test_names_from_a_file_are_made_harmless() -> None:
    rows: list[list[object]] = [["<img src=x onerror=alert(1)>", "b\u202e", "b", "x" * 90]]
    rows += [[k / 2, k % 7, k % 5, -k / 3] for k in range(20)]
    found = read(as_csv(rows))
    assert found.columns[0] == "‹img src=x onerror=alert(1)›"
    assert found.columns[1:3] == ("b", "b (2)")
    assert max(map(len, found.columns)) == 40


# -- arrays ------------------------------------------------------------------------------------


def test_arrays_of_every_shape_arrive_as_they_are() -> None:
    rng = np.random.default_rng(0)
    flat, square = rng.normal(size=(20, 3)), rng.integers(0, 256, (20, 6, 5), dtype=np.uint8)
    colours = rng.integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)
    y = np.array(["one", "two"])[np.arange(20) % 2]
    found = read(as_npz(x=flat, y=y))
    np.testing.assert_array_equal(found.x, flat)
    assert found.classes == ("one", "two")
    assert found.is_table
    np.testing.assert_array_equal(read(as_npz(only=square)).x, square[:, None])
    np.testing.assert_array_equal(read(as_npz(x=colours)).x, colours.transpose(0, 3, 1, 2))
    first = np.asfortranarray(colours.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(read(as_npz(X=first)).x, first)
    np.testing.assert_array_equal(read(as_npz(x=square / 255.0)).x, square[:, None])
    grey = rng.random((20, 6, 5)).astype(np.float32)
    found = read(as_npz(x=grey, y=np.arange(20) % 4 * 1.0))
    np.testing.assert_array_equal(found.x, grey[:, None])
    assert found.classes == ("0", "1", "2", "3")
    moved = read(as_npz(x=2 * grey - 1))
    np.testing.assert_allclose(moved.x[:, 0], grey, atol=1e-6)
    few = read(as_npz(x=(square % 17).astype(np.uint8)))
    assert few.white == 16
    assert read(as_npz(x=square > 99)).white == 1
    gap = grey.copy()
    gap[3, 0, 0], gap[7, 1, 1] = np.nan, np.inf
    assert len(read(as_npz(x=gap)).x) == 18


def test_rows_of_an_array_are_learned_with_their_missing_entries() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    x[:, 1] = np.arange(60) % 5
    x[3, 0], x[7, 1], x[9] = np.nan, np.nan, np.nan
    x[11, 2] = np.inf
    found = read(as_npz(x=x, y=np.arange(60) % 2))
    kept = [k for k in range(60) if k not in (9, 11)]
    np.testing.assert_array_equal(found.x, x[kept])
    assert [c.type for c in found.schema] == ["numeric", "count", "numeric"]
    assert [round(c.missing * 58) for c in found.schema] == [1, 1, 0]
    said = " ".join(found.notes)
    assert "2 examples left out: nothing but NaN, infinity or no label in them." in said
    assert "2 entries in 2 rows missing (NaN)" in said
    # Without a gap there is nothing to say, and the set keeps the id that it always had.
    assert read(as_npz(x=np.nan_to_num(x, posinf=0.0))).schema == ()


# -- images ----------------------------------------------------------------------------------


def test_pictures_in_a_zip_arrive_to_the_bit() -> None:
    files = pictures() | {"__MACOSX/a/000.png": b"x", "a/readme.txt": b"hello"}
    for side in (8, 28):
        files = files | pictures(side=side)
        found = read(as_zip(files), {"side": side})
        wanted = [np.asarray(Image.open(io.BytesIO(files[name]))) for name in sorted(pictures())]
        np.testing.assert_array_equal(found.x[:, 0], wanted)
        assert [found.classes[k] for k in found.y] == [name[0] for name in sorted(pictures())]
        assert "2 files left out" in " ".join(found.notes)
    loud = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    sent = {f"{k}.bmp": encoded(Image.fromarray(x), "BMP") for k, x in enumerate(loud)}
    found = read(as_zip(sent), {"side": 8, "colour": "RGB"})
    order = [int(name[:-4]) for name in sorted(sent)]
    np.testing.assert_array_equal(found.x, loud[order].transpose(0, 3, 1, 2))
    assert found.y is None


def test_webp_and_jpeg_are_near_what_was_drawn_and_a_wide_one_is_cropped_or_whole() -> None:
    page = Image.new("L", (40, 20), 0)
    page.paste(255, (10, 0, 30, 20))
    for form in ("WEBP", "JPEG"):
        files = {f"{k}.{form.lower()}": encoded(page, form, quality=95) for k in range(12)}
        files["other.png"] = encoded(grey(0, 20))
        crop = read(as_zip(files), {"side": 8}).x[0, 0]
        assert crop.min() > 240
        whole = read(as_zip(files), {"side": 8, "fit": "whole"}).x[0, 0]
        assert whole[3, 3] > 240
        assert whole[4, 0] < 15
        assert whole[0, 4] < 15


def test_a_few_bad_pictures_are_left_out_and_said() -> None:
    files = pictures(20) | {"a/100.png": bomb(), "b/101.png": b"no", "a/102.png": b""}
    found = read(as_zip(files), {"side": 8})
    assert len(found.x) == 20
    said = " ".join(found.notes)
    assert "1 image left out: it has 50,000 × 50,000 pixels" in said
    assert "1 image left out: it is neither a PNG nor a JPEG" in said


# -- hostile files -----------------------------------------------------------------------------


def encrypted() -> bytes:
    content = bytearray(as_zip(pictures()))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(magic)
        while start >= 0:
            content[start + at] |= 1
            start = content.find(magic, start + 4)
    return bytes(content)


def unfolding() -> bytes:
    return as_zip({f"{k}.png": bytes(30 * 2**20) for k in range(20)})


def lying() -> bytes:
    """An array whose header claims 60 TB."""
    out = io.BytesIO()
    head = {"descr": "<f8", "fortran_order": False, "shape": (2**33, 1000)}
    np.lib.format.write_array_header_1_0(out, head)
    return as_zip({"x.npy": out.getvalue() + bytes(100)})


def as_flat(x: np.ndarray) -> bytes:
    """An array of zeros, squeezed to nearly nothing."""
    out = io.BytesIO()
    np.savez_compressed(out, x=x)
    return out.getvalue()


def short_array() -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.zeros((100, 4)))
    return as_zip({"x.npy": out.getvalue()[:1000]})


def many_names() -> bytes:
    """An archive that lists 300,000 files without holding one."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    body = b"PK\x03\x04" + bytes(26) + entry * 300_000
    size = len(entry) * 300_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, size, 30, 0)
    return body + end


def damaged() -> bytes:
    content = bytearray(as_npz(x=np.random.default_rng(0).normal(size=(200, 4))))
    content[400:500] = bytes(100)
    return bytes(content)


def object_array() -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.array([{"a": 1}] * 20, dtype=object))
    return out.getvalue()


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("unpickled",))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "it is empty"),
    "huge": (lambda: b"1,2\n" * (BYTES // 4 + 1), "at most 64 MB are read"),
    "long table": (lambda: b"1,2\n" * (9 * 2**20), "more than 2,000,000 lines"),
    "words": (
        lambda: b"hello\nthis is a letter\n",
        "rows cannot be used|at least 10 are|constant",
    ),
    "header alone": (
        lambda: b"a,b\n",
        "no column that can be learned|holds a header|at least 10|constant",
    ),
    "one row": (lambda: b"a,b\n1,2\n", "at least 10 are needed"),
    "constant": (lambda: b"a,b\n" + b"1,2\n" * 30, "all its columns are constant"),
    "all missing": (
        lambda: b"a,b\n1,2\n3,4\n" + b"NA,\n" * 30,
        "entries are missing|constant",
    ),
    "infinite": (
        lambda: b"a,b\n" + b"1,inf\n1,-inf\n" * 20,
        "rows cannot be used|constant|can be learned",
    ),
    "utf-16": (lambda: b"\xff\xfe" + b"\x01\x00" * 20, "text in UTF-16"),
    "quote": (lambda: b'a,b\n1,"2\n' + b"3,4\n" * 3000, "has a cell of more|damaged"),
    "long cell": (lambda: b"a,b\n1," + b"9" * 200_000 + b"\n", "has a cell of more|damaged"),
    "wide": (lambda: (b",".join(b"%d" % k for k in range(900)) + b"\n") * 12, "at most 500 are"),
    "large numbers": (lambda: b"a,b\n" + b"1e300,2\n3,1\n" * 20, "beyond 1e30"),
    "svg": (lambda: b"<svg onload='alert(1)'/>", "an SVG"),
    "page": (lambda: b"<!DOCTYPE html><p>1,2", "a web page"),
    "picture": (lambda: encoded(grey(0)), "a single image"),
    "pickle": (lambda: pickle.dumps(Evil()), "a Python pickle, which is never opened"),
    "program": (lambda: b"\x7fELF" + bytes(99), "a program"),
    "gzip": (lambda: b"\x1f\x8b" + bytes(99), "a gzip archive"),
    "array": (lambda: b"\x93NUMPY\x01\x00", "a single array"),
    "empty zip": (lambda: as_zip({}), "the archive is empty"),
    "cut zip": (lambda: as_zip(pictures())[:-60], "cut off or damaged"),
    "encrypted": (encrypted, "the archive is encrypted"),
    "zip bomb": (unfolding, "would unfold to 600 MB"),
    "many names": (many_names, "names more than 100,000 files"),
    "traversal": (lambda: as_zip({"../../x.png": b"x"}), "a name in the archive leads out of it"),
    "absolute": (lambda: as_zip({"/etc/x.png": b"x"}), "a name in the archive leads out of it"),
    "drive": (lambda: as_zip({"C:\\x.png": b"x"}), "a name in the archive leads out of it"),
    "no image": (lambda: as_zip({"a.txt": b"x"}), "1 file and no image"),
    "office": (lambda: as_zip({"[Content_Types].xml": b"x"}), "an Office document"),
    "large images": (
        lambda: as_zip({f"{k}.png": bomb() for k in range(12)}, zipfile.ZIP_STORED),
        "50,000 × 50,000 pixels",
    ),
    "even images": (
        lambda: as_zip({f"{k}.png": encoded(Image.new("L", (9, 9), 7)) for k in range(12)}),
        "all its pixels are the same",
    ),
    "objects": (object_array, "which would have to be unpickled"),
    "lying array": (lying, "at most 200,000 examples"),
    "array bomb": (
        lambda: as_flat(np.zeros((150_000, 400), np.float32)),
        "at most 128 MB are read",
    ),
    "short array": (short_array, "is cut off: "),
    "damaged array": (damaged, "damaged|cut off"),
    "complex": (lambda: as_npz(x=np.zeros((20, 2), complex)), "holds complex128, no numbers"),
    "five axes": (lambda: as_npz(x=np.zeros((20, 1, 2, 2, 2))), "has the shape"),
    "no x": (lambda: as_npz(a=np.zeros(20), b=np.zeros(20)), "none called 'x'"),
    "no examples": (lambda: as_npz(x=np.zeros((0, 3))), "0 examples"),
    "not a number": (lambda: as_npz(x=np.full((20, 3), np.nan)), "hold NaN or infinity"),
    "wrong labels": (lambda: as_npz(x=np.eye(20), y=np.zeros(3)), "wanted: (20,)"),
    "many labels": (lambda: as_npz(x=np.eye(400), y=np.arange(400)), "at most 200 classes"),
    "five colours": (lambda: as_npz(x=np.ones((20, 9, 9, 5))), "is 1 or 3 colours"),
    "no greys": (lambda: as_npz(x=np.arange(720).reshape(20, 6, 6) - 9.5), "pixels lie from"),
}

# What the readers import when they are first asked for is no memory of a file.
ALONE = test_image_uploads.ALONE.replace("data.image_uploads", "data.readers").replace(
    "found = {}", "from genlab.data.readers import READERS; READERS.rows()\nfound = {}"
)


def test_hostile_files_are_refused_at_once_and_in_little_memory(tmp_path) -> None:
    paths = {}
    for name, (make, _) in HOSTILE.items():
        paths[name] = tmp_path / name.replace(" ", "-")
        paths[name].write_bytes(make())
    assert paths["zip bomb"].stat().st_size < 2**20
    # Last one that is taken: the peak is seen at all.
    large = tmp_path / "large"
    ramp = np.tile(np.arange(256, dtype=np.uint8), 183_750)
    large.write_bytes(as_flat(ramp.reshape(60_000, 28, 28)))
    command = [sys.executable, "-c", ALONE, *map(str, [*paths.values(), large])]
    # What a plugin imports is no memory of a reader.
    alone = {**os.environ, "GENLAB_PLUGINS": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=alone)
    found = json.loads(done.stdout or "{}")
    assert found, done.stderr
    words, _, megabytes = found.pop(str(large))
    assert words == ""
    assert 40 < megabytes < 400
    for name, (_, reasons) in HOSTILE.items():
        said, seconds, megabytes = found[str(paths[name])]
        assert any(reason in said for reason in reasons.split("|")), (name, said)
        assert said.startswith("This file was not taken: "), name
        assert "Nothing was stored. " in said
        assert seconds < 1.5, (name, seconds)
        assert megabytes < 48, (name, megabytes)


def test_a_pickle_is_not_opened(capsys) -> None:
    for content in (pickle.dumps(Evil()), as_zip({"x.npy": pickle.dumps(Evil())})):
        with pytest.raises(DataError):
            read(content)
    assert "unpickled" not in capsys.readouterr().out


def test_a_member_that_says_less_than_it_holds_is_bounded() -> None:
    """A ZIP whose directory says 100 bytes for a member that unfolds to 200 MB."""
    squeeze = zlib.compressobj(9, wbits=-15)
    body = b"".join(squeeze.compress(bytes(2**20)) for _ in range(200)) + squeeze.flush()
    content = bytearray(as_zip({f"{k}.png": body for k in range(2)}, zipfile.ZIP_STORED))
    for magic, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = content.find(magic)
        while start >= 0:
            content[start + at] = 8
            content[start + at + 14 : start + at + 18] = struct.pack("<L", 100)
            start = content.find(magic, start + 4)
    with pytest.raises(DataError, match="cannot be used"):
        read(bytes(content))


def test_every_reader_is_a_row_with_options_of_its_own() -> None:
    assert {"csv", "npz", "images"} <= set(READERS.names())
    for row in READERS.rows():
        assert row.summary.endswith(".")
        for option in row.value.Options.table():
            assert option.parse(option.default) == option.default


def test_a_format_is_added_by_one_row() -> None:
    @READERS.register("lines", title="Lines", summary="JSON lists, one a line.")
    class Lines(Reader):
        @classmethod
        def takes(cls, content: bytes) -> bool:
            return content.startswith(b"[")

        @classmethod
        def read(cls, content: bytes, options: object, progress: object = None) -> Examples:
            x = np.array([json.loads(line) for line in content.splitlines()], dtype=np.float64)
            return Examples(x, columns=("a", "b"))

    content = b"\n".join(b"[%d, %d]" % (k, k * k) for k in range(20))
    try:
        assert read(content).x[3].tolist() == [3.0, 9.0]
    finally:
        READERS.unregister("lines")
    with pytest.raises(DataError):
        read(content)


DAYS = b"at,a\n" + b"".join(
    b"%d.%d.2020,%d\n" % (1 + k % 28, 1 + k % 12, k % 7) for k in range(60)
)
MIXED = b"at,a\n" + b"".join(
    b"%s,%d\n" % ((b"tall", b"low", b"12", b"wide", b"30")[k % 5], k * k % 7) for k in range(60)
)


@pytest.mark.parametrize("kind", ["numeric", "positive", "bounded", "count", "date"])
def test_dates_that_are_taken_for_numbers_are_days(kind: str) -> None:
    """The preview, the column's range and what is learned are days since 1970-01-01."""
    found = read(DAYS, {"column": f"at:type={kind},role=feature", "label": "none"})
    days = [
        float(np.datetime64(f"2020-{1 + k % 12:02d}-{1 + k % 28:02d}").astype(int))
        for k in range(60)
    ]
    at = found.columns.index("at")
    np.testing.assert_array_equal(found.x[:, at], days)
    column = found.schema[at]
    assert (column.low, column.high) == (min(days), max(days))
    assert found.reading is not None
    assert found.reading.columns[0].after[:2] == (f"{days[0]:g}", f"{days[1]:g}")


def test_words_that_are_taken_for_numbers_are_counted_as_not_read() -> None:
    found = read(MIXED, {"column": "at:type=numeric,role=feature", "label": "none"})
    assert found.reading is not None
    column = found.reading.columns[0]
    assert (column.unread, column.first_unread) == (36, "row 2: 'tall'")
    assert np.isnan(found.x[::5, 0]).all()
    np.testing.assert_array_equal(found.x[2::5, 0], 12.0)
