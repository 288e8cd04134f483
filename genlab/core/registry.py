"""Registries: tables of datasets, models, objectives, algorithms, ... by name.

A class joins its table with the decorator ``@MODELS.register("vae", title=...)`` in its own file;
every module of the kind's packages is imported when the table is first read, and so are the
modules named in the environment variable ``GENLAB_PLUGINS`` (comma-separated).
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from genlab.core.errors import GenlabError, SpecError

T = TypeVar("T")

#: The place of a row that states none: behind all that do.
LAST = 1_000_000


@dataclass(frozen=True)
class Row(Generic[T]):
    """One entry of a table: the name that users type, the title that they read, and the value."""

    name: str
    title: str
    summary: str
    value: T
    order: int = LAST


class Registry(Generic[T]):
    """A table from names to things, filled by the modules of its packages.

    Args:
        kind: what the rows are, as in messages (``model``).
        packages: those whose modules fill the table when it is first read, in this order.

    Example:
        >>> colours: Registry[int] = Registry("colour", "genlab.data")
        >>> _ = colours.register("red", title="Red", summary="A warm colour.")(0xFF0000)
        >>> colours["red"], colours.row("red").title
        (16711680, 'Red')
    """

    def __init__(self, kind: str, *packages: str) -> None:
        self.kind, self._packages = kind, packages
        self._rows: dict[str, Row[T]] = {}
        self._loaded = self._loading = False
        self._lock = threading.RLock()

    def register(
        self, name: str, *, title: str, summary: str = "", order: int = LAST
    ) -> Callable[[Any], Any]:
        """Decorate a class, or call with a value, to add it as a row.

        Args:
            name: what users type.
            title: what they read.
            summary: one sentence; the first line of the docstring if not given.
            order: the place in the table, the smallest first; a default is the first row that
                fits. Rows without one stand last, by name: which module was imported first
                decides nothing.

        Raises:
            ValueError: if another row has the name.
        """

        def add(value: Any) -> Any:
            if name in self._rows and self._rows[name].value is not value:
                known = self._rows[name].value
                same_source = getattr(known, "__qualname__", 0) == getattr(
                    value, "__qualname__", 1
                )
                if not same_source:
                    raise ValueError(f"two rows named {name!r} in the table of {self.kind}s")
            text = summary or (getattr(value, "__doc__", "") or "").strip().split("\n")[0]
            self._rows[name] = Row(name, title, text, value, order)
            if isinstance(value, type):
                value.name = name  # type: ignore[attr-defined]
            return value

        return add

    def unregister(self, name: str) -> None:
        """Remove a row (for tests)."""
        self._rows.pop(name, None)

    def _load(self) -> None:
        """Fill the table once; other threads wait, and the thread that fills it may read it."""
        if self._loaded:
            return
        with self._lock:
            if self._loaded or self._loading:
                return
            self._loading = True
            try:
                for name in self._packages:
                    package = importlib.import_module(name)
                    for module in pkgutil.iter_modules(package.__path__):
                        importlib.import_module(f"{name}.{module.name}")
                named = (name.strip() for name in os.environ.get("GENLAB_PLUGINS", "").split(","))
                for plugin in filter(None, named):
                    _plug(plugin)
                self._loaded = True
            finally:
                self._loading = False

    def names(self) -> tuple[str, ...]:
        """The names in the order of the table."""
        return tuple(row.name for row in self.rows())

    def rows(self) -> tuple[Row[T], ...]:
        """All rows in the order of the table."""
        self._load()
        return tuple(sorted(self._rows.values(), key=lambda row: (row.order, row.name)))

    def row(self, name: str) -> Row[T]:
        """The row of this name.

        Raises:
            SpecError: if there is none; the message lists the names there are.
        """
        self._load()
        if name not in self._rows:
            raise SpecError.unknown(self.kind, name, self._rows)
        return self._rows[name]

    def __getitem__(self, name: str) -> T:
        return self.row(name).value

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())


def _plug(name: str) -> None:
    """Import a module named in ``GENLAB_PLUGINS``."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise GenlabError(
            f"GENLAB_PLUGINS names {name!r}, which cannot be imported ({error}); nothing was "
            "started; correct the variable or put the module on the path"
        ) from None
