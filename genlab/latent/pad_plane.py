"""The data of a pad in the browser, without the decoder: the plane, its extent and its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from genlab.data.base import Dataset
from genlab.latent.codes import Codes, held_out
from genlab.latent.directions import direction_title, principal, sefa
from genlab.latent.pad import Array, category, span
from genlab.models.base import HasEncoder
from genlab.probes.common import distinguishing_digits, round_digits

#: Held-out points behind a decoded point; significant digits of a coordinate of z.
POINTS, DIGITS = 600, 4


def unsupervised(model: Any, codes: Codes, seed: int) -> dict[str, Array]:
    """Directions that need no labels, by name, (latent,) each.

    Without an encoder the principal directions would need a thousand decoded examples, and are
    left to a job.
    """
    rows = principal(model, codes, seed=seed) if isinstance(model, HasEncoder) else []
    return {one.name: one.vector for one in [*rows, *sefa(model)]}


def coordinate_axes(size: int) -> dict[str, Array]:
    """The axes of the latent space by name.

    Example:
        >>> coordinate_axes(2)["z[1]"].tolist()
        [0.0, 1.0]
    """
    return {f"z[{i}]": np.eye(1, size, i)[0] for i in range(size)}


def first_names(model: Any, found: Mapping[str, Array]) -> list[str]:
    """The two initial directions of a pad, from computed directions and axes."""
    size = int(model.latent)
    block = category(model)
    if block is not None:
        # With a category, the structured codes of an InfoGAN come first.
        return [f"z[{i}]" for i in (*range(sum(block), size), 0, 1)][:2]
    axes = coordinate_axes(size)
    return list(axes if size == 2 or len(found) < 2 else found)[:2]


def unit_rows(vectors: Mapping[str, Array]) -> Array:
    """The directions at length 1, as rows."""
    rows = np.stack(list(vectors.values()))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def plane_values(z: Tensor, vectors: Mapping[str, Array], reach: Array) -> dict[str, Any]:
    """The plane of a pad as plain values: directions, names and extents.

    Args:
        z: where the pad begins, (latent,).
        vectors: one or two directions by name.
        reach: codes that the pad must contain, (n, latent).
    """
    at, uv = z.double().numpy(), unit_rows(vectors)
    data: dict[str, Any] = {
        "z": [float(f"{v:.{DIGITS}g}") for v in at],
        "u": uv[0].tolist(),
        "names": [direction_title(name) for name in vectors],
        "span": [span(reach @ w, float(at @ w)) for w in uv],
    }
    if len(uv) > 1:
        data["v"] = uv[1].tolist()
    return data


def dot_values(shown: Array, vectors: Mapping[str, Array]) -> list[list[float]]:
    """The coordinates of codes in the plane."""
    found: list[list[float]] = (shown @ unit_rows(vectors).T).round(3).tolist()
    return found


def data_space_values(data: Dataset) -> dict[str, Any]:
    """The first two columns of the data, in their own units and with their names.

    Args:
        data: points, not images; the held-out ones are shown.
    """
    meta = data.meta
    x = meta.original(held_out(data).x[:POINTS]).flatten(1)[:, :2]
    box: list[Sequence[float]] = [[float(c.min()), float(c.max())] for c in x.T]
    made: dict[str, Any] = {
        "box": box if len(box) == 2 else [*box, [-1.0, 1.0]],
        "points": round_digits(x, distinguishing_digits(x)),
    }
    names = [meta.axis(k) for k in range(min(2, meta.dim))]
    if meta.axes or meta.columns:
        made["axes"] = [*names, ""][:2]
    if meta.scale:
        offsets = meta.logs or (-1.0,) * meta.dim
        made["units"] = list(zip(meta.shift[:2], meta.scale[:2], offsets[:2], strict=True))
    return made
