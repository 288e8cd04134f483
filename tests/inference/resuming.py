"""What every inference owes: stopped and put back, it comes to the same bits."""

from __future__ import annotations

from typing import Any

import torch

from genlab.core import random
from genlab.core.tables import ALGORITHMS
from genlab.train.loop import train
from genlab.train.snapshots import Snapshot, restore_state, take


def assert_goes_on(algorithm: Any, data: Any, middle: Snapshot, truth: Snapshot) -> None:
    """From the snapshot in the middle a new algorithm reaches the snapshot at the end."""
    random.seed_run(99)
    again = ALGORITHMS[algorithm.spec.algorithm](algorithm.spec)
    state, step = train(again, data, restore_state(again, middle, data), start=middle.step)
    found = take(again, state, step)
    assert found.values == truth.values
    assert set(found.tensors) == set(truth.tensors)
    for name, tensor in truth.tensors.items():
        if name != "rng":
            assert torch.equal(found.tensors[name], tensor), name
