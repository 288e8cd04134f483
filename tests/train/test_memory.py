"""The allocator's setting: taken where there is glibc, and without effect on numbers."""

from __future__ import annotations

import resource
import sys

import pytest
import torch

from genlab.train.memory import keep_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_not_faulted_in_again() -> None:
    assert keep_memory() is True
    for _ in range(3):
        torch.ones(2_000_000).sum()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        total = torch.ones(2_000_000).sum()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert float(total) == 2_000_000
    # 8 MB are 1,953 pages: returning them in each of 20 rounds costs 39,000 faults. A quarter of
    # that allows five new blocks, which other threads of the process may cause.
    assert faults < 10_000
