"""The supervisor: a process that starts a worker process for each queued run and job.

One lives for each host and store, held apart by a file lock. It outlives the program that started
it, and the processes it started outlive it: its successor finds them by their heartbeat.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from genlab.core.errors import GenlabError, StoreError
from genlab.core.folders import PACKAGE, default_url, folder, home
from genlab.runs import disk, settings, turns
from genlab.runs.executor_table import get_executor
from genlab.runs.executors import Ended, Task
from genlab.runs.host_lock import HANDED, Lock
from genlab.runs.log import say
from genlab.runs.post import through_outage
from genlab.runs.settings import RESTARTS
from genlab.runs.sql import SqlStore
from genlab.runs.store import LEASE, JobRow, Record, RunStore

POLL = 0.04
SWEEP = 2.0
#: Seconds without a round after which this process, or the store, has slept.
SLEPT = 5.0
#: Seconds for which the source files must have been still before they count as a new program.
STILL = 5.0
JOBS_AT_ONCE = 1
#: How often the process of a run may fail before it could claim the run.
STARTS = 3
#: Seconds until a chore whose step failed is tried again.
CHORE_PATIENCE = 30.0
LOG_LIMIT = 2_000_000
DIED = "Its process died. Resume it: it continues from its last snapshot."
SILENT = (
    "Its worker has not been heard of for {lease:g} s: its process died, hangs, or does not reach "
    "the store. Resume it: it continues from its last snapshot."
)
NOT_STARTED = "Its process could not be started; see worker.log."
JOB_DIED = "Its process died; ask for it again."
_spawned: list[subprocess.Popen[bytes]] = []


def alive(url: str) -> bool:
    """Whether a supervisor of this host and store is running."""
    return Lock(url).is_held()


def ensure(url: str, files: str, idle: float = 900.0) -> bool:
    """Start a detached supervisor unless one is running; return whether one was started.

    Raises:
        StoreError: if the settings are not possible; nothing was started then.
    """
    get_executor()
    settings.workers()
    settings.running_limit()
    settings.waiting_limit()
    settings.restarts()
    if url == "memory:":
        return False
    _spawned[:] = [child for child in _spawned if child.poll() is None]
    lock = Lock(url)
    if not lock.take():
        return False
    try:
        _start(url, files, idle, lock)
    finally:
        # The new process has the file open too, so that it holds the lock from its first moment.
        lock.close()
    return True


def _start(url: str, files: str, idle: float, lock: Lock) -> None:
    """Start a detached supervisor, and give it the lock."""
    environment = dict(os.environ)
    environment[HANDED] = str(lock.number)
    environment |= {"GENLAB_STORE": absolute(url), "GENLAB_FILES": files}
    if "://" not in files:
        environment["GENLAB_FILES"] = str(Path(files).absolute())
    # A checkout need not be installed; the supervisor finds the package all the same.
    known = environment.get("PYTHONPATH", "")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PACKAGE.parent), known)))
    # A pool of threads made at import would not survive the fork.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    log = log_file(url)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        os.replace(log, log.with_suffix(".old.log"))
    with open(log, "ab") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "genlab", "worker", "--idle-exit", f"{idle:g}"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment,
            cwd=home(),
            start_new_session=True,
            pass_fds=(lock.number,),
        )
    _spawned.append(child)


def absolute(url: str) -> str:
    """A SQLite URL with an absolute path, any other as it is."""
    prefix = "sqlite:///"
    if url.startswith(prefix) and settings.local_folder(url) is not None:
        return prefix + str(Path(url.removeprefix(prefix)).absolute())
    return url


def log_file(url: str) -> Path:
    """The log file of a detached supervisor and its runs."""
    return settings.state_folder(url) / "worker.log"


def fingerprint(folder: Path = PACKAGE) -> tuple[int, int]:
    """The number of source files and the latest change, which differ after an upgrade."""
    times = [path.stat().st_mtime_ns for path in folder.rglob("*.py")]
    return len(times), max(times, default=0)


def preload() -> None:
    """Import and load what every run needs, without starting a thread."""
    import torch

    # One thread: a parallel operation here would leave every fork with a dead thread pool.
    torch.set_num_threads(1)
    from genlab.core.run_spec import RunSpec, models_for
    from genlab.core.tables import CHORES, DATASETS, JOBS, TABLES
    from genlab.metrics.base import METRICS
    from genlab.panels.base import PANELS
    from genlab.probes.base import PROBES
    from genlab.runs import catalog, tasks  # noqa: F401 - imported once, for every fork

    # All of them: a run must not import a module of a newer program in the middle of an upgrade.
    for table in (*TABLES.values(), PROBES, PANELS, METRICS, JOBS, CHORES):
        table.names()
    for row in DATASETS.rows():
        with contextlib.suppress(GenlabError):
            if not row.value.meta(row.value.Options()).network:
                for model in models_for(row.name):
                    catalog.dataset(RunSpec.build(data=row.name, model=model))
    rehearse()


def rehearse() -> None:
    """Run one step of one small run per kind of objective, since the first step is slow."""
    import torch

    from genlab.core.run_spec import RunSpec
    from genlab.core.tables import ALGORITHMS, MODELS
    from genlab.panels.encoding import png, sheet
    from genlab.probes.base import probes_for, read_probes
    from genlab.runs import catalog
    from genlab.train.loop import train
    from genlab.train.snapshots import take

    for model, data in (("vae", "digits"), ("gan", "ring"), ("gan", "digits")):
        with contextlib.suppress(Exception):
            spec = RunSpec.build(model=model, data=data, steps=1, batch=4)
            loaded = catalog.dataset(spec)
            algorithm = ALGORITHMS[spec.algorithm](spec)
            state, _ = train(algorithm, loaded, algorithm.init(0, loaded))
            take(algorithm, state, 1)
            for probe in probes_for(spec, MODELS[spec.model], loaded):
                read_probes(probe, algorithm.model(state), 1)
    with contextlib.suppress(Exception):
        png(sheet(torch.zeros(1, 1, 8, 8), 1))
    from safetensors.torch import load, save

    load(save({"a": torch.zeros(1)}))


class Supervisor:
    """Starts a process for every queued run; marks runs whose process died as lost.

    Args:
        url: of the store.
        files: folder or URL of the files.
        workers: runs at once on this host.
    """

    def __init__(self, url: str, files: str, workers: int) -> None:
        self.url, self.files, self.workers = url, files, workers
        self.restarts = settings.restarts()
        self.store: RunStore = SqlStore(url)
        self.lock = Lock(url)
        # An open connection must not be shared with a child: SQLite's locks would not hold.
        self.executor = get_executor()(
            self._work, before=self.lock.close, after=self.store.close, place=(url, files)
        )
        self._swept = -SWEEP
        #: Until when expired leases mean nothing: workers first need time to renew them.
        self._round = time.monotonic()
        self._patient = self._round + LEASE
        self._adopted = self._has_chores = False
        self._chores_wait: dict[str, float] = {}
        self._places: dict[str, str] = {}
        #: The attempts of the runs when their processes were started.
        self._attempts: dict[str, int] = {}
        self._failed_starts = Counter[str]()
        self._stop = False
        self._code = self._newest = fingerprint()
        self._compared = self._changed = time.monotonic()

    def _work(self, task: Task) -> None:
        from genlab.runs.tasks import do

        do(self.url, self.files, task)

    def reap(self) -> None:
        """Mark the runs and jobs of child processes that died as lost or failed.

        A run that another host's worker has claimed in the meantime is left alone.
        """
        for ended in self.executor.poll_ended():
            with contextlib.suppress(GenlabError):
                if ended.task.kind == "job":
                    self._reap_job(ended)
                elif ended.task.kind == "chore":
                    if not ended.well:
                        self._chores_wait[ended.task.key] = time.monotonic() + CHORE_PATIENCE
                else:
                    self._reap_run(ended)

    def _reap_run(self, ended: Ended) -> None:
        run = ended.task.key
        if ended.worker:
            self._lose(run, f"{ended.words} {DIED}".strip(), ended.worker)
        before = self._attempts.pop(run, 0)
        # One that it had claimed, and that was resumed since, waits for its next process.
        if ended.well or self.store.get(run).attempt != before:
            return
        self._failed_starts[run] += 1
        if self._failed_starts[run] >= STARTS:
            self.store.set_status(run, "failed", message=NOT_STARTED, only_from={"queued"})
            del self._failed_starts[run]

    def _reap_job(self, ended: Ended) -> None:
        job = self.store.job(ended.task.key)
        if job is None:
            return
        if job.status == "running" and job.worker == ended.worker:
            self._fail_job(job)
        elif job.status == "queued" and not ended.well:
            self.store.update_job(job.key, status="failed", message=JOB_DIED)

    def _fail_job(self, job: JobRow) -> None:
        self.store.update_job(job.key, status="failed", message=JOB_DIED, worker=job.worker)

    def _lose(self, run: str, message: str, worker: str = "") -> None:
        if not self.store.lose(run, message, worker=worker):
            return
        say(f"lost {run}")
        count = self.store.resume_lost(run, self.restarts) if self.restarts else 0
        if count:
            say(f"{run} resumes by itself")
            words = f"{message.partition('.')[0]}. It resumes by itself ({count} of {RESTARTS})."
            payload = {"level": "warning", "message": words}
            self.store.append(run, [Record(max(0, self.store.get(run).step), "event", payload)])

    def sweep(self) -> None:
        """Mark runs and jobs whose process no longer exists, here or on another host."""
        mine = {task.key for task in self.executor.active()}
        self._adopted = False
        for row in self.store.runs(status={"running", "paused"}, limit=1000):
            if row.id in mine:
                continue
            if self._is_gone(row.worker):
                self._lose(row.id, DIED, row.worker)
            elif row.worker.rpartition(":")[0] == settings.host():
                self._adopted = True
        for job in self.store.jobs(status={"running"}):
            if job.key not in mine and self._is_gone(job.worker):
                self._fail_job(job)
        if time.monotonic() < self._patient:
            return
        for row in self.store.expired():
            self.executor.release(Task("run", row.id))
            self._lose(row.id, SILENT.format(lease=LEASE))
        for job in self.store.expired_jobs():
            self._fail_job(job)

    @staticmethod
    def _is_gone(worker: str) -> bool:
        from genlab.runs.worker import alive

        host, _, pid = worker.rpartition(":")
        return host == settings.host() and pid.isdigit() and not alive(int(pid))

    def tick(self) -> bool:
        """One round; return whether there is work."""
        now, before = time.monotonic(), self._round
        if now - before > SLEPT:
            self._patient = now + LEASE
        self.reap()
        if now - self._swept > SWEEP:
            self._swept = now
            self.sweep()
            self._start_chores(now)
        tasks = self.executor.active()
        busy = {task.key for task in tasks if task.kind == "run"}
        waiting = self.store.queue(limit=settings.running_limit())
        if waiting:
            places = {self._place_of(run) for run in self._running(busy, set(waiting))}
            for run in waiting:
                # Two runs that train by turns share one slot.
                own = self._place_of(run)
                if run not in busy and (own in places or len(places) < self.workers):
                    self._attempts[run] = self.store.get(run).attempt
                    self.executor.start(Task("run", run))
                    places.add(own)
        working = {task.key for task in tasks if task.kind == "job"}
        if len(working) < JOBS_AT_ONCE:
            for job in self.store.jobs(status={"queued"}, limit=1):
                self.executor.start(Task("job", job.key))
                working.add(job.key)
        self._round = time.monotonic()
        return bool(waiting or busy or working or self._adopted or self._has_chores)

    def _start_chores(self, now: float) -> None:
        """Start a step of every chore that is not running."""
        names = [item.id for item in self.store.items("chore")]
        self._has_chores = bool(names)
        at_work = {task.key for task in self.executor.active() if task.kind == "chore"}
        for name in names:
            if name not in at_work and now >= self._chores_wait.get(name, 0.0):
                self.executor.start(Task("chore", name))

    def _place_of(self, run: str) -> str:
        """The place of a run among the workers; all runs of a group have the same."""
        if run in self._places:
            return self._places[run]
        # The note is written right after the runs are queued: that there is none is not kept.
        others = turns.partners_of(folder(self.files), run)
        if not others:
            return run
        return self._places.setdefault(run, min(run, *others))

    def _running(self, busy: set[str], waiting: set[str]) -> set[str]:
        """Runs at work on this host: paused ones need no processor and leave their slot."""
        here = {
            row.id
            for row in self.store.runs(status={"running"}, limit=1000)
            if row.worker.rpartition(":")[0] == settings.host()
        }
        return here | (busy if self.executor.keeps_places else busy & waiting)

    def is_outdated(self) -> bool:
        """Whether the source files have changed and are complete."""
        now = time.monotonic()
        if now - self._compared < SWEEP:
            return False
        self._compared = now
        try:
            newest = fingerprint()
        except OSError:  # a file vanished between being listed and being looked at
            return False
        if newest != self._newest:
            self._newest, self._changed = newest, now
        return newest != self._code and now - self._changed >= STILL

    def renew(self) -> None:
        """Restart with the changed program, which then takes the queued runs."""
        say("the program has changed: starting again")
        self.lock.close()
        self.store.close()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def stop(self, *_: object) -> None:
        """End after this round; the runs continue."""
        self._stop = True

    def serve(self, idle: float | None = None) -> None:
        """Work on the queue until stopped, or until idle for some seconds.

        Args:
            idle: seconds without work after which to end; None: never.
        """
        last, worked, old = time.monotonic(), False, False
        while not self._stop:
            try:
                # The preloaded code could refuse, or wrongly run, the requests of a newer app.
                old = not self.executor.active() and self.is_outdated()
                if old and (worked or idle is None):
                    self.renew()
                if self.lock.is_removed():
                    say("the store was removed: nothing is left to do")
                    break
                if self.tick():
                    last, worked = time.monotonic(), True
            except StoreError as error:
                say(str(error))
                time.sleep(1.0)
            # Nobody has used it: whoever asks next starts one of the newer program.
            if idle is not None and (old or time.monotonic() - last > idle):
                self.lock.close()
                # Who queued a run before the lock was free has not started another supervisor.
                if not (self.store.queue() or self.store.jobs(status={"queued"}, limit=1)):
                    break
                if not self.lock.take():
                    break
                last, worked = time.monotonic(), True
            time.sleep(POLL)
        self.lock.close()
        self.store.close()


def main(idle: float | None = None) -> int:
    """Run the supervisor of this host and store; return at once if there is one already.

    Raises:
        StoreError: if the store or a setting cannot be used.
    """
    url, files = settings.store_url(), default_url()
    # Not for the children, and not for the program that follows this one.
    handed = os.environ.pop(HANDED, "")
    workers = settings.workers()
    # One that begins during an outage, as after a restart of all machines, waits for its end.
    supervisor = through_outage(lambda: Supervisor(url, files, workers))
    given = supervisor.lock.adopt(int(handed)) if handed.isdigit() else False
    if not given and not supervisor.lock.take(patience=2.0):
        say("another worker of this host serves this store already")
        return 0
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    started = time.monotonic()
    preload()
    with contextlib.suppress(OSError):
        disk.sweep_parts(folder(files))
    gc.collect()
    gc.freeze()
    say(f"ready after {time.monotonic() - started:.1f} s: {supervisor.workers} run(s) at once")
    supervisor.serve(idle)
    say("ended; active runs continue")
    return 0
