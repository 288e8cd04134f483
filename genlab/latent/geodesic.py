"""Shortest paths in the metric of the decoder: geodesics of the pull-back metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.core.errors import GenlabError, SpecError
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.paths import straight
from genlab.models.base import HasDecoder, HasProbabilityPath
from genlab.models.labels import conditioned_on_class

#: Points on a path, and pieces of each segment for measuring its length.
POINTS, FINER = 17, 4
#: Steps of the search at most; of a decoder that takes many evaluations of a net.
STEPS, FEW_STEPS = 40, 12


@dataclass(frozen=True)
class Geodesic:
    """A path between two codes, and its length in data space.

    Args:
        z: (k, latent), the ends included.
        length, straight: of this path and of the straight line between its ends, in data units.
        steps: of the optimiser.
    """

    z: Tensor
    length: float
    straight: float
    steps: int


def refine_polygon(z: Tensor, pieces: int = FINER) -> Tensor:
    """The same polygon with each side cut into equal pieces, (k, d) -> (pieces (k − 1) + 1, d).

    Example:
        >>> refine_polygon(torch.tensor([[0.0], [1.0]]), 2)[:, 0].tolist()
        [0.0, 0.5, 1.0]
    """
    t = torch.arange(pieces, dtype=z.dtype)[:, None] / pieces
    inner = z[:-1, None] + t * (z[1:] - z[:-1])[:, None]
    return torch.cat([inner.flatten(0, 1), z[-1:]])


def polygon_length(x: Tensor) -> float:
    """Σ ‖x_{i+1} − x_i‖ of a polygon of examples (k, *data_shape), in data units.

    Example:
        >>> polygon_length(torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]))
        6.0
    """
    x = x.flatten(1).double()
    return float((x[1:] - x[:-1]).norm(dim=1).sum())


def curve_length(decode: Callable[[Tensor], Tensor], z: Tensor) -> float:
    """The length of a polygon of codes in data space, each side cut finer, in data units."""
    with torch.no_grad():
        return polygon_length(decode(refine_polygon(z)))


def geodesic(
    decode: Callable[[Tensor], Tensor],
    a: Tensor,
    b: Tensor,
    *,
    points: int = POINTS,
    steps: int = STEPS,
    progress: Callable[[float], None] = lambda _: None,
) -> Geodesic:
    """The path that minimises the energy of the decoded curve, starting at the straight line.

        E(z) = ½ (k − 1) Σ ‖g(z_{i+1}) − g(z_i)‖²,

    whose minimum is the shortest path at constant speed in the metric Jᵀ J of the decoder g. The
    result is never longer than the straight line.

    Source: Shao, Kumar and Fletcher 2018, "The Riemannian geometry of deep generative models";
    Arvanitidis, Hansen and Hauberg 2018, "Latent space oddity".

    Args:
        decode: g, (k, latent) -> (k, *data_shape), differentiable.
        a, b: the ends, (latent,).
        points: on the path, the ends included.
        steps: at most, each of four iterations of L-BFGS.
        progress: called with the share of the steps done.

    Example:
        >>> plane = lambda z: torch.stack([z[:, 0], 0.0 * z[:, 0]], dim=1)
        >>> path = geodesic(plane, torch.zeros(1), torch.ones(1), steps=5)
        >>> round(path.length, 5), round(path.straight, 5)
        (1.0, 1.0)
    """
    t = torch.linspace(0, 1, points, dtype=a.dtype)
    line = straight(a, b, t)
    first = curve_length(decode, line)
    inner = line[1:-1].clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [inner], max_iter=4, history_size=20, line_search_fn="strong_wolfe"
    )

    def energy() -> Tensor:
        optimiser.zero_grad()
        x = decode(torch.cat([line[:1], inner, line[-1:]])).flatten(1)
        value = 0.5 * (points - 1) * (x[1:] - x[:-1]).square().sum()
        value.backward()
        return value

    best, found, iteration, before = first, line, 0, float("inf")
    with torch.enable_grad():
        for iteration in range(1, steps + 1):
            now = float(optimiser.step(energy).detach())
            progress(iteration / steps)
            path = torch.cat([line[:1], inner.detach(), line[-1:]])
            length = curve_length(decode, path)
            if length < best:
                best, found = length, path.clone()
            if not before - now > 1e-6 * now:
                break
            before = now
    return Geodesic(found, best, first, iteration)


@JOBS.register("geodesic", title="Shortest path of the decoder")
def geodesic_job(
    model: Any,
    data: Dataset,  # noqa: ARG001 - the signature of all jobs
    values: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """The geodesic between two codes of a model.

    Args:
        model: in evaluation mode, with a decoder.
        values: ``a`` and ``b``, lists of numbers; ``label``, a class by name, or None.

    Returns:
        The fields of :class:`Geodesic`.

    Raises:
        GenlabError: if the model has no decoder.
        SpecError: for ends of another size than the model's code.
    """
    if not isinstance(model, HasDecoder):
        raise GenlabError("this model has no decoder: there is no curve in data space.")
    net: Any = model
    conditioned = conditioned_on_class(net, values.get("label"))
    ends = [torch.tensor(values[end], dtype=torch.float32) for end in ("a", "b")]
    for end, z in zip("ab", ends, strict=True):
        if z.shape != (model.latent,) or not bool(z.isfinite().all()):
            raise SpecError(end, tuple(z.shape), f"allowed: {model.latent} finite numbers")
    weights = [p for p in net.parameters() if p.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        path = geodesic(
            lambda z: conditioned.decode(z).mean,
            *ends,
            steps=FEW_STEPS if isinstance(model, HasProbabilityPath) else STEPS,
            progress=lambda f: progress(f, "the path is pulled taut"),
        )
    finally:
        for weight in weights:
            weight.requires_grad_(True)
    return {
        "z": path.z.numpy().astype(np.float32),
        "length": path.length,
        "straight": path.straight,
        "steps": path.steps,
    }
