"""Probes of a critic: its confidence, its bound, its features.

If the critic's output is not a logit (least squares, Wasserstein, ...), the output is shown as a
score, and neither a confidence nor a bound of JS is computed from it.

A critic with batch normalisation is evaluated as a fixed function of one example: the averages of
a reference batch normalise it. Half of the reference batch are training examples and half are
generated; none of them is evaluated. In training mode the output depends on the whole batch, and a
batch of generated images is easy to recognise: the number would bound a divergence between
batches, not between images. The running averages lag behind the weights: on DCGAN they gave bounds
of minus one to minus four nats where the reference batch gave 0.0 to 0.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading, Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.divergences import js_bound
from genlab.models.base import GenerativeModel, HasCritic, HasDecoder, HasEncoder
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import (
    frozen_batchnorm,
    held_out,
    histogram,
    normalisation,
    points,
    principal,
    training_examples,
)
from genlab.probes.views import CONFIDENCE, LATENT

#: Examples of each sort in the numbers, and in the picture of points.
NUMBERS, DOTS = 256, 150


def is_adversarial(model: type[GenerativeModel]) -> bool:
    """Whether there are a critic and a generator."""
    return issubclass(model, HasCritic) and issubclass(model, HasDecoder)


#: Name of a number on the page -> the examples that it is computed on.
SCORES = {
    "val_c_real": "C(x), held-out",
    "val_c_fake": "C(G(z)), fresh z",
    "val_c_train": "C(x), training examples",
}


@PROBES.register("critic", title="Discriminator on held-out data", order=10)
class Critic(Probe):
    """D on training, held-out and generated examples, and its lower bound of JS."""

    views: ClassVar[Mapping[str, View]] = {
        "confidence": CONFIDENCE,
    }

    # An image critic costs ten times as much as samples, which should not wait for it.
    share: ClassVar[float] = 0.0075

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        objective = OBJECTIVES[spec.objective](spec.objective_options)
        #: Whether σ(score) is the critic's probability that x is real; a pack's score is not of
        #: one x.
        packs = getattr(spec.model_options, "pack", 1) > 1
        self.logit: bool = objective.critic_is_logit and not packs
        #: Whether the run trains the critic; some objectives do not train the critic of their
        #: model.
        self.trained = any(player.name == "discriminator" for player in objective.players)

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return is_adversarial(model)

    @property
    def n(self) -> int:
        """The number of training, of held-out and of generated examples."""
        return min(NUMBERS, len(self.data.validation), len(self.data.train))

    @property
    def series(self) -> tuple[Series, ...]:
        def confidence(name: str, title: str) -> Series:
            return Series(
                name,
                title,
                "confidence",
                "probability",
                "Monte Carlo",
                self.n,
                truth=0.5,
                truth_label="equilibrium",
            )

        if not self.trained:
            return ()
        if not self.logit:
            return tuple(
                Series(name, title, "score", "dimensionless", "Monte Carlo", self.n)
                for name, title in SCORES.items()
            )
        return (
            confidence("val_d_real", "D(x), held-out"),
            confidence("val_d_fake", "D(G(z)), fresh z"),
            confidence("val_d_train", "D(x), training examples"),
            Series(
                "js_bound",
                "JS(data ‖ generated) ≥ (V + log 4)/2, held-out",
                "js",
                "nats",
                "lower bound",
                self.n,
                "lower",
                0.0,
                "equilibrium: 0 (ceiling: log 2 = 0.693)",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        if not self.trained:
            return Reading()
        assert isinstance(model, HasCritic)
        with frozen_batchnorm(model, self.data):
            real = model.score(held_out(self.data, self.n)[0])
            train = model.score(training_examples(self.data, self.n))
            fake = model.score(model.sample(self.n))
        note = f"n = {self.n} of each{normalisation(model)}"
        if not self.logit:
            return _scores(real, fake, train, note)
        sorts = {
            "training": train.sigmoid(),
            "held-out": real.sigmoid(),
            "generated": fake.sigmoid(),
        }
        values = {
            "val_d_real": float(sorts["held-out"].mean()),
            "val_d_fake": float(sorts["generated"].mean()),
            "val_d_train": float(sorts["training"].mean()),
            "js_bound": js_bound(real, fake)[0],
        }
        picture = Picture(
            "histogram",
            "Distribution of D(x)",
            histogram(sorts, 0.0, 1.0, 20, "D(x), probability of real"),
            note,
        )
        return Reading(values, {"confidence": picture})


def _scores(real: Tensor, fake: Tensor, train: Tensor, note: str) -> Reading:
    """The reading of a critic whose score has no scale."""
    values = (float(x.mean()) for x in (real, fake, train))
    every = torch.cat([real, fake, train])
    ends = [float(x) for x in (every.min(), every.max())]
    if not all(map(math.isfinite, ends)):
        return Reading(dict(zip(SCORES, values, strict=True)))
    sorts = {"training": train, "held-out": real, "generated": fake}
    margin = 1e-3 * max(1e-3, ends[1] - ends[0])
    payload = histogram(sorts, ends[0] - margin, ends[1] + margin, 20, "C(x), score")
    picture = Picture("histogram", "Distribution of the critic's scores", payload, note)
    return Reading(dict(zip(SCORES, values, strict=True)), {"confidence": picture})


@PROBES.register("critic_features", title="Space of the critic's features", order=20)
class CriticFeatures(Probe):
    """The critic's last hidden layer on held-out and generated examples, by PCA."""

    views: ClassVar[Mapping[str, View]] = {
        "latent": LATENT,
    }

    share: ClassVar[float] = 0.0025

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        # With an encoder, that panel shows the latent space itself.
        return is_adversarial(model) and not issubclass(model, HasEncoder)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasCritic)
        real = held_out(self.data, DOTS)[0]
        fake = model.sample(DOTS)
        with frozen_batchnorm(model, self.data):
            features = model.features(torch.cat([real, fake]))
        payload = points(
            principal(features),
            [0] * len(real) + [1] * len(fake),
            ["held-out", "generated"],
            ["component 1", "component 2"],
        )
        note = (
            f"{len(real)} held-out and {len(fake)} generated examples; "
            f"PCA of the critic's {features.shape[1]} features{normalisation(model)}"
        )
        return Reading(pictures={"latent": Picture("points", "Critic's features", payload, note)})
