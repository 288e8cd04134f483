"""A trained discriminator against the optimal one, and the divergence that it proves."""

from __future__ import annotations

import functools
import math

import pytest
import torch
from torch import Tensor, nn

from genlab.core.random import scope
from genlab.core.tables import OBJECTIVES
from genlab.data.base import DataMeta
from genlab.divergences import LOG_2, js_bound
from genlab.models.gan import GAN, GANOptions

JS = 0.33683082


class Shifted(nn.Module):
    """A generator that cannot learn: z -> z + 2, so that generated points are N(2, 1)."""

    def forward(self, z: Tensor) -> Tensor:
        return z + 2.0


def pair(linear: bool) -> GAN:
    model = GAN(GANOptions(latent=1, hidden=32, layers=2), DataMeta((1,), "real"))
    model.generator = Shifted()
    if linear:
        model.body, model.head = nn.Sequential(), nn.Linear(1, 1)
    model.latent_like = nn.Parameter(torch.zeros(1), requires_grad=False)
    return model


@functools.cache
def trained(linear: bool, seed: int) -> tuple[GAN, list[tuple[float, float]]]:
    """The discriminator after training, and its bound on fresh samples along the way."""
    objective = OBJECTIVES["nonsaturating"]()
    curve = []
    with scope(seed, "train discriminator", linear):
        model = pair(linear)
        optimiser = torch.optim.Adam(
            list(model.player("discriminator")), lr=0.1 if linear else 0.02
        )
        steps = 400 if linear else 300
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for step in range(steps):
            optimiser.zero_grad()
            objective.loss(
                "discriminator", model, torch.randn(4096 if linear else 2048, 1)
            ).value.backward()
            optimiser.step()
            schedule.step()
            if step % 20 == 0:
                with torch.no_grad():
                    real = model.score(torch.randn(10_000, 1))
                    curve.append(js_bound(real, model.score(torch.randn(10_000, 1) + 2)))
    return model.eval(), curve


@pytest.mark.parametrize("seed", range(3))
def test_logistic_discriminator_is_the_optimal_one(seed: int) -> None:
    model, _ = trained(True, seed)
    assert isinstance(model.head, nn.Linear)
    assert float(model.head.weight.detach()) == pytest.approx(-2.0, abs=0.1)
    assert float(model.head.bias.detach()) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_mlp_discriminator_is_close_to_the_optimal_one(seed: int) -> None:
    model, _ = trained(False, seed)
    x = torch.linspace(-6, 8, 4001)[:, None]
    p = torch.exp(-0.5 * x[:, 0] ** 2) / math.sqrt(2 * math.pi)
    q = torch.exp(-0.5 * (x[:, 0] - 2) ** 2) / math.sqrt(2 * math.pi)
    with torch.no_grad():
        gap = (model.score(x).sigmoid() - p / (p + q)).abs()
    mean = float((gap * 0.5 * (p + q)).sum() * (x[1, 0] - x[0, 0]))
    assert mean < 0.02


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_js_bound_is_tight_from_below(seed: int, linear: bool) -> None:
    model, curve = trained(linear, seed)
    with scope(seed, "fresh"), torch.no_grad():
        real = model.score(torch.randn(100_000, 1))
        bound, _ = js_bound(real, model.score(torch.randn(100_000, 1) + 2))
    assert bound == pytest.approx(JS, abs=0.01)
    # Five errors: each of the twenty points may exceed its bound by chance.
    assert all(value <= JS + 5 * error for value, error in curve)
    assert all(value < LOG_2 for value, _ in curve)
    assert curve[0][0] < JS - 0.05  # it starts loose, so the curve has something to show


def test_js_bound_of_the_optimal_discriminator_and_of_none() -> None:
    with scope(0, "exact"):
        x, y = torch.randn(400_000), torch.randn(400_000) + 2
    bound, error = js_bound(2 - 2 * x, 2 - 2 * y)
    assert abs(bound - JS) < 4 * error
    assert error < 1e-3
    assert js_bound(torch.zeros(10), torch.zeros(10)) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert js_bound(torch.full((9,), 50.0), torch.full((9,), -50.0))[0] == pytest.approx(LOG_2)


@pytest.mark.parametrize(
    ("name", "generator"),
    [
        ("minimax", lambda d: math.log(1 - d)),
        ("nonsaturating", lambda d: -math.log(d)),
    ],
)
def test_losses_are_those_of_the_paper(name: str, generator) -> None:
    """At logits of our choice: −log D(x) − log(1 − D(G)), and the generator's own form."""
    objective = OBJECTIVES[name]()
    row = objective.row
    real, fake = (
        torch.tensor([1.3], dtype=torch.float64),
        torch.tensor([-0.4], dtype=torch.float64),
    )
    d_real, d_fake = (1 / (1 + math.exp(-float(v))) for v in (real, fake))
    found = float(row.real(real) + row.fake(fake))
    assert found == pytest.approx(-math.log(d_real) - math.log(1 - d_fake), abs=1e-12)
    assert float(row.generator(fake)) == pytest.approx(generator(d_fake), abs=1e-12)
    at_half = torch.zeros(1, dtype=torch.float64)
    assert float(row.real(at_half) + row.fake(at_half)) == pytest.approx(math.log(4))
    assert row.equilibrium == pytest.approx((math.log(4), float(row.generator(at_half))))
