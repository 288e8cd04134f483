"""A campaign of faults: runs are trained while their workers, supervisor and servers are killed.

Every run must end by itself with the tensors of an undisturbed run, its numbers once a step::

    python bench/faults.py --faults 40                       # SQLite and a local folder
    source .ci/services; genlab_services_start
    python bench/faults.py --faults 40 --place servers       # PostgreSQL and S3
    python bench/faults.py --faults 40 --place ray           # the same, on a Ray cluster

The servers of these forms are this program's own: PostgreSQL is killed as a whole, and the S3
server, which keeps its objects in memory, is stopped for some seconds. The cluster has three nodes
on this machine; one that is killed is replaced by another.

Runs that have not ended when the time is over are not judged: they are *unfinished*. That is said
beside the others, with what is known of their processes, and fails the campaign too.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from genlab import runs
from genlab.core.errors import GenlabError, RunStateError
from genlab.core.run_spec import RunSpec
from genlab.runs import foreground, settings, supervisor
from genlab.runs.store import RunRow
from genlab.testing.ray_cluster import ray_cluster

SPEC: dict[str, Any] = {
    "model": "vae",
    "data": "digits",
    "batch": 16,
    "hidden": 16,
    "latent": 2,
    "steps": 4000,
}
TOGETHER = 3
#: Seconds that runs have to end after the last fault.
GRACE = 120.0


@dataclass
class Place:
    """Where the runs of a campaign lie.

    Args:
        url, files: store and files.
        faults: what can be done to it, by name.
    """

    url: str
    files: str
    faults: dict[str, Callable[[random.Random], bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What a campaign found.

    Args:
        faults: how often each fault was done.
        done: runs that ended with the tensors of the undisturbed one.
        wrong: what was wrong with the others, by run.
        unfinished: how those stood that were active when the time was over, by run.
        attempts: how often the runs were claimed in all.
        resumed: runs that had used up their own tries and were resumed by hand.
        seconds: of the campaign.
    """

    faults: Mapping[str, int]
    done: int
    wrong: Mapping[str, str]
    unfinished: Mapping[str, str]
    attempts: int
    resumed: int
    seconds: float


# -- faults ----------------------------------------------------------------------------------


def lives(pid: int) -> bool:
    """Whether a process is there and has not ended: what is dead already cannot be killed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def process_of(row: RunRow) -> int:
    """The living process of a run, 0 if there is none."""
    pid = row.worker.rpartition(":")[2]
    return int(pid) if pid.isdigit() and lives(int(pid)) else 0


def workers() -> dict[str, int]:
    """The living processes of the runs at work, by run."""
    rows = runs.store().runs(status={"running", "paused"})
    return {row.id: pid for row in rows if (pid := process_of(row))}


def one_worker(draw: random.Random) -> int:
    """The process of some run at work, 0 if there is none."""
    there = sorted(workers().values())
    return draw.choice(there) if there else 0


def kill_worker(draw: random.Random) -> bool:
    pid = one_worker(draw)
    with contextlib.suppress(ProcessLookupError):
        if pid:
            os.kill(pid, signal.SIGKILL)
    return bool(pid)


def stop_worker(draw: random.Random) -> bool:
    """Stopped for a moment, as by a scheduler."""
    pid = one_worker(draw)
    with contextlib.suppress(ProcessLookupError):
        if pid:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(draw.uniform(0.5, 2.0))
            os.kill(pid, signal.SIGCONT)
    return bool(pid)


def fill_disk(draw: random.Random) -> bool:
    """A worker can write nothing for some seconds."""
    pid = one_worker(draw)
    with contextlib.suppress(ProcessLookupError):
        if pid:
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
            time.sleep(draw.uniform(1.0, 2.0))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    return bool(pid)


def kill_supervisor(_: random.Random) -> bool:
    """The next one begins at once, as the app or systemd starts it."""
    for child in supervisor._spawned:
        if child.poll() is None:
            child.kill()
            child.wait()
    supervisor.ensure(runs.store_url(), runs.files_url())
    return True


def lock_store(draw: random.Random) -> bool:
    """Another program holds SQLite's lock."""
    file = settings.local_file(runs.store_url())
    assert file is not None
    other = sqlite3.connect(file, isolation_level=None, timeout=10.0)
    try:
        other.execute("begin exclusive")
        time.sleep(draw.uniform(1.0, 3.0))
        other.execute("rollback")
    finally:
        other.close()
    return True


