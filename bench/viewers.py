"""Ten viewers of a run in progress: what they cost the server, and how many bytes each gets.

Each viewer asks the route of the live view once a second, as the page does in a browser; nothing
else runs on the server while somebody watches. Prints the server's CPU time as a share of one
core with and without viewers, and the bytes (headers and body) a viewer gets in a second.

    python -m bench.viewers [--viewers 10] [--seconds 15]
    python -m bench.viewers --viewers 100 --runs 10 --pace 20       # a full class

With several runs each has its share of the viewers. A pace bounds the steps of a run in a second,
so that ten runs leave room for the rest of this program; the target is that of ten viewers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bench.client import Client
from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.runs.store import ACTIVE
from genlab.testing.served import serving

TICK = os.sysconf("SC_CLK_TCK")
MOST_CPU, MOST_BYTES = 15.0, 1000.0


def cpu(pid: int) -> float:
    """CPU seconds of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int) -> int:
    """The resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Viewer(threading.Thread):
    """Asks for the news of a run once a second."""

    def __init__(self, port: int, run: str, stop: threading.Event, late: float) -> None:
        super().__init__(daemon=True)
        self.client, self.run_id = Client(port, 10.0), run
        self.stop, self.late = stop, late
        self.bytes, self.first, self.status = 0, 0, ""

    def ask(self, since: int) -> int:
        answer = self.client.ask(f"/genlab/runs/{self.run_id}/delta?since={since}", packed=True)
        if since:
            self.bytes += answer.size
        else:
            self.first += answer.size
        news = json.loads(answer.body)
        self.status = news["status"]
        return max(since, int(news.get("seq", 0)))

    def run(self) -> None:
        time.sleep(self.late)
        since = self.ask(0)
        while not self.stop.wait(1.0):
            since = self.ask(since)


def watch(
    pid: int, port: int, watched: Sequence[str], viewers: int, seconds: float
) -> tuple[float, list[Viewer]]:
    """The server's CPU share in percent of a core while so many look, and the viewers."""
    stop = threading.Event()
    crowd = [
        Viewer(port, watched[i % len(watched)], stop, i / max(1, viewers)) for i in range(viewers)
    ]
    for viewer in crowd:
        viewer.start()
    time.sleep(2.0)  # the first, full answers are not what a second of watching costs
    for viewer in crowd:
        viewer.bytes, viewer.client.times = 0, []
    begun, before = time.monotonic(), cpu(pid)
    time.sleep(seconds)
    share = 100 * (cpu(pid) - before) / (time.monotonic() - begun)
    stop.set()
    for viewer in crowd:
        viewer.join(5)
    return share, crowd


def main() -> int:
    """Run the benchmark; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--pace", type=float, default=0.0, help="steps a second; 0: no limit")
    options = parser.parse_args()

    environment = {"GENLAB_WORKERS": str(options.runs), "GENLAB_RUNS_WAITING": "0"}
    if options.runs == 1:
        environment = {}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        serving(Path(folder), environment) as app,
    ):
        # Whoever starts the first run starts the supervisor.
        os.environ |= environment
        pid = app.process.pid
        spec = RunSpec.build(model="vae", data="digits", steps=40_000)
        watched = [runs.start(spec, "bench") for _ in range(options.runs)]
        until = time.monotonic() + 240
        for run in watched:
            while runs.store().get(run).status == "queued" and time.monotonic() < until:
                time.sleep(0.2)
            if options.pace:
                runs.request(run, "pace", rate=options.pace)
        while runs.store().get(watched[-1]).step < 100 and time.monotonic() < until:
            time.sleep(0.2)
        idle, _ = watch(pid, app.port, watched, 0, options.seconds)
        before = memory(pid)
        busy, crowd = watch(pid, app.port, watched, options.viewers, options.seconds)
        grown = (memory(pid) - before) / 2**20
        rows = [runs.store().get(run) for run in watched]
        for run in watched:
            runs.request(run, "stop")
        until = time.monotonic() + 60
        while runs.store().runs(status=ACTIVE) and time.monotonic() < until:
            time.sleep(0.2)
    each = statistics.mean(v.bytes for v in crowd) / options.seconds
    times = sorted(t for v in crowd for t in v.client.times)
    for row in rows:
        print(f"run: {row.status}, {row.speed:.0f} steps/s, step {row.step:,}")
    print(f"server without viewers: {idle:5.1f} % of a core")
    print(f"server with {options.viewers} viewers: {busy:5.1f} % (target < {MOST_CPU} %)")
    print(f"bytes a second and viewer: {each:.0f} (target < {MOST_BYTES:.0f})")
    print(f"first, full answer: {statistics.mean(v.first for v in crowd):.0f} bytes")
    print(
        f"answer time: median {1000 * statistics.median(times):.1f} ms, "
        f"p95 {1000 * times[int(0.95 * len(times))]:.1f} ms; {len(times)} answers of "
        f"{options.viewers * options.seconds:.0f} asked for"
    )
    print(f"memory of the server: {grown:+.1f} MiB while they looked")
    return 0 if busy < MOST_CPU and each < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
