"""The worker: one run or job, from claim to end, in its own process."""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from genlab.core import device, random
from genlab.core.errors import GenlabError, LeaseLost, RunNotFound, SnapshotError, StoreError
from genlab.core.folders import Folder, is_full, is_outage
from genlab.core.measure import Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, FORMER_JOB_KINDS, JOBS, MODELS
from genlab.probes.base import Probe, probes_for
from genlab.runs import catalog, settings
from genlab.runs.bounds import failure_words
from genlab.runs.files import RunFiles, has_result, run_files, save_result
from genlab.runs.job_progress import JobProgress, clear
from genlab.runs.journal import write_head
from genlab.runs.leases import Lease
from genlab.runs.log import say
from genlab.runs.post import Deed, Post, through_outage
from genlab.runs.sink import StoreSink
from genlab.runs.store import Command, JobRow, JobStatus, Record, RunRow, RunStore, Status
from genlab.runs.turns import NOTE, Turns, partners_in
from genlab.train.controls import Controls
from genlab.train.loop import train
from genlab.train.observers import Cursor, Diverged, Observer, Recorder, Watcher
from genlab.train.resources import check_memory
from genlab.train.snapshots import restore_state

BEAT = 1.0
LISTEN = 0.1
ABANDON = "abandon"


class Mailbox:
    """The commands for a run, filled by a thread that reads the store, and by signals."""

    def __init__(self) -> None:
        self._box: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.abandoned = False

    def put(self, command: Command) -> None:
        """Add a command."""
        self._box.put(command)

    def take(self, timeout: float) -> list[Command]:
        """The new commands; waits up to ``timeout`` seconds for one."""
        found: list[Command] = []
        with contextlib.suppress(queue.Empty):
            if timeout > 0:
                found.append(self._box.get(timeout=timeout))
            while not self._box.empty():
                found.append(self._box.get_nowait())
        if any(wish.name == ABANDON for wish in found):
            self.abandoned = True
            found.append(Command("stop"))
        return found


class HeartbeatThread(threading.Thread):
    """Writes the heartbeat once a second and fetches commands ten times a second."""

    def __init__(self, lease: Lease, cursor: Cursor, box: Mailbox) -> None:
        super().__init__(name="pulse", daemon=True)
        self._lease, self._cursor, self._box = lease, cursor, box
        self._done = threading.Event()
        self._seen = time.monotonic(), cursor.step
        self._next = 0.0
        self._complained = ""

    def listen(self) -> None:
        """Fetch the wishes that have come."""
        for wish in self._lease.pending():
            self._box.put(wish)

    def run(self) -> None:
        """Tell the store at intervals that the worker is alive."""
        while not self._done.wait(LISTEN):
            try:
                self.listen()
                if time.monotonic() >= self._next:
                    self._next = time.monotonic() + BEAT
                    self._beat()
            except (RunNotFound, LeaseLost):
                self._box.put(Command(ABANDON))
                return
            except StoreError as error:
                # The store may be back at the next beat; the run itself does not need it now.
                self._complain(f"{self._lease.run}: {error}")

    def _complain(self, words: str) -> None:
        if words != self._complained:
            say(words)
        self._complained = words

    def _beat(self) -> None:
        now, step = time.monotonic(), self._cursor.step
        since, before = self._seen
        speed = max(0.0, (step - before) / max(now - since, 1e-9))
        if now - since > 2.0:
            self._seen = now, step
        self._lease.renew(step, round(speed, 3))

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._done.set()
        self.join(timeout=30)


@contextlib.contextmanager
def stop_on_signals(box: Mailbox) -> Iterator[None]:
    """Ctrl-C or SIGTERM stops the run with a snapshot; a second signal ends it at once."""

    def wish(number: int, _: Any) -> None:
        box.put(Command("stop"))
        signal.signal(number, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, wish) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def series_of(*groups: Sequence[Series]) -> list[dict[str, Any]]:
    """All series by name, as stored."""
    return [s.flat() for s in {s.name: s for group in groups for s in group}.values()]


