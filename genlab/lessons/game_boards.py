"""The boards of the game, and moves in text form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from genlab.core.errors import SpecError
from genlab.core.options import Options, option
from genlab.lessons.base import Move
from genlab.lessons.game import State, Target
from genlab.objectives.adversarial import ROWS

#: The largest number of steps of a game, and of moves in its text.
LONGEST, WORDIEST = 4000, 600


LOSSES = {row.name: row for row in ROWS if row.logit}


@dataclass(frozen=True)
class Board:
    """A target, where the generator starts, and the window that is shown and summed over."""

    target: Target
    mean: tuple[float, ...]
    std: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    window: tuple[float, float]


def _ring() -> Target:
    angles = [k * math.pi / 4 for k in range(8)]
    means = tuple((2 * math.cos(a), 2 * math.sin(a)) for a in angles)
    return Target((1 / 8,) * 8, means, (0.3,) * 8)


#: The boards by name.
BOARDS: Mapping[str, Board] = {
    "gaussian": Board(
        Target((1.0,), ((0.0,),), (1.0,)), (2.0,), 1.0, (-14.0,), (14.0,), (-4.0, 6.0)
    ),
    "two bumps": Board(
        Target((0.5, 0.5), ((-1.5,), (1.5,)), (0.6, 0.6)),
        (3.0,),
        1.0,
        (-14.0,),
        (14.0,),
        (-5.0, 6.0),
    ),
    "plane": Board(
        Target((1.0,), ((0.0, 0.0),), (1.0,)),
        (2.0, 1.0),
        0.7,
        (-9.0, -9.0),
        (9.0, 9.0),
        (-4.0, 4.0),
    ),
    "ring": Board(_ring(), (1.0, 0.5), 0.6, (-9.0, -9.0), (9.0, 9.0), (-4.0, 4.0)),
}


#: The moves of the first visit.
OPENING = "D10 G1"


#: Points an axis of the sums, by the number of dimensions.
FINE = {1: 1400, 2: 128}


#: Points an axis at which D learns.
TAUGHT = {1: 350, 2: 44}


#: Points an axis of the other grid that a check sums over.
OTHER = 301


#: The half-width of a central difference.
STEP = 1e-5


def read(text: str) -> tuple[tuple[str, int], ...]:
    """Parse moves: D, G or R (a round), each with a count; equal neighbours are merged.

    Raises:
        SpecError: for anything else, or too many.

    Example:
        >>> read("D10 G d2D"), write(read("R5RG"))
        ((('D', 10), ('G', 1), ('D', 3)), 'R6 G1')
    """
    allowed = "allowed: D, G and R with counts, such as D10 G1 R5"
    plain = re.sub(r"[\s,]+", "", text).upper()
    if not re.fullmatch(r"([DGR]\d{0,4})*", plain):
        raise SpecError("moves", text, allowed)
    found: list[tuple[str, int]] = []
    for player, count in re.findall(r"([DGR])(\d*)", plain):
        many = int(count or 1)
        if found and found[-1][0] == player:
            many += found.pop()[1]
        if many:
            found.append((player, many))
    if len(found) > WORDIEST:
        raise SpecError("moves", text[:40] + "...", f"at most {WORDIEST} changes of player")
    return tuple(found)


def write(moves: tuple[tuple[str, int], ...]) -> str:
    """Moves as text."""
    return " ".join(f"{player}{count}" for player, count in moves)


def _then(move: str) -> Move:
    player, count = move[0], int(move[1:])
    says = {
        "D": "the discriminator moves, the generator waits",
        "G": "the generator moves, the discriminator waits",
        "R": "in a round the discriminator makes its steps, then the generator one",
    }[player]
    icons = {"D": ":material/search:", "G": ":material/brush:", "R": ":material/repeat:"}

    def after(text: str) -> str:
        try:
            return write(read(f"{text} {move}"))
        except SpecError:
            return text

    return Move(
        f"{'Round' if player == 'R' else player} × {count}",
        "moves",
        after,
        f"{count} more: {says}.",
        icons[player],
    )


def _back(text: str) -> str:
    try:
        return write(read(text)[:-1])
    except SpecError:
        return ""


@dataclass(frozen=True)
class GameOptions(Options):
    """Options of the lesson."""

    moves: str = option(
        OPENING, "the moves: D, G or R (a round) with counts, such as D10 G1 R5", label="Moves"
    )
    board: str = option(
        "gaussian",
        "p, the distribution of the data",
        choices=tuple(BOARDS),
        label="Data distribution",
    )
    critic: str = option(
        "net",
        "form of the logit of D",
        choices=("linear", "quadratic", "net"),
        label="Critic form",
    )
    loss: str = option("minimax", "what the generator lowers", choices=tuple(LOSSES), label="Loss")
    d_steps: int = option(5, "steps of D in a round", low=1, high=50, label="Discriminator steps")
    rate_d: float = option(
        0.02,
        "step size of D (Adam)",
        low=0.001,
        high=0.2,
        log=True,
        label="Discriminator step size",
    )
    rate_g: float = option(
        0.2,
        "step size of G (gradient descent)",
        low=0.01,
        high=5.0,
        log=True,
        label="Generator step size",
    )
    seed: int = option(0, "seed of the first weights of D", low=0, high=2**31 - 1, label="Seed")


@dataclass(frozen=True)
class Moment:
    """The record of the game after a step: V(D), and V(D*) for the generator at that step."""

    steps: int
    player: str
    value: float
    best: float


@dataclass(frozen=True)
class Played:
    """A game so far."""

    state: State
    d: int
    g: int
    moments: tuple[Moment, ...]


#: Games by rules and moves: one more move costs one more step, not the game from its start.
_KEPT: dict[tuple[object, ...], Played] = {}


_MOST = 2000


def _keep(key: tuple[object, ...], game: Played) -> None:
    while len(_KEPT) >= _MOST:
        _KEPT.pop(next(iter(_KEPT)), None)
    _KEPT[key] = game
