"""The velocity over time: of the exact field itself the difference is nothing, and bytes mean
what the probe says."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from genlab import models
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.panels.base import check_picture
from genlab.probes.base import read_probes
from genlab.probes.flow_field import CELLS, KNOTS, FlowFieldProbe
from genlab.probes.flow_line import FlowLineProbe
from genlab.runs import catalog


def payload_of(model: str, data: str, exact: bool = False, **values: object):
    spec = RunSpec.build(model=model, data=data, hidden=16, **values)
    dataset = catalog.dataset(spec)
    probe = (FlowFieldProbe if dataset.meta.dim == 2 else FlowLineProbe)(spec, dataset)
    with scope(0, "flow field"):
        net = models.build(spec).eval()
    if exact:
        fields = probe.exact

        def velocity(x, t):
            return fields.velocity(x.double(), t).to(x.dtype)

        object.__setattr__(net, "velocity", velocity)
    (picture,) = read_probes(probe, net, 0).pictures.values()
    check_picture(picture)
    return probe, picture.payload


def bytes_of(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8)


@pytest.mark.parametrize("model", ["flow_matching", "ddpm", "edm"])
def test_the_exact_field_differs_from_itself_by_nothing(model: str) -> None:
    _, payload = payload_of(model, "ring", exact=True)
    assert max(payload["excess"]) < 1e-6 * max(payload["fields"]["exact"]["high"]) ** 2
    learned, exact = (
        bytes_of(payload["fields"][k]["speed"]).astype(int) for k in ("learned", "exact")
    )
    assert np.abs(learned - exact).max() <= 1
    # The particles end on the ring.
    if model == "flow_matching":
        assert payload["times"][0] == 0.0
        assert payload["times"][-1] == 1.0
        radius = np.linalg.norm(np.array(payload["particles"][-1]), axis=1)
        assert np.abs(radius - 1.0).max() < 0.3


def test_bytes_stand_for_speeds_and_directions() -> None:
    probe, payload = payload_of("flow_matching", "ring")
    k = payload["times"].index(0.5)
    low, high = np.array(payload["box"])
    steps = low + (high - low) * (np.arange(CELLS)[:, None] + 0.5) / CELLS
    x = torch.tensor(np.stack(np.meshgrid(steps[:, 0], steps[:, 1], indexing="xy"), -1))
    u = probe.exact.velocity(x.view(-1, 2), torch.full((CELLS**2,), 0.5, dtype=torch.float64))
    top = payload["fields"]["exact"]["high"][k]
    found = bytes_of(payload["fields"]["exact"]["speed"])[k * CELLS**2 : (k + 1) * CELLS**2]
    seen = found < 255
    # What is left out is where the points of that time hardly are.
    assert 0.3 < seen.mean() < 1.0
    wanted = u.norm(dim=1).numpy()
    assert np.allclose(found[seen] * top / 254, wanted[seen], atol=0.6 * top / 254 + 1e-3 * top)
    part = CELLS // KNOTS
    mean = (u * torch.tensor(seen)[:, None]).view(KNOTS, part, KNOTS, part, 2).mean((1, 3))
    scale = payload["arrows"]["exact"]["scale"][k]
    arrows = bytes_of(payload["arrows"]["exact"]["xy"]).reshape(len(payload["times"]), -1)[k]
    assert np.allclose(
        arrows / 254 * 2 * scale - scale, mean.flatten().numpy(), atol=1.2 * scale / 127
    )


def test_without_an_exact_field_there_is_the_learned_one_alone() -> None:
    _, payload = payload_of("flow_matching", "moons")
    assert list(payload["fields"]) == ["learned"]
    assert payload["excess"] is None
    _, coupled = payload_of("flow_matching", "ring", coupling="optimal_transport")
    assert list(coupled["fields"]) == ["learned"]


@pytest.mark.parametrize("model", ["flow_matching", "ddpm", "edm"])
def test_on_the_line_the_exact_field_differs_from_itself_by_nothing(model: str) -> None:
    _, payload = payload_of(model, "two_gaussians", exact=True, dim=1)
    assert max(payload["excess"]) < 1e-6 * max(payload["fields"]["exact"]["high"]) ** 2
    learned, exact = (
        bytes_of(payload["fields"][k]["speed"]).astype(int) for k in ("learned", "exact")
    )
    assert np.abs(learned - exact).max() <= 1
    (t0, low), (t1, high) = payload["box"]
    assert (t0, t1) == (0.0, 1.0)
    places = np.array(payload["particles"])
    np.testing.assert_allclose(
        places[:, :, 0], np.array(payload["times"])[:, None] + 0 * places[:, :, 0], atol=1e-3
    )
    assert low < places[-1, :, 1].min() < places[-1, :, 1].max() < high


def test_on_the_line_the_field_is_that_of_one_gaussian() -> None:
    """u_t(x) = μ + (t s² − (1 − t)) (x − t μ) / ((1 − t)² + t² s²) for N(μ, s²)."""
    _, payload = payload_of("flow_matching", "gaussian", exact=True, dim=1, mean=0.5, std=0.5)
    (_, low), (_, high) = payload["box"]
    middles = (np.arange(CELLS) + 0.5) / CELLS
    x, t = np.meshgrid(low + (high - low) * middles, middles, indexing="ij")
    variance = (1 - t) ** 2 + t**2 * 0.25
    u = 0.5 + (t * 0.25 - (1 - t)) * (x - 0.5 * t) / variance
    field = payload["fields"]["exact"]
    bytes_ = bytes_of(field["speed"]).reshape(len(payload["times"]), CELLS, CELLS)[0]
    known = bytes_ != 255
    assert 0.3 < known.mean() < 1.0
    step = field["high"][0] / 254
    np.testing.assert_allclose(bytes_[known] * step, np.abs(u)[known], atol=0.6 * step)
    # An arrow has the slope of the way there, in sides of the map.
    arrows = payload["arrows"]["exact"]
    codes = bytes_of(arrows["xy"]).reshape(-1, KNOTS, KNOTS, 2)[0].astype(float)
    ways = (codes - 127) / 127 * arrows["scale"][0]
    mean = u.reshape(KNOTS, 2, KNOTS, 2).mean((1, 3)) / (high - low)
    there = ways[..., 0] > 0.5
    assert there.any()
    np.testing.assert_allclose(ways[there][:, 1], mean[there], atol=arrows["scale"][0] / 120)
    assert not ways[~there].any()
