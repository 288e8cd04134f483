"""Likelihoods of columns: published values, sums and integrals, draws, gradients, gaps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.data.base import DataMeta
from genlab.data.schema import Column
from genlab.distributions import LIKELIHOODS, likelihood_choices
from genlab.distributions.columns import COLUMN_LIKELIHOODS, Part, choose, chosen_rows
from genlab.distributions.columns.base import parts_of
from genlab.distributions.columns.log_normal import _log_sigma
from genlab.distributions.mixed import ColumnHead, Mixed

#: A column for each row of the table, and the values in the file's unit: a grid of a discrete
#: column, else the ends of its support.
COLOUR = Column("colour", "categorical", categories=("red", "green", "blue"))
CASES: dict[str, tuple[Part, tuple[float, float] | None]] = {
    "gaussian": (Part(Column("t"), 0, 1, 5.0, 2.0), (-60.0, 70.0)),
    "rounded_gaussian": (Part(Column("year", whole=True), 0, 1, 1950.0, 4.0), None),
    "log_normal": (
        Part(Column("pay", "positive", low=0.1, high=90.0), 0, 1, 1.0, 0.8, 0.0),
        (1e-12, 1e12),
    ),
    "zero_log_normal": (
        Part(Column("gain", "positive", low=0.0, high=90.0), 0, 1, 1.0, 0.8, 0.25),
        (2.5001e-4, 1e12),
    ),
    "bounded": (Part(Column("share", "bounded", low=0.1, high=0.8), 0, 1, 0.4, 0.2), (0.0, 1.0)),
    "bernoulli": (
        Part(Column("b", "binary", low=1.0, high=2.0), 0, 1, 1.4, 0.5),
        None,
    ),
    "categorical": (Part(COLOUR, 0, 3), None),
    "ordinal": (Part(Column("stars", "ordinal", low=1.0, high=5.0), 0, 1, 3.2, 1.4), None),
    "poisson": (Part(Column("n", "count", whole=True), 0, 1, 3.0, 1.7), None),
    "negative_binomial": (Part(Column("n", "count", whole=True), 0, 1, 3.0, 4.0), None),
}
DISCRETE = {
    "rounded_gaussian": np.arange(1850.0, 2051.0),
    "bernoulli": np.array([1.0, 2.0]),
    "ordinal": np.arange(1.0, 6.0),
    "poisson": np.arange(0.0, 400.0),
    "negative_binomial": np.arange(0.0, 60_000.0),
}


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def made(name: str, copies: int = 1):
    part, _ = CASES[name]
    return COLUMN_LIKELIHOODS[name]([part] * copies)


def outputs(law, seed: int = 0, n: int = 1) -> torch.Tensor:
    with scope(seed, "outputs"):
        return 0.7 * torch.randn(n, law.size)


def entry(name: str, v: np.ndarray) -> torch.Tensor:
    """Values in the file's unit as entries, (n, w)."""
    part, _ = CASES[name]
    if name == "categorical":
        return torch.eye(3)[torch.from_numpy(v).long()]
    w = np.log(v + part.log) if part.log >= 0 else v
    return torch.from_numpy((w - part.shift) / part.scale)[:, None]


def test_every_row_of_the_table_is_tested_here() -> None:
    assert set(CASES) == set(COLUMN_LIKELIHOODS)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_probabilities_sum_or_integrate_to_one(name: str, seed: int) -> None:
    law, h = made(name), outputs(made(name), seed)
    if name == "categorical":
        total = float(law.log_prob(h, torch.eye(3)).exp().sum())
    elif name in DISCRETE:
        total = float(law.log_prob(h, entry(name, DISCRETE[name])).exp().sum())
    else:
        low, high = CASES[name][1]

        def density(u: float) -> float:
            v = math.exp(u) if law.parts[0].log >= 0 else u
            p = math.exp(float(law.log_prob(h, entry(name, np.array([v])))[0, 0]))
            return p * v if law.parts[0].log >= 0 else p

        ends = (math.log(low), math.log(high)) if law.parts[0].log >= 0 else (low, high)
        middle = float(
            np.linspace(*ends, 2001)[np.argmax([density(u) for u in np.linspace(*ends, 2001)])]
        )
        total = integrate.quad(density, *ends, points=[middle], limit=400)[0]
        if name == "zero_log_normal":
            total += float(law.log_prob(h, entry(name, np.array([0.0]))).exp())
    # Beyond the sum lies some of the heavy tail of the negative binomial, and below the integral
    # what is told from 0 by nothing.
    loose = {"negative_binomial": 2e-6, "zero_log_normal": 2e-5}
    assert total == pytest.approx(1.0, abs=loose.get(name, 1e-6))


