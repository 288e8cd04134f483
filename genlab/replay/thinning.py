"""Choose the content of a hand-out so that the file is not too large."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from genlab.core.errors import GenlabError


class TooLarge(GenlabError):
    """A hand-out does not fit into its bound even where nothing more can be left out.

    Args:
        needed: bytes of the smallest file.
        limit: bytes that were allowed.
    """

    def __init__(self, needed: int, limit: int) -> None:
        self.needed, self.limit = needed, limit
        super().__init__(
            f"The hand-out needs {needed / 1e6:.2f} MB even with the fewest pictures, and the "
            f"bound is {limit / 1e6:.2f} MB. Nothing was written; choose a larger bound or fewer "
            "runs."
        )


@dataclass(frozen=True)
class Item:
    """One answer that the file holds.

    Args:
        path: what the scripts ask for.
        body: the answer.
        group: what it is a picture of, such as ``Samples of VAE``; empty for what is needed.
        step: of its picture or decoder, 0 where it has none.
    """

    path: str
    body: bytes
    group: str = ""
    step: int = 0

    @functools.cached_property
    def size(self) -> int:
        """About how many bytes it takes in the file, before base64."""
        return len(zlib.compress(self.body, 6)) + len(self.path) + 16


@dataclass(frozen=True)
class Group:
    """Items that are thinned together: the pictures of a panel, or the decoders of a run.

    Args:
        name: of the group.
        least: so many steps stay, whatever the bound.
    """

    name: str
    least: int = 2


def halve(steps: Sequence[int], least: int) -> list[int]:
    """Every other step; the first and the last stay.

    Example:
        >>> halve([0, 1, 2, 3, 4, 5], 2), halve([0, 9], 1), halve([3], 1)
        ([0, 2, 4, 5], [9], [3])
    """
    if len(steps) <= 2:
        return list(steps[-least:])
    kept = list(steps[::2])
    return kept if kept[-1] == steps[-1] else [*kept, steps[-1]]


def thin(
    items: Iterable[Item], groups: Sequence[Group], limit: int
) -> tuple[list[Item], dict[str, tuple[int, int]]]:
    """Leave out steps until all fits: always from the group that takes most.

    Args:
        items: all there is.
        groups: that may be thinned.
        limit: bytes, as :attr:`Item.size` counts them.

    Returns:
        The items that stay, and for each thinned group how many steps stayed, of how many.

    Raises:
        TooLarge: if it cannot be done.
    """
    all_items = list(items)
    sizes = {item.path: item.size for item in all_items}
    kept: dict[str, list[int]] = {}
    for group in groups:
        kept[group.name] = sorted({i.step for i in all_items if i.group == group.name})
    before = {name: len(steps) for name, steps in kept.items()}

    def weight(name: str) -> int:
        steps = set(kept[name])
        return sum(sizes[i.path] for i in all_items if i.group == name and i.step in steps)

    needed = sum(sizes[i.path] for i in all_items if i.group not in kept)
    weights = {name: weight(name) for name in kept}
    while needed + sum(weights.values()) > limit:
        loose = [g for g in groups if len(kept[g.name]) > g.least]
        if not loose:
            total = needed + sum(weights.values())
            raise TooLarge(total, limit)
        most = max(loose, key=lambda g: weights[g.name])
        kept[most.name] = halve(kept[most.name], most.least)
        weights[most.name] = weight(most.name)
    stays = {name: set(steps) for name, steps in kept.items()}
    left = [i for i in all_items if i.group not in stays or i.step in stays[i.group]]
    thinned = {n: (len(s), before[n]) for n, s in kept.items() if len(s) < before[n]}
    return left, thinned


def left_out(thinned: Mapping[str, tuple[int, int]]) -> list[str]:
    """What was left out, in sentences.

    Example:
        >>> left_out({"Samples": (12, 48)})
        ['Samples: 12 of 48 steps are in this file.']
    """
    return [
        f"{name}: {kept:,} of {all_:,} steps are in this file."
        for name, (kept, all_) in thinned.items()
    ]
