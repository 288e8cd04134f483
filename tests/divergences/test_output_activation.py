"""The output activations of the f-divergences: a fresh critic starts at a moderate bound."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import models
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.data import load
from genlab.divergences.f import F, FDivergence
from genlab.divergences.fgan_activations import original_activation
from genlab.divergences.formula import from_formula
from genlab.objectives.base import Loss

#: The whole range that the form offers, and the neighbours of the two excluded values.
ALPHAS = (
    *(-5.0 + 0.25 * k for k in range(41) if -5.0 + 0.25 * k not in (0.0, 1.0)),
    *(centre + sign * 10.0**-k for centre in (0.0, 1.0) for sign in (1, -1) for k in range(2, 13)),
    *(0.8, 0.9, 0.95, 1e-50, -1e-300),
)
PIS = (0.001, 0.003, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999)


def members(name: str) -> list[FDivergence]:
    row = F[name]
    values = {"alpha": ALPHAS, "pi": PIS}
    if row.parameter is None:
        return [row]
    return [row.with_parameter(value) for value in values[row.parameter.name]]


def at_score(row: FDivergence, v: float, dtype: torch.dtype = torch.float32) -> float:
    """The objective E T − E f*(T) of a critic that says v of everything."""
    score = torch.full((1,), v, dtype=dtype)
    return float(row.activation(score) - row.conjugate_of_activation(score))


@pytest.mark.parametrize("name", F.names())
def test_the_bound_of_a_critic_that_says_nothing_is_moderate(name: str) -> None:
    for row in members(name):
        for v in (0.0, 0.5, -0.5):
            start = at_score(row, v)
            assert math.isfinite(start), (row.title, v)
            # Of α = ±5 the exponentials at half a score are e^{2.5} and e^{3}.
            assert abs(start - row.at_one) <= (1.0 if v == 0.0 else 10.0), (row.title, v, start)


@pytest.mark.parametrize("name", ["alpha", "js_weighted"])
def test_at_equal_distributions_the_best_score_is_0_and_the_bound_exact(name: str) -> None:
    for row in members(name):
        assert at_score(row, 0.0, torch.float64) == pytest.approx(0.0, abs=1e-12)
        zero = torch.zeros(1, dtype=torch.float64)
        assert float(row.activation(zero)) == pytest.approx(0.0, abs=1e-12)
        l = torch.tensor([-3.0, -0.4, 0.2, 2.5], dtype=torch.float64)
        torch.testing.assert_close(row.score(l), l, rtol=0.0, atol=1e-12)
        if row.name == "alpha" and min(abs(row.parameter.value - c) for c in (0, 1)) < 1e-6:
            continue  # The generator itself is a difference of near equals there.
        u, t = l.exp(), row.activation(l)
        torch.testing.assert_close(t, row.f_prime(u), rtol=1e-9, atol=1e-12)
        # Fenchel's equality, which makes the bound exact at V = log r.
        expected = u * t - row.f(u)
        torch.testing.assert_close(row.conjugate_of_activation(l), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("alpha", [-1.5, -0.5, 0.02, 0.5, 0.8, 0.9, 0.95, 0.99, 1.01, 1.5, 2.0])
def test_alpha_is_finite_in_float32_up_to_scores_of_30(alpha: float) -> None:
    row = F["alpha"].with_parameter(alpha)
    v = torch.linspace(-30.0, 30.0, 301)
    assert bool(row.activation(v).isfinite().all())
    assert bool(row.conjugate_of_activation(v).isfinite().all())


@pytest.mark.parametrize(
    ("alpha", "v", "t", "conjugate"),
    [
        (0.8, 1.0, 0.9063462, 1.5319262),
        (0.8, 3.0, 2.2559418, 12.5289705),
        (0.95, 1.0, 0.9754115, 1.6691681),
        (0.95, 3.0, 2.7858405, 17.1450335),
    ],
)
def test_values_of_the_activation(alpha: float, v: float, t: float, conjugate: float) -> None:
    row = F["alpha"].with_parameter(alpha)
    score = torch.tensor([v], dtype=torch.float64)
    assert float(row.activation(score)) == pytest.approx(t, abs=5e-8)
    assert float(row.conjugate_of_activation(score)) == pytest.approx(conjugate, abs=5e-7)


def test_alpha_tends_to_both_directions_of_kl() -> None:
    v = torch.tensor([-2.0, 0.3, 3.0], dtype=torch.float64)
    near_kl, near_reverse = (F["alpha"].with_parameter(a) for a in (1.0 - 1e-9, 1e-9))
    torch.testing.assert_close(near_kl.activation(v), v, rtol=1e-7, atol=0.0)
    torch.testing.assert_close(near_kl.conjugate_of_activation(v), v.expm1(), rtol=1e-7, atol=0.0)
    torch.testing.assert_close(near_reverse.activation(v), -(-v).expm1(), rtol=1e-7, atol=0.0)
    torch.testing.assert_close(near_reverse.conjugate_of_activation(v), v, rtol=1e-7, atol=0.0)


def test_formulas_of_ones_own_start_moderate() -> None:
    for text in ("u*log(u)", "(u-1)**2", "abs(u-1)/2", "(u**0.95-1-0.95*(u-1))/(0.95*-0.05)"):
        assert abs(at_score(from_formula(text), 0.0)) < 1e-6, text


# -- through a run --------------------------------------------------------------------------------


def first_bound(**asked: object) -> tuple[float, Loss]:
    spec = RunSpec.build(model="gan", objective="fgan", seed=3, **asked)
    data = load(spec)
    with scope(3, "weights"):
        model = models.build(spec)
        objective = OBJECTIVES["fgan"](spec.objective_options)
        loss = objective.loss("discriminator", model, data.train.x[:256])
    return float(loss.terms["f_bound"].detach().mean()), loss


CASES = [
    *({"divergence": name} for name in F.names() if name not in ("alpha", "js_weighted")),
    *({"divergence": "alpha", "alpha": a} for a in (-5.0, -1.0, 0.5, 0.8, 0.9, 0.95, 0.99, 5.0)),
    *({"divergence": "alpha", "alpha": a} for a in (1.0 - 1e-6, 1.0 + 1e-6, 1e-6)),
    *({"divergence": "js_weighted", "pi": p} for p in (0.001, 0.5, 0.999)),
]


@pytest.mark.parametrize("asked", CASES, ids=str)
def test_the_first_bound_of_a_run_is_finite_and_moderate(asked: dict[str, object]) -> None:
    for critic in ("tanh", "leaky_relu"):
        bound, loss = first_bound(data="ring", critic_activation=critic, **asked)
        assert math.isfinite(bound)
        assert abs(bound) < 3.0, (critic, bound)
        loss.value.backward()


def test_an_older_run_is_read_with_its_own_activation() -> None:
    asked = {"data": "ring", "model": "gan", "objective": "fgan"}
    for name, given in (("alpha", {"alpha": 0.8}), ("js_weighted", {"pi": 0.3})):
        new = RunSpec.build(**asked, divergence=name, **given)
        record = new.flat()
        assert record.pop("output_activation") == "centred"
        old = RunSpec.from_record(record)
        assert old.objective_options.output_activation == "original"
        (value,) = given.values()
        v = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
        cls = OBJECTIVES["fgan"]
        before, now = (cls(spec.objective_options).critic_divergence for spec in (old, new))
        top = 1.0 / (1.0 - value) if name == "alpha" else -value * math.log(value)
        torch.testing.assert_close(before.activation(v), top - torch.nn.functional.softplus(-v))
        torch.testing.assert_close(
            before.conjugate_of_activation(v), before.conjugate(before.activation(v)),
            rtol=1e-6, atol=1e-9,
        )  # fmt: skip
        torch.testing.assert_close(before.activation(before.score(v)), before.critic(v))
        assert not torch.allclose(now.activation(v), before.activation(v))
        assert "log(1+e^{-v})" in before.latex.activation


def test_above_1_a_run_takes_the_score_itself() -> None:
    cls = OBJECTIVES["fgan"]
    v = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    for way in ("centred", "original"):
        asked = {"divergence": "alpha", "alpha": 2.0, "output_activation": way}
        row = cls(cls.Options.build(asked)).critic_divergence
        assert row.activation(v).tolist() == v.tolist()
        torch.testing.assert_close(row.conjugate_of_activation(v), v.square() / 2 + v)


def test_rows_without_another_activation_are_the_same_objects() -> None:
    for name in F.names():
        row = F[name]
        if name not in ("alpha", "js_weighted"):
            assert original_activation(row) is row
    steep = original_activation(F["alpha"].with_parameter(2.0))
    v = torch.tensor([-0.5, 1.5], dtype=torch.float64)
    assert steep.activation(v).tolist() == v.tolist()
    torch.testing.assert_close(steep.conjugate_of_activation(v), (v + 1.0).square() / 2 - 0.5)
    assert float(original_activation(F["alpha"].with_parameter(0.99)).conjugate_of_activation(
        torch.zeros(1))) == math.inf  # fmt: skip


@pytest.mark.parametrize("pi", [0.01, 0.3, 0.7, 0.99])
def test_the_former_activation_of_the_weighted_js_is_exact_on_both_sides_of_its_series(
    pi: float,
) -> None:
    """(1 − π)(log(1 − π) − log(1 − σ(v)^{1/π})) and its slope, against double precision."""
    row = original_activation(F["js_weighted"].with_parameter(pi))
    scores = [-10.0, 0.0, 5.0, 19.0, 19.9, 20.1, 21.0, 40.0, 80.0, 120.0]
    v = torch.tensor(scores, requires_grad=True)
    found = row.conjugate_of_activation(v)
    (slope,) = torch.autograd.grad(found.sum(), v)
    y = [math.log1p(math.exp(-x)) / pi for x in scores]
    # expm1(y) overflows where the slope is 0 to double precision.
    expected = [(1 - pi) * (math.log1p(-pi) - math.log(-math.expm1(-one))) for one in y]
    slopes = [
        (1 - pi) / (1 + math.exp(x)) / pi / math.expm1(min(one, 700.0))
        for x, one in zip(scores, y, strict=True)
    ]
    assert found.tolist() == pytest.approx(expected, rel=2e-5, abs=2e-6)
    assert slope.tolist() == pytest.approx(slopes, rel=2e-4, abs=1e-7)
