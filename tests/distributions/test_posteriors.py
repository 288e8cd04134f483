"""Rows of posteriors and priors: densities that integrate to one, moments, KLs, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Distribution

from genlab.data.base import DataMeta
from genlab.distributions.families import FAMILIES
from genlab.distributions.posteriors import POSTERIORS, entry_log_prob, factorises
from genlab.distributions.posteriors.family import NAMES, from_family
from genlab.distributions.posteriors.planar import PlanarFlow
from genlab.distributions.priors import PRIORS, standard_normal
from genlab.divergences import closed_form_kl
from genlab.errors import SpecError
from genlab.random import scope

LATENT = 2
MIXED = ("planar",)


def head(name: str, rows: int = 3, latent: int = LATENT) -> torch.Tensor:
    with scope(0, "head", name):
        return torch.randn(rows, POSTERIORS[name].outputs(latent), dtype=torch.float64)


def posterior(name: str, rows: int = 3) -> Distribution:
    return POSTERIORS[name].make(head(name, rows), LATENT)


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_draws_have_the_stated_density_and_moments(name: str) -> None:
    q = posterior(name)
    with scope(1, "draws"), torch.no_grad():
        z = q.rsample(torch.Size((20_000,)))
        stored = q.log_prob(z)
    assert z.shape == (20_000, 3, LATENT)
    assert stored.shape == (20_000, 3)
    # A second object has no stored draw, so a flow has to invert.
    again = posterior(name).log_prob(z)
    torch.testing.assert_close(again, stored, rtol=1e-7, atol=1e-7)
    sd = q.variance.sqrt()
    assert float(((z.mean(0) - q.mean) / sd).abs().max()) < (0.06 if name in MIXED else 0.035)
    assert float((z.std(0) / sd - 1).abs().max()) < (0.08 if name in MIXED else 0.06)


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_densities_integrate_to_one(name: str) -> None:
    """E_r[q(z)/r(z)] = 1 with r a wide Student t on a lattice of quasi-random points."""
    q = posterior(name)
    u = torch.quasirandom.SobolEngine(LATENT, scramble=True, seed=1).draw(2**15).double()
    r = stats.t(1.5)
    z = torch.tensor(r.ppf(u.clamp(1e-6, 1 - 1e-6).numpy()))
    weight = torch.tensor(r.logpdf(z.numpy()).sum(1))
    centred = q.mean + 2 * z[:, None] * q.variance.sqrt()
    scale = (2 * q.variance.sqrt()).log().sum(-1)
    total = (q.log_prob(centred) - weight[:, None] + scale).exp().mean(0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=0.01)


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_kl_is_the_mean_log_ratio(name: str) -> None:
    q, prior = posterior(name), standard_normal(LATENT, torch.zeros(1, dtype=torch.float64))
    known = closed_form_kl(q, prior)
    assert (known is None) == (name in MIXED)
    with scope(2, "draws"), torch.no_grad():
        z = q.rsample(torch.Size((50_000,)))
        ratio = q.log_prob(z) - prior.log_prob(z)
    error = ratio.std(0) / 50_000**0.5
    if known is None:
        assert (ratio.mean(0) > -4 * error).all()
    else:
        assert float(((ratio.mean(0) - known) / error).abs().max()) < 4.5


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_draws_are_differentiable_in_every_output(name: str) -> None:
    h = head(name).requires_grad_()
    q = POSTERIORS[name].make(h, LATENT)
    with scope(3, "draws"):
        z = q.rsample(torch.Size((7,)))
    (z.sin().sum() + q.log_prob(z).sum()).backward()
    assert h.grad is not None
    assert h.grad.isfinite().all()
    assert (h.grad.abs().sum(0) > 0).all()


def test_entries_factorise_where_they_are_independent() -> None:
    for name in POSTERIORS.names():
        q = posterior(name)
        parts = entry_log_prob(q, q.mean)
        assert factorises(q) == (parts is not None)
        assert (parts is None) == (name in {"full_gaussian", "planar"})
        if parts is not None:
            torch.testing.assert_close(parts.sum(-1), q.log_prob(q.mean))


def test_the_full_covariance_is_that_of_its_factor() -> None:
    h = torch.tensor([[1.0, -2.0, 0.2, -0.4, 0.7]], dtype=torch.float64)
    q = POSTERIORS["full_gaussian"].make(h, 2)
    factor = np.array([[np.exp(0.1), 0.0], [0.7, np.exp(-0.2)]])
    z = np.array([0.3, 0.4])
    expected = stats.multivariate_normal([1.0, -2.0], factor @ factor.T).logpdf(z)
    assert float(q.log_prob(torch.tensor(z))) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_table_have_real_support_and_finite_kl(name: str) -> None:
    family, q = FAMILIES[name], posterior(name)
    assert family.support.kind == "real"
    prior = {"loc": 0.0, "scale": 1.0}
    params = {key: value.clone() for key, value in q.params.items()}  # type: ignore[attr-defined]
    assert family.finite_kl(FAMILIES["gaussian"], params, prior).all()


@pytest.mark.parametrize(
    ("name", "said"), [("cauchy", "tails are too heavy"), ("gamma", "support of q")]
)
def test_an_improper_pair_is_refused(name: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        from_family(name)


def test_the_flow_is_a_change_of_variables() -> None:
    """Its log-determinants are those of the Jacobian by automatic differentiation."""
    q = posterior("planar", 1)
    assert isinstance(q, PlanarFlow)
    start = torch.tensor([[0.3, -0.8]], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: q._forward(z)[0], start)
    expected = torch.linalg.slogdet(jacobian[0, :, 0])[1]
    image, log_det = q._forward(start)
    assert float(log_det) == pytest.approx(float(expected), abs=1e-10)
    back, same = q._backward(image)
    torch.testing.assert_close(back, start, rtol=0, atol=1e-9)
    assert float(same) == pytest.approx(float(expected), abs=1e-9)


def test_the_density_of_a_flow_is_differentiable_at_a_given_point() -> None:
    h = head("planar", 2).requires_grad_()
    z = torch.tensor([[0.5, -0.3], [1.0, 0.2]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda h, z: POSTERIORS["planar"].make(h, LATENT).log_prob(z), (h, z), atol=1e-5
    )


@pytest.mark.parametrize("name", PRIORS.names())
def test_priors_are_densities_and_draw_from_themselves(name: str) -> None:
    meta = DataMeta((2,), "real", density=True)
    with scope(0, "prior"):
        net = PRIORS[name](1, meta, 3).double()
        weights = torch.randn(2, 2, dtype=torch.float64)

    def encode(x: torch.Tensor) -> Distribution:
        return POSTERIORS["gaussian"].make(x @ weights, 1)

    law = net.law(encode, torch.zeros(1, dtype=torch.float64))
    z = torch.linspace(-40, 40, 80_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        density = law.log_prob(z).exp()
    total = float(torch.trapezoid(density, z[:, 0]))
    mean = float(torch.trapezoid(density * z[:, 0], z[:, 0]))
    assert total == pytest.approx(1.0, abs=1e-6)
    assert float(law.mean.detach()) == pytest.approx(mean, abs=1e-5)
    with scope(1, "draws"):
        drawn = law.sample(torch.Size((20_000,)))
    assert drawn.shape == (20_000, 1)
    assert abs(float(drawn.mean()) - mean) < 4 * float(law.variance.detach().sqrt()) / 141
    q = POSTERIORS["gaussian"].make(torch.zeros(2, 2, dtype=torch.float64), 1)
    assert (closed_form_kl(q, law) is None) == (name != "standard")
