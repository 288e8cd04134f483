"""Turns of one player, schedules, labels, slow motion, and options changed on the way."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab.core import random
from genlab.core.errors import SpecError
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.objectives.base import Objective
from genlab.runs.store import Command
from genlab.train.controls import Controls
from genlab.train.gradient import GradientAlgorithm, GradientState
from genlab.train.loop import train
from genlab.train.observers import Watcher


def game(steps: int = 6, **values: Any) -> tuple[GradientAlgorithm, Any, GradientState]:
    spec = RunSpec.build(model="gan", data="ring", steps=steps, batch=32, **values)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    data = datasets.load(spec)
    random.seed_run(0)
    return algorithm, data, algorithm.init(0, data)


def weights(state: GradientState) -> dict[str, Tensor]:
    return copy.deepcopy(dict(state.model.state_dict()))


def test_a_turn_moves_its_player_alone() -> None:
    algorithm, data, state = game()
    before = weights(state)
    state, info = algorithm.turn("discriminator", state, data.train.x[:32])
    moved = {k for k, v in state.model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved
    assert moved == {k for k in before if not k.startswith("generator.")}
    assert "loss_discriminator" in info.terms


def test_both_turns_are_a_step_with_a_draw_each() -> None:
    algorithm, data, state = game()
    x = data.train.x[:32]
    before = weights(state)
    state, _ = algorithm.turn("discriminator", state, x)
    between = weights(state)
    state, _ = algorithm.turn("generator", state, x)
    after = weights(state)
    assert all(torch.equal(before[k], between[k]) for k in before if k.startswith("generator."))
    assert all(torch.equal(between[k], after[k]) for k in before if k.startswith(("body", "head")))
    assert state.steps == 2


def test_an_unknown_player_is_refused() -> None:
    algorithm, data, state = game()
    with pytest.raises(SpecError, match=r"'referee'.*discriminator"):
        algorithm.turn("referee", state, data.train.x[:32])
    assert state.steps == 0


def test_a_changed_rate_is_the_rate_of_the_next_step_and_of_the_snapshot() -> None:
    algorithm, data, state = game(lr=1e-3, beta1=0.0, beta2=0.0)
    before = weights(state)
    algorithm.set_options(state, {"lr": 1e-5})
    state, _ = algorithm.step(state, data.train.x[:32])
    # Adam without memory moves each weight by the rate, whatever the gradient's size.
    moved = (state.model.state_dict()["head.weight"] - before["head.weight"]).abs()
    assert float(moved.max()) == pytest.approx(1e-5, rel=1e-2)
    packed = algorithm.pack(state)
    again = algorithm.unpack(packed, data)
    assert again.optimisers["generator"].param_groups[0]["lr"] == 1e-5
    assert again.steps == 1


@pytest.mark.parametrize("values", [{"lr": -1.0}, {"lr": "fast"}, {"beta1": 0.1}])
def test_a_bad_change_changes_nothing(values: dict[str, Any]) -> None:
    algorithm, _, state = game(lr=1e-3)
    with pytest.raises(SpecError):
        algorithm.set_options(state, values)
    assert state.optimisers["generator"].param_groups[0]["lr"] == 1e-3


class Box:
    """Wishes that arrive when they are asked for the nth time."""

    def __init__(self, wishes: dict[int, list[Command]]) -> None:
        self.wishes, self.asked = wishes, 0

    def __call__(self, timeout: float) -> Sequence[Command]:
        self.asked += 1
        return self.wishes.get(self.asked, [])


class Told:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[int, str, str]] = []

    def event(self, step: int, level: str, message: str) -> None:
        self.events.append((step, level, message))

    def __getattr__(self, name: str) -> Any:
        return lambda *_: 0.0


def test_single_steps_of_a_player_and_then_on() -> None:
    algorithm, data, state = game(steps=8)
    told = Told()
    watcher = Watcher(algorithm, [], told)
    box = Box(
        {
            2: [Command("step", {"n": 2, "player": "discriminator"})],
            4: [Command("step", {"player": "nobody"}), Command("resume")],
        }
    )
    moves: list[tuple[str, ...]] = []
    real_step, real_turn = algorithm.step, algorithm.turn

    def step(*given: Any) -> Any:
        moves.append(("all",))
        return real_step(*given)

    def turn(player: str, *given: Any) -> Any:
        moves.append((player,))
        return real_turn(player, *given)

    algorithm.step, algorithm.turn = step, turn  # type: ignore[method-assign]
    controls = Controls(box, lambda _: None, watcher, algorithm, told)
    _, steps = train(algorithm, data, state, observers=[controls], alone=controls.alone)
    assert steps == 8
    assert moves == [("all",), ("discriminator",), ("discriminator",), *[("all",)] * 5]
    assert (1, "info", "From step 1 on, only the discriminator is updated.") in told.events
    warning = next(words for _, level, words in told.events if level == "warning")
    assert "'nobody'" in warning


def test_slow_motion_waits_between_steps() -> None:
    algorithm, data, state = game(steps=3)
    told = Told()
    watcher = Watcher(algorithm, [], told)
    waits: list[float] = []

    def wishes(timeout: float) -> Sequence[Command]:
        waits.append(timeout)
        return [Command("pace", {"rate": 50.0})] if len(waits) == 1 else []

    controls = Controls(wishes, lambda _: None, watcher, algorithm, told)
    train(algorithm, data, state, observers=[controls])
    slept = [wait for wait in waits if wait > 0]
    assert slept
    assert max(slept) <= 1 / 50
    refused = Told()
    box = Box({1: [Command("pace", {"rate": -1.0})]})
    controls = Controls(box, lambda _: None, watcher, algorithm, refused)
    controls.begin(0, state)
    assert refused.events[0][1] == "warning"


class Slower(Objective):
    """An objective whose loss fades with the steps."""

    players = ()  # type: ignore[assignment]
    series = ()  # type: ignore[assignment]

    def __init__(self, seen: list[int]) -> None:
        self.seen = seen

    def at_step(self, step: int) -> Objective:
        self.seen.append(step)
        return self

    def loss(self, player: str, model: Any, x: Tensor) -> Any:
        raise AssertionError("nobody plays")


def test_a_schedule_sees_the_steps_and_goes_on_after_a_snapshot() -> None:
    algorithm, data, state = game(steps=3)
    seen: list[int] = []
    algorithm.objective = Slower(seen)
    state, _ = train(algorithm, data, state)
    assert seen == [0, 1, 2]
    assert state.steps == 3


def test_the_rate_falls_along_half_a_cosine() -> None:
    """Adam without memory moves each weight by the rate of the step."""
    algorithm, data, state = game(steps=4, lr=1e-3, beta1=0.0, beta2=0.0, lr_final_ratio=0.2)
    moved = []
    for _ in range(4):
        before = weights(state)["head.weight"]
        state, _ = algorithm.step(state, data.train.x[:32])
        moved.append(float((state.model.state_dict()["head.weight"] - before).abs().max()))
    wanted = [1e-3 * (0.2 + 0.8 * share) for share in (1.0, 0.853553, 0.5, 0.146447)]
    assert moved == pytest.approx(wanted, rel=1e-2)
    assert state.optimisers["generator"].param_groups[0]["lr"] == 1e-3


def test_a_pace_that_grows_gives_each_doubling_the_same_time() -> None:
    algorithm, _, state = game()
    told = Told()
    watcher = Watcher(algorithm, [], told)
    box = Box({1: [Command("pace", {"rate": 8.0, "growth": 0.1})]})
    controls = Controls(box, lambda _: None, watcher, algorithm, told)
    watcher.ledger.restart()
    controls.begin(0, state)
    assert [round(1 / controls.seconds(step), 6) for step in (0, 80, 1000)] == [8.0, 8.0, 100.0]
    doublings = [sum(controls.seconds(s) for s in range(n, 2 * n)) for n in (100, 1000, 10_000)]
    assert doublings == pytest.approx([np.log(2) / 0.1] * 3, rel=0.01)
    box.wishes[box.asked + 1] = [Command("pace", {"rate": 8.0, "growth": float("nan")})]
    controls.begin(0, state)
    assert told.events[-1][1] == "warning"
