"""Travel against geometry: great circles, stationary walks, equal masses, used dimensions."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.distributions.kl import kl_divergence

from genlab import models
from genlab.core.errors import GenlabError, SpecError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.distributions import Point
from genlab.distributions.priors import standard_normal
from genlab.latent.codes import decode_mean, prior_sample
from genlab.latent.decoding import decode_job
from genlab.latent.geodesic import curve_length, geodesic, geodesic_job
from genlab.latent.travel import (
    WAYS,
    Use,
    has_standard_prior,
    sheet,
    traversal,
    traversal_values,
    usage,
    usage_job,
    walk,
)
from genlab.latent.video import FORMS, forward_and_back, gif
from genlab.models.base import HasDecoder, HasEncoder
from genlab.runs import catalog
from genlab.testing.model_contract import METAS, ModelCase


def sphere(z: Tensor) -> Tensor:
    """Longitude and latitude to the unit sphere."""
    lon, lat = z[:, 0], z[:, 1]
    return torch.stack([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()], dim=1)


def test_on_a_sphere_the_path_is_the_great_circle() -> None:
    a, b = torch.tensor([0.0, 0.9]), torch.tensor([2.0, 0.9])
    path = geodesic(sphere, a, b, points=33, steps=200)
    ends = sphere(torch.stack([a, b]))
    circle = math.acos(float(ends[0] @ ends[1]))
    parallel = 2.0 * math.cos(0.9)
    assert path.straight == pytest.approx(parallel, rel=2e-3)
    assert path.length == pytest.approx(circle, rel=2e-3)
    assert path.length < path.straight
    # Every point of the great circle lies in the plane of its ends.
    normal = torch.linalg.cross(ends[0], ends[1])
    assert float((sphere(path.z) @ (normal / normal.norm())).abs().max()) < 0.01
    # Constant speed.
    sides = (sphere(path.z)[1:] - sphere(path.z)[:-1]).norm(dim=1)
    assert float(sides.std() / sides.mean()) < 0.02


def test_of_an_isometry_the_path_is_the_straight_line() -> None:
    with scope(0, "plane"):
        frame = torch.linalg.qr(torch.randn(5, 2))[0]
    a, b = torch.tensor([1.0, -1.0]), torch.tensor([-0.5, 2.0])
    path = geodesic(lambda z: z @ frame.mT, a, b)
    exact = float((a - b).norm())
    assert path.length == pytest.approx(exact, rel=1e-5)
    line = a + torch.linspace(0, 1, len(path.z))[:, None] * (b - a)
    torch.testing.assert_close(path.z, line, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["vae", "gan", "conv_vae", "dcgan"])
def test_no_path_is_longer_than_the_straight_line(name: str) -> None:
    model: Any = ModelCase(name, METAS["grey8"], name).build().eval()
    with scope(1, "ends"):
        a, b = torch.randn(2, model.latent)
    values = {"a": a.tolist(), "b": b.tolist(), "label": None}
    told: list[float] = []
    with torch.no_grad():
        found = geodesic_job(model, None, values, lambda f, _: told.append(f))  # type: ignore[arg-type]
        line = a + torch.linspace(0, 1, len(found["z"]))[:, None] * (b - a)
        measured = curve_length(lambda z: model.decode(z).mean, torch.from_numpy(found["z"]))
        straight = curve_length(lambda z: model.decode(z).mean, line)
    assert found["length"] <= found["straight"]
    assert found["straight"] == pytest.approx(straight, rel=1e-5)
    assert found["length"] == pytest.approx(measured, rel=1e-5)
    np.testing.assert_array_equal(found["z"][[0, -1]], torch.stack([a, b]).numpy())
    assert told
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"a": [0.0], "b": [0.0]}, SpecError),
        ({"a": [float("nan")] * 8, "b": [0.0] * 8}, SpecError),
    ],
)
def test_bad_ends_are_refused(values: dict[str, Any], error: type[Exception]) -> None:
    model = ModelCase("vae", METAS["grey8"], "vae").build().eval()
    with pytest.raises(error):
        geodesic_job(model, None, values, lambda *_: None)  # type: ignore[arg-type]
    net = ModelCase("made", METAS["binary8"], "made").build().eval()
    with pytest.raises(GenlabError, match="no decoder"):
        geodesic_job(net, None, values, lambda *_: None)  # type: ignore[arg-type]


class Linear(nn.Module, HasDecoder):
    """g(z) = W z, with the prior of choice."""

    def __init__(self, prior: Any = None) -> None:
        super().__init__()
        self.latent = 3
        self.weight = torch.diag(torch.tensor([1.0, 3.0, 0.0]))
        self._prior = prior

    def prior(self) -> Any:
        return self._prior or standard_normal(3, self.weight)

    def decode(self, z: Tensor) -> Point:
        return Point(z @ self.weight, 1)


class Encoded(Linear, HasEncoder):
    """With q(z | x) = N(μ(x), diag σ²)."""

    scale = torch.tensor([0.2, 1.0, 0.7])

    def encode(self, x: Tensor) -> Any:
        return Independent(Normal(x * torch.tensor([1.0, 0.0, 0.3]), self.scale), 1)


class Three:
    """Data of three numbers."""

    def __init__(self) -> None:
        from genlab.data.base import Split

        with scope(0, "three"):
            self.test = Split(torch.randn(200, 3))
        self.validation = self.test


def test_the_use_of_a_dimension_is_its_kl() -> None:
    data: Any = Three()
    use = usage(Encoded(), data)
    q = Encoded().encode(data.test.x).base_dist
    exact = kl_divergence(q, Normal(torch.zeros(3), torch.ones(3))).mean(dim=0)
    np.testing.assert_allclose(use.value, exact.numpy(), rtol=1e-5)
    assert (use.measure, use.n, use.order) == ("KL", 200, [0, 2, 1])
    assert use.value[1] == pytest.approx(0.0, abs=1e-7)


def test_without_an_encoder_the_use_is_what_the_output_does() -> None:
    data: Any = Three()
    use = usage(Linear(), data)
    at = stats.norm.ppf(0.5 + (np.linspace(0, 1, 7) - 0.5) * 0.98)
    np.testing.assert_allclose(use.value, np.array([1.0, 9.0, 0.0]) * at.var(), rtol=1e-4)
    assert (use.measure, use.order) == ("output", [1, 0, 2])


def flow(**values: Any) -> tuple[Any, Any]:
    """A flow on images whose decoder takes several evaluations of a U-Net, and its data."""
    small = {"net": "unet", "width": 4, "sampling_steps": 2, "seed": 0, **values}
    spec = RunSpec.build(model="flow_matching", data="digits", **small)
    with scope(0, "weights"):
        return models.build(spec).eval(), catalog.dataset(spec)


def test_of_a_slow_decoder_a_few_dimensions_are_looked_at() -> None:
    model, data = flow()
    told: list[float] = []
    found = usage_job(model, data, {"seed": 3}, lambda f, _: told.append(f))
    use = Use(**found)
    assert (len(use.order), len(use.value)) == (16, 64)
    assert told == sorted(told)
    assert len(told) == 16
    again = usage(model, data, seed=3)
    np.testing.assert_array_equal(use.value, again.value)
    # The variance along a dimension, by hand.
    j, base = use.order[0], prior_sample(model, 2, 3)
    at = traversal_values(model, 7)[:, j]
    rows = []
    for z in base:
        codes = z.repeat(7, 1)
        codes[:, j] = at
        rows.append(decode_mean(model, codes).flatten(1).double().var(0, correction=0).sum())
    assert use.value[j] == pytest.approx(float(sum(rows)) / 2, rel=1e-5)
    assert sorted(usage(model, data, seed=4).order) != sorted(use.order)


@pytest.mark.parametrize(
    ("way", "values", "count"),
    [
        ("traversals", {"dimensions": [5, 0], "count": 3, "seed": 0}, 6),
        ("sheet", {"dimensions": [1, 2], "side": 3, "seed": 0}, 9),
        ("walk", {"count": 4, "stride": 0.3, "seed": 1}, 4),
        ("path", {"path": "spherical"}, 65),
        ("line", {"direction": [0.125] * 64, "reach": 1.5, "count": 5}, 10),
        ("given", {}, 2),
    ],
)
def test_every_way_is_decoded_by_the_job(way: str, values: dict[str, Any], count: int) -> None:
    model, data = flow()
    with scope(2, "ends"):
        a, b = (z.tolist() for z in torch.randn(2, 64))
    values = values | ({"a": a, "b": b} if way == "path" else {"z": [a, b]})
    if way not in {"path", "line", "given"}:
        values["z"] = a
    told: list[float] = []
    with torch.no_grad():
        found = decode_job(model, data, {"way": way, **values}, lambda f, _: told.append(f))
        codes = WAYS[way](model, values)
        torch.testing.assert_close(found["x"], decode_mean(model, codes))
    assert len(codes) == count
    assert told == [0.0, 0.5, 1.0]
    for key in {"z", "a", "b", "direction"} & set(values):
        several = way in {"given", "line"} and key == "z"
        short = {**values, key: [a[1:]] if several else a[1:]}
        with pytest.raises(SpecError, match="64 entries"):
            WAYS[way](model, short)


def test_a_traversal_goes_through_the_prior_and_holds_the_rest() -> None:
    z = torch.tensor([0.3, -0.4, 5.0])
    x = decode_mean(Linear(), traversal(Linear(), z, 1, k=5))
    at = stats.norm.ppf([0.01, 0.255, 0.5, 0.745, 0.99])
    np.testing.assert_allclose(x[:, 1], 3.0 * at, atol=1e-5)
    np.testing.assert_allclose(x[:, 0], 0.3, rtol=1e-6)


def test_the_sheet_has_equal_masses_row_by_row_from_the_top() -> None:
    x = decode_mean(Linear(), sheet(Linear(), torch.zeros(3), (0, 1), side=5)).view(5, 5, 3)
    share = stats.norm.cdf(x[0, :, 0].numpy())
    np.testing.assert_allclose(np.diff(share), 0.98 / 4, atol=1e-6)
    assert torch.equal(x[:, :, 0], x[:1, :, 0].expand(5, 5))
    assert bool((x[1:, 0, 1] < x[:-1, 0, 1]).all())


def test_another_prior_is_travelled_by_its_quantiles() -> None:
    prior = Independent(Normal(torch.full((3,), 2.0), torch.full((3,), 0.5)), 1)
    model = Linear(prior)
    assert has_standard_prior(Linear())
    assert not has_standard_prior(model)
    at = traversal_values(model, 3)
    np.testing.assert_allclose(at[1], 2.0, atol=0.04)
    exact = stats.norm(2.0, 0.5).ppf(0.99)
    np.testing.assert_allclose(at[2], exact, atol=0.12)


def test_a_walk_keeps_the_prior() -> None:
    path = walk(torch.zeros(400), 600, stride=0.5, seed=1)[100:]
    assert float(path.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(path.var()) == pytest.approx(1.0, abs=0.02)
    # Neighbours are correlated by √(1 − s²).
    product = (path[1:] * path[:-1]).mean()
    assert float(product) == pytest.approx(math.sqrt(0.75), abs=0.02)
    assert torch.equal(walk(torch.zeros(4), 9, seed=3), walk(torch.zeros(4), 9, seed=3))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_film_holds_its_frames(channels: int) -> None:
    frames = np.zeros((4, channels, 8, 8))
    for k in range(4):
        frames[k, :, k, :] = 1.0
    film = Image.open(io.BytesIO(gif(forward_and_back(frames), scale=2, seconds=0.1)))
    assert getattr(film, "n_frames", 1) == 6
    assert film.size == (16, 16)
    for k, row in enumerate([0, 1, 2, 3, 2, 1]):
        film.seek(k)
        pixels = np.asarray(film.convert("L"))
        assert pixels[2 * row].min() > 250
        assert pixels[2 * ((row + 4) % 8)].max() < 5
        assert film.info["duration"] == 100
    with pytest.raises(ValueError, match="frames of shape"):
        gif(np.zeros((2, 8, 8)))


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32), (1, 9)])
def test_an_mp4_decodes_to_the_frames_it_was_made_of(channels: int, side: int) -> None:
    import av

    y, x = np.mgrid[:side, :side] / side
    waves = [0.5 + 0.4 * np.sin(2 * np.pi * (x * (c + 1) / 3 + y)) for c in range(channels)]
    frames = np.stack([np.stack(waves) * (1 - k / 9) for k in range(5)])
    film = FORMS["mp4"].write(frames, scale=3, seconds=0.1)
    assert film[4:8] == b"ftyp"
    with av.open(io.BytesIO(film)) as found:
        stream = found.streams.video[0]
        assert (stream.codec_context.name, float(stream.average_rate)) == ("h264", 10.0)
        pages = [page.to_ndarray(format="rgb24") for page in found.decode(stream)]
    assert len(pages) == 5
    even = 3 * side + 3 * side % 2
    for page, frame in zip(pages, frames, strict=True):
        assert page.shape == (even, even, 3)
        exact = 255 * np.moveaxis(frame, 0, -1).repeat(3, 0).repeat(3, 1)
        off = np.abs(page[: 3 * side, : 3 * side].astype(float) - exact)
        assert off.mean() < 3.0
        assert np.quantile(off, 0.99) < 20.0
    with pytest.raises(ValueError, match="frames of shape"):
        FORMS["mp4"].write(np.zeros((2, 8, 8)))
