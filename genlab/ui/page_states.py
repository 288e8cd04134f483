"""The state of each page, declared: name, type, range and meaning of every URL parameter."""

from __future__ import annotations

from dataclasses import dataclass

from genlab.core.options import Options, option
from genlab.report.time_cursor import CLOCKS
from genlab.ui.state import PageState

#: The largest step, point or seed that a URL can name.
MOST = 10**15


@dataclass(frozen=True)
class WatchState(Options):
    """Watch: a run, the step of the time slider, and how the page is looked at."""

    run: str = option("", "the run that is watched")
    step: int | None = option(None, "step of the time slider; none: newest", low=0, high=MOST)
    open: str = option("", "open groups, between commas; none: all are closed")
    enlarged: str = option("", "the card that fills the window")
    zoom: str = option("", "part of the horizontal axis of the charts: its ends and a comma")
    log: str = option("", "charts with a logarithmic axis, between commas")
    field: str = option("", "field that the maps show")
    layers: str = option("", "what is drawn over the maps, between commas; none: nothing")


#: What of :class:`WatchState` the live view itself reads and writes.
VIEW = ("open", "enlarged", "zoom", "log", "field", "layers")


@dataclass(frozen=True)
class CompareState(Options):
    """Compare: two to four runs, and one moment of all of them."""

    runs: str = option("", "ids of the runs, between commas")
    clock: str = option("step", "what the time slider counts", choices=CLOCKS)
    step: int | None = option(None, "step of the time slider; none: newest", low=0, high=MOST)
    second: float | None = option(
        None, "second of training of the time slider; none: newest", low=0.0, high=1e9, unit="s"
    )


@dataclass(frozen=True)
class ExploreState(Options):
    """Explore: a run at a step, the map of its latent space, two points, and a tool."""

    run: str = option("", "the run that is explored")
    step: int = option(0, "step of the snapshot", low=0, high=MOST)
    method: str = option("pca", "method of the map")
    dims: int = option(2, "axes of the map", low=2, high=3)
    what: str = option("data", "what the points of the map are")
    n: int = option(500, "number of points", low=1, high=10**6)
    seed: int = option(0, "seed of the points and the map", low=0, high=2**31 - 1)
    label: str = option("", "class at which z is decoded; none: unknown")
    a: int | None = option(None, "number of point A", low=0, high=MOST)
    b: int | None = option(None, "number of point B", low=0, high=MOST)
    tool: str = option("", "tool below the map")


@dataclass(frozen=True)
class ToolState(Options):
    """The tools of Explore; in the URL each name stands behind ``t.``."""

    # Several tools share these.
    z: str = option("", "a latent code: its numbers, between spaces")
    set: str = option("", "the chosen points of the map, encoded")
    guest: str = option("", "latent code of an own point on the map")
    colour: str = option("class", "what colours the map")
    encoder: str = option("", "1: use the encoder learned for a model without one")
    movie: str = option("", "the film that was asked for")
    # The pad.
    pad_z: str = option("", "latent code at the centre of the pad")
    pad_attributes: str = option("", "1: offer attributes as directions")
    pad_across: str = option("", "direction of the pad's horizontal axis")
    pad_up: str = option("", "direction of the pad's vertical axis")
    # Travel.
    way: str = option("dimensions", "way through the latent space")
    base: str = option("", "where the traversal starts")
    across: int = option(0, "latent dimension of the horizontal axis", low=0, high=MOST)
    up: int = option(1, "latent dimension of the vertical axis", low=0, high=MOST)
    # An own picture.
    picture: str = option("own", "part of the tool")
    source: str = option("upload", "where the picture comes from")
    how: str = option("", "how its code is found")
    memory: str = option("pixel", "space in which nearest examples are sought")
    # Directions.
    part: str = option("arithmetic", "part of the tool")
    probe: str = option("logistic", "method that finds directions of attributes")
    direction: str = option("", "direction that is followed")
    reach: str = option("3", "length of the path, in standard deviations")
    stretch: str = option("yes", "whether the result keeps the typical length of z")
    of_a: str = option("", "first operand of the arithmetic")
    of_b: str = option("", "second operand of the arithmetic")
    of_c: str = option("", "third operand of the arithmetic")
    # Completion.
    known_part: str = option("upper", "which part of the image is known")
    known: int = option(50, "share of the pixels that is known", low=0, high=100, unit="%")
    example: int = option(0, "number of the example", low=0, high=MOST)
    # Posterior.
    par_run: str = option("", "run with which the posterior is compared")
    par_x: str = option("", "parameter of the horizontal axis")
    par_y: str = option("", "parameter of the vertical axis")


@dataclass(frozen=True)
class LearnState(Options):
    """Learn: a lesson; the lesson's own options stand beside it."""

    lesson: str = option("", "the lesson that is open")


@dataclass(frozen=True)
class DataState(Options):
    """Data: a dataset; the dataset's own options stand beside it."""

    data: str = option("", "the dataset that is shown")


@dataclass(frozen=True)
class TrainState(Options):
    """Train: all its parameters are options of the run (:class:`genlab.core.run_spec.RunSpec`)."""


def _states_of_tools() -> list[type[Options]]:
    """What the tools declare besides :class:`ToolState`."""
    from genlab.ui.explore.tools import TOOLS

    return [row.value.State for row in TOOLS.rows()]


WATCH = PageState("watch", WatchState)
COMPARE = PageState("compare", CompareState)
EXPLORE = PageState("explore", ExploreState)
TOOL_STATE = PageState("explore", ToolState, prefix="t.", also=_states_of_tools)
LEARN = PageState("learn", LearnState, more=True)
DATA = PageState("data", DataState, more=True)
TRAIN = PageState("train", TrainState, more=True)
