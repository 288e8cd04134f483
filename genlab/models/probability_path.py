"""The base of probability-path models: nets of (x, t), the flow as decoder and encoder."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genlab.core.options import Options, option
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.models.base import GenerativeModel, HasProbabilityPath, O
from genlab.models.dequantise import Dequantises
from genlab.models.labels import LabelConditioned
from genlab.models.latent import StandardPrior
from genlab.nets.conditioned import ConditionedMLP, UNet, time_features
from genlab.nets.conv import SIZES
from genlab.paths import SAMPLERS, LogProbEstimate, log_prob_ode
from genlab.paths.base import over, stored_once

NETS = ("mlp", "unet")
#: Times of which a model keeps what its net reads of them.
KEPT_TIMES = 2048


@dataclass(frozen=True)
class PathOptions(Options):
    """Options of every model of a probability path."""

    net: str = option(
        "mlp",
        "net of the point and the time: residual linear layers, or a U-Net",
        choices=NETS,
        label="Net",
    )
    hidden: int = option(
        128,
        "units of a hidden layer of the linear net",
        low=4,
        high=2048,
        log=True,
        label="Hidden units",
    )
    layers: int = option(
        3, "residual blocks of the linear net", low=1, high=12, label="Residual blocks"
    )
    width: int = option(
        16,
        "channels of the U-Net's largest map; each halving doubles them",
        low=4,
        high=128,
        label="Channels",
    )
    sampler: str = option(
        "heun", "sampler from noise to data", choices=lambda: SAMPLERS.names(), label="Sampler"
    )
    sampling_steps: int = option(
        32, "steps of the sampler", low=1, high=1000, log=True, label="Sampler steps"
    )
    data_std: float = option(
        1.0,
        "standard deviation of an entry of the data (for images in [−1, 1]), which scales the "
        "net's input",
        low=0.01,
        high=100.0,
        unit="data units",
        label="Standard deviation of the data",
        log=True,
        advanced=True,
    )


@dataclass(frozen=True)
class GuidanceOptions(Options):
    """Options of a class-conditional model of a path."""

    guidance: float = option(
        1.0,
        "guidance weight w: (1 − w) unconditional + w conditional; 0: no class, 1: no guidance",
        low=0.0,
        high=20.0,
        label="Guidance weight",
    )


class PathModel(StandardPrior, Dequantises, GenerativeModel[O], HasProbabilityPath, abc.ABC):
    """A model whose net reads a point of a path and the time.

    The code z ~ N(0, I) is the noise at t = 0 in units of its standard deviation; ``decode``
    integrates the velocity to t = 1 and ``encode`` integrates it back. Only ``sample`` uses a
    stochastic sampler; decoder and encoder then use DDIM.
    """

    net: nn.Module

    def __init__(self, options: O, meta: DataMeta) -> None:
        super().__init__(options, meta)
        o: Any = options
        self.latent = meta.dim
        self._find_cells(meta)
        self._at_times: dict[Any, tuple[Tensor, Tensor]] = {}
        self.stretched = meta.support != "real"
        self.sampler = SAMPLERS[o.sampler]
        self.flow = self.sampler if self.sampler.deterministic else SAMPLERS["ddim"]
        classes = self._class_inputs()
        if o.net == "unet":
            self.net = UNet(meta.shape, o.width, classes)
        else:
            self.net = ConditionedMLP(meta.dim, o.hidden, o.layers, classes)

    def _class_inputs(self) -> int:
        """The size of the one-hot class code that the net reads."""
        return 0

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if meta.is_image and meta.dim > 64 and _unet_incompatibility(meta):
            return _unet_incompatibility(meta)
        return None

    @classmethod
    def choices(cls, meta: DataMeta) -> dict[str, tuple[Any, ...]]:
        return {"net": NETS if _unet_incompatibility(meta) is None else ("mlp",)}

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return path_defaults(meta)

    def to_path(self, x: Tensor) -> Tensor:
        if self.stretched:
            return 2.0 * x - 1.0
        return self.with_noise(x) if self.training else x

    def from_path(self, x: Tensor) -> Tensor:
        """Path space to data space at t = 1; images are clamped to [0, 1]."""
        return (0.5 * x + 0.5).clamp(0.0, 1.0) if self.stretched else x

    def _output(self, x: Tensor, t: Tensor, classes: Tensor | None = None) -> Tensor:
        """The net at x_t, its input scaled to variance 1, (B, *data_shape) and (B,)."""
        scale, features = self._inputs(stored_once(t), x)
        if classes is not None:
            codes = classes.to(x.dtype)
            features = torch.cat([features.expand(len(codes), -1), codes], 1)
        out: Tensor = self.net(over(scale, x) * x, features)
        return out

    def _inputs(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The scale of the net's input and the features of the time, (B,) and (B, f).

        Those of a single time are kept: a sampler comes by the same times again and again.
        """
        key = (float(t), x.dtype, x.device) if len(t) == 1 and not self.training else None
        if key in self._at_times:
            return self._at_times[key]
        o: Any = self.options
        # The noise level in double precision, since 1 - t is inaccurate near the data.
        exact = t.double()
        alpha, sigma = self.path.alpha(exact), self.path.sigma(exact)
        scale = (alpha.square() * o.data_std**2 + sigma.square()).rsqrt()
        level = 0.25 * (sigma.clamp(min=1e-12) / alpha.clamp(min=1e-12)).log()
        found = scale, time_features(exact.to(x.dtype), level.to(x.dtype))
        if key is not None and len(self._at_times) < KEPT_TIMES:
            self._at_times[key] = found
        return found

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        return self._output(x, t)

    def decode(self, z: Tensor, each: Callable[[float, Tensor], None] | None = None) -> Point:
        """x at the end of the flow from z.

        ``each`` is called as by :meth:`genlab.paths.samplers.Sampler.run`.
        """
        x = self.path.start_scale * z.view(len(z), *self.data_shape)
        x = self.flow.run(self, x, self._steps, each=each)
        return Point(self.from_path(x), len(self.data_shape))

    def encode(self, x: Tensor) -> Point:
        z = self.flow.run(self, self.to_path(x), self._steps, backward=True)
        return Point(z.flatten(1) / self.path.start_scale, 1)

    @property
    def decoder_steps(self) -> int:
        """Steps of the flow from a code to data."""
        return len(self.path.times(self._steps)) - 1

    @property
    def decoder_evaluations(self) -> int:
        """Evaluations of the velocity for one decoded code."""
        return self.flow.evaluations(self._steps, self.path)

    @property
    def _steps(self) -> int:
        o: Any = self.options
        steps: int = o.sampling_steps
        return steps

    def sample(self, n: int) -> Tensor:
        """n draws with the sampler of the options, (n, *data_shape)."""
        z = self.prior().sample(torch.Size((n,)))
        if self.sampler.deterministic:
            return self.decode(z).mean
        x = self.path.start_scale * z.view(n, *self.data_shape)
        return self.from_path(self.sampler.run(self, x, self._steps))

    def log_prob_ode(self, x: Tensor, steps: int = 64, probes: int = 0) -> LogProbEstimate:
        if not self.stretched:
            x = self.with_noise(x)
            return log_prob_ode(self.velocity, self.path, x, steps, probes=probes)
        found = log_prob_ode(self.velocity, self.path, self.to_path(x), steps, probes=probes)
        # Path space is twice as wide as data space along each axis.
        volume = self.meta.dim * math.log(2.0)
        return LogProbEstimate(found.log_prob + volume, found.error, found.noise)


