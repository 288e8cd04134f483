"""Where the observers of a run record: numbers and notes into the store, the rest into files."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from genlab.core.folders import Folder
from genlab.core.measure import Picture
from genlab.runs import catalog, ladder
from genlab.runs.files import RunFiles
from genlab.runs.journal import Journal
from genlab.runs.leases import Lease
from genlab.runs.post import Parcel, Post
from genlab.runs.store import Record
from genlab.train.snapshots import Snapshot, thin

#: Names of files, contents (None: to remove), and whether to write durably.
Writes = list[tuple[str, bytes | None, bool]]
#: This many looks wait during an outage; those between them are thinned as snapshots are.
LOOKS = 8


class RecordParcel(Parcel):
    """Records on their way to the store.

    Args:
        lease: of the run.
        records: in their order, with their times.
        journal: it records what is stored.
    """

    def __init__(self, lease: Lease, records: Sequence[Record], journal: Journal) -> None:
        self._lease, self._records, self._journal = lease, records, journal

    def deliver(self, again: bool) -> None:
        self._lease.append(self._records, again=again)
        self._journal.add(self._records)

    def records(self) -> int:
        return len(self._records)


class _Gathered(Folder):
    """Takes what would be written to a folder, in order; None for what would be removed."""

    def __init__(self) -> None:
        self.writes: Writes = []

    def write(
        self,
        name: str,
        content: bytes,
        *,
        durable: bool = False,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.writes.append((name, content, durable))

    def read(self, name: str) -> bytes:
        raise FileNotFoundError(name)

    def names(self, folder: str) -> list[str]:
        return []

    def remove(self, name: str) -> None:
        self.writes.append((name, None, False))


class FileParcel(Parcel):
    """Files of one step on their way to the run's folder.

    While the store cannot confirm that the run still belongs to this worker, they are kept in a
    separate folder, ``kept-<attempt>``, where they do not disturb another worker of the run.

    Args:
        lease: of the run.
        folder: of all files.
        step: of the files.
        make: gives the names, contents (None: to remove) and whether to write durably.
        after: called when the files are there.
    """

    def __init__(
        self,
        lease: Lease,
        folder: Folder,
        step: int,
        make: Callable[[], Writes],
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self.step = step
        self._lease, self._folder, self._make, self._after = lease, folder, make, after
        self._writes: Writes | None = None
        self._bytes = 0
        self._aside = f"runs/{lease.run}/kept-{lease.attempt}/"
        self._kept, self._dropped = False, False
        self._lock = threading.Lock()

    def deliver(self, again: bool) -> None:
        self._lease.check()
        with self._lock:
            if self._dropped:
                return
            for name, content, durable in self._made():
                if content is None:
                    self._folder.remove(name)
                    continue
                if self._kept:
                    content = self._folder.read(self._name(name))
                self._folder.write(name, content, durable=durable, before=self._lease.check)
            self._forget()
        self._after()

    def keep(self) -> None:
        with self._lock:
            if self._kept or self._dropped:
                return
            made = self._made()
            for name, content, _ in made:
                if content is not None:
                    self._folder.write(self._name(name), content)
            self._kept = True
            self._writes = [(name, c and b"", durable) for name, c, durable in made]

    def drop(self) -> bool:
        with self._lock:
            self._dropped = True
            self._forget()
            self._writes, self._bytes = [], 0
        return True

    def _made(self) -> Writes:
        if self._writes is None:
            self._writes = self._make()
            self._bytes = sum(len(content or b"") for _, content, _ in self._writes)
        return self._writes

    def _name(self, name: str) -> str:
        return self._aside + name.rpartition("/")[2]

    def _forget(self) -> None:
        for name, content, _ in (self._writes or []) if self._kept else []:
            if content is not None:
                with contextlib.suppress(OSError):
                    self._folder.remove(self._name(name))

    def size(self) -> int:
        return self._bytes

    def records(self) -> int:
        return 0


class StoreSink:
    """The sink of a run's observers: writes to the store and the files.

    Args:
        lease: of the run: all writes go through it.
        files: of the run.
        post: delivers the records and files, in order.
        recorded: the last step that an earlier attempt recorded; records up to it are the same
            numbers again and are left out.
        snapshots: how many are kept.
        begun: the step of the snapshot that a fork began with: it is there and is left alone.
    """

    def __init__(
        self,
        lease: Lease,
        files: RunFiles,
        post: Post,
        *,
        recorded: int,
        snapshots: int,
        begun: int = -1,
    ) -> None:
        self._lease, self._files, self._post = lease, files, post
        self._recorded, self._snapshots, self._begun = recorded, snapshots, begun
        self._waiting: list[Record] = []
        #: The looks that wait during an outage.
        self._looks: list[FileParcel] = []
        self.journal = Journal(files, lease.attempt, lease.check)
        #: The total change of the pictures at the steps of this attempt.
        self._moved: dict[int, float] = {}
        #: How many records there were when they were condensed.
        self._condensed = 0

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        """Write the numbers of a step."""
        if step > self._recorded:
            self._waiting.append(Record(step, "scalars", dict(values), time=time.time()))

    def pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Write the pictures of a step, by panel."""
        writes = self._gathered(lambda files: files.save_frame(step, pictures))
        self._send(step, lambda: writes)
        if step > self._recorded:
            panels = {"panels": sorted(pictures)}
            self._waiting.append(Record(step, "frame", panels, time=time.time()))

    def _gathered(self, write: Callable[[RunFiles], None]) -> Writes:
        gathered = _Gathered()
        write(RunFiles(gathered, f"runs/{self._lease.run}"))
        return gathered.writes

    def event(self, step: int, level: str, message: str) -> None:
        """Write a note of the run."""
        payload = {"level": level, "message": message}
        self._waiting.append(Record(step, "event", payload, time=time.time()))

    def flush(self) -> None:
        """Hand over the waiting records; the pictures of one call become visible together."""
        if self._waiting:
            # The look at step 0 comes after step 1; readers want the steps in order.
            ordered = sorted(self._waiting, key=lambda record: record.step)
            self._post.put(RecordParcel(self._lease, ordered, self.journal))
            self._waiting = []

    def save(self, snapshot: Snapshot) -> None:
        """Hand over a snapshot."""
        # The tensors are copies, so that the training need not wait for the disk; but the one
        # before is written first.
        self.settle()
        if snapshot.step == self._begun:
            return

        def after() -> None:
            self._moved[snapshot.step] = snapshot.moved
            self.journal.write()
            self._condense()
            catalog.thin_files(self._files, self._snapshots, self._moved)

        make = lambda: self._gathered(lambda files: files.save(snapshot))  # noqa: E731
        self._send(snapshot.step, make, after)

    def _condense(self) -> None:
        length = self.journal.length
        if length >= self._condensed + ladder.STEP:
            read = functools.partial(self._lease.store.read, self._lease.run)
            ladder.extend_ladder(self._files, read, self._lease.check)
            self._condensed = length

    def _send(
        self, step: int, make: Callable[[], Writes], after: Callable[[], None] = lambda: None
    ) -> None:
        parcel = FileParcel(self._lease, self._files.folder, step, make, after)
        if not self._post.down_for():
            self._looks.clear()
        self._looks.append(parcel)
        self._post.put(parcel)
        steps = {one.step for one in self._looks}
        if len(steps) > LOOKS:
            stay = thin(steps, LOOKS)
            for one in self._looks:
                if one.step not in stay:
                    one.drop()
            self._looks = [one for one in self._looks if one.step in stay]

    def background_seconds(self) -> float:
        """CPU seconds that background writing took since the last call."""
        return self._post.background_seconds()

    def settle(self) -> None:
        """Wait until everything is written, unless an outage prevents it."""
        self._post.settle()
