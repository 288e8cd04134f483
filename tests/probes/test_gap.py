"""The gap map of a generator whose law, best critic and gradients are known in closed form."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab import models
from genlab.core.measure import Picture
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.divergences.grid import Grid
from genlab.models.gan import GAN
from genlab.probes import read_probes
from genlab.probes.calibration import Calibration
from genlab.probes.gap import CELLS, GapMap, pack_field
from genlab.probes.ledger import Ledger
from genlab.probes.truth import OptimalDiscriminator

#: The generated points are N((1, 0), I), the data N(0, I): log p/q = ½ − x₁.
SHIFT = torch.tensor([1.0, 0.0])


def known_pair(weight: float = -1.0, **values: Any) -> tuple[RunSpec, Dataset, GAN]:
    """A GAN whose generator is z + (1, 0) and whose critic is ½ + weight x₁."""
    spec = RunSpec.build(data="gaussian", model="gan", **values)
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec)
    assert isinstance(model, GAN)

    class Shift(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.by = torch.nn.Parameter(SHIFT.clone())

        def forward(self, z: Tensor) -> Tensor:
            return z + self.by

    class First(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 0.5 + weight * x[:, :1]

    model.generator = torch.nn.Sequential(Shift())
    model.body, model.head = torch.nn.Sequential(), First()
    return spec, data, model


def seen(spec: RunSpec, data: Dataset, model: GAN) -> Picture:
    return read_probes(GapMap(spec, data), model, 0).pictures["gap"]


def field(picture: Picture, name: str) -> Tensor:
    about = picture.payload["fields"][name]
    byte = torch.tensor(list(base64.b64decode(about["z"])), dtype=torch.float64)
    value = about["low"] + (about["high"] - about["low"]) * byte / 254
    return torch.where(byte == 255, torch.nan, value).view(CELLS, CELLS)


def middles(picture: Picture) -> Tensor:
    (low, _), (high, _) = picture.payload["box"]
    return low + (high - low) * (torch.arange(CELLS, dtype=torch.float64) + 0.5) / CELLS


def test_fields_are_d_its_optimum_and_their_distance() -> None:
    picture = seen(*known_pair())
    x = middles(picture)
    exact = torch.sigmoid(0.5 - x).expand(CELLS, CELLS)  # the same in every row
    torch.testing.assert_close(field(picture, "d"), exact, atol=0.003, rtol=0)
    truth = field(picture, "truth")
    known = truth.isfinite()
    assert 0.2 < float(known.double().mean()) < 0.9
    assert float((truth - exact)[known].abs().mean()) < 0.04
    middle = truth[CELLS // 2]
    close = middle.isfinite() & (x.abs() < 2)
    assert float((middle - exact[0])[close].abs().max()) < 0.15
    away = field(picture, "gap")
    torch.testing.assert_close(away[known], (exact - truth).abs()[known], atol=0.006, rtol=0)


def test_the_best_critic_scores_the_floor_and_a_flat_one_what_quadrature_says() -> None:
    best = seen(*known_pair()).payload
    assert best["n"] == 20_000
    assert best["distance"] == pytest.approx(best["floor"], rel=0.15)
    assert best["floor"] < 0.035
    spec, data, model = known_pair(weight=0.0)
    flat = seen(spec, data, model).payload
    x = torch.linspace(-9, 10, 4001, dtype=torch.float64)
    p, q = ((-0.5 * (x - m) ** 2).exp() / math.sqrt(2 * math.pi) for m in (0.0, 1.0))
    d = torch.sigmoid(torch.tensor(0.5, dtype=torch.float64))
    exact = float(torch.trapezoid(0.5 * (p + q) * (d - p / (p + q)).abs(), x))
    assert flat["distance"] == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("objective", ["nonsaturating", "minimax"])
def test_arrows_are_minus_the_gradient_of_the_generators_loss(objective: str) -> None:
    picture = seen(*known_pair(objective=objective))
    payload = picture.payload
    fake = torch.tensor(payload["fake"])[:64, 0]
    arrows = torch.tensor(payload["arrows"])
    d = torch.sigmoid(0.5 - fake)
    # d/dx of softplus(−l) is −(1 − D) l′, of −softplus(l) it is −D l′; here l′ = −1.
    force = -(1 - d) if objective == "nonsaturating" else -d
    assert payload["push"] == pytest.approx(float(force.abs().max()), rel=1e-2)
    width = payload["box"][1][0] - payload["box"][0][0]
    torch.testing.assert_close(
        arrows[:, 0], 0.08 * width * force / force.abs().max(), atol=0.01, rtol=0.02
    )
    assert float(arrows[:, 1].abs().max()) < 1e-6


def test_the_warped_grid_is_the_generators_image_of_equal_steps_of_probability() -> None:
    lines = seen(*known_pair()).payload["grid"]
    assert len(lines) == 14
    first = torch.tensor(lines[0], dtype=torch.float64) - SHIFT
    u = torch.linspace(0.01, 0.99, 15, dtype=torch.float64)
    torch.testing.assert_close(first[:, 0], torch.special.ndtri(u), atol=2e-3, rtol=1e-3)
    assert float((first[:, 1] - torch.special.ndtri(torch.tensor(0.02))).abs().max()) < 2e-3
    across = torch.tensor(lines[7], dtype=torch.float64) - SHIFT
    torch.testing.assert_close(across[:, 1], torch.special.ndtri(u), atol=2e-3, rtol=1e-3)
    spec, data, model = known_pair(latent=1)
    model.generator = torch.nn.Sequential(torch.nn.Linear(1, 2))
    assert len(seen(spec, data, model).payload["grid"]) == 1


@pytest.mark.parametrize("objective", ["lsgan", "wgan", "r3gan"])
def test_a_score_without_a_scale_is_shown_as_it_is(objective: str) -> None:
    picture = seen(*known_pair(objective=objective))
    assert list(picture.payload["fields"]) == ["c"]
    x = middles(picture)
    score = (0.5 - x).expand(CELLS, CELLS)
    torch.testing.assert_close(field(picture, "c"), score, atol=0.03, rtol=0)
    assert picture.payload["distance"] is None
    assert "no D*" in picture.note


def test_nothing_that_is_no_number_reaches_the_payload() -> None:
    spec, data, model = known_pair(weight=math.inf)
    payload = seen(spec, data, model).payload
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload
    assert list(
        base64.b64decode(pack_field(torch.tensor([math.nan, math.inf, 3.0]), 0.0, 3.0))
    ) == [
        255,
        255,
        254,
    ]


def test_q_of_a_model_that_knows_its_density_is_integrated() -> None:
    spec = RunSpec.build(data="gaussian", model="linear_gaussian")
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec).eval()
    assert data.density is not None
    with torch.no_grad():
        best = OptimalDiscriminator(Grid(data.density, 24, 8)).of(model)
    assert best.n == 0
    assert float(best.floor) == 0.0
    assert float(best.q.sum()) == pytest.approx(1.0, abs=0.02)
    assert float(best.distance(best.d)) == 0.0


def test_a_critic_of_packs_is_not_mapped_over_single_points() -> None:
    spec = RunSpec.build(data="ring", model="gan", pack=2)
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec).eval()
    pictures = {
        name: read_probes(row(spec, data), model, 0).pictures
        for name, row in (("gap", GapMap), ("calibration", Calibration), ("ledger", Ledger))
    }
    assert (pictures["gap"], pictures["calibration"]) == ({}, {})
    rows = pictures["ledger"]["ledger"].payload["rows"]
    assert all(row["bound"] is None for row in rows)


def test_a_critic_that_nobody_trains_is_not_drawn() -> None:
    spec = RunSpec.build(data="ring", model="vae_gan", objective="elbo")
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec).eval()
    assert read_probes(GapMap(spec, data), model, 0).pictures == {}
    trained = RunSpec.build(data="ring", model="vae_gan", objective="nonsaturating")
    assert set(read_probes(GapMap(trained, data), model, 0).pictures) == {"gap"}
