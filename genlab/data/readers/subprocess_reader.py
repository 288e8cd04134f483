"""Reads a large file in a subprocess, so that the pages stay responsive.

The process has bounded memory and time. What it found comes back as arrays and JSON in a folder
that both know; nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from genlab.core.errors import DataError, GenlabError, SpecError
from genlab.data.readers.base import Examples, Progress, read, refuse
from genlab.data.readers.dialect import Decision
from genlab.data.readers.reading import ColumnReading, TableReading
from genlab.data.schema import Column

#: Bytes up to which a file is read at once: the start of a process would take longer.
AT_ONCE = 4 * 2**20
#: Processor seconds and bytes of memory of the process.
SECONDS, MEMORY = 300, 4 * 2**30
ARRAYS = ("x", "y", "part")
PACKAGES = Path(__file__).resolve().parents[3]


def read_in_subprocess(
    content: bytes, values: Mapping[str, Any] | None = None, progress: Progress | None = None
) -> Examples:
    """Read a file as :func:`~genlab.data.readers.base.read` does, in another process.

    Args:
        content: the file.
        values: options of its reader.
        progress: called with the fraction done and a sentence. An exception that it raises ends
            the process.

    Raises:
        DataError: if the file is refused, or needs more time or memory than there is.
        SpecError: for an option that the reader does not have, or a value that is not allowed.
    """
    with tempfile.TemporaryDirectory(prefix="genlab-read-") as name:
        folder = Path(name)
        (folder / "content").write_bytes(content)
        (folder / "values.json").write_text(json.dumps(dict(values or {})), encoding="utf-8")
        command = [sys.executable, "-m", "genlab.data.readers.subprocess_reader", name]
        # The package may be a checkout that is not installed.
        paths = [str(PACKAGES), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        ) as child:
            try:
                assert child.stdout is not None
                for line in child.stdout:
                    if progress is not None:
                        progress(*json.loads(line))
            except BaseException:
                child.kill()
                raise
        return _result(folder, child.returncode)


def _result(folder: Path, code: int) -> Examples:
    """What the process left.

    Raises:
        DataError, SpecError: what it raised, or why it ended.
    """
    if (folder / "refused.json").exists():
        refusal = json.loads((folder / "refused.json").read_text(encoding="utf-8"))
        if refusal["kind"] == "SpecError":
            raise SpecError(*refusal["arguments"])
        raise DataError(*refusal["arguments"])
    if code == 0 and (folder / "found.json").exists():
        return load(folder)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise refuse(f"reading it took more than {SECONDS} s or all memory", "Send a part of it.")
    raise refuse(f"the process that read it ended with status {code}", "Send a part of it.")


def save(found: Examples, folder: Path) -> None:
    """Write examples as arrays and JSON into a folder."""
    about: dict[str, Any] = {}
    for one in fields(found):
        value = getattr(found, one.name)
        if one.name not in ARRAYS:
            about[one.name] = value
        elif value is not None:
            np.save(folder / f"{one.name}.npy", value, allow_pickle=False)
    about["schema"] = [asdict(column) for column in found.schema]
    about["reading"] = None if found.reading is None else asdict(found.reading)
    about["offered"] = dict(found.offered)
    (folder / "found.json").write_text(json.dumps(about), encoding="utf-8")


def load(folder: Path) -> Examples:
    """Read what :func:`save` wrote."""
    about = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    for name in ARRAYS:
        file = folder / f"{name}.npy"
        about[name] = np.load(file, allow_pickle=False) if file.exists() else None
    reading = about["reading"]
    if reading is not None:
        about["reading"] = TableReading(
            reading["rows"],
            tuple(Decision(**one) for one in reading["decisions"]),
            tuple(_column_reading(one) for one in reading["columns"]),
        )
    about["schema"] = tuple(map(_column, about["schema"]))
    about["offered"] = {key: tuple(words) for key, words in about["offered"].items()}
    for name in ("classes", "columns", "notes"):
        about[name] = tuple(about[name])
    return Examples(**about)


def _column(values: Mapping[str, Any]) -> Column:
    return Column(**{**values, "categories": tuple(values["categories"])})


def _column_reading(values: Mapping[str, Any]) -> ColumnReading:
    cells = {name: tuple(values[name]) for name in ("before", "after")}
    return ColumnReading(**{**values, **cells, "column": _column(values["column"])})


def main(folder: Path) -> None:
    """Read the file in a folder, and write the examples, or the reason for a refusal."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))

    def progress(fraction: float, text: str) -> None:
        sys.stdout.write(json.dumps([fraction, text]) + "\n")
        sys.stdout.flush()

    values = json.loads((folder / "values.json").read_text(encoding="utf-8"))
    try:
        save(read((folder / "content").read_bytes(), values, progress), folder)
    except SpecError as error:
        why: list[Any] = [error.option, str(error.value), error.allowed, dict(error.repair)]
        _refused(folder, "SpecError", why)
    except GenlabError as error:
        _refused(folder, "DataError", [str(error)])
    except MemoryError:
        _refused(folder, "DataError", [str(refuse("there is not enough memory for it"))])


def _refused(folder: Path, kind: str, arguments: list[Any]) -> None:
    refusal = json.dumps({"kind": kind, "arguments": arguments})
    (folder / "refused.json").write_text(refusal, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
