"""Annealed importance sampling on the linear Gaussian model, where log p(x) is exact."""

from __future__ import annotations

import pytest
import torch

from genlab import models
from genlab.core.errors import GenlabError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data import load
from genlab.metrics.annealed import (
    annealed_estimate,
    annealed_importance_sampling,
    annealed_job,
    temperatures,
)
from genlab.models.linear_gaussian import LinearGaussian
from genlab.objectives.importance_weights import iwae_bound, log_weights


def linear(sigma: float = 0.5) -> tuple[LinearGaussian, torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 2, generator=source, dtype=torch.float64)
    model = LinearGaussian.of(weight, torch.zeros(4, dtype=torch.float64), sigma)
    x = torch.randn(12, 4, generator=source, dtype=torch.float64)
    return model, x


def test_the_weights_have_the_evidence_as_their_mean() -> None:
    model, x = linear()
    exact = model.log_prob(x).detach()
    # Few temperatures, many chains: far from tight, and yet without bias.
    found = annealed_importance_sampling(model, x[:4], steps=6, chains=4000, seed=1)
    ratio = (found.log_weights - exact[:4]).exp()
    error = ratio.std(0) / len(ratio) ** 0.5
    assert bool(((ratio.mean(0) - 1.0).abs() < 4.5 * error).all())
    assert float(found.log_weights.std()) > 0.1


def test_log_p_of_the_linear_gaussian_model_is_found() -> None:
    for sigma in (0.5, 0.2):
        model, x = linear(sigma)
        exact = model.log_prob(x).detach()
        found = annealed_importance_sampling(model, x, steps=150, chains=16, seed=2)
        assert 0.4 < found.acceptance < 0.95
        spread = found.log_weights.std(0)
        error = spread / 16**0.5
        # log mean w lies below by about Var w / 2, and by chance.
        assert bool(((found.bounds - exact).abs() < 4.5 * error + spread.square()).all())
        assert float((found.bounds - exact).abs().mean()) < (0.25 if sigma == 0.5 else 0.6)
        one = annealed_estimate(found, 150)
        assert one.series.kind == "lower bound"
        assert one.low < float(exact.mean()) + 0.3


def test_more_temperatures_are_tighter() -> None:
    model, x = linear(0.2)
    exact = model.log_prob(x).detach().mean()
    gaps = [
        float(
            exact
            - annealed_importance_sampling(
                model, x, steps=steps, chains=32, seed=3
            ).log_weights.mean()
        )
        for steps in (10, 200)
    ]
    assert gaps[0] > 4 * gaps[1] > -0.1


def test_it_sees_what_importance_sampling_from_a_wrong_encoder_misses() -> None:
    spec = RunSpec.build(model="linear_vae", data="ring")
    with scope(0, "weights"):
        model = models.build(spec).double()
    x = load(spec).test.x[:16].double()
    with torch.no_grad():
        model.encoder[1].bias.fill_(6.0)  # the encoder looks where nothing is
        model.log_scale.fill_(-3.0)
        model.log_sigma.fill_(-1.0)
        exact = model.evidence(x)
        with scope(1, "importance"):
            blind = iwae_bound(log_weights(model, x, model.encode(x), 100))
    seen = annealed_importance_sampling(model, x, steps=150, chains=16, seed=4).bounds
    assert float((exact - blind).mean()) > 3.0
    assert float((exact - seen).abs().mean()) < 0.3


def test_temperatures_rise_from_0_to_1() -> None:
    betas = temperatures(50)
    assert (float(betas[0]), float(betas[-1]), len(betas)) == (0.0, 1.0, 51)
    assert bool((betas[1:] > betas[:-1]).all())


def test_the_job_and_what_is_refused() -> None:
    spec = RunSpec.build(model="linear_gaussian", data="ring")
    data = load(spec)
    with scope(0, "weights"):
        model = models.build(spec)
    heard: list[str] = []
    asked = {"seed": 0, "n": 70, "steps": 20, "chains": 2}
    found = annealed_job(model, data, asked, lambda _, says: heard.append(says))
    assert len(heard) == 2
    assert found["metrics"][0]["name"] == "test_annealed"
    assert len(found["bounds"]) == 70
    again = annealed_job(model, data, asked, lambda *_: None)
    assert (found["bounds"] == again["bounds"]).all()
    with scope(0, "weights"):
        gan = models.build(RunSpec.build(model="gan", data="ring"))
        half = models.build(RunSpec.build(model="vae", data="ring", posterior="gamma"))
    for wrong in (gan, half):
        with pytest.raises(GenlabError):
            annealed_importance_sampling(wrong, data.test.x[:4])
