"""Distributions over vectors that are concatenations of codes from a codebook."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

CodeNet = Callable[[Tensor, Tensor, Any], tuple[Tensor, Any]]


def nearest(codebook: Tensor, e: Tensor) -> Tensor:
    """argmin_k |e − c_k|² for codes (K, d) and vectors (..., d), indices (...).

    Example:
        >>> nearest(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.2], [0.9], [7.0]]))
        tensor([0, 1, 1])
    """
    # |e|² is the same for all codes.
    return (codebook.square().sum(-1) - 2 * e @ codebook.mT).argmin(-1)


class CodeDistribution(Distribution):
    """The base class: a mass function over the Kᵐ vectors of m positions with one code each.

    Args:
        codebook: (K, d).
        positions: m; an event is (m d,).
        batch: the batch shape.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, codebook: Tensor, positions: int, batch: torch.Size) -> None:
        self.codebook, self.positions = codebook, positions
        size = torch.Size((positions * codebook.shape[1],))
        super().__init__(batch, size, validate_args=False)

    @property
    def log_count(self) -> float:
        """log Kᵐ = m log K."""
        return self.positions * math.log(len(self.codebook))

    def index_of(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest codes to a vector, (..., m), and whether it consists of codes, (...)."""
        parts = value.unflatten(-1, (self.positions, self.codebook.shape[1]))
        index = nearest(self.codebook, parts)
        gap = (self.codebook[index] - parts).abs().flatten(-2).amax(-1)
        size = self.codebook.abs().amax().clamp_min(1e-6)
        return index, gap <= 1e-5 * size


class UniformCodes(CodeDistribution):
    """Uniform over all Kᵐ vectors of m codes: log p = −m log K nats.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017, "Neural discrete representation learning",
    section 3.1.

    Example:
        >>> distribution = UniformCodes(torch.tensor([[0.0], [1.0]]), 3)
        >>> distribution.log_prob(torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.5, 1.0]]))
        tensor([-2.0794,    -inf])
    """

    def __init__(self, codebook: Tensor, positions: int) -> None:
        super().__init__(codebook, positions, torch.Size())

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return self.codebook.mean(0).repeat(self.positions)

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return self.codebook.var(0, correction=0).repeat(self.positions)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Draws without a gradient, sample shape + batch shape + event shape."""
        shape = (*sample_shape, self.positions)
        index = torch.randint(len(self.codebook), shape, device=self.codebook.device)
        return self.codebook[index].flatten(-2).detach()

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        _, is_code = self.index_of(value)
        return torch.where(is_code, value.new_tensor(-self.log_count), -math.inf)


class AutoregressiveCodes(CodeDistribution):
    """An autoregressive distribution of the codes: p(k_1, ..., k_m) = Π_j p(k_j | k_<j).

    Args:
        codebook: (K, d).
        positions: m.
        net: ``net(previous, place, state) -> (logits, state)``: from previous codes (B, n, d) and
            their positions (n,) to the logits (B, n, K) of the codes there; ``state`` is that of a
            recurrent net.
    """

    def __init__(self, codebook: Tensor, positions: int, net: CodeNet) -> None:
        self.net = net
        super().__init__(codebook.detach(), positions, torch.Size())

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Draws without a gradient, sample shape + batch shape + event shape."""
        n = torch.Size(sample_shape).numel()
        previous, state, drawn = self.codebook.new_zeros(n, 1, self.codebook.shape[1]), None, []
        with torch.no_grad():
            for j in range(self.positions):
                logits, state = self.net(
                    previous, torch.tensor([j], device=previous.device), state
                )
                index = torch.multinomial(logits[:, 0].softmax(-1), 1)
                previous = self.codebook[index]
                drawn.append(previous)
        return torch.cat(drawn, dim=1).view(*sample_shape, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        index, is_code = self.index_of(value)
        flat = index.reshape(-1, self.positions)
        codes = self.codebook[flat]
        previous = torch.cat([torch.zeros_like(codes[:, :1]), codes[:, :-1]], dim=1)
        logits, _ = self.net(previous, torch.arange(self.positions, device=codes.device), None)
        each = logits.log_softmax(-1).gather(-1, flat[..., None]).squeeze(-1)
        return torch.where(is_code, each.sum(-1).view(is_code.shape), -math.inf)


class OneCode(CodeDistribution):
    """All mass at one vector of codes: log q = 0 there, and KL(q ‖ uniform) = m log K.

    Args:
        codebook: (K, d).
        index: of the codes, (B, m).
    """

    has_rsample = True

    def __init__(self, codebook: Tensor, index: Tensor) -> None:
        self.index = index
        super().__init__(codebook, index.shape[-1], index.shape[:-1])

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return self.codebook[self.index].flatten(-2)

    @property
    def mode(self) -> Tensor:
        """The most likely value, batch shape + event shape."""
        return self.mean

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return torch.zeros_like(self.mean)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pathwise draws, sample shape + batch shape + event shape."""
        mean = self.mean
        return mean.expand(torch.Size(sample_shape) + mean.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        index, is_code = self.index_of(value)
        here = is_code & (index == self.index).all(-1)
        return torch.where(here, value.new_tensor(0.0), -math.inf)

    def closed_form_kl(self, prior: Distribution) -> Tensor | None:
        """KL(q ‖ p) = −log p(z) at the vector z, (B,) in nats, if p is over the same codes."""
        return -prior.log_prob(self.mean) if isinstance(prior, CodeDistribution) else None
