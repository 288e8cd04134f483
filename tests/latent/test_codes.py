"""Codes, points and paths, for a model with an encoder and for one with a critic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab import data, models
from genlab.core.random import capture, seed_run
from genlab.core.run_spec import RunSpec
from genlab.latent import codes_of, decode_mean, prior_sample, space, spherical, straight
from genlab.latent.codes import embed, examples, held_out
from genlab.latent.points import (
    codes_from,
    interpolation,
    latent_of,
    nearest,
    point,
    widest_dimensions,
)


def fresh(**values):
    spec = RunSpec.build(**values)
    seed_run(0)
    return models.build(spec).eval(), data.load(spec)


@pytest.fixture(scope="module")
def vae():
    return fresh(model="vae", data="digits", latent=4)


@pytest.fixture(scope="module")
def gan():
    return fresh(model="gan", data="digits")


def test_the_codes_of_a_vae_are_its_posterior_means(vae):
    model, dataset = vae
    codes = codes_of(model, dataset, "data", 50, seed=0)
    assert codes.space == space(model) == "posterior mean"
    with torch.no_grad():
        mean = model.encode(held_out(dataset).x[torch.from_numpy(codes.index)]).mean
    np.testing.assert_allclose(codes.code, mean.numpy(), atol=1e-6)
    np.testing.assert_array_equal(codes.z, codes.code)
    np.testing.assert_array_equal(codes.label, held_out(dataset).y[codes.index].numpy())


def test_the_codes_of_a_gan_are_the_critics_features(gan):
    model, dataset = gan
    codes = codes_of(model, dataset, "both", 40, seed=0)
    assert codes.space == "critic feature"
    real, made = codes.index >= 0, codes.index < 0
    assert (real.sum(), made.sum()) == (20, 20)
    assert np.isnan(codes.z[real]).all()
    with torch.no_grad():
        x = model.decode(torch.from_numpy(codes.z[made])).mean
        np.testing.assert_allclose(codes.code[made], model.features(x).numpy(), atol=1e-5)
    np.testing.assert_allclose(
        embed(model, examples(model, dataset, codes)), codes.code, atol=1e-5
    )


def test_looking_leaves_the_global_stream_as_it_was(vae):
    model, dataset = vae
    before = capture()
    first = codes_of(model, dataset, "both", 30, seed=1)
    assert bool((capture() == before).all())
    np.testing.assert_array_equal(codes_of(model, dataset, "both", 30, seed=1).code, first.code)
    assert not np.array_equal(codes_of(model, dataset, "both", 30, seed=2).code, first.code)


def test_fewer_examples_than_wished_are_all_of_them(vae):
    model, dataset = vae
    codes = codes_of(model, dataset, "data", 10_000, seed=0)
    assert sorted(codes.index) == list(range(len(held_out(dataset))))


def test_a_point_of_a_vae_is_the_example_with_its_reconstruction(vae):
    model, dataset = vae
    codes = codes_of(model, dataset, "both", 20, seed=0)
    real = point(model, dataset, codes, 0)
    np.testing.assert_array_equal(real.x, held_out(dataset).x[codes.index[0]])
    with torch.no_grad():
        expected = model.decode(model.encode(real.x[None]).mean).mean[0]
    np.testing.assert_allclose(real.reconstruction, expected, atol=1e-6)
    made = point(model, dataset, codes, 19)
    np.testing.assert_allclose(made.x, decode_mean(model, made.z[None])[0])
    assert made.generated
    assert made.reconstruction is None


def test_a_real_point_of_a_gan_is_shown_with_the_nearest_generated_one(gan):
    model, dataset = gan
    codes = codes_of(model, dataset, "both", 30, seed=0)
    real = point(model, dataset, codes, 0)
    distances = np.linalg.norm(codes.code[codes.index < 0] - codes.code[0], axis=1)
    assert real.nearest == 15 + distances.argmin()
    assert real.distance == pytest.approx(distances.min(), rel=1e-5)
    assert real.z is None
    np.testing.assert_array_equal(latent_of(real, codes), codes.z[real.nearest])
    alone = codes_of(model, dataset, "data", 10, seed=0)
    assert latent_of(point(model, dataset, alone, 0), alone) is None


def test_codes_come_back_from_a_job_result(vae):
    model, dataset = vae
    codes = codes_of(model, dataset, "both", 10, seed=0)
    stored = {"code": codes.code, "z": codes.z, "label": codes.label, "index": codes.index}
    again = codes_from(stored, codes.space)
    np.testing.assert_array_equal(again.code, codes.code)
    assert nearest(codes.code[3], codes.code) == (3, 0.0)


def test_the_widest_dimensions_are_those_of_largest_variance(vae):
    model, dataset = vae
    codes = codes_of(model, dataset, "data", 100, seed=0)
    order = np.argsort(-codes.z.var(axis=0))
    assert widest_dimensions(codes, 2) == sorted(order[:2].tolist())
    assert widest_dimensions(codes, 99) == [0, 1, 2, 3]


def test_paths_meet_both_ends_and_the_sphere_keeps_the_norm():
    a, b = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 3.0, 0.0])
    t = torch.linspace(0, 1, 5)
    for path in (straight, spherical):
        z = path(a, b, t)
        torch.testing.assert_close(z[0], a, atol=1e-6, rtol=0)
        torch.testing.assert_close(z[-1], b, atol=1e-6, rtol=0)
    torch.testing.assert_close(spherical(a, b, t).norm(dim=1), torch.full((5,), 3.0))
    assert float(straight(a, b, t)[2].norm()) == pytest.approx(3 / 2**0.5)


def test_the_sphere_turns_by_equal_angles():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    z = spherical(a, b, torch.linspace(0, 1, 7))
    angles = torch.atan2(z[:, 1], z[:, 0]).diff()
    torch.testing.assert_close(angles, torch.full((6,), torch.pi / 12))
    assert len(z) == 7


@pytest.mark.parametrize("b", [[0.0, 0.0], [2.0, 0.0], [-2.0, 0.0]])
def test_the_sphere_is_the_line_where_the_angle_is_not_defined(b):
    a, b, t = torch.tensor([1.0, 0.0]), torch.tensor(b), torch.linspace(0, 1, 5)
    torch.testing.assert_close(spherical(a, b, t), straight(a, b, t))
    assert bool(torch.isfinite(spherical(a, b, t)).all())


def test_an_interpolation_starts_and_ends_at_the_decoded_points(vae):
    model, _ = vae
    a, b = prior_sample(model, 2, seed=5)
    x = interpolation(model, a, b, "spherical", k=4)
    assert x.shape == (4, 1, 8, 8)
    torch.testing.assert_close(
        x[[0, -1]], decode_mean(model, torch.stack([a, b])), atol=1e-5, rtol=0
    )
