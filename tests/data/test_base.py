"""Batches by index: permutations, stateless, seeded."""

from __future__ import annotations

import pytest
import torch

from genlab.data.base import Batches, DataMeta


@pytest.mark.parametrize(("n", "batch"), [(10, 5), (1000, 128), (64, 64), (7, 1)])
def test_an_epoch_is_a_permutation_without_its_short_end(n: int, batch: int) -> None:
    batches = Batches(n, batch, seed=3)
    for epoch in range(3):
        first = epoch * batches.per_epoch
        seen = torch.cat([batches.index(first + k) for k in range(batches.per_epoch)])
        assert len(seen) == n // batch * batch
        assert len(set(seen.tolist())) == len(seen)
        assert 0 <= int(seen.min()) <= int(seen.max()) < n
        assert {batches.epoch(first), batches.epoch(first + batches.per_epoch - 1)} == {epoch}


def test_a_step_gives_the_same_batch_in_any_order_and_object() -> None:
    steps = [0, 40, 3, 41, 7, 3]
    once = Batches(100, 8, seed=1)
    forward = {step: once.index(step).clone() for step in steps}
    for step in reversed(steps):
        assert torch.equal(Batches(100, 8, seed=1).index(step), forward[step])
        assert torch.equal(once.index(step), forward[step])


def test_epochs_and_seeds_have_different_orders() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return Batches(500, 500, seed).index(epoch).tolist()

    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert sorted(order(0, 0)) == sorted(order(5, 9)) == list(range(500))


def test_batches_leave_the_global_stream_alone() -> None:
    before = torch.get_rng_state()
    Batches(100, 10, seed=0).index(25)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_batch_larger_than_the_set_is_the_whole_set() -> None:
    batches = Batches(6, 128, seed=0)
    assert batches.per_epoch == 1
    assert sorted(batches.index(4).tolist()) == list(range(6))


def test_every_example_is_equally_often_in_a_batch() -> None:
    batches = Batches(20, 8, seed=0)
    steps = 2000
    counts = torch.zeros(20)
    for step in range(steps):
        counts[batches.index(step)] += 1
    expected = steps * 8 / 20
    # Each epoch leaves out 4 of 20, so the counts are binomial over 1000 epochs with p = 0.8.
    assert float((counts - expected).abs().max()) < 5 * (1000 * 0.8 * 0.2) ** 0.5
    assert float(counts.sum()) == steps * 8


def test_meta_knows_images_from_points() -> None:
    image, point = DataMeta((3, 32, 32), "unit"), DataMeta((2,), "real")
    assert (image.is_image, image.dim) == (True, 3072)
    assert (point.is_image, point.dim) == (False, 2)
