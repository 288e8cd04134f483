"""The linear VAE lands on probabilistic PCA, whose maximum is a closed form."""

from __future__ import annotations

import math

import torch

from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import DataMeta
from genlab.models.linear_gaussian import LinearGaussian
from genlab.models.linear_vae import LinearVAE, LinearVAEOptions
from genlab.objectives.elbo import ELBO, elbo_terms

N, DIM, LATENT = 400, 5, 2


def data() -> torch.Tensor:
    source = torch.Generator().manual_seed(0)
    z = torch.randn(N, 2, generator=source, dtype=torch.float64)
    mix = torch.randn(2, DIM, generator=source, dtype=torch.float64)
    noise = torch.randn(N, DIM, generator=source, dtype=torch.float64)
    return z @ mix + 0.5 * noise + torch.arange(DIM, dtype=torch.float64)


def ppca(x: torch.Tensor) -> tuple[torch.Tensor, float, float]:
    """The best WWᵀ, σ² and log-likelihood an example, of Tipping and Bishop's closed form."""
    centred = x - x.mean(0)
    values, vectors = torch.linalg.eigh(centred.mT @ centred / len(x))
    values, vectors = values.flip(0), vectors.flip(1)
    variance = float(values[LATENT:].mean())
    outer = (vectors[:, :LATENT] * (values[:LATENT] - variance)) @ vectors[:, :LATENT].mT
    log_det = float(values[:LATENT].log().sum()) + (DIM - LATENT) * math.log(variance)
    return outer, variance, -0.5 * (DIM * math.log(2 * math.pi) + log_det + DIM)


def exact_elbo(model: LinearVAE, x: torch.Tensor) -> torch.Tensor:
    q = model.encode(x).base_dist
    spread = (model.decoder.weight.square() * q.scale.square()[:, None]).sum((1, 2))
    error = (x - model.decoder(q.loc)).square().sum(1) + spread
    likelihood = -0.5 * error / model.sigma**2 - 0.5 * DIM * (
        math.log(2 * math.pi) + 2 * model.log_sigma
    )
    variance = q.scale.square()
    return likelihood - 0.5 * (q.loc.square() + variance - variance.log() - 1).sum(1)


def fresh(seed: int = 1) -> LinearVAE:
    with scope(seed, "weights"):
        return LinearVAE(LinearVAEOptions(latent=LATENT), DataMeta((DIM,), "real")).double()


def test_the_elbo_of_the_objective_is_the_closed_form() -> None:
    model, x = fresh(), data()[:1].expand(40_000, DIM)
    with scope(2, "draws"), torch.no_grad():
        values = elbo_terms(model, x)[1]["elbo"]
    error = float(values.std()) / len(values) ** 0.5
    exact = float(exact_elbo(model, x[:1]).detach())
    assert abs(float(values.mean()) - exact) < 4 * error


def test_the_best_elbo_is_the_likelihood_of_probabilistic_pca() -> None:
    model, x = fresh(), data()
    outer, variance, best = ppca(x)
    solver = torch.optim.LBFGS(
        model.parameters(), max_iter=2000, tolerance_grad=1e-10, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> torch.Tensor:
        solver.zero_grad()
        value = -exact_elbo(model, x).mean()
        value.backward()
        return value

    solver.step(closure)
    with torch.no_grad():
        elbo, evidence = float(exact_elbo(model, x).mean()), float(model.evidence(x).mean())
        assert abs(elbo - best) < 1e-6
        assert abs(evidence - best) < 1e-6
        weight = model.decoder.weight
        torch.testing.assert_close(weight @ weight.mT, outer, atol=2e-3, rtol=1e-3)
        assert abs(float(model.sigma**2) - variance) < 1e-4
        torch.testing.assert_close(model.decoder.bias, x.mean(0), atol=1e-3, rtol=0.0)
        # The columns are orthogonal, so that the posterior has independent entries.
        gram = weight.mT @ weight
        assert abs(float(gram[0, 1])) < 1e-2
        precision = 1.0 + gram.diagonal() / model.sigma**2
        torch.testing.assert_close(model.log_scale.exp(), precision.rsqrt(), atol=1e-3, rtol=1e-3)


def test_training_by_the_objective_gets_there() -> None:
    model, x = fresh(3), data()
    best = ppca(x)[2]
    solver = torch.optim.Adam(model.parameters(), lr=0.02)
    objective = ELBO()
    with scope(4, "training"):
        for step in range(5000):
            solver.param_groups[0]["lr"] = 0.02 * (1 - step / 5000)
            solver.zero_grad()
            objective.loss("model", model, x).value.backward()
            solver.step()
    with torch.no_grad():
        assert best - float(model.evidence(x).mean()) < 0.01
        assert best - float(exact_elbo(model, x).mean()) < 0.02


def test_the_evidence_is_that_of_the_linear_gaussian_model() -> None:
    model, x = fresh(), data()
    with torch.no_grad():
        model.log_sigma.fill_(math.log(0.7))
        other = LinearGaussian.of(model.decoder.weight, model.decoder.bias, 0.7)
        torch.testing.assert_close(model.evidence(x), other.log_prob(x))


def test_it_is_offered_for_real_and_grey_data_only() -> None:
    spec = RunSpec.build(model="linear_vae", data="ring")
    assert spec.objective == "elbo"
    assert spec.model_options.latent == 1
    assert LinearVAE.incompatibility(DataMeta((1, 8, 8), "binary")) is not None
