"""Residual GANs at every size, in grey and in colour, and DCGAN at 64 pixels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS, OBJECTIVES
from genlab.data.base import DataMeta
from genlab.models.gan import GeneratorAndCritic
from genlab.nets import SIZES
from genlab.objectives.gradient_penalty import score_and_gradient_norm
from genlab.testing.objective_contract import state_of
from genlab.train.gradient import GradientAlgorithm


def build(name: str, meta: DataMeta, **values: Any) -> GeneratorAndCritic[Any]:
    with scope(0, "residual"):
        model = MODELS[name](MODELS[name].Options.build({"width": 8, **values}), meta)
    assert isinstance(model, GeneratorAndCritic)
    return model


@pytest.mark.parametrize(("size", "channels"), [(s, c) for s in SIZES for c in (1, 3)])
def test_every_size_starts_at_a_sound_scale(size: int, channels: int) -> None:
    """Without normalisation the start alone keeps maps from fading or bursting."""
    model = build("resgan", DataMeta((channels, size, size), "unit"), width=16)
    kinds = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
    assert not any(isinstance(m, kinds) for m in model.modules())
    with scope(1, "x"), torch.no_grad():
        # Smooth pictures: averages would take most of what is in white noise.
        x = interpolate(torch.rand(32, channels, 4, 4), size, mode="bilinear")
        drawn = model.sample(32)
        spread = float(model.features(x).std())
    assert drawn.shape == x.shape
    assert 0.02 < float(drawn.std()) < 0.4
    assert 0.1 < spread < 3.0
    with scope(1, "x"):
        _, slope = score_and_gradient_norm(model, x.requires_grad_())
    assert 0.01 < float(slope.detach().mean()) < 10.0


def test_a_score_depends_on_one_example() -> None:
    model = build("resgan", DataMeta((1, 28, 28), "unit"))
    with scope(1, "x"), torch.no_grad():
        x = torch.rand(5, 1, 28, 28)
        torch.testing.assert_close(model.score(x)[3:4], model.score(x[3:4]), rtol=1e-4, atol=1e-5)
    assert not model.batch_normalised


@pytest.mark.parametrize("name", ["dcgan", "resgan"])
@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 32, 32)])
def test_a_step_in_colour(name: str, shape: tuple[int, int, int]) -> None:
    model = build(name, DataMeta(shape, "unit"))
    objective = OBJECTIVES["nonsaturating"]()
    state = state_of(objective, model)
    before = {k: v.detach().clone() for k, v in model.named_parameters()}
    with scope(0, "step"):
        losses = objective.losses(model, torch.rand(8, *shape))
        for player in ("discriminator", "generator"):
            GradientAlgorithm.update(state, player, losses)
    moved = {k for k, v in model.named_parameters() if not torch.equal(v, before[k])}
    assert moved == set(before)
    assert all(v.isfinite().all() for v in model.parameters())


def test_defaults_are_those_of_r3gan() -> None:
    flat = RunSpec.build(model="resgan", data="mnist5k").flat()
    assert (flat["objective"], flat["gamma"], flat["beta1"]) == ("r3gan", 0.3, 0.0)
    assert (
        RunSpec.build(model="resgan", data="mnist5k", objective="wgan_gp").objective == "wgan_gp"
    )