def test_published_values() -> None:
    def at(name: str, part: Part, h: list[float], v: float) -> float:
        w = math.log(v) if part.log == 0 else v
        x = torch.tensor([[(w - part.shift) / part.scale]])
        return float(COLUMN_LIKELIHOODS[name]([part]).log_prob(torch.tensor([h]), x))

    def raw(log_sigma: float) -> float:
        """The output that gives this log of the standard deviation."""

        def gap(h: float) -> float:
            return float(_log_sigma(torch.tensor(h))) - log_sigma

        return float(optimize.brentq(gap, -6.0, 3.0, xtol=1e-12))

    count = Part(Column("n", "count", whole=True, high=900.0), 0, 1, 3.0, 2.0)
    assert at("poisson", count, [0.0], 2) == pytest.approx(-1.4959226, abs=1e-6)
    theta = 8.0 * math.atanh((math.log(2.0) - 1.0) / 8.0)
    for y, wanted in ((0, -1.8325815), (2, -1.7556204), (10, -4.5429424)):
        found = at("negative_binomial", count, [0.0, theta], y)
        assert found == pytest.approx(wanted, abs=1e-6)
    pay = Part(Column("pay", "positive", low=1.0), 0, 1, 0.0, 1.0, 0.0)
    found = at("log_normal", pay, [0.0, raw(math.log(0.5))], 2)
    assert found == pytest.approx(-1.8798446, abs=1e-6)
    # N(1, 2²) on [0, 5] at 3; the scale in shares of the range is 0.4, the mean 0.2.
    box = Part(Column("b", "bounded", low=0.0, high=5.0), 0, 1, 0.0, 1.0)
    box = replace(box, column=Column("b", "bounded", low=-0.0001, high=5.0))
    low, high = math.log(0.01), math.log(10.0)
    share = (math.log(2.0 / 5.0001) - low) / (high - low)
    h = [math.log(1.0001 / 4.0), 1.0 + math.log(share / (1 - share))]
    assert at("bounded", box, h, 3) == pytest.approx(-1.7096844, abs=1e-4)
    steps = Part(Column("s", "ordinal", categories=("a", "b", "c", "d")), 0, 1, 0.0, 1.0)
    h = [0.4, -1.0, math.log(math.expm1(1.0)), math.log(math.expm1(1.5))]
    for y, wanted in enumerate((-1.6204174, -1.5921078, -1.0528330, -1.3873353)):
        assert at("ordinal", steps, h, y) == pytest.approx(wanted, abs=1e-6)


def test_rounded_gaussian_is_the_difference_of_normal_distribution_functions() -> None:
    for scale in (4.0, 400.0, 4e6):
        part = Part(Column("year", whole=True), 0, 1, 1950.0, scale)
        law = COLUMN_LIKELIHOODS["rounded_gaussian"]([part])
        h = torch.tensor([[0.3, -0.4]])
        sigma = scale * math.exp(float(-6 + torch.nn.functional.softplus(torch.tensor(5.6))))
        centre = 1950.0 + 0.3 * scale
        for k in (-3.0, -0.5, 0.0, 1.0, 4.0):
            v = round(centre + k * sigma)
            x = torch.tensor([[(v - 1950.0) / scale]])
            a, b = (v - 0.5 - centre) / sigma, (v + 0.5 - centre) / sigma
            exact = integrate.quad(stats.norm.pdf, a, b, epsabs=0)[0]
            found = float(law.log_prob(h, x).exp())
            assert found == pytest.approx(exact, rel=1e-6), (scale, k)


