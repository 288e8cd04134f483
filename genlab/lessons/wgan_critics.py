"""Critics between two shifted distributions, for the lesson on Wasserstein GANs."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from genlab.core.options import Options
from genlab.core.random import generator, scope
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.models.base import GenerativeModel, HasCritic
from genlab.models.latent import StandardPrior
from genlab.nets import mlp
from genlab.objectives.adversarial import Adversarial
from genlab.objectives.wasserstein import WGAN, WGANGP, PenaltyOptions, WassersteinOptions

BATCH, PIECE = 256, 50


#: The critics' initial step size.
RATE = 0.05


#: Steps of a linear critic and of a net, and how many of the last steps are averaged.
STEPS = {"linear": 250, "net": 250}


#: A linear critic needs more steps when the noise of a batch exceeds the distance: steps per ratio
#: of standard deviation to distance, and their largest number.
TURNING, MOST = 200, 1000


LAST = 100


#: The dimension: on a line a critic of slope −1 would be stuck, because the penalty has a maximum
#: at 0.
DIM = 2


class Shifted(StandardPrior, GenerativeModel[Options], HasCritic):
    """A fixed generator G(z) = sd·z and a critic: linear, or a net.

    Args:
        sd: of the generator's samples.
        critic: ``linear`` or ``net``, two hidden layers of 32 leaky units.
    """

    def __init__(self, sd: float, critic: str) -> None:
        super().__init__(Options(), DataMeta((DIM,), "real"))
        self.latent, self.sd = DIM, sd
        net = mlp([DIM, 32, 32, 1], lambda: nn.LeakyReLU(0.2))
        self.critic: nn.Module = nn.Linear(DIM, 1) if critic == "linear" else net

    def player(self, name: str) -> Iterable[nn.Parameter]:
        return self.critic.parameters() if name == "discriminator" else []

    def decode(self, z: Tensor) -> Point:
        return Point(self.sd * z, 1)

    def features(self, x: Tensor) -> Tensor:
        return x

    def score(self, x: Tensor) -> Tensor:
        score: Tensor = self.critic(x)
        return score[:, 0]


@dataclass(frozen=True)
class Critic:
    """A critic after its training.

    Args:
        model: with the critic in it.
        raw: E C(x) − E C(G(z)), averaged over the last steps.
        slope: the mean ‖∇C‖ at the points of the penalty; NaN for a clipped critic.
        path: (steps, raw).
    """

    model: Shifted
    raw: float
    slope: float
    path: tuple[tuple[float, float], ...]


def steps_of(kind: str, sd: float, distance: float) -> int:
    """Steps until a critic has converged.

    Example:
        >>> steps_of("linear", 0.5, 2.0), steps_of("linear", 2.0, 0.1), steps_of("net", 2.0, 0.1)
        (250, 1000, 250)
    """
    turning = round(TURNING * sd / distance) if kind == "linear" else 0
    return max(STEPS[kind], min(MOST, turning))


@functools.lru_cache(maxsize=128)
def trained(kind: str, objective: Adversarial, sd: float, distance: float, seed: int) -> Critic:
    """Train a critic between N(0, sd² I) and its copy shifted along the first axis."""
    steps = steps_of(kind, sd, distance)
    with scope(seed, "critic", kind):
        model = Shifted(sd, kind)
    optimiser = torch.optim.Adam(model.critic.parameters(), lr=RATE, betas=(0.5, 0.9))
    shift = torch.tensor([distance, *[0.0] * (DIM - 1)])
    path, raws, slopes = [], [], []
    for piece in range(0, steps, PIECE):
        with scope(seed, "critic draws", kind, piece), torch.enable_grad():
            source = generator(seed, "critic data", piece)
            noise = torch.randn(PIECE, BATCH, DIM, generator=source)
            for k, x in enumerate(shift + sd * noise):
                # Decreasing steps: the average over the last ones is then the limit.
                optimiser.param_groups[0]["lr"] = RATE * (1 - (piece + k) / (steps + 1))
                optimiser.zero_grad()
                loss = objective.loss("discriminator", model, x)
                loss.value.backward()
                optimiser.step()
                objective.after_update("discriminator", model)
                raws.append(float((loss.terms["c_real"] - loss.terms["c_fake"]).mean()))
                between = loss.terms.get("slope_between")
                slopes.append(math.nan if between is None else float(between.detach().mean()))
        path.append((float(piece + PIECE), raws[-1]))
    model.requires_grad_(False)
    return Critic(model, float(np.mean(raws[-LAST:])), float(np.mean(slopes[-LAST:])), tuple(path))


@functools.lru_cache(maxsize=128)
def penalised(penalty: float) -> Adversarial:
    return WGANGP(PenaltyOptions(1, penalty))


@functools.lru_cache(maxsize=128)
def clipped(clip: float) -> Adversarial:
    return WGAN(WassersteinOptions(1, clip))
