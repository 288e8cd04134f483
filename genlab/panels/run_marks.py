"""The colour and the mark of the runs of a comparison, the same on the page and in the report.

The first two are the roles ``modelA`` and ``modelB``; a third and a fourth run follow.
"""

from __future__ import annotations

from genlab.panels.colours import MODEL_C, MODEL_D, ROLES, Role

#: In the order of the runs.
RUN_ROLES: tuple[Role, ...] = (
    ROLES["modelA"],
    ROLES["modelB"],
    MODEL_C,
    MODEL_D,
)
#: The outline of each mark within the square from −1 to 1, as an SVG path.
SHAPES: dict[str, str] = {
    "square": "M-.8 -.8H.8V.8H-.8Z",
    "diamond": "M0 -1L1 0L0 1L-1 0Z",
    "triangle": "M0 -.95L1 .8H-1Z",
    "plus": "M-.3 -1H.3V-.3H1V.3H.3V1H-.3V.3H-1V-.3H-.3Z",
    "disc": "M-.9 0a.9 .9 0 1 0 1.8 0a.9 .9 0 1 0 -1.8 0Z",
}
#: The same outlines in percent of a box, for a style sheet.
CLIPS: dict[str, str] = {
    "square": "inset(8%)",
    "diamond": "polygon(50% 0, 100% 50%, 50% 100%, 0 50%)",
    "triangle": "polygon(50% 2%, 100% 95%, 0 95%)",
    "plus": "polygon(35% 0, 65% 0, 65% 35%, 100% 35%, 100% 65%, 65% 65%, 65% 100%, 35% 100%, "
    "35% 65%, 0 65%, 0 35%, 35% 35%)",
    "disc": "circle(45%)",
}
#: The colour follows the page's mode; a browser without light-dark() shows the light colour.
MARK_CSS = (
    ".run-mark { display: inline-block; width: 13px; height: 13px; margin-right: 4px; "
    "vertical-align: -1px; print-color-adjust: exact; }\n"
) + "".join(
    f".run-mark-{i} {{ background: {role.light}; "
    f"background: light-dark({role.light}, {role.dark}); clip-path: {CLIPS[role.mark]}; }}\n"
    for i, role in [*enumerate(RUN_ROLES), ("real", ROLES["heldOut"])]
)
#: The mark of the real data beside the runs, as an element; see :func:`run_mark`.
REAL_MARK = '<span class="run-mark run-mark-real" aria-hidden="true"></span>'


def run_role(index: int) -> Role:
    """The colours and the mark of a run, by its index in the comparison.

    Example:
        >>> run_role(0).mark, run_role(1).mark, run_role(4) == run_role(0)
        ('square', 'diamond', True)
    """
    return RUN_ROLES[index % len(RUN_ROLES)]


def run_colour(index: int) -> str:
    """The colour of a run in an SVG picture, whose page has the rules ``DARK_ROLES`` for the dark.

    Example:
        >>> run_colour(4) == run_colour(0) != run_colour(1)
        True
    """
    return run_role(index).light


def run_mark(index: int) -> str:
    """The mark of a run as an element of a page that has the style sheet :data:`MARK_CSS`.

    Example:
        >>> run_mark(1)
        '<span class="run-mark run-mark-1" aria-hidden="true"></span>'
    """
    return f'<span class="run-mark run-mark-{index % len(RUN_ROLES)}" aria-hidden="true"></span>'


def mark_at(index: int, x: float, y: float, size: float = 4.5) -> str:
    """The mark of a run at a point of an SVG picture, in its light colour.

    Example:
        >>> f'fill="{run_colour(1)}"' in mark_at(1, 10.0, 20.0)
        True
    """
    role = run_role(index)
    return (
        f'<path d="{SHAPES[role.mark]}" fill="{run_colour(index)}" '
        f'transform="translate({x:.1f} {y:.1f}) scale({size:g})"/>'
    )
