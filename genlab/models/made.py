"""The masked autoencoder for distribution estimation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.visible import ORDERINGS, Cursor, FullyVisible, ordering
from genlab.nets.masked import MaskedMLP


@dataclass(frozen=True)
class MADEOptions(Options):
    """Options of MADE."""

    hidden: int = option(
        256, "units in each hidden layer", low=1, high=8192, log=True, label="Hidden units"
    )
    layers: int = option(2, "hidden layers", low=1, high=6, label="Hidden layers")
    ordering: str = option(
        "natural", "order in which pixels are drawn", choices=ORDERINGS, label="Pixel order"
    )
    order_seed: int = option(
        0,
        "seed of a random order and of the masks",
        low=0,
        high=2**31 - 1,
        advanced=True,
        label="Order seed",
    )
    masks: int = option(
        1, "sets of masks that share the weights", low=1, high=64, advanced=True, label="Mask sets"
    )
    direct: bool = option(
        True,
        "add direct links from inputs to later outputs",
        advanced=True,
        label="Direct links from inputs",
    )


@MODELS.register(
    "made",
    title="MADE",
    summary="An autoencoder whose masks let each output depend on earlier pixels only.",
    order=190,
)
class MADE(FullyVisible[MADEOptions]):
    """p(x_i = 1 | x_<i) = σ(net_i(x ⊙ masks)), all i in one pass.

    With M sets of masks the model is the mixture p(x) = (1/M) Σ_m p_m(x), exactly, and each
    conditional is p(x_≤i) / p(x_<i) of that mixture. In training each batch uses one random set of
    masks: ``log_prob`` is then log p_m(x), whose mean over m is at most the log p(x) of evaluation
    mode.

    Source: Germain, Gregor, Murray and Larochelle 2015, "MADE: Masked autoencoder for distribution
    estimation".

    Args:
        options: sizes, the order of the pixels, and the masks.
        meta: binary data of any shape.
    """

    Options = MADEOptions

    def __init__(self, options: MADEOptions, meta: DataMeta) -> None:
        super().__init__(options, meta, ordering(options.ordering, options.order_seed, meta.dim))
        self.net = MaskedMLP(
            meta.dim,
            hidden=options.hidden,
            layers=options.layers,
            masks=options.masks,
            seed=options.order_seed,
            direct=options.direct,
        )

    def ordered_logits(self, x: Tensor) -> Tensor:
        """Logits of p(x_i = 1 | x_<i), (B, D) -> (B, D), of the mixture over masks."""
        if self.options.masks == 1:
            result: Tensor = self.net(x)
            return result
        if self.training:
            one: Tensor = self.net(x, int(torch.randint(self.options.masks, ())))
            return one
        every = torch.stack([self.net(x, m) for m in range(self.options.masks)])
        log_p = -F.binary_cross_entropy_with_logits(every, x.expand_as(every), reduction="none")
        weight = (log_p.cumsum(-1) - log_p).log_softmax(0)
        one = torch.logsumexp(weight + F.logsigmoid(every), 0)
        zero = torch.logsumexp(weight + F.logsigmoid(-every), 0)
        return one - zero

    def cursor(self, n: int) -> Cursor:
        return _Cursor(self, n)


class _Cursor(Cursor):
    """Stores the first layer's pre-activation and, with several masks, the weight of each."""

    def __init__(self, model: MADE, n: int) -> None:
        net = model.net
        masks, last = net.masks, len(net.linears) - 1
        self.biases = [net.bias(layer) for layer in range(last + 1)]
        self.weights = [
            torch.stack([net.weight(layer, m) for m in range(masks)]) for layer in range(last + 1)
        ]
        self.before = self.biases[0].expand(masks, n, -1).clone()
        direct = net.direct_weight()
        self.direct = torch.zeros(net.dim, net.dim) if direct is None else direct
        self.x = torch.zeros(n, net.dim)
        self.log_weight = torch.full((masks, n), -math.log(masks))
        self.i = 0
        self.every = torch.empty(0)

    def logit(self) -> Tensor:
        h = F.relu(self.before)
        for weight, bias in zip(self.weights[1:-1], self.biases[1:-1], strict=True):
            h = F.relu(h @ weight.mT + bias)
        out = (h @ self.weights[-1][:, self.i, :, None]).squeeze(-1)
        self.every = out + self.biases[-1][self.i] + self.x @ self.direct[self.i]
        weight = self.log_weight.log_softmax(0)
        one = torch.logsumexp(weight + F.logsigmoid(self.every), 0)
        return one - torch.logsumexp(weight + F.logsigmoid(-self.every), 0)

    def push(self, bit: Tensor) -> None:
        self.log_weight += F.logsigmoid(torch.where(bit > 0.5, self.every, -self.every))
        self.before += bit[:, None] * self.weights[0][:, None, :, self.i]
        self.x[:, self.i] = bit
        self.i += 1
