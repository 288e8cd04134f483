"""A run that is killed at any moment and resumed ends with the weights of an undisturbed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("crashes.py")
EVERY = [
    "before the first snapshot",
    "at step 1",
    "in the middle",
    "before the end",
    "between the records and the snapshot",
    "between the tensors and their checksum",
    "in the middle of a write",
    "after a snapshot",
    "twice",
    "as a fork, before its first snapshot",
    "as a fork, twice",
]
VAE = {"model": "vae", "data": "digits", "steps": 80, "batch": 32, "hidden": 32, "latent": 4}
GAN = {"model": "gan", "data": "ring", "steps": 80, "batch": 64, "hidden": 32}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "cases"),
    [
        pytest.param(VAE, EVERY, id="vae"),
        pytest.param(GAN, EVERY[1:9:2], id="gan"),
        # The number of threads is recorded, and resumed with.
        pytest.param(
            {**VAE, "data": "mnist5k", "steps": 20, "batch": 128, "hidden": 400, "threads": 2},
            ["between the records and the snapshot", "as a fork, before its first snapshot"],
            id="vae with two threads",
        ),
        pytest.param(
            {"model": "dcgan", "data": "digits", "steps": 20, "batch": 16, "width": 8},
            ["between the records and the snapshot"],
            id="dcgan",
        ),
        pytest.param(
            {"model": "conv_vae", "data": "digits", "steps": 20, "batch": 16, "width": 8},
            ["between the records and the snapshot"],
            id="conv_vae",
        ),
    ],
)
def test_killed_and_resumed_is_bit_identical(
    tmp_path: Path, values: dict, cases: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), json.dumps(values), json.dumps(cases)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GENLAB_FILES": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    out = json.loads(done.stdout.splitlines()[-1])
    truth = out.pop("undisturbed")
    assert truth["status"] == "done"
    assert truth["attempt"] == 1
    terms = set(next(row for step, row in truth["terms"] if step == 3))
    losses = {step: row for step, row in truth["terms"] if terms <= set(row)}
    assert set(out) == set(cases)
    for name, case in out.items():
        assert (case["status"], case["message"]) == ("done", ""), name
        assert case["attempt"] > 1, name
        assert case["sha256"] == truth["sha256"], f"{name}: the final tensors differ"
        # The training terms of each step are there once, with the undisturbed values.
        mine = [(step, row) for step, row in case["terms"] if terms <= set(row) and step > 0]
        assert [step for step, _ in mine] == sorted({step for step, _ in mine}), name
        assert len(mine) == values["steps"] - case["first"], name
        assert name.startswith("as a fork") or case["first"] == 0, name
        for step, row in mine:
            assert {k: row[k] for k in terms} == {k: losses[step][k] for k in terms}, (name, step)
    assert any("Resumed from the snapshot" in e for case in out.values() for e in case["events"])
