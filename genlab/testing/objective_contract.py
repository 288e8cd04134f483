"""What every objective must do, as reusable test cases.

A test module subclasses :class:`ObjectiveContract` and gives a fixture ``pair``, an
:class:`ObjectiveCase`; :func:`objective_cases` lists one for each pair of the tables that fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.random import scope
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Objective
from genlab.testing.model_contract import METAS, ModelCase, model_cases
from genlab.train.gradient import GradientState, only_player

#: Where the rules stand, for the messages.
READ = "See docs/extending.md, A VAE objective and A GAN loss."


@dataclass(frozen=True)
class ObjectiveCase:
    """One objective with one model on one sort of data."""

    name: str
    model: ModelCase

    @property
    def label(self) -> str:
        """What the test is called."""
        return f"{self.name}-{self.model.label}"

    def build(self) -> tuple[Objective, GenerativeModel, Tensor]:
        """The objective, a model in training mode, and a batch."""
        return OBJECTIVES[self.name](), self.model.build().train(), self.model.batch(16)


#: On these sorts of data a loss meets every model that it can train; on the others a model's own
#: first loss is enough, since a loss does not know the sort of data. A model of none of these
#: (of binary pictures alone) meets its losses on all it fits.
EVERYWHERE = ("plane", "grey8")


def objective_cases(names: Iterable[str] | None = None) -> list[ObjectiveCase]:
    """Each objective of the table with each model that it can train."""
    return [
        ObjectiveCase(name, case)
        for name in (OBJECTIVES.names() if names is None else names)
        for case in model_cases()
        if OBJECTIVES[name].incompatibility(case.cls) is None
        and (case.sort in EVERYWHERE or _own(case, name))
    ]


def _own(case: ModelCase, objective: str) -> bool:
    if all(case.cls.incompatibility(METAS[sort]) is not None for sort in EVERYWHERE):
        return True
    first = next(n for n in OBJECTIVES.names() if OBJECTIVES[n].incompatibility(case.cls) is None)
    return case.cls.defaults(case.meta).get("objective", first) == objective


def state_of(objective: Objective, model: GenerativeModel) -> GradientState:
    """A training state with plain gradient descent for each player."""
    return GradientState(
        model,
        {
            player.name: torch.optim.SGD(list(model.player(player.name)), lr=1e-3)
            for player in objective.players
        },
    )


class ObjectiveContract:
    """The loss is the mean of its terms, says what they are, and moves its own player alone."""

    def test_value_is_the_mean_of_a_stated_term(self, pair: ObjectiveCase) -> None:
        objective, model, x = pair.build()
        for player in objective.players:
            with scope(0, player.name):
                loss = objective.loss(player.name, model, x)
            assert loss.value.dim() == 0
            assert loss.value.isfinite()
            means = [float(term.detach().mean()) for term in loss.terms.values()]
            value = float(loss.value.detach())
            gaps = [min(abs(value - m), abs(value + m)) for m in means]
            assert min(gaps) < 1e-4 * max(1.0, abs(value)), (
                f"the loss of {player.name!r} is {value:.6g}, and no stated term has this mean "
                f"({', '.join(loss.terms)}): put the minimised quantity, one entry per example, "
                f"(B,), among the terms, and return its mean (not its sum). {READ}"
            )

    def test_every_term_is_a_series_over_the_batch(self, pair: ObjectiveCase) -> None:
        objective, model, x = pair.build()
        series = {entry.name: entry for entry in objective.series}
        assert len(series) == len(objective.series)
        seen: set[str] = set()
        for player in objective.players:
            with scope(0, player.name):
                terms = objective.loss(player.name, model, x).terms
            assert not seen & set(terms), (
                f"two players report the term {seen & set(terms)}. {READ}"
            )
            seen |= set(terms)
            for name, term in terms.items():
                assert name in series, f"the term {name!r} has no Series. {READ}"
                assert term.shape == (len(x),), (
                    f"the term {name!r} has the shape {tuple(term.shape)}: one number for each of "
                    f"the {len(x)} examples is needed. {READ}"
                )
                assert series[name].kind == "training batch", (
                    f"the Series {name!r} must be of kind 'training batch'. {READ}"
                )
        assert seen == set(series), f"no term for the series {set(series) - seen}. {READ}"

    def test_the_stream_decides_the_loss(self, pair: ObjectiveCase) -> None:
        objective, model, x = pair.build()
        for player in objective.players:
            values = []
            for _ in range(2):
                with scope(5, player.name):
                    values.append(float(objective.loss(player.name, model, x).value.detach()))
            assert values[0] == values[1]

    def test_losses_of_a_step_are_the_losses(self, pair: ObjectiveCase) -> None:
        objective, model, x = pair.build()
        for player in objective.players:
            with scope(5, "step"):
                alone = objective.loss(player.name, model, x).value
            with scope(5, "step"):
                shared = objective.losses(model, x)(player.name).value
            torch.testing.assert_close(shared, alone, rtol=1e-6, atol=1e-6)

    def test_gradient_reaches_every_weight_of_the_player(self, pair: ObjectiveCase) -> None:
        objective, model, x = pair.build()
        for player in objective.players:
            model.zero_grad(set_to_none=True)
            with scope(0, player.name), only_player(state_of(objective, model), player.name):
                objective.losses(model, x)(player.name).value.backward()
            mine = list(model.player(player.name))
            if objective.ignores_shift and player.name == "discriminator":
                mine = mine[:-1]
            names = {id(p): name for name, p in model.named_parameters()}
            for parameter in mine:
                gradient = parameter.grad
                where = f"{names[id(parameter)]} of the player {player.name!r}"
                assert gradient is not None, f"no gradient reaches {where}. {READ}"
                assert gradient.isfinite().all(), f"the gradient of {where} is not finite"
                assert float(gradient.abs().sum()) > 0, f"the gradient of {where} is 0. {READ}"

    def test_an_update_moves_the_player_alone(self, pair: ObjectiveCase) -> None:
        objective, model, x = pair.build()
        from genlab.train.gradient import GradientAlgorithm

        state = state_of(objective, model)
        for player in objective.players:
            before = {n: p.detach().clone() for n, p in model.named_parameters()}
            mine = {id(p) for p in model.player(player.name)}
            with scope(0, player.name):
                GradientAlgorithm.update(state, player.name, objective.losses(model, x))
            moved = {n for n, p in model.named_parameters() if not torch.equal(before[n], p)}
            own = {n for n, p in model.named_parameters() if id(p) in mine}
            assert moved
            assert moved <= own
            assert all(p.requires_grad for p in model.parameters())
