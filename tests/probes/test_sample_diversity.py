"""Diversity and gradient norms against what is computed here by hand, and no trace of the look."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import data as datasets
from genlab import models
from genlab.core.random import scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.distributions import Point
from genlab.probes import read_probes
from genlab.probes.base import PROBES


def case(**values):
    spec = RunSpec.build(**values)
    data = datasets.load(spec)
    with scope(0, "weights"):
        seed_run(0)
        return spec, data, models.build(spec).eval()


def read(name, spec, data, model, step=0):
    return read_probes(PROBES[name](spec, data), model, step).values


def test_a_generator_that_makes_one_thing_has_no_diversity():
    spec, data, model = case(model="gan", data="ring")
    for weight in model.generator.parameters():
        torch.nn.init.zeros_(weight)
    assert read("diversity", spec, data, model) == {"diversity": 0.0}


def test_diversity_of_two_normals_is_the_ratio_of_their_deviations():
    spec, data, model = case(model="gan", data="gaussian", std=2.0)
    probe = PROBES["diversity"](spec, data)
    real = data.validation.x[: probe.n]
    by_hand = sum(
        math.dist(real[i].tolist(), real[j].tolist()) for i in range(probe.n) for j in range(i)
    ) / math.comb(probe.n, 2)
    # E|x − y| of two draws of N(0, σ²I) in the plane is σ√π.
    assert by_hand == pytest.approx(2.0 * math.sqrt(math.pi), rel=0.15)
    model.decode = lambda z: Point(3.0 * torch.randn(len(z), 2), 1)
    value = read("diversity", spec, data, model)["diversity"]
    assert value == pytest.approx(3.0 * math.sqrt(math.pi) / by_hand, rel=0.15)


def test_pictures_are_judged_as_they_are_shown():
    spec, data, model = case(model="vae", data="digits", latent=4)
    model.sample = lambda n: torch.full((n, 1, 8, 8), 0.5)
    # Noise of the pixels around one grey picture would look diverse.
    assert read("diversity", spec, data, model)["diversity"] == 0.0


def test_the_gradient_norm_is_that_of_the_loss():
    spec, data, model = case(model="gan", data="ring", hidden=8, latent=2)
    found = read("gradients", spec, data, model)
    objective = OBJECTIVES[spec.objective](spec.objective_options)
    with scope(spec.train.seed, "probe", "gradients"):
        losses = objective.losses(model, data.validation.x[:64])
    for player in ("discriminator", "generator"):
        model.zero_grad()
        losses(player).value.backward(retain_graph=True)
        squares = [p.grad.square().sum() for p in model.player(player)]
        assert found[f"grad_{player}"] == pytest.approx(float(sum(squares)) ** 0.5, rel=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        {"model": "gan", "data": "ring", "objective": "wgan_gp"},
        {"model": "dcgan", "data": "digits"},
        {"model": "vq_vae", "data": "digits"},
        {"model": "cvae", "data": "digits", "objective": "elbo", "warmup": 10},
        {"model": "made", "data": "digits", "binarise": "dynamic"},
    ],
    ids=lambda values: values["model"] + values.get("objective", ""),
)
def test_looking_leaves_no_trace(values):
    spec, data, model = case(**values)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    first = read("gradients", spec, data, model, step=5)
    again = read("gradients", spec, data, model, step=5)
    assert first == again
    assert first
    assert all(math.isfinite(value) and value >= 0 for value in first.values())
    assert all(p.grad is None for p in model.parameters())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_where_nothing_is_followed_there_is_no_gradient():
    spec, data, model = case(
        model="gaussian_mixture", data="gaussian", objective="likelihood", algorithm="em"
    )
    probe = PROBES["gradients"](spec, data)
    assert probe.series == ()
    assert read_probes(probe, model, 0).values == {}


def test_silent_units_are_those_that_the_bars_show_as_zero():
    spec, data, model = case(model="vae", data="digits", latent=5)
    reading = read_probes(PROBES["latent"](spec, data), model, 0)
    bars = reading.pictures["kl_per_dim"].payload["y"]
    assert reading.values["silent_units"] == sum(bar < 0.01 for bar in bars)
