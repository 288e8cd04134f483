"""Neighbours against brute force and scikit-learn; the test of memory against planted copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from genlab import data
from genlab.core.errors import DataError, SpecError
from genlab.core.random import generator
from genlab.core.run_spec import RunSpec
from genlab.latent import neighbours
from genlab.latent.neighbours import memorisation_test, nearest, share_nearer_than_training, space
from genlab.testing.model_contract import METAS, ModelCase


def gauss(n: int, d: int, *name: object) -> torch.Tensor:
    return torch.randn(n, d, generator=generator(0, *name))


@pytest.mark.parametrize(("n", "among", "k"), [(3, 20, 5), (700, 4500, 3), (1, 1, 1)])
def test_the_nearest_are_those_of_scikit_learn(n: int, among: int, k: int) -> None:
    x, y = gauss(n, 6, "x"), gauss(among, 6, "y")
    distance, row = nearest(x, y, k)
    exact = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(y.double().numpy())
    d, r = exact.kneighbors(x.double().numpy())
    np.testing.assert_allclose(distance, d, atol=1e-5)
    np.testing.assert_array_equal(row, r)


def test_ties_come_in_the_order_of_the_rows_and_a_copy_is_at_zero() -> None:
    y = 100.0 + gauss(5000, 8, "y")
    y[4321] = y[17]
    distance, row = nearest(y[17:18], y, 2)
    assert row.tolist() == [[17, 4321]]
    assert distance.tolist() == [[0.0, 0.0]]
    with pytest.raises(ValueError, match="6 neighbours among 5"):
        nearest(y[:1], y[:5], 6)


def test_where_nothing_is_memorised_the_test_keeps_its_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "PERMUTATIONS", 300)
    found = [
        memorisation_test(gauss(200, 2, "s2", k), gauss(80, 2, "t2", k), gauss(80, 2, "h2", k), k)
        for k in range(150)
    ]
    p = np.array([one.p for one in found])
    assert np.mean([one.share for one in found]) == pytest.approx(0.5, abs=0.02)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert stats.binomtest(int((p <= 0.1).sum()), len(p), 0.1).pvalue > 0.01
    inside = sum(one.low <= one.share <= one.high for one in found)
    assert stats.binomtest(inside, len(p), 0.95).pvalue > 0.01


def test_a_model_that_repeats_its_examples_is_found_out() -> None:
    train, held = gauss(480, 4, "train"), gauss(400, 4, "held")
    copies = train[:400] + 0.01 * gauss(400, 4, "noise")
    found = memorisation_test(copies, train, held, 3)
    # Of 480 training examples 400 are compared, so about a sixth of the copies lost their example.
    assert 0.85 < found.share < 1.0
    assert found.p == pytest.approx(1 / 2001)
    assert found.high < found.share
    assert found.copies > 240
    # A share of ½ + ⅓ · 5/12, 7 standard deviations of the null above ½.
    third = memorisation_test(torch.cat([copies[:200], gauss(400, 4, "fresh")]), train, held, 3)
    assert 0.5 < third.share < found.share
    assert third.p < 0.05
    assert third.copies < found.copies


def test_many_samples_at_one_example_are_no_proof() -> None:
    # A collapsed model: all samples at one point, near one training example by chance.
    train, held = gauss(100, 3, "train"), gauss(100, 3, "held")
    point = train[0] + 1e-3
    found = memorisation_test(point.expand(500, 3), train, held)
    assert found.share in (0.0, 1.0)
    assert found.p == pytest.approx(0.5, abs=0.05) if found.share == 1.0 else found.p == 1.0


def test_an_example_that_is_in_both_sets_counts_half() -> None:
    x = gauss(50, 3, "x")
    found = memorisation_test(x, x, x.clone())
    assert found.share == 0.5
    assert found.copies == 0
    with pytest.raises(DataError, match="at least ten"):
        memorisation_test(x, x[:9], x)


def test_the_standing_of_a_distance_is_its_rank() -> None:
    held = gauss(1000, 1, "held")[:, 0]
    exact = stats.percentileofscore(held.numpy(), 0.3, kind="strict") / 100
    assert share_nearer_than_training(0.3, held) == pytest.approx(exact)


def test_the_spaces_of_a_model_hold_what_they_say() -> None:
    digits = data.load(RunSpec.build(model="vae", data="digits"))
    vae = ModelCase("vae", METAS["grey8"], "vae").build().eval()
    gan = ModelCase("gan", METAS["grey8"], "gan").build().eval()
    x = digits.test.x[:4]
    with torch.no_grad():
        at = space(vae, digits, "latent", limit=50)
        torch.testing.assert_close(at.of(x), vae.encode(x).mean)
        assert at.train.shape == (50, vae.latent)
        critic = space(gan, digits, "feature", limit=50)
        torch.testing.assert_close(critic.of(x), gan.features(x))
        assert torch.equal(
            space(gan, digits, "pixel", limit=5).train, digits.train.x[:5].flatten(1)
        )
    axes = space(vae, digits, "feature", limit=500)
    flat = digits.train.x[:500].flatten(1).double().numpy()
    _, s, _ = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    np.testing.assert_allclose(axes.train.norm(dim=0)[:20], s[:20], rtol=2e-3)
    torch.testing.assert_close(axes.of(digits.train.x[:3]), axes.train[:3])
    with pytest.raises(SpecError, match="latent"):
        space(gan, digits, "latent")
