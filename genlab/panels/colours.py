"""The colours of all charts: readable in light and dark, and for colour-blind eyes."""

from __future__ import annotations

from dataclasses import dataclass

#: Okabe and Ito 2008; black and yellow, each unreadable on one background, are replaced.
COLOURS: tuple[str, ...] = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#8C6D31",
    "#7B61C9",
    "#A3A500",
    "#B2182B",
)
GREY = "#8A8A8A"


@dataclass(frozen=True)
class Role:
    """A colour for light and for dark mode, and a mark, for one kind of data on all pages."""

    light: str
    dark: str
    mark: str


#: The scripts have the same table (``genlab/ui/static/shared/roles.js``); a test compares them.
ROLES: dict[str, Role] = {
    "data": Role("#6B7280", "#9CA3AF", "disc"),
    "heldOut": Role("#1F2937", "#F3F4F6", "plus"),
    "generated": Role("#00875F", "#2FC99B", "disc"),
    "modelA": Role("#0072B2", "#56B4E9", "square"),
    "modelB": Role("#D55E00", "#FF8C42", "diamond"),
}
#: A third and a fourth run of a comparison.
MODEL_C = Role(COLOURS[2], "#2FC99B", "triangle")
MODEL_D = Role(COLOURS[4], "#E39CC5", "disc")
#: Rules for SVG elements: in the dark, what has a role's light colour takes the dark one. A file,
#: which is printed, has the light colours.
DARK_ROLES = "".join(
    f'[{paint}="{role.light}"] {{ {paint}: {role.dark}; }} '
    for role in (*ROLES.values(), MODEL_C, MODEL_D)
    for paint in ("fill", "stroke")
)
#: The name of a group in a picture -> its role.
NAMES: dict[str, str] = {
    "data": "data",
    "training": "data",
    "exact posterior": "data",
    "held-out": "heldOut",
    "generated": "generated",
    "predicted": "generated",
    "reconstruction": "generated",
    "draws": "generated",
}


def named_colour(name: str, index: int, count: int, ink: str = GREY) -> str:
    """The colour of a group by its name, otherwise by its index; readable in light and dark.

    An SVG file does not know whether its page is light or dark: data are grey there, held-out data
    have the colour of the text, and any other role its light colour; see :func:`for_page`.

    Example:
        >>> named_colour("generated", 1, 2), named_colour("digit 3", 1, 10)
        ('#00875F', '#0072B2')
        >>> named_colour("held-out", 0, 2, "currentColor")
        'currentColor'
    """
    role = NAMES.get(name)
    if role == "data":
        return GREY
    if role == "heldOut":
        return ink
    return ROLES[role].light if role else group_colour(index, count)


def for_page(svg: str) -> str:
    """A picture whose roles take their dark colours where the page around it is dark.

    Example:
        >>> for_page('<svg width="9"><path fill="#00875F"/></svg>')[:47]
        '<svg width="9"><style>@media (prefers-color-sch'
    """
    root, end, rest = svg.partition(">")
    return f"{root}{end}<style>@media (prefers-color-scheme: dark) {{ {DARK_ROLES}}}</style>{rest}"


def faded(colour: str, alpha: float) -> str:
    """A colour that lets through what lies behind it.

    Example:
        >>> faded("#0072B2", 0.5)
        'rgba(0,114,178,0.5)'
    """
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def mark_of(name: str) -> str:
    """The mark of a group by its name: ``plus`` for held-out data, else ``disc``.

    Example:
        >>> mark_of("held-out"), mark_of("generated"), mark_of("digit 3")
        ('plus', 'disc', 'disc')
    """
    role = NAMES.get(name)
    return ROLES[role].mark if role else "disc"


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
