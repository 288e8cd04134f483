"""The files of the runs: snapshots, pictures, job results; in a folder or behind an fsspec URL.

A file appears whole or not at all. A snapshot is two files, the tensors (safetensors) and, written
after them, a JSON file with the step, the spec and the tensors' checksum: a snapshot without its
JSON does not exist.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.core.errors import SnapshotError
from genlab.core.folders import Folder
from genlab.core.measure import Picture
from genlab.panels import check_picture, form_of
from genlab.panels.encoding import to_plain

if TYPE_CHECKING:
    from genlab.train.snapshots import Snapshot

FORMAT = 1
#: How the names of the model's own tensors begin.
MODEL = "model/"
#: Bytes below which a snapshot stays whole.
SMALL = 256 << 10

_FRAME = re.compile(r"^(?P<panel>.+)@(?P<step>\d{9})\.json$")
_SNAPSHOT = re.compile(r"^(?P<step>\d{9})\.json$")


class RunFiles:
    """The files of one run, in the store's folder or in an exported folder, with the same layout.

    Args:
        folder: the folder of all files.
        prefix: the run's own folder in it, ``""`` for an exported folder.
    """

    def __init__(self, folder: Folder, prefix: str = "") -> None:
        self.folder, self._prefix = folder, prefix

    def _name(self, *parts: str) -> str:
        return "/".join(filter(None, (self._prefix, *parts)))

    def path(self, *parts: str) -> str:
        """The name of a file of the run within the folder."""
        return self._name(*parts)

    # -- snapshots ---------------------------------------------------------------------------

    def save(self, snapshot: Snapshot, *, whole: bool = True) -> None:
        """Write a snapshot durably.

        Args:
            snapshot: of the run.
            whole: whether it holds all that the next step needs, or the model alone.

        Raises:
            OSError: if the disk is full; nothing half-written stays.
        """
        from safetensors.torch import save

        tensors = {k: v.detach().contiguous() for k, v in snapshot.tensors.items()}
        content = save(tensors)
        head = {
            "format": FORMAT,
            "step": snapshot.step,
            "attempt": snapshot.attempt,
            "spec": dict(snapshot.spec),
            "values": dict(snapshot.values),
            "bytes": len(content),
            "whole": whole,
            "sha256": hashlib.sha256(content).hexdigest(),
            "time": time.time(),
        }
        stem = self._name("snapshots", f"{snapshot.step:09d}")
        # After a resume the same step may be written again: without its JSON it is gone first,
        # so that no reader sees the old checksum with new tensors.
        self.folder.remove(f"{stem}.json")
        self.folder.write(f"{stem}.safetensors", content, durable=True)
        # After a power cut this one may be missing; then the snapshot before it is used.
        self.folder.write(f"{stem}.json", json.dumps(head).encode())

    def steps(self) -> tuple[int, ...]:
        """The steps with a snapshot."""
        found = map(_SNAPSHOT.match, self.folder.names(self._name("snapshots")))
        return tuple(int(match["step"]) for match in found if match)

    def snapshot(self, step: int, *, prefix: str = "") -> Snapshot:
        """The checked snapshot of a step; only the tensors with this prefix.

        Raises:
            SnapshotError: if it is missing or damaged; the message names it.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        from genlab.train.snapshots import Snapshot

        stem = self._name("snapshots", f"{step:09d}")
        dropped_steps = ", ".join(str(s) for s in self.steps() if s != step) or "none"
        tail = f"The other snapshots are unaffected (steps: {dropped_steps})."
        try:
            head = json.loads(self.folder.read(f"{stem}.json"))
            content = self.folder.read(f"{stem}.safetensors")
        except FileNotFoundError:
            raise SnapshotError(f"There is no snapshot of step {step} ({stem}). {tail}") from None
        except (ValueError, OSError) as error:
            raise SnapshotError(
                f"The snapshot of step {step} ({stem}) cannot be read: {error}. {tail}"
            ) from None
        try:
            if head["format"] > FORMAT:
                raise SnapshotError(
                    f"The snapshot of step {step} ({stem}) was written by a newer GenLab. {tail}"
                )
            if hashlib.sha256(content).hexdigest() != head["sha256"]:
                raise SnapshotError(
                    f"The snapshot of step {step} ({stem}) is damaged: its checksum is wrong. "
                    f"{tail}"
                )
            tensors = {k: v for k, v in load(content).items() if k.startswith(prefix)}
            return Snapshot(head["step"], tensors, head["values"], head["spec"], head["attempt"])
        except (KeyError, TypeError, SafetensorError) as error:
            raise SnapshotError(
                f"The snapshot of step {step} ({stem}) is damaged: {error}. {tail}"
            ) from None

    def whole_steps(self) -> tuple[int, ...]:
        """The steps with a complete snapshot, from which training can continue."""
        return tuple(step for step in self.steps() if self._is_whole(step))

    def _is_whole(self, step: int) -> bool:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return bool(self.read_json(f"snapshots/{step:09d}.json").get("whole", True))
        # An unreadable snapshot raises its error when it is opened.
        return True

    def keep_model_alone(self, step: int) -> int:
        """Remove from a snapshot what only training needs: the optimiser and the random stream.

        The model can still be used; a run is resumed or forked from another snapshot.

        Returns:
            The bytes that became free; 0 for a small snapshot, which stays whole.

        Raises:
            SnapshotError: if there is no such snapshot, or it is damaged.
        """
        snapshot = self.snapshot(step)
        sizes = {name: t.numel() * t.element_size() for name, t in snapshot.tensors.items()}
        freed = sum(size for name, size in sizes.items() if not name.startswith(MODEL))
        if sum(sizes.values()) < SMALL or not freed or freed == sum(sizes.values()):
            return 0
        model = {name: t for name, t in snapshot.tensors.items() if name.startswith(MODEL)}
        self.save(replace(snapshot, tensors=model), whole=False)
        return freed

    def values(self, step: int) -> Mapping[str, Any]:
        """The plain values of a snapshot, without its tensors; none where it cannot be read."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            head = self.read_json(f"snapshots/{step:09d}.json")
            return dict(head["values"])
        return {}

    def newest(self) -> tuple[Snapshot | None, list[str]]:
        """The newest readable snapshot, and the errors of the newer ones."""
        wrong: list[str] = []
        for step in reversed(self.steps()):
            if not self._is_whole(step):
                continue
            try:
                return self.snapshot(step), wrong
            except SnapshotError as error:
                wrong.append(str(error))
        return None, wrong

    def forget_snapshot(self, step: int) -> None:
        """Remove the snapshot of a step."""
        stem = self._name("snapshots", f"{step:09d}")
        self.folder.remove(f"{stem}.json")
        self.folder.remove(f"{stem}.safetensors")

    # -- pictures ----------------------------------------------------------------------------

    def save_frame(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Write the pictures of a step as the forms store them, the JSON of each one last.

        Raises:
            PanelError: if a picture's form is unknown or its payload is not that of its form.
        """
        for panel, picture in pictures.items():
            stored = check_picture(picture).encode(picture.payload)
            stem = self._name("frames", f"{panel}@{step:09d}")
            for ext, content in stored.files.items():
                self.folder.write(f"{stem}.{ext}", content)
            head: dict[str, Any] = {
                "form": picture.form,
                "title": picture.title,
                "note": picture.note,
                "step": step,
            }
            text = json.dumps({**head, **stored.values}, separators=(",", ":"))
            self.folder.write(f"{stem}.json", text.encode())

    def picture(self, panel: str, step: int) -> Picture:
        """Read a stored picture.

        Raises:
            SnapshotError: if there is none.
            PanelError: if its form is unknown.
        """
        about = self.frame(panel, step)
        form = form_of(about)
        files = {ext: self.frame_file(panel, step, ext) for ext in form.extensions}
        return Picture(form.name, about["title"], form.decode(about, files), about["note"])

    def frames(self) -> dict[str, list[int]]:
        """The steps with a stored picture, by panel."""
        found: dict[str, list[int]] = {}
        for name in self.folder.names(self._name("frames")):
            match = _FRAME.match(name)
            if match:
                found.setdefault(match["panel"], []).append(int(match["step"]))
        return {panel: sorted(steps) for panel, steps in found.items()}

    def frame(self, panel: str, step: int) -> dict[str, Any]:
        """The stored values of one picture.

        Raises:
            SnapshotError: if there is none.
        """
        result: dict[str, Any] = json.loads(self.frame_file(panel, step, "json"))
        return result

    def frame_file(self, panel: str, step: int, ext: str) -> bytes:
        """One file of a picture, ``json`` or ``png``.

        Raises:
            SnapshotError: if there is none.
        """
        if not re.fullmatch(r"[\w -]+", panel) or ext not in {"json", "png"}:
            raise SnapshotError(f"There is no picture {panel!r} ({ext}) of step {step}.")
        try:
            return self.folder.read(self._name("frames", f"{panel}@{int(step):09d}.{ext}"))
        except (FileNotFoundError, IsADirectoryError):
            raise SnapshotError(f"There is no picture {panel!r} ({ext}) of step {step}.") from None

    def forget_frames(self, step: int) -> None:
        """Remove all pictures of a step."""
        for name in self.folder.names(self._name("frames")):
            if f"@{step:09d}." in name:
                self.folder.remove(self._name("frames", name))

    # -- the rest ----------------------------------------------------------------------------

    def write_json(self, name: str, value: Any) -> None:
        """Write a small JSON file of the run."""
        self.folder.write(self._name(name), json.dumps(value, indent=1).encode())

    def read_json(self, name: str) -> Any:
        """Read a small JSON file of the run; FileNotFoundError if there is none."""
        return json.loads(self.folder.read(self._name(name)))

    def forget(self) -> None:
        """Remove every file of the run."""
        if self._prefix:
            self.folder.remove(self._prefix)


