"""HMC against exact posteriors and quadrature; R-hat and effective sizes against known chains."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genlab.core.errors import SpecError
from genlab.data import tables
from genlab.inference import log_joint_presets as lj
from genlab.inference.advi import ADVI
from genlab.inference.constraints import Real
from genlab.inference.log_joints import Diverged, LogJoint, Parameter, Values
from genlab.inference.mcmc import HMC, Chains, Draws, effective_sample_size, r_hat


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- Diagnostics


def test_r_hat_by_hand() -> None:
    draws = noise(10, 3).numpy()
    halves = np.concatenate([draws[:5], draws[5:]], axis=1)
    within = halves.var(axis=0, ddof=1).mean()
    between = 5 * halves.mean(axis=0).var(ddof=1)
    truth = math.sqrt((4 / 5 * within + between / 5) / within)
    assert r_hat(torch.from_numpy(draws)) == pytest.approx(truth, rel=1e-12)


def test_r_hat_sees_chains_apart_and_chains_that_drift() -> None:
    good = noise(1000, 4)
    assert r_hat(good) == pytest.approx(1, abs=0.01)
    assert r_hat(good + torch.tensor([0.0, 0, 0, 3])) > 1.3
    assert r_hat(good + torch.linspace(0, 3, 1000)[:, None]) > 1.2


def test_effective_size_of_independent_draws() -> None:
    sizes = [effective_sample_size(noise(1000, 4, seed=seed)) for seed in range(5)]
    assert np.mean(sizes) == pytest.approx(4000, rel=0.1)


@pytest.mark.parametrize("phi", [-0.3, 0.5, 0.9])
def test_effective_size_of_an_autoregression(phi: float) -> None:
    sizes = []
    for seed in range(3):
        e = noise(4000, 4, seed=seed)
        rows = [e[0] / math.sqrt(1 - phi**2)]
        for row in e[1:]:
            rows.append(phi * rows[-1] + row)
        sizes.append(effective_sample_size(torch.stack(rows)))
    assert np.mean(sizes) == pytest.approx(16000 * (1 - phi) / (1 + phi), rel=0.15)


def test_effective_size_of_stuck_chains_is_not_a_number() -> None:
    assert math.isnan(effective_sample_size(torch.ones(10, 2)))
    with pytest.raises(SpecError, match="4 or more"):
        r_hat(torch.ones(3, 2))


# --- Posteriors


def test_a_gaussian_posterior() -> None:
    model, x = lj.linear_gaussian_truth()
    q = model.encode(x[None])
    draws = HMC(lj.linear_gaussian(), chains=32, warmup=120).run(200, seed=0)
    z, size = draws.pooled("z"), draws.effective("z")
    assert float(draws.r_hat("z").max()) < 1.01
    assert float(size.min()) > 2000
    error = (z.mean(0) - q.mean[0]).abs() / (q.variance[0] / size).sqrt()
    assert float(error.max()) < 4
    apart = draws.zeta - q.mean[0]
    for i, j in ((0, 0), (0, 1), (1, 1)):
        product = apart[..., i] * apart[..., j]
        error = float(product.std()) / math.sqrt(effective_sample_size(product))
        exact = float(q.covariance_matrix[0, i, j])
        assert float(product.mean()) == pytest.approx(exact, abs=4.5 * error)
        assert error < 0.1 * exact
    assert draws.accept == pytest.approx(0.8, abs=0.12)
    assert draws.divergent == 0


def test_a_conjugate_gamma_posterior() -> None:
    target = lj.waiting_times()
    times = target.data[0]
    truth = stats.gamma(2 + len(times), scale=1 / (1 + float(times.sum())))
    draws = HMC(target, chains=32, warmup=120).run(200, seed=1)
    rate, size = draws.pooled("rate"), float(draws.effective("rate"))
    assert abs(float(rate.mean()) - truth.mean()) < 4 * truth.std() / math.sqrt(size)
    assert float(rate.var()) == pytest.approx(truth.var(), rel=0.1)
    thin = draws.values["rate"][::10].flatten().numpy()
    # Level 1e-5: fewer than 100 such tests raise under 0.1 % false alarms; D > 2.5/√n fails.
    assert stats.kstest(thin, truth.cdf).pvalue > 1e-5


@pytest.fixture(scope="module")
def schools() -> Draws:
    return HMC(lj.eight_schools(), chains=16, warmup=150).run(200, seed=0)


def test_eight_schools_against_quadrature(schools: Draws) -> None:
    # The effects summed out: y_j ~ N(mu, tau² + error_j²), on a grid in mu and log tau.
    y, errors = np.array(tables.EIGHT_SCHOOLS_EFFECTS), np.array(tables.EIGHT_SCHOOLS_ERRORS)
    mu, log_tau = np.meshgrid(np.linspace(-25, 35, 241), np.linspace(-8, 6, 401), indexing="ij")
    tau = np.exp(log_tau)
    sd = np.sqrt(tau[..., None] ** 2 + errors**2)
    log_p = stats.norm.logpdf(y, mu[..., None], sd).sum(-1) + stats.norm.logpdf(mu, 0, 5)
    log_p = log_p + stats.halfcauchy.logpdf(tau, scale=5) + log_tau
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    for name, grid in (("mu", mu), ("tau", tau)):
        mean = float((p * grid).sum())
        sd_truth = math.sqrt(float((p * (grid - mean) ** 2).sum()))
        error = sd_truth / math.sqrt(float(schools.effective(name)))
        assert abs(float(schools.mean(name)) - mean) < 4 * error
        assert float(schools.sd(name)) == pytest.approx(sd_truth, rel=0.15)
        assert float(schools.r_hat(name)) < 1.05


def test_advi_agrees_with_the_referee_on_eight_schools(schools: Draws) -> None:
    # With few draws the search may choose a step size that takes longer.
    advi = ADVI(lj.eight_schools(), draws=20)
    state, _ = advi.run(1000, seed=0)
    mine = advi.sample(state, 4000)
    assert float(mine["mu"].mean()) == pytest.approx(float(schools.mean("mu")), abs=1.0)
    assert float(mine["tau"].mean()) == pytest.approx(float(schools.mean("tau")), abs=1.2)
    apart = mine["offsets"].mean(0) - schools.mean("offsets")
    assert float(apart.abs().max()) < 0.2
    # The first and the seventh school's effects are the largest by far, and nearly alike.
    for means in (mine["offsets"].mean(0), schools.mean("offsets")):
        assert set(means.topk(2).indices.tolist()) == {0, 6}


def test_estimates_carry_an_interval_and_their_size(schools: Draws) -> None:
    rows = schools.estimate("offsets")
    assert list(rows) == [f"offsets[{j}]" for j in range(8)]
    row = schools.estimate("mu")["mu"]
    assert row.low < row.value < row.high
    assert row.series.kind == "Monte Carlo"
    assert row.series.n == int(schools.effective("mu"))
    assert row.value == pytest.approx(float(schools.mean("mu")))


# --- The algorithm itself


def test_leapfrog_goes_back_and_its_error_falls_with_the_square_of_the_step() -> None:
    hmc = HMC(lj.logistic_regression(), chains=4, warmup=20)
    state = hmc.init(seed=2)
    momentum = noise(4, 3)
    position, _, gradient, end = hmc._leapfrog(state, momentum, 0.02, 10)
    turned = hmc._leapfrog(
        type(state)(**{**vars(state), "position": position, "gradient": gradient}), -end, 0.02, 10
    )
    torch.testing.assert_close(turned[0], state.position, rtol=1e-9, atol=1e-9)

    def energy_error(step: float, leaps: int) -> float:
        _, value, _, end = hmc._leapfrog(state, momentum, step, leaps)
        change = value - state.log_density + 0.5 * (momentum.square() - end.square()).sum(1)
        return float(change.abs().max())

    assert energy_error(0.01, 20) / energy_error(0.005, 40) == pytest.approx(4, rel=0.15)


def test_the_same_seed_gives_the_same_chains_and_a_snapshot_goes_on_alike() -> None:
    hmc = HMC(lj.waiting_times(), chains=3, warmup=20)
    state = hmc.init(seed=7)
    for _ in range(10):
        state, info = hmc.step(state)
    resumed = hmc.unpack(hmc.pack(state))
    for _ in range(15):
        state, info = hmc.step(state)
        resumed, _ = hmc.step(resumed)
    assert torch.equal(state.position, resumed.position)
    assert torch.equal(hmc.run(5, seed=7).zeta, hmc.run(5, seed=7).zeta)
    assert {row.name for row in hmc.series} == set(info.terms)
    # After the warm-up the step size stays as it is.
    after, info = hmc.step(state)
    assert torch.equal(after.log_step_average, state.log_step_average)
    assert float(info.terms["step_size"]) == pytest.approx(float(state.log_step_average.exp()))


def test_a_lost_chain_shortens_the_step_whatever_the_others_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hmc = HMC(lj.linear_gaussian(), chains=8, warmup=20)
    state, lost = hmc.init(seed=0), torch.zeros(8, dtype=torch.float64)
    lost[0] = -1e6

    def stay(state: Chains, momentum: torch.Tensor, *_: object) -> tuple[torch.Tensor, ...]:
        return state.position, state.log_density + lost, state.gradient, momentum

    monkeypatch.setattr(hmc, "_leapfrog", stay)
    after, info = hmc.step(state)
    assert info.terms["accept"].tolist() == [0.0] + [1.0] * 7
    # Dual averaging as if no trajectory had been accepted: H̄ = 0.8 / 11, γ = 0.05.
    assert float(after.log_step) == pytest.approx(float(state.centre) - 0.8 / 11 / 0.05)


@pytest.mark.parametrize("seed", range(6))
def test_no_chain_stays_behind(seed: int) -> None:
    """Some start where the noise is far too small for the step that suits the others."""
    draws = HMC(lj.PRESETS["linear_regression"].build(), 8, 100, most=24).run(60, seed)
    assert draws.divergent < 10
    assert float(draws.r_hat("noise").max()) < 1.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chains": 1}, "chains = 1"),
        ({"warmup": 3}, "warmup = 3"),
        ({"accept": 1.0}, "accept = 1.0"),
        ({"path": -1.0}, "path = -1.0"),
        ({"most": 0}, "most = 0"),
        ({"start": {"rate": -2.0}}, "allowed: a number above 0"),
    ],
)
def test_bad_options_are_refused(options: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        HMC(lj.gamma_model(), **options)
    assert "Nothing was started" in str(caught.value)


def test_bad_models_are_refused() -> None:
    with pytest.raises(SpecError, match="log_prob = nan"):
        HMC(LogJoint([Parameter("z", Real())], lambda v: v["z"] * torch.nan))

    allowed = math.inf

    def narrow(values: Values) -> torch.Tensor:
        square = values["z"].square().sum()
        return torch.where(square < allowed, -0.5 * square, torch.nan)

    # Fine at the draws that are looked at when it is made, but not where chains start.
    hmc = HMC(LogJoint([Parameter("z", Real(), (50,))], narrow), chains=64)
    allowed = 1.0
    with pytest.raises(Diverged, match="20 random starts"):
        hmc.init()
    with pytest.raises(SpecError, match="draws = 2"):
        HMC(lj.gamma_model()).run(2)
