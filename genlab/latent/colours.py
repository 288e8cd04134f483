"""Colourings of the points of a map, one row of the table each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genlab.core.tables import JOBS
from genlab.data.base import DataMeta, Dataset, Progress
from genlab.latent.codes import CHUNK, Codes, codes_of, decode_mean, examples, split_of
from genlab.models.base import HasCritic, HasDecoder, HasEncoder
from genlab.models.labels import conditioned_on

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Colouring:
    """A row of the table.

    Args:
        title: as the page shows it, with the unit.
        values: ``values(model, data, codes, xy) -> (N,)``, NaN where a point has none.
        needs: what a model must be able to do.
        slow: whether a background job computes it.
    """

    title: str
    values: Callable[[Any, Dataset, Codes, Array | None], Array]
    needs: tuple[type, ...] = ()
    slow: bool = False


@torch.no_grad()
def reconstruction(model: Any, data: Dataset, codes: Codes, xy: Array | None = None) -> Array:  # noqa: ARG001
    """Mean squared error of the decoded posterior mean per dimension; NaN for generated points."""
    found = np.full(len(codes), np.nan)
    x, real = examples(model, data, codes), np.flatnonzero(codes.index >= 0)
    for rows in np.array_split(real, max(1, -(-len(real) // CHUNK))):
        label = codes.label[rows]
        own = conditioned_on(model, torch.from_numpy(label) if (label >= 0).all() else None)
        decoded = decode_mean(own, torch.from_numpy(codes.z[rows])) if len(rows) else x[:0]
        found[rows] = ((decoded - x[rows]) ** 2).flatten(1).mean(1).numpy()
    return found


@torch.no_grad()
def confidence(model: Any, data: Dataset, codes: Codes, xy: Array | None = None) -> Array:  # noqa: ARG001
    """The critic's score of each point, as the model gives it (a logit, or a critic's value)."""
    x = examples(model, data, codes)
    return torch.cat([model.score(part).reshape(-1) for part in x.split(CHUNK)]).double().numpy()


def density(model: Any, data: Dataset, codes: Codes, xy: Array | None = None) -> Array:  # noqa: ARG001
    """The density of points on the map: a Gaussian kernel estimate on a grid, relative to its
    maximum.

    Its width is Scott's (1992): n^(-1/(d + 4)) of the spread along each axis.

    Args:
        model, data, codes: not looked at.
        xy: (N, dims) the map.
    """
    from scipy.ndimage import gaussian_filter

    assert xy is not None
    n, d = xy.shape
    cells = 128 if d == 2 else 48
    low, spread = xy.min(axis=0), np.maximum(np.ptp(xy, axis=0), 1e-12)
    at = np.minimum((cells * (xy - low) / spread).astype(int), cells - 1)
    counts = np.zeros((cells,) * d)
    np.add.at(counts, tuple(at.T), 1.0)
    width = n ** (-1.0 / (d + 4)) * xy.std(axis=0) / spread * cells
    smooth = gaussian_filter(counts, np.maximum(width, 0.5), mode="constant")[tuple(at.T)]
    return np.asarray(smooth / smooth.max())


@torch.no_grad()
def log_prior(model: Any, data: Dataset, codes: Codes, xy: Array | None = None) -> Array:  # noqa: ARG001
    """log p(z) in nats; NaN where a point has no z."""
    found = np.full(len(codes), np.nan)
    has = np.flatnonzero(np.isfinite(codes.z).all(axis=1))
    if len(has):
        value = model.prior().log_prob(torch.from_numpy(codes.z[has])).reshape(len(has), -1)
        found[has] = value.sum(1).double().numpy()
    return found


def factor(k: int) -> Callable[[Any, Dataset, Codes, Array | None], Array]:
    """The value of the k-th factor of each example; NaN for generated points."""

    def values(model: Any, data: Dataset, codes: Codes, xy: Array | None = None) -> Array:  # noqa: ARG001
        found, known = np.full(len(codes), np.nan), split_of(data, codes.part).factors
        real = codes.index >= 0
        if known is not None:
            found[real] = known[torch.from_numpy(codes.index[real]), k].double().numpy()
        return found

    return values


COLOURINGS: Mapping[str, Colouring] = {
    "error": Colouring(
        "reconstruction error (MSE)", reconstruction, (HasEncoder, HasDecoder), slow=True
    ),
    "critic": Colouring("critic's score", confidence, (HasCritic,), slow=True),
    "density": Colouring("density of the map", density),
    "prior": Colouring("log p(z) in nats", log_prior, (HasDecoder,), slow=True),
}


def colourings(model: type, meta: DataMeta) -> dict[str, Colouring]:
    """The rows that a model of such data has: those of the table, and one a known factor."""
    found = {
        name: row
        for name, row in COLOURINGS.items()
        if all(issubclass(model, capability) for capability in row.needs)
    }
    for k, (name, _) in enumerate(meta.factors):
        found[f"factor {name}"] = Colouring(f"factor: {name}", factor(k))
    return found


@JOBS.register("colour", title="Colours of a map")
def colour(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Array]:
    """Values of the points of a map for a colouring that takes a while.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``by``, and ``what``, ``n``, ``seed`` of the map.
        progress: called with a fraction and a sentence.

    Returns:
        ``values`` (N,).
    """
    progress(0.1, "codes of the points")
    codes = codes_of(model, data, values["what"], int(values["n"]), int(values["seed"]))
    row = colourings(type(model), data.meta)[str(values["by"])]
    progress(0.5, row.title)
    return {"values": row.values(model, data, codes, None)}
