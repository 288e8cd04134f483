"""Normalising flows: invertible nets with a tractable Jacobian determinant."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.models.base import GenerativeModel, HasInverse
from genlab.models.dequantise import POINTS, Dequantises
from genlab.models.latent import StandardPrior
from genlab.nets.masked import MaskedMLP
from genlab.nets.mlp import mlp

#: A layer scales an axis by a factor between e^−STEEPEST and e^STEEPEST.
STEEPEST = 3.0
#: Initial scale of a layer's last weights; 0 would give the others no gradient.
SMALL = 0.1
#: Images are squeezed away from 0 and 1 by this share before the logit.
MARGIN = 0.05


@dataclass(frozen=True)
class FlowOptions(Options):
    """Options of the normalising flows."""

    hidden: int = option(
        64, "units of a hidden layer", low=4, high=2048, log=True, label="Hidden units"
    )
    layers: int = option(2, "hidden layers of each net", low=1, high=8, label="Hidden layers")
    flow_layers: int = option(
        8, "invertible layers of the flow", low=1, high=64, log=True, label="Flow layers"
    )
    levels: int = option(
        256,
        "grey levels of a pixel: training adds uniform noise of one level (dequantisation), "
        "without which the density is unbounded",
        low=2,
        high=256,
        log=True,
        label="Grey levels",
        advanced=True,
    )


class Layer(nn.Module, abc.ABC):
    """An invertible map of vectors with its log-determinant."""

    @abc.abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """y and log|det ∂y/∂x|, (B, d) -> (B, d), (B,), towards the base distribution."""

    @abc.abstractmethod
    def inverse(self, y: Tensor) -> Tensor:
        """x, (B, d) -> (B, d), towards the data."""


def near_zero(*layers: nn.Linear | nn.Parameter | None) -> None:
    """Scale the last weights of a net so that its layer starts near the identity."""
    with torch.no_grad():
        for layer in layers:
            if layer is None:
                continue
            weight = layer.weight if isinstance(layer, nn.Linear) else layer
            weight.mul_(SMALL)
            if isinstance(layer, nn.Linear):
                layer.bias.mul_(SMALL)


def bounded(raw: Tensor) -> Tensor:
    """A log-scale bounded to ±STEEPEST, with derivative 1 at 0."""
    return STEEPEST * torch.tanh(raw / STEEPEST)


class AffineCoupling(Layer):
    """y_a = x_a, y_b = x_b e^{s(x_a)} + t(x_a), log|det| = Σ s.

    Source: Dinh, Sohl-Dickstein and Bengio 2017, "Density estimation using Real NVP".

    Args:
        mask: (d,) of booleans, true for the entries x_a that stay.
        hidden, layers: of the nets s and t.
    """

    unchanged: Tensor
    transformed: Tensor

    def __init__(self, mask: Tensor, hidden: int, layers: int) -> None:
        super().__init__()
        self.register_buffer("unchanged", mask.nonzero().flatten(), persistent=False)
        self.register_buffer("transformed", (~mask).nonzero().flatten(), persistent=False)
        sizes = [len(self.unchanged), *[hidden] * layers]
        self.net = mlp([*sizes, 2 * len(self.transformed)])
        near_zero(self.net[-1])  # type: ignore[arg-type]

    def _of(self, x: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.net(x[:, self.unchanged]).chunk(2, dim=1)
        return bounded(raw), shift

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self._of(x)
        y = x.index_copy(1, self.transformed, x[:, self.transformed] * scale.exp() + shift)
        return y, scale.sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        scale, shift = self._of(y)
        return y.index_copy(1, self.transformed, (y[:, self.transformed] - shift) * (-scale).exp())


class MaskedAutoregressive(Layer):
    """z_i = (x_i − μ_i(x_<i)) e^{−a_i(x_<i)}, log|det ∂z/∂x| = −Σ a_i.

    The map to z takes one pass of the net, the inverse takes d passes.

    Source: Papamakarios, Pavlakou and Murray 2017, "Masked autoregressive flow for density
    estimation".

    Args:
        dim: d.
        hidden, layers: of the masked nets of μ and a.
        seed: of their masks.
        reverse: whether the chain rule goes from the last entry to the first.
    """

    def __init__(self, dim: int, hidden: int, layers: int, seed: int, reverse: bool) -> None:
        super().__init__()
        self.reverse = reverse
        self.shift = MaskedMLP(dim, hidden=hidden, layers=layers, seed=seed)
        self.scale = MaskedMLP(dim, hidden=hidden, layers=layers, seed=seed + 1)
        for net in (self.shift, self.scale):
            near_zero(net.linears[-1], net.direct)  # type: ignore[arg-type]

    def _turned(self, x: Tensor) -> Tensor:
        return x.flip(1) if self.reverse else x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self._turned(x)
        scale = bounded(self.scale(x))
        z = (x - self.shift(x)) * (-scale).exp()
        return self._turned(z), -scale.sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        z = self._turned(y)
        x = torch.zeros_like(z)
        for i in range(z.shape[1]):
            entry = z[:, i] * bounded(self.scale(x)[:, i]).exp() + self.shift(x)[:, i]
            x = torch.cat([x[:, :i], entry[:, None], x[:, i + 1 :]], 1)
        return self._turned(x)


class Affine(Layer):
    """y = (x − b) e^{−s}, a learned scale and shift of each entry (ActNorm)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = (x - self.shift) * (-self.log_scale).exp()
        return y, (-self.log_scale.sum()).expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        return y * self.log_scale.exp() + self.shift


