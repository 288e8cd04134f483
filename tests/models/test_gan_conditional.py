"""Conditional GANs: what is drawn given a class is of that class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from genlab import data as datasets
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS
from genlab.data.base import DataMeta, Dataset
from genlab.models.cgan import ConditionalDCGAN, ConditionalGAN, LinearConditionalGAN
from genlab.models.gan import GANOptions


def trained(model: str, data: str, steps: int, **values: Any) -> tuple[Any, Dataset]:
    spec = RunSpec.build(model=model, data=data, batch=64, **values)
    dataset = datasets.load(spec)
    algorithm = ALGORITHMS["gradient"](spec)
    train = dataset.train
    assert train.y is not None
    with scope(0, "conditional"):
        state = algorithm.init(0, dataset)
        for _ in range(steps):
            rows = torch.randint(len(train), (64,))
            state, _ = algorithm.step(state, train.x[rows], train.y[rows])
    return algorithm.model(state).eval(), dataset


def drawn(model: Any, each: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples of each class in turn, and the classes that were asked for."""
    y = torch.arange(model.classes).repeat_interleave(each)
    with scope(1, "drawn"), torch.no_grad():
        return model.condition_on(y).sample(len(y)), y


def test_points_fall_on_the_side_of_their_class() -> None:
    model, dataset = trained("cgan", "two_gaussians", 400)
    x, y = drawn(model, 500)
    truth = dataset.train
    assert truth.y is not None
    means = torch.stack([truth.x[truth.y == k].mean(dim=0) for k in (0, 1)])
    found = torch.cdist(x, means).argmin(dim=1)
    hits = float((found == y).float().mean())
    # The best rule is right for this share of the data themselves.
    best = torch.cdist(truth.x, means).argmin(dim=1)
    ceiling = float((best == truth.y).float().mean())
    assert ceiling - 0.1 <= hits <= 1.0
    assert ceiling > 0.9


@pytest.mark.parametrize(("name", "steps"), [("cgan", 500), ("cdcgan", 450)])
def test_digits_are_those_that_were_asked_for(name: str, steps: int) -> None:
    model, dataset = trained(name, "digits", steps, lr=1e-3)
    train = dataset.train
    assert train.y is not None
    judge = LogisticRegression(max_iter=300).fit(train.x.flatten(1).numpy(), train.y.numpy())
    x, y = drawn(model, 40)
    found = judge.predict(x.flatten(1).numpy())
    hits = float(np.mean(found == y.numpy()))
    assert 0.5 < hits <= 1.0, hits
    # Held at nothing, it draws of every class.
    with scope(2, "free"), torch.no_grad():
        free = model.condition_on(None).sample(300)
    classes = set(judge.predict(free.flatten(1).numpy()).tolist())
    assert len(classes) >= 6


def test_the_critic_is_a_projection() -> None:
    """l(x, y) = l₀ + l_y, and l₀ where the class is unknown."""
    with scope(0, "projection"):
        meta = DataMeta((2,), "real", ("left", "right", "middle"))
        model = LinearConditionalGAN(GANOptions(latent=2, hidden=8, layers=1), meta).eval()
        x = torch.randn(3, 2)
    y = torch.tensor([2, 0, 1])
    with torch.no_grad():
        scores = model.head(model.body(x))
        torch.testing.assert_close(model.score(x), scores[:, 0])
        expected = scores[:, 0] + scores[torch.arange(3), 1 + y]
        torch.testing.assert_close(model.condition_on(y).score(x), expected)
    assert scores.shape == (3, 4)
    assert float((expected - scores[:, 0]).abs().min()) > 0


def test_data_without_classes_are_refused() -> None:
    plain = DataMeta((1, 8, 8), "unit")
    for cls in (LinearConditionalGAN, ConditionalDCGAN):
        assert issubclass(cls, ConditionalGAN)
        assert cls.incompatibility(plain) == "it needs data with classes"
        assert cls.incompatibility(DataMeta((1, 8, 8), "unit", ("a", "b"))) is None
    assert MODELS["cdcgan"].incompatibility(DataMeta((2,), "real", ("a", "b"))) is not None
