"""Ten viewers of a run in progress: what they cost the server, and how many bytes each gets.

Each viewer asks the route of the live view once a second, as the page does in a browser; nothing
else runs on the server while somebody watches. Prints the server's CPU time as a share of one
core with and without viewers, and the bytes (headers and body) a viewer gets in a second.

    python -m bench.viewers [--viewers 10] [--seconds 15]
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from genlab.testing.served import serving

TICK = os.sysconf("SC_CLK_TCK")
MOST_CPU, MOST_BYTES = 15.0, 1000.0


def cpu(pid: int) -> float:
    """CPU seconds of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Viewer(threading.Thread):
    """Asks for the news of a run once a second."""

    def __init__(self, port: int, run: str, stop: threading.Event, late: float) -> None:
        super().__init__(daemon=True)
        self.port, self.run_id, self.stop, self.late = port, run, stop, late
        self.bytes, self.first, self.times, self.status = 0, 0, [], ""

    def ask(self, link: http.client.HTTPConnection, since: int) -> int:
        begun = time.perf_counter()
        headers = {"Accept-Encoding": "gzip"}
        link.request("GET", f"/genlab/runs/{self.run_id}/delta?since={since}", headers=headers)
        reply = link.getresponse()
        body = reply.read()
        self.times.append(time.perf_counter() - begun)
        size = len(body) + sum(len(k) + len(v) + 4 for k, v in reply.getheaders()) + 17
        if since:
            self.bytes += size
        else:
            self.first += size
        if reply.getheader("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        news = json.loads(body)
        self.status = news["status"]
        return max(since, int(news.get("seq", 0)))

    def run(self) -> None:
        time.sleep(self.late)
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        since = self.ask(link, 0)
        while not self.stop.wait(1.0):
            since = self.ask(link, since)


def watch(
    pid: int, port: int, run: str, viewers: int, seconds: float
) -> tuple[float, list[Viewer]]:
    """The server's CPU share in percent of a core while so many look, and the viewers."""
    stop = threading.Event()
    crowd = [Viewer(port, run, stop, i / max(1, viewers)) for i in range(viewers)]
    for viewer in crowd:
        viewer.start()
    time.sleep(2.0)  # the first, full answers are not what a second of watching costs
    for viewer in crowd:
        viewer.bytes, viewer.times = 0, []
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
    options = parser.parse_args()

    from genlab import runs
    from genlab.core.run_spec import RunSpec

    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as app:
        pid = app.process.pid
        run = runs.start(RunSpec.build(model="vae", data="digits", steps=40_000), "bench")
        until = time.monotonic() + 120
        while runs.store().get(run).step < 100 and time.monotonic() < until:
            time.sleep(0.2)
        idle, _ = watch(pid, app.port, run, 0, options.seconds)
        busy, crowd = watch(pid, app.port, run, options.viewers, options.seconds)
        row = runs.store().get(run)
        runs.request(run, "stop")
    each = statistics.mean(v.bytes for v in crowd) / options.seconds
    times = sorted(t for v in crowd for t in v.times)
    print(f"run: {row.status}, {row.speed:.0f} steps/s, step {row.step:,}")
    print(f"server without viewers: {idle:5.1f} % of a core")
    print(f"server with {options.viewers} viewers: {busy:5.1f} % (target < {MOST_CPU} %)")
    print(f"bytes a second and viewer: {each:.0f} (target < {MOST_BYTES:.0f})")
    print(f"first, full answer: {statistics.mean(v.first for v in crowd):.0f} bytes")
    print(
        f"answer time: median {1000 * statistics.median(times):.1f} ms, "
        f"p95 {1000 * times[int(0.95 * len(times))]:.1f} ms"
    )
    return 0 if busy < MOST_CPU and each < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
