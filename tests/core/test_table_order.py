"""The order of a table's rows is that of their ``order``, whatever was imported first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = """
import json
from tests.extending.plugins import TABLES
print(json.dumps({table.kind: table.names() for table in TABLES}))
"""
#: Every module of the package, the last one of each folder first.
BACKWARDS = """
import importlib, pkgutil
import genlab
for found in sorted(pkgutil.walk_packages(genlab.__path__, "genlab."), key=lambda m: m.name)[::-1]:
    if not found.name.endswith(("__main__", ".ui.script")):
        importlib.import_module(found.name)
"""
#: Tables whose rows are seen in their own order on some page or in some list.
ORDERED = ("format", "likelihood", "posterior", "prior", "probability path", "sampler")


def names(code: str) -> dict[str, list[str]]:
    """The names of each table in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GENLAB_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def usual() -> dict[str, list[str]]:
    return names(TABLES)


def test_the_order_does_not_depend_on_what_is_imported_first(usual: dict[str, list[str]]) -> None:
    assert names(BACKWARDS + TABLES) == usual


@pytest.mark.parametrize("kind", ORDERED)
def test_the_rows_that_are_seen_in_order_state_it(kind: str) -> None:
    from genlab.core.registry import LAST
    from tests.extending.plugins import TABLES as tables

    table = next(table for table in tables if table.kind == kind)
    own = [row for row in table.rows() if row.order != LAST]
    assert len({row.order for row in own}) == len(own) > 1
