"""What watching costs: the speed of a run with everything that a worker does beside training
(records, probes, pictures, snapshots, heartbeat, wishes) against the same steps without.

Both step in one process, in turns of a few steps, so that whatever else the machine does hits
both alike. Prints the ratio of the speeds by the clock, and by processor time (all threads), which
other programs on the machine disturb less; at least 0.95 of the latter is wanted, and 0.90 where
the truth is known: there the ledger, the gap map and the calibration have shares of their own.
Each is of a run of about so many seconds, first and last look included: longer ones pay less.
The 95 % interval of the ratio by processor time is the jackknife's over blocks of turns.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from genlab.core import random
from genlab.core.folders import LocalFolder
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, DATASETS, MODELS
from genlab.data.base import Batches, Dataset
from genlab.probes.base import PROBES, probes_for
from genlab.runs import catalog, settings
from genlab.runs.files import run_files
from genlab.runs.leases import Lease
from genlab.runs.post import Post
from genlab.runs.sink import StoreSink
from genlab.runs.sql import SqlStore
from genlab.runs.worker import HeartbeatThread, Mailbox
from genlab.train.algorithm import Info
from genlab.train.controls import Controls
from genlab.train.loop import train
from genlab.train.observers import Cursor, Observer, Recorder, Watcher


class Bare(Observer):
    """In turns with the watched run, the same number of steps of an unwatched one."""

    def __init__(self, spec: RunSpec, data: Dataset, turn: int) -> None:
        self.every, self.took, self.worked, self.steps = turn, 0.0, 0.0, 0
        self._data = data
        self._algorithm = ALGORITHMS[spec.algorithm](spec)
        self._state = self._algorithm.init(spec.train.seed, data)
        self._batches = Batches(len(data.train), spec.train.batch, spec.train.seed)
        self.watcher: Watcher | None = None
        #: Processor time of the process at the end of each turn, and this side's part of it.
        self.turns: list[tuple[float, float]] = []

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        assert self.watcher is not None
        with self.watcher.ledger.waiting():
            start, work = time.perf_counter(), time.process_time()
            for _ in range(step - self.steps):
                batch = self._data.train.x.index_select(0, self._batches.index(self.steps))
                if self._data.draw is not None:
                    batch = self._data.draw(batch)
                self._state, _ = self._algorithm.step(self._state, batch)
                self.steps += 1
            self.took += time.perf_counter() - start
            self.worked += time.process_time() - work
        self.turns.append((time.process_time(), self.worked))
        return False


def half_interval(turns: list[tuple[float, float]], blocks: int = 20) -> float:
    """Half the 95 % interval of unwatched / watched processor time, by the jackknife.

    Args:
        turns: processor time of the process, and of the unwatched side, after each turn.
        blocks: of turns; one is left out at a time.

    Example:
        >>> even = [(3.0 * k, 1.0 * k) for k in range(41)]
        >>> half_interval(even)
        0.0
    """
    size = (len(turns) - 1) // blocks
    if not size:
        return math.nan
    ends = [turns[k * size] for k in range(blocks + 1)]
    bare = [b[1] - a[1] for a, b in itertools.pairwise(ends)]
    watched = [
        b[0] - a[0] - one for (a, b), one in zip(itertools.pairwise(ends), bare, strict=True)
    ]
    left = [(sum(bare) - b) / (sum(watched) - w) for b, w in zip(bare, watched, strict=True)]
    mean = sum(left) / blocks
    return 1.96 * math.sqrt((blocks - 1) / blocks * sum((one - mean) ** 2 for one in left))


def measure(values: dict[str, Any], seconds: float, folder: Path) -> dict[str, float]:
    """Seconds of both, for as many steps as the unwatched one takes in about so many seconds.

    Zero seconds mean the number of steps that such a run has by default.
    """
    probe = RunSpec.build(**values, steps=40)
    data = catalog.dataset(probe)
    random.seed_run(0)
    algorithm = ALGORITHMS[probe.algorithm](probe)
    state, _ = train(algorithm, data, algorithm.init(0, data))
    start = time.perf_counter()
    train(algorithm, data, state)
    steps = max(60, int(40 * seconds / (time.perf_counter() - start)))
    spec = RunSpec.build(**values, steps=steps) if seconds else RunSpec.build(**values)
    steps = spec.train.steps

    store = SqlStore(f"sqlite:///{folder}/genlab.db")
    row = store.get(store.create(spec.flat(), worker=settings.worker_id()))
    files = run_files(LocalFolder(folder), row.id)
    cursor, box = Cursor(), Mailbox()
    lease = Lease(store, row)
    pulse = HeartbeatThread(lease, cursor, box)
    post = Post(lambda: None)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    probes = probes_for(spec, MODELS[spec.model], data)
    sink = StoreSink(lease, files, post, recorded=-1, snapshots=spec.train.snapshots)
    watcher = Watcher(algorithm, probes, sink)
    bare = Bare(spec, data, max(1, steps // 200))
    bare.watcher = watcher
    controls = Controls(box.take, lambda _: None, watcher)
    observers: list[Observer] = [cursor, Recorder(sink, steps), watcher, bare, controls]
    pulse.start()
    start, work = time.perf_counter(), time.process_time()
    train(algorithm, data, algorithm.init(0, data), observers=observers)
    watched = time.perf_counter() - start - bare.took
    worked = time.process_time() - work - bare.worked
    pulse.stop()
    post.close()
    looks = len({s for steps_ in files.frames().values() for s in steps_})
    store.close()
    return {
        "speed": bare.took / watched,
        "processor": bare.worked / worked,
        "half": half_interval(bare.turns),
        "extra": worked - bare.worked,
        "seconds": bare.took,
        "steps": steps,
        "looks": looks,
    }


COMBINATIONS = (
    {"model": "vae", "data": "mnist5k"},
    {"model": "gan", "data": "ring"},
    {"model": "vae", "data": "ring"},
    {"model": "gan", "data": "digits"},
    {"model": "flow_matching", "data": "ring"},
    {"model": "flow_matching", "data": "digits"},
    {"model": "ddpm", "data": "ring"},
    {"model": "ddpm", "data": "digits"},
)


def main() -> int:
    """Measure, print, and fail where watching costs too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=30.0,
        help="a side and a combination; 0: the default steps",
    )
    parser.add_argument("--floor", type=float, default=0.95, help="the ratio that is wanted")
    parser.add_argument(
        "--toys",
        type=float,
        default=0.90,
        help="the ratio that is wanted where a density is known",
    )
    parser.add_argument(
        "--only", default="", help="combinations to measure (ddpm:ring), with commas; else all"
    )
    parser.add_argument(
        "--without", default="", help="names of probes to leave out, with commas, for comparison"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in filter(None, arguments.without.split(",")):
        PROBES.names()
        PROBES.unregister(name)
    good = True
    only = set(filter(None, arguments.only.split(",")))
    for values in COMBINATIONS:
        if only and f"{values['model']}:{values['data']}" not in only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = measure(values, arguments.seconds, Path(folder))
        known = DATASETS[values["data"]].meta(DATASETS[values["data"]].Options()).density
        good = good and found["processor"] >= (arguments.toys if known else arguments.floor)
        print(
            f"{values['model']} on {values['data']}: watched / unwatched speed = "
            f"{found['speed']:.3f} by the clock, {found['processor']:.3f} ± {found['half']:.3f} "
            f"by processor time ({found['steps']:.0f} steps in {found['seconds']:.1f} s, "
            f"{found['extra']:.2f} s of processor time for watching, "
            f"{found['looks']:.0f} looks kept)"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
