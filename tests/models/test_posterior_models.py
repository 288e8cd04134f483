"""The models that inference learns, against scipy and by enumeration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta, Dataset, Split
from genlab.models.bayesian import HasComponents
from genlab.probes import read_probes
from genlab.probes.posterior import Components, Perplexity, effective_components

PLANE, PICTURE = DataMeta((2,), "real"), DataMeta((1, 3, 3), "unit")
WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [2.0, -1.0], [-1.0, 3.0]])
ROOTS = np.array([[[1.0, 0.0], [0.5, 0.7]], [[0.4, 0.0], [0.0, 0.4]], [[1.2, 0.0], [-0.8, 0.3]]])
COVARIANCES = ROOTS @ ROOTS.transpose(0, 2, 1)


def build(name: str, meta: DataMeta, **values: Any) -> Any:
    cls = MODELS[name]
    with scope(0, "test"):
        return cls(cls.Options.build(values), meta).eval().requires_grad_(False)


def mixture() -> Any:
    model = build("gaussian_mixture", PLANE, clusters=3)
    model.set_parameters(*(torch.tensor(part) for part in (WEIGHTS, MEANS, COVARIANCES)))
    return model


def test_the_mixture_has_its_density_and_responsibilities() -> None:
    model, x = mixture(), np.random.default_rng(0).normal(size=(20, 2)) * 2
    parts = [
        w * stats.multivariate_normal(m, c).pdf(x)
        for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
    ]
    joint = np.stack(parts, 1)
    points = torch.tensor(x).float()
    assert model.log_prob(points).numpy() == pytest.approx(np.log(joint.sum(1)), abs=1e-4)
    r = joint / joint.sum(1, keepdims=True)
    assert model.encode(points).mean.numpy() == pytest.approx(r, abs=1e-5)


def test_a_corner_of_its_code_is_a_component_and_samples_have_its_moments() -> None:
    model = mixture()
    law = model.decode(torch.eye(3))
    assert law.mean.numpy() == pytest.approx(MEANS, abs=1e-5)
    assert law.covariance_matrix.numpy() == pytest.approx(COVARIANCES, abs=1e-4)
    mean = WEIGHTS @ MEANS
    apart = MEANS - mean
    covariance = np.einsum("k,kij->ij", WEIGHTS, COVARIANCES) + (apart.T * WEIGHTS) @ apart
    with scope(0, "draws"):
        x = model.sample(40_000).numpy()
        codes = model.prior().sample(torch.Size((40_000,)))
    error = np.sqrt(covariance.diagonal() / 40_000)
    assert np.all(np.abs(x.mean(0) - mean) < 4.5 * error)
    assert np.cov(x.T) == pytest.approx(covariance, abs=0.08)
    assert codes.mean(0).numpy() == pytest.approx(WEIGHTS, abs=0.01)
    # Between corners, and off the simplex, there is still a law.
    odd = model.decode(torch.tensor([[0.5, 0.5, 0.0], [-1.0, 0.2, 0.1]]))
    assert odd.mean[0].numpy() == pytest.approx((MEANS[0] + MEANS[1]) / 2, abs=1e-5)
    assert odd.sample().isfinite().all()


def test_pixels_are_coins() -> None:
    meta = DataMeta((1, 2, 2), "binary")
    model = build("independent_pixels", meta)
    every = torch.tensor([[(k >> i) & 1 for i in range(4)] for k in range(16)]).float()
    every = every.view(16, 1, 2, 2)
    theta = model.logits.sigmoid()
    assert float(model.log_prob(every).exp().sum()) == pytest.approx(1.0, abs=1e-5)
    with scope(1, "draws"):
        x = model.sample(20_000)
    assert x.unique().tolist() == [0.0, 1.0]
    assert x.mean(0).flatten().numpy() == pytest.approx(theta.flatten().numpy(), abs=0.02)


def topic_model() -> Any:
    """Two topics that share no pixel: the upper and the lower row."""
    model = build("topics", PICTURE, topics=2, mixing=0.5, grey_levels=10)
    natural = torch.full((2, 9), 1e-3, dtype=torch.float64)
    natural[0, :3], natural[1, 6:] = 1e6, 3e6
    model.set_parameters(natural, torch.tensor(12.0))
    return model


def test_topics_are_pictures_and_pictures_have_topics() -> None:
    model = topic_model()
    parts, shares = model.parts()
    assert shares.tolist() == pytest.approx([0.25, 0.75], abs=1e-6)
    assert parts[0, 0, 0].tolist() == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    assert float(parts[0, 0, 1:].max()) < 1e-6
    # 12 words on three pixels of 10 levels: 0.4 each; half of it for half a topic.
    z = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    picture = model.decode(z).mean
    assert picture[0, 0, 0].tolist() == pytest.approx([0.4, 0.4, 0.4], abs=1e-5)
    assert picture[1, 0, 2].tolist() == pytest.approx([0.2, 0.2, 0.2], abs=1e-5)
    # Words that can only be of one topic are counted: γ = α + counts.
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 0, 0], x[0, 0, 2, 1] = 0.3, 0.6
    assert model.words(x).flatten().tolist() == [3, 0, 0, 0, 0, 0, 0, 6, 0]
    q = model.encode(x)
    assert q.concentration.tolist()[0] == pytest.approx([3.5, 6.5], abs=1e-3)

    # Then the bound is exact: a Dirichlet-multinomial of (3, 6), and 3 pixels each.
    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    exact = log_beta(3.5, 6.5) - log_beta(0.5, 0.5) - 9 * math.log(3)
    assert float(model.bound(x)) == pytest.approx(exact, abs=1e-3)


def test_what_does_not_fit_is_said() -> None:
    assert "points" in MODELS["gaussian_mixture"].incompatibility(PICTURE)
    assert "64" in MODELS["gaussian_mixture"].incompatibility(DataMeta((65,), "real"))
    assert "binarise" in MODELS["independent_pixels"].incompatibility(PICTURE)
    assert "images" in MODELS["topics"].incompatibility(PLANE)
    assert "binary" in MODELS["linear_gaussian"].incompatibility(DataMeta((1, 3, 3), "binary"))


def test_the_looks_at_a_posterior() -> None:
    model = topic_model()
    x = torch.zeros(4, 1, 3, 3)
    x[:, 0, 0] = 0.5
    data = Dataset(PICTURE, Split(x), Split(x), Split(x))
    spec = RunSpec.build(model="topics", data="digits")
    reading = read_probes(Components(spec, data), model, 0)
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert reading.values["effective_parts"] == pytest.approx(math.exp(entropy), abs=1e-5)
    assert reading.pictures["shares"].payload["y"] == pytest.approx([0.75, 0.25], abs=1e-5)
    sheet = reading.pictures["parts"].payload
    assert sheet["columns"] == 2
    # The largest share stands first: the lower row.
    assert sheet["x"][0, 0, 2].tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert effective_components(torch.ones(5) / 5) == pytest.approx(5.0)
    found = read_probes(Perplexity(spec, data), model, 0).values
    words = 4 * 15
    bound = float(model.bound(x).sum()) / words
    assert found["val_word_bound"] == pytest.approx(bound)
    assert found["val_perplexity"] == pytest.approx(math.exp(-bound))
    kinds = {series.name: series.kind for series in Perplexity(spec, data).series}
    assert kinds == {"val_word_bound": "lower bound", "val_perplexity": "upper bound"}
    one = build("independent_pixels", DataMeta((1, 3, 3), "binary"))
    assert isinstance(one, HasComponents)
    alone = read_probes(Components(spec, data), one, 0)
    assert set(alone.pictures) == {"parts"}
