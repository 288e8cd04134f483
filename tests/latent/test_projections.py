"""Maps of codes: PCA against NumPy, t-SNE repeatable, trustworthiness as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from genlab import data, models
from genlab.errors import SpecError
from genlab.latent.projections import pca, project, trustworthiness, tsne
from genlab.random import seed_run
from genlab.registry import JOBS
from genlab.spec import RunSpec

SILENT = lambda fraction, message: None  # noqa: E731


def codes(n=60, d=7, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * np.arange(1, d + 1)


def test_pca_is_the_singular_value_decomposition_with_fixed_signs():
    x = codes()
    centred = x - x.mean(0)
    _, s, v = np.linalg.svd(centred, full_matrices=False)
    for k in range(2):
        v[k] *= np.sign(v[k][np.abs(v[k]).argmax()])
    np.testing.assert_allclose(pca(x).xy, centred @ v[:2].T, atol=1e-10)
    assert pca(x).explained == pytest.approx(tuple(s[:2] ** 2 / (s**2).sum()))


def test_pca_agrees_with_scikit_learn_up_to_sign():
    x = codes(seed=3)
    np.testing.assert_allclose(
        np.abs(pca(x).xy), np.abs(PCA(2, svd_solver="full").fit_transform(x)), atol=1e-9
    )
    assert pca(x).xy.shape == (60, 2)


def test_pca_does_not_depend_on_the_order_of_the_points():
    x = codes()
    order = np.random.default_rng(1).permutation(len(x))
    np.testing.assert_allclose(pca(x[order]).xy, pca(x).xy[order], atol=1e-9)
    assert pca(x).xy[:, 0].std() > pca(x).xy[:, 1].std()


def test_pca_of_one_dimension_has_a_flat_second_axis():
    xy = pca(codes(d=1)).xy
    assert np.ptp(xy[:, 1]) == 0
    assert pca(codes(d=1)).explained == (1.0, 0.0)


def test_tsne_is_identical_when_made_again_and_another_with_another_seed():
    x = codes(50).astype(np.float32)
    first, second = tsne(x, 3).xy, tsne(x, 3).xy
    assert first.tobytes() == second.tobytes()
    assert first.shape == (50, 2)


def test_trustworthiness_is_scikit_learns_and_one_for_the_space_itself():
    x = codes(d=2)
    assert trustworthiness(x, x) == pytest.approx(1.0)
    xy = codes(d=2, seed=9)
    assert trustworthiness(x, xy) == pytest.approx(sklearn_trustworthiness(x, xy, n_neighbors=10))


def fresh(**values):
    spec = RunSpec.build(**values)
    seed_run(0)
    return models.build(spec).eval(), data.load(spec)


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize(
    ("values", "what", "space_dim"),
    [
        ({"model": "vae", "data": "digits", "latent": 5}, "both", 5),
        ({"model": "gan", "data": "ring"}, "both", None),
    ],
)
def test_the_job_is_the_same_bytes_when_run_again(method, values, what, space_dim):
    model, dataset = fresh(**values)
    wish = {"run": "r", "step": 0, "method": method, "n": 80, "seed": 4, "what": what}
    first = JOBS["project"](model, dataset, wish, SILENT)
    second = project(model, dataset, wish, SILENT)
    assert first.keys() == second.keys()
    assert all(first[k].tobytes() == second[k].tobytes() for k in first)
    assert (first["index"] < 0).sum() == 40
    if space_dim:
        assert first["code"].shape == (80, space_dim)
    expected = sklearn_trustworthiness(first["code"].astype(float), first["xy"], n_neighbors=10)
    assert float(first["trustworthiness"]) == pytest.approx(expected, abs=1e-4)


def test_the_job_says_how_far_it_is_and_refuses_what_there_is_not():
    model, dataset = fresh(model="vae", data="digits")
    seen = []
    project(
        model,
        dataset,
        {"method": "pca", "n": 20, "seed": 0, "what": "data"},
        lambda fraction, message: seen.append(fraction),
    )
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1
    with pytest.raises(SpecError, match="did you mean 'tsne'"):
        project(model, dataset, {"method": "tsn", "n": 20, "seed": 0}, SILENT)
    with pytest.raises(SpecError, match="what"):
        project(model, dataset, {"method": "pca", "n": 20, "seed": 0, "what": "all"}, SILENT)
