"""The training loop: it steps an algorithm on batches and calls the observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from genlab.core.device import as_device
from genlab.data.base import Batches, Dataset
from genlab.train.algorithm import Algorithm
from genlab.train.observers import Observer


def train(
    algorithm: Algorithm[Any],
    data: Dataset,
    state: Any,
    *,
    start: int = 0,
    observers: Sequence[Observer] = (),
    alone: Callable[[], str | None] = lambda: None,
) -> tuple[Any, int]:
    """Step until the number of steps is reached or an observer stops the run.

    Args:
        algorithm: what to step.
        data: its training split gives the batches; the step is the cursor.
        state: the state after ``start`` steps.
        start: steps taken before.
        observers: called in order, each at its cadence and at the last step.
        alone: the only player that the next step updates; None for a whole step.

    Returns:
        The state and the number of steps taken in all. The state is valid however the loop ended.
    """
    options = algorithm.spec.train
    x, steps, step = data.train.model_input(data.meta), options.steps, start
    y = data.train.y if algorithm.labelled else None
    batches = Batches(len(x), options.batch, options.seed)
    device = as_device(options.device)
    stop = False
    for observer in observers:
        stop = observer.begin(step, state) or stop
    while step < steps and not stop:
        index = batches.index(step)
        batch = x.index_select(0, index)
        if data.draw is not None:
            batch = data.draw(batch)
        given: tuple[Tensor, ...] = (batch,) if y is None else (batch, y.index_select(0, index))
        if device.type != "cpu":
            given = tuple(part.to(device) for part in given)
        player = alone()
        if player is None:
            state, info = algorithm.step(state, *given)
        else:
            state, info = algorithm.turn(player, state, *given)
        step += 1
        for observer in observers:
            if step % observer.every == 0 or step == steps:
                stop = observer(step, state, info) or stop
    for observer in observers:
        observer.end(step, state)
    return state, step
