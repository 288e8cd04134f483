"""Maps of codes: PCA against NumPy, t-SNE repeatable, trustworthiness as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from openTSNE.affinity import PerplexityBasedNN
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from genlab import data, models
from genlab.core.errors import SpecError
from genlab.core.random import seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import JOBS
from genlab.latent.projection_methods import pca, pca_inverse, tsne
from genlab.latent.projections import (
    PROJECTIONS,
    continuity,
    embed_points,
    project,
    trustworthiness,
)

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


def brute_continuity(x, xy, k):
    """Venna and Kaski's definition, with loops."""
    n, total = len(x), 0

    def order(points, i):
        distance = ((points - points[i]) ** 2).sum(1)
        return [int(j) for j in np.argsort(distance, kind="stable") if j != i]

    for i in range(n):
        space, map_ = order(x, i), order(xy, i)
        for j in set(space[:k]) - set(map_[:k]):
            total += map_.index(j) + 1 - k
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total


@pytest.mark.parametrize("k", [3, 10])
def test_continuity_is_its_definition(k):
    x, xy = codes(40), codes(40, d=2, seed=9)
    assert continuity(x, xy, k) == pytest.approx(brute_continuity(x, xy, k), abs=1e-12)
    assert continuity(x[:, :2], x[:, :2]) == pytest.approx(1.0)
    # The two are not the same number, though they may come near each other once.
    pairs = [(codes(40, seed=s), codes(40, d=2, seed=9 + s)) for s in range(5)]
    assert max(abs(continuity(*pair) - trustworthiness(*pair)) for pair in pairs) > 1e-3


def test_many_points_are_compared_by_a_fixed_part_of_them():
    x = codes(2300, d=3)
    rows = np.sort(np.random.default_rng(0).permutation(2300)[:2000])
    expected = sklearn_trustworthiness(x[rows], x[rows, :2], n_neighbors=10)
    assert trustworthiness(x, x[:, :2]) == pytest.approx(expected, abs=1e-12)
    assert expected < 0.999


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", [m for m in PROJECTIONS if m != "umap"])
def test_every_method_maps_the_same_codes_to_the_same_points(method, dims):
    x = codes(50)
    row = PROJECTIONS[method]
    first, second = (row.fit(x, 3, dims, None, None).xy for _ in range(2))
    assert first.shape == (50, dims)
    assert first.tobytes() == second.tobytes()
    assert np.isfinite(first).all()
    if row.embed is not None and method != "tsne":
        np.testing.assert_allclose(row.embed(x, first, 3)(x[:7]), first[:7], atol=1e-6)


def clusters(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(8 * k, 1, size=(n, 4)) for k in range(3)])


def test_umap_is_repeatable_and_keeps_clusters_and_places_a_point_in_its_own():
    x = clusters(20)
    row = PROJECTIONS["umap"]
    xy = row.fit(x, 1, 2, None, None).xy
    assert xy.tobytes() == row.fit(x, 1, 2, None, None).xy.tobytes()
    centres = np.stack([xy[20 * k : 20 * k + 20].mean(0) for k in range(3)])
    new = row.embed(x, xy, 1)(np.array([[8.0] * 4]))
    assert ((centres - new) ** 2).sum(1).argmin() == 1
    assert trustworthiness(x, xy) > 0.85


def test_a_point_of_the_training_set_is_placed_near_itself_by_tsne():
    x = clusters()
    xy = tsne(x, 0).xy
    at = embed_points("tsne", x, xy, 0, x[[5, 50, 100]])
    off = np.sqrt(((at - xy[[5, 50, 100]]) ** 2).sum(1))
    spread = np.sqrt(((xy - xy.mean(0)) ** 2).sum(1).mean())
    assert (off < 0.03 * spread).all()
    with pytest.raises(SpecError, match="no rule for new points"):
        embed_points("mds", x, xy, 0, x[:1])


def test_pca_goes_there_and_back():
    x = codes(d=2)
    xy = pca(x).xy
    np.testing.assert_allclose(pca_inverse(x, xy), x, atol=1e-10)
    np.testing.assert_allclose(
        embed_points("pca", x, xy, 0, x[:3] + 1.0)[0] - xy[0],
        embed_points("pca", x, xy, 0, x[:3] + 1.0)[2] - xy[2],
        atol=1e-10,
    )


def test_tsne_is_no_worse_than_scikit_learns_by_the_same_exact_divergence():
    x = load_digits().data[:300]

    def divergence(xy):
        d = ((xy[:, None] - xy[None]) ** 2).sum(-1)
        q = 1 / (1 + d)
        np.fill_diagonal(q, 0)
        q /= q.sum()
        return float((p * np.log(np.maximum(p, 1e-300) / np.maximum(q, 1e-300))).sum())

    p = np.asarray(PerplexityBasedNN(x, perplexity=30, method="exact", n_jobs=1).P.todense())
    theirs = TSNE(init="pca", random_state=0, n_jobs=1).fit_transform(x).astype(float)
    assert divergence(tsne(x, 0).xy) == pytest.approx(divergence(theirs), rel=0.03)


def test_tsne_tells_how_it_settles_and_stops_when_told():
    x, seen = clusters(20), []
    full = tsne(x, 0, watch=lambda i, of, xy: seen.append((i, of, xy)) or True)
    assert [i for i, _, _ in seen] == list(range(25, 1001, 25))
    assert {of for _, of, _ in seen} == {1000}
    assert not full.stopped
    assert full.iterations == 1000
    assert 0 < full.loss < 1
    short = tsne(x, 0, watch=lambda i, of, xy: i < 100)
    assert short.stopped
    assert short.iterations == 100
    np.testing.assert_allclose(short.xy, seen[3][2], atol=1e-6)
    assert np.array_equal(tsne(x, 0).xy, full.xy)


def test_too_many_points_for_a_method_are_refused_with_its_limit():
    model, dataset = fresh(model="vae", data="digits")
    wish = {"method": "mds", "n": 2000, "seed": 0, "what": "prior"}
    with pytest.raises(SpecError, match="MDS takes 1,000 points at most"):
        project(model, dataset, wish, SILENT)
    with pytest.raises(SpecError, match="dims"):
        project(model, dataset, wish | {"method": "pca", "dims": 4}, SILENT)
