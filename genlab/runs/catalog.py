"""Read access to runs: those of the store, exported folders, and shipped models."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.core.errors import RunNotFound, SnapshotError
from genlab.core.folders import Folder, LocalFolder
from genlab.core.measure import Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.panels import form_of
from genlab.runs import settings
from genlab.runs.files import MODEL, RunFiles, dropped_steps, run_files
from genlab.runs.ladder import read_ladder
from genlab.runs.store import Record, RunRow, RunStore

if TYPE_CHECKING:
    from genlab.data.base import Dataset
    from genlab.models.base import GenerativeModel
    from genlab.runs.samples import Samples

SHIPPED = "shipped:"
#: In an exported folder: the properties of its data from which the model is built.
SIDECAR = "data.json"
_datasets: dict[tuple[str, Any], Dataset] = {}
_loading = threading.Lock()
_KEPT_DATASETS = 32


def dataset(spec: RunSpec) -> Dataset:
    """The dataset of a run, cached in memory."""
    from genlab import data

    key = (spec.data, spec.data_options)
    with _loading:
        if key not in _datasets:
            found = data.load(spec)
            while len(_datasets) >= _KEPT_DATASETS:
                _datasets.pop(next(iter(_datasets)))
            _datasets[key] = found
        return _datasets[key]


class RunView:
    """A read-only view of a run.

    Args:
        row: its status.
        files: its files.
        store: where its records are, None for an exported folder.
    """

    def __init__(self, row: RunRow, files: RunFiles, store: RunStore | None = None) -> None:
        self._row, self.files, self._store = row, files, store
        self._records: list[Record] | None = None
        self._spec: RunSpec | None = None

    def __repr__(self) -> str:
        return f"<run {self.id}: {self._row.status}, step {self._row.step} of {self._row.steps}>"

    @property
    def id(self) -> str:
        """Its name: a run id, ``shipped:<name>`` or the path of an exported folder."""
        return self._row.id

    @property
    def row(self) -> RunRow:
        """The run's present row in the store."""
        if self._store is not None:
            self._row = self._store.get(self._row.id)
        return self._row

    @property
    def spec(self) -> RunSpec:
        """The specification of the run."""
        if self._spec is None:
            self._spec = RunSpec.from_record(self._row.spec)
        return self._spec

    @property
    def series(self) -> list[Series]:
        """The series that the run records."""
        known = {entry.name for entry in fields(Series)}
        rows = self._row.series or self.row.series
        return [Series(**{k: v for k, v in s.items() if k in known}) for s in rows]

    def snapshots(self) -> tuple[int, ...]:
        """The steps with a snapshot."""
        return self.files.steps()

    def model(self, step: int | None = None) -> GenerativeModel:
        """The model after a step (None: the last snapshot), in evaluation mode.

        Raises:
            SnapshotError: if there is no such snapshot, or it is damaged.
        """
        from genlab import models
        from genlab.core.random import scope

        steps = self.snapshots()
        if not steps:
            raise SnapshotError(f"Run {self.id} has no snapshot yet; wait for its first step.")
        snapshot = self.files.snapshot(steps[-1] if step is None else step, prefix=MODEL)
        with scope(0, "weights"):
            model = models.build(self.spec)
        weights = {k.removeprefix(MODEL): v for k, v in snapshot.tensors.items()}
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise SnapshotError(
                f"The snapshot of step {snapshot.step} of {self.id} is of another model: {error}"
            ) from None
        return model.eval()

    def sample(
        self,
        n: int = 64,
        *,
        seed: int = 0,
        step: int | None = None,
        label: str | None = None,
        means: bool | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> Samples:
        """Samples in the units and by the names of the data.

        Draws; for images the means of p(x | z), as they are shown, unless ``means`` is given;
        ``given`` holds columns at values: see :func:`genlab.runs.samples.sample_run`.
        """
        from genlab.runs.samples import sample_run

        return sample_run(self, n, seed=seed, step=step, label=label, means=means, given=given)

    def data(self) -> Dataset:
        """Its dataset."""
        return dataset(self.spec)

    def read(
        self, after: int = 0, limit: int = 1000, kinds: Collection[str] | None = None
    ) -> list[Record]:
        """Records with ``seq`` above the cursor, in order."""
        if self._store is not None:
            return self._store.read(self.id, after=after, limit=limit, kinds=kinds)
        if self._records is None:
            try:
                self._records = [Record(**row) for row in self.files.read_json("records.json")]
            except (OSError, ValueError, TypeError):
                self._records = []
        found = [r for r in self._records if r.seq > after and (not kinds or r.kind in kinds)]
        return found[:limit]

    def ladder(self) -> tuple[int, list[Record]]:
        """The cursor until which its worker has condensed the records, and what they became."""
        return (0, []) if self._store is None else read_ladder(self.files, self.read)

    def frames(self) -> dict[str, list[int]]:
        """The steps with a stored picture, by panel."""
        return self.files.frames()

    def frame(self, panel: str, step: int) -> dict[str, Any]:
        """The stored values of one picture (for images: the layout of the sheet)."""
        return self.files.frame(panel, step)

    def frame_file(self, panel: str, step: int, ext: str = "png") -> bytes:
        """One file of a picture: ``png`` where the form is images, else ``json``."""
        return self.files.frame_file(panel, step, ext)


def open_stored(store: RunStore, folder: Folder, run: str) -> RunView:
    """The view of a run of the store."""
    return RunView(store.get(run), run_files(folder, run), store)


def open_exported(path: str | Path, name: str = "") -> RunView:
    """The view of an exported folder.

    Raises:
        RunNotFound: if it is none.
    """
    files = RunFiles(LocalFolder(path))
    try:
        values = files.read_json("run.json")
        known = {entry.name for entry in fields(RunRow)}
        row = RunRow(**{k: v for k, v in values.items() if k in known} | {"id": name or str(path)})
        _unpack(row, files)
    except (OSError, ValueError, TypeError, AttributeError):
        raise RunNotFound(
            f"{path} is no exported run: it has no readable run.json. `genlab export RUN --to "
            "DIR` makes one."
        ) from None
    return RunView(row, files)


def _unpack(row: RunRow, files: RunFiles) -> None:
    """Load the sidecar of an exported run: what its dataset needs."""
    try:
        sidecar = files.read_json(SIDECAR)
    except FileNotFoundError:
        return
    DATASETS[str(row.spec.get("data"))].unpack(sidecar)


def list_shipped() -> list[RunView]:
    """The models that ship with the project, by name."""
    folder = settings.pretrained_folder()
    if not folder.is_dir():
        return []
    found = sorted(p for p in folder.iterdir() if (p / "run.json").is_file())
    return [open_exported(path, SHIPPED + path.name) for path in found]


def find(ref: str, store: RunStore, folder: Folder, *, paths: bool = False) -> RunView:
    """A run id, ``shipped:<name>``, or the path of an exported folder.

    Args:
        ref: which.
        store: where the runs are.
        folder: where their files are.
        paths: whether a path is a reference too; pages, which anybody may read, pass False.

    Raises:
        RunNotFound: if there is none.
    """
    ref = str(ref)
    if ref.startswith(SHIPPED):
        name = ref.removeprefix(SHIPPED)
        views = {view.id: view for view in list_shipped()}
        if ref not in views:
            known = ", ".join(views) or "none"
            raise RunNotFound(f"No model {name!r} ships with GenLab; there are: {known}.")
        return views[ref]
    if paths and ("/" in ref or ref.startswith(".")):
        return open_exported(ref)
    try:
        return open_stored(store, folder, ref)
    except RunNotFound:
        if paths and (Path(ref) / "run.json").is_file():
            return open_exported(ref)
        raise


def export(
    view: RunView, target: str | Path, *, snapshots: int | None = None, weights: str = MODEL
) -> Path:
    """Write a run to a self-contained folder, which needs no store.

    It contains the description, the records, the pictures, and the weights of the snapshots.

    Args:
        view: the run.
        target: a folder that does not exist yet, or is empty.
        snapshots: the largest number of snapshots (None: all), the last one always among them.
        weights: which tensors, by the beginning of their names; ``""`` for all.

    Raises:
        SnapshotError: if the folder is not empty, or there is no snapshot.
    """
    from dataclasses import replace

    from genlab.train.snapshots import thin

    path = Path(target)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SnapshotError(f"{path} is not an empty folder; nothing was written.")
    steps = view.snapshots()
    if not steps:
        raise SnapshotError(f"Run {view.id} has no snapshot yet; nothing was written.")
    if snapshots is not None:
        if snapshots < 1:
            raise SnapshotError("An export holds at least one snapshot; nothing was written.")
        steps = steps[-snapshots:] if snapshots < 3 else thin(steps, snapshots)
    out = RunFiles(LocalFolder(path))
    for step in steps:
        found = view.files.snapshot(step, prefix=weights)
        out.save(replace(found, tensors=dict(found.tensors)))
    for panel, there in view.frames().items():
        for step in there:
            if snapshots is not None and step not in steps:
                continue
            head = view.frame(panel, step)
            for ext in (*form_of(head).extensions, "json"):
                name = f"frames/{panel}@{step:09d}.{ext}"
                out.folder.write(name, view.frame_file(panel, step, ext))
    rows, cursor = [], 0
    while batch := view.read(after=cursor, limit=5000):
        rows += [dict(asdict(r), payload=dict(r.payload)) for r in batch]
        cursor = batch[-1].seq
    out.folder.write("records.json", json.dumps(rows, separators=(",", ":")).encode())
    row = asdict(view.row)
    row |= {"spec": dict(view.row.spec), "worker": "", "position": 0, "exported": time.time()}
    # An export belongs to whoever holds the folder.
    row["owner"] = ""
    if (sidecar := DATASETS[view.spec.data].sidecar(view.spec.data_options)) is not None:
        out.write_json(SIDECAR, sidecar)
    out.write_json("run.json", row)
    return path


#: Snapshots of a run from which it can be resumed or forked, at most: two thirds of a snapshot
#: are the moments of Adam, which nothing else needs.
WHOLE = 6
#: For each kept snapshot, at most this many steps are kept with their pictures alone.
PICTURED = 2


def thin_files(files: RunFiles, snapshots: int, moved: Mapping[int, float] | None = None) -> None:
    """Remove the snapshots and pictures that thinning does not keep.

    Of those that are kept, :data:`WHOLE` hold the state of the training: the first, the last two
    and others log-spaced between. The rest hold the model alone.

    Args:
        files: of the run.
        snapshots: how many are kept; besides their pictures those of twice as many other steps.
        moved: the total change of the pictures at some steps
            (:func:`genlab.train.snapshots.thin`).
    """
    from genlab.train.snapshots import thin

    there = files.steps()
    stay = thin(there, snapshots)
    for step in dropped_steps(there, stay):
        files.forget_snapshot(step)
    whole = [step for step in files.whole_steps() if step in stay]
    for step in dropped_steps(whole, thin(whole, WHOLE)):
        files.keep_model_alone(step)
    pictured = sorted({step for steps in files.frames().values() for step in steps})
    rest = [step for step in pictured if step not in stay]
    stay_too = thin(rest, max(3, PICTURED * snapshots), moved) if rest else ()
    for step in dropped_steps(rest, stay_too):
        files.forget_frames(step)


def summary(row: RunRow) -> Mapping[str, Any]:
    """A run as the command line prints it."""
    return {
        "run": row.id,
        "title": row.title,
        "status": row.status,
        "message": row.message,
        "step": row.step,
        "steps": row.steps,
        "model": row.spec.get("model"),
        "data": row.spec.get("data"),
        "objective": row.spec.get("objective"),
        "attempt": row.attempt,
        "created": row.created,
        "parent": row.parent,
        "parent_step": row.parent_step,
        "tags": list(row.tags),
        "changes": {name: list(pair) for name, pair in row.changes.items()},
    }
