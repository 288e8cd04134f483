"""The continuous Bernoulli likelihood, by logits: a density of grey images in [0, 1]."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from genlab.distributions.base import LIKELIHOODS, Likelihood

#: Below this |h/2| series replace the closed forms, whose terms cancel there.
NEAR = 0.3


def _split(h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """y = h/2; whether it is near 0; and y with a stand-in there, so that no gradient is NaN."""
    y = 0.5 * h
    near = y.abs() < NEAR
    return y, near, torch.where(near, torch.ones_like(y), y)


def log_sinhc(h: Tensor) -> Tensor:
    """log(sinh(y) / y), y = h/2: by its series near 0, else in the log domain."""
    y, near, far = _split(h)
    square = torch.where(near, y, torch.zeros_like(y)).square()
    series = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800)))
    size = far.abs()
    closed = size + torch.log1p(-torch.exp(-2 * size)) - torch.log(2 * size)
    return torch.where(near, series, closed)


def log_normaliser(h: Tensor) -> Tensor:
    """log C(λ) with λ = σ(h): C = 2 artanh(1 − 2λ) / (1 − 2λ) = h / tanh(h/2), C(½) = 2.

    Source: Loaiza-Ganem and Cunningham 2019, "The continuous Bernoulli", equation 3.

    Example:
        >>> log_normaliser(torch.zeros(1)).exp()
        tensor([2.])
    """
    y = 0.5 * h
    return y.abs() + torch.nn.functional.softplus(-2 * y.abs()) - log_sinhc(h)


class ContinuousBernoulliProduct(Distribution):
    """Independent continuous Bernoulli entries over whole examples.

    p(x) = C(λ) λ^x (1 − λ)^(1−x) on [0, 1], λ = σ(h), that is
    log p = Σ h (x − ½) − log(sinh(h/2) / (h/2)).

    Source: Loaiza-Ganem and Cunningham 2019, "The continuous Bernoulli".

    Args:
        logits: h, (B, *event).
        event_dim: how many of the last axes belong to one example.

    Example:
        >>> distribution = ContinuousBernoulliProduct(torch.zeros(1, 784), 1)
        >>> float(distribution.log_prob(torch.rand(1, 784)))
        0.0
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, logits: Tensor, event_dim: int) -> None:
        self.logits = logits
        split = logits.dim() - event_dim
        super().__init__(logits.shape[:split], logits.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        y, near, far = _split(self.logits)
        square = y.square()
        series = y * (1 / 3 - square * (1 / 45 - square * (2 / 945 - square / 4725)))
        return (0.5 + 0.5 * torch.where(near, series, 1 / far.tanh() - 1 / far)).clamp(0.0, 1.0)

    @property
    def mode(self) -> Tensor:
        """The most likely value, batch shape + event shape."""
        return (self.logits > 0).to(self.logits.dtype)

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        y, near, far = _split(self.logits)
        square = y.square()
        series = 1 / 3 - square * (1 / 15 - square * (2 / 189 - square / 675))
        size = far.abs()
        # 1 / sinh² by decaying exponentials: sinh itself overflows.
        hyperbolic = 4 * torch.exp(-2 * size) / torch.expm1(-2 * size).square()
        return 0.25 * torch.where(near, series, 1 / far.square() - hyperbolic)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pathwise draws, sample shape + batch shape + event shape."""
        h = self.logits.expand(torch.Size(sample_shape) + self.logits.shape)
        u = torch.rand(h.shape, dtype=h.dtype, device=h.device)
        flat = h.abs() < 1e-3
        rate = -torch.where(flat, torch.ones_like(h), h).abs()
        falling = torch.log1p(u * torch.expm1(rate)) / rate
        x = torch.where(h > 0, 1 - falling, falling)
        return torch.where(flat, u + 0.5 * h * u * (1 - u), x)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        event = len(self._event_shape)
        terms = self.logits * (value - 0.5) - log_sinhc(self.logits)
        return terms.flatten(start_dim=-event).sum(-1)


def make(h: Tensor, options: Any) -> ContinuousBernoulliProduct:  # noqa: ARG001 - the signature
    """The net gives the logits.

    Args:
        h: logits, (B, 1, *data_shape).
    """
    return ContinuousBernoulliProduct(h[:, 0], h.dim() - 2)


LIKELIHOODS.register(
    "continuous_bernoulli",
    title="Continuous Bernoulli",
    summary="Grey images: the Bernoulli form with the constant that normalises it.",
    order=20,
)(Likelihood(supports=("unit",), densities=("unit",), outputs=1, make=make))
