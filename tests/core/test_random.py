"""Seeded scopes: the same everywhere, and without effect on the run's own stream."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from genlab.core import random

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.own_seed
def test_a_derived_seed_is_a_constant_of_its_names() -> None:
    # Written down once: a change would make every stored run impossible to repeat.
    assert random.derive(0, "run") == 5_671_538_188_559_471_622
    assert random.derive(7, "epoch", 3) == random.derive(7, "epoch", 3)
    seeds = {random.derive(s, n) for s in range(100) for n in ("run", "probe", "epoch")}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_names_are_told_apart_by_their_borders() -> None:
    assert random.derive(0, "ab", "c") != random.derive(0, "a", "bc")
    assert random.derive(0, "a") != random.derive(0, "a", "")


@pytest.mark.own_seed
def test_a_derived_seed_is_the_same_in_another_process() -> None:
    code = "from genlab.core import random; print(random.derive(3, 'probe', 'modes'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONHASHSEED": "1", "PATH": ""},
    )
    assert int(done.stdout) == random.derive(3, "probe", "modes"), done.stderr


def test_scope_repeats_and_leaves_the_stream() -> None:
    torch.manual_seed(0)
    expected = torch.rand(5)
    torch.manual_seed(0)
    with random.scope(1, "look"):
        first = torch.randn(3)
        with random.scope(2, "inner"):
            torch.randn(100)
        second = torch.randn(3)
    assert torch.equal(torch.rand(5), expected)
    with random.scope(1, "look"):
        assert torch.equal(torch.randn(3), first)
        assert torch.equal(torch.randn(3), second)


def test_scope_restores_after_an_error() -> None:
    torch.manual_seed(0)
    before = random.capture()

    def fail() -> None:
        with random.scope(0):
            torch.rand(1)
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert torch.equal(random.capture(), before)


def test_scopes_of_many_threads_do_not_mix() -> None:
    with random.scope(0, "threads"):
        truth = torch.randn(50)
    found: list[torch.Tensor] = []

    def draw() -> None:
        for _ in range(20):
            with random.scope(0, "threads"):
                found.append(torch.cat([torch.randn(10) for _ in range(5)]))

    with random.scope(0, "threads"):
        pieces = torch.cat([torch.randn(10) for _ in range(5)])
    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 80
    assert all(torch.equal(x, pieces) for x in found)
    assert truth.shape == pieces.shape


def test_capture_and_restore_continue_the_stream() -> None:
    random.seed_run(5)
    torch.rand(17)
    state = random.capture()
    expected = torch.randn(9)
    torch.rand(100)
    random.restore(state)
    assert torch.equal(torch.randn(9), expected)
    random.restore(state)
    assert torch.equal(random.capture(), state)


def test_seed_run_fixes_the_stream_and_seeds_differ() -> None:
    def first(seed: int) -> list[float]:
        random.seed_run(seed)
        return torch.rand(4).tolist()

    assert first(3) == first(3)
    assert first(3) != first(4)


def test_a_generator_is_a_stream_of_its_own() -> None:
    before = random.capture()
    a = torch.rand(3, generator=random.generator(0, "x"))
    b = torch.rand(3, generator=random.generator(0, "x"))
    c = torch.rand(3, generator=random.generator(0, "y"))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(random.capture(), before)