class Postgres:
    """A PostgreSQL server of this program's own, which may be killed.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self._folder, self._data = folder, folder / "pg"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        folder.chmod(0o755)
        if os.getuid() == 0:
            subprocess.run(["chown", "postgres", str(folder)], check=True)
        form = ["-U", "genlab", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        self._run("initdb", "-D", str(self._data), *form)
        self.start()
        self.url = f"postgresql+psycopg://genlab@127.0.0.1:{self.port}/postgres"

    def _run(self, name: str, *words: str) -> bool:
        user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
        command = [*(user if os.getuid() == 0 else []), f"{self._bin}/{name}", *words]
        with open(self._folder / "server.log", "ab") as out:
            return subprocess.run(command, stdout=out, stderr=out, cwd="/").returncode == 0

    def start(self) -> None:
        """Start it; after a kill its last processes may still be there for a moment."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} "
        options += f"-c unix_socket_directories={self._folder}"
        for _ in range(60):
            if self._run("pg_ctl", "-D", str(self._data), "-w", "-o", options, "start"):
                return
            time.sleep(0.5)
        raise RuntimeError("PostgreSQL does not start; see server.log")

    def kill(self, draw: random.Random) -> bool:
        """Kill it without a word, and start it again after some seconds."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        time.sleep(draw.uniform(1.0, 4.0))
        self.start()
        return True

    def stop(self) -> None:
        """End it."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")


class S3:
    """An S3 server of this program's own, which may be stopped for a while."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        program = Path(sys.executable).with_name("moto_server")
        with open(folder / "s3.log", "wb") as out:
            words = [str(program), "-H", "127.0.0.1", "-p", str(port)]
            self.child = subprocess.Popen(words, stdout=out, stderr=out)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        import fsspec

        # A client that this process made before asks the server of then.
        kind = fsspec.get_filesystem_class("s3")
        kind.clear_instance_cache()
        kind().mkdir("genlab-faults")
        self.url = "s3://genlab-faults/files"

    def pause(self, draw: random.Random) -> bool:
        """Stop it, and let it go on after some seconds."""
        self.child.send_signal(signal.SIGSTOP)
        time.sleep(draw.uniform(1.0, 3.0))
        self.child.send_signal(signal.SIGCONT)
        return True

    def stop(self) -> None:
        """End it."""
        self.child.kill()
        self.child.wait()


COMMON: dict[str, Callable[[random.Random], bool]] = {
    "worker killed": kill_worker,
    "worker stopped": stop_worker,
    "disk full": fill_disk,
    "supervisor killed": kill_supervisor,
}


@contextlib.contextmanager
def local_place(folder: Path) -> Iterator[Place]:
    """SQLite and a folder."""
    faults = {**COMMON, "store locked": lock_store}
    yield Place(f"sqlite:///{folder}/genlab.db", str(folder), faults)


@contextlib.contextmanager
def server_place(folder: Path) -> Iterator[Place]:
    """PostgreSQL and S3, both of this program's own."""
    (folder / "server").mkdir()
    folder.chmod(0o755)
    postgres = Postgres(folder / "server")
    try:
        s3 = S3(folder)
        try:
            faults = {**COMMON, "database killed": postgres.kill, "S3 stopped": s3.pause}
            # What a worker writes goes to the servers: its own disk is not the one that is full.
            del faults["disk full"]
            yield Place(postgres.url, s3.url, faults)
        finally:
            s3.stop()
    finally:
        postgres.stop()


@contextlib.contextmanager
def ray_place(folder: Path) -> Iterator[Place]:
    """PostgreSQL and S3, with the processes of the runs on a Ray cluster."""
    with server_place(folder) as place, ray_cluster(TOGETHER) as cluster:

        def kill_node(draw: random.Random) -> bool:
            """Another one comes in its place."""
            cluster.kill(draw)
            time.sleep(draw.uniform(0.0, 2.0))
            cluster.add()
            return True

        place.faults["node killed"] = kill_node
        yield place


PLACES = {"local": local_place, "servers": server_place, "ray": ray_place}

# -- the campaign ----------------------------------------------------------------------------