def run_files(folder: Folder, run: str) -> RunFiles:
    """The files of a run of this store."""
    return RunFiles(folder, f"runs/{run}")


def save_result(folder: Folder, key: str, result: Mapping[str, Any]) -> None:
    """Write a job's result: arrays without pickle, plain values as JSON."""
    arrays = {k: np.asarray(_array(v)) for k, v in result.items() if _is_array(v)}
    values = {k: v for k, v in result.items() if not _is_array(v)}
    for name, array in arrays.items():
        if array.dtype.kind == "O":
            raise TypeError(f"the result {name!r} of a job holds objects, not numbers or text")
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    folder.write(f"jobs/{key}.npz", out.getvalue())
    folder.write(f"jobs/{key}.json", json.dumps(to_plain(values)).encode())


def load_result(folder: Folder, key: str) -> dict[str, Any]:
    """A job's result.

    Raises:
        SnapshotError: if it is missing or damaged.
    """
    try:
        values = json.loads(folder.read(f"jobs/{key}.json"))
        with np.load(io.BytesIO(folder.read(f"jobs/{key}.npz")), allow_pickle=False) as arrays:
            return {**values, **{name: arrays[name] for name in arrays.files}}
    except FileNotFoundError:
        raise SnapshotError(
            f"The result of the job {key} is not there; ask for it again."
        ) from None
    except (ValueError, OSError, KeyError) as error:
        raise SnapshotError(
            f"The result of the job {key} cannot be read: {error}; ask for it again."
        ) from None


def has_result(folder: Folder, key: str) -> bool:
    """Whether a job's result is there."""
    return f"{key}.json" in folder.names("jobs")


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "detach")


def _array(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def dropped_steps(steps: Sequence[int], thinned: Sequence[int]) -> list[int]:
    """The steps that the thinning dropped."""
    return sorted(set(steps) - set(thinned))
