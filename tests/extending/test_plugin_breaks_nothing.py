"""A row of every kind as plugins: the suite's tests of the tables hold with them.

The kinds with a complete module in docs/extending.md are taken from there, the others from
``other_kinds.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extending.plugins import BLOCKS

ROOT = Path(__file__).resolve().parents[2]
#: Tests that speak of whole tables; a row that somebody adds must not break them.
SELECTED = (
    "tests/core",
    "tests/divergences/test_f.py",
    "tests/metrics/test_metrics.py",
    "tests/ui/test_forms.py",
    "tests/lessons/test_lessons.py::test_the_order_is_that_of_the_theory",
    "tests/lessons/test_lessons.py::test_a_lesson_is_complete_and_the_same_twice",
    "tests/lessons/test_teaching.py::test_a_lesson_teaches",
    "tests/data/test_contract.py::test_the_offline_sets_are_those_promised",
    "tests/data/test_contract.py::test_a_set_without_a_density_says_why",
    "tests/data/test_readers.py",
    "tests/panels",
    "tests/probes/test_probes.py::test_panels_and_payloads",
    "tests/probes/test_views.py",
    "tests/sentinel",
    "tests/ui/test_routes.py",
    "tests/compat",
)


OTHERS = Path(__file__).with_name("other_kinds.py").read_text()
#: Prints the names of each table.
COUNT = """
import json
from tests.extending.plugins import TABLES
print(json.dumps({t.kind: t.names() for t in TABLES}))
"""


def environment(folder: Path, plugins: list[str]) -> dict[str, str]:
    """The environment of a process with modules of a folder as plugins."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    return {**os.environ, "GENLAB_PLUGINS": ",".join(plugins), "PYTHONPATH": path}


def write_plugins(folder: Path) -> list[str]:
    """Write a module for each block of the guide, and one for the other kinds."""
    names = []
    for k, code in enumerate([*BLOCKS.values(), OTHERS]):
        (folder / f"plugin_{k}.py").write_text(code)
        names.append(f"plugin_{k}")
    return names


def test_the_plugins_have_a_row_of_every_kind(tmp_path: Path) -> None:
    def rows(plugins: list[str]) -> dict[str, set[str]]:
        done = subprocess.run(
            [sys.executable, "-c", COUNT],
            cwd=ROOT,
            env=environment(tmp_path, plugins),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return {k: set(v) for k, v in json.loads(done.stdout.splitlines()[-1]).items()}

    without, with_plugins = rows([]), rows(write_plugins(tmp_path))
    assert {kind for kind, names in with_plugins.items() if names == without[kind]} == set()
    assert all(names >= without[kind] for kind, names in with_plugins.items())


@pytest.mark.slow
def test_the_tests_of_the_tables_hold_with_a_row_of_every_kind_more(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *SELECTED],
        cwd=ROOT,
        env=environment(tmp_path, write_plugins(tmp_path)),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:]
