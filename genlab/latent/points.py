"""One point of a map: its example, its decoded image and its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genlab.data.base import Dataset
from genlab.latent.codes import Codes, Space, decode_mean, split_of
from genlab.latent.paths import PATHS
from genlab.models.base import HasDecoder, HasEncoder
from genlab.models.labels import conditioned_on


@dataclass(frozen=True)
class Point:
    """A point of a map, in data space.

    Args:
        row: its row in the map.
        x: the example, or the decoded prior sample, of the data's shape.
        generated: whether the model made it.
        label: class index, -1 where there is none.
        z: its latent code (latent,), None where the model gives none.
        reconstruction: the mean of p(x | z) at its code, for an example of a model with encoder.
        nearest: for an example without a code, the row of the nearest generated point of the map.
        distance: to that point, in the space of the map.
    """

    row: int
    x: Tensor
    generated: bool
    label: int
    z: Tensor | None = None
    reconstruction: Tensor | None = None
    nearest: int | None = None
    distance: float = float("nan")


def codes_from(result: Mapping[str, Any], space: Space) -> Codes:
    """The codes in the result of the job ``project``."""
    return Codes(
        np.asarray(result["code"], dtype=np.float32),
        np.asarray(result["z"], dtype=np.float32),
        np.asarray(result["label"], dtype=np.int64),
        np.asarray(result["index"], dtype=np.int64),
        space,
        str(result["part"]) if "part" in result else "held-out",
    )


def nearest(code: NDArray[np.float32], candidates: NDArray[np.float32]) -> tuple[int, float]:
    """The candidate at the least Euclidean distance, and the distance.

    Args:
        code: (d,); candidates: (N, d), at least one.

    Example:
        >>> nearest(np.zeros(2, np.float32), np.array([[3, 4], [0, 1]], np.float32))
        (1, 1.0)
    """
    distance = np.linalg.norm(candidates.astype(np.float64) - code, axis=1)
    row = int(distance.argmin())
    return row, float(distance[row])


def point(model: Any, data: Dataset, codes: Codes, row: int) -> Point:
    """What is at a row of a map.

    Raises:
        IndexError: if the map has no such row.
    """
    index, label = int(codes.index[row]), int(codes.label[row])
    z = torch.from_numpy(codes.z[row].copy())
    has_z = z.numel() > 0 and bool(torch.isfinite(z).all())
    if index < 0:
        return Point(row, decode_mean(model, z[None])[0], True, label, z)
    x = split_of(data, codes.part).x[index].float()
    if has_z and isinstance(model, HasEncoder) and isinstance(model, HasDecoder):
        own: Any = conditioned_on(model, None if label < 0 else torch.tensor(label))  # type: ignore[type-var]
        return Point(row, x, False, label, z, decode_mean(own, z[None])[0])
    generated_rows = np.flatnonzero(codes.index < 0)
    if not len(generated_rows):
        return Point(row, x, False, label)
    k, distance = nearest(codes.code[row], codes.code[generated_rows])
    return Point(row, x, False, label, nearest=int(generated_rows[k]), distance=distance)


def latent_of(point_: Point, codes: Codes) -> Tensor | None:
    """A latent code that stands for a point: its own, or that of the nearest generated point."""
    if point_.z is not None:
        return point_.z
    if point_.nearest is None:
        return None
    return torch.from_numpy(codes.z[point_.nearest].copy())


def interpolation(model: Any, a: Tensor, b: Tensor, path: str, k: int = 9) -> Tensor:
    """Decoded points of a path between two codes, both ends among them, (k, *data_shape)."""
    return decode_mean(model, PATHS[path](a, b, torch.linspace(0, 1, k)))


def widest_dimensions(codes: Codes, k: int) -> list[int]:
    """The k dimensions of the latent space with the largest variance over the map's points.

    For posterior means these are the active units (Burda, Grosse and Salakhutdinov 2016 call a
    unit active where this variance is above 0.01); for prior samples all are alike.
    """
    known = codes.z[np.isfinite(codes.z).all(axis=1)]
    if not len(known):
        return list(range(min(k, codes.z.shape[1])))
    order = np.argsort(-known.var(axis=0), kind="stable")
    return sorted(int(d) for d in order[:k])
