"""The numbers of the lesson on the GAN game: the moves are played and measured on a grid."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from genlab.core.errors import SpecError
from genlab.divergences.jensen_shannon import LOG_2
from genlab.lessons.base import Lesson, Progress
from genlab.lessons.game import Critic, Field, Game, State, grid
from genlab.lessons.game_boards import (
    _KEPT,
    BOARDS,
    FINE,
    LONGEST,
    LOSSES,
    TAUGHT,
    Board,
    GameOptions,
    Moment,
    Played,
    _keep,
    read,
)

#: Steps that are played, and kept, in one piece.
CHUNK = 20


class GANGameNumbers(Lesson):
    """The board, the game after the moves, and its value beside that of D*."""

    Options = GameOptions
    options: GameOptions

    def __init__(self, options: GameOptions, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(options, extra)
        self.written = read(options.moves)
        steps = sum(
            count * (options.d_steps + 1 if player == "R" else 1) for player, count in self.written
        )
        if steps > LONGEST:
            raise SpecError("moves", f"{steps} steps", f"at most {LONGEST} steps of both players")

    @functools.cached_property
    def board(self) -> Board:
        """The target and the window."""
        return BOARDS[self.options.board]

    @functools.cached_property
    def game(self) -> Game:
        """The rules."""
        o, target = self.options, self.board.target
        critic = Critic(o.critic, target.dim, 16 if target.dim == 1 else 24)
        field = grid(self.board.low, self.board.high, TAUGHT[target.dim])
        return Game(target, critic, LOSSES[o.loss], field, o.rate_d, o.rate_g)

    @functools.cached_property
    def field(self) -> Field:
        """The points of the sums."""
        return grid(self.board.low, self.board.high, FINE[self.game.dim])

    _played: Played | None = None

    def prepare(self, progress: Progress) -> None:
        if self._played is None:
            self._played = self._play(progress)

    @property
    def played(self) -> Played:
        """The game after all moves."""
        if self._played is None:
            self._played = self._play(lambda _part, _says: None)
        return self._played

    def _play(self, progress: Progress) -> Played:
        pieces: list[tuple[str, int]] = []
        for player, count in self.written:
            whole, rest = divmod(count, CHUNK)
            pieces += [(player, CHUNK)] * whole + ([(player, rest)] if rest else [])
        rules = replace(self.options, moves="")
        keys = [(rules, *pieces[:k]) for k in range(len(pieces) + 1)]
        known = next((k for k in range(len(pieces), -1, -1) if keys[k] in _KEPT), -1)
        now = _KEPT[keys[known]] if known >= 0 else self._first()
        for k in range(max(known, 0), len(pieces)):
            progress(k / len(pieces), f"Playing the moves: {k} of {len(pieces)} pieces")
            now = self._more(now, *pieces[k])
            _keep(keys[k + 1], now)
        return now

    def _first(self) -> Played:
        state = self.game.start(self.options.seed, self.board.mean, self.board.std)
        value, best = self._worth(state)
        return Played(state, 0, 0, (Moment(0, "", value, best),))

    def _more(self, now: Played, player: str, count: int) -> Played:
        state, d, g, moments = now.state, now.d, now.g, list(now.moments)
        order = {"D": "D", "G": "G", "R": "D" * self.options.d_steps + "G"}[player] * count
        best = moments[-1].best
        for k, who in enumerate(order):
            if who == "D":
                state, d = self.game.step_d(state), d + 1
            else:
                state, g = self.game.step_g(state), g + 1
                self._on_the_board(state, g)
            # All of a short game, and ten moments of each further piece.
            if len(order) <= CHUNK or (k + 1) % (len(order) // 10) == 0 or k + 1 == len(order):
                value, best = self._worth(state)
                moments.append(Moment(d + g, who, value, best))
        return Played(state, d, g, tuple(moments))

    def _on_the_board(self, state: State, g: int) -> None:
        """Refuse a generator that the sums cannot follow.

        Raises:
            SpecError: naming the step size of G.
        """
        d, high = self.game.dim, self.board.high[0]
        finest = 2 * high / FINE[d]
        stds = state.phi[d : 2 * d].exp()
        if not (
            bool(state.phi.isfinite().all())
            and float(state.phi[:d].abs().max()) < 0.8 * high
            and finest < float(stds.min())
            and float(stds.max()) < 0.35 * high
        ):
            raise SpecError(
                "rate_g",
                self.options.rate_g,
                f"the generator left the board or collapsed to a point at its step {g}; undo "
                f"moves or use a smaller step size",
            )

    def _worth(self, state: State) -> tuple[float, float]:
        """V(D) and V(D*) on the grid."""
        with torch.no_grad():
            log_p, log_q = self.log_p, self.game.log_q(state.phi, self.field.x)
            logits = torch.stack(
                [self.game.critic.logit(state.theta, self.field.x), log_p - log_q]
            )
            value, best = self.field.values(logits, log_p, log_q).tolist()
        return value, best

    @functools.cached_property
    def log_p(self) -> Tensor:
        """log p on the grid."""
        return self.board.target.log_prob(self.field.x)

    @property
    def state(self) -> State:
        """Where the players stand."""
        return self.played.state

    @functools.cached_property
    def js(self) -> float:
        """JS(p ‖ q), by the grid."""
        return self.played.moments[-1].best / 2 + LOG_2

    @functools.cached_property
    def gap(self) -> float:
        """Σ over the grid of (p + q) KL(Bernoulli(D*) ‖ Bernoulli(D))."""
        x, state = self.field.x, self.state
        with torch.no_grad():
            log_q = self.game.log_q(state.phi, x)
            mine, best = self.game.critic.logit(state.theta, x), self.log_p - log_q
            kl = best.sigmoid() * (logsigmoid(best) - logsigmoid(mine))
            kl = kl + (-best).sigmoid() * (logsigmoid(-best) - logsigmoid(-mine))
            return float(((self.log_p.exp() + log_q.exp()) * kl).sum()) * self.field.volume
