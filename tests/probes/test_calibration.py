"""Calibration of a discriminator against D*, which is known where both laws are."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab import models
from genlab.core.measure import Reading
from genlab.core.random import generator, scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.models.gan import GAN
from genlab.probes import read_probes
from genlab.probes.calibration import Calibration, reliability


class Plus(torch.nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = torch.nn.Parameter(torch.tensor(by))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.by


class Line(torch.nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * (2.0 - 2.0 * x)


def one_dimension(scale: float, **values: Any) -> tuple[RunSpec, Dataset, GAN]:
    """Data N(0, 1), generated N(2, 1): D* = σ(2 − 2x); the critic is ``scale`` times it."""
    spec = RunSpec.build(data="gaussian", dim=1, model="gan", latent=1, **values)
    with scope(0, "weights"):
        model = models.build(spec)
    assert isinstance(model, GAN)
    model.generator = torch.nn.Sequential(Plus(2.0))
    model.body, model.head = torch.nn.Sequential(), Line(scale)
    return spec, datasets.load(spec), model


def seen(*pair: Any) -> Reading:
    spec, data, model = pair
    probe = Calibration(spec, data)
    found = read_probes(probe, model, 0)
    assert set(found.values) == {series.name for series in probe.series}
    return found


def exact_gap(scale: float) -> float:
    """½ ∫ (p + q) |D − D*| by the trapezoidal rule."""
    x = torch.linspace(-8, 10, 20_001, dtype=torch.float64)
    p, q = ((-0.5 * (x - m) ** 2).exp() / math.sqrt(2 * math.pi) for m in (0.0, 2.0))
    away = (torch.sigmoid(scale * (2 - 2 * x)) - p / (p + q)).abs()
    return float(torch.trapezoid(0.5 * (p + q) * away, x))


def test_the_best_critic_is_calibrated() -> None:
    found = seen(*one_dimension(1.0))
    payload = found.pictures["calibration"].payload
    assert found.values["d_calibration"] < 3 * payload["chance"]
    assert payload["chance"] == pytest.approx(0.016, abs=0.01)
    # A generator of one code is integrated: nothing is counted, and cells alone blur D*.
    assert payload["floor"] == 0.0
    assert 0 < found.values["d_gap"] < 1e-3
    for row in payload["bins"]:
        assert row["share"] == pytest.approx(row["d"], abs=4.5 * row["error"])
        assert row["share"] == pytest.approx(row["truth"], abs=4.5 * row["error"] + 0.01)
    assert sum(row["n"] for row in payload["bins"]) == payload["n"] == 2000


@pytest.mark.parametrize("scale", [0.2, 4.0, -1.0])
def test_a_wrong_confidence_is_seen(scale: float) -> None:
    found = seen(*one_dimension(scale))
    payload = found.pictures["calibration"].payload
    assert found.values["d_calibration"] > 4 * payload["chance"]
    assert found.values["d_gap"] == pytest.approx(exact_gap(scale), abs=1e-3)
    full = [row for row in payload["bins"] if row["n"] > 50]
    for row in full:
        if scale == 0.2:  # too modest: what is called 0.4 is in truth much less
            assert (row["share"] - 0.5) * (row["d"] - 0.5) >= -0.01
            assert abs(row["share"] - 0.5) > abs(row["d"] - 0.5) - 0.12
        assert row["share"] == pytest.approx(row["truth"], abs=5 * row["error"] + 0.05)


def test_errors_of_the_bins_by_hand() -> None:
    """Three of four real at D = 0.8, one of four at D = 0.3."""
    real, fake = torch.tensor([0.8, 0.8, 0.8, 0.3]), torch.tensor([0.8, 0.3, 0.3, 0.3])
    found = reliability(real, fake)
    high = found["bins"][8] if found["bins"][8]["n"] else found["bins"][7]
    low = found["bins"][3] if found["bins"][3]["n"] else found["bins"][2]
    assert (high["share"], low["share"]) == (0.75, 0.25)
    assert found["ece"] == pytest.approx(0.05, abs=1e-6)
    assert high["error"] == pytest.approx(math.sqrt(0.75 * 0.25 / 4))
    empty = [row for row in found["bins"] if not row["n"]]
    assert all(row["share"] is None and row["d"] is None for row in empty)


def test_chance_is_what_a_calibrated_d_scores() -> None:
    source = generator(0, "calibrated")
    scores = []
    for _ in range(60):
        d = torch.rand(4000, generator=source)
        is_real = torch.rand(4000, generator=source) < d
        found = reliability(d[is_real], d[~is_real])
        scores.append((found["ece"], found["chance"]))
    ece, chance = (sum(column) / 60 for column in zip(*scores, strict=True))
    assert ece == pytest.approx(chance, rel=0.1)


def test_a_score_without_a_scale_has_no_calibration() -> None:
    assert seen(*one_dimension(1.0, objective="wgan_gp")) == Reading()


def test_pictures_are_calibrated_by_labels_alone() -> None:
    spec = RunSpec.build(data="digits", model="gan")
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec)
    found = seen(spec, data, model)
    payload = found.pictures["calibration"].payload
    assert set(found.values) == {"d_calibration"}
    assert payload["distance"] is None
    assert payload["n"] == 2 * min(256, len(data.validation))
