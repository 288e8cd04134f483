"""The loop steps and asks; the observers look within their budget."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch

from genlab.core import random
from genlab.core.measure import Picture, Reading
from genlab.core.run_spec import RunSpec
from genlab.data.base import Batches, DataMeta, Dataset, Split
from genlab.runs.store import Command
from genlab.train.algorithm import Info, Packed
from genlab.train.controls import Controls
from genlab.train.ledger import COMMON, FREE, Ledger
from genlab.train.loop import train
from genlab.train.observers import Diverged, Observer, Recorder, Watcher
from genlab.train.snapshots import Snapshot, restore_state, take


class Count:
    """An algorithm that counts: its state is a list, its info what it saw."""

    labelled = False

    def __init__(self, steps: int = 10, bad_at: int = -1) -> None:
        self.spec = RunSpec.build(model="vae", data="digits", steps=steps, batch=4, seed=3)
        self.bad_at = bad_at
        self.linear = torch.nn.Linear(1, 1)

    def step(self, state: list[float], batch: torch.Tensor) -> tuple[list[float], Info]:
        state = [*state, float(batch.sum())]
        value = torch.full((4,), float("nan") if len(state) == self.bad_at else float(len(state)))
        return state, Info({"loss": value, "other": torch.zeros(4)})

    def model(self, state: list[float]) -> torch.nn.Module:
        return self.linear

    def pack(self, state: list[float]) -> Packed:
        return Packed({"model/w": torch.tensor(state)}, {"n": len(state)})

    def unpack(self, packed: Packed, data: Dataset) -> list[float]:
        return packed.tensors["model/w"].tolist()


class Keep:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.numbers: list[tuple[int, dict[str, float | None]]] = []
        self.looks: list[int] = []
        self.saved: list[Snapshot] = []
        self.events: list[str] = []
        self.order: list[str] = []

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        self.numbers.append((step, dict(values)))

    def pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        self.looks.append(step)

    def event(self, step: int, level: str, message: str) -> None:
        self.events.append(message)

    def flush(self) -> None:
        self.order.append("flush")

    def background_seconds(self) -> float:
        return 0.0

    def settle(self) -> None:
        self.order.append("settle")

    def save(self, snapshot: Snapshot) -> None:
        self.saved.append(snapshot)
        self.order.append(f"save {snapshot.step}")


class Look:
    """A probe that draws from the stream and takes time."""

    name = "look"
    share = 0.0

    def __init__(self, spec: RunSpec, clock: list[float], cost: float = 0.0) -> None:
        self.spec, self.clock, self.cost = spec, clock, cost

    def read(self, model: Any, step: int) -> Reading:
        torch.randn(3)
        self.clock[0] += self.cost
        return Reading({"seen": float(step)}, {"panel": Picture("points", "t", {})})


@pytest.fixture
def data() -> Dataset:
    x = torch.arange(10.0).view(10, 1)
    part = Split(x)
    return Dataset(DataMeta((1,), "real"), part, part, part)


def test_every_step_gets_its_batch(data: Dataset) -> None:
    algorithm = Count(steps=7)
    state, step = train(algorithm, data, [])
    batches = Batches(10, 4, seed=3)
    assert step == 7
    assert state == [float(data.train.x[batches.index(t)].sum()) for t in range(7)]


def test_a_run_in_two_parts_is_the_run_in_one(data: Dataset) -> None:
    whole, _ = train(Count(steps=9), data, [])
    first, step = train(Count(steps=4), data, [])
    both, end = train(Count(steps=9), data, first, start=step)
    assert (both, end) == (whole, 9)


def test_batches_are_drawn_anew_where_the_data_say_so(data: Dataset) -> None:
    noisy = Dataset(data.meta, data.train, data.train, data.train, draw=lambda x: x * 0 + 2.0)
    state, _ = train(Count(steps=3), noisy, [])
    assert state == [8.0, 8.0, 8.0]


def test_observers_are_called_at_their_cadence_and_at_the_end(data: Dataset) -> None:
    class Note(Observer):
        every = 4

        def __init__(self) -> None:
            self.seen: list[Any] = []

        def begin(self, step: int, state: Any) -> bool:
            self.seen.append(("begin", step))
            return False

        def __call__(self, step: int, state: Any, info: Info) -> bool:
            self.seen.append(step)
            return False

        def end(self, step: int, state: Any) -> None:
            self.seen.append(("end", step))

    note = Note()
    train(Count(steps=10), data, [], observers=[note])
    assert note.seen == [("begin", 0), 4, 8, 10, ("end", 10)]


def test_an_observer_stops_the_run_and_the_state_is_valid(data: Dataset) -> None:
    class Stop(Observer):
        every = 3

        def __call__(self, step: int, state: Any, info: Info) -> bool:
            return step >= 5

    state, step = train(Count(steps=10), data, [], observers=[Stop()])
    assert (len(state), step) == (6, 6)


def test_the_means_are_recorded_at_a_cadence(data: Dataset) -> None:
    sink = Keep()
    recorder = Recorder(sink, 1500)
    assert recorder.every == 3
    train(Count(steps=7), data, [], observers=[recorder])
    assert sink.numbers == [(s, {"loss": float(s), "other": 0.0}) for s in (3, 6, 7)]


def test_a_loss_that_is_no_number_is_news(data: Dataset) -> None:
    sink = Keep()
    with pytest.raises(Diverged) as caught:
        train(Count(bad_at=6), data, [], observers=[Recorder(sink, 10)])
    assert (caught.value.step, caught.value.term) == (6, "loss")
    assert sink.numbers[-1] == (6, {"loss": None, "other": 0.0})


def test_no_snapshot_holds_a_number_that_is_not_finite(data: Dataset) -> None:
    sink = Keep()
    watcher = Watcher(Count(), [], sink)
    with pytest.raises(Diverged, match="model/w"):
        train(Count(), data, [math.inf], observers=[watcher])
    assert sink.saved == []


def looks(data: Dataset, cost: float, share: float, steps: int = 400) -> tuple[Keep, list[float]]:
    """A run whose steps take 0.01 s and whose looks take ``cost``, on a made-up clock."""
    clock, sink = [0.0], Keep()
    algorithm = Count(steps=steps)

    class Tick(Observer):
        def __call__(self, step: int, state: Any, info: Info) -> bool:
            clock[0] += 0.01
            return False

    ledger = Ledger(share=share, credit=0.1, clock=lambda: clock[0])
    watcher = Watcher(algorithm, [Look(algorithm.spec, clock, cost)], sink, ledger=ledger)
    train(algorithm, data, [], observers=[Tick(), watcher])
    return sink, clock


@pytest.mark.parametrize("cost", [0.001, 0.02, 0.3])
def test_looking_stays_within_its_share(data: Dataset, cost: float) -> None:
    sink, clock = looks(data, cost, share=0.04)
    assert sink.looks[0] == 0
    assert sink.looks[-1] == 400
    assert [s.step for s in sink.saved] == sink.looks
    # The first and the last look are free; 4 s of training allow 0.16 s beside the allowance
    # of 0.1 s; the first paid look is the one whose cost is not known yet.
    paid = (len(sink.looks) - 2) * cost
    assert paid <= max(cost, 0.04 * 4.0 + 0.1) + 1e-9
    assert clock[0] == pytest.approx(4.0 + len(sink.looks) * cost)


@pytest.mark.parametrize("cost", [0.02, 0.5])
def test_a_dear_look_has_a_share_of_its_own(data: Dataset, cost: float) -> None:
    class Dear(Look):
        name, share = "dear", 0.05

        def read(self, model: Any, step: int) -> Reading:
            self.clock[0] += self.cost
            return Reading({"deep": float(step)}, {"map": Picture("points", "t", {})})

    clock, sink, algorithm = [0.0], Keep(), Count(steps=1000)

    class Tick(Observer):
        def __call__(self, step: int, state: Any, info: Info) -> bool:
            clock[0] += 0.01
            return False

    ledger = Ledger(share=0.04, credit=0.1, clock=lambda: clock[0])
    probes = [Look(algorithm.spec, clock, 0.001), Dear(algorithm.spec, clock, cost)]
    watcher = Watcher(algorithm, probes, sink, ledger=ledger)
    train(algorithm, data, [], observers=[Tick(), watcher])
    alone, _ = looks(data, 0.001, share=0.04, steps=1000)
    assert len([s for s, v in sink.numbers if "seen" in v]) >= len(alone.looks) - 1
    deep = [s for s, v in sink.numbers if "deep" in v]
    assert {0, 1000} <= set(deep)
    # The share earns the first look, the next and the last, each expected at half of the first.
    if len(deep) > 2:
        assert 0.05 * 0.01 * deep[1] + 0.1 / 3 >= 2 * cost - 1e-9
    # Of 10 s of training 0.5 s are its own, besides the allowance; two looks there always are.
    paid = len(deep) * cost
    assert paid <= max(2 * cost, 0.05 * 10.0 + 0.1 / 3) + 1e-9
    assert paid >= min(0.4, cost)
    assert all(set(v) in ({"seen"}, {"deep"}) for _, v in sink.numbers)
    assert ledger.trained == pytest.approx(10.0, abs=2e-3)


def test_what_other_programs_take_does_not_make_a_look_dear() -> None:
    ledger = Ledger()
    begun, start = ledger.wall(), ledger.clock()
    time.sleep(0.1)
    ledger.charge(COMMON, ledger.clock() - start)
    assert ledger.wall() - begun >= 0.1
    assert 0.0 <= ledger.spent() < 0.05


def test_every_second_is_on_one_account_or_is_training() -> None:
    clock = [0.0]
    ledger = Ledger(share=0.5, credit=1.0, clock=lambda: clock[0])
    clock[0] = 10.0
    ledger.charge(COMMON, 2.0)
    ledger.charge("dear", 3.0)
    with ledger.waiting(), ledger.waiting():
        clock[0] += 4.0
    assert (ledger.spent(), ledger.spent("dear"), ledger.spent(FREE)) == (2.0, 3.0, 4.0)
    assert ledger.trained == 5.0
    # 3 spent, 3 more expected; 5 of training give 0.2 · 5, or 1 · 5.
    assert not ledger.affords("dear", 0.2, 0.0)
    assert ledger.affords("dear", 1.0, 1.0)
    assert ledger.affords(COMMON, 0.5, 1.0, cost=1.5)
    assert not ledger.affords(COMMON, 0.5, 1.0, cost=1.6)
    ledger.restart()
    assert (ledger.spent(), ledger.trained) == (0.0, 0.0)


def test_cheap_looks_come_early_and_then_at_a_gap(data: Dataset) -> None:
    sink, _ = looks(data, 1e-6, share=0.04)
    assert sink.looks[:9] == [0, 1, 2, 3, 4, 6, 8, 12, 16]
    assert all(b - a <= 41 for a, b in zip(sink.looks, sink.looks[1:], strict=False))


def test_records_are_visible_before_the_snapshot_that_follows_them(data: Dataset) -> None:
    sink = Keep()
    algorithm = Count(steps=2)
    watcher = Watcher(algorithm, [Look(algorithm.spec, [0.0])], sink)
    train(algorithm, data, [], observers=[watcher])
    assert [what for what in sink.order if what != "settle"] == [
        "flush",
        "save 0",
        "flush",
        "save 1",
        "flush",
        "save 2",
    ]
    assert sink.order[-1] == "settle"
    assert [step for step, _ in sink.numbers] == [0, 1, 2]


def test_looking_leaves_the_random_stream_alone(data: Dataset) -> None:
    algorithm = Count(steps=3)
    watcher = Watcher(algorithm, [Look(algorithm.spec, [0.0])], Keep())
    torch.manual_seed(5)
    before = random.capture()
    train(algorithm, data, [], observers=[watcher])
    assert torch.equal(random.capture(), before)


def test_a_probe_that_fails_is_left_out_and_said(data: Dataset) -> None:
    class Broken(Look):
        name = "broken"

        def read(self, model: Any, step: int) -> Reading:
            raise ValueError("no such thing")

    sink, algorithm = Keep(), Count(steps=4)
    probes = [Broken(algorithm.spec, [0.0]), Look(algorithm.spec, [0.0])]
    _, step = train(algorithm, data, [], observers=[Watcher(algorithm, probes, sink)])
    assert step == 4
    assert len(sink.events) == 1
    assert "broken" in sink.events[0]
    assert "no such thing" in sink.events[0]
    assert sink.numbers[-1] == (4, {"seen": 4.0})


def test_a_snapshot_puts_state_and_stream_back(data: Dataset) -> None:
    algorithm = Count()
    torch.manual_seed(1)
    snapshot = take(algorithm, [1.0, 2.5], 2, attempt=3)
    expected = torch.randn(4)
    torch.manual_seed(99)
    state = restore_state(algorithm, snapshot, data)
    assert state == [1.0, 2.5]
    assert torch.equal(torch.randn(4), expected)
    assert (snapshot.step, snapshot.attempt) == (2, 3)
    assert snapshot.spec["steps"] == 10


def obeyed(data: Dataset, script: list[list[Command]]) -> tuple[int, list[str], Keep]:
    """A run of ten steps whose wishes come in this order, one list each time it asks."""
    lines: Iterator[list[Command]] = iter(script)
    said: list[str] = []
    sink, algorithm = Keep(), Count()
    watcher = Watcher(algorithm, [], sink, ledger=Ledger(share=0.0, credit=-1.0))
    controls = Controls(lambda _: next(lines, []), said.append, watcher)
    _, step = train(algorithm, data, [], observers=[watcher, controls])
    return step, said, sink


def test_stop_stops_with_a_snapshot(data: Dataset) -> None:
    step, said, sink = obeyed(data, [[], [], [], [Command("stop")]])
    assert step == 3
    assert said == []
    assert [s.step for s in sink.saved] == [0, 3]


def test_pause_waits_and_resume_goes_on(data: Dataset) -> None:
    script = [[], [], [Command("pause")], [], [], [Command("resume")]]
    step, said, sink = obeyed(data, script)
    assert step == 10
    assert said == ["paused", "running"]
    assert [s.step for s in sink.saved] == [0, 2, 10]


def test_single_steps_while_paused(data: Dataset) -> None:
    step, said, sink = obeyed(
        data,
        [[Command("pause")], [Command("step", {"n": 2})], [], [], [], [Command("stop")]],
    )
    assert step == 2
    assert said == ["paused"]
    assert [s.step for s in sink.saved] == [0, 2]


def test_stop_ends_a_pause(data: Dataset) -> None:
    step, said, _ = obeyed(data, [[], [Command("pause")], [], [Command("stop")]])
    assert (step, said) == (1, ["paused"])


class Moving:
    """A cheap view whose points stand still, but for the steps 1,000 to 1,100."""

    name, share, spec = "moving", 0.0, Count().spec

    def read(self, model: Any, step: int) -> Reading:
        shift = min(1.0, max(0.0, (step - 1000) / 100))
        x = [[shift, 0.0], [shift, 2.0], [shift, 1.0]]
        return Reading(pictures={"samples": Picture("points", "Samples", {"x": x})})


def test_a_look_is_due_where_the_pictures_move_fast() -> None:
    """Ten looks a second are cheap; without the motion there are two and a half."""
    clock = [0.0]
    ledger = Ledger(share=1.0, credit=1.0, clock=lambda: clock[0])
    watcher = Watcher(Count(), [Moving()], sink := Keep(), ledger=ledger)
    for step in range(1, 2001):
        clock[0] += 0.01
        watcher(step, [1.0], Info({}))
    dense = [step for step in sink.looks if 1000 < step <= 1140]
    usual = [step for step in sink.looks if 1300 < step <= 1440]
    assert len(dense) >= 2 * len(usual) > 0


def test_a_run_at_rest_is_looked_at_more_often() -> None:
    clock = [0.0]
    ledger = Ledger(share=0.01, credit=0.0, clock=lambda: clock[0])
    assert not ledger.affords(COMMON, 0.01, 0.0, cost=0.1)
    ledger.rest(1.0)
    assert ledger.affords(COMMON, 0.01, 0.0, cost=0.1)
    assert not ledger.affords(COMMON, 0.01, 0.0, cost=0.5)
    ledger.restart()
    assert not ledger.affords(COMMON, 0.01, 0.0, cost=0.1)
