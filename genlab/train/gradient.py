"""Gradient training as one algorithm: the players of an objective take turns."""

from __future__ import annotations

import contextlib
import copy
import math
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from genlab import models
from genlab.accelerate import Adam, Game, is_enabled
from genlab.core.device import DEVICES
from genlab.core.errors import SnapshotError, SpecError
from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel, HasFusedMLPs, HasLabels
from genlab.objectives.adversarial import PlainAdversarial
from genlab.objectives.base import Loss, Objective, Player
from genlab.train.algorithm import Algorithm, Info, Packed
from genlab.train.ema import EMA
from genlab.train.memory import keep_memory


@dataclass(frozen=True)
class GradientOptions(Options):
    """Options of the optimiser, one for each player."""

    lr: float = option(1e-3, "learning rate", low=1e-7, high=1.0, log=True, label="Learning rate")
    beta1: float = option(
        0.9,
        "Adam: decay of the mean of the gradient",
        low=0.0,
        high=0.9999,
        advanced=True,
        label="Adam β₁",
    )
    beta2: float = option(
        0.999,
        "Adam: decay of the mean of its square",
        low=0.0,
        high=0.999999,
        advanced=True,
        label="Adam β₂",
    )
    lr_final_ratio: float = option(
        1.0,
        "share of the learning rate at the last step; the rate falls along half a cosine",
        low=0.0,
        high=1.0,
        advanced=True,
        formerly=("lr_last",),
        label="Final learning-rate ratio",
    )
    ema_decay: float = option(
        0.0,
        "decay of the exponential moving average of the weights; probes and samples use the "
        "average; 0: none",
        low=0.0,
        high=0.99999,
        advanced=True,
        formerly=("average",),
        label="Weight averaging (EMA decay)",
    )


@dataclass
class GradientState:
    """A model and one optimiser per player; a step changes it in place.

    Args:
        model: the model. optimisers: the optimiser of each player, by name.
        steps: the number of steps taken, for objectives with a schedule.
        ema: the exponential moving average of the model's weights, or None.
    """

    model: GenerativeModel
    optimisers: dict[str, torch.optim.Optimizer]
    steps: int = 0
    ema: EMA | None = None
    #: For each player, the trainable parameters that are not its own.
    others: dict[str, list[nn.Parameter]] = field(init=False)
    #: The graph-free game of this model and objective, if there is one.
    game: tuple[Objective, GenerativeModel, Game] | None = field(
        init=False, default=None, repr=False
    )

    def __post_init__(self) -> None:
        trainable = [p for p in self.model.parameters() if p.requires_grad]
        self.others = {}
        for player, optimiser in self.optimisers.items():
            mine = {id(p) for group in optimiser.param_groups for p in group["params"]}
            self.others[player] = [p for p in trainable if id(p) not in mine]


