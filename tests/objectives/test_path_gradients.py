"""Sticking the landing and doubly reparameterised gradients against gradients in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import DataMeta
from genlab.distributions.detached import detached
from genlab.distributions.posteriors import POSTERIORS
from genlab.models.linear_vae import LinearVAE, LinearVAEOptions
from genlab.objectives.elbo import ELBO, ELBOOptions
from genlab.objectives.iwae import IWAE, IWAEOptions
from genlab.objectives.path_gradients import DOUBLY, PLAIN, STICKING

X = torch.tensor([[0.7, -0.4, 1.1]], dtype=torch.float64)
ENCODER = ("encoder.1.weight", "encoder.1.bias", "log_scale")


def model_of(latent: int) -> LinearVAE:
    with scope(5, "linear vae"):
        model = LinearVAE(LinearVAEOptions(latent=latent), DataMeta((3,), "real")).double()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.5 * torch.randn_like(parameter))
    return model


def gradient(model: LinearVAE, value: Tensor) -> Tensor:
    found = torch.autograd.grad(value, list(model.parameters()))
    return torch.cat([part.flatten() for part in found])


def exact_elbo(model: LinearVAE) -> Tensor:
    q = model.encode(X).base_dist
    mean, variance, weight = q.loc, q.scale.square(), model.decoder.weight
    error = (X - model.decoder(mean)).square().sum() + (weight.square() * variance).sum()
    likelihood = -0.5 * error / model.sigma**2 - 1.5 * (2 * math.pi * model.sigma**2).log()
    return likelihood - 0.5 * (mean.square() + variance - variance.log() - 1.0).sum()


def exact_bound(model: LinearVAE, k: int) -> Tensor:
    """L_k of one code by Gauss-Hermite quadrature over all k draws."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    node, weight = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
    q = model.encode(X).base_dist
    z = (q.loc + q.scale * node[:, None]).view(-1, 1)
    log_q = -0.5 * node.square() - 0.5 * math.log(2 * math.pi) - q.scale.log().view(())
    log_w = model.decode(z).log_prob(X) + model.prior().log_prob(z) - log_q
    grid = torch.stack(torch.meshgrid(*[log_w] * k, indexing="ij"), -1)
    mass = torch.stack(torch.meshgrid(*[weight] * k, indexing="ij"), -1).prod(-1)
    return (mass * (grid.logsumexp(-1) - math.log(k))).sum()


def draws(model: LinearVAE, objective: ELBO | IWAE, n: int, copies: int = 200) -> Tensor:
    """n independent gradients, each a mean over copies of the example, (n, parameters)."""
    batch = X.expand(copies, 3)
    with scope(7, "draws"):
        return torch.stack(
            [gradient(model, -objective.loss("model", model, batch).value) for _ in range(n)]
        )


def assert_agree(found: Tensor, exact: Tensor) -> None:
    error = found.std(0) / len(found) ** 0.5
    assert bool(((found.mean(0) - exact).abs() < 4.5 * error + 1e-9).all())


@pytest.mark.parametrize("kind", [PLAIN, STICKING])
def test_the_gradient_of_the_elbo_is_unbiased(kind: str) -> None:
    model = model_of(2)
    objective = ELBO(ELBOOptions(elbo_gradient=kind))
    assert_agree(draws(model, objective, 150), gradient(model, exact_elbo(model)))


@pytest.mark.parametrize("kind", [PLAIN, DOUBLY])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_gradient_of_the_importance_weighted_bound_is_unbiased(kind: str, k: int) -> None:
    model = model_of(1)
    objective = IWAE(IWAEOptions(importance=k, importance_gradient=kind))
    assert_agree(draws(model, objective, 150), gradient(model, exact_bound(model, k)))


def optimum(latent: int = 2) -> LinearVAE:
    """A model whose q is the posterior: W has orthogonal columns."""
    model = model_of(latent)
    basis = torch.linalg.qr(torch.randn(3, latent, dtype=torch.float64))[0]
    weight = basis * torch.linspace(1.5, 0.6, latent, dtype=torch.float64)
    with torch.no_grad():
        model.decoder.weight.copy_(weight)
        precision = 1.0 + weight.square().sum(0) / model.sigma**2
        pull = weight.mT / model.sigma**2 / precision[:, None]
        model.encoder[1].weight.copy_(pull)
        model.encoder[1].bias.copy_(-pull @ model.decoder.bias)
        model.log_scale.copy_(-0.5 * precision.log())
    return model


