"""Maps of few, equal, flat or unsound points: a map, or a refusal in words; no negative KL."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from genlab.core.errors import SpecError
from genlab.latent.projection_methods import Projection, kl_divergence, umap_embed
from genlab.latent.projections import PROJECTIONS, continuity, trustworthiness

RNG = np.random.default_rng(0)
CASES = {
    "one point": RNG.normal(size=(1, 3)),
    "two points": RNG.normal(size=(2, 3)),
    "three points": RNG.normal(size=(3, 3)),
    "five points": RNG.normal(size=(5, 3)),
    "a line": RNG.normal(size=(30, 1)),
    "one point repeated": np.ones((20, 3)),
    "two points repeated": np.repeat(RNG.normal(size=(2, 3)), 20, axis=0),
    "five points repeated": np.repeat(RNG.normal(size=(5, 3)), 20, axis=0),
    "not a number": np.where(np.eye(20, 3) > 0, np.nan, 1.0),
    "infinite": np.where(np.eye(20, 3) > 0, np.inf, 1.0),
}


def attempt(method: str, codes: np.ndarray, dims: int) -> tuple[Projection | None, str]:
    """A map, or why there is none."""
    try:
        return PROJECTIONS[method].fit(codes, 0, dims, None, None), ""
    except SpecError as error:
        return None, str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("method", sorted(PROJECTIONS))
def test_a_map_or_a_refusal_in_words(method: str, case: str) -> None:
    codes = CASES[case]
    for dims in (2, 3):
        made, said = attempt(method, codes, dims)
        if made is None:
            words = ("needs at least", "are the same", "not finite", "no finite map")
            assert any(word in said for word in words), said
            assert len(codes) < 5 or case in ("one point repeated", "not a number", "infinite")
            continue
        assert made.xy.shape == (len(codes), dims)
        assert np.isfinite(made.xy).all()
        assert not made.loss < 0
        for score in (trustworthiness, continuity):
            assert np.isnan(value := score(codes, made.xy)) or 0 <= value <= 1 + 1e-12


def test_the_divergence_of_a_map_is_the_sum_over_all_pairs() -> None:
    rng = np.random.default_rng(3)
    xy = rng.normal(size=(40, 2))
    p = rng.random((40, 40))
    p = np.triu(p, 1) + np.triu(p, 1).T
    p /= p.sum()
    w = 1 / (1 + ((xy[:, None] - xy[None]) ** 2).sum(-1))
    np.fill_diagonal(w, 0.0)
    q = w / w.sum()
    off = ~np.eye(40, dtype=bool)
    wanted = float((p[off] * np.log(p[off] / q[off])).sum())
    assert kl_divergence(csr_matrix(p), xy) == pytest.approx(wanted, rel=1e-12)
    # Where q is p it is zero.
    assert kl_divergence(csr_matrix(q), xy) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_new_points_of_one_dimension_find_a_place_on_a_map() -> None:
    codes = CASES["a line"]
    xy = PROJECTIONS["umap"].fit(codes, 0, 2, None, None).xy
    assert umap_embed(codes, xy)(codes[:3]).shape == (3, 2)