class NormalizingFlow(
    StandardPrior, Dequantises, GenerativeModel[FlowOptions], HasInverse, abc.ABC
):
    """log p(x) = log N(f(x); 0, I) + log|det ∂f/∂x| for an invertible f, a chain of layers.

    For images f starts with a logit. Training adds uniform noise of one cell to the categories and
    whole numbers of a table's row; ``log_prob`` then gives their probability.

    Sources: Rezende and Mohamed 2015, "Variational inference with normalizing flows";
    Papamakarios et al. 2021, "Normalizing flows for probabilistic modeling and inference".
    """

    Options = FlowOptions
    #: Whether its layers are more than affine in one dimension.
    bends_lines: ClassVar[bool] = False

    def __init__(self, options: FlowOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.latent = meta.dim
        self.pictures = meta.support != "real"
        self._find_cells(meta)
        self.chain = nn.ModuleList(self._layers(options, meta.dim))

    @abc.abstractmethod
    def _layers(self, options: FlowOptions, dim: int) -> list[Layer]:
        """The layers from the data to the base distribution."""

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if meta.support == "binary":
            return "it models a density, and binary pixels have none"
        if meta.dim < 2 and not cls.bends_lines:
            return (
                "in one dimension its layers only map one Gaussian to another; it needs at "
                "least two entries; a flow for one is spline_flow"
            )
        return None

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        common = {"objective": "likelihood", "lr_final_ratio": 0.0}
        if meta.is_image:
            sizes = {"hidden": 256, "layers": 2, "flow_layers": 6}
            grey = {"levels": 17 if meta.dim <= 64 else 256}
            return common | sizes | grey | {"lr": 1e-3, "batch": 64}
        return common | {"lr": 2e-3, "batch": 256, "steps": 4000}

    def _into(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Data as unbounded vectors, and the log-determinant of this map, (B, d), (B,)."""
        flat = x.flatten(1)
        if not self.pictures:
            seen = self.with_noise(flat) if self.training else flat
            return seen, flat.new_zeros(len(flat))
        levels = self.options.levels
        # Without noise: the centre of a grey level's cell.
        noise = torch.rand_like(flat) if self.training else 0.5
        inside = (flat * (levels - 1) + noise) / levels
        share = MARGIN + (1.0 - 2.0 * MARGIN) * inside
        volume = math.log((1.0 - 2.0 * MARGIN) * (levels - 1) / levels)
        slope = -share.log() - torch.log1p(-share) + volume
        return torch.logit(share), slope.sum(1)

    def _out(self, flat: Tensor) -> Tensor:
        """The inverse of ``_into``, (B, d) -> (B, *data_shape)."""
        if self.pictures:
            levels = self.options.levels
            inside = (torch.sigmoid(flat) - MARGIN) / (1.0 - 2.0 * MARGIN)
            flat = ((inside * levels - 0.5) / (levels - 1)).clamp(0.0, 1.0)
        return flat.view(len(flat), *self.data_shape)

    def transform(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z, total = self._into(x)
        for layer in self.chain:
            z, log_det = layer(z)
            total = total + log_det
        return z, total

    def log_prob(self, x: Tensor) -> Tensor:
        if self.training or not len(self._cells):
            return self._log_density(x)
        # The mean density of the cell; its width in the file's units is 1.
        parts = [self._log_density(x + u) for u in self.cell_points()]
        return torch.logsumexp(torch.stack(parts), 0) - math.log(POINTS)

    def _log_density(self, x: Tensor) -> Tensor:
        z, log_det = self.transform(x)
        return log_det - 0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def encode(self, x: Tensor) -> Point:
        return Point(self.transform(x)[0], 1)

    def decode(self, z: Tensor) -> Point:
        for layer in reversed(self.chain):
            z = layer.inverse(z)  # type: ignore[operator]
        return Point(self._out(z), len(self.data_shape))


@MODELS.register(
    "realnvp",
    order=400,
    title="RealNVP",
    summary="A normalising flow of affine couplings: exact density, fast in both directions.",
)
class RealNVP(NormalizingFlow):
    """Affine couplings with alternating masks and a learned scale of every entry in between."""

    def _layers(self, options: FlowOptions, dim: int) -> list[Layer]:
        layers: list[Layer] = []
        for i in range(options.flow_layers):
            mask = (torch.arange(dim) + i) % 2 == 0
            layers += [Affine(dim), AffineCoupling(mask, options.hidden, options.layers)]
        return layers


@MODELS.register(
    "maf",
    order=410,
    title="Masked autoregressive flow",
    summary="An autoregressive normalising flow: exact density, sequential sampling.",
)
class MAF(NormalizingFlow):
    """Masked autoregressive layers with the order reversed from one to the next."""

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if meta.dim > 256:
            return "a sample takes one pass per entry, and at most 256 entries are allowed"
        return super().incompatibility(meta)

    def _layers(self, options: FlowOptions, dim: int) -> list[Layer]:
        layers: list[Layer] = []
        for i in range(options.flow_layers):
            autoregressive = MaskedAutoregressive(
                dim, options.hidden, options.layers, 2 * i, reverse=i % 2 == 1
            )
            layers += [Affine(dim), autoregressive]
        return layers
