"""SVI against exact posteriors, its own full batch, autograd and coordinate ascent by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import digamma

from genlab.core.errors import SpecError
from genlab.inference.conjugate import (
    BetaBernoulli,
    ConditionallyConjugate,
    NormalGamma,
    NormalMean,
)
from genlab.inference.svi import SVI, BayesianMixture, RobbinsMonro

N, B = 1000, 10


def coins() -> torch.Tensor:
    return torch.bernoulli(
        torch.full((N,), 0.3, dtype=torch.float64), generator=torch.Generator().manual_seed(5)
    )


def reals() -> torch.Tensor:
    noise = torch.randn(N, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    return 1.5 + 2.0 * noise


def blobs(n: int = 300) -> torch.Tensor:
    source = torch.Generator().manual_seed(7)
    centres = torch.tensor([[-4.0, 0.0], [0.0, 3.0], [4.0, -1.0]], dtype=torch.float64)
    k = torch.randint(3, (n,), generator=source)
    return centres[k] + torch.randn(n, 2, generator=source, dtype=torch.float64)


GLOBAL = {
    "beta": (BetaBernoulli(2, 3), coins()),
    "normal": (NormalMean(0, 1, 2.0), reals()),
}
MEANS = BayesianMixture(NormalMean(0.0, 5.0, 1.0, dim=2), 3)
ALL: dict[str, tuple[ConditionallyConjugate, torch.Tensor]] = {
    **GLOBAL,
    "gamma": (NormalGamma(0.5, 2.0, 1.5, 0.8, dim=2), blobs()),
    "mixture": (MEANS, blobs()),
    "mixture of unknown variances": (
        BayesianMixture(NormalGamma(0.0, 0.1, 1.0, 0.5, dim=2), 3, 0.7),
        blobs(),
    ),
    "mixture of coins": (
        BayesianMixture(BetaBernoulli(1.0, 2.0, dim=2), 2),
        (blobs() > 0).double(),
    ),
}


@pytest.mark.parametrize("name", GLOBAL)
def test_a_full_batch_with_rho_one_is_exact_in_one_step(name: str) -> None:
    model, x = GLOBAL[name]
    exact, _ = model.step(model.init(), x)
    svi = SVI(model, N, rate=None)
    state, _ = svi.step(svi.init(), x)
    torch.testing.assert_close(state.natural, exact.natural, rtol=1e-10, atol=1e-10)
    again, info = svi.step(state, x)
    torch.testing.assert_close(again.natural, exact.natural, rtol=1e-10, atol=1e-10)
    # With the exact posterior the bound is tight.
    assert info.means()["elbo"] == pytest.approx(float(exact.log_evidence), abs=1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", GLOBAL)
def test_small_batches_come_near_the_exact_posterior(name: str, seed: int) -> None:
    model, x = GLOBAL[name]
    exact, _ = model.step(model.init(), x)
    svi = SVI(model, N, RobbinsMonro(forgetting=0.7, delay=1.0))
    source = torch.Generator().manual_seed(seed)
    state = svi.init()
    for _ in range(3000):
        state, _ = svi.step(state, x[torch.randint(N, (B,), generator=source)])
    relative = ((state.natural - exact.natural) / exact.natural).abs()
    assert float(relative.max()) < 0.06
    assert int(state.steps) == 3000


@pytest.mark.parametrize("name", ALL)
def test_targets_average_to_the_full_batch_over_a_partition(name: str) -> None:
    model, x = ALL[name]
    n = len(x)
    lam = model.start(0, x)
    parts = x[torch.randperm(n, generator=torch.Generator().manual_seed(0))].split(B)
    mean = torch.stack([model.target(lam, part, n / B) for part in parts]).mean(0)
    torch.testing.assert_close(mean, model.target(lam, x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_mean_parameters_are_the_gradient_of_the_log_normaliser(name: str) -> None:
    model, x = ALL[name]
    lam = model.start(1, x) * 1.3 + 0.05 * model.prior
    exact = torch.func.grad(model.log_normaliser)(lam)
    torch.testing.assert_close(model.mean_parameters(lam), exact, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_the_ordinary_gradient_is_fisher_times_the_natural_one(name: str) -> None:
    model, x = ALL[name]
    lam = model.start(1, x) * 1.3 + 0.05 * model.prior
    ordinary = torch.func.grad(lambda p: model.elbo(p, x))(lam).flatten()
    natural = (model.target(lam, x) - lam).flatten()
    torch.testing.assert_close(model.fisher(lam) @ natural, ordinary, rtol=1e-8, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_the_step_is_a_mean_of_old_and_target(name: str) -> None:
    model, x = ALL[name]
    svi = SVI(model, len(x), RobbinsMonro(0.9, 3.0))
    state = svi.init(0, x)
    before = state.natural.clone()
    after, info = svi.step(state, x[:B])
    rho = 4.0**-0.9
    exact = (1 - rho) * before + rho * model.target(before, x[:B], len(x) / B)
    torch.testing.assert_close(after.natural, exact, rtol=1e-12, atol=1e-12)
    assert info.means()["rho"] == pytest.approx(rho, abs=1e-12)
    elbo = float(model.elbo(before, x[:B], len(x) / B))
    assert info.means()["elbo"] == pytest.approx(elbo, rel=1e-10)
    assert torch.equal(state.natural, before)
    assert svi.unpack(svi.pack(after)).natural.equal(after.natural)


def test_a_sweep_on_the_mixture_is_coordinate_ascent() -> None:
    """The updates of the review's section 3, written out in numpy."""
    inner, data = NormalMean(0.0, 4.0, 1.2, dim=2), blobs()
    model = BayesianMixture(inner, 3, concentration=0.7)
    svi = SVI(model, len(data), rate=None)
    state = svi.init(0, data)
    lam, x = state.natural.numpy(), data.numpy()
    counts, precision = lam[:, 0], lam[:, 2]
    # λ of a component: (precision · mean, precision) of each coordinate.
    m = lam[:, [1, 3]] / precision[:, None]
    log_weight = digamma(counts) - digamma(counts.sum())
    second = (m**2).sum(1) + 2 / precision
    score = log_weight + (x @ m.T - second / 2) / 1.2**2
    phi = np.exp(score - score.max(1, keepdims=True))
    phi /= phi.sum(1, keepdims=True)
    new_precision = 1 / 16 + phi.sum(0) / 1.44
    new_m = phi.T @ x / 1.44 / new_precision[:, None]
    state, _ = svi.step(state, data)
    assert model.weights(state.natural).concentration.numpy() == pytest.approx(
        0.7 + phi.sum(0), abs=1e-9
    )
    first, last = model.split(state.natural)[1].unbind(-1)
    assert (first / last).numpy() == pytest.approx(new_m, abs=1e-10)
    assert last[:, 0].numpy() == pytest.approx(new_precision, rel=1e-12)


