"""The adversarial losses against formulas in numpy, and their critics against known optima."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import lambertw
from torch import Tensor, nn

from genlab import data as datasets
from genlab import models
from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.core.options import Options
from genlab.core.random import scope
from genlab.core.run_spec import Combination, RunSpec, objectives_for
from genlab.core.tables import OBJECTIVES
from genlab.data.base import Batches, DataMeta
from genlab.distributions import Point
from genlab.divergences.f import F
from genlab.divergences.gaussian_fits import fit_gaussian
from genlab.divergences.mixtures_1d import f_gan_mixture, gaussian
from genlab.divergences.quadrature import bound_1d, divergence_1d
from genlab.models.base import GenerativeModel, HasCritic
from genlab.models.latent import StandardPrior
from genlab.objectives.adversarial import Adversarial, AdversarialLoss
from genlab.objectives.gradient_penalty import score_and_gradient_norm
from genlab.train.gradient import GradientAlgorithm, GradientState
from genlab.train.loop import train

Np = Callable[[np.ndarray], np.ndarray]


class Toy(StandardPrior, GenerativeModel[Options], HasCritic):
    """A generator and a critic that a test sets."""

    latent = 1

    def __init__(self, dim: int) -> None:
        super().__init__(Options(), DataMeta((dim,), "real"))
        self.latent = dim

    def player(self, name: str) -> list[nn.Parameter]:
        mine = [p for n, p in self.named_parameters() if n.startswith("g_")]
        return (
            mine
            if name == "generator"
            else [p for p in self.parameters() if id(p) not in {id(q) for q in mine}]
        )

    def features(self, x: Tensor) -> Tensor:
        return x


class Table(Toy):
    """A score for each atom: the data are indices, the generator gives the indices of a list."""

    def __init__(self, scores: Tensor, generated: Tensor) -> None:
        super().__init__(1)
        self.v = nn.Parameter(scores)
        self.generated = generated.to(scores).view(-1, 1)

    def decode(self, z: Tensor) -> Point:
        return Point(self.generated, 1)

    def score(self, x: Tensor) -> Tensor:
        return self.v[x.detach()[:, 0].floor().long()] + 0.0 * x.sum(1)


def np_softplus(v: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, v)


def np_sigmoid(v: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-v))


#: Objective -> what the critic lowers, of (C(x), C(G)), and what the generator lowers, of the
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


#: Two laws on five atoms, in twentieths.
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
    log_p, log_q = (torch.from_numpy(np.log(law / 20)) for law in (P, Q))
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
        law = gaussian(mean, std)

        def critic(x: Tensor, of: Line = model) -> Tensor:
            with torch.no_grad():
                return of.score(x.float().view(-1, 1))

        bound = bound_1d(F[name], critic, target, law, score=True).value
        true = divergence_1d(F[name], target, law).value
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


def started(**values: Any) -> tuple[GradientAlgorithm, GradientState, datasets.Dataset]:
    spec = RunSpec.build(data="ring", model="gan", points=200, batch=16, hidden=16, **values)
    data = datasets.load(spec)
    algorithm = GradientAlgorithm(spec)
    with scope(spec.train.seed, "start"):
        return algorithm, algorithm.init(spec.train.seed, data), data


def test_clipping_holds_after_each_step() -> None:
    algorithm, state, data = started(objective="wgan", clip=0.02)
    for step in range(3):
        algorithm.step(state, data.train.x[16 * step : 16 * step + 16])
    largest = max(float(p.detach().abs().max()) for p in state.model.player("discriminator"))
    assert largest == pytest.approx(0.02, rel=1e-6)
    free = max(float(p.detach().abs().max()) for p in state.model.player("generator"))
    assert free > 0.02


@pytest.mark.parametrize("name", ["wgan", "wgan_gp"])
def test_each_update_of_the_critic_has_a_draw_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm, state, data = started(objective=name, critic_steps=3)
    draws: list[Tensor] = []
    kind: Any = type(state.model)
    decode = kind.decode

    def seen(model: Any, z: Tensor) -> Point:
        draws.append(z)
        return decode(model, z)

    monkeypatch.setattr(kind, "decode", seen)
    algorithm.step(state, data.train.x[:16])
    assert len(draws) == 4
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(draws, 2))


@pytest.mark.parametrize("name", ["wgan", "wgan_gp", "r1", "r3gan", "fgan", "hinge", "lsgan"])
def test_a_resumed_run_is_the_same_to_the_bit(name: str) -> None:
    algorithm, state, data = started(objective=name)
    batches = Batches(len(data.train.x), 16, 0)
    x = [data.train.x.index_select(0, batches.index(i)) for i in range(3)]
    with scope(1, "first"):
        state, _ = algorithm.step(state, x[0])
    other = algorithm.unpack(algorithm.pack(state), data)
    for resumed in (state, other):
        with scope(2, "second"):
            for batch in x[1:]:
                algorithm.step(resumed, batch)
    pairs = zip(state.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_wgan_gp_has_the_settings_of_its_paper() -> None:
    values = RunSpec.build(data="ring", model="gan", objective="wgan_gp").flat()
    wanted = {"lr": 1e-4, "beta1": 0.0, "beta2": 0.9, "penalty": 10.0, "critic_steps": 5}
    assert {name: values[name] for name in wanted} == wanted


def test_batch_normalised_critics_are_refused_where_gradient_norms_are_penalised() -> None:
    assert {"wgan_gp", "r1", "r3gan"}.isdisjoint(objectives_for("cdcgan"))
    assert {"wgan", "fgan", "hinge", "lsgan"} <= set(objectives_for("cdcgan"))
    with pytest.raises(SpecError, match=r"batch normalisation.*goes with: nonsaturating"):
        RunSpec.build(data="digits", model="cdcgan", objective="wgan_gp")


@pytest.mark.parametrize("objective", ["wgan_gp", "r1", "r3gan"])
def test_spectral_normalisation_frees_dcgan_for_gradient_penalties(objective: str) -> None:
    with pytest.raises(SpecError, match=r"spectral.*batch normalisation"):
        RunSpec.build(data="digits", model="dcgan", objective=objective, spectral=False)
    assert not RunSpec.build(data="ring", model="gan", objective=objective).model_options.spectral
    assert not RunSpec.build(data="digits", model="dcgan").model_options.spectral
    spec = RunSpec.build(data="digits", model="dcgan", objective=objective, width=8, batch=16)
    assert spec.model_options.spectral
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec).train()
    assert not model.batch_normalised
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.body.modules())
    x = data.train.x[:8].clone().requires_grad_()
    # At rest, a score is of its example alone, and the slope that is held is its slope.
    model.eval()
    both, alone = model.score(x), torch.cat([model.score(one[None]) for one in x])
    torch.testing.assert_close(both, alone, atol=1e-5, rtol=1e-4)
    slope = score_and_gradient_norm(model, x)[1]
    (gradient,) = torch.autograd.grad(model.score(x)[3], x)
    assert float(gradient[3].norm()) == pytest.approx(float(slope.detach()[3]), rel=1e-4)
    assert float(gradient[:3].abs().max()) == 0.0
    model.train()
    with scope(1, "step"):
        loss = OBJECTIVES[objective](spec.objective_options).loss("discriminator", model, x)
    loss.value.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.body.parameters())


def test_fgan_says_which_divergence_it_bounds_and_refuses_an_excluded_parameter() -> None:
    cls = OBJECTIVES["fgan"]
    objective = cls(cls.Options.build({"divergence": "alpha", "alpha": 2.0}))
    about: Series = {s.name: s for s in objective.series}["f_bound"]
    assert "α = 2" in about.title
    assert "lower bound" in about.title
    assert objective.critic_divergence.parameter.value == 2.0
    with pytest.raises(SpecError, match=r"alpha = 1\.0"):
        RunSpec.build(data="ring", model="gan", objective="fgan", divergence="alpha", alpha=1)


@pytest.fixture
def own_loss() -> Iterator[str]:
    def square(v: Tensor) -> Tensor:
        return (v - 1.0).square()

    def log_cosh(v: Tensor) -> Tensor:
        return v.cosh().log()

    @OBJECTIVES.register("log_cosh", title="log cosh GAN", summary="A loss of a test.")
    class LogCosh(Adversarial):
        row = AdversarialLoss("log_cosh", "", "", square, log_cosh, square, logit=False)

    yield LogCosh.name
    OBJECTIVES.unregister("log_cosh")


def test_one_decorator_adds_a_loss_that_trains(own_loss: str) -> None:
    spec = RunSpec.build(data="ring", model="gan", objective=own_loss, points=200, steps=5)
    data = datasets.load(spec)
    algorithm = GradientAlgorithm(spec)
    state = algorithm.init(0, data)
    before = [p.detach().clone() for p in state.model.parameters()]
    state, steps = train(algorithm, data, state)
    assert steps == 5
    pairs = zip(before, state.model.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in pairs)
    assert own_loss in objectives_for("gan")
    assert Combination.of({"data": "ring", "model": "gan"}).objective == "nonsaturating"