@ALGORITHMS.register(
    "gradient",
    title="Gradient descent (Adam)",
    summary="Players take turns, each with Adam.",
    order=10,
)
class GradientAlgorithm(Algorithm[GradientState]):
    """Each player of the objective in turn minimises its loss with Adam.

    Source: Kingma and Ba 2015, "Adam: a method for stochastic optimization".
    """

    Options = GradientOptions
    changeable = ("lr",)
    devices = DEVICES

    def __init__(self, spec: RunSpec) -> None:
        super().__init__(spec)
        self.objective: Objective = OBJECTIVES[spec.objective](spec.objective_options)
        self.labelled = issubclass(MODELS[spec.model], HasLabels)
        o: Any = spec.algorithm_options
        self.lr_final_ratio: float = o.lr_final_ratio
        self.ema_decay: float = o.ema_decay

    @classmethod
    def incompatibility(
        cls, model: type[GenerativeModel], objective: type[Objective]
    ) -> str | None:
        if not objective().players:
            return "this objective has no loss"
        return objective.incompatibility(model)

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(player.name for player in self.objective.players)

    @property
    def series(self) -> tuple[Series, ...]:
        return self.objective.series

    def _optimiser(self, parameters: Iterable[nn.Parameter]) -> Adam:
        o: Any = self.spec.algorithm_options
        return Adam(list(parameters), lr=o.lr, betas=(o.beta1, o.beta2))

    def _with_optimisers(self, model: GenerativeModel) -> GradientState:
        keep_memory()
        names = [player.name for player in self.objective.players]
        return GradientState(
            model,
            {n: self._optimiser(model.player(n)) for n in names},
            ema=EMA(model, self.ema_decay) if self.ema_decay else None,
        )

    def init(self, seed: int, data: Dataset) -> GradientState:
        # The weights are drawn from the CPU's stream, so they are the same on every device.
        model = models.build(self.spec).to(self.device)
        model.train()
        return self._with_optimisers(model)

    def step(
        self, state: GradientState, batch: Tensor, labels: Tensor | None = None
    ) -> tuple[GradientState, Info]:
        return self._move(self.objective.players, state, batch, labels)

    def turn(
        self, player: str, state: GradientState, batch: Tensor, labels: Tensor | None = None
    ) -> tuple[GradientState, Info]:
        if player not in self.players:
            raise SpecError.unknown("player", player, self.players)
        return self._move((Player(player),), state, batch, labels)

    def _move(
        self,
        players: Iterable[Player],
        state: GradientState,
        batch: Tensor,
        labels: Tensor | None,
    ) -> tuple[GradientState, Info]:
        terms: list[Mapping[str, Tensor]] = []
        objective = self.objective.at_step(state.steps)
        model = state.model
        if labels is not None and isinstance(model, HasLabels):
            model = model.condition_on(model.withhold(labels))
        if self.lr_final_ratio < 1.0:
            share = self._share(state.steps)
            for optimiser in state.optimisers.values():
                optimiser.share = share  # type: ignore[attr-defined]
        game = find_game(state, objective, model, len(batch))
        if game is not None:
            with torch.no_grad():
                game.start(batch)
                for player in players:
                    terms.append(game.turn(player.name))
                    state.optimisers[player.name].step()
                    objective.after_update(player.name, state.model)
        else:
            losses = objective.losses(model, batch)
            for player in players:
                for _ in range(player.repeats):
                    terms.append(self.update(state, player.name, losses))
                    objective.after_update(player.name, state.model)
        state.steps += 1
        if state.ema is not None:
            state.ema.update(state.steps)
        # If a player is updated several times, the last update is recorded.
        return state, Info(ChainMap(*terms[::-1]))  # type: ignore[arg-type]

    def _share(self, step: int) -> float:
        """The factor of the learning rate after ``step`` steps, from 1 to ``lr_final_ratio``."""
        part = min(1.0, step / self.spec.train.steps)
        return self.lr_final_ratio + (1.0 - self.lr_final_ratio) * 0.5 * (
            1.0 + math.cos(math.pi * part)
        )

    def set_options(self, state: GradientState, values: Mapping[str, Any]) -> GradientState:
        allowed = {row.name: row for row in self.Options.table() if row.name in self.changeable}
        for name in values:
            if name not in allowed:
                raise SpecError.unknown("option to change during a run", name, allowed)
        for name, value in values.items():
            ready = allowed[name].parse(value)
            for optimiser in state.optimisers.values():
                for group in optimiser.param_groups:
                    group[name] = ready
        return state

    @staticmethod
    def update(
        state: GradientState, player: str, losses: Callable[[str], Loss]
    ) -> dict[str, Tensor]:
        """Update one player once; returns the detached terms of its loss."""
        optimiser = state.optimisers[player]
        optimiser.zero_grad(set_to_none=True)
        with only_player(state, player):
            loss = losses(player)
            # ``backward`` instead of ``autograd.grad``: its gradients have the strides of their
            # parameters (channels last), as the fused optimiser requires.
            loss.value.backward()
        optimiser.step()
        return {name: term.detach() for name, term in loss.terms.items()}

    def model(self, state: GradientState) -> GenerativeModel:
        """The model, or its averaged weights if there is an average; a copy if not on the CPU."""
        model = state.model if state.ema is None else state.ema.model()
        return model if self.device.type == "cpu" else copy.deepcopy(model).cpu()

    def sample(self, state: GradientState, n: int) -> Tensor:
        return self.model(state).sample(n)

    def pack(self, state: GradientState) -> Packed:
        tensors = {f"model/{k}": _plain(v) for k, v in self.model(state).state_dict().items()}
        if state.ema is not None:
            tensors |= {f"raw/{k}": _plain(v) for k, v in state.model.state_dict().items()}
        for player, optimiser in state.optimisers.items():
            for index, slot in optimiser.state_dict()["state"].items():
                for key, value in slot.items():
                    tensors[f"optimiser/{player}/{index}/{key}"] = _plain(value)
        rates = {name: o.param_groups[0]["lr"] for name, o in state.optimisers.items()}
        return Packed(tensors, {"taken": state.steps, "lr": rates})

    def current_options(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        rates = set(values.get("lr", {}).values())
        return {"lr": rates.pop()} if len(rates) == 1 else {}

    def adapt_state(
        self, packed: Packed, before: RunSpec, changes: Collection[str]
    ) -> tuple[Packed, tuple[str, ...]]:
        stored_players = {
            name.split("/")[1] for name in packed.tensors if name.startswith("optimiser/")
        }
        tensors = {
            name: value
            for name, value in packed.tensors.items()
            if not name.startswith("optimiser/") or name.split("/")[1] in self.players
        }
        rates = dict(packed.values.get("lr", {}))
        if "lr" in changes:
            rates.clear()
        notes = []
        if packed.values.get("taken"):
            notes = [
                f"The optimiser of the {player} starts anew: the snapshot has none for it."
                for player in self.players
                if player not in stored_players
            ]
        before_options: Any = before.algorithm_options
        if before_options.ema_decay and not _below("raw/", tensors):
            notes.append("It continues from the averaged weights: the snapshot has no others.")
        values = {**packed.values, "lr": {p: r for p, r in rates.items() if p in self.players}}
        return Packed(tensors, values), tuple(notes)

    def unpack(self, packed: Packed, data: Dataset) -> GradientState:
        state = self._with_optimisers(models.build(self.spec).to(self.device))
        try:
            seen = _below("model/", packed.tensors)
            # A snapshot with averaged weights also has the weights that are trained.
            state.model.load_state_dict(_below("raw/", packed.tensors) or seen)
            if state.ema is not None:
                state.ema.model().load_state_dict(seen)
        except RuntimeError as error:
            raise SnapshotError(f"the snapshot is of another model: {error}") from None
        for player, optimiser in state.optimisers.items():
            filled = optimiser.state_dict()
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in packed.tensors.items():
                kind, *path = name.split("/")
                if kind == "optimiser" and path[0] == player:
                    slots.setdefault(int(path[1]), {})[path[2]] = value
            filled["state"] = slots
            optimiser.load_state_dict(filled)
            _align(optimiser)
        # Snapshots of earlier versions hold neither; no schedule depends on them.
        state.steps = int(packed.values.get("taken", 0))
        for player, rate in packed.values.get("lr", {}).items():
            for group in state.optimisers[player].param_groups:
                group["lr"] = float(rate)
        state.model.train()
        return state


def find_game(
    state: GradientState, objective: Objective, model: GenerativeModel, n: int
) -> Game | None:
    """Return the graph-free game for batches of n; None if there is none."""
    if not is_enabled():
        return None
    if state.game is not None:
        of, whose, game = state.game
        if of is objective and whose is model and game.is_current(n):
            return game
    if not (isinstance(model, HasFusedMLPs) and isinstance(objective, PlainAdversarial)):
        return None
    if any(player.repeats > 1 for player in objective.players):
        return None
    mlps = model.fused_mlps()
    if mlps is None or not mlps[0].weights[0].is_cpu:
        return None
    prior, shape = model.prior(), torch.Size((n,))
    game = Game(
        objective.row,
        objective.discriminator_terms,
        *mlps,
        flatten=model.flatten,
        latent=lambda: prior.sample(shape),
        n=n,
    )
    state.game = objective, model, game
    return game


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with this prefix, by the rest of their names."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _plain(tensor: Tensor) -> Tensor:
    """A copy on the CPU in the plain memory format, as files hold it."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _align(optimiser: torch.optim.Optimizer) -> None:
    """Give the optimiser's tensors the strides of their parameters.

    The fused update goes through memory and requires equal strides.
    """
    for parameter, slot in optimiser.state.items():
        for key, value in slot.items():
            if value.shape == parameter.shape and value.stride() != parameter.stride():
                slot[key] = torch.empty_like(parameter).copy_(value)


@contextlib.contextmanager
def only_player(state: GradientState, player: str) -> Iterator[None]:
    """A context in which only this player's parameters are part of the graph.

    A generator's gradient flows through the critic, but the critic's own weights need none:
    leaving them out does not change the result and saves a third of the critic's backward pass.
    """
    others = state.others[player]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
