"""A file that is read by a process of its own gives what reading it here gives."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from genlab.core.errors import DataError, SpecError
from genlab.data.readers import Examples, read, subprocess_reader
from genlab.data.readers.subprocess_reader import read_in_subprocess


def _csv() -> bytes:
    rows = "".join(
        f"{k % 7},{k / 3:.4f},{'ab'[k % 2]},2024-01-{k % 28 + 1:02d}\n" for k in range(90)
    )
    return b"count,length,kind,day\n" + rows.encode()


def _npz() -> bytes:
    file = io.BytesIO()
    draw = np.random.default_rng(0)
    np.savez(file, x=draw.random((40, 8, 8)), y=np.arange(40) % 3)
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for k in range(20):
            picture = io.BytesIO()
            Image.fromarray(np.full((8, 8), 10 * k, np.uint8)).save(picture, "PNG")
            archive.writestr(f"{'cat' if k % 2 else 'dog'}/{k}.png", picture.getvalue())
    return file.getvalue()


def _same(one: Examples, other: Examples) -> None:
    for field in fields(Examples):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name
            assert np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f"), field.name
        else:
            assert mine == theirs, field.name


@pytest.mark.parametrize("content", [_csv(), _npz(), _zip()], ids=["csv", "npz", "zip"])
def test_it_finds_the_same_as_here(content: bytes) -> None:
    told: list[float] = []
    found = read_in_subprocess(content, {}, lambda fraction, text: told.append(fraction))
    _same(found, read(content))
    assert told == sorted(told)


def test_the_options_of_the_reader_count() -> None:
    values = {"label": "none", "column": "count:type=categorical"}
    found = read_in_subprocess(_csv(), values)
    _same(found, read(_csv(), values))
    assert found.schema[0].type == "categorical"


def test_a_refusal_is_the_same_as_here() -> None:
    for content in (b"", b"a,b\n1,2\n", b"%PDF-1.7", _zip()[:200]):
        with pytest.raises(DataError) as here:
            read(content)
        with pytest.raises(DataError) as there:
            read_in_subprocess(content)
        assert str(there.value) == str(here.value)
    with pytest.raises(SpecError) as here_too:
        read(_csv(), {"column": "count:colour=red"})
    with pytest.raises(SpecError) as there_too:
        read_in_subprocess(_csv(), {"column": "count:colour=red"})
    assert str(there_too.value) == str(here_too.value)


def test_a_person_who_goes_away_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess_reader.subprocess.Popen

    def start(*arguments: object, **more: object) -> object:
        started.append(popen(*arguments, **more))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess_reader.subprocess, "Popen", start)

    def leave(fraction: float, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_in_subprocess(_csv(), {}, leave)
    assert started[0].poll() is not None


def test_more_memory_or_time_than_there_is_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess_reader.subprocess.Popen

    def ends(how: str) -> None:
        def start(command: list[str], **more: object) -> object:
            return run(
                [command[0], "-c", f"import os, signal; os.kill(os.getpid(), {how})"], **more
            )

        monkeypatch.setattr(subprocess_reader.subprocess, "Popen", start)

    for how in ("signal.SIGXCPU", "signal.SIGKILL", "signal.SIGSEGV"):
        ends(how)
        with pytest.raises(DataError, match=r"Nothing was stored\. Send a part of it"):
            read_in_subprocess(_csv())
