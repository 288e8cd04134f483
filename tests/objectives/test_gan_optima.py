"""Trained critics and generators against optima known in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.distributions import Point
from genlab.divergences.f import F
from genlab.divergences.gaussian_fits import fit_gaussian
from genlab.divergences.mixtures_1d import f_gan_mixture, gaussian
from genlab.divergences.quadrature import bound_1d, divergence_1d
from genlab.objectives.adversarial import Adversarial
from genlab.train.gradient import GradientAlgorithm, GradientState
from tests.objectives.critics import Table, Toy

#: Two distributions on five atoms, in twentieths.
P, Q = np.array([8, 5, 4, 2, 1]), np.array([2, 3, 6, 4, 5])


def atoms(counts: np.ndarray) -> Tensor:
    return torch.from_numpy(np.repeat(np.arange(5), counts)).double()


def optimum(objective: Adversarial) -> tuple[np.ndarray, float]:
    """The best table of scores by L-BFGS, and the loss there."""
    model = Table(torch.zeros(5, dtype=torch.float64), atoms(Q))
    x = atoms(P).view(-1, 1)
    solver = torch.optim.LBFGS(
        [model.v], max_iter=300, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        loss = objective.loss("discriminator", model, x).value
        loss.backward()
        return loss

    solver.step(closure)
    return model.v.detach().numpy(), float(closure().detach())


def test_the_best_least_squares_critic_is_the_share_of_the_data() -> None:
    critic, loss = optimum(OBJECTIVES["lsgan"]())
    np.testing.assert_allclose(critic, P / (P + Q), atol=1e-6)
    assert loss == pytest.approx(0.5 * float((P * Q / (P + Q)).sum()) / 20, abs=1e-9)


def test_the_best_hinge_critic_is_the_sign_and_its_loss_2_less_2_tv() -> None:
    objective = OBJECTIVES["hinge"]()
    model = Table(torch.zeros(5, dtype=torch.float64), atoms(Q))
    x = atoms(P).view(-1, 1)
    for step in range(400):
        model.zero_grad()
        loss = objective.loss("discriminator", model, x).value
        loss.backward()
        assert model.v.grad is not None
        with torch.no_grad():
            model.v.sub_(0.5 * (1 - step / 400) * model.v.grad)
    tv = 0.5 * float(np.abs(P - Q).sum()) / 20
    np.testing.assert_allclose(model.v.detach().numpy(), np.sign(P - Q), atol=0.02)
    assert float(loss.detach()) == pytest.approx(2 - 2 * tv, abs=0.01)


@pytest.mark.parametrize("name", [n for n in F.names() if n != "total_variation"])
def test_the_best_f_gan_critic_is_exact_and_its_bound_the_divergence(name: str) -> None:
    cls = OBJECTIVES["fgan"]
    log_p, log_q = (torch.from_numpy(np.log(counts / 20)) for counts in (P, Q))
    for activation in ("centred", "original"):
        objective = cls(cls.Options.build({"divergence": name, "output_activation": activation}))
        scores, loss = optimum(objective)
        assert -loss == pytest.approx(float(F[name].of_probabilities(log_p, log_q)), abs=1e-7)
        best = objective.critic_divergence.score(log_p - log_q)
        np.testing.assert_allclose(scores, best.numpy(), atol=1e-3)


def test_f_gan_takes_a_formula_and_refuses_one_that_is_no_generator() -> None:
    cls = OBJECTIVES["fgan"]
    objective = cls(cls.Options.build({"formula": "(u - 1)^2 / 2 + abs(u - 1)"}))
    ratio = P / Q
    value = float((Q / 20 * ((ratio - 1) ** 2 / 2 + np.abs(ratio - 1))).sum())
    assert -optimum(objective)[1] == pytest.approx(value, abs=1e-4)
    spec = RunSpec.build(data="ring", model="gan", objective="fgan", formula="u*log(u)")
    assert RunSpec.build(**spec.flat()) == spec
    for text in ("-(u - 1)^2", "u +", "u^2", "__import__('os')"):
        with pytest.raises(SpecError):
            RunSpec.build(data="ring", model="gan", objective="fgan", formula=text)


class Line(Toy):
    """f-GAN's experiment: G(z) = μ + σz, and a critic of two hidden layers of 64 tanh."""

    def __init__(self) -> None:
        super().__init__(1)
        self.g_place = nn.Parameter(torch.tensor([0.0, 1.0]))
        hidden = nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh()
        self.net = nn.Sequential(*hidden, nn.Linear(64, 1))

    def decode(self, z: Tensor) -> Point:
        return Point(self.g_place[0] + self.g_place[1] * z, 1)

    def score(self, x: Tensor) -> Tensor:
        return self.net(x).view(len(x))


