"""The Bernoulli likelihood, by logits."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import softplus

from genlab.distributions.base import LIKELIHOODS, Likelihood


class _LogProb(torch.autograd.Function):
    """Σ x h − log(1 + e^h), with its gradient x − σ(h) in two passes over memory."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(logits, value)
        return torch.sub(value * logits, softplus(logits)).sum(dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        gradient = gradients[0].unsqueeze(-1)
        logits, value = ctx.saved_tensors
        to_logits = (value - logits.sigmoid()) * gradient if ctx.needs_input_grad[0] else None
        return to_logits, logits * gradient if ctx.needs_input_grad[1] else None


class BernoulliProduct(Distribution):
    """Independent Bernoulli entries over whole examples.

    log p = Σ x log π + (1 − x) log(1 − π), π = σ(h): minus the summed BCE with logits.

    Args:
        logits: h, (B, *event).
        event_dim: how many of the last axes belong to one example.

    Example:
        >>> distribution = BernoulliProduct(torch.zeros(1, 784), 1)
        >>> round(float(distribution.log_prob(torch.ones(1, 784))), 2)
        -543.43
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, logits: Tensor, event_dim: int) -> None:
        self.logits = logits
        split = logits.dim() - event_dim
        super().__init__(logits.shape[:split], logits.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return self.logits.sigmoid()

    @property
    def mode(self) -> Tensor:
        """The most likely value, batch shape + event shape."""
        return (self.logits > 0).to(self.logits.dtype)

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return self.mean * (1 - self.mean)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Draws without a gradient, sample shape + batch shape + event shape."""
        with torch.no_grad():
            shape = torch.Size(sample_shape) + self.logits.shape
            return torch.bernoulli(self.mean.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        event = len(self._event_shape)
        logits, value = torch.broadcast_tensors(self.logits, value)
        flat: Tensor = _LogProb.apply(logits.flatten(-event), value.flatten(-event))
        return flat


def make(h: Tensor, options: Any) -> BernoulliProduct:  # noqa: ARG001 - the table's signature
    """The net gives the logits.

    For grey values in (0, 1) the same expression is not a density: it does not integrate to one,
    so it must not be compared with a negative log-likelihood.

    Source: Kingma and Welling 2014, appendix C.1.

    Args:
        h: logits, (B, 1, *data_shape).
    """
    return BernoulliProduct(h[:, 0], h.dim() - 2)


LIKELIHOODS.register(
    "bernoulli",
    title="Bernoulli",
    summary="Binary data. For grey images it is not a density.",
    order=10,
)(Likelihood(supports=("unit", "binary"), densities=("binary",), outputs=1, make=make))
