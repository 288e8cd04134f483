"""Generative adversarial networks: a generator and a discriminator with a logit output."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from genlab.accelerate import FusedMLP, FusedSequential, apply_fused
from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.distributions.mixed import ColumnHead
from genlab.models.base import GenerativeModel, HasCritic, HasFusedMLPs, O
from genlab.models.latent import StandardPrior
from genlab.models.vae import picture_of_known_size
from genlab.nets import dcgan_discriminator, dcgan_generator, mlp
from genlab.nets.spectral import spectral

#: Activations of the critic of linear layers; only the first has fused gradients.
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
}


@dataclass(frozen=True)
class GANOptions(Options):
    """Options of the GAN of linear layers."""

    latent: int = option(
        64, "size of the latent code z", low=1, high=512, label="Latent dimensions"
    )
    hidden: int = option(
        256, "units of a hidden layer", low=1, high=4096, log=True, label="Hidden units"
    )
    layers: int = option(2, "hidden layers of each net", low=1, high=8, label="Hidden layers")


@dataclass(frozen=True)
class DCGANOptions(Options):
    """Options of the convolutional GAN."""

    latent: int = option(
        64, "size of the latent code z", low=1, high=512, label="Latent dimensions"
    )
    width: int = option(
        32,
        "channels of the largest hidden map; each halving doubles them",
        low=4,
        high=256,
        label="Channels",
    )


@dataclass(frozen=True)
class CriticOptions(Options):
    """Options of the critic's input and of its Lipschitz constraint."""

    pack: int = option(
        1,
        "examples that the critic scores together (PacGAN)",
        low=1,
        high=4,
        advanced=True,
        label="Examples per pack (PacGAN)",
    )
    spectral: bool = option(
        False,
        "normalise the critic's layers to largest singular value 1 (replaces batch normalisation)",
        advanced=True,
        label="Spectral normalisation",
    )


@dataclass(frozen=True)
class ActivationOptions(Options):
    """Options of the activation of a critic of linear layers."""

    critic_activation: str = option(
        "leaky_relu",
        "activation between the critic's layers; with tanh the score is bounded far from the data",
        choices=tuple(ACTIVATIONS),
        advanced=True,
        label="Critic activation",
    )


@dataclass(frozen=True)
class OutputOptions(Options):
    """Options of the generator's output."""

    generator_output: str = option(
        "plain",
        "for your own table: plain numbers, or mixed: valid values of each column (categories, "
        "whole numbers and bounds, with straight-through gradients)",
        choices=("plain", "mixed"),
        advanced=True,
        label="Generator output",
    )


@dataclass(frozen=True)
class PlainGANOptions(GANOptions, CriticOptions, ActivationOptions, OutputOptions):
    """Options of the row ``gan``."""


@dataclass(frozen=True)
class PlainDCGANOptions(DCGANOptions, CriticOptions):
    """Options of the row ``dcgan``."""