def perform(
    store: RunStore, folder: Folder, row: RunRow, *, observers: Sequence[Observer] = ()
) -> RunRow:
    """Execute a claimed run in this process; failures of the run end up in its status.

    Args:
        store: where the run was claimed.
        folder: where its files go.
        row: the run as it was claimed.
        observers: more of them (a progress bar).

    Returns:
        The run as it then stands: done, stopped, diverged or failed.
    """
    box, cursor = Mailbox(), Cursor()
    cursor.step = row.step
    files = run_files(folder, row.id)
    lease = Lease(store, row)
    post = make_post(lease, cursor, lambda: box.put(Command(ABANDON)))
    pulse = HeartbeatThread(lease, cursor, box)
    status: Status = "done"
    message = ""
    level = "info"
    with stop_on_signals(box), contextlib.ExitStack() as stack:
        stack.callback(pulse.stop)
        stack.callback(post.close)
        # What was wished while the run waited, its pace above all, holds from the first step on.
        with contextlib.suppress(GenlabError):
            pulse.listen()
        pulse.start()
        try:
            status = _train(lease, files, row, cursor, box, post, observers)
        except LeaseLost:
            box.abandoned = True
        except Diverged as error:
            snapshot = _last_snapshot(files)
            status, level = "diverged", "error"
            cursor.step = error.step
            message = (
                f"{error.term} became NaN or infinite at step {error.step}. {snapshot} "
                "A lower learning rate often helps."
            )
        except GenlabError as error:
            status, level, message = "failed", "error", str(error)
        except OSError as error:
            status, level = "failed", "error"
            if is_full(error):
                message = (
                    f"The disk of the runs' files is full. {_last_snapshot(files)} Free some "
                    "space and resume the run."
                )
            else:
                message = f"A file could not be written: {error}. {_last_snapshot(files)}"
        except KeyboardInterrupt:
            status = "stopped"
            message = f"It was ended at once. {_last_snapshot(files)}"
        except BaseException as error:
            # A panic in a Rust library is not an ``Exception``; the row must not stay ``running``.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            traceback.print_exc()
            status, level = "failed", "error"
            message = f"{failure_words(error)} {_last_snapshot(files)}"
        box.take(0.0)
        if not box.abandoned:
            _conclude(post, lease, files, cursor.step, status, message, level)
    with contextlib.suppress(GenlabError):
        return row if box.abandoned else store.get(row.id)
    return row


def _last_snapshot(files: RunFiles) -> str:
    try:
        steps = files.steps()
    except Exception as error:
        if not isinstance(error, OSError) and not is_outage(error):
            raise
        return "Its snapshots cannot be listed now."
    return f"The snapshot of step {steps[-1]} is kept." if steps else "No snapshot was taken yet."


def _conclude(
    post: Post,
    lease: Lease,
    files: RunFiles,
    step: int,
    status: Status,
    message: str,
    level: str,
) -> None:
    """Store how the run ended; an outage is waited for, however long it takes."""

    if status == "stopped" and post.discard_files():
        message = f"The disk of the runs' files is full. {_last_snapshot(files)}"
    event = Record(step, "event", {"level": level, "message": message}, time=time.time())

    def write() -> None:
        lease.renew(step, 0.0)
        # On a full disk the status, which changes a row in place, may still fit.
        with contextlib.suppress(StoreError):
            lease.append([event] if message else [], again=True)
        lease.set_status(status, message=message)

    def describe() -> None:
        with contextlib.suppress(RunNotFound, OSError):
            write_head(files, lease.store.get(lease.run))

    post.put(Deed(write))
    post.put(Deed(describe))
    post.finish()


def make_post(lease: Lease, cursor: Cursor, abandon: Callable[[], None]) -> Post:
    """The queue that delivers the records and files of a run, and reports outages."""
    shown_messages: list[str] = []

    def paused(words: str) -> None:
        if words and not shown_messages:
            with contextlib.suppress(StoreError):
                lease.hold(words)
                shown_messages.append(words)
        elif not words and shown_messages:
            lease.let_go()
            shown_messages.clear()

    def recovered(words: str, seconds: float) -> None:
        text = f"For {seconds:.0f} s until step {cursor.step} nothing could be stored: {words} "
        text += "All that was recorded meanwhile is stored now."
        payload = {"level": "warning", "message": text}
        record = Record(cursor.step, "event", payload, time=time.time())
        lease.append([record])

    post = Post(abandon, recovered, paused)
    return post


