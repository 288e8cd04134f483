"""Random tables in random dialects give back the same numbers; mutated files never a traceback."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genlab.data.readers import read
from genlab.data.readers.base import Examples
from tests.data.test_readers import as_csv, as_npz, as_zip, iris_rows, pictures

CASES, PIECES = 2000, 20
WORDS = ("red", "green", "blue", "light grey", "Zürich", "a/b", "o'neil", "yes", "no")
UNITS = ("", "", "", " kg", "%", " €")


def one(rng: np.random.Generator) -> tuple[bytes, list[str], list[Any], dict[str, str]]:
    """A file, the names of its columns, the values of each, and what the reader is told."""
    decimal = str(rng.choice([".", ","]))
    able = {".": ["", ",", " ", "'"], ",": ["", ".", " ", "\u202f"]}[decimal]
    thousands = str(rng.choice(able))
    separator = str(rng.choice([",", ";", "\t", "|"]))
    n = int(rng.integers(12, 40))
    names, columns, text = [], [], []
    for k in range(int(rng.integers(2, 5))):
        kind = "real" if k == 0 else str(rng.choice(["real", "whole", "words", "large"]))
        values, words = _column(rng, kind, n, decimal, thousands)
        names.append(f"{rng.choice(['size', 'Länge', 'n of', 'T'])} {k}")
        columns.append(values)
        text.append(words)
    out = io.StringIO(newline="")
    if rng.random() < 0.1 and separator == ";":
        out.write("sep=;\n")
    if rng.random() < 0.15:
        out.write("Exported by a program\n\n")
    if rng.random() < 0.15:
        out.write("# a comment\n")
    quoting = csv.QUOTE_ALL if rng.random() < 0.2 else csv.QUOTE_MINIMAL
    writer = csv.writer(
        out,
        delimiter=separator,
        quoting=quoting,
        lineterminator=str(rng.choice(["\n", "\r\n"])),
    )
    writer.writerow(names)
    writer.writerows(zip(*text, strict=True))
    mark = "\ufeff" if rng.random() < 0.2 else ""
    # No guess is tested here but that of the separator, the names, the types and the signs.
    told = {"label": "none"}
    return (mark + out.getvalue()).encode(), names, columns, told


def _column(
    rng: np.random.Generator, kind: str, n: int, decimal: str, thousands: str
) -> tuple[Any, list[str]]:
    if kind == "words":
        # Each word several times, or they would be names of rows.
        able = list(rng.choice(WORDS, 3, replace=False))
        values = [*able, *able, *rng.choice(able, n - 6)]
        return values, [str(v) for v in values]
    if kind == "whole":
        numbers = rng.integers(-9, 1000, n).astype(float)
        return numbers, [f"{v:.0f}" for v in numbers]
    digits = int(rng.choice([1, 2, 4, 5]))
    scale = 1e6 if kind == "large" else 50.0
    numbers = np.round(rng.normal(0.0, scale, n), digits)
    unit = str(rng.choice(UNITS)) if kind == "real" else ""
    minus = "−" if rng.random() < 0.1 else "-"
    made = []
    for k, v in enumerate(numbers):
        if rng.random() < 0.05 and k > 6:
            numbers[k] = math.nan
            made.append(str(rng.choice(["", "NA", "n/a"])))
            continue
        plain = f"{abs(v):,.{digits}f}".replace(",", "_").replace(".", decimal)
        sign = minus if v < 0 else ""
        made.append(sign + plain.replace("_", thousands) + unit)
    return numbers, made


@pytest.mark.parametrize("piece", range(PIECES))
def test_random_tables_in_random_dialects_give_the_same_numbers(piece: int) -> None:
    asked = 0
    for case in range(piece * CASES // PIECES, (piece + 1) * CASES // PIECES):
        rng = np.random.default_rng(case)
        content, names, columns, told = one(rng)
        found = read(content, told)
        assert found.reading is not None
        if found.reading.questions:
            # A unit after a space, in two columns under a line of words: spaces split it as well.
            asked += 1
            assert [one.option for one in found.reading.questions] == ["separator"], case
            continue
        empty = np.all([_empty(values) for values in columns], axis=0)
        learned = {c.name: k for k, c in enumerate(found.schema)}
        for name, values in zip(names, columns, strict=True):
            # What is left out is said by name.
            if name not in learned:
                assert name in " ".join(found.notes), (case, name)
                continue
            values = [v for v, gone in zip(values, empty, strict=True) if not gone]
            column = found.schema[learned[name]]
            got = found.x[:, learned[name]]
            if column.categories:
                assert [column.categories[int(v)] for v in got] == values, (case, name)
            else:
                np.testing.assert_array_equal(got, values, err_msg=f"{case} {name}")
    assert asked <= 1


def _empty(values: Any) -> np.ndarray:
    """Where a value is missing: a row of nothing else is left out."""
    return np.array([isinstance(v, float) and math.isnan(v) for v in values])


# -- mutated files -----------------------------------------------------------------------------


def seeds() -> list[bytes]:
    """Good files of every format."""
    noise = np.random.default_rng(0)
    images = noise.integers(0, 256, (20, 8, 8), dtype=np.uint8)
    gif, tiff = io.BytesIO(), io.BytesIO()
    Image.fromarray(images[0]).save(gif, "GIF")
    Image.fromarray(images[0]).save(tiff, "TIFF")
    mixed = {f"{k}.gif": gif.getvalue() for k in range(6)}
    mixed |= {f"{k}.tif": tiff.getvalue() for k in range(6)} | pictures(12)
    return [
        as_csv(iris_rows()),
        as_csv(iris_rows(), ";", ","),
        b"a;b\n" + b"1.234,5;x\n2.345,25;y\n" * 20,
        as_npz(x=images, y=np.arange(20) % 3),
        as_npz(x_train=images, x_test=images[:5], y_train=np.arange(20), y_test=np.arange(5)),
        as_zip(pictures(14)),
        as_zip(mixed, zipfile.ZIP_STORED),
        as_zip(pictures(12, form="WEBP") | pictures(14, form="JPEG"), zipfile.ZIP_STORED),
    ]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The file with some bytes changed, taken away, repeated or swapped."""
    made = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(made)))
        size = int(rng.integers(1, 1 + min(200, len(made) // 4)))
        how = int(rng.integers(0, 6))
        if how == 0:
            made[at] = int(rng.integers(0, 256))
        elif how == 1:
            del made[at : at + size]
        elif how == 2:
            made[at:at] = made[at : at + size] * int(rng.integers(1, 20))
        elif how == 3:
            made[at : at + size] = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
        elif how == 4:
            made[at:at] = bytes(rng.choice(list(b'",;\t\n\r.#-0%\x00\xff'), 1).astype(np.uint8))
        else:
            made = made[: max(1, at)]
        if not made:
            made = bytearray(b"\n")
    return bytes(made)


#: In a process of its own, so that the peak of memory is that of the readers.
FUZZ = """
import json, resource, sys, time
import numpy as np
from genlab.data.readers import read
from genlab.data.readers.base import Examples
from genlab.core.errors import GenlabError
from tests.data.test_random_tables import mutated, seeds
files, found = seeds(), {"read": 0, "refused": 0, "slowest": 0.0, "wrong": []}
for content in files: read(content)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for case in range(int(sys.argv[1])):
    rng = np.random.default_rng(case)
    content = mutated(files[case % len(files)], rng)
    start = time.process_time()
    try:
        made = read(content)
        assert isinstance(made, Examples) and len(made.x) >= 10
        found["read"] += 1
    except GenlabError as error:
        found["refused"] += 1
        if "Traceback" in str(error): found["wrong"].append([case, str(error)[:200]])
    except BaseException as error:
        found["wrong"].append([case, f"{type(error).__name__}: {error}"[:200]])
    found["slowest"] = max(found["slowest"], time.process_time() - start)
found["megabytes"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print(json.dumps(found))
"""


def test_a_thousand_mutated_files_are_read_or_refused_in_words() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FUZZ, "1000"],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == 1000
    # Both happen, or the mutations test nothing.
    assert min(found["read"], found["refused"]) > 50
    assert found["slowest"] < 3.0
    assert found["megabytes"] < 200


def test_the_random_tables_are_of_many_dialects() -> None:
    made = [one(np.random.default_rng(case))[0] for case in range(200)]
    for word in (b"sep=;", b"Exported", b"# a comment", b"\xef\xbb\xbf", b"\r\n", b'"', b"NA"):
        assert any(word in content for content in made), word
    assert isinstance(read(made[0], {"label": "none"}), Examples)