class GeneratorAndCritic(StandardPrior, GenerativeModel[O], HasCritic, abc.ABC):
    """x = G(z) with z from N(0, I), and the logit l(x) = head(body(x)) of D(x) = σ(l(x)).

    For images both nets work in [-1, 1]; this class converts to and from data space.

    With ``pack`` m > 1 the critic scores m examples at once, concatenated along their first axis:
    rows 1 to m of a batch are one pack, and so on; the last pack is filled from the first rows.
    Each row has the score of its pack, so that means over rows are means over packs and objectives
    need no change. The gradient norm at one example is then m‖∂C/∂xᵢ‖, the norm for the mean
    distance of two packs, (1/m)Σ‖xᵢ − yᵢ‖, for which W₁ of packs equals W₁ of examples.

    Sources: Goodfellow et al. 2014, "Generative adversarial nets"; packs: Lin et al. 2018,
    "PacGAN: the power of two samples in generative adversarial networks".
    """

    generator: nn.Module
    body: nn.Module
    head: nn.Module

    def __init__(self, options: O, meta: DataMeta) -> None:
        super().__init__(options, meta)
        settings: Any = options
        self.latent: int = settings.latent
        self.bounded = meta.support != "real"
        extra = options if isinstance(options, CriticOptions) else CriticOptions()
        self.pack, self.spectral = extra.pack, extra.spectral
        #: Sizes of the generator's input and of the critic's output.
        self.inputs, self.scores = self._sizes()
        #: The shape of the critic's input, a pack.
        self.critic_shape = (meta.shape[0] * self.pack, *meta.shape[1:])

    def _sizes(self) -> tuple[int, int]:
        """The sizes of the generator's input and of the critic's output."""
        return self.latent, 1

    def _normalised(self) -> None:
        """Apply spectral normalisation to the critic's layers if the options ask for it."""
        if self.spectral:
            spectral(self.body)
            spectral(self.head)

    def player(self, name: str) -> Iterable[nn.Parameter]:
        if name == "generator":
            return self.generator.parameters()
        return [*self.body.parameters(), *self.head.parameters()]

    def decode(self, z: Tensor) -> Point:
        x = self.generator(z)
        if self.bounded:
            x = 0.5 * x + 0.5
        return Point(x.view(len(z), *self.data_shape), len(self.data_shape))

    def _ranged(self, x: Tensor) -> Tensor:
        return 2.0 * x - 1.0 if self.bounded else x

    def _hidden(self, packs: Tensor) -> Tensor:
        found: Tensor = self.body(self._ranged(packs))
        return found

    def _score_packs(self, packs: Tensor) -> Tensor:
        """The logits of packs, (P, *seen) -> (P,)."""
        logits: Tensor = self.head(self._hidden(packs))
        return logits.view(len(packs))

    def features(self, x: Tensor) -> Tensor:
        """The critic's last hidden layer, (B, *data_shape) -> (B, f).

        With packs: of packs that repeat one example ``pack`` times.
        """
        return self._hidden(x.repeat(1, self.pack, *[1] * (x.dim() - 2))).flatten(1)

    def score(self, x: Tensor) -> Tensor:
        """The critic's raw output for the pack of each row, (B, *data_shape) -> (B,)."""
        n, m = len(x), self.pack
        if m == 1:
            return self._score_packs(x)
        missing = -n % m
        if missing:
            x = torch.cat([x, x[torch.arange(missing) % n]])
        return self._score_packs(x.reshape(-1, *self.critic_shape)).repeat_interleave(m)[:n]


class MLPGeneratorAndCritic(GeneratorAndCritic[O], abc.ABC):
    """Generator and critic with multilayer perceptrons, for images and points."""

    body: nn.Sequential

    def __init__(self, options: O, meta: DataMeta) -> None:
        super().__init__(options, meta)
        settings: Any = options
        hidden = [settings.hidden] * settings.layers
        mixed = getattr(options, "generator_output", "plain") == "mixed"
        last = [nn.Tanh()] if self.bounded and not mixed else []
        activation = options if isinstance(options, ActivationOptions) else ActivationOptions()
        self.activation = activation.critic_activation
        self.table_head = self._table_head()
        outputs = meta.dim if self.table_head is None else self.table_head.generator_size
        self.generator = FusedSequential(*mlp([self.inputs, *hidden, outputs]), *last)
        self.body = FusedSequential(
            nn.Flatten(),
            *mlp([self.pack * meta.dim, *hidden], ACTIVATIONS[self.activation], final=True),
        )
        self.head = nn.Linear(settings.hidden, self.scores)
        self._normalised()

    def _table_head(self) -> ColumnHead | None:
        """The map from generator outputs to the columns of a table; None for plain numbers."""
        options: Any = self.options
        mixed = isinstance(options, OutputOptions) and options.generator_output == "mixed"
        return ColumnHead(self.meta) if mixed else None

    def decode(self, z: Tensor) -> Point:
        if self.table_head is None:
            return super().decode(z)
        return Point(self.table_head.generate(self.generator(z)), 1)

    def _score_packs(self, packs: Tensor) -> Tensor:
        # Body and head in one call, which is faster than two.
        return apply_fused([*self.body, self.head], self._ranged(packs)).view(len(packs))

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        common = {"objective": "nonsaturating"}
        if meta.is_image:
            nets = {"latent": 64, "hidden": 256, "layers": 2}
            # 2,000 steps at 2e-4 give only blurred shapes of the digits, 8 x 8 or 28 x 28; at 1e-3
            # all digits appear.
            return common | nets | {"lr": 1e-3, "beta1": 0.5}
        # Adam without momentum: on the ring of 8 modes four of four seeds reached all modes within
        # 500 steps; with beta1 = 0.5 and beta2 = 0.999 three of four did. Batches of 128: four of
        # four seeds had 92 to 95 % high quality after 3,000 steps (94 to 96 % with 256), in two
        # thirds of the time. On the line there is one code, so that the generator's density can be
        # integrated.
        nets = {"latent": min(2, meta.dim), "hidden": 64, "layers": 3}
        return common | nets | {"lr": 1e-3, "beta1": 0.0, "beta2": 0.9, "batch": 128}


