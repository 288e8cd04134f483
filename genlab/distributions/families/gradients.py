"""Two unbiased estimators of d/dθ E[f(z)] compared: pathwise and score function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.random import generator
from genlab.distributions.families.base import Family, Values
from genlab.distributions.families.noise import Logs
from genlab.distributions.families.parameters import Params


@dataclass(frozen=True)
class Spread:
    """Mean and variance of a single-sample estimator over n draws, with their standard errors.

    Args:
        mean, variance: of the parameter's shape.
        mean_error, variance_error: their standard errors; the latter from the fourth moment.
        n: how many draws.
    """

    mean: Tensor
    variance: Tensor
    mean_error: Tensor
    variance_error: Tensor
    n: int

    @classmethod
    def of(cls, draws: Tensor) -> Spread:
        """The spread over the first dimension."""
        n = draws.shape[0]
        mean = draws.mean(0)
        square = (draws - mean) ** 2
        variance = square.sum(0) / (n - 1)
        return cls(mean, variance, (variance / n).sqrt(), square.std(0) / n**0.5, n)


@dataclass(frozen=True)
class GradientVariance:
    """The two estimators of d E[f(z)] / d parameter.

    Args:
        parameter: its name.
        pathwise: f′(z) dz/dθ; None for a parameter that is a whole number.
        score: f(z) d log p(z)/dθ; None if it is biased.
        note: why one of them is missing, or a remark on its variance.
    """

    parameter: str
    pathwise: Spread | None
    score: Spread | None
    note: str = ""


def _held(drawn: Logs) -> Logs:
    log1m = None if drawn.log1m is None else drawn.log1m.detach()
    return Logs(drawn.z.detach(), drawn.log.detach(), log1m)


_NOTES = {
    "unbiased": "",
    "infinite variance": "the score-function estimator has infinite variance",
    "biased": "the parameter moves an edge of the support: the score-function estimator is biased",
}


def gradient_variances(
    row: Family,
    params: Values,
    f: Callable[[Tensor], Tensor],
    n: int = 10_000,
    seed: int = 0,
) -> dict[str, GradientVariance]:
    """Single-sample variances of the pathwise and score-function gradients of E[f(z)].

    For z ~ N(μ, 1), f(z) = z² and μ = 1 they are 4 and 30.

    Args:
        row: a row of the table.
        params: its parameters.
        f: differentiable, from points ``(n, (B, *))`` (an event at the end) to ``(n, (B, *))``.
        n: how many draws, at least 2.
        seed: of the draws.

    Raises:
        SpecError: for parameters out of bounds, fewer than two draws, or f of the wrong shape.

    Example:
        >>> from genlab.distributions.families import FAMILIES
        >>> both = gradient_variances(
        ...     FAMILIES["gaussian"], {"loc": 1.0, "scale": 1.0}, lambda z: z**2, 100_000)
        >>> round(both["loc"].pathwise.variance.item(), 1)
        4.0
        >>> both["loc"].score.variance.item() > 25
        True
    """
    if n < 2:
        raise SpecError("n", n, "at least 2 draws give a variance")
    ready = row.check(params)
    copies = Params(
        {
            name: value.detach().expand(n, *value.shape).clone().requires_grad_()
            for name, value in ready.items()
        }
    )
    names = [p.name for p in row.parameters]
    leaves = [copies[name] for name in names]
    with torch.enable_grad():
        drawn = row.sample_logs(copies, (), generator(seed, "gradient variances", row.name))
        z = drawn.z
        value = f(z)
        if value.shape != z.shape[: z.ndim - row.event_ndim]:
            allowed = f"values of shape {tuple(z.shape[: z.ndim - row.event_ndim])}"
            raise SpecError("f", tuple(value.shape), allowed)
        through = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
        fixed = z.detach()
        weight = f(fixed).detach()
        # The score of the draws before they were rounded to the edge of the support.
        log_prob = row.log_prob_at(copies, _held(drawn))
        by_score = torch.autograd.grad((weight * log_prob).sum(), leaves, allow_unused=True)
    found = {}
    for part, path, score in zip(row.parameters, through, by_score, strict=True):
        note = _NOTES[part.score] if part.continuous else "a whole number has no derivative"
        keep = part.continuous and part.score != "biased" and score is not None
        found[part.name] = GradientVariance(
            part.name,
            Spread.of(path) if part.continuous and path is not None else None,
            Spread.of(score) if keep else None,
            note,
        )
    return found
