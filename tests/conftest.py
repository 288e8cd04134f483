"""Every seed of the tests can be shifted: ``GENLAB_TEST_SEED=7 pytest tests/inference``.

A test that trains or samples has to hold whatever its seed. Under a shift, other than 0, each
seed that a test of this folder hands to torch, to numpy or to ``genlab.core.random`` is another.
The same seed still gives the same numbers, and two seeds still differ. Not shifted are the data
sets, which are the same for everybody, other processes, scipy and scikit-learn, and tests marked
``own_seed``: they compare with another process, or with numbers that belong to one seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from genlab.core import random
from genlab.data import images, pixel_masks, tables, toys
from genlab.data.readers import base as readers
from genlab.train.ledger import Ledger

#: What draws a data set, with the seed that it is shipped with.
DATA = (images, pixel_masks, readers, tables, toys)
SHIFT = int(os.environ.get("GENLAB_TEST_SEED", "0"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests come first: no process is left alone with them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


class ShiftedGenerator(torch.Generator):
    """A generator whose seeds are shifted."""

    def manual_seed(self, seed: int) -> torch.Generator:
        return super().manual_seed(seed + SHIFT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Around a test and the fixtures that are made for it."""
    if SHIFT == 0 or item.get_closest_marker("own_seed"):
        return (yield)
    hashed, seeded, drawing = random._hashed, torch.manual_seed, np.random.default_rng
    plain = torch.Generator

    def of_data(seed: int, *names: object) -> torch.Generator:
        return plain().manual_seed(hashed(repr((int(seed), *map(str, names)))))

    def another_rng(seed: object = None) -> np.random.Generator:
        return drawing(seed + SHIFT if isinstance(seed, int) else seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random, "_hashed", lambda text: hashed(f"{text} + {SHIFT}"))
        patch.setattr(torch, "manual_seed", lambda seed: seeded(seed + SHIFT))
        patch.setattr(torch, "Generator", ShiftedGenerator)
        patch.setattr(np.random, "default_rng", another_rng)
        for module in DATA:
            patch.setattr(module, "generator", of_data)
        return (yield)


@pytest.fixture
def every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at a run is taken; how many a machine affords depends on its speed."""
    monkeypatch.setattr(Ledger, "affords", lambda *_args, **_options: True)
