"""Jobs are complete in a process that has imported nothing but the runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
from genlab import runs
runs.ensure_supervisor = lambda: None
job = runs.submit_job({kind!r}, {{"run": "nobody", "step": 0, "seed": 0}})
print(job.kind, job.status)
"""


@pytest.mark.parametrize("kind", ["evaluate", "c2st", "report", "inversions", "project"])
def test_a_job_is_submitted_in_a_fresh_process(kind: str, tmp_path: Path) -> None:
    store = {"GENLAB_STORE": f"sqlite:///{tmp_path}/runs.db", "GENLAB_FILES": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", CODE.format(kind=kind)],
        cwd=ROOT,
        env={**os.environ, **store, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.stdout.split() == [kind, "queued"], found.stderr


def test_every_job_is_in_the_table_of_a_fresh_process() -> None:
    code = "from genlab.core.tables import JOBS; print(*JOBS)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    from genlab.core.tables import JOBS

    assert set(found.stdout.split()) >= {"evaluate", "c2st", "report", "inversions", "project"}
    assert set(found.stdout.split()) == {
        name for name in JOBS if JOBS[name].__module__.startswith("genlab.")
    }
