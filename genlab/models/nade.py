"""The neural autoregressive distribution estimator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.visible import ORDERINGS, Cursor, FullyVisible, ordering

#: The largest number of pixels whose hidden layers are stored; above it the backward pass
#: recomputes them.
CHUNK = 32


@dataclass(frozen=True)
class NADEOptions(Options):
    """Options of NADE."""

    hidden: int = option(200, "hidden units", low=1, high=4096, log=True, label="Hidden units")
    ordering: str = option(
        "natural", "order in which pixels are drawn", choices=ORDERINGS, label="Pixel order"
    )
    order_seed: int = option(
        0, "seed of a random order", low=0, high=2**31 - 1, advanced=True, label="Order seed"
    )


@MODELS.register(
    "nade",
    title="NADE",
    summary="One hidden layer for each pixel, with weights shared among them.",
    order=200,
)
class NADE(FullyVisible[NADEOptions]):
    """h_i = σ(c + W_{:,<i} x_<i), p(x_i = 1 | x_<i) = σ(b_i + V_i · h_i).

    Source: Larochelle and Murray 2011, "The neural autoregressive distribution estimator".

    Args:
        options: hidden units, and the order of the pixels.
        meta: binary data of any shape.
    """

    Options = NADEOptions

    def __init__(self, options: NADEOptions, meta: DataMeta) -> None:
        super().__init__(options, meta, ordering(options.ordering, options.order_seed, meta.dim))
        dim, hidden = meta.dim, options.hidden
        self.inward = nn.Parameter(torch.empty(dim, hidden))
        self.outward = nn.Parameter(torch.empty(dim, hidden))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.uniform_(self.inward, -(dim**-0.5), dim**-0.5)
        nn.init.uniform_(self.outward, -(hidden**-0.5), hidden**-0.5)

    @staticmethod
    def _logits(before: Tensor, x: Tensor, inward: Tensor, outward: Tensor) -> Tensor:
        """Logits without biases of consecutive pixels after ``before``, (B, H)."""
        # A masked product of matrices: twice as fast as the recursion as a cumulative sum.
        past = x[:, None, :] * x.new_ones(x.shape[1], x.shape[1]).tril(-1)
        h = torch.sigmoid(before[:, None, :] + past @ inward)
        return (h * outward).sum(-1)

    def ordered_logits(self, x: Tensor) -> Tensor:
        before = self.hidden_bias.expand(len(x), -1)
        again = torch.is_grad_enabled() and x.shape[1] > CHUNK
        parts = []
        for lo in range(0, x.shape[1], CHUNK):
            span = slice(lo, lo + CHUNK)
            args = before, x[:, span], self.inward[span], self.outward[span]
            if again:
                # Otherwise (B, D, H) must be stored: 0.2 GB per step for 784 pixels.
                part = checkpoint(
                    self._logits, *args, use_reentrant=False, preserve_rng_state=False
                )
            else:
                part = self._logits(*args)
            parts.append(part)
            before = before + x[:, span] @ self.inward[span]
        return torch.cat(parts, dim=1) + self.bias

    def cursor(self, n: int) -> Cursor:
        return _Cursor(self, n)


class _Cursor(Cursor):
    """Stores the hidden pre-activation; each new pixel adds a row of weights."""

    def __init__(self, model: NADE, n: int) -> None:
        self.model = model
        self.before = model.hidden_bias.expand(n, -1).clone()
        self.i = 0

    def logit(self) -> Tensor:
        return torch.sigmoid(self.before) @ self.model.outward[self.i] + self.model.bias[self.i]

    def push(self, bit: Tensor) -> None:
        self.before += bit[:, None] * self.model.inward[self.i]
        self.i += 1
