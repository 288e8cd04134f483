"""A supervisor that is ready has imported all that its runs need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LATER = """
import json, os, sys
from genlab.core.run_spec import RunSpec
from genlab.runs import settings, supervisor

supervisor.preload()
from genlab.runs import tasks
from genlab.runs.executors import Task
from genlab.runs.sql import SqlStore

def known():
    return {name for name in sys.modules if name.partition(".")[0] == "genlab"}

before, url = known(), settings.store_url()
store, found = SqlStore(url), {}
for model, data in json.loads(sys.argv[1]):
    run = store.create(RunSpec.build(model=model, data=data, steps=3).flat())
    tasks.do(url, os.environ["GENLAB_FILES"], Task("run", run))
    found[f"{model} on {data}"] = [store.get(run).status, *sorted(known() - before)]
print(json.dumps(found))
"""
RUNS = (
    ("vae", "digits"),
    ("gan", "ring"),
    ("dcgan", "digits"),
    ("vq_vae", "digits"),
    ("topics", "digits"),
    ("realnvp", "moons"),
    ("flow_matching", "two_gaussians"),
    ("ddpm", "ring"),
    ("linear_regression", "linear_table"),
    ("gaussian_mixture", "mixture"),
)


def test_a_run_imports_no_module_after_the_supervisor_is_ready(tmp_path: Path) -> None:
    """While a program is replaced, a run of the old one must not mix with the new one."""
    environment = {
        "GENLAB_STORE": f"sqlite:///{tmp_path}/genlab.db",
        "GENLAB_FILES": str(tmp_path),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PATH": "",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LATER, json.dumps(RUNS)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {f"{model} on {data}": ["done"] for model, data in RUNS}