def adam(model: Toy, player: str, lr: float, beta1: float, beta2: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(list(model.player(player)), lr=lr, betas=(beta1, beta2), fused=True)


def cool(state: GradientState, lr: float, done: float) -> None:
    """The full rate for the first half, then down to 0."""
    for optimiser in state.optimisers.values():
        optimiser.param_groups[0]["lr"] = lr * min(1.0, 2.0 * (1.0 - done))


def f_gan_on_the_line(name: str, seed: int, steps: int = 800) -> tuple[Line, float, float]:
    cls = OBJECTIVES["fgan"]
    objective = cls(cls.Options.build({"divergence": name}))
    target, source = f_gan_mixture(), torch.Generator().manual_seed(seed)
    with scope(seed, "f-GAN"):
        model = Line()
        players = [player.name for player in objective.players]
        state = GradientState(model, {p: adam(model, p, 0.01, 0.5, 0.999) for p in players})
        for step in range(steps):
            cool(state, 0.01, step / steps)
            losses = objective.losses(model, target.sample(512, source).float().view(-1, 1))
            for player in players:
                GradientAlgorithm.update(state, player, losses)
    mean, std = model.g_place.detach().tolist()
    return model, mean, abs(std)


@pytest.mark.parametrize("seed", range(3))
def test_f_gan_training_finds_the_gaussian_nearest_under_its_divergence(seed: int) -> None:
    target, found = f_gan_mixture(), {}
    for name in ("pearson", "kl", "js", "reverse_kl"):
        model, mean, std = f_gan_on_the_line(name, seed)
        fit = fit_gaussian(F[name], target)
        assert abs(mean - fit.mean) < 0.12, name
        assert abs(std - fit.std) < 0.12, name
        generated = gaussian(mean, std)

        def critic(x: Tensor, of: Line = model) -> Tensor:
            with torch.no_grad():
                return of.score(x.float().view(-1, 1))

        bound = bound_1d(F[name], critic, target, generated, score=True).value
        true = divergence_1d(F[name], target, generated).value
        assert 0.8 * true < bound <= true + 0.01, name
        found[name] = mean, std
    means, stds = zip(*found.values(), strict=True)
    assert all(a < b for a, b in itertools.pairwise(means))
    assert all(a > b for a, b in itertools.pairwise(stds))


class Shifted(Toy):
    """Generated N(0, I₂) that stays, and a critic of two hidden layers."""

    def __init__(self) -> None:
        super().__init__(2)
        self.g_shift = nn.Parameter(torch.zeros(2))
        hidden = nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2)
        self.net = nn.Sequential(*hidden, nn.Linear(64, 1))

    def decode(self, z: Tensor) -> Point:
        return Point(z + self.g_shift, 1)

    def score(self, x: Tensor) -> Tensor:
        return self.net(x).view(len(x))


def critic_of_shift(
    objective: Adversarial, d: float, seed: int, steps: int, lr: float
) -> dict[str, float]:
    """The terms of a trained critic on 20,000 fresh pairs of N((d, 0), I) and N(0, I)."""

    def real(n: int) -> Tensor:
        return torch.randn(n, 2) + torch.tensor([d, 0.0])

    with scope(seed, "shift"):
        model = Shifted()
        state = GradientState(model, {"discriminator": adam(model, "discriminator", lr, 0.0, 0.9)})
        for step in range(steps):
            cool(state, lr, step / steps)
            GradientAlgorithm.update(state, "discriminator", objective.losses(model, real(256)))
            objective.after_update("discriminator", model)
        terms = objective.loss("discriminator", model, real(20_000)).terms
    return {name: float(term.detach().mean()) for name, term in terms.items()}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("d", [1.0, 2.0, 4.0])
def test_wgan_gp_critic_overshoots_a_shift_by_the_known_amount(d: float, seed: int) -> None:
    terms = critic_of_shift(OBJECTIVES["wgan_gp"](), d, seed, steps=700, lr=2e-3)
    slope = 1.0 + d / 20.0
    assert terms["w1_raw"] == pytest.approx(d * slope, rel=0.06)
    assert terms["slope_between"] == pytest.approx(slope, abs=0.04)
    assert terms["w1_estimate"] == pytest.approx(d, rel=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_clipped_critic_is_linear_in_the_shift_and_says_scaled(seed: int) -> None:
    cls = OBJECTIVES["wgan"]
    objective = cls(cls.Options.build({"clip": 0.05}))
    shifts = np.array([1.0, 2.0, 3.0, 4.0])
    raw = [
        critic_of_shift(objective, d, seed, steps=200, lr=1e-3)["w1_scaled"]
        for d in shifts.tolist()
    ]
    assert float(np.corrcoef(shifts, raw)[0, 1]) ** 2 > 0.98
    about = {s.name: s for s in objective.series}["w1_scaled"]
    assert "scaled" in about.title
    assert "scaled" in about.unit
    assert not np.allclose(raw, shifts, rtol=0.2)
