"""The change of a run's pictures: it decides when the probes run, and which pictures are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genlab.core.measure import Picture


def numbers_of(picture: Picture) -> NDArray[np.float64] | None:
    """The numbers in a picture, flat; None without an array of numbers."""
    payload: Any = picture.payload
    for name in ("x", "fake", "z", "y"):
        try:
            found = np.asarray(payload[name], dtype=np.float64)
        except (KeyError, TypeError, ValueError):
            continue
        if found.ndim > 1:
            return found.ravel()
    return None


def change(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """The root mean square of after − before, in units of the spread of both, at most 1.

    Args:
        before, after: (n,) each; arrays of different lengths give 0.

    Example:
        >>> change(np.array([0.0, 2.0]), np.array([0.0, 2.0]))
        0.0
        >>> round(change(np.array([0.0, 2.0, 0.0, 2.0]), np.array([0.1, 2.1, 0.1, 2.1])), 3)
        0.1
    """
    if before.shape != after.shape:
        return 0.0
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return 0.0
    a, b = before[known], after[known]
    spread = max(float(a.std()), float(b.std()))
    if not spread > 0:
        return 0.0
    return min(1.0, float(np.sqrt(np.mean((b - a) ** 2))) / spread)


class Motion:
    """The total change of the pictures of a run up to a step, and their present speed.

    Example:
        >>> motion = Motion()
        >>> for step, x in ((0, 0.0), (10, 0.1)):
        ...     motion.add(step, {"samples": Picture("points", "", {"x": [[x, 0.0], [x, 2.0]]})})
        >>> round(motion.ahead(20) / motion.travelled, 6)
        1.0
    """

    def __init__(self) -> None:
        #: The sum of all changes so far; each is the change of the picture that changed most.
        self.travelled = 0.0
        self._last: dict[str, NDArray[np.float64]] = {}
        self._step, self._speed = 0, 0.0

    def add(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Add the pictures of a step."""
        found = {name: x for name, one in pictures.items() if (x := numbers_of(one)) is not None}
        changes = [change(self._last[name], x) for name, x in found.items() if name in self._last]
        self._last |= found
        if changes and step > self._step:
            self.travelled += max(changes)
            self._speed = max(changes) / (step - self._step)
        self._step = step

    def ahead(self, step: int) -> float:
        """The expected change of the pictures since the last step, at the present speed."""
        return self._speed * max(0, step - self._step)
