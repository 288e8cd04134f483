"""Vectors saved by name with a run: sets of points and directions of its latent space."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from genlab.core.errors import GenlabError
from genlab.core.folders import Folder
from genlab.runs import access

KINDS = ("set", "direction")
#: Names are shown and typed: letters, digits and a few signs, up to 40 of them.
NAME = re.compile(r"[\w][\w .,+()'-]{0,39}")
MOST = 200


def _file(run: str) -> str:
    if not re.fullmatch(r"(shipped:)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}", run):
        raise GenlabError("Vectors are saved with runs of the store and shipped ones alone.")
    # Beside the runs and not among their files: what ships is never written to.
    return f"saved/{run.replace(':', '_')}.json"


def list_saved_vectors(folder: Folder, run: str) -> list[dict[str, Any]]:
    """The saved vectors of a run in order: ``{name, kind, vector, n, note}``.

    A file that cannot be read counts as empty.
    """
    try:
        rows = json.loads(folder.read(_file(run)))
        return [row for row in rows if row["kind"] in KINDS and row["name"] and row["vector"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def save(folder: Folder, run: str, row: Mapping[str, Any]) -> None:
    """Save a vector by name; one of the same name and owner is replaced.

    It belongs to the person who saves it, whoever owns the run.

    Args:
        folder: where the files lie.
        run: which.
        row: ``name``; ``kind`` (``set``: a mean, ``direction``); ``vector``, the numbers; ``n``,
            the number of points from which it was computed; ``note``, a sentence.

    Raises:
        NotAllowed: where somebody else saved one of this name, or for a browser without an
            identity.
        GenlabError: for a name, kind or vector that cannot be saved; nothing was saved then.
    """
    actor = access.require("save_vector")
    name = str(row["name"]).strip()
    vector = [float(v) for v in row["vector"]]
    if not NAME.fullmatch(name):
        raise GenlabError(
            f"{name!r} is no name: letters, digits, spaces and .,+()'- , 40 at most. "
            "Nothing was saved."
        )
    if row["kind"] not in KINDS:
        raise GenlabError(f"{row['kind']!r} is no kind; {', '.join(KINDS)}. Nothing was saved.")
    if not vector or not all(map(math.isfinite, vector)):
        raise GenlabError("A vector must consist of finite numbers; nothing was saved.")
    others = []
    for known in list_saved_vectors(folder, run):
        if known["name"] != name:
            others.append(known)
        else:
            access.require("change_vector", known.get("owner", ""))
    if sum(known.get("owner", "") == actor.id for known in others) >= MOST:
        raise GenlabError(f"{MOST} vectors are saved already; remove one. Nothing was saved.")
    vector_row = {
        "name": name,
        "kind": str(row["kind"]),
        "vector": vector,
        "n": int(row.get("n", 0)),
        "note": str(row.get("note", ""))[:400],
    }
    if actor.id:
        vector_row["owner"] = actor.id
    folder.write(_file(run), json.dumps([*others, vector_row]).encode())


def remove(folder: Folder, run: str, name: str) -> None:
    """Forget a saved vector; a missing name is ignored.

    Raises:
        NotAllowed: where somebody else saved it.
    """
    others = []
    for row in list_saved_vectors(folder, run):
        if row["name"] != name:
            others.append(row)
        else:
            access.require("change_vector", row.get("owner", ""))
    folder.write(_file(run), json.dumps(others).encode())
