"""A plugin with a row of each kind for which docs/extending.md has no complete module.

It is loaded through ``GENLAB_PLUGINS`` and never by the tests themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, Normal
from torch.nn.functional import softplus

from genlab.core.tables import ALGORITHMS, JOBS, MODELS, OBJECTIVES
from genlab.data.readers.base import READERS, Examples, Reader
from genlab.distributions.base import LIKELIHOODS, Likelihood
from genlab.distributions.families import Family, Parameter, Support, Tail, register
from genlab.distributions.families.parameters import POSITIVE
from genlab.distributions.families.supports import BOUNDED
from genlab.distributions.posteriors.base import POSTERIORS, Posterior
from genlab.distributions.priors.base import PRIORS, Prior
from genlab.paths.base import PATHS, ProbabilityPath
from genlab.paths.couplings import COUPLINGS
from genlab.paths.predictions import PREDICTIONS, Prediction
from genlab.paths.samplers import SAMPLERS, Sampler, VectorField
from genlab.sentinel.base import SYMPTOMS, Finding, History, Symptom
from genlab.train.gradient import GradientAlgorithm

LIKELIHOODS.register("plugin_laplace", title="Laplace", summary="Real data; one fixed scale.")(
    Likelihood(
        supports=("real",),
        densities=("real",),
        outputs=1,
        make=lambda h, options: Independent(Laplace(h[:, 0], options.sigma), h.dim() - 2),
    )
)


def _softplus_normal(h: Tensor, latent: int) -> Distribution:
    mean, scale = h.chunk(2, dim=1)
    return Independent(Normal(mean, softplus(scale) + 1e-6, validate_args=False), 1)


POSTERIORS.register("plugin_gaussian", title="Gaussian, softplus", summary="σ = softplus(h).")(
    Posterior(outputs=lambda latent: 2 * latent, make=_softplus_normal)
)


@PRIORS.register("plugin_wide", title="Wide normal", summary="N(0, 4 I): nothing is learned.")
class Wide(Prior):
    """p(z) = N(0, 4 I)."""

    def law(self, encode: Callable[[Tensor], Distribution], like: Tensor) -> Distribution:
        zero = torch.zeros(self.latent, dtype=like.dtype, device=like.device)
        return Independent(Normal(zero, 2.0 + zero, validate_args=False), 1)


register(
    Family(
        name="plugin_half_normal",
        title="Half-normal",
        group="composition",
        parameters=(Parameter("scale", r"\sigma", POSITIVE, 1.0, 0.1, 3.0),),
        support=Support("positive", r"(0, \infty)", 0.0),
        sampler=r"\sigma |\varepsilon|",
        density=r"\sqrt{2/\pi}\, e^{-z^2/2\sigma^2}/\sigma",
        draw=lambda p, noise: p["scale"] * noise.normal().abs(),
        log_density=lambda p, z: (
            0.5 * math.log(2 / math.pi) - torch.log(p["scale"]) - 0.5 * (z / p["scale"]) ** 2
        ),
        left=BOUNDED,
        right=Tail("exponential", 2.0, lambda p: 1 / p["scale"]),
        mean_of=lambda p: p["scale"] * math.sqrt(2 / math.pi),
        variance_of=lambda p: (1 - 2 / math.pi) * p["scale"] ** 2,
        entropy_of=lambda p: 0.5 * torch.log(math.pi * p["scale"] ** 2 / 2) + 0.5,
    )
)


class Quadratic(ProbabilityPath):
    """α = t², σ = 1 − t."""

    def alpha(self, t: Tensor) -> Tensor:
        return t**2

    def sigma(self, t: Tensor) -> Tensor:
        return 1.0 - t

    def d_alpha(self, t: Tensor) -> Tensor:
        return 2.0 * t

    def d_sigma(self, t: Tensor) -> Tensor:
        return -torch.ones_like(t)


PATHS.register("plugin_quadratic", title="Quadratic")(Quadratic())
PREDICTIONS.register("plugin_clean", title="Clean point", summary="x₁ scaled by 1 + t.")(
    Prediction(lambda _, t: (1.0 + t, t.new_zeros(t.shape)))
)


def _midpoint(field: VectorField, x: Tensor, t: float, s: float) -> Tensor:
    middle = 0.5 * (t + s)
    half = x + (middle - t) * field.velocity(x, torch.full((len(x),), t, dtype=x.dtype))
    return x + (s - t) * field.velocity(half, torch.full((len(x),), middle, dtype=x.dtype))


SAMPLERS.register("plugin_midpoint", title="Midpoint", summary="The midpoint rule, order 2.")(
    Sampler(_midpoint, 2, 2)
)


@COUPLINGS.register("plugin_reversed", title="Reversed")
def reversed_noise(noise: Tensor, _: Tensor) -> Tensor:
    """The noise in the opposite order: independent of the data as before."""
    return noise.flip(0)


@ALGORITHMS.register("plugin_gradient", title="Gradient descent, again")
class Again(GradientAlgorithm):
    """As ``gradient``, for one model and one objective of the package."""

    @classmethod
    def incompatibility(cls, model: Any, objective: Any) -> str | None:
        mine = model is MODELS["vae"] and objective is OBJECTIVES["elbo"]
        return (
            super().incompatibility(model, objective) if mine else "it is for a VAE and its ELBO"
        )


@READERS.register("plugin_bits", title="bits", summary="Examples of eight bits after PLUGIN.")
class Bits(Reader):
    """One example a byte."""

    @classmethod
    def takes(cls, content: bytes) -> bool:
        return content.startswith(b"PLUGIN")

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Any = None) -> Examples:
        rows = np.frombuffer(content[6:], dtype=np.uint8)
        return Examples(np.unpackbits(rows[:, None], axis=1).astype(float))


@SYMPTOMS.register("plugin_silent", title="Silence")
class Silent(Symptom):
    """A series that no run has."""

    needs = (("plugin_series",),)

    def look(self, history: History) -> Finding | None:
        return None


@JOBS.register("plugin_count", title="How many examples")
def count(
    model: Any, data: Any, values: Mapping[str, Any], progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """The size of the training set."""
    progress(1.0, "Counted.")
    return {"n": np.array([len(data.train)])}
