"""An hour of a class: whether the memory of the server, the supervisor and a worker stays flat.

The app serves a run of the ring in training. Viewers on loopback ask for its news once a second,
as Watch does, and every three seconds for a picture at a step drawn at random, as who moves the
time slider does; now and then one opens the run anew. The resident memory (RSS) of the three
processes is written down every 30 seconds::

    nice -n 15 python -m bench.soak --minutes 55 --to soak.csv
    python -m bench.soak --minutes 55 --pace 20        # leaves the machine to others

Prints a table at steps of five minutes, and the slope of each curve after the first third with the
interval of 95 % of a straight line through it. Passed where no interval lies above 8 MiB an hour
for the server and the supervisor, and 24 MiB an hour for the worker.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import itertools
import json
import math
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.client import Client
from bench.hostile import memory
from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.testing.served import App, serving

PROCESSES = ("server", "supervisor", "worker")
EVERY, SCRUB, REOPEN = 30.0, 3.0, 120.0
STEPS = 4_000_000
#: MiB an hour that a process may grow by.
MOST = {"server": 8.0, "supervisor": 8.0, "worker": 24.0}


class Viewer(threading.Thread):
    """Asks for the news of a run once a second, and for pictures at random steps.

    Args:
        port, run: of what is watched.
        seed: of its choices.
    """

    def __init__(self, port: int, run: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.client, self.run_id, self.draw = Client(port, 60.0), run, random.Random(seed)
        self.stop, self.failures = threading.Event(), list[str]()

    @property
    def times(self) -> list[float]:
        """Seconds of each request."""
        return self.client.times

    def ask(self, path: str) -> bytes:
        """The body of an answer."""
        answer = self.client.ask(path, packed=True)
        # A picture that the thinning has deleted meanwhile is no failure.
        if answer.status not in {200, 404}:
            self.failures.append(f"{answer.status} {path}")
        return answer.body

    def run(self) -> None:
        begin = f"/genlab/runs/{self.run_id}"
        since, opened, scrubbed = 0, -math.inf, 0.0
        frames: dict[str, list[int]] = {}
        while not self.stop.wait(self.draw.uniform(0.9, 1.1)):
            now = time.monotonic()
            try:
                if now - opened > REOPEN * self.draw.uniform(1, 2):
                    opened, since = now, 0
                news: dict[str, Any] = json.loads(self.ask(f"{begin}/delta?since={since}"))
                since = max(since, int(news.get("seq", 0)))
                for panel, steps in news.get("frames", {}).items():
                    frames.setdefault(panel, []).extend(steps)
                if frames and now - scrubbed > SCRUB:
                    scrubbed = now
                    panel = self.draw.choice(sorted(frames))
                    step = self.draw.choice(frames[panel])
                    form = "png" if panel == "samples" and self.draw.random() < 0.5 else "json"
                    self.ask(f"{begin}/frame/{panel}/{step}.{form}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))


def parent(pid: int) -> int:
    """The parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def slope(hours: Sequence[float], values: Sequence[float]) -> tuple[float, float, float]:
    """The slope of the line of least squares through a curve, and its 95 % interval.

    Neighbouring readings are alike, so the residuals are taken as a process of first order: the
    variance of the slope is widened by (1 + r) / (1 - r) of their first autocorrelation r.
    """
    from scipy.stats import t

    n = len(hours)
    mean_x, mean_y = sum(hours) / n, sum(values) / n
    spread = sum((x - mean_x) ** 2 for x in hours)
    b = sum((x - mean_x) * (y - mean_y) for x, y in zip(hours, values, strict=True)) / spread
    rest = [y - mean_y - b * (x - mean_x) for x, y in zip(hours, values, strict=True)]
    square = sum(e * e for e in rest)
    r = sum(p * q for p, q in itertools.pairwise(rest)) / square if square else 0.0
    r = min(0.95, max(0.0, r))
    error = math.sqrt(square / (n - 2) / spread * (1 + r) / (1 - r))
    half = float(t.ppf(0.975, max(1.0, n * (1 - r) / (1 + r) - 2))) * error
    return b, b - half, b + half


def soak(
    app: App, minutes: float, viewers: int, out: Any, pace: float = 0.0
) -> tuple[list[dict[str, float]], str]:
    """Do it: the readings, and what the viewers saw in words."""
    run = runs.start(RunSpec.build(model="gan", data="ring", steps=STEPS), "soak")
    if pace:
        runs.request(run, "pace", rate=pace)
    until = time.monotonic() + 120
    while runs.store().get(run).step < 100 and time.monotonic() < until:
        time.sleep(0.2)
    worker = int(runs.store().get(run).worker.rpartition(":")[2])
    pids = dict(zip(PROCESSES, (app.process.pid, parent(worker), worker), strict=True))
    crowd = [Viewer(app.port, run, seed) for seed in range(viewers)]
    for viewer in crowd:
        viewer.start()
    table = csv.writer(out)
    table.writerow(["minute", *PROCESSES, "step"])
    rows, begun = list[dict[str, float]](), time.monotonic()
    while (passed := (time.monotonic() - begun) / 60) <= minutes:
        row = runs.store().get(run)
        if row.status != "running":
            raise RuntimeError(f"the run is {row.status}: {row.message}")
        reading = {"minute": passed} | {k: memory(pid) / 2**20 for k, pid in pids.items()}
        rows.append(reading | {"step": row.step})
        table.writerow([f"{x:.2f}" for x in reading.values()] + [row.step])
        out.flush()
        time.sleep(max(0.0, begun + EVERY * len(rows) - time.monotonic()))
    for viewer in crowd:
        viewer.stop.set()
    for viewer in crowd:
        viewer.join(30)
    runs.request(run, "stop")
    until = time.monotonic() + 60
    while runs.store().get(run).status == "running" and time.monotonic() < until:
        time.sleep(0.2)
    times = sorted(t for viewer in crowd for t in viewer.times)
    bad = [words for viewer in crowd for words in viewer.failures]
    said = f"{len(times)} answers, median {1000 * times[len(times) // 2]:.0f} ms, p95 "
    said += f"{1000 * times[int(0.95 * len(times))]:.0f} ms; {len(bad)} failed {bad[:3]}"
    return rows, said


def main() -> int:
    """Run the soak; 1 where a curve rises."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=55.0)
    parser.add_argument("--viewers", type=int, default=5)
    parser.add_argument("--pace", type=float, default=0.0, help="steps a second; 0: no limit")
    parser.add_argument("--to", default=os.devnull, help="a file for the readings (CSV)")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        open(asked.to, "w", newline="", encoding="utf-8") as out,
        serving(Path(folder)) as app,
    ):
        rows, said = soak(app, asked.minutes, asked.viewers, out, asked.pace)
    print("minute  " + "  ".join(f"{name:>10}" for name in PROCESSES) + "        step")
    due = 0.0
    for row in rows:
        if row["minute"] >= due:
            due += 5.0
            figures = "  ".join(f"{row[name]:6.0f} MiB" for name in PROCESSES)
            print(f"{row['minute']:6.0f}  {figures}  {row['step']:10,.0f}")
    print(said)
    late, good = rows[len(rows) // 3 :], True
    for name in PROCESSES:
        b, low, high = slope([r["minute"] / 60 for r in late], [r[name] for r in late])
        good = good and low <= MOST[name]
        print(
            f"{name}: {b:+.1f} MiB an hour after the first third, 95 % {low:+.1f} to {high:+.1f}"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