@pytest.mark.parametrize(
    ("objective", "still"),
    [
        (ELBO(ELBOOptions(elbo_gradient=STICKING)), True),
        (IWAE(IWAEOptions(importance=5, importance_gradient=DOUBLY)), True),
        (IWAE(IWAEOptions(importance=5)), False),
    ],
)
def test_at_the_posterior_the_encoder_gets_no_noise(objective: ELBO | IWAE, still: bool) -> None:
    model = optimum()
    mine = [p for name, p in model.named_parameters() if name in ENCODER]
    assert len(mine) == 3
    sizes = []
    with scope(8, "one draw"):
        for _ in range(20):
            value = objective.loss("model", model, X).value
            found = torch.autograd.grad(value, mine)
            sizes.append(max(float(part.abs().max()) for part in found))
    if still:
        assert max(sizes) < 1e-10
    else:
        assert min(sizes) > 1e-3


def test_the_value_shown_is_the_same_bound_from_the_same_draws() -> None:
    model = model_of(2)
    values = []
    for kind in (PLAIN, DOUBLY):
        with scope(9, "draws"):
            loss = IWAE(IWAEOptions(importance=4, importance_gradient=kind)).loss(
                "model", model, X
            )
        values.append(float(loss.value.detach()))
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    with scope(9, "draws"):
        sticking = ELBO(ELBOOptions(elbo_gradient=STICKING)).loss("model", model, X)
    with scope(9, "draws"):
        single = IWAE(IWAEOptions(importance=1)).loss("model", model, X)
    assert float(sticking.value.detach()) == pytest.approx(float(single.value.detach()), rel=1e-12)


def test_the_signal_of_the_doubly_reparameterised_gradient_does_not_fall_with_k() -> None:
    """With a q near the posterior the signal over the noise grows as √k, without it falls."""
    model = optimum()
    with torch.no_grad():
        model.log_scale.add_(0.2)
        model.encoder[1].bias.add_(0.2)
    names = [name for name, p in model.named_parameters() for _ in range(p.numel())]
    mine = [i for i, name in enumerate(names) if name in ENCODER]
    ratios: dict[str, list[float]] = {PLAIN: [], DOUBLY: []}
    for kind, found in ratios.items():
        for k in (4, 64):
            objective = IWAE(IWAEOptions(importance=k, importance_gradient=kind))
            each = draws(model, objective, 200, copies=20)[:, mine]
            # The square of the mean gradient, without what its own noise adds.
            signal = (each.mean(0).square() - each.var(0) / len(each)).sum().clamp(min=0)
            found.append(float((signal / each.var(0).sum()).sqrt()))
    assert ratios[DOUBLY][1] / ratios[DOUBLY][0] == pytest.approx(4.0, rel=0.3)
    assert ratios[PLAIN][1] < 0.7 * ratios[PLAIN][0]


@pytest.mark.parametrize("name", [n for n in POSTERIORS.names() if POSTERIORS[n].detachable])
def test_a_posterior_that_can_be_held_has_the_same_density(name: str) -> None:
    row = POSTERIORS[name]
    h = torch.zeros(4, row.outputs(2), dtype=torch.float64, requires_grad=True)
    q = row.make(h + 0.3, 2)
    fixed = detached(q)
    assert fixed is not None
    z = q.rsample().detach()
    torch.testing.assert_close(fixed.log_prob(z), q.log_prob(z))
    assert not fixed.log_prob(z).requires_grad
    assert q.log_prob(z).requires_grad


def test_a_flow_cannot_be_held_and_is_refused_before_the_run() -> None:
    for posterior in ("planar", "iaf"):
        assert not POSTERIORS[posterior].detachable
        for asked in (
            {"objective": "elbo", "elbo_gradient": STICKING},
            {"objective": "iwae", "importance_gradient": DOUBLY},
        ):
            with pytest.raises(SpecError, match="held fixed"):
                RunSpec.build(model="vae", data="ring", posterior=posterior, **asked)
    spec = RunSpec.build(model="vae", data="ring", elbo_gradient=STICKING)
    assert RunSpec.build(**spec.flat()) == spec
