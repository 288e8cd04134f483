"""A hand-out: runs, their pictures at every step and their decoders, as one HTML file."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genlab import runs
from genlab.core.errors import RunNotFound, SnapshotError, SpecError
from genlab.core.views import SECTIONS
from genlab.data.base import Progress
from genlab.figures.live import charts
from genlab.panels import form_of
from genlab.panels.thumbnail import empty_thumbnail
from genlab.probes.views import panel_views
from genlab.replay.page import Text, page
from genlab.replay.record import Recording, delta_item, record
from genlab.replay.thinning import Item, TooLarge, left_out, thin
from genlab.report import run_labels
from genlab.report.answers import to_json
from genlab.report.collect import all_records, is_permanent_id, reproduce_command, versions
from genlab.report.time_cursor import TimeCursor
from genlab.runs.catalog import RunView

#: Runs in a file, and the bytes of a file, at most.
MOST, LIMIT = 4, 5_000_000


@dataclass(frozen=True)
class Handout:
    """A file to take home.

    Args:
        title: of the file.
        html: the file.
        left_out: sentences on what is not in it.
    """

    title: str
    html: bytes
    left_out: Sequence[str]


def handout(
    refs: Sequence[str],
    *,
    title: str = "",
    moment: TimeCursor | None = None,
    limit: int = LIMIT,
    progress: Progress | None = None,
) -> Handout:
    """Make a run, or a comparison, one HTML file that replays without a server.

    The file holds the scripts of the live view, the answers that a server would give them, and
    the decoders of some steps. Where that is more than the bound, steps are left out, and the
    file says which.

    Args:
        refs: run ids, shipped models or exported folders, one to four.
        title: of the file; the runs' names if not given.
        moment: where the slider stands at first; at the end if not given.
        limit: bytes of the file at most.
        progress: called with a fraction and a sentence.

    Raises:
        SpecError: for another number of runs, or the same one twice.
        RunNotFound: if there is no such run.
        SnapshotError: if a run has nothing to show yet.
        TooLarge: if the bound is too small for the fewest pictures.
    """
    if not 1 <= len(refs) <= MOST or len(set(refs)) < len(refs):
        raise SpecError("runs", len(refs), f"allowed: one to {MOST} different runs")
    tell = progress or (lambda *_: None)
    views = [runs.open_run(ref, paths=True) for ref in refs]
    for view in views:
        if not view.frames() and not view.snapshots():
            raise SnapshotError(
                f"Run {view.id} has no picture yet, so there is nothing to take home. Wait for "
                "its first step; nothing was written."
            )
    labels = run_labels([view.row for view in views])
    titles = [labels[view.id] for view in views]
    names = [
        view.id if is_permanent_id(view) else f"run{i}" for i, view in enumerate(views, start=1)
    ]
    recordings = []
    for i, (view, name, label) in enumerate(zip(views, names, titles, strict=True)):

        def part(share: float, words: str, i: int = i) -> None:
            tell(0.9 * (i + share) / len(views), words)

        recordings.append(record(view, name, label, part))
    tell(0.92, "the file")
    return _assembled(views, names, titles, recordings, title, moment or TimeCursor(), limit)


def _assembled(
    views: Sequence[RunView],
    names: Sequence[str],
    titles: Sequence[str],
    recordings: Sequence[Recording],
    title: str,
    moment: TimeCursor,
    limit: int,
) -> Handout:
    """The file, with as much of the recordings as fits."""
    remarks = [words for one in recordings for words in one.remarks]
    heading = title or " against ".join(titles)
    live = _live_values(names, titles, moment)
    pairs = list(zip(views, names, strict=True))
    everything = [item for one in recordings for item in one.items]
    groups = [group for one in recordings for group in one.groups]
    overhead = _overhead(views, titles, heading, live)
    # All of it first; where that is too much, less, until an estimate of the size was right.
    for share in (None, 1.0, 0.95, 0.88, 0.8):
        kept = everything
        thinned: dict[str, tuple[int, int]] = {}
        if share is not None:
            deltas = [delta_item(view, name, everything) for view, name in pairs]
            room = int((share * limit - overhead) * 3 / 4) - sum(one.size for one in deltas)
            try:
                kept, thinned = thin(everything, groups, room)
            except TooLarge as error:
                raise TooLarge(limit + (error.needed - room) * 4 // 3, limit) from None
        items = [
            *(delta_item(view, name, kept) for view, name in pairs),
            *kept,
            Item("live.json", to_json(live)),
            Item("pads.json", to_json(_pads(names, titles, kept))),
        ]
        missing = [*left_out(thinned), *remarks]
        html = page(_text(views, titles, heading, missing), items)
        if len(html) <= limit:
            return Handout(heading, html, missing)
    raise TooLarge(len(html), limit)


def _overhead(
    views: Sequence[RunView], titles: Sequence[str], heading: str, live: Mapping[str, Any]
) -> int:
    """The bytes of a file without recordings."""
    return len(page(_text(views, titles, heading, []), [Item("live.json", to_json(live))]))


def _live_values(
    names: Sequence[str], titles: Sequence[str], moment: TimeCursor
) -> dict[str, Any]:
    """What the page hands to the live view (``LiveData`` in ``live/wire.d.ts``)."""
    return {
        "runs": [
            {"id": name, "title": label, "wake": ""}
            for name, label in zip(names, titles, strict=True)
        ],
        "step": moment.at,
        "clock": moment.clock,
        "play": False,
        "sections": SECTIONS,
        "panels": {name: one.flat() for name, one in panel_views().items()},
        "view": {},
        "bar": "",
    }


def _pads(
    names: Sequence[str], titles: Sequence[str], items: Sequence[Item]
) -> dict[str, list[dict[str, Any]]]:
    """The runs that have a pad, with the steps of their decoders."""
    found = []
    for name, label in zip(names, titles, strict=True):
        prefix = f"genlab/decoder/{name}/"
        steps = sorted(i.step for i in items if i.path.startswith(prefix) and ".json" in i.path)
        if steps:
            found.append({"id": name, "title": label, "steps": steps})
    return {"pads": found}


def _text(
    views: Sequence[RunView], titles: Sequence[str], heading: str, missing: Sequence[str]
) -> Text:
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    panels = {panel for view in views for panel in view.frames()}
    declared = panel_views()
    lessons = {declared[one].lesson for one in panels if one in declared} - {""}
    lessons |= {
        str(chart["view"]["lesson"])
        for view in views
        for chart in charts(view.row.series)
        if chart.get("view", {}).get("lesson")
    }
    return Text(
        heading,
        [view.row for view in views],
        list(titles),
        [reproduce_command(view, all_records(view)) for view in views],
        versions(),
        made,
        list(missing),
        sorted(lessons),
        _thumbnail(views[0]),
    )


def _thumbnail(view: RunView) -> str:
    """The newest samples as a ``data:`` address."""
    steps = view.frames().get("samples", [])
    body = empty_thumbnail()
    if steps:
        try:
            picture = view.files.picture("samples", steps[-1])
            body = form_of(picture).thumbnail(picture)
        except (SnapshotError, RunNotFound):
            pass
    return "data:image/png;base64," + base64.b64encode(body).decode()
