"""The errors that a user may see: what was wrong, what was kept, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class GenlabError(Exception):
    """Base of all errors whose message is written for the user."""


class SpecError(GenlabError):
    """The description of a run is invalid; nothing was started.

    Args:
        option: the name of the option, as in the form, the command line and the URL.
        value: what was given.
        allowed: what would have been accepted, in words.
        repair: a change of options that makes it possible, by name; empty where none is known.
    """

    def __init__(
        self,
        option: str,
        value: object,
        allowed: str,
        repair: Mapping[str, object] | None = None,
    ) -> None:
        self.option, self.value, self.allowed = option, value, allowed
        self.repair: Mapping[str, object] = dict(repair or {})
        super().__init__(f"{option} = {value!r} is not possible: {allowed}. Nothing was started.")

    @classmethod
    def unknown(cls, option: str, value: object, known: Iterable[str]) -> SpecError:
        """The error for a name that is not in a table, with the nearest name suggested."""
        names = sorted(known)
        near = difflib.get_close_matches(str(value), names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        # A misspelled name of an option cannot be repaired by another value of it.
        repair = {option: near[0]} if near and option not in {"option", "command line"} else {}
        return cls(option, value, f"{hint}allowed: {', '.join(names) or 'nothing yet'}", repair)


class DataError(GenlabError):
    """A dataset could not be read or fetched."""


class StoreError(GenlabError):
    """The run store cannot be used: locked, newer than this program, or damaged."""


class StoreOutage(StoreError):
    """The run store cannot be used at the moment: locked, unreachable, or its disk is full.

    Args:
        words: for the user.
        full: whether its disk is full.
    """

    def __init__(self, words: str, full: bool = False) -> None:
        self.full = full
        super().__init__(words)


class LeaseLost(GenlabError):
    """A worker wrote about a run that is no longer its own; nothing was written."""


class RunNotFound(GenlabError):
    """No run, export or shipped model has this name."""


class SnapshotError(GenlabError):
    """A snapshot is missing or damaged; the other snapshots and runs are unaffected."""


class RunStateError(GenlabError):
    """The run is in a state in which the request makes no sense (pausing a finished run)."""


class NotAllowed(GenlabError):
    """Somebody asked for a change that is the owner's alone; nothing was changed."""
