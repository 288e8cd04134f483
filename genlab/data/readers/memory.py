"""What a reader keeps of a file for its next reading, so that a new option is answered soon."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memory:
    """Results of the steps of one file's reading, each under the options that it depends on.

    A step's result is kept for as long as nothing changes on which it depends. Each step has a
    name and keeps the results of one reading before this one; older ones are let go.

    Example:
        >>> memory = Memory()
        >>> memory.of("sum", (1, 2), lambda: 3), memory.of("sum", (1, 2), lambda: 4)
        (3, 3)
        >>> memory.of("sum", (2, 2), lambda: 4)
        4
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Hashable, Any]] = {}

    def of(self, step: str, key: Hashable, make: Callable[[], T]) -> T:
        """The result of a step: the one that is kept if its key is the same, else a new one.

        Args:
            step: its name.
            key: all that the result depends on, besides the content of the file.
            make: computes it. What it returns must not be changed later.
        """
        known = self._kept.get(step)
        if known is not None and known[0] == key:
            result: T = known[1]
            return result
        made = make()
        self._kept[step] = key, made
        return made


class NoMemory(Memory):
    """Keeps nothing: for a file that is read once."""

    def of(self, step: str, key: Hashable, make: Callable[[], T]) -> T:
        return make()
