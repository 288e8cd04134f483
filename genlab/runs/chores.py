"""Chores: work that goes on step by step until it is finished, as the search of a sweep.

The item ``chore`` of the store says that there is one. The supervisor takes a step of each at
intervals, in a process of its own, so that a step that fails or hangs holds up nothing else.
"""

from __future__ import annotations

from genlab import runs
from genlab.core.tables import CHORES

KIND = "chore"


def perform_chore(url: str, files: str, name: str) -> bool:
    """Take one step of a chore in this process; whether there is more.

    Args:
        url: of the store.
        files: folder or URL of the files.
        name: of the chore's item.
    """
    runs.configure(url, files)
    item = runs.store().item(KIND, name)
    return item is not None and bool(CHORES[str(item.values["chore"])](name))
