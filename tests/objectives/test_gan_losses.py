"""The adversarial losses, their gradients and penalties against formulas in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import lambertw
from torch import Tensor, nn

from genlab.core.random import scope
from genlab.core.tables import OBJECTIVES
from genlab.distributions import Point
from genlab.divergences.f import F
from genlab.objectives.adversarial import Adversarial
from tests.objectives.critics import Table, Toy

Np = Callable[[np.ndarray], np.ndarray]


def np_softplus(v: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, v)


def np_sigmoid(v: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-v))


#: Objective -> the loss of the critic, of (C(x), C(G)), and the loss of the generator, of the
#: same two; where the critic is flat, so that only WGAN-GP's penalty, 10 (0 − 1)², is not 0.
LOSSES: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "minimax": (
        lambda r, f: -np.log(np_sigmoid(r)) - np.log(1 - np_sigmoid(f)),
        lambda r, f: np.log(1 - np_sigmoid(f)),
    ),
    "nonsaturating": (
        lambda r, f: -np.log(np_sigmoid(r)) - np.log(1 - np_sigmoid(f)),
        lambda r, f: -np.log(np_sigmoid(f)),
    ),
    "lsgan": (lambda r, f: (r - 1) ** 2 / 2 + f**2 / 2, lambda r, f: (f - 1) ** 2 / 2),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f),
        lambda r, f: -f,
    ),
    "wgan": (lambda r, f: f - r, lambda r, f: -f),
    "wgan_gp": (lambda r, f: f - r + 10.0, lambda r, f: -f),
    "r1": (
        lambda r, f: np_softplus(-r) + np_softplus(f),
        lambda r, f: np_softplus(-f),
    ),
    "r3gan": (
        lambda r, f: np_softplus(-(r - f)),
        lambda r, f: np_softplus(-(f - r)),
    ),
}

#: Row of the table -> (g_f, f*), written here as the paper's tables have them.
CONJUGATES: dict[str, tuple[Np, Np]] = {
    "kl": (lambda v: v, lambda t: np.exp(t - 1)),
    "reverse_kl": (lambda v: -np.exp(-v), lambda t: -1 - np.log(-t)),
    "pearson": (lambda v: v, lambda t: t**2 / 4 + t),
    "neyman": (lambda v: 1 - np.exp(-v), lambda t: 2 - 2 * np.sqrt(1 - t)),
    "squared_hellinger": (lambda v: 1 - np.exp(-v), lambda t: t / (1 - t)),
    "jeffrey": (
        lambda v: v,
        lambda t: (lambda w: w + 1 / w + t - 2)(lambertw(np.exp(1 - t)).real),
    ),
    "js": (lambda v: math.log(2) - np.log(1 + np.exp(-v)), lambda t: -np.log(2 - np.exp(t))),
    "js_weighted": (
        lambda v: -0.3 * np.log(0.3 + 0.7 * np.exp(-v)),
        lambda t: 0.7 * np.log(0.7 / (1 - 0.3 * np.exp(t / 0.3))),
    ),
    "gan": (lambda v: -np.log(1 + np.exp(-v)), lambda t: -np.log(1 - np.exp(t))),
    "alpha": (
        lambda v: 2 - 2 * np.exp(-v / 2),
        lambda t: ((1 - 0.5 * t) ** (-1.0) - 1) / 0.5,
    ),
    "total_variation": (lambda v: np.tanh(v) / 2, lambda t: t),
}
SCORES = np.array([0.3, -1.2, 1.7, 0.4, -0.6, 2.1, -1.4, 0.9])


def slopes_of(formula: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """The gradient by central differences."""
    steps = 1e-6 * np.eye(len(at))
    return np.array([(formula(at + h) - formula(at - h)) / 2e-6 for h in steps])


def compare(
    objective: Adversarial,
    critic: Callable[..., np.ndarray],
    generator: Callable[..., np.ndarray],
) -> None:
    half = len(SCORES) // 2
    model = Table(torch.tensor(SCORES), torch.arange(half, 2 * half))
    x = torch.arange(half, dtype=torch.float64).view(-1, 1)
    formulas = {"discriminator": critic, "generator": generator}
    for player, formula in formulas.items():
        model.zero_grad()
        loss = objective.loss(player, model, x)
        loss.value.backward()
        expected = float(formula(SCORES[:half], SCORES[half:]).mean())
        assert float(loss.value.detach()) == pytest.approx(expected, abs=1e-10), player
        slope = slopes_of(lambda v, k=formula: k(v[:half], v[half:]).mean(), SCORES)  # type: ignore[misc]
        if player == "generator":
            slope[:half] = 0.0
        assert model.v.grad is not None
        np.testing.assert_allclose(model.v.grad.numpy(), slope, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient_are_the_formula(name: str) -> None:
    objective = OBJECTIVES[name]()
    compare(objective, *LOSSES[name])
    assert isinstance(objective, Adversarial)


@pytest.mark.parametrize("trick", ["bound", "alternative"])
@pytest.mark.parametrize("name", F.names())
def test_fgan_loss_and_gradient_are_the_formula(name: str, trick: str) -> None:
    g, conjugate = CONJUGATES[name]
    cls = OBJECTIVES["fgan"]
    asked = {"divergence": name, "generator_loss": trick, "output_activation": "centred"}
    objective = cls(cls.Options.build(asked))

    def critic(r: np.ndarray, f: np.ndarray) -> np.ndarray:
        return conjugate(g(f)) - g(r)

    def generator(r: np.ndarray, f: np.ndarray) -> np.ndarray:
        return -g(f) if trick == "alternative" else -conjugate(g(f))

    compare(objective, critic, generator)
    assert objective.critic_divergence.name == name


def test_the_formulas_here_are_of_rows_of_the_tables() -> None:
    known = {n for n in OBJECTIVES.names() if issubclass(OBJECTIVES[n], Adversarial)}
    assert {*LOSSES, "fgan"} <= known
    assert set(CONJUGATES) == set(F.names())


class Bowl(Toy):
    """C(x) = ½ a‖x‖² + w·x: its gradient at x is a x + w."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.double()
        self.a = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))
        self.w = nn.Parameter(torch.linspace(-0.5, 0.8, dim, dtype=torch.float64))
        self.g_shift = nn.Parameter(torch.full((dim,), 0.3, dtype=torch.float64))

    def decode(self, z: Tensor) -> Point:
        return Point(z + self.g_shift, 1)

    def score(self, x: Tensor) -> Tensor:
        return 0.5 * self.a * x.square().sum(1) + x @ self.w


