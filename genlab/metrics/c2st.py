"""Classifier two-sample test (C2ST): a new classifier for held-out against generated examples.

The test needs no density, so that its numbers mean the same for a VAE and a GAN. It gives lower
bounds of divergences, measured on examples that neither the classifier nor the model has seen,
and an accuracy with a p-value: can the two samples be distinguished?

The examples are split in three parts. The first trains the classifier. The second decides when
training stops and at which value its logit is clipped. The third, on which nothing was chosen,
gives the numbers.

Sources: Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests"; Nowozin, Cseke and
Tomioka 2016, "f-GAN", for the bounds.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn.functional import softplus

from genlab.core.errors import DataError
from genlab.core.measure import Estimate, Series
from genlab.core.random import scope
from genlab.core.tables import JOBS
from genlab.data.base import Dataset
from genlab.divergences import js_bound
from genlab.divergences.estimates import Z95
from genlab.divergences.f import F
from genlab.divergences.quadrature import bound_from_samples
from genlab.metrics.base import share_estimate
from genlab.models.base import GenerativeModel
from genlab.nets.conv import SIZES, downsampler
from genlab.nets.mlp import mlp
from genlab.probes.common import generated_examples

Progress = Callable[[float, str], None]

#: At most so many held-out and generated examples: images, and points.
PICTURES, POINTS = 4000, 10_000
#: Fractions of the examples for training and for early stopping; the rest gives the numbers.
TRAIN, STOP = 0.5, 0.2
BATCH, RATE, EPOCHS, PATIENCE = 128, 1e-3, 40, 6
#: Candidate clipping values of the logit in the KL bounds, whose averages have heavy tails; and
#: the number of examples required for each unit of e^logit. An event that m examples never show
#: may have probability 3/m, so that a logit above log(m/10) has no support in the data.
CLIPS, SEEN = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0), 10
#: The smallest number of examples that can be split in three parts.
LEAST = 40


@dataclass(frozen=True)
class C2STResult:
    """The numbers of a classifier two-sample test.

    Args:
        estimates: the bounds, the accuracy, the p-value.
        epochs: passes over the training part until training stopped.
        n: held-out examples, and as many generated ones, that gave the numbers.
    """

    estimates: tuple[Estimate, ...]
    epochs: int
    n: int


class _Classifier(nn.Module):
    """A small classifier for pictures or points: strided convolutions, or two hidden layers."""

    middle: Tensor
    spread: Tensor

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        flat = x.flatten(1)
        self.picture = x.dim() == 4 and x.shape[2] == x.shape[3] and x.shape[2] in SIZES
        self.register_buffer("middle", flat.mean() if self.picture else flat.mean(0))
        spread = flat.std() if self.picture else flat.std(0)
        self.register_buffer("spread", spread.clamp(min=1e-6))
        if self.picture:
            body, features = downsampler(tuple(x.shape[1:]), 16)
            self.net = nn.Sequential(body, nn.Flatten(), nn.Linear(features, 1))
        else:
            self.net = nn.Sequential(*mlp([flat.shape[1], 64, 64, 1]))

    def forward(self, x: Tensor) -> Tensor:
        ready = x if self.picture else x.flatten(1)
        out: Tensor = self.net((ready - self.middle) / self.spread)
        return out.flatten()


def classifier_two_sample_test(
    real: Tensor, fake: Tensor, *, seed: int = 0, progress: Progress | None = None
) -> C2STResult:
    """Train the classifier and evaluate it on examples it has not seen.

        JS ≥ (E log D(x) + E log(1 − D(G)) + log 4)/2,
        KL(P‖Q) ≥ E_P[T] − E_Q[exp(T − 1)],   KL(Q‖P) ≥ E_P[T] − E_Q[−1 − log(−T)],

    Each bound is evaluated at a fixed classifier on fresh examples, so that its expectation is at
    most the divergence; the interval is its sampling error. A KL divergence above about log(n/10)
    cannot be shown with n examples. The accuracy of a classifier that cannot distinguish the two
    samples is ½; the p-value is that of the one-sided binomial test of this hypothesis.

    Args:
        real, fake: held-out examples and generated ones, (n, *shape); the same number of both is
            used.
        seed: of the classifier's weights and batches.
        progress: called with a fraction and a sentence.

    Raises:
        DataError: for fewer than 40 examples of either.
    """
    n = min(len(real), len(fake))
    if n < LEAST:
        raise DataError(
            f"The classifier two-sample test needs {LEAST} held-out and {LEAST} generated "
            f"examples, not {n}; nothing was trained."
        )
    first, second = int(TRAIN * n), int((TRAIN + STOP) * n)
    parts = [slice(0, first), slice(first, second), slice(second, n)]
    (train_p, stop_p, last_p), (train_q, stop_q, last_q) = (
        [x[part].detach() for part in parts] for x in (real, fake)
    )
    # The stream has kept its name since version 0.1.0, and so the numbers of a seed.
    with scope(seed, "referee"), torch.enable_grad():
        critic = _Classifier(torch.cat([train_p, train_q]))
        epochs = _fit(critic, (train_p, train_q), (stop_p, stop_q), progress)
    critic.eval()
    with torch.no_grad():
        trusted = _scores(critic, stop_p), _scores(critic, stop_q)
        judged = _scores(critic, last_p), _scores(critic, last_q)
    return C2STResult(_judge(trusted, judged), epochs, len(last_p))


def _scores(critic: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([critic(part) for part in x.split(500)]).double()


def _fit(
    critic: nn.Module,
    train: tuple[Tensor, Tensor],
    stop: tuple[Tensor, Tensor],
    progress: Progress | None,
) -> int:
    """Minimise the cross-entropy; keep the weights that are best on the second part.

    The first candidate is the constant classifier D = ½. Training stops when the cross-entropy of
    the second part has not fallen for some epochs.
    """
    steps = torch.optim.Adam(critic.parameters(), lr=RATE, weight_decay=1e-4)
    best, best_state, since = math.log(2.0), _constant_state(critic), 0
    p, q = train
    for epoch in range(EPOCHS):
        if progress is not None:
            progress(0.1 + 0.85 * epoch / EPOCHS, f"the classifier trains, epoch {epoch + 1}")
        critic.train()
        for i, j in zip(
            torch.randperm(len(p)).split(BATCH), torch.randperm(len(q)).split(BATCH), strict=True
        ):
            loss = 0.5 * (softplus(-critic(p[i])).mean() + softplus(critic(q[j])).mean())
            steps.zero_grad(set_to_none=True)
            loss.backward()
            steps.step()
        critic.eval()
        with torch.no_grad():
            a, b = (_scores(critic, x) for x in stop)
            stopping_loss = float(0.5 * (softplus(-a).mean() + softplus(b).mean()))
        since += 1
        if stopping_loss < best - 1e-5:
            best, best_state, since = stopping_loss, copy.deepcopy(critic.state_dict()), 0
        if since >= PATIENCE or stopping_loss < 1e-4:
            break
    critic.load_state_dict(best_state)
    return epoch + 1


def _constant_state(critic: nn.Module) -> dict[str, Tensor]:
    """The weights of the classifier with its last layer at zero: D = ½ everywhere."""
    state = copy.deepcopy(critic.state_dict())
    *_, weight, bias = (name for name in state if name.startswith("net."))
    state[weight].zero_()
    state[bias].zero_()
    return state


def _kl(name: str, real: Tensor, fake: Tensor, clip: float) -> Estimate:
    row = F[name]
    a, b = (row.critic(x.clamp(-clip, clip)) for x in (real, fake))
    return bound_from_samples(row, a, b)


def _judge(trusted: tuple[Tensor, Tensor], judged: tuple[Tensor, Tensor]) -> tuple[Estimate, ...]:
    real, fake = judged
    n = len(real)
    bound, error = js_bound(real, fake)
    found = [_estimate("c2st_js", "JS(held-out ‖ generated) ≥, by C2ST", bound, error, 2 * n)]
    titles = {
        "kl": "KL(held-out ‖ generated) ≥, by C2ST",
        "reverse_kl": "KL(generated ‖ held-out) ≥, by C2ST",
    }
    for name, title in titles.items():
        able = [clip for clip in CLIPS if clip <= max(0.0, math.log(n / SEEN))]
        clip = max(able, key=lambda c: _kl(name, *trusted, c).value)
        one = _kl(name, real, fake, clip)
        error = (one.high - one.value) / Z95
        found.append(_estimate(f"c2st_{name}", title, one.value, error, 2 * n))
    # A logit of exactly zero counts as half a correct answer.
    hits = float((real > 0).sum() + (fake < 0).sum()) + 0.5 * float(
        (real == 0).sum() + (fake == 0).sum()
    )
    k = round(hits)
    accuracy = Series(
        "c2st_accuracy",
        "C2ST accuracy, held-out against generated",
        "quality",
        "probability",
        "Monte Carlo",
        2 * n,
        "lower",
        0.5,
        "indistinguishable",
    )
    p = float(stats.binomtest(k, 2 * n, 0.5, alternative="greater").pvalue)
    about = Series(
        "c2st_p",
        "C2ST p-value, H₀: accuracy ½",
        "quality",
        "probability",
        "exact",
        2 * n,
        "higher",
    )
    return (*found, share_estimate(accuracy, k, 2 * n), Estimate(p, about, p, p))


def _estimate(name: str, title: str, value: float, error: float, n: int) -> Estimate:
    series = Series(
        name, title, "divergence", "nats", "lower bound", n, "lower", 0.0, "equal distributions"
    )
    return Estimate(value, series, value - Z95 * error, value + Z95 * error)


def run_c2st(
    model: GenerativeModel,
    data: Dataset,
    seed: int = 0,
    n: int | None = None,
    progress: Progress | None = None,
) -> C2STResult:
    """The C2ST of a model: its validation and test splits against as many generated examples.

    Args:
        model: used in evaluation mode, and left in the mode it was in.
        data: its dataset.
        seed: of examples, weights and batches; the same seed gives the same numbers.
        n: examples of each sort, at most; 4,000 pictures or 10,000 points where left out.
        progress: called with a fraction and a sentence.
    """
    limit = n or (PICTURES if data.meta.is_image else POINTS)
    real = torch.cat([data.test.x, data.validation.x])[:limit]
    training = model.training
    model.eval()
    try:
        with scope(seed, "referee's examples"):
            if data.draw is not None:
                real = data.draw(real)
            real = real[torch.randperm(len(real))]
            if progress is not None:
                progress(0.02, f"{len(real):,} examples are generated")
            fake, _ = generated_examples(model, data, len(real))
    finally:
        model.train(training)
    return classifier_two_sample_test(real, fake, seed=seed, progress=progress)


@JOBS.register("c2st", title="Classifier two-sample test on held-out and generated examples")
def c2st_job(
    model: GenerativeModel, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """The background job of :func:`run_c2st`.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``seed``, and optionally ``n``, the number of examples.
        progress: called with a fraction and a sentence.

    Returns:
        ``metrics``: for each its name and what :meth:`genlab.core.measure.Estimate.flat` holds;
        ``epochs`` and ``n``.
    """
    n = values.get("n")
    found = run_c2st(model, data, int(values["seed"]), None if n is None else int(n), progress)
    return {
        "metrics": [{"name": one.series.name, **one.flat()} for one in found.estimates],
        "epochs": found.epochs,
        "n": found.n,
    }