def _train(
    lease: Lease,
    files: RunFiles,
    row: RunRow,
    cursor: Cursor,
    box: Mailbox,
    post: Post,
    extra: Sequence[Observer],
) -> Status:
    store, spec = lease.store, RunSpec.from_record(row.spec)
    device.require(spec.train.device)
    check_memory(spec)
    torch.set_num_threads(max(1, spec.train.threads))
    data = catalog.dataset(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)

    def probes() -> Sequence[Probe]:
        def failed(name: str, error: Exception) -> None:
            words = f"The view {name!r} was left out: {type(error).__name__}: {error}"
            sink.event(0, "warning", words)

        found = probes_for(spec, MODELS[spec.model], data, failed)
        series = series_of(algorithm.series, *(probe.series for probe in found))
        post.put(Deed(lambda: lease.describe(series)))
        post.put(Deed(lambda: write_head(files, store.get(row.id))))
        return found

    sink = StoreSink(
        lease,
        files,
        post,
        recorded=through_outage(lambda: store.last_step(row.id)) if row.attempt > 1 else -1,
        snapshots=spec.train.snapshots,
        begun=row.parent_step if row.parent else -1,
    )
    post.put(Deed(lambda: sink.journal.begin(store, row)))
    snapshot, wrong = None, list[str]()
    if row.attempt > 1 or row.parent:
        snapshot, wrong = through_outage(files.newest)
    if snapshot is None and row.parent:
        raise SnapshotError(
            f"This fork of {row.parent} has no good snapshot left to begin with. "
            f"{' '.join(wrong)} Fork it again."
        )
    for words in wrong:
        sink.event(row.step, "warning", f"{words} An older one was used.")
    if snapshot is None:
        step = 0
        random.seed_run(spec.train.seed)
        state = algorithm.init(spec.train.seed, data)
    else:
        step = snapshot.step
        state = restore_state(algorithm, snapshot, data)
        if row.attempt > 1:
            sink.event(step, "info", f"Resumed from the snapshot of step {step}.")
    first = row.parent_step if row.parent else 0
    watcher = Watcher(algorithm, probes, sink, attempt=row.attempt, first=first)
    waits = _turns(store, files, row)

    def tell(name: str) -> None:
        post.put(Deed(lambda: lease.tell("paused" if name == "paused" else "running")))

    def turn(step: int) -> bool:
        return post.may_go() and (waits is None or waits(step))

    controls = Controls(box.take, tell, watcher, algorithm, sink, turn=turn)
    observers = [cursor, Recorder(sink, spec.train.steps), watcher, *extra, controls]
    try:
        state, step = train(
            algorithm, data, state, start=step, observers=observers, alone=controls.alone
        )
    finally:
        # What was seen before an error is shown and kept too, unless that is what went wrong.
        with contextlib.suppress(StoreError, OSError):
            sink.flush()
            sink.settle()
        if waits is not None:
            waits.close()
    return "done" if step >= spec.train.steps else "stopped"


def _turns(store: RunStore, files: RunFiles, row: RunRow) -> Turns | None:
    """What says whose turn it is, for a run of a group."""
    try:
        partners = partners_in(through_outage(lambda: files.read_json(NOTE)))
    except (OSError, ValueError):
        return None
    if not partners:
        return None
    folder = settings.state_folder(settings.store_url()) / "turns"
    return Turns(store, row, partners, folder, settings.workers())


def _keep_metrics(store: RunStore, run: str, result: Mapping[str, Any]) -> None:
    """Keep the metrics of a run for the table of all runs; a shipped model has no row there."""
    metrics = result.get("metrics")
    if isinstance(metrics, list) and not run.startswith(catalog.SHIPPED):
        found = {row["name"]: row["value"] for row in metrics if isinstance(row, Mapping)}
        values = {k: float(v) for k, v in found.items() if v is not None and math.isfinite(v)}
        with contextlib.suppress(RunNotFound):
            store.put_numbers(run, values)


def perform_job(store: RunStore, folder: Folder, row: JobRow) -> None:
    """Execute a claimed job in this process and store its result."""
    torch.set_num_threads(1)

    def model_at(step: int) -> Any:
        return catalog.find(str(row.values["run"]), store, folder).model(step)

    progress = JobProgress(folder, row.key, model_at)
    done = threading.Event()

    def now() -> dict[str, Any]:
        return {"progress": progress.fraction, "message": progress.message}

    def tell() -> None:
        while not done.wait(0.3):
            with contextlib.suppress(StoreError):
                store.update_job(row.key, status="running", worker=row.worker, **now())

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        function = JOBS[FORMER_JOB_KINDS.get(row.kind, row.kind)]
        if not has_result(folder, row.key):
            values = dict(row.values)
            view = catalog.find(str(values["run"]), store, folder)
            model = view.model(values.get("step"))
            values["spec"] = view.spec.flat()
            if values.get("encoder"):
                from genlab.latent.encoder import load_learned_encoder, with_encoder

                learned = progress.result(str(values["encoder"]))
                model = with_encoder(model, load_learned_encoder(learned, model))
            with torch.no_grad(), random.scope(int(values.get("seed", 0)), "job", row.kind):
                result = function(model, view.data(), values, progress)
            save_result(folder, row.key, result)
            _keep_metrics(store, str(values["run"]), result)
        words = ""
    except GenlabError as error:
        words = str(error)
    except Exception as error:
        traceback.print_exc()
        words = f"{type(error).__name__}: {error}"
    finally:
        done.set()
        teller.join()
        clear(folder, row.key)
    status: JobStatus = "failed" if words else "done"
    part = progress.fraction if words else 1.0
    through_outage(
        lambda: store.update_job(
            row.key, status=status, progress=part, message=words, worker=row.worker
        )
    )


def alive(pid: int) -> bool:
    """Whether a process exists on this host."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
