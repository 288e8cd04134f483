"""Denoising diffusion: DDPM with T steps and its ELBO, and EDM with its preconditioning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.options import option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.base import HasDiffusionSteps
from genlab.models.probability_path import GuidanceOptions, Guided, PathModel, PathOptions
from genlab.paths import PATHS, PREDICTIONS, SAMPLERS, Prediction, ProbabilityPath
from genlab.paths.base import over, stored_once
from genlab.paths.elbo import VARIANCES, elbo_terms
from genlab.paths.noise_schedules import SCHEDULES, Discrete


@dataclass(frozen=True)
class DDPMOptions(PathOptions):
    """Options of the row ``ddpm``."""

    diffusion_steps: int = option(
        1000,
        "steps T of the noise schedule",
        low=21,
        high=4000,
        log=True,
        label="Diffusion steps T",
    )
    noise_schedule: str = option(
        "linear", "noise schedule β_i", choices=tuple(SCHEDULES), label="Noise schedule"
    )
    predicts: str = option(
        "noise",
        "what the net predicts: the noise ε, or v = α ε − σ x₁",
        choices=("noise", "v"),
        label="Prediction target",
    )
    reverse_variance: str = option(
        "posterior",
        "variance of the reverse steps in the ELBO: β, or that of q(x_{i−1} | x_i, x)",
        choices=VARIANCES,
        advanced=True,
        label="Variance of the reverse steps",
    )


@dataclass(frozen=True)
class ConditionalDDPMOptions(DDPMOptions, GuidanceOptions):
    """Options of the row ``conditional_ddpm``."""


class Diffusion(PathModel[Any], HasDiffusionSteps):
    """x_i = √ᾱ_i x + √(1 − ᾱ_i) ε for i = 1, ..., T, and a net that predicts ε or v from it.

    Sources: Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models"; v: Salimans
    and Ho 2022, "Progressive distillation for fast sampling of diffusion models".
    """

    path: Discrete

    def __init__(self, options: Any, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.path = Discrete(SCHEDULES[options.noise_schedule](options.diffusion_steps))
        self.prediction = PREDICTIONS[options.predicts]

    @property
    def diffusion_steps(self) -> int:
        return self.path.steps

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        few: dict[str, Any] = {"sampling_steps": 32, "sampler": "ddim"}
        if not meta.is_image:
            few = {"sampling_steps": 64, "sampler": "ddim", "steps": 8000}
        return super().defaults(meta) | few | {"objective": "denoising"}

    def estimates(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(D, ε̂) as the net predicts them; of a picture D is held in [−1, 1] after training.

        Near the noise an error of the predicted ε counts 1/α-fold in D; held in the range of the
        pixels it cannot carry a sample away (Ho, Jain and Abbeel 2020 do the same).
        """
        clean, noise = super().estimates(x, t)
        if not self.stretched or self.training:
            return clean, noise
        clamped = clean.clamp(-1.0, 1.0)
        exact = stored_once(t).double()
        sigma = over(self.path.sigma(exact).clamp(min=1e-12), x)
        # What D loses, ε̂ gains: both still make up x.
        return clamped, noise + over(self.path.alpha(exact), x) * (clean - clamped) / sigma

    def elbo_terms(self, x: Tensor, steps: Tensor) -> Tensor:
        kind = self.options.reverse_variance
        x1 = self.to_path(x) if self.stretched else self.with_noise(x)
        found = elbo_terms(self.estimates, self.path, x1, steps, kind)
        if not self.stretched:
            return found
        # Change of variables: the density of x is 2^d times that in path space.
        return torch.where(steps == 1, found - self.meta.dim * math.log(2.0), found)


@MODELS.register(
    "ddpm",
    order=440,
    title="DDPM",
    summary="Denoising diffusion with T steps of noise and an ELBO.",
)
class DDPM(Diffusion):
    """The denoising diffusion probabilistic model."""

    Options = DDPMOptions


@MODELS.register(
    "conditional_ddpm",
    order=450,
    title="Conditional DDPM",
    summary="Denoising diffusion conditioned on the class, with classifier-free guidance.",
)
class ConditionalDDPM(Guided, Diffusion):
    """The DDPM of p(x | y), and of p(x) if the class is withheld."""

    Options = ConditionalDDPMOptions

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return cls.needs_labels(meta) or super().incompatibility(meta)


def edm_prediction(data_std: float) -> Prediction:
    """EDM's target F* = (x₁ − c_skip x)/c_out as a x₁ + b ε.

    With s = √(σ² + σ_d²): c_skip = σ_d²/s², c_out = σ σ_d/s, so a = σ/(σ_d s), b = −σ_d/s. The
    loss |F − F*|² is EDM's λ(σ)|D − x₁|² with λ = 1/c_out².

    Source: Karras et al. 2022, table 1.

    Args:
        data_std: σ_d.
    """

    def coefficients(path: ProbabilityPath, t: Tensor) -> tuple[Tensor, Tensor]:
        sigma = path.sigma(t)
        scale = (sigma.square() + data_std**2).rsqrt()
        return sigma * scale / data_std, -data_std * scale

    return Prediction(coefficients)


@MODELS.register(
    "edm",
    order=460,
    title="EDM",
    summary="Diffusion with noise levels up to 80 and a preconditioned net (EDM).",
)
class EDMDiffusion(PathModel[PathOptions]):
    """D(x, σ) = c_skip x + c_out F(c_in x, ¼ ln σ) for x = x₁ + σ ε.

    Source: Karras, Aittala, Aila and Laine 2022, "Elucidating the design space of diffusion-based
    generative models".
    """

    Options = PathOptions

    def __init__(self, options: PathOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.path = PATHS["edm"]
        self.prediction = edm_prediction(options.data_std)

    @classmethod
    def choices(cls, meta: DataMeta) -> dict[str, tuple[Any, ...]]:
        able = tuple(n for n in SAMPLERS.names() if not SAMPLERS[n].variance_preserving)
        return super().choices(meta) | {"sampler": able}

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        few = {"sampler": "heun", "sampling_steps": 18 if meta.is_image else 24}
        return super().defaults(meta) | few | {"objective": "denoising"}
