"""Looks at critics whose output is no logit, and the bound of an f-divergence on held-out data."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import data as datasets
from genlab import models
from genlab.core.measure import Picture, Series
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.divergences.f import F
from genlab.models.base import GenerativeModel, HasCritic
from genlab.probes import probes_for, read_probes


def looked(
    **values: object,
) -> tuple[Dataset, GenerativeModel, dict[str, Series], dict[str, float], dict[str, Picture]]:
    spec = RunSpec.build(**({"data": "ring", "model": "gan"} | values))
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec).eval()
    series: dict[str, Series] = {}
    numbers: dict[str, float] = {}
    pictures: dict[str, Picture] = {}
    for probe in probes_for(spec, type(model), data):
        reading = read_probes(probe, model, 0)
        assert set(reading.values) == {entry.name for entry in probe.series}
        series |= {entry.name: entry for entry in probe.series}
        numbers |= reading.values
        pictures |= reading.pictures
    return data, model, series, numbers, pictures


@pytest.mark.parametrize("name", F.names())
def test_held_out_bound_is_below_the_divergence_and_by_hand(name: str) -> None:
    data, model, series, numbers, _ = looked(objective="fgan", divergence=name)
    about = series["val_f_bound"]
    assert (about.kind, about.n, about.unit) == ("lower bound", 256, F[name].unit)
    assert F[name].title in about.title
    assert isinstance(model, HasCritic)
    with torch.no_grad(), scope(0, "probe", "f_bound"):
        real = model.score(data.validation.x[:256]).double()
        fake = model.score(model.sample(256)).double()
    t = F[name].activation(real).mean() - F[name].conjugate(F[name].activation(fake)).mean()
    assert numbers["val_f_bound"] == pytest.approx(float(t), abs=1e-5)
    assert numbers["val_f_bound"] < F[name].upper


@pytest.mark.parametrize("objective", ["lsgan", "hinge", "wgan", "wgan_gp", "r3gan", "fgan"])
def test_a_score_is_not_called_a_confidence(objective: str) -> None:
    data, model, series, numbers, pictures = looked(objective=objective)
    assert {"js_bound", "val_d_real"}.isdisjoint(numbers)
    assert ("val_f_bound" in numbers) is (objective == "fgan")
    assert isinstance(model, HasCritic)
    with torch.no_grad():
        score = float(model.score(data.validation.x[:256]).mean())
    assert numbers["val_c_real"] == pytest.approx(score, rel=1e-5)
    assert series["val_c_real"].unit == "dimensionless"
    payload = pictures["confidence"].payload
    assert pictures["confidence"].title == "Distribution of the critic's scores"
    assert {sum(c) for c in payload["counts"].values()} == {256}


def test_the_critic_of_a_vae_gan_is_a_score_and_one_that_nobody_trains_is_not_looked_at() -> None:
    """At the equilibrium of three sorts σ is 1/3, which no line at ½ may be held against."""
    *_, series, numbers, pictures = looked(model="vae_gan", objective="vae_gan")
    assert {"js_bound", "val_d_real", "d_gap", "d_calibration"}.isdisjoint(numbers)
    assert series["val_c_real"].truth is None
    assert pictures["latent"].title == "Latent space"
    *_, numbers, pictures = looked(model="vae_gan", objective="elbo")
    critics = {"js_bound", "val_d_real", "val_c_real", "d_gap", "d_calibration"}
    assert critics.isdisjoint(numbers)
    assert "confidence" not in pictures
    assert "val_elbo" in numbers


@pytest.mark.parametrize("objective", ["nonsaturating", "minimax", "r1"])
def test_a_logit_is_a_confidence_and_bounds_js(objective: str) -> None:
    *_, numbers, pictures = looked(objective=objective)
    assert 0 < numbers["val_d_real"] < 1
    assert numbers["js_bound"] < math.log(2)
    assert pictures["confidence"].title == "Distribution of D(x)"
    assert "val_f_bound" not in numbers
