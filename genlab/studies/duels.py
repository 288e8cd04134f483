"""A duel over seeds: its sides are the arms of a study, so that one training decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.compare import duel, four
from genlab.core.errors import SpecError
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.studies.queue import create_arms
from genlab.studies.study import Arm, Study

#: How many sides a duel has, by word.
SIDES: Mapping[str, Any] = {"two": duel, "four": four}
#: What may be given; each side has all other options that suit it.
GIVEN = frozenset({"data", "steps", "batch", "seed"})


def duel_arms(specs: Mapping[str, RunSpec]) -> tuple[dict[str, Any], tuple[Arm, ...]]:
    """What the sides of a duel share, and an arm for each with what it has of its own.

    Args:
        specs: the sides by their titles, as of :func:`genlab.compare.duel.specs`.

    Example:
        >>> base, arms = duel_arms(duel.specs("ring", steps=100))
        >>> base["steps"], [arm.name for arm in arms], arms[1].changes["model"]
        (100, ['VAE on ring', 'GAN on ring'], 'gan')
    """
    flats = {title: spec.flat() for title, spec in specs.items()}
    first, *others = flats.values()
    base = {
        name: value
        for name, value in first.items()
        if all(name in one and one[name] == value for one in others)
    }
    arms = tuple(
        Arm(title, {name: value for name, value in flat.items() if name not in base})
        for title, flat in flats.items()
    )
    return base, arms


def start_duel(
    values: Mapping[str, Any],
    sides: str = "two",
    seeds: int = 5,
    *,
    name: str = "",
    title: str = "",
    stop_early: bool = False,
    quality: bool = False,
) -> Study:
    """Start a duel of two or four over seeds.

    Args:
        values: ``data``, and ``steps``, ``batch`` and the first ``seed`` where they are not the
            usual ones.
        sides: ``two`` (VAE and GAN) or ``four`` (with a flow and a diffusion).
        seeds: of each side.
        name, title, stop_early, quality: as of :func:`genlab.studies.create`.

    Raises:
        SpecError: for data that one of the sides cannot learn, or another option.
    """
    if sides not in SIDES:
        raise SpecError.unknown("duel", sides, SIDES)
    for option in values:
        if option not in GIVEN:
            words = "each side of a duel has its own; allowed: --data, --steps, --batch, --seed"
            raise SpecError(option, values[option], words)
    kind, data = SIDES[sides], str(values.get("data", ""))
    if data not in DATASETS:
        raise SpecError.unknown("data", data, DATASETS)
    if not kind.fits(data):
        raise SpecError("data", data, f"not every side of the duel of {sides} can learn it")
    whole = {key: int(values[key]) for key in ("steps", "batch", "seed") if key in values}
    base, arms = duel_arms(kind.specs(data, **whole))
    return create_arms(
        base, arms, seeds, name=name, title=title or f"duel on {data}", stop_early=stop_early,
        quality=quality,
    )  # fmt: skip