@pytest.mark.parametrize("name", CASES)
def test_draws_have_the_distribution_that_log_prob_says(name: str) -> None:
    law, n = made(name), 20_000
    h = outputs(law, 3)
    with scope(5, "draws"):
        x = law.sample(h.expand(n, -1))
    assert x.shape == (n, sum(law.widths))
    part = law.parts[0]
    if name == "categorical":
        masses = law.log_prob(h, torch.eye(3)).exp()[:, 0].numpy()
        counts = x.sum(0).numpy()
    elif name in DISCRETE:
        grid = DISCRETE[name]
        masses = law.log_prob(h, entry(name, grid)).exp()[:, 0].numpy()
        v = (part.shift + part.scale * x[:, 0]).numpy()
        np.testing.assert_allclose(v, np.rint(v), atol=1e-8)
        counts = np.array([(np.rint(v) == g).sum() for g in grid[:3000]])
        assert counts.sum() == n or name == "negative_binomial"
        masses = masses[: len(counts)]
    else:
        w = (part.shift + part.scale * x[:, 0]).numpy()
        v = np.exp(w) - part.log if part.log >= 0 else w
        low = CASES[name][1][0]
        assert v.min() >= (-1e-12 if part.log > 0 else low)
        # The probability integral transform in twenty cells by cumulated quadrature.
        zero = 0.0
        if name == "zero_log_normal":
            zero = float(law.log_prob(h, entry(name, np.array([0.0]))).exp())
            share = float((v < 2.5e-4).mean())
            assert abs(share - zero) < 5 * math.sqrt(zero * (1 - zero) / n)
            v = v[v >= 2.5e-4]
        u = np.log(v) if part.log >= 0 else v
        grid = np.linspace(u.min() - 1e-9, u.max() + 1e-9, 20_001)
        at = np.exp(grid) if part.log >= 0 else grid
        if name == "bounded":
            at = at.clip(0.0, 1.0)
        density = law.log_prob(h, entry(name, at)).exp()[:, 0].numpy()
        density = density * at if part.log >= 0 else density
        cdf = integrate.cumulative_trapezoid(density, grid, initial=0.0)
        cdf /= cdf[-1]
        # Level 1e-5: under 100 such tests in a suite, so under 0.1 % false
        # alarms; D > 2.5/√n still fails.
        assert stats.kstest(np.interp(u, grid, cdf), "uniform").pvalue > 1e-5
        return
    big = masses * n > 8
    rest = n * (1 - masses[big].sum())
    seen, wanted = [*counts[big], n - counts[big].sum()], [*masses[big] * n, max(rest, 1e-9)]
    if rest < 5:
        seen, wanted = seen[:-1], np.array(wanted[:-1]) * sum(seen[:-1]) / sum(wanted[:-1])
    # Level 1e-5: under 100 such tests in a suite, so under 0.1 % false alarms.
    assert stats.chisquare(seen, np.array(wanted) * sum(seen) / sum(wanted)).pvalue > 1e-5


