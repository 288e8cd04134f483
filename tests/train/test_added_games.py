"""An f-divergence and a loss of a game, each added in one file, are offered, drawn and trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab.core.random import scope
from genlab.core.run_spec import Combination, RunSpec
from genlab.core.tables import ALGORITHMS, OBJECTIVES
from genlab.divergences import F
from genlab.divergences.f import Domain, FDivergence, Latex
from genlab.divergences.gaussian_fits import fit_gaussian
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import bound_1d, divergence_1d
from genlab.objectives.adversarial import AdversarialLoss, objective_of

#: Triangular discrimination, ∫ (p − q)²/(p + q) (Vincze 1981; Le Cam 1986).
TRIANGLE = FDivergence(
    name="triangular",
    title="triangular discrimination",
    f=lambda u: (u - 1.0).square() / (u + 1.0),
    f_prime=lambda u: 1.0 - 4.0 / (u + 1.0).square(),
    conjugate=lambda t: 4.0 - t - 4.0 * (1.0 - t).sqrt(),
    activation=lambda v: -torch.expm1(-v),
    conjugate_of_activation=lambda v: 3.0 + torch.exp(-v) - 4.0 * torch.exp(-0.5 * v),
    critic=lambda l: 1.0 - 4.0 / (l.exp() + 1.0).square(),
    score=lambda l: 2.0 * (torch.nn.functional.softplus(l) - torch.log(torch.tensor(2.0))),
    perspective=lambda a, b: (a.exp() - b.exp()) * torch.tanh(0.5 * (a - b)),
    domain=Domain(high=1.0),
    threshold=0.0,
    at_zero=1.0,
    slope_at_infinity=1.0,
    symmetric=True,
    unit="dimensionless",
    latex=Latex("", "", "", "", "", ""),
)
#: Exponential loss (as in boosting): the best critic is half of log p/q, the loss 2 ∫ √(p q).
EXPONENTIAL = AdversarialLoss(
    "exponential",
    "Exponential GAN",
    "The loss of boosting.",
    real=lambda c: torch.exp(-c),
    fake=torch.exp,
    generator=lambda c: torch.exp(-c),
    equilibrium=(2.0, 1.0),
    logit=False,
    unit="dimensionless",
)


@pytest.fixture
def rows() -> Iterator[None]:
    F.register("triangular", title=TRIANGLE.title, summary="added")(TRIANGLE)
    OBJECTIVES.register("exponential", title="Exponential GAN")(objective_of(EXPONENTIAL))
    yield
    F.unregister("triangular")
    OBJECTIVES.unregister("exponential")


def trained(steps: int, **values: Any) -> tuple[Any, dict[str, list[float]]]:
    spec = RunSpec.build(**{"batch": 256, "seed": 1, **values})
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    seen: dict[str, list[float]] = {}
    with scope(1, "game"):
        state = algorithm.init(1, data)
        for k in range(steps):
            batch = data.train.x[torch.randint(len(data.train), (256,))]
            state, info = algorithm.step(state, batch)
            if k >= steps - 20:
                for name, value in info.means().items():
                    seen.setdefault(name, []).append(value)
    return algorithm.model(state), seen


def test_an_added_divergence_has_its_value_its_bound_and_its_fit(rows: None) -> None:
    p, q = gaussian(0.0, 1.0), gaussian(2.0, 1.0)
    exact = divergence_1d(F["triangular"], p, q).value
    # Its own definition by a plain sum, and the inequalities of Le Cam: H² ≤ Δ ≤ 2 H².
    x = torch.linspace(-10, 12, 200_001, dtype=torch.float64)
    a, b = p(x).exp(), q(x).exp()
    assert exact == pytest.approx(float(torch.trapezoid((a - b) ** 2 / (a + b), x)), abs=1e-6)
    hellinger = 0.78693868
    assert hellinger <= exact <= 2 * hellinger

    def best(x: Tensor) -> Tensor:
        return F["triangular"].score(p(x) - q(x))

    tight = bound_1d(F["triangular"], best, p, q, score=True).value
    assert tight == pytest.approx(exact, abs=1e-5)
    loose = bound_1d(F["triangular"], lambda x: best(x) + 0.1 * torch.sin(x), p, q, score=True)
    assert loose.value < tight - 1e-4
    fit = fit_gaussian(F["triangular"], gaussian(0.7, 1.3))
    assert (fit.mean, fit.std) == (pytest.approx(0.7, abs=1e-3), pytest.approx(1.3, abs=1e-3))


def test_an_added_divergence_is_offered_and_trains(rows: None) -> None:
    offered = Combination.of({"data": "ring", "model": "gan", "objective": "fgan"})
    choices = {row.name: row.choices for row in offered.options()["objective"]}
    assert "triangular" in (choices["divergence"] or ())
    model, seen = trained(
        400, data="two_gaussians", model="gan", objective="fgan", divergence="triangular"
    )
    assert all(value < TRIANGLE.upper + 0.05 for value in seen["f_bound"])
    with torch.no_grad(), scope(2, "look"):
        assert model.eval().sample(64).isfinite().all()


def test_an_added_loss_is_offered_and_trains(rows: None) -> None:
    assert "exponential" in OBJECTIVES.names()
    model, seen = trained(400, data="two_gaussians", model="gan", objective="exponential")
    # The best critic's loss is 2 ∫ √(p q) ≤ 2, the value of the critic that knows nothing.
    assert 0.0 < sum(seen["loss_discriminator"]) / 20 < 2.2
    with torch.no_grad(), scope(2, "look"):
        assert model.eval().sample(64).isfinite().all()


def test_the_exponential_critic_is_half_the_log_ratio() -> None:
    p, q = gaussian(0.0, 1.0), gaussian(2.0, 1.0)
    x = torch.linspace(-8, 10, 20_001, dtype=torch.float64)

    def loss(c: Tensor) -> float:
        lowered = p(x).exp() * EXPONENTIAL.real(c)
        lowered = lowered + q(x).exp() * EXPONENTIAL.fake(c)
        return float(torch.trapezoid(lowered, x))

    best = 0.5 * (p(x) - q(x))
    assert loss(best) == pytest.approx(2.0 - 0.78693868, abs=1e-5)
    assert loss(best + 0.1 * torch.sin(x)) > loss(best) + 1e-3
