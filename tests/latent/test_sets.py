"""Sets of points: means and attribute vectors by hand, spots between points, saved by name."""

from __future__ import annotations

import numpy as np
import pytest

from genlab.core.errors import GenlabError
from genlab.latent.codes import Codes
from genlab.latent.sets import LETTERS, decode_between, encode_set, neighbours, read, summary


def codes(z):
    z = np.asarray(z, dtype=np.float32)
    none = np.full(len(z), -1)
    return Codes(z, z, none, none, "posterior mean")


def test_mean_and_attribute_vector_are_those_of_the_set_and_the_rest():
    found = summary(codes([[0, 0], [2, 0], [4, 6], [np.nan, np.nan], [8, 2]]), [1, 0, 1, 3, 99])
    assert found.rows == (0, 1, 3)
    assert (found.known, found.rest) == (2, 2)
    assert found.mean.tolist() == [1.0, 0.0]
    assert found.vector.tolist() == [-5.0, -4.0]


def test_a_set_without_codes_is_refused_and_one_of_all_has_no_direction():
    with pytest.raises(GenlabError, match="no encoder"):
        summary(codes([[np.nan], [1.0]]), [0])
    assert summary(codes([[1.0], [3.0]]), [0, 1]).vector.tolist() == [0.0]


def test_a_spot_between_points_has_the_mean_by_inverse_distance():
    xy = np.array([[0.0, 0.0], [3.0, 0.0], [100.0, 0.0]])
    z = np.array([[0.0], [6.0], [np.nan]], dtype=np.float32)
    assert decode_between(xy, z, np.array([1.0, 0.0])).item() == pytest.approx(6 * (1 / 2) / (1.5))
    assert decode_between(xy, z, np.array([3.0, 0.0])).item() == pytest.approx(6.0, abs=1e-6)
    assert decode_between(xy, np.full((3, 1), np.nan, np.float32), np.zeros(2)) is None


def test_neighbours_are_those_of_a_full_sort():
    rng = np.random.default_rng(0)
    of, at = rng.normal(size=(50, 3)).astype(np.float32), np.zeros(3, np.float32)
    assert neighbours(at, of, 4) == np.argsort((of**2).sum(1))[:4].tolist()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 13, 180, 5900])
def test_a_set_is_read_as_it_was_written(n, share):
    rows = np.flatnonzero(np.random.default_rng(n).random(n) < share).tolist()
    text = encode_set(rows, n)
    assert len(text) <= LETTERS
    assert read(text, n) == rows


def test_a_set_too_large_for_an_address_is_not_written_and_a_wrong_one_not_read():
    rng = np.random.default_rng(0)
    assert encode_set(np.flatnonzero(rng.random(10_000) < 0.5), 10_000) is None
    assert encode_set(range(9_000), 10_000) == "0-8999"
    for text in ("-1", "3-1", "5-20", "b", "b_____", "bAAA!", "1.x", "1" * 2000, "b" + "_" * 3):
        assert read(text, 20) is None, text
