"""Codes of a tour of a latent space: along dimensions, over a plane, on a walk, on a path.

Rows of :data:`WAYS` make codes of plain values, for :func:`genlab.latent.decoding.decode_job`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Independent, Normal

from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.codes import decode_mean, held_out, prior_sample
from genlab.latent.geodesic import POINTS, refine_polygon
from genlab.latent.paths import PATHS
from genlab.models.base import HasEncoder, HasProbabilityPath
from genlab.models.labels import conditioned_on, conditioned_on_class

Measure = Literal["KL", "output"]
#: Held-out examples, or draws of the prior, from which the use of a dimension is told.
LOOKED_AT = 256
#: Values of a dimension, and of a decoder of many steps the dimensions that are looked at, and the
#: draws of the others.
SWEEP, FEW_DIMENSIONS, FEW_DRAWS = 7, 16, 2


@dataclass(frozen=True)
class Use:
    """How much each dimension of the code is used.

    Args:
        value: (latent,), in nats for ``KL``, in squared data units for ``output``.
        measure: ``KL``: mean KL(q(z_j | x) ‖ p(z_j)), exact for each example; ``output``: the
            variance of the decoded example along the dimension, Monte Carlo. NaN: not looked at.
        n: examples or draws.
    """

    value: NDArray[np.float64]
    measure: Measure
    n: int

    @property
    def order(self) -> list[int]:
        """The dimensions that were looked at, the most used first."""
        known = np.flatnonzero(np.isfinite(self.value))
        return [int(j) for j in known[np.argsort(-self.value[known], kind="stable")]]

    @property
    def unit(self) -> str:
        """Of the values."""
        return "nats" if self.measure == "KL" else "squared data units"


def has_standard_prior(model: Any) -> bool:
    """Whether the model's prior is N(0, I)."""
    prior = model.prior()
    return (
        isinstance(prior, Independent)
        and isinstance(prior.base_dist, Normal)
        and bool((prior.base_dist.loc == 0).all() and (prior.base_dist.scale == 1).all())
    )


def swept_codes(model: Any) -> int:
    """The number of codes that :func:`usage` decodes for a model of a probability path."""
    return min(model.latent, FEW_DIMENSIONS) * FEW_DRAWS * SWEEP


