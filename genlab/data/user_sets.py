"""Sets that somebody brought: stored with the installation, named by a digest of their content.

A set is two files, the tensors (safetensors) and, written after them, a JSON file that describes
it: a set without its JSON does not exist, and one without its tensors was deleted. The id ends
with a digest of the content, so that a run names exactly what it learned.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from dataclasses import asdict, replace

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from genlab.core.errors import DataError
from genlab.core.folders import Folder, files_url, folder, is_full
from genlab.data.readers.base import Examples, split_rows
from genlab.data.set_description import (
    ID,
    Description,
    describe,
    description_from_record,
)

PLACE = "own"

#: The largest number of sets of one installation.
MOST = 100


def sets_folder() -> Folder:
    """Where the sets lie: beside the runs, so that their workers find them."""
    return folder(files_url())


def require_answers(examples: Examples) -> None:
    """Refuse a file with open questions about its format.

    Raises:
        DataError: with the questions and the options that answer them.
    """
    questions = examples.reading.questions if examples.reading else ()
    if not questions:
        return
    words = []
    for one in questions:
        flag = one.option.replace("_", "-")
        words.append(f"{one.question} Answer by the option {one.option} (--{flag} ...).")
    raise DataError(f"This cannot be decided from the file: {' '.join(words)} Nothing was stored.")


def store(examples: Examples, name: str) -> Description:
    """Store a set under a name; the same content under the same name is stored once.

    Raises:
        DataError: for a name that is taken or cannot be kept, too many sets, or a full disk;
            nothing was stored then.
    """
    require_answers(examples)
    description, there = describe(examples, name), list_sets()
    for known in there:
        if known.id == description.id:
            return known
        if known.name.lower() == description.name.lower():
            raise DataError(
                f"A set called {known.name!r} is there already, with other content. Nothing was "
                "stored. Choose another name, or delete that one first."
            )
    if len(there) >= MOST:
        raise DataError(f"{MOST} sets are stored already. Delete one; nothing was stored.")
    tensors = {"x": torch.from_numpy(np.ascontiguousarray(examples.x))}
    if examples.y is not None:
        tensors["y"] = torch.from_numpy(np.ascontiguousarray(examples.y, dtype=np.int64))
    part = examples.part if examples.part is not None else split_rows(examples).part
    tensors["part"] = torch.from_numpy(np.ascontiguousarray(part, dtype=np.int8))
    content = save_tensors(tensors)
    sha256 = hashlib.sha256(content).hexdigest()
    description = replace(description, size=len(content), sha256=sha256, created=time.time())
    files = sets_folder()
    files.sweep(PLACE)
    try:
        files.write(f"{PLACE}/{description.id}.safetensors", content, durable=True)
        files.write(
            f"{PLACE}/{description.id}.json",
            json.dumps(asdict(description)).encode(),
            durable=True,
        )
    except OSError as error:
        _undo(files, description.id)
        why = "The disk is full" if is_full(error) else f"The files cannot be written ({error})"
        raise DataError(
            f"{why}: {len(content) / 2**20:.1f} MB are needed. Nothing was stored; other sets and "
            "runs are unaffected. Free some space and save it again."
        ) from None
    _described.cache_clear()
    return description


def _undo(files: Folder, name: str) -> None:
    for ext in ("json", "safetensors"):
        try:
            files.remove(f"{PLACE}/{name}.{ext}")
        except OSError:
            continue


@functools.lru_cache(maxsize=4 * MOST)
def _described(url: str, name: str) -> Description:
    return description_from_record(name, json.loads(folder(url).read(f"{PLACE}/{name}.json")))


#: Descriptions that exported runs brought along; their tensors are elsewhere.
_guests: dict[str, Description] = {}


def remember_description(known: Description) -> None:
    """Make known the description of a set that an exported run brought without its tensors."""
    _guests[known.id] = known


def describe_set(name: str) -> Description | None:
    """What is known of a set by its id, also of a deleted one; None where nothing is."""
    if not ID.fullmatch(name):
        return None
    try:
        return _described(files_url(), name)
    except (OSError, ValueError, KeyError, TypeError):
        return _guests.get(name)


def list_sets() -> tuple[Description, ...]:
    """The sets there are, the newest first; a set with a damaged description is left out."""
    there = set(sets_folder().names(PLACE))
    names = (file.removesuffix(".safetensors") for file in there if file.endswith(".safetensors"))
    found = [known for name in names if (known := describe_set(name)) is not None]
    return tuple(sorted(found, key=lambda known: (-known.created, known.id)))


def is_stored(name: str) -> bool:
    """Whether the tensors of a set are there."""
    return f"{name}.safetensors" in sets_folder().names(PLACE)


def delete(name: str, *, forget: bool) -> None:
    """Remove a set.

    Args:
        name: its id.
        forget: also its description, without which no model that learned it can be built: only
            where no run names the set.
    """
    files = sets_folder()
    files.remove(f"{PLACE}/{name}.safetensors")
    if forget:
        files.remove(f"{PLACE}/{name}.json")
    _described.cache_clear()


def resolve_set_id(text: str) -> str:
    """The id of the set with this name or id, or of the newest set; an unknown text itself."""
    if ID.fullmatch(text) and describe_set(text) is not None:
        return text
    known = list_sets()
    if not text:
        return known[0].id if known else ""
    named = [one.id for one in known if one.name.lower() == text.strip().lower()]
    return named[0] if named else text


def tensors_of(known: Description) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The stored examples, labels and parts, checked.

    Raises:
        DataError: if the set was deleted, or its file is damaged.
    """
    try:
        content = sets_folder().read(f"{PLACE}/{known.id}.safetensors")
    except FileNotFoundError:
        raise DataError(
            f"The set {known.name!r} ({known.id}) was deleted, or lies in other files. Snapshots "
            "of runs that learned it are kept and can be explored as far as that needs no data. "
            "Add the same file again on the page Data, under the same name."
        ) from None
    except OSError as error:
        raise DataError(f"The set {known.name!r} cannot be read ({error}); try again.") from None
    wrong = hashlib.sha256(content).hexdigest() != known.sha256
    try:
        found = {} if wrong else load_tensors(content)
    except SafetensorError:
        found = {}
    shape = (len(known.schema),) if known.schema else known.shape
    if "x" not in found or tuple(found["x"].shape) != (known.n, *shape):
        raise DataError(
            f"The file of the set {known.name!r} ({known.id}) is damaged: its checksum is wrong. "
            "Delete the set on the page Data and add it again; runs and snapshots are kept."
        )
    return found["x"], found.get("y"), found.get("part")
