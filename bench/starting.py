"""From the click to the first step: a run of the warm supervisor against a process of its own.

Both train the same small VAE in the same store, in turns; the time is from the call to the record
of the first step. Prints the medians and their ratio. Wanted: under 0.3 s warm on an idle machine.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.runs import supervisor

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5


def first_step(run: str, clicked: float) -> float:
    """Seconds from the click to the record of step 1."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for record in runs.store().read(run, limit=50, kinds={"scalars"}):
            if record.step == 1:
                return record.time - clicked
        time.sleep(0.005)
    raise SystemExit("the run did not start within two minutes")


def warm() -> float:
    """Through the supervisor."""
    clicked = time.time()
    return first_step(runs.start(RunSpec.build(model="vae", data="digits", steps=3)), clicked)


def cold() -> float:
    """By a command of its own."""
    clicked = time.time()
    before = {row.id for row in runs.store().runs()}
    command = [sys.executable, "-m", "genlab", "train", "--model", "vae", "--data", "digits"]
    subprocess.run([*command, "--steps", "3"], cwd=ROOT, capture_output=True, check=True)
    (run,) = {row.id for row in runs.store().runs()} - before
    return first_step(run, clicked)


def main() -> None:
    """Measure both in turns."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GENLAB_STORE"] = f"sqlite:///{folder}/genlab.db"
        os.environ["GENLAB_FILES"] = folder
        runs.ensure_supervisor()
        log = supervisor.log_file(runs.store_url())
        while not (log.exists() and "ready" in log.read_text()):
            time.sleep(0.1)
        pairs = [(warm(), cold()) for _ in range(ROUNDS)]
        for child in supervisor._spawned:
            child.send_signal(signal.SIGTERM)
            child.wait(timeout=30)
    quick, slow = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"warm supervisor {quick:.3f} s, a process of its own {slow:.2f} s: {slow / quick:.0f}x")


if __name__ == "__main__":
    main()
