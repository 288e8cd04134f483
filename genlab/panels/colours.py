"""The colours of all charts: readable in light and dark, and for colour-blind eyes."""

from __future__ import annotations

#: Okabe and Ito 2008; black and yellow, each unreadable on one background, are replaced.
COLOURS: tuple[str, ...] = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#8C6D31",
    "#7B61C9",
    "#A3A500",
    "#B2182B",
)
GREY = "#8A8A8A"


def group_colour(index: int, count: int) -> str:
    """The colour of one of several groups; the first of several is the grey background.

    Args:
        index: the position of the group.
        count: the number of groups.

    Example:
        >>> group_colour(0, 2), group_colour(1, 2), group_colour(0, 1) == COLOURS[-1]
        ('#8A8A8A', '#0072B2', True)
    """
    return GREY if index == 0 and count > 1 else COLOURS[(index - 1) % len(COLOURS)]
