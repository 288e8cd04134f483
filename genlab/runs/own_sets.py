"""The users' datasets, with their owners: the files lie in :mod:`genlab.data.user_sets`."""

from __future__ import annotations

from genlab.core.errors import RunStateError
from genlab.data import set_description, user_sets
from genlab.data.readers import Examples
from genlab.runs import access
from genlab.runs.items import Item
from genlab.runs.store import ACTIVE, RunRow, RunStore


def owner_of_set(store: RunStore, name: str) -> str:
    """Who brought a set; empty where it is the machine's."""
    found = store.item("set", name)
    return "" if found is None else found.owner


def add_set(store: RunStore, examples: Examples, name: str) -> set_description.Description:
    """Store a set under a name; it belongs to who brought it first.

    Raises:
        NotAllowed: for a browser without an identity.
        DataError: see :func:`genlab.data.user_sets.store`.
    """
    access.require("add_set")
    before = {known.id for known in user_sets.list_sets()}
    made = user_sets.store(examples, name)
    if made.id not in before:
        store.put_item(Item("set", made.id, {"name": made.name}), action="add_set", only_new=True)
    return made


def runs_on(store: RunStore, name: str) -> list[RunRow]:
    """The runs that used a set."""
    return [row for row in store.runs(limit=100_000) if row.spec.get("set") == name]


def delete_set(store: RunStore, name: str) -> None:
    """Delete a set; its description stays where runs used it.

    Raises:
        NotAllowed: if somebody else brought it.
        RunStateError: while a run on it is queued, running or paused.
        OSError: if its files cannot be removed.
    """
    access.require("delete_set", owner_of_set(store, name))
    used = runs_on(store, name)
    busy = [row.id for row in used if row.status in ACTIVE]
    if busy:
        raise RunStateError(
            f"Runs on this set are queued, running or paused: {', '.join(busy[:5])}. Stop them "
            "first. Nothing was deleted."
        )
    user_sets.delete(name, forget=not used)
    store.remove("set", name, action="delete_set")
