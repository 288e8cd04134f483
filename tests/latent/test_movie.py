"""A map over time: frames laid over each other, and a frozen model stands still."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes as scipy_procrustes

from genlab import data, models
from genlab.core.random import seed_run
from genlab.core.run_spec import RunSpec
from genlab.latent.movie import choose_steps, drift, frames, movie, procrustes
from genlab.latent.projections import PROJECTIONS


def points(n=40, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("d", [2, 3])
def test_procrustes_is_scipys(d):
    x, y = points(d=d), points(d=d, seed=1)
    a, b = x - x.mean(0), y - y.mean(0)
    turn, _ = orthogonal_procrustes(b, a)
    np.testing.assert_allclose(procrustes(x, y), b @ turn + x.mean(0), atol=1e-10)
    first, second, disparity = scipy_procrustes(x, y)
    scaled = procrustes(x, y, scale=True)
    size = np.linalg.norm(x - x.mean(0))
    np.testing.assert_allclose((scaled - x.mean(0)) / size, second, atol=1e-10)
    assert ((scaled - x) ** 2).sum() / size**2 == pytest.approx(disparity)
    assert first.shape == x.shape


@pytest.mark.parametrize("method", ["pca", "tsne", "random"])
def test_codes_that_stay_or_only_turn_move_no_point(method):
    x = points(60, 5)
    turn = np.linalg.qr(points(5, 5, seed=3))[0]
    made = frames([x, x, x.copy()], PROJECTIONS[method], seed=0)
    assert drift(made).tolist() == [0.0, 0.0]
    if method == "pca":
        turned = frames([x, x @ turn + 2.0], PROJECTIONS[method], seed=0)
        assert drift(turned)[0] < 1e-9


def test_frames_of_tsne_follow_the_model_and_not_the_optimiser():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(6 * k, 1, size=(25, 4)) for k in range(3)])
    moved = x.copy()
    moved[0] = x[60]
    made = frames([x, moved], PROJECTIONS["tsne"], seed=0)
    off = np.sqrt(((made[1] - made[0]) ** 2).sum(1))
    assert off.argmax() == 0
    assert off[0] > 3 * np.median(off)
    apart = frames([moved], PROJECTIONS["tsne"], seed=0)[0]
    assert np.median(off) < np.median(np.sqrt(((apart - made[0]) ** 2).sum(1)))


def test_the_job_maps_the_same_examples_at_every_step_and_a_frozen_model_stands_still():
    spec = RunSpec.build(model="vae", data="digits", latent=4)
    seed_run(0)
    model, other = models.build(spec).eval(), models.build(spec).eval()

    class Told:
        def __call__(self, fraction, message):
            assert 0 <= fraction <= 1

        def model_at(self, step):
            return other if step == 3 else model

    wish = {"method": "pca", "n": 50, "seed": 1, "what": "data", "steps": [1, 2, 3]}
    found = movie(model, data.load(spec), wish, Told())
    assert found["xy"].shape == (3, 50, 2)
    assert found["drift"][0] == 0.0
    assert found["drift"][1] > 0.0
    assert found["steps"].tolist() == [1, 2, 3]
    assert ((found["trustworthiness"] > 0.5) & (found["trustworthiness"] <= 1)).all()


def test_frames_are_chosen_evenly_with_both_ends():
    assert choose_steps(range(100), 5) == [0, 25, 50, 74, 99]
    assert choose_steps([3, 9], 5) == [3, 9]