class Guided(LabelConditioned):
    """A path model of classes with classifier-free guidance.

    predict = (1 − w) predict(no class) + w predict(class), outside training.

    Source: Ho and Salimans 2022, "Classifier-free diffusion guidance", whose weight is w − 1.
    """

    options: Any

    def _class_inputs(self) -> int:
        return self.classes

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """The net's estimate at x_t, guided outside training, (B, *data_shape) and (B,)."""
        codes, w = self.codes(len(x)), self.options.guidance
        if self.training or self._codes is None or w == 1.0:
            conditional: Tensor = self._output(x, t, codes)  # type: ignore[attr-defined]
            return conditional
        free: Tensor = self._output(x, t, torch.zeros_like(codes))  # type: ignore[attr-defined]
        if w == 0.0:
            return free
        conditional = self._output(x, t, codes)  # type: ignore[attr-defined]
        return torch.lerp(free, conditional, w)


def _unet_incompatibility(meta: DataMeta) -> str | None:
    if not meta.is_image:
        return "a U-Net needs images"
    if meta.shape[1] != meta.shape[2] or meta.shape[1] not in SIZES:
        sides = ", ".join(map(str, SIZES))
        return f"it needs square images of {sides} pixels a side, not {meta.shape[1:]}"
    return None


def path_defaults(meta: DataMeta) -> dict[str, Any]:
    """Defaults of path models for such data."""
    if meta.is_image:
        net = "unet" if _unet_incompatibility(meta) is None else "mlp"
        return {
            "net": net,
            "width": 16,
            "hidden": 256,
            "sampling_steps": 16,
            "data_std": 0.6,
            "lr": 2e-3,
            "lr_final_ratio": 0.0,
            "batch": 64,
            "ema_decay": 0.995,
        }
    # On the ring 8 steps of Runge–Kutta 4 are as accurate as 32 of Heun, with half the
    # evaluations.
    return {
        "net": "mlp",
        "sampler": "rk4",
        "sampling_steps": 8,
        "hidden": 128,
        "layers": 3,
        "lr": 2e-3,
        "lr_final_ratio": 0.0,
        "batch": 256,
        "steps": 4000,
        "ema_decay": 0.995,
    }
