"""Independent binary pixels; the exact posterior is a Beta distribution for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions.bernoulli import BernoulliProduct
from genlab.models.base import GenerativeModel, HasLogProb
from genlab.models.bayesian import Bayesian, HasComponents


@dataclass(frozen=True)
class IndependentPixelsOptions(Options):
    """Options of the model: its prior."""

    prior_ones: float = option(
        1.0,
        "a of the Beta(a, b) prior: pseudo-count of ones",
        low=1e-3,
        high=1e3,
        log=True,
        label="Prior pseudo-count of ones a",
    )
    prior_zeros: float = option(
        1.0,
        "b of the Beta(a, b) prior: pseudo-count of zeros",
        low=1e-3,
        high=1e3,
        log=True,
        label="Prior pseudo-count of zeros b",
    )


@MODELS.register(
    "independent_pixels",
    title="Independent pixels (Beta-Bernoulli)",
    summary="Each pixel is an independent coin. Posterior and evidence are exact.",
    order=170,
)
class IndependentPixels(
    GenerativeModel[IndependentPixelsOptions], HasLogProb, Bayesian, HasComponents
):
    """p(x) = Π_j Bernoulli(x_j; θ_j), θ_j ~ Beta(a, b).

    With θ_j at its posterior mean, ``log_prob`` is the exact predictive distribution of one new
    image.
    """

    Options = IndependentPixelsOptions

    def __init__(self, options: IndependentPixelsOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.logits = nn.Parameter(0.1 * torch.randn(meta.shape))

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if meta.support != "binary" or not meta.is_image:
            return "it needs binary images (choose a value of binarise)"
        return None

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        # One pass is enough: 12 batches of the 8 x 8 digits, 32 of the 5,000 MNIST digits.
        return {"objective": "bayes", "steps": 50}

    def pixel_distribution(self, n: int) -> BernoulliProduct:
        """The distribution of n images."""
        return BernoulliProduct(self.logits.expand(n, *self.data_shape), len(self.data_shape))

    def log_prob(self, x: Tensor) -> Tensor:
        return self.pixel_distribution(len(x)).log_prob(x)

    def sample(self, n: int) -> Tensor:
        return self.pixel_distribution(n).sample()

    def parts(self) -> tuple[Tensor, Tensor]:
        return self.logits.sigmoid()[None], torch.ones(1)
