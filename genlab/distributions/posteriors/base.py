"""The interface of a posterior: a row of the table of posteriors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from genlab.core.registry import Registry

Support = Literal["real", "positive", "unit"]
#: From the widest to the narrowest; each contains those after it.
SUPPORTS: tuple[Support, ...] = ("real", "positive", "unit")


def lies_in(inner: Support, outer: Support) -> bool:
    """Whether one support lies in another.

    Example:
        >>> lies_in("unit", "positive"), lies_in("real", "positive")
        (True, False)
    """
    return SUPPORTS.index(inner) >= SUPPORTS.index(outer)


@dataclass(frozen=True)
class Posterior:
    """How a net's outputs become q(z | x).

    Args:
        outputs: the number of outputs of the net for a code of this size.
        make: ``make(h, latent)``: h is (B, outputs(latent)), the result has batch shape (B,),
            event shape (latent,), pathwise draws, ``mean`` and ``variance``.
        marginals: whether the density of each entry, q(z_j | x), is known.
        net: for a posterior with its own weights, shared by all examples: ``net(latent)`` builds a
            module, which ``make`` takes as its third argument.
        support: of each entry of z, ``real``, ``positive`` or ``unit``; KL(q ‖ p(z)) is finite
            only where it lies in the prior's.
        holds: whether the density with detached parameters is available (see
            :func:`genlab.distributions.detached.detached`).
    """

    outputs: Callable[[int], int]
    make: Callable[..., Distribution]
    marginals: bool = True
    net: Callable[[int], nn.Module] | None = None
    support: Support = "real"
    detachable: bool = True

    def distribution(self, h: Tensor, latent: int, net: nn.Module | None = None) -> Distribution:
        """q(z | x) from outputs of a net, (B, outputs(latent)), and the posterior's own module."""
        return self.make(h, latent) if self.net is None else self.make(h, latent, net)


POSTERIORS: Registry[Posterior] = Registry("posterior", "genlab.distributions.posteriors")


def factorises(q: Distribution) -> bool:
    """Whether the entries of z are independent under q."""
    return isinstance(q, Independent) or hasattr(q, "entry_log_prob")


def entry_log_prob(q: Distribution, z: Tensor) -> Tensor | None:
    """log q(z_j) of each entry in nats, (..., latent); None if the entries depend on each other.

    Example:
        >>> import torch
        >>> from torch.distributions import Normal
        >>> q = Independent(Normal(torch.zeros(1, 3), torch.ones(1, 3)), 1)
        >>> entry_log_prob(q, torch.zeros(1, 3)).shape
        torch.Size([1, 3])
    """
    if isinstance(q, Independent):
        base: Tensor = q.base_dist.log_prob(z)
        return base
    own = getattr(q, "entry_log_prob", None)
    return None if own is None else own(z)
