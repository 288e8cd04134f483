"""The switch of the package: on, unless ``GENLAB_ACCELERATE=0`` or ``enabled(False)`` says off."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

#: The environment variable that decides outside any :func:`enabled`.
VARIABLE = "GENLAB_ACCELERATE"


def _from_environment() -> bool:
    return os.environ.get(VARIABLE, "1").strip().lower() not in {"0", "false", "no", "off"}


_DEFAULT = _from_environment()
_enabled: ContextVar[bool] = ContextVar("genlab_accelerate", default=_DEFAULT)


def is_enabled() -> bool:
    """Return whether the faster ways of computing are in use here.

    Example:
        >>> with enabled(False):
        ...     is_enabled()
        False
    """
    return _enabled.get()


@contextlib.contextmanager
def enabled(on: bool) -> Iterator[None]:
    """Switch the package on or off inside the ``with`` block, in this thread alone.

    Args:
        on: ``False`` for plain PyTorch everywhere.
    """
    token = _enabled.set(on)
    try:
        yield
    finally:
        _enabled.reset(token)