@torch.no_grad()
def usage(
    model: Any,
    data: Dataset,
    n: int = LOOKED_AT,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Use:
    """The use of each dimension: its KL where that has a closed form, else what it changes.

        KL_j = ½ E_x[μ_j² + σ_j² − 1 − log σ_j²]

    for a diagonal Gaussian q(z | x) and the prior N(0, I); else Σ_pixels Var over z_j of the
    decoded mean, averaged over draws of the other dimensions. Of a model of a probability path,
    whose decoder takes many evaluations of a net, at most 16 dimensions are looked at, which are
    drawn at random.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset; its held-out examples are used.
        n: examples, or draws of the prior.
        seed: of the draws.
        progress: called with a fraction and a sentence.
    """
    slow = isinstance(model, HasProbabilityPath)
    if not slow and isinstance(model, HasEncoder) and has_standard_prior(model):
        split = held_out(data)
        y = None if split.y is None else split.y[:n]
        conditioned: Any = conditioned_on(model, y)  # type: ignore[type-var]
        q = conditioned.encode(split.x[:n])
        if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
            mean, variance = q.base_dist.loc, q.base_dist.scale.square()
            kl = 0.5 * (mean.square() + variance - 1.0 - variance.log())
            return Use(kl.double().mean(dim=0).numpy(), "KL", len(mean))
    bases = FEW_DRAWS if slow else max(1, n // (SWEEP * 4))
    base = prior_sample(model, bases, seed)
    steps = traversal_values(model, SWEEP, seed)
    dimensions = torch.arange(model.latent)
    if slow and model.latent > FEW_DIMENSIONS:
        with scope(seed, "dimensions"):
            dimensions = torch.randperm(model.latent)[:FEW_DIMENSIONS]
    found = np.full(model.latent, np.nan)
    for done, j in enumerate(dimensions.tolist()):
        progress(done / len(dimensions), f"dimension {done + 1} of {len(dimensions)}")
        z = base.repeat_interleave(SWEEP, dim=0)
        z[:, j] = steps[:, j].repeat(bases)
        x = decode_mean(model, z).flatten(1).double().view(bases, SWEEP, -1)
        found[j] = float(x.var(dim=1, correction=0).sum(dim=1).mean())
    return Use(found, "output", bases * SWEEP)


@JOBS.register("usage", title="How much each dimension of the code is used")
def usage_job(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """The use of each dimension, as :func:`usage` finds it.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        values: ``seed``; ``label``, the class at which to decode, or None.
        progress: called with a fraction and a sentence.

    Returns:
        The fields of :class:`Use`.
    """
    model = conditioned_on_class(model, values.get("label"))
    use = usage(model, data, seed=int(values.get("seed", 0)), progress=progress)
    return {"value": use.value, "measure": use.measure, "n": use.n}


def traversal_values(model: Any, k: int, seed: int = 0, reach: float = 0.98) -> Tensor:
    """k values of each dimension at equal steps of the prior's distribution function, (k, d).

    For N(0, I) by its inverse; for another prior by the quantiles of 4,096 draws.

    Args:
        reach: the share of the prior's mass between the first place and the last.
    """
    share = 0.5 + (torch.linspace(0, 1, k, dtype=torch.float64) - 0.5) * reach
    if has_standard_prior(model):
        return torch.special.ndtri(share).float()[:, None].expand(k, model.latent)
    return torch.quantile(prior_sample(model, 4096, seed), share.float(), dim=0)


def traversal(model: Any, z: Tensor, dimension: int, k: int = 11, seed: int = 0) -> Tensor:
    """Codes as one dimension goes through its prior, the others held, (k, latent).

    Args:
        z: where the others are held, (latent,).
    """
    codes = z.repeat(k, 1)
    codes[:, dimension] = traversal_values(model, k, seed)[:, dimension]
    return codes


def sheet(
    model: Any, z: Tensor, dimensions: Sequence[int], side: int = 15, seed: int = 0
) -> Tensor:
    """The codes of a square of two dimensions, row by row from the top, (side², latent).

    Places are at equal steps of the prior's distribution function, as in Kingma and Welling 2014,
    appendix A: each cell has the same mass.

    Args:
        z: where the other dimensions are held, (latent,).
        dimensions: across, and up.
    """
    across, up = dimensions
    at = traversal_values(model, side, seed)
    codes = z.repeat(side * side, 1)
    codes[:, across] = at[:, across].repeat(side)
    codes[:, up] = at[:, up].flip(0).repeat_interleave(side)
    return codes


def walk(z: Tensor, steps: int, stride: float = 0.2, seed: int = 0) -> Tensor:
    """A walk that keeps N(0, I), (steps, latent).

        z_{t+1} = √(1 − s²) z_t + s ε_t,   ε_t from N(0, I),

    the Ornstein-Uhlenbeck process seen at equal times (Uhlenbeck and Ornstein 1930).

    Args:
        z: where it starts, (latent,).
        stride: s, in (0, 1].

    Example:
        >>> walk(torch.zeros(2), 3).shape
        torch.Size([3, 2])
    """
    keep = (1.0 - stride**2) ** 0.5
    path = [z]
    with scope(seed, "walk"):
        for _ in range(steps - 1):
            path.append(keep * path[-1] + stride * torch.randn_like(z))
    return torch.stack(path)


def _traversals(model: Any, values: Mapping[str, Any]) -> Tensor:
    """``z``; ``dimensions``, ``count`` codes along each; ``seed``."""
    z, seed = _code(model, values["z"]), int(values["seed"])
    rows = [traversal(model, z, int(j), int(values["count"]), seed) for j in values["dimensions"]]
    return torch.cat(rows)


def _sheet(model: Any, values: Mapping[str, Any]) -> Tensor:
    """``z``; ``dimensions`` across and up; ``side``; ``seed``."""
    z, side = _code(model, values["z"]), int(values["side"])
    return sheet(model, z, values["dimensions"], side, int(values["seed"]))


def _walk(model: Any, values: Mapping[str, Any]) -> Tensor:
    """``z``; ``count`` steps of the size ``stride``; ``seed``."""
    z, count = _code(model, values["z"]), int(values["count"])
    return walk(z, count, float(values["stride"]), int(values["seed"]))


def _path(model: Any, values: Mapping[str, Any]) -> Tensor:
    """``a`` and ``b``; ``path``, a row of ``PATHS``; each segment is cut finer."""
    a, b = (_code(model, values[end]) for end in "ab")
    return refine_polygon(PATHS[values["path"]](a, b, torch.linspace(0, 1, POINTS)))


def _line(model: Any, values: Mapping[str, Any]) -> Tensor:
    """``count`` codes from ``−reach`` to ``reach`` along ``direction``, from each of ``z``."""
    v, reach = _code(model, values["direction"]), float(values["reach"])
    at = torch.linspace(-reach, reach, int(values["count"]))[:, None]
    return torch.cat([_code(model, z) + at * v for z in values["z"]])


def _listed(model: Any, values: Mapping[str, Any]) -> Tensor:
    """``z``, the codes themselves."""
    return torch.stack([_code(model, row) for row in values["z"]])


def _code(model: Any, row: Sequence[float]) -> Tensor:
    z = torch.tensor(row, dtype=torch.float32)
    if z.shape != (model.latent,):
        raise SpecError("z", tuple(z.shape), f"a code here has {model.latent} entries")
    return z


#: Where codes come from: the name of a way -> the codes of its plain values, (n, latent).
WAYS: Mapping[str, Callable[[Any, Mapping[str, Any]], Tensor]] = {
    "given": _listed,
    "traversals": _traversals,
    "sheet": _sheet,
    "walk": _walk,
    "path": _path,
    "line": _line,
}
