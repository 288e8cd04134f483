"""The split of a set: whole groups on one side, sizes as stated, every part filled."""

from __future__ import annotations

import numpy as np
import pytest

from genlab.data import splits
from genlab.data.readers import read
from genlab.data.splits import given_parts, groups, part, sizes
from tests.data.test_readers import as_csv, as_npz


@pytest.mark.parametrize("n", [10, 11, 39, 150, 1000])
@pytest.mark.parametrize("kinds", [0.3, 0.7, 1.0])
def test_groups_stay_together_and_parts_have_their_sizes(n: int, kinds: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, max(3, int(kinds * n)), n)
        if kinds == 1.0:
            x = np.arange(n)
        group = groups(x[:, None])
        made = part(rng.permutation(n), group)
        assert all(len(np.unique(made[group == g])) == 1 for g in np.unique(group))
        counts = np.bincount(made, minlength=3)
        assert counts.sum() == n
        assert counts.min() >= 1 or len(np.unique(group)) < 3
        largest = np.unique(group, return_counts=True)[1].max()
        wanted = np.array(list(sizes(n).values()))
        # Without groups to the example; else within the largest group.
        assert (np.abs(counts - wanted) <= (0 if largest == 1 else largest)).all()


def test_equal_is_equal_to_the_bit_and_nan_equals_nan() -> None:
    x = np.array([[1.0, np.nan], [1.0, np.nan], [1.0, 0.0], [1.0, -0.0]])
    assert groups(x).tolist() == [0, 0, 2, 3]
    wide = np.repeat(np.arange(4.0), 100).reshape(4, 100)
    assert groups(np.concatenate([wide, wide[:2]])).tolist() == [0, 1, 2, 3, 0, 1]


def test_a_part_that_a_file_lacks_is_taken_from_training() -> None:
    made = given_parts(np.array([0] * 30 + [2] * 10, dtype=np.int8))
    assert np.bincount(made).tolist() == [24, 6, 10]
    with pytest.raises(ValueError, match="no training part"):
        given_parts(np.ones(5, dtype=np.int8))


def test_a_column_that_is_constant_in_training_is_said_and_can_be_kept() -> None:
    rows = [[f"{k * 0.731 % 7:.3f}", "0.5"] for k in range(100)]
    plain = read(as_csv([["a", "b"], *[[r[0], f"{k:.1f}"] for k, r in enumerate(rows)]]))
    assert plain.part is not None
    held = int(np.flatnonzero(plain.part == 2)[0])
    rows[held][1] = "1000.25"
    # A third value, so that it is no column of two values.
    rows[int(np.flatnonzero(plain.part == 1)[0])][1] = "3.75"
    content = as_csv([["a", "b"], *rows])
    found = read(content)
    said = " ".join(found.notes)
    assert found.columns == ("a",)
    assert "'b' is always 0.5 in the training part and differs in 2 held-out rows" in said
    kept = read(content, {"column": "b:role=feature"})
    assert kept.columns == ("a", "b")
    assert "its scale is unknown" in " ".join(kept.notes)


def test_repeated_rows_of_few_kinds_are_split_like_any_others() -> None:
    rng = np.random.default_rng(0)
    found = read(as_csv([["a", "b"], *rng.integers(0, 3, (300, 2)).tolist()]))
    assert "are expected and are split like any others" in " ".join(found.notes)
    assert np.bincount(found.part).tolist() == list(sizes(300).values())
    pictures = rng.integers(0, 256, (20, 8, 8), dtype=np.uint8)
    found = read(as_npz(x=np.concatenate([pictures, pictures[:6]])))
    assert "6 pictures repeat an earlier one: they are kept together" in " ".join(found.notes)
    assert (found.part[:6] == found.part[20:]).all()


def test_equal_rows_are_found_by_their_hashes_as_one_by_one() -> None:
    draw = np.random.default_rng(4)
    for n, kinds in ((1, 1), (50, 3), (3000, 12), (2000, 10**6)):
        x = draw.integers(0, kinds, (n, 3)).astype(np.float64)
        x[draw.random((n, 3)) < 0.05] = np.nan
        np.testing.assert_array_equal(splits.groups(x), splits._one_by_one(x))
    # A hash that sees nothing is caught, since equal hashes are compared.
    x = draw.integers(0, 3, (200, 2)).astype(np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "_mixed", lambda words: np.zeros(len(words), dtype=np.uint64))
        np.testing.assert_array_equal(splits.groups(x), splits._one_by_one(x))
