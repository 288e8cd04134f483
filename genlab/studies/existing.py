"""Arms made of runs that exist: runs whose options differ in the seed alone belong together."""

from __future__ import annotations

from collections.abc import Sequence

from genlab.core.errors import SpecError
from genlab.runs.store import RunRow

#: Options that do not tell two arms apart.
SEED = "seed"
#: The longest name of an arm, in characters.
LONGEST = 80


def group_runs(rows: Sequence[RunRow]) -> dict[str, list[str]]:
    """The arms that runs form, each named by the options in which the arms differ.

    A fork whose options were changed while it trained is in an arm of its own, with those changes
    in the name.

    Args:
        rows: the runs.

    Returns:
        The ids of the runs of each arm, in the order of the rows.

    Raises:
        SpecError: if there are fewer than two arms, or two runs of an arm have the same seed.
    """
    arms: dict[tuple[tuple[str, str], ...], list[RunRow]] = {}
    for row in rows:
        options = {name: str(value) for name, value in row.spec.items() if name != SEED}
        for name, steps in row.changes.items():
            options[name] = " → ".join(map(str, steps))
        arms.setdefault(tuple(sorted(options.items())), []).append(row)
    if len(arms) < 2:
        raise SpecError("runs", len(rows), "two arms are needed: runs with different options")
    tables = [dict(key) for key in arms]
    names = {name for table in tables for name in table}
    differing = sorted(n for n in names if len({table.get(n) for table in tables}) > 1)
    made: dict[str, list[str]] = {}
    for table, of_arm in zip(tables, arms.values(), strict=True):
        words = ", ".join(f"{n} = {table[n]}" for n in differing if n in table)
        name = words if len(words) <= LONGEST else f"{words[: LONGEST - 2]} …"
        if name in made:
            name = f"{name[: LONGEST - 8]} ({len(made) + 1})"
        seeds_of(name, of_arm)
        made[name] = [row.id for row in of_arm]
    return made


def seeds_of(arm: str, rows: Sequence[RunRow]) -> list[int]:
    """The seeds of the runs of an arm.

    Raises:
        SpecError: if two of them have the same.
    """
    seeds: list[int] = []
    for row in rows:
        seed = int(row.spec.get(SEED, 0))
        if seed in seeds:
            raise SpecError(
                "runs", row.id, f"arm {arm!r} has two runs with seed {seed}; leave one out"
            )
        seeds.append(seed)
    return seeds