@pytest.mark.parametrize("name", ["wgan_gp", "r1", "r3gan"])
def test_penalty_and_its_gradient_are_the_formula(name: str) -> None:
    """The slope of each example counts, not that of the batch's mean, and it is trained on."""
    model, n = Bowl(3), 64
    x = torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    objective = OBJECTIVES[name]()
    with scope(2, "penalty"):
        loss = objective.loss("discriminator", model, x)
    with scope(2, "penalty"):
        fake = objective.generate(model, n).detach()
        alpha = torch.rand(n, 1, dtype=torch.float64)
    points, generated = x.numpy(), fake.numpy()
    between = alpha.numpy() * points + (1 - alpha.numpy()) * generated

    def formula(theta: np.ndarray) -> float:
        a, w = theta[0], theta[1:]
        real, made = (0.5 * a * (v**2).sum(1) + v @ w for v in (points, generated))

        def norm(v: np.ndarray) -> np.ndarray:
            return np.sqrt(((a * v + w) ** 2).sum(1))

        if name == "wgan_gp":
            return float((made - real + 10 * (norm(between) - 1) ** 2).mean())
        if name == "r1":
            value = np_softplus(-real) + np_softplus(made) + 0.5 * norm(points) ** 2
        else:
            held = norm(points) ** 2 + norm(generated) ** 2
            value = np_softplus(made - real) + 0.5 * held
        return float(value.mean())

    theta = np.concatenate([[0.7], model.w.detach().numpy()])
    assert float(loss.value.detach()) == pytest.approx(formula(theta), rel=1e-9)
    loss.value.backward()
    assert model.a.grad is not None
    assert model.w.grad is not None
    found = torch.cat([model.a.grad.view(1), model.w.grad]).numpy()
    np.testing.assert_allclose(found, slopes_of(formula, theta), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["wgan_gp", "r1", "r3gan"])
def test_a_flat_critic_has_a_finite_gradient(name: str) -> None:
    model = Bowl(2)
    with torch.no_grad():
        model.a.zero_()
        model.w.zero_()
    loss = OBJECTIVES[name]().loss("discriminator", model, torch.ones(4, 2, dtype=torch.float64))
    loss.value.backward()
    assert model.w.grad is not None
    assert model.w.grad.isfinite().all()
