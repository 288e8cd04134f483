"""The inverse autoregressive flow as a posterior; all examples share the weights of its nets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Independent
from torch.nn import functional as F

from genlab.distributions.posteriors.base import POSTERIORS, Posterior
from genlab.distributions.posteriors.flow import Flow
from genlab.distributions.posteriors.gaussian import diagonal_normal

STEPS, HIDDEN, CONTEXT = 2, 64, 16
#: Added to the gates' pre-activations, so that a new flow is nearly the identity.
OPEN = 2.0


class AutoregressiveNet(nn.Module):
    """m(z, c) and s(z, c), whose entry i depends on z_1, ..., z_{i−1} and on all of c.

    One hidden layer with the masks of MADE; units of degree 0 read the context alone.

    Source: Germain et al. 2015, "MADE: Masked autoencoder for distribution estimation".

    Args:
        latent: entries of z.
        context: entries of c.
        hidden: units.

    Example:
        >>> net = AutoregressiveNet(2, context=1)
        >>> c, z, other = torch.zeros(1, 1), torch.zeros(1, 2), torch.tensor([[0.0, 5.0]])
        >>> all(torch.equal(a, b) for a, b in zip(net(z, c), net(other, c)))
        True
    """

    hidden_mask: Tensor
    output_mask: Tensor

    def __init__(self, latent: int, context: int = CONTEXT, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.from_z = nn.Linear(latent, hidden)
        self.from_context = nn.Linear(context, hidden, bias=False)
        self.out = nn.Linear(hidden, 2 * latent)
        degree, entry = torch.arange(hidden) % latent, torch.arange(1, latent + 1)
        # Not in the state: the masks follow from the arguments.
        self.register_buffer("hidden_mask", degree[:, None] >= entry, persistent=False)
        self.register_buffer("output_mask", (entry[:, None] > degree).repeat(2, 1), False)

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """m and s, each (..., latent), from z (..., latent) and a context (..., context)."""
        h = F.linear(z, self.from_z.weight * self.hidden_mask, self.from_z.bias)
        h = F.elu(h + self.from_context(context))
        m, s = F.linear(h, self.out.weight * self.output_mask, self.out.bias).chunk(2, dim=-1)
        return m, s


class InverseAutoregressiveFlow(Flow):
    """z_t = g_t ⊙ z_{t−1} + (1 − g_t) ⊙ m_t, g_t = σ(s_t + 2), (m_t, s_t) autoregressive in z_{t−1}.

    log q(z_T) = log q_0(z_0) − Σ_t Σ_i log g_{t,i}, as each Jacobian is triangular. The order of
    the entries is reversed between the steps. The density at a given point takes one pass of the
    net for each entry and step.

    Source: Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling 2016, "Improving variational
    inference with inverse autoregressive flow", equations 10 to 14.

    Args:
        base: q_0, batch shape (B,).
        nets: one for each step.
        context: (B, context).
    """  # noqa: E501

    def __init__(self, base: Independent, nets: nn.ModuleList, context: Tensor) -> None:
        super().__init__(base)
        self.nets, self.context = nets, context

    def _step(self, net: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
        """m and log g at z."""
        m, s = net(z, self.context)
        return m, F.logsigmoid(s + OPEN)

    def _forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros_like(z[..., 0])
        for net in self.nets:
            m, log_gate = self._step(net, z)
            gate = log_gate.exp()
            z = (gate * z + (1 - gate) * m).flip(-1)
            total = total + log_gate.sum(-1)
        return z, total

    def _backward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        shape = torch.broadcast_shapes(z.shape, (*self.batch_shape, *self.event_shape))
        z, total = z.expand(shape), z.new_zeros(shape[:-1])
        for net in reversed(self.nets):
            image = z.flip(-1)
            entries: list[Tensor] = []
            for i in range(shape[-1]):
                # Entries from i on are not known yet; entry i does not depend on them.
                known = torch.stack([*entries, *image.unbind(-1)[i:]], dim=-1)
                m, log_gate = self._step(net, known)
                gate = log_gate[..., i].exp()
                entries.append((image[..., i] - (1 - gate) * m[..., i]) / gate)
                total = total + log_gate[..., i]
            z = torch.stack(entries, dim=-1)
        return z, total


def make(h: Tensor, latent: int, nets: Any) -> InverseAutoregressiveFlow:
    """The net gives the base and the context; the masked nets are the row's own.

    Args:
        h: (B, 2 latent + 16).
    """
    base, context = h.split([2 * latent, CONTEXT], dim=1)
    return InverseAutoregressiveFlow(diagonal_normal(base), nets, context)


POSTERIORS.register(
    "iaf",
    title="Inverse autoregressive flow",
    summary="Two masked autoregressive steps on a Gaussian; the KL is a Monte Carlo number.",
    order=90,
)(
    Posterior(
        outputs=lambda latent: 2 * latent + CONTEXT,
        make=make,
        marginals=False,
        detachable=False,
        net=lambda latent: nn.ModuleList(AutoregressiveNet(latent) for _ in range(STEPS)),
    )
)
