"""A last row that sums up the others is left out; one that is near their sum by chance is not."""

from __future__ import annotations

import numpy as np
import pytest

from genlab.data.readers import read


def _file(values: np.ndarray) -> bytes:
    rows = "\n".join(",".join(f"{v:.5f}" for v in row) for row in values)
    return f"a,b\n{rows}\n".encode()


@pytest.mark.parametrize("seed", range(20))
def test_a_row_of_sums_is_left_out_and_numbers_of_both_signs_are_kept(seed: int) -> None:
    draw = np.random.default_rng(seed)
    amounts = draw.gamma(2.0, 30.0, (40, 2)).round(5)
    found = read(_file(np.vstack([amounts, amounts.sum(0)])), {"label": "none"})
    np.testing.assert_array_equal(found.x, amounts)
    assert "sums up others left out" in " ".join(found.notes)
    # The last row is the sum of the others to the last digit, and a number like them.
    signed = draw.normal(0.0, 50.0, (40, 2))
    signed = (signed - signed.mean(0)).round(5)
    signed[-1] = signed[:-1].sum(0) * (-1)
    signed[-2] += 2 * signed[-1]
    signed = signed.round(5)
    assert np.allclose(signed[-1], signed[:-1].sum(0), atol=1e-3)
    found = read(_file(signed), {"label": "none"})
    np.testing.assert_array_equal(found.x, signed)