def patiently(call: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What a call returns, tried again while the store is away."""
    until = time.monotonic() + seconds
    while True:
        try:
            return call()
        except RunStateError:
            raise
        except (GenlabError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def wrong_with(run: str, truth: Mapping[str, torch.Tensor]) -> str:
    """What distinguishes a run from the undisturbed one; empty if nothing does."""
    view = runs.open_run(run)
    row = view.row
    if (row.status, row.step) != ("done", SPEC["steps"]):
        return f"{row.status} at step {row.step}: {row.message}"
    mine = view.model().state_dict()
    if not all(torch.equal(value, mine[name]) for name, value in truth.items()):
        return "its last snapshot is another one"
    terms = [r.step for r in view.read(limit=1_000_000, kinds={"scalars"}) if "elbo" in r.payload]
    if terms != sorted(set(terms)):
        return "a step is recorded twice, or out of order"
    every = max(1, SPEC["steps"] // 500)
    missing = set(range(every, SPEC["steps"] + 1, every)) - set(terms)
    return f"steps without a record: {sorted(missing)[:5]}" if missing else ""


def standing(run: str) -> str:
    """How a run stands that should have ended, and what its process does."""
    row = runs.store().get(run)
    pid, words = row.worker.rpartition(":")[2], "no process"
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        words = "process " + next(x for x in lines if x.startswith("State")).split("\t")[1]
    silent = time.time() - row.beat
    return (
        f"{row.status} at step {row.step} (attempt {row.attempt}, worker {row.worker or 'none'}, "
        f"{words}, not heard of for {silent:.0f} s): {row.message}"
    )


def campaign(place: Place, faults: int, seed: int = 0, minutes: float = 10.0) -> Report:
    """Do so many faults to runs at work, and check the runs.

    Args:
        place: where.
        faults: how many.
        seed: of their order and times.
        minutes: for the faults; what is active then has :data:`GRACE` seconds more to end.
    """
    draw, began = random.Random(seed), time.monotonic()
    os.environ["GENLAB_WORKERS"] = str(TOGETHER)
    runs.configure(place.url, place.files)
    truth = foreground.train(SPEC).model().state_dict()
    runs.ensure_supervisor()
    counts, ids, resumed = Counter[str](), list[str](), 0
    order, end = list[str](), began + 60 * minutes
    try:
        while (now := time.monotonic()) < end + GRACE:
            active = patiently(lambda: runs.store().runs(status={"queued", "running", "paused"}))
            for row in patiently(lambda: runs.store().runs(status={"lost"})):
                # Its three tries are used up, and a person would resume it; or the supervisor
                # is about to.
                with contextlib.suppress(RunStateError):
                    patiently(lambda row=row: runs.resume(row.id))
                    resumed += 1
            if sum(counts.values()) >= faults or now > end:
                if not active:
                    break
                time.sleep(0.3)
                continue
            for _ in range(TOGETHER - len(active)):
                ids.append(patiently(lambda: runs.start(RunSpec.build(**SPEC))))
            time.sleep(draw.uniform(0.2, 1.2))
            if not any(row.step > 5 and process_of(row) for row in active):
                # What is not at work cannot be disturbed.
                continue
            if not order:
                order = draw.sample(sorted(place.faults), len(place.faults))
            if patiently(lambda name=order[-1]: place.faults[name](draw)):
                counts[order.pop()] += 1
        left = patiently(lambda: runs.store().runs(status={"queued", "running", "paused"}))
        unfinished = {row.id: patiently(lambda row=row: standing(row.id)) for row in left}
        ended = [run for run in ids if run not in unfinished]
        found = {run: patiently(lambda run=run: wrong_with(run, truth)) for run in ended}
        wrong = {run: words for run, words in found.items() if words}
        attempts = sum(patiently(lambda run=run: runs.store().get(run).attempt) for run in ids)
    finally:
        for child in supervisor._spawned:
            if child.poll() is None:
                child.kill()
                child.wait()
        with contextlib.suppress(GenlabError):
            for pid in workers().values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        runs.configure()
    seconds = time.monotonic() - began
    done = len(ended) - len(wrong)
    return Report(dict(counts), done, wrong, unfinished, attempts, resumed, seconds)


def main() -> int:
    """Run a campaign, print what was found, and fail if a run is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=10, help="how many")
    parser.add_argument("--place", choices=sorted(PLACES), default="local", help="where")
    parser.add_argument("--seed", type=int, default=0, help="of their order and times")
    parser.add_argument("--minutes", type=float, default=10.0, help="for the faults, at most")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, PLACES[asked.place](Path(folder)) as place:
        found = campaign(place, asked.faults, asked.seed, asked.minutes)
    for name, count in sorted(found.faults.items()):
        print(f"{count:4d}  {name}")
    total = found.done + len(found.wrong) + len(found.unfinished)
    print(
        f"{found.done} of {total} runs ended with the tensors of the undisturbed run, their "
        f"numbers once a step, after {sum(found.faults.values())} faults and {found.attempts} "
        f"attempts ({found.resumed} resumed by hand) in {found.seconds:.0f} s"
    )
    for run, words in found.wrong.items():
        print(f"  {run}: {words}")
    for run, words in found.unfinished.items():
        print(f"  {run} had not ended: {words}")
    return 1 if found.wrong or found.unfinished else 0


if __name__ == "__main__":
    sys.exit(main())