def test_sweeps_raise_the_bound_below_the_evidence() -> None:
    """Six examples, two components in one dimension: log p(x) by summing over all assignments."""
    x = torch.tensor([[-2.1], [-1.8], [-2.4], [1.9], [2.2], [2.0]], dtype=torch.float64)
    model = BayesianMixture(NormalMean(0.0, 3.0, 0.7), 2, concentration=1.0)
    total = []
    for code in range(2**6):
        group = np.array([(code >> i) & 1 for i in range(6)])
        sizes = np.array([(group == 0).sum(), (group == 1).sum()])
        log_p = sum(math.lgamma(1 + s) for s in sizes) - math.lgamma(8)  # Dirichlet(1, 1)
        for k in (0, 1):
            member = NormalMean(0.0, 3.0, 0.7)
            picked = x[torch.tensor(group == k)]
            if len(picked):
                state, _ = member.step(member.init(), picked)
                log_p += float(state.log_evidence)
        total.append(log_p)
    evidence = float(torch.tensor(total).logsumexp(0))
    svi = SVI(model, 6, rate=None)
    search = svi.init(0, x)
    curve = []
    for _ in range(60):
        search, info = svi.step(search, x)
        curve.append(info.means()["elbo"])
    assert min(np.diff(curve)) > -1e-9
    # Either labelling is one of two equal modes, which costs q at most about log 2.
    assert evidence - 1.2 < curve[-1] < evidence


def test_batches_find_the_components() -> None:
    x = blobs(2000)
    model = MEANS
    svi = SVI(model, len(x), RobbinsMonro(0.7, 5.0))
    source = torch.Generator().manual_seed(1)
    best = SVI(model, len(x), rate=None)
    full = best.init(0, x)
    state = svi.init(0, x)
    for _ in range(400):
        state, _ = svi.step(state, x[torch.randint(len(x), (50,), generator=source)])
    for _ in range(60):
        full, _ = best.step(full, x)
    got, want = (
        inner[..., 0] / inner[..., 1]
        for inner in (model.split(state.natural)[1], model.split(full.natural)[1])
    )
    torch.testing.assert_close(got, want, rtol=0, atol=0.15)
    found = sorted(round(float(m[0])) for m in got)
    assert found == [-4, 0, 4]
    r = model.responsibilities(state.natural, x[:5])
    torch.testing.assert_close(r.sum(1), torch.ones(5, dtype=torch.float64))


def test_steps_satisfy_robbins_and_monro() -> None:
    rate = RobbinsMonro(0.7, 1.0)
    assert [rate(t) for t in (1, 9)] == pytest.approx([2**-0.7, 10**-0.7], abs=1e-12)
    assert RobbinsMonro(1.0, 0.0)(1) == 1.0
    for bad in (0.5, 0.3, 1.01, math.nan):
        with pytest.raises(SpecError, match=r"above 0\.5 and at most 1"):
            RobbinsMonro(forgetting=bad)
    for bad in (-0.1, math.inf, math.nan):
        with pytest.raises(SpecError, match="from 0"):
            RobbinsMonro(delay=bad)


def test_bad_input_is_said_clearly() -> None:
    svi = SVI(BetaBernoulli(), 10, rate=None)
    with pytest.raises(SpecError, match="1 to 10 examples"):
        svi.step(svi.init(), torch.ones(11))
    with pytest.raises(SpecError, match="1 to 10 examples"):
        svi.step(svi.init(), torch.ones(0))
    with pytest.raises(SpecError, match="zeros and ones"):
        svi.step(svi.init(), torch.tensor([2.0]))
    with pytest.raises(SpecError, match="from 1"):
        SVI(BetaBernoulli(), 0, rate=None)
    with pytest.raises(SpecError, match="from 1"):
        BayesianMixture(NormalMean(), 0)
    with pytest.raises(SpecError, match="above 0"):
        BayesianMixture(NormalMean(), 2, concentration=0.0)
    for few in (torch.zeros(2, 2), None):
        with pytest.raises(SpecError, match="at least 3"):
            MEANS.start(0, few)
