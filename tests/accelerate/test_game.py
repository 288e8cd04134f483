"""Games without a graph against the same games with one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genlab import data as datasets
from genlab.accelerate import enabled
from genlab.core.random import scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches, Dataset
from genlab.objectives.adversarial import (
    ROWS,
    SCORE_FUNCTIONS,
    AdversarialLoss,
    PlainAdversarial,
    ScoreFunction,
)
from genlab.train.gradient import GradientAlgorithm, GradientState, find_game

RING = {"model": "gan", "data": "ring", "hidden": 24}
#: With a critic of tanh, which it has by default, there is no such way.
FGAN = {"objective": "fgan", "critic_activation": "leaky_relu"}
CASES: dict[str, dict[str, Any]] = {
    **{row.name: {**RING, "objective": row.name} for row in ROWS},
    "fgan": {**RING, **FGAN, "divergence": "js"},
    "alternative": {**RING, **FGAN, "generator_loss": "alternative"},
    "pictures": {"model": "gan", "data": "digits", "hidden": 24, "latent": 8},
}


def start(values: dict[str, Any]) -> tuple[GradientAlgorithm, GradientState, Dataset]:
    spec = RunSpec.build(**values, batch=32)
    data = datasets.load(spec)
    seed_run(0)
    algorithm = ALGORITHMS["gradient"](spec)
    state = algorithm.init(0, data)
    # In double precision no gradient is so small that its sign is round-off: Adam, which divides
    # a gradient by its size, would make a whole step of it.
    state.model.double()
    return algorithm, state, data


def played(
    values: dict[str, Any], steps: int, direct: bool, who: str | None = None
) -> tuple[GradientState, list[dict[str, float]]]:
    algorithm, state, data = start(values)
    batches, infos = Batches(len(data.train), 32, 0), []
    with scope(1, "play"), enabled(direct):
        for step in range(steps):
            x = data.train.x[batches.index(step)].double()
            state, info = (
                algorithm.step(state, x) if who is None else algorithm.turn(who, state, x)
            )
            infos.append(info)
    # Looked at after the last step: what was told of the first must not have changed.
    return state, [info.means() for info in infos]


def is_direct(values: dict[str, Any]) -> bool:
    algorithm, state, _ = start(values)
    return find_game(state, algorithm.objective, state.model, 8) is not None


@pytest.mark.parametrize("steps", [1, 8])
@pytest.mark.parametrize("label", CASES)
def test_steps_are_those_with_a_graph(label: str, steps: int) -> None:
    assert is_direct(CASES[label])
    mine, told = played(CASES[label], steps, True)
    theirs, expected = played(CASES[label], steps, False)
    for (name, a), b in zip(mine.model.named_parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9, msg=f"{name} after {steps}")
    for one, other in zip(told, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("who", ["discriminator", "generator"])
def test_one_player_alone_moves_alone(who: str) -> None:
    mine, told = played(CASES["nonsaturating"], 3, True, who)
    theirs, expected = played(CASES["nonsaturating"], 3, False, who)
    for a, b in zip(mine.model.parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
    assert [set(one) for one in told] == [set(one) for one in expected]
    rest = start(CASES["nonsaturating"])[1].model
    other = "generator" if who == "discriminator" else "discriminator"
    pairs = zip(mine.model.player(other), rest.player(other), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "values",
    [
        {"pack": 2},
        {"spectral": True},
        {"objective": "wgan"},
        {"objective": "r1"},
        {"objective": "r3gan"},
        {"model": "infogan", "objective": "infogan"},
    ],
    ids=str,
)
def test_other_games_keep_their_graph(values: dict[str, Any]) -> None:
    assert not is_direct({**RING, **values})


def test_another_batch_size_another_type_and_another_model_are_served() -> None:
    algorithm, state, data = start(CASES["hinge"])
    objective = algorithm.objective
    _, twin, _ = start(CASES["hinge"])
    x = data.train.x.double()

    def gradients(model: Any, batch: torch.Tensor) -> list[torch.Tensor]:
        # One state for every model: a game of another model must not be taken for this one's.
        with scope(3, "draw"), torch.no_grad():
            game = find_game(state, objective, model, len(batch))
            assert game is not None
            game.start(batch)
            game.turn("discriminator")
        found = [p.grad.clone() for p in model.player("discriminator")]
        for parameter in model.parameters():
            parameter.grad = None
        with scope(3, "draw"):
            objective.losses(model, batch)("discriminator").value.backward()
        for a, p in zip(found, model.player("discriminator"), strict=True):
            torch.testing.assert_close(a, p.grad, rtol=1e-4, atol=1e-6)
        return found

    small, large = gradients(state.model, x[:16]), gradients(state.model, x[:48])
    assert not torch.equal(small[0], large[0])
    assert torch.equal(gradients(twin.model, x[:16])[0], small[0])
    assert gradients(state.model.float(), x[:16].float())[0].dtype == torch.float32


@pytest.mark.parametrize("loss", SCORE_FUNCTIONS, ids=lambda loss: loss.name)
def test_closed_form_derivatives_are_those_of_autograd(loss: ScoreFunction) -> None:
    score = torch.linspace(-30.0, 30.0, 481, dtype=torch.float64) + 0.01
    leaf = score.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    # Beyond 20 the library takes softplus for a straight line.
    torch.testing.assert_close(loss.derivative(score), expected, rtol=1e-12, atol=3e-9)


def test_a_row_without_closed_form_derivatives_needs_nothing() -> None:
    row = AdversarialLoss(
        "cubic", "", "", lambda s: (s - 1).pow(4), lambda s: s.pow(4), lambda s: (s - 1).pow(2)
    )

    class Cubic(PlainAdversarial):
        pass

    Cubic.row = row
    _, state, data = start(CASES["lsgan"])
    objective, x = Cubic(), data.train.x[:32].double()
    for player in ("discriminator", "generator"):
        with scope(4, player), torch.no_grad():
            game = find_game(state, objective, state.model, len(x))
            assert game is not None
            game.start(x)
            game.turn(player)
        found = [p.grad.clone() for p in state.model.player(player)]  # type: ignore[union-attr]
        state.model.zero_grad()
        with scope(4, player):
            objective.losses(state.model, x)(player).value.backward()
        for a, p in zip(found, state.model.player(player), strict=True):
            torch.testing.assert_close(a, p.grad, rtol=1e-4, atol=1e-6)
