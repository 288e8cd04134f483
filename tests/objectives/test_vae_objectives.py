"""The objectives of the VAE family against identities, closed forms and quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.distributions.kl import kl_divergence

from genlab import models
from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec, objectives_for
from genlab.core.tables import OBJECTIVES
from genlab.data.base import DataMeta
from genlab.distributions.posteriors import POSTERIORS
from genlab.distributions.posteriors.base import lies_in
from genlab.distributions.priors import PRIORS, standard_normal
from genlab.models.base import GenerativeModel
from genlab.models.linear_gaussian import LinearGaussian
from genlab.models.vae import VAE, VAEOptions
from genlab.objectives.base import Loss
from genlab.objectives.beta import Beta, BetaOptions
from genlab.objectives.beta_tc import BetaTC, BetaTCOptions, decomposition
from genlab.objectives.elbo import ELBO, Draw, draw
from genlab.objectives.free_bits import FreeBits, FreeBitsOptions, grouped_kl
from genlab.objectives.importance_weights import log_weights
from genlab.objectives.infovae_mmd import InfoVAE, InfoVAEOptions, mmd_squared
from genlab.objectives.iwae import IWAE, IWAEOptions

BINARY = DataMeta((1, 4, 4), "binary")
FAMILY = ("elbo", "beta", "iwae", "free_bits", "infovae_mmd", "beta_tc")


def proper(posterior: str, prior: str) -> bool:
    """Whether KL(q ‖ p(z)) of this pair can be finite."""
    outer = PRIORS[prior].support
    return outer is None or lies_in(POSTERIORS[posterior].support, outer)


def small(**options: object) -> tuple[VAE, Tensor]:
    given = {"latent": 3, "hidden": 16, "prior_components": 4, **options}
    with scope(0, "small"):
        model = VAE(VAEOptions.build(given), BINARY).double()
        x = torch.rand(12, *BINARY.shape, dtype=torch.float64).round()
    return model, x


def loss_of(objective: object, model: GenerativeModel, x: Tensor, seed: int = 1) -> Loss:
    with scope(seed, "loss"):
        return objective.loss("model", model, x)  # type: ignore[attr-defined]


def gradient_of(value: Tensor, model: GenerativeModel) -> Tensor:
    parts = torch.autograd.grad(value, list(model.parameters()), allow_unused=True)
    return torch.cat([part.flatten() for part in parts if part is not None])


# -- IWAE ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("posterior", ["gaussian", "full_gaussian", "student_t", "planar"])
def test_iwae_gradient_is_that_of_fixed_normalised_weights(seed: int, posterior: str) -> None:
    model, x = small(posterior=posterior)
    one = loss_of(IWAE(IWAEOptions(importance=7)), model, x, seed).value
    mine = gradient_of(-one, model)
    with scope(seed, "loss"):
        log_w = log_weights(model, x, model.encode(x), 7)
    share = log_w.detach().exp() / log_w.detach().exp().sum(0)
    theirs = gradient_of((share * log_w).sum(0).mean(), model)
    cosine = float(torch.dot(mine, theirs) / (mine.norm() * theirs.norm()))
    assert cosine > 0.9999
    assert float(mine.norm() / theirs.norm()) == pytest.approx(1.0, abs=1e-3)
    # Weights that are not held fixed point elsewhere.
    with scope(seed, "loss"):
        again = log_weights(model, x, model.encode(x), 7)
    bent = again.softmax(0)
    wrong = gradient_of((bent * again).sum(0).mean(), model)
    assert float((wrong - mine).norm() / mine.norm()) > 1e-2


def test_iwae_shows_log_mean_exp_and_k_1_is_the_elbo() -> None:
    model, x = small()
    with scope(1, "loss"):
        log_w = log_weights(model, x, model.encode(x), 5)
    loss = loss_of(IWAE(), model, x)
    torch.testing.assert_close(loss.terms["iwae"], log_w.exp().mean(0).log())
    torch.testing.assert_close(loss.terms["elbo"], log_w.mean(0))
    torch.testing.assert_close(loss.value, -loss.terms["iwae"].mean())
    other = float((log_w.softmax(0) * log_w).sum(0).mean().detach())
    assert other > float(loss.terms["iwae"].mean().detach()) + 1e-2
    single = loss_of(IWAE(IWAEOptions(importance=1)), model, x)
    torch.testing.assert_close(single.terms["iwae"], single.terms["elbo"], rtol=0, atol=1e-10)
    assert float(single.terms["effective"].mean()) == pytest.approx(1.0)
    with scope(1, "loss"):
        one = draw(model, x)
    sampled = one.reconstruction + one.prior.log_prob(one.z) - one.q.log_prob(one.z)
    torch.testing.assert_close(single.terms["iwae"], sampled, rtol=0, atol=1e-5)


def test_iwae_is_tight_where_q_is_the_posterior() -> None:
    with scope(0, "lg"):
        weight = torch.randn(3, 2, dtype=torch.float64)
        x = torch.randn(6, 3, dtype=torch.float64)
    model = LinearGaussian.of(weight, torch.zeros(3, dtype=torch.float64), 0.7)
    loss = loss_of(IWAE(), model, x)
    torch.testing.assert_close(loss.terms["iwae"], model.log_prob(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        loss.terms["effective"], torch.full((6,), 5.0, dtype=torch.float64), rtol=1e-9, atol=0
    )


# -- beta, free bits ----------------------------------------------------------------------------


def test_beta_weighs_the_kl_and_reports_the_true_elbo() -> None:
    model, x = small()
    plain = loss_of(ELBO(), model, x)
    for beta in (0.0, 1.0, 4.0):
        loss = loss_of(Beta(BetaOptions(beta=beta)), model, x)
        torch.testing.assert_close(loss.terms["elbo"], plain.terms["elbo"])
        expected = beta * plain.terms["kl"] - plain.terms["reconstruction"]
        torch.testing.assert_close(loss.terms["beta_loss"], expected)
        assert float(loss.value) == pytest.approx(float(expected.mean()), abs=1e-9)
    assert Beta().options.beta == 1.0
    assert "β = 4" in Beta(BetaOptions(beta=4.0)).series[0].title


@pytest.mark.parametrize("posterior", ["gaussian", "laplace", "full_gaussian", "planar"])
def test_free_bits_charge_the_rest(posterior: str) -> None:
    model, x = small(posterior=posterior)
    with scope(1, "loss"):
        one = draw(model, x)
    parts = grouped_kl(one)
    assert parts.shape == (12, 3 if posterior in {"gaussian", "laplace"} else 1)
    if posterior == "gaussian":
        assert isinstance(one.q, Independent)
        unit = Normal(torch.zeros(3, dtype=torch.float64), 1.0)
        torch.testing.assert_close(parts, kl_divergence(one.q.base_dist, unit))
        torch.testing.assert_close(parts.sum(1), one.kl)
    means = parts.mean(0)
    for free in (0.0, float(means.median()), 50.0):
        loss = loss_of(FreeBits(FreeBitsOptions(free_nats=free)), model, x)
        charged = sum(max(free, float(m)) for m in means)
        expected = charged - float(one.reconstruction.mean())
        assert float(loss.value) == pytest.approx(expected, abs=1e-9)
        assert float(loss.terms["elbo"].mean()) == pytest.approx(
            float((one.reconstruction - one.kl).mean()), abs=1e-9
        )
    freed = gradient_of(loss.value, model)
    with scope(1, "loss"):
        alone = gradient_of(-draw(model, x).reconstruction.mean(), model)
    torch.testing.assert_close(freed, alone)


# -- InfoVAE ------------------------------------------------------------------------------------


def test_mmd_is_that_of_two_gaussians() -> None:
    """E k(x, y) = Π (h² / (h² + s² + t²))^½ exp(−½ (m − n)² / (h² + s² + t²))."""
    h, sd, shift = 1.3, (1.0, 0.6), torch.tensor([0.8, -0.3], dtype=torch.float64)

    def expected(s: float, t: float, gap: Tensor) -> float:
        total = h**2 + s**2 + t**2
        return float(((h**2 / total) ** 0.5 * torch.exp(-0.5 * gap**2 / total)).prod())

    zero = torch.zeros(2, dtype=torch.float64)
    truth = expected(sd[0], sd[0], zero) + expected(sd[1], sd[1], zero) - 2 * expected(*sd, shift)
    values = []
    with scope(0, "mmd"):
        for _ in range(400):
            x = sd[0] * torch.randn(24, 2, dtype=torch.float64)
            y = shift + sd[1] * torch.randn(24, 2, dtype=torch.float64)
            values.append(mmd_squared(x, y, h))
    estimates = torch.stack(values)
    error = float(estimates.std()) / 20
    assert float(estimates.mean()) == pytest.approx(truth, abs=4 * error)
    assert error < 0.1 * truth


def test_infovae_is_the_elbo_and_a_penalty() -> None:
    model, x = small()
    plain = loss_of(ELBO(), model, x).terms
    loss = loss_of(InfoVAE(InfoVAEOptions(alpha=0.25, mmd_scale=3.0)), model, x)
    mmd = float(loss.terms["mmd"][0])
    expected = 0.75 * plain["kl"] - plain["reconstruction"] + 2.25 * mmd
    torch.testing.assert_close(loss.terms["infovae_loss"], expected)
    torch.testing.assert_close(loss.terms["elbo"], plain["elbo"])
    same = loss_of(InfoVAE(InfoVAEOptions(alpha=0.0, mmd_scale=1.0)), model, x)
    assert float(same.value) == pytest.approx(-float(plain["elbo"].mean()), abs=1e-9)


# -- beta-TC ------------------------------------------------------------------------------------


@pytest.mark.parametrize("posterior", ["gaussian", "full_gaussian", "laplace", "logistic"])
@pytest.mark.parametrize("prior", [name for name in PRIORS if proper("gaussian", name)])
def test_parts_of_the_kl_add_up(posterior: str, prior: str) -> None:
    model, x = small(posterior=posterior, prior=prior)
    with scope(1, "loss"):
        one = draw(model, x)
    parts = decomposition(one)
    ratio = one.q.log_prob(one.z) - one.prior.log_prob(one.z)
    torch.testing.assert_close(sum(parts.values()), ratio, rtol=1e-9, atol=1e-9)
    loss = loss_of(BetaTC(BetaTCOptions(tc_beta=1.0)), model, x)
    expected = float((ratio - one.reconstruction).mean())
    assert float(loss.value) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("posterior", ["gaussian", "full_gaussian"])
def test_total_correlation_is_that_of_a_grid(posterior: str) -> None:
    """The mixture of five posteriors over the plane, integrated."""
    with scope(0, "head"):
        h = torch.randn(5, POSTERIORS[posterior].outputs(2), dtype=torch.float64)
    q = POSTERIORS[posterior].distribution(h, 2)
    prior = standard_normal(2, h)
    found = []
    with scope(1, "draws"):
        for _ in range(2000):
            z = q.rsample()
            found.append(
                torch.stack(list(decomposition(Draw(q, prior, z, z, z)).values())).mean(1)
            )
    values = torch.stack(found)
    mutual, total, each = values.mean(0).tolist()
    error = (values.std(0) / 2000**0.5).tolist()
    side = torch.linspace(-14, 14, 701, dtype=torch.float64)
    step = float(side[1] - side[0])
    grid = torch.cartesian_prod(side, side).view(701, 701, 1, 2)
    log_each = q.log_prob(grid)
    joint = log_each.exp().mean(-1)
    one, other = joint.sum(1) * step, joint.sum(0) * step

    def integral(p: Tensor, ratio: Tensor) -> float:
        return float(torch.where(p > 0, p * ratio, torch.zeros_like(p)).sum())

    floor = 1e-290
    log_joint = joint.clamp_min(floor).log()
    product = one.clamp_min(floor).log()[:, None] + other.clamp_min(floor).log()[None]
    truth_total = integral(joint, log_joint - product) * step**2
    truth_mutual = sum(
        integral(log_each[..., n].exp(), log_each[..., n] - log_joint) for n in range(5)
    )
    normal = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0).log_prob(side)
    truth_each = sum(integral(p, p.clamp_min(floor).log() - normal) * step for p in (one, other))
    assert mutual == pytest.approx(truth_mutual * step**2 / 5, abs=4.5 * error[0])
    assert total == pytest.approx(truth_total, abs=4.5 * error[1])
    assert each == pytest.approx(truth_each, abs=4.5 * error[2])
    assert max(error) < 0.02 * (truth_mutual * step**2 / 5 + truth_total + truth_each)


def test_the_population_shifts_the_values_and_not_the_gradient() -> None:
    model, x = small()
    near = loss_of(BetaTC(BetaTCOptions(tc_beta=5.0)), model, x)
    far = loss_of(BetaTC(BetaTCOptions(tc_beta=5.0, population=1000)), model, x)
    shift = far.terms["total_correlation"] - near.terms["total_correlation"]
    torch.testing.assert_close(shift, torch.full_like(shift, 2 * math.log(1000)))
    torch.testing.assert_close(gradient_of(far.value, model), gradient_of(near.value, model))


def test_a_flow_without_marginals_is_refused_before_anything_starts() -> None:
    with pytest.raises(SpecError, match="a flow does not give") as caught:
        RunSpec.build(data="moons", model="vae", objective="beta_tc", posterior="planar")
    assert str(caught.value).endswith("Nothing was started.")
    spec = RunSpec.build(data="moons", model="vae", objective="beta_tc")
    assert spec.model_options.posterior == "gaussian"  # type: ignore[attr-defined]


# -- all together -------------------------------------------------------------------------------


def test_the_elbo_stays_the_first_choice() -> None:
    for name in ("vae", "conv_vae"):
        assert objectives_for(name)[0] == "elbo"
    for name in ("vae", "conv_vae", "linear_gaussian"):
        assert set(FAMILY) <= set(objectives_for(name))
    assert set(FAMILY).isdisjoint(objectives_for("gan"))


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [(q, p) for q in POSTERIORS for p in PRIORS if proper(q, p)],
)
def test_every_posterior_and_prior_can_be_trained_by_every_objective(
    posterior: str, prior: str
) -> None:
    model, x = small(posterior=posterior, prior=prior)
    for name in FAMILY:
        if name == "beta_tc" and not POSTERIORS[posterior].marginals:
            continue
        model.zero_grad(set_to_none=True)
        loss = loss_of(OBJECTIVES[name](), model, x)
        loss.value.backward()
        assert loss.value.isfinite(), name
        for key, parameter in model.named_parameters():
            learned = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
            assert learned or (name == "free_bits" and key.startswith("prior_net")), (name, key)
            assert parameter.grad is None or parameter.grad.isfinite().all(), (name, key)


def test_the_default_model_keeps_the_names_of_its_weights() -> None:
    with scope(0, "weights"):
        model = models.build(RunSpec.build(data="digits", model="vae"))
    parts = ("encoder.1", "encoder.3", "decoder.0", "decoder.2")
    assert list(model.state_dict()) == [f"{p}.{w}" for p in parts for w in ("weight", "bias")]