#: Defaults of a GAN for a user's table. Without the gradient penalty a column of
#: two values lost one of them on 244 rows of tips (standard deviation 0.2 to 0.7 of the data's).
TABLE_DEFAULTS: dict[str, Any] = {"generator_output": "mixed", "latent": 16, "objective": "r1"}

#: What a GAN takes for points in the plane. At a constant rate of 1e-3 its modes circle the true
#: ones at up to 0.9 of a mode's standard deviation, which a count of modes does not see: JS to the
#: ring's density is 0.253, falling from 2e-3 to 0 it is 0.148, difference over five pairs of seeds
#: -0.105 [-0.163, -0.046], with 94.0 for 92.7 % of high quality (`genlab study --table narrow`).
PLANE_DEFAULTS: dict[str, Any] = {"lr": 2e-3, "lr_final_ratio": 0.0}


@MODELS.register("gan", title="GAN", summary="A GAN of linear layers, for any data.", order=30)
class GAN(MLPGeneratorAndCritic[GANOptions], HasFusedMLPs):
    """The GAN with multilayer perceptrons, for images and points."""

    Options: ClassVar[type[GANOptions]] = PlainGANOptions

    @classmethod
    def choices(cls, meta: DataMeta) -> dict[str, tuple[Any, ...]]:
        return {} if meta.schema else {"generator_output": ("plain",)}

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        found = super().defaults(meta)
        if meta.schema:
            return found | TABLE_DEFAULTS
        return found | PLANE_DEFAULTS if meta.shape == (2,) else found

    def fused_mlps(self) -> tuple[FusedMLP, FusedMLP] | None:
        if self.pack > 1 or self.spectral or self.activation == "tanh":
            return None
        if self.table_head is not None:
            return None
        return FusedMLP(self.generator.children()), FusedMLP([*self.body, self.head])

    def flatten(self, x: Tensor) -> Tensor:
        return self._ranged(x.flatten(1))


@MODELS.register(
    "dcgan",
    title="DCGAN",
    summary="A GAN of convolutional nets by the DCGAN rules.",
    order=40,
)
class DCGAN(GeneratorAndCritic[DCGANOptions]):
    """The convolutional GAN, for images of 8, 28, 32 and 64 pixels.

    With ``spectral`` the critic has no batch normalisation, which would undo the bound.

    Source: Radford, Metz and Chintala 2016 (see :mod:`genlab.nets.conv` for the rules).
    """

    Options: ClassVar[type[DCGANOptions]] = PlainDCGANOptions
    batch_normalised = True

    def __init__(self, options: DCGANOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.generator = dcgan_generator(self.inputs, meta.shape, options.width)
        self.body, self.head = dcgan_discriminator(
            self.critic_shape, options.width, self.scores, batch_norm=not self.spectral
        )
        self.batch_normalised = not self.spectral
        self._normalised()

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return picture_of_known_size(meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        # The paper's settings of Adam. A narrower net with 5e-4 and batches of 64 generates all
        # digits of 28 x 28 after 40 s on one core (900 steps); these settings need minutes.
        return {
            "objective": "nonsaturating",
            "lr": 2e-4,
            "beta1": 0.5,
            "batch": 128,
            "width": 16 if meta.dim < 256 else 32,
        }
