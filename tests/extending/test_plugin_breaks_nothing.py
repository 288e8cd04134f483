"""The rows of docs/extending.md as plugins: the suite's tests of the tables hold with them."""

from __future__ import annotations

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
    "tests/compat",
)


@pytest.mark.slow
def test_the_tests_of_the_tables_hold_with_a_row_of_every_kind_more(tmp_path: Path) -> None:
    names = []
    for k, code in enumerate(BLOCKS.values()):
        (tmp_path / f"plugin_{k}.py").write_text(code)
        names.append(f"plugin_{k}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *SELECTED],
        cwd=ROOT,
        env={**os.environ, "GENLAB_PLUGINS": ",".join(names), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:]
