"""Snapshots of a run: their content, and their thinning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from genlab.core import random
from genlab.core.device import as_device
from genlab.data.base import Dataset
from genlab.train.algorithm import Algorithm, Packed

RNG = "rng"


@dataclass(frozen=True)
class Snapshot:
    """The state of a run after a step; the data cursor is the step itself.

    Args:
        step: steps taken.
        tensors: the algorithm's tensors, and the state of the random stream under ``rng``. The
            names that begin with ``model/`` are the model's own ``state_dict``.
        values: the algorithm's plain values.
        spec: the flat description of the run.
        attempt: the attempt of the run in which it was taken.
        moved: the total change of the pictures of the run by then
            (:class:`genlab.train.motion.Motion`); it is not stored.
    """

    step: int
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]
    spec: Mapping[str, Any]
    attempt: int = 1
    moved: float = 0.0


def take(algorithm: Algorithm[Any], state: Any, step: int, attempt: int = 1) -> Snapshot:
    """Copy everything that the next step needs."""
    packed = algorithm.pack(state)
    tensors = {**packed.tensors, RNG: random.capture()}
    return Snapshot(step, tensors, packed.values, algorithm.spec.flat(), attempt)


def restore_state(algorithm: Algorithm[Any], snapshot: Snapshot, data: Dataset) -> Any:
    """Restore the state of a snapshot, including the random stream.

    If the snapshot has no random stream, the stream of the run's seed begins.

    Raises:
        SnapshotError: if the tensors do not belong to this run.
    """
    tensors = dict(snapshot.tensors)
    rng = tensors.pop(RNG, None)
    state = algorithm.unpack(Packed(tensors, dict(snapshot.values)), data)
    if as_device(algorithm.spec.train.device).type != "cpu":
        # A snapshot has only the CPU's stream; the stream of another device begins anew.
        random.seed_devices(algorithm.spec.train.seed, snapshot.step)
    if rng is None:
        random.seed_run(algorithm.spec.train.seed)
    else:
        random.restore(rng)
    return state


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The first tensor that holds a NaN or an infinity, None if all are finite."""
    for name, tensor in tensors.items():
        # A sum is cheaper than a comparison per entry, and NaN and infinity both propagate to it.
        if tensor.is_floating_point() and not math.isfinite(float(tensor.double().sum())):
            return name
    return None


def thin(
    steps: Iterable[int], limit: int, moved: Mapping[int, float] | None = None
) -> tuple[int, ...]:
    """At most ``limit`` of these steps: the first, the last two, the others log-spaced.

    The step that leaves the smallest gap on the scale log(1 + step) is removed first, so thinning
    after each new step gives about the same steps as thinning once at the end. If the change of
    the pictures is known, half of the scale is the steps and half is the change.

    Args:
        steps: the present steps.
        limit: the number of steps to keep.
        moved: the total change of the pictures at some of the steps; it is interpolated for the
            others.

    Example:
        >>> thin(range(0, 1001), 8)[0], thin(range(0, 1001), 8)[-2:], len(thin(range(1001), 8))
        (0, (999, 1000), 8)
    """
    remaining = sorted(set(steps))
    if limit < 3:
        raise ValueError("at least three snapshots are kept: the first and the last two")
    place = {step: math.log1p(step) for step in remaining}
    if moved and remaining and max(moved.values()) > 0:
        known = sorted(moved)
        ways = np.interp(remaining, known, [moved[step] for step in known])
        scale = math.log1p(remaining[-1]) / max(moved.values())
        for step, way in zip(remaining, ways, strict=True):
            place[step] += scale * float(way)
    while len(remaining) > limit:
        holes = [
            (place[remaining[i + 1]] - place[remaining[i - 1]], i)
            for i in range(1, len(remaining) - 2)
        ]
        del remaining[min(holes)[1]]
    return tuple(remaining)


def early(step: int) -> bool:
    """Whether a step is one of the early looks: two in each doubling.

    Example:
        >>> [step for step in range(50) if early(step)]
        [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48]
    """
    odd = step // (step & -step) if step else 1
    return odd in (1, 3)
