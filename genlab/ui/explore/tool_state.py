"""The state of Explore's tools in the URL."""

from __future__ import annotations

from dataclasses import dataclass

from genlab.core.options import Options, option
from genlab.ui.explore.tools import TOOLS
from genlab.ui.page_states import MOST
from genlab.ui.state import PageState


@dataclass(frozen=True)
class ToolState(Options):
    """The state of the tools; in the URL each name has the prefix ``t.``."""

    # Several tools share these.
    z: str = option("", "a latent code: its numbers, between spaces")
    set: str = option("", "the chosen points of the map, encoded")
    guest: str = option("", "latent code of the user's point on the map")
    colour: str = option("class", "colouring of the map")
    encoder: str = option("", "1: use the encoder trained afterwards for a model without one")
    movie: str = option("", "the requested animation")
    beside: str = option("", "run of the second map")
    beside_step: int | None = option(None, "step of the second map", low=0, high=MOST)
    # The pad.
    pad_z: str = option("", "latent code at the centre of the pad")
    pad_attributes: str = option("", "1: offer attributes as directions")
    pad_across: str = option("", "direction of the pad's horizontal axis")
    pad_up: str = option("", "direction of the pad's vertical axis")
    # Travel.
    way: str = option("dimensions", "kind of traversal of the latent space")
    base: str = option("", "start of the traversal")
    across: int = option(0, "latent dimension of the horizontal axis", low=0, high=MOST)
    up: int = option(1, "latent dimension of the vertical axis", low=0, high=MOST)
    # The user's own image.
    picture: str = option("own", "part of the tool")
    source: str = option("upload", "source of the image")
    how: str = option("", "method that finds its code")
    memory: str = option("pixel", "space of the nearest-neighbour search")
    # Directions.
    part: str = option("arithmetic", "part of the tool")
    probe: str = option("logistic", "method that finds directions of attributes")
    direction: str = option("", "direction of the path")
    reach: str = option("3", "length of the path, in standard deviations")
    stretch: str = option("yes", "whether the result is scaled to the typical length of z")
    of_a: str = option("", "first operand of the arithmetic")
    of_b: str = option("", "second operand of the arithmetic")
    of_c: str = option("", "third operand of the arithmetic")
    # Completion.
    known_part: str = option("upper", "the known part of the image")
    known: int = option(50, "share of known pixels", low=0, high=100, unit="%")
    example: int = option(0, "number of the example", low=0, high=MOST)
    # Posterior.
    par_run: str = option("", "run with which the posterior is compared")
    par_x: str = option("", "parameter of the horizontal axis")
    par_y: str = option("", "parameter of the vertical axis")


def _states_of_tools() -> list[type[Options]]:
    """The options that tools declare in addition to :class:`ToolState`."""
    return [row.value.State for row in TOOLS.rows()]


TOOL_STATE = PageState("explore", ToolState, prefix="t.", also=_states_of_tools)
