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


def list_saved_vectors(place: Folder, run: str) -> list[dict[str, Any]]:
    """What is saved with a run, in the order of saving: ``{name, kind, vector, n, note}``.

    A file that cannot be read counts as empty.
    """
    try:
        rows = json.loads(place.read(_file(run)))
        return [row for row in rows if row["kind"] in KINDS and row["name"] and row["vector"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def save(place: Folder, run: str, row: Mapping[str, Any]) -> None:
    """Save a vector by name; one of the same name and owner is replaced.

    It belongs to who saves it, whosoever the run is.

    Args:
        place: where the files lie.
        run: which.
        row: ``name``; ``kind`` (``set``: a mean, ``direction``); ``vector``, the numbers; ``n``,
            how many points it was made from; ``note``, a sentence.

    Raises:
        NotAllowed: where somebody else saved one of this name, or for a browser without an
            identity.
        GenlabError: for a name, kind or vector that cannot be kept; nothing was saved then.
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
        raise GenlabError("A vector is made of finite numbers; nothing was saved.")
    kept = []
    for known in list_saved_vectors(place, run):
        if known["name"] != name:
            kept.append(known)
        else:
            access.require("change_vector", known.get("owner", ""))
    if sum(known.get("owner", "") == actor.id for known in kept) >= MOST:
        raise GenlabError(f"{MOST} vectors are saved already; remove one. Nothing was saved.")
    made = {
        "name": name,
        "kind": str(row["kind"]),
        "vector": vector,
        "n": int(row.get("n", 0)),
        "note": str(row.get("note", ""))[:400],
    }
    if actor.id:
        made["owner"] = actor.id
    place.write(_file(run), json.dumps([*kept, made]).encode())


def remove(place: Folder, run: str, name: str) -> None:
    """Forget a saved vector; nothing happens if there is none of this name.

    Raises:
        NotAllowed: where somebody else saved it.
    """
    kept = []
    for row in list_saved_vectors(place, run):
        if row["name"] != name:
            kept.append(row)
        else:
            access.require("change_vector", row.get("owner", ""))
    place.write(_file(run), json.dumps(kept).encode())
