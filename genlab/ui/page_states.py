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
    """Watch: a run, the step of the time slider, and the settings of the charts and maps."""

    run: str = option("", "the run that is watched")
    step: int | None = option(None, "step of the time slider; none: newest", low=0, high=MOST)
    open: str = option("", "open groups, separated by commas; none: all are closed")
    enlarged: str = option("", "the card enlarged to the whole window")
    zoom: str = option("", "range of the charts' horizontal axis: two ends, separated by a comma")
    log: str = option("", "charts with a logarithmic axis, separated by commas")
    field: str = option("", "field that the maps show")
    time: str = option("", "time t of the path that velocity fields show; none: the middle")
    layers: str = option("", "layers drawn over the maps, separated by commas; none: no layer")


#: The parameters of :class:`WatchState` that the live view itself reads and writes.
VIEW = ("open", "enlarged", "zoom", "log", "field", "time", "layers")


@dataclass(frozen=True)
class CompareState(Options):
    """Compare: two to four runs, and one step or second for all of them."""

    runs: str = option("", "ids of the runs, separated by commas")
    clock: str = option("step", "unit of the time slider", choices=CLOCKS)
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
    what: str = option("data", "examples that the map shows")
    n: int = option(500, "number of points", low=1, high=10**6)
    seed: int = option(0, "seed of the points and the map", low=0, high=2**31 - 1)
    label: str = option("", "class with which z is decoded; none: no class")
    a: int | None = option(None, "number of point A", low=0, high=MOST)
    b: int | None = option(None, "number of point B", low=0, high=MOST)
    tool: str = option("", "tool below the map")


@dataclass(frozen=True)
class StudiesState(Options):
    """Studies: a study; the URL also holds the options of a new study's base run."""

    study: str = option("", "the study that is shown")


@dataclass(frozen=True)
class LearnState(Options):
    """Learn: a lesson; the URL also holds the lesson's own options."""

    lesson: str = option("", "the lesson that is open")


@dataclass(frozen=True)
class DataState(Options):
    """Data: a dataset; the URL also holds the dataset's own options."""

    data: str = option("", "the dataset that is shown")


@dataclass(frozen=True)
class TrainState(Options):
    """Train: all its parameters are options of the run (:class:`genlab.core.run_spec.RunSpec`)."""


WATCH = PageState("watch", WatchState)
COMPARE = PageState("compare", CompareState)
EXPLORE = PageState("explore", ExploreState)
STUDIES = PageState("studies", StudiesState, more=True)
LEARN = PageState("learn", LearnState, more=True)
DATA = PageState("data", DataState, more=True)
TRAIN = PageState("train", TrainState, more=True)
