"""Which snapshots are kept, and what makes one unfit."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from genlab.train.snapshots import early, not_finite, thin


@pytest.mark.parametrize("limit", [3, 5, 24])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 23, 24, 25, 300])
def test_thinning_keeps_the_ends_and_the_number(n: int, limit: int) -> None:
    steps = list(range(0, 7 * n, 7))
    kept = thin(steps, limit)
    assert len(kept) == min(n, limit)
    assert set(kept) <= set(steps)
    assert list(kept) == sorted(kept)
    assert kept[:1] == tuple(steps[:1])
    assert kept[-2:] == tuple(steps[-2:])


def test_few_steps_are_all_kept_and_order_does_not_matter() -> None:
    assert thin([5, 1, 9, 1], 4) == (1, 5, 9)
    assert thin(range(200), 8) == thin(reversed(range(200)), 8)


def test_too_small_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="three"):
        thin([1, 2, 3], 2)


def test_thinning_as_the_run_goes_stays_log_spaced() -> None:
    kept: tuple[int, ...] = ()
    for step in range(0, 3001):
        kept = thin([*kept, step], 24)
        assert len(kept) <= 24
        assert kept[0] == 0
        assert kept[-1] == step
    # 22 gaps between 1 and 3000 would each be a factor of 1.44 if they were perfectly even.
    gaps = [math.log1p(b) - math.log1p(a) for a, b in itertools.pairwise(kept)]
    assert max(gaps) < 2.5 * math.log(3001) / 22
    early_half = [s for s in kept if s <= math.sqrt(3000)]
    assert 6 <= len(early_half) <= 16


def test_early_looks_are_two_in_each_doubling() -> None:
    assert [s for s in range(70) if early(s)] == [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]


def test_what_changed_keeps_steps_where_most_happened() -> None:
    """Nothing moves but between steps 400 and 500: there the steps stay dense."""
    steps = range(0, 3001, 10)
    moved = {step: min(1.0, max(0.0, (step - 400) / 100)) for step in steps}
    by_steps, by_both = (set(thin(steps, 24, m)) for m in (None, moved))
    drama = set(range(400, 501))
    assert len(by_both & drama) >= 7 > len(by_steps & drama)
    assert len(by_both) == 24
    assert thin(steps, 24, dict.fromkeys(steps, 0.0)) == thin(steps, 24)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_one_bad_entry_is_found_and_named(bad: float) -> None:
    good = {"a": torch.ones(5), "step": torch.tensor(3), "rng": torch.zeros(4, dtype=torch.uint8)}
    assert not_finite(good) is None
    spoilt = torch.ones(1000)
    spoilt[617] = bad
    assert not_finite({**good, "optimiser/x": spoilt}) == "optimiser/x"


def test_large_but_finite_numbers_are_good() -> None:
    assert not_finite({"a": torch.full((1000,), 3e38)}) is None