@pytest.mark.parametrize("name", CASES)
def test_the_mean_is_that_of_the_draws(name: str) -> None:
    law, n = made(name), 40_000
    h = outputs(law, 4)
    with scope(6, "draws"):
        x = law.sample(h.expand(n, -1))
    part, mean = law.parts[0], law.mean(h)[0]
    if part.log >= 0:
        v = torch.exp(part.shift + part.scale * x[:, 0]) - part.log
        back = math.exp(part.shift + part.scale * float(mean[0])) - part.log
        assert abs(float(v.mean()) - back) < 6 * float(v.std()) / math.sqrt(n)
        return
    error = x.std(0) / math.sqrt(n)
    assert bool(((x.mean(0) - mean).abs() < 5 * error + 1e-9).all())


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    law = made(name, 2)
    h = outputs(law, 7, 3).requires_grad_()
    with scope(8, "x"):
        x = law.sample(h.detach())
    assert torch.autograd.gradcheck(lambda h: law.log_prob(h, x), (h,), atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_generator_gives_values_that_the_column_can_have(name: str) -> None:
    law = made(name, 2)
    with scope(9, "h"):
        h = (3 * torch.randn(200, law.generator_size)).requires_grad_()
    x = law.generate(h)
    assert x.shape == (200, sum(law.widths))
    part = law.parts[0]
    v = part.shift + part.scale * x.detach()[:, : law.widths[0]]
    if name == "categorical":
        assert set(v.flatten().tolist()) <= {0.0, 1.0}
        assert bool((v.sum(1) == 1).all())
    elif name in DISCRETE:
        grid = DISCRETE[name]
        assert bool((v - v.round()).abs().max() < 1e-9)
        if name != "rounded_gaussian":
            assert grid.min() - 1e-9 <= float(v.min())
            assert float(v.max()) <= grid.max() + 1e-9
    elif name == "bounded":
        assert float(v.min()) >= 0.0
        assert float(v.max()) <= 1.0
    gradient = torch.autograd.grad(x.square().sum(), h)[0]
    assert float((gradient != 0).double().mean()) > 0.5


def table() -> DataMeta:
    schema = (
        Column("age", "count", whole=True, dispersion=1.1),
        COLOUR,
        Column("smoker", "binary", categories=("no", "yes")),
        Column("bmi"),
        Column("pay", "positive", low=2.0),
    )
    names = tuple(name for column in schema for name in column.entries)
    d = len(names)
    logs = tuple(0.0 if name == "pay" else -1.0 for name in names)
    shift = tuple(40.0 if name == "age" else 1.0 * (name == "pay") for name in names)
    scale = tuple(7.0 if name == "age" else 1.0 for name in names)
    return DataMeta((d,), "real", axes=names, schema=schema, shift=shift, scale=scale, logs=logs)


def test_a_missing_entry_is_marginalised_exactly() -> None:
    """p(x with gaps) of a mixture over codes is the sum or the integral over what is missing."""
    head = ColumnHead(table())
    with scope(11, "h"):
        h = 0.5 * torch.randn(6, head.size)
        x = head.distribution(h[:1]).sample()[0]

    def p(x: torch.Tensor) -> torch.Tensor:
        return head.distribution(h).log_prob(x.expand(6, -1)).exp().mean()

    gap = x.clone()
    gap[0] = torch.nan
    total = 0.0
    for n in range(400):
        full = x.clone()
        full[0] = (n - 40.0) / 7.0
        total += float(p(full))
    assert total == pytest.approx(float(p(gap)), rel=1e-9)

    gap = x.clone()
    gap[1:4] = torch.nan
    total = sum(float(p(torch.cat([x[:1], row, x[4:]]))) for row in torch.eye(3))
    assert total == pytest.approx(float(p(gap)), rel=1e-9)

    gap = x.clone()
    gap[5] = torch.nan

    def along(v: float) -> float:
        full = x.clone()
        full[5] = v
        return float(p(full))

    total = integrate.quad(along, -40.0, 40.0, points=[0.0], limit=400)[0]
    assert total == pytest.approx(float(p(gap)), rel=1e-6)
    nothing = torch.full_like(x, torch.nan)
    assert float(head.distribution(h[:1]).log_prob(nothing[None])) == 0.0


def test_gaps_give_no_gradient_and_no_nan() -> None:
    head = ColumnHead(table())
    with scope(12, "h"):
        h = torch.randn(4, head.size).requires_grad_()
        x = head.distribution(h).sample()
    x[:, 0] = torch.nan
    x[1, 1:4] = torch.nan
    loss = head.distribution(h).log_prob(x)
    gradient = torch.autograd.grad(loss.sum(), h)[0]
    assert bool(gradient.isfinite().all())
    names = head.columns()
    per_column = Mixed(head, h.detach()).column_log_prob(x)
    assert bool((per_column[:, names.index("age")] == 0).all())
    assert float(per_column[1, names.index("colour")]) == 0
    assert float(per_column[0, names.index("colour")]) < 0


def test_entries_stand_where_the_table_has_them() -> None:
    head = ColumnHead(table())
    with scope(13, "h"):
        h = torch.randn(300, head.size)
        x = head.distribution(h).sample(torch.Size((2,)))
    assert x.shape == (2, 300, 7)
    age = 40 + 7 * x[..., 0]
    assert float((age - age.round()).abs().max()) < 1e-9
    assert bool((x[..., 1:4].sum(-1) == 1).all())
    assert set(x[..., 4].flatten().tolist()) == {0.0, 1.0}
    assert not list(head.parameters())
    assert not head.state_dict()


@pytest.mark.parametrize(
    ("column", "row"),
    [
        (Column("a"), "gaussian"),
        (Column("a", whole=True), "rounded_gaussian"),
        (Column("a", "positive", low=0.5), "log_normal"),
        (Column("a", "positive", low=0.0, zeros=0.3), "zero_log_normal"),
        (Column("a", "bounded", low=0.0, high=1.0), "bounded"),
        (Column("a", "binary", low=0.0, high=1.0), "bernoulli"),
        (COLOUR, "categorical"),
        (Column("a", "ordinal", low=1.0, high=5.0), "ordinal"),
        (Column("a", "count", whole=True, dispersion=1.05), "poisson"),
        (Column("a", "count", whole=True, dispersion=0.4), "rounded_gaussian"),
        (Column("a", "count", whole=True, dispersion=4.0), "negative_binomial"),
    ],
)
def test_each_kind_of_column_has_a_likelihood_proposed_with_the_reason(column, row) -> None:
    log = {"log_normal": 0.0, "zero_log_normal": 0.1}.get(row, -1.0)
    found, why = choose(Part(column, 0, len(column.entries), log=log))
    assert found == row
    assert why.endswith(".")


def test_one_real_column_does_not_make_the_others_gaussian_and_a_choice_is_kept() -> None:
    rows = {part.column.name: row for part, row, _ in chosen_rows(table())}
    assert rows == {
        "age": "poisson",
        "colour": "categorical",
        "smoker": "bernoulli",
        "bmi": "gaussian",
        "pay": "log_normal",
    }
    changed = {p.column.name: row for p, row, _ in chosen_rows(table(), "age=negative_binomial")}
    assert changed["age"] == "negative_binomial"
    for text, words in (
        ("age=nonsense", "likelihoods: "),
        ("height=poisson", "columns: age"),
        ("colour=poisson", "not possible"),
        ("age", "allowed"),
    ):
        with pytest.raises(SpecError, match=words):
            chosen_rows(table(), text)


def test_the_likelihood_of_tables_is_for_tables_alone() -> None:
    assert "mixed" in likelihood_choices(table())
    assert "mixed" not in likelihood_choices(DataMeta((2,), "real"))
    assert LIKELIHOODS["mixed"].of_table is not None


def test_columns_without_scales_are_in_their_own_unit() -> None:
    meta = DataMeta((2,), "real", schema=(Column("a"), Column("b")))
    for part in parts_of(meta):
        assert (part.shift, part.scale, part.log, part.standardised) == (0.0, 1.0, -1.0, False)
    scaled = replace(meta, shift=(1.0, 2.0), scale=(3.0, 4.0), logs=(-1.0, 0.5))
    found = [(p.shift, p.scale, p.log, p.standardised) for p in parts_of(scaled)]
    assert found == [(1.0, 3.0, -1.0, True), (2.0, 4.0, 0.5, True)]
