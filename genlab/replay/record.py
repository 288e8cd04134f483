"""Everything that the scripts would ask the server about a run, recorded as items of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from genlab.browser.decoder_program import export
from genlab.browser.op_tracing import NotExportable
from genlab.core.errors import SnapshotError
from genlab.data.base import Progress
from genlab.latent.codes import codes_of, prior_sample
from genlab.latent.pad import DOTS, DRAWS, dots, start
from genlab.latent.pad_plane import (
    coordinate_axes,
    data_space_values,
    dot_values,
    first_names,
    plane_values,
    unsupervised,
)
from genlab.models.base import HasDecoder
from genlab.panels import form_of
from genlab.replay.thinning import Group, Item
from genlab.report.answers import clock_values, delta_values, to_json
from genlab.runs.catalog import RunView
from genlab.runs.store import ACTIVE

#: Decoders of a run at most, before the bound of the file thins them further.
DECODERS = 12
#: Codes behind the pad; a file holds them once for each decoder.
SHOWN = 200


@dataclass(frozen=True)
class Recording:
    """A run as the file holds it.

    Args:
        items: the answers.
        groups: those that may be thinned.
        remarks: sentences on what is not in the file whatever its bound.
    """

    items: Sequence[Item]
    groups: Sequence[Group]
    remarks: Sequence[str] = ()


def record(view: RunView, name: str, title: str, progress: Progress) -> Recording:
    """Record a run.

    Args:
        view: the run.
        name: what the file calls it.
        title: what a reader calls it.
        progress: called with a fraction and a sentence.
    """
    items, groups = _pictures(view, name, title)
    decoders, remarks = _decoders(view, name, title, progress)
    items += decoders
    if decoders:
        groups.append(Group(_pad_group(title), 1))
    items.append(Item(f"genlab/runs/{name}/clock", to_json(clock_values(view))))
    return Recording(items, groups, remarks)


def delta_item(view: RunView, name: str, kept: Sequence[Item]) -> Item:
    """The full answer on a run, with the pictures that the file holds.

    A run that goes on is a recording in the file: nothing in it changes any more.
    """
    values = delta_values(view) | {"id": name, "active": False}
    if values["status"] in ACTIVE:
        values |= {"status": "recorded", "eta": None, "speed": 0}
    frames: dict[str, list[int]] = {}
    prefix = f"genlab/runs/{name}/frame/"
    for item in kept:
        if item.path.startswith(prefix) and item.path.endswith(".json"):
            frames.setdefault(item.path.removeprefix(prefix).split("/")[0], []).append(item.step)
    values["frames"] = {panel: sorted(steps) for panel, steps in frames.items()}
    return Item(f"genlab/runs/{name}/delta", to_json(values))


def _pictures(view: RunView, name: str, title: str) -> tuple[list[Item], list[Group]]:
    items: list[Item] = []
    groups: list[Group] = []
    for panel, steps in view.frames().items():
        found: list[Item] = []
        words = panel
        for step in steps:
            try:
                head = view.frame(panel, step)
                # Images lie in a file of their own; their JSON holds the layout alone.
                forms = (*form_of(head).extensions, "json")
                bodies = [view.frame_file(panel, step, form) for form in forms]
            except SnapshotError:
                continue
            words = str(head.get("title") or panel)
            base = f"genlab/runs/{name}/frame/{panel}/{step}"
            found += [
                Item(f"{base}.{form}", body, panel, step)
                for form, body in zip(forms, bodies, strict=True)
            ]
        # Two panels may have the same title.
        words = f"{words} ({panel}), {title}"
        items += [replace(one, group=words) for one in found]
        groups.append(Group(words))
    return items, groups


def _pad_group(title: str) -> str:
    return f"Decoders of the pad, {title}"


def _spread(steps: Sequence[int], most: int) -> list[int]:
    """At most so many of the steps, evenly, the first and the last among them.

    Example:
        >>> _spread(range(0, 100, 10), 4)
        [0, 30, 60, 90]
    """
    if len(steps) <= most:
        return list(steps)
    return [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)]


def _decoders(
    view: RunView, name: str, title: str, progress: Progress
) -> tuple[list[Item], list[str]]:
    """The decoders of some snapshots, and the plane in which a pad moves."""
    steps = _spread(view.snapshots(), DECODERS)
    if not steps:
        return [], [f"{title} has no snapshot, so there is no pad."]
    last: Any = view.model(steps[-1])
    if not isinstance(last, HasDecoder):
        return [], [f"{title} has no decoder, so there is no pad."]
    data = view.data()
    items: list[Item] = []
    try:
        with torch.no_grad():
            codes = codes_of(last, data, "both", DOTS, 0)
            found = unsupervised(last, codes, 0)
            names = first_names(last, found)
            every = found | coordinate_axes(int(last.latent))
            vectors = {one: every[one] for one in names}
            reach = torch.cat(
                [torch.from_numpy(dots(last, codes)).float(), prior_sample(last, DRAWS, 0)]
            )
            plane = plane_values(start(last), vectors, reach.double().numpy())
            if not data.meta.is_image:
                plane |= data_space_values(data)
            items.append(Item(f"pad/{name}/plane.json", to_json(plane)))
            for i, step in enumerate(steps):
                progress(i / len(steps), f"{title}: the decoder of step {step:,}")
                model: Any = view.model(step)
                program = export(model)
                shown = dots(model, codes_of(model, data, "both", SHOWN, 0))[:SHOWN]
                base, group = f"genlab/decoder/{name}/{step}", _pad_group(title)
                items += [
                    Item(f"{base}.json", program.text, group, step),
                    Item(f"{base}.bin", program.weights, group, step),
                    Item(
                        f"pad/{name}/{step}.json",
                        to_json({"dots": dot_values(shown, vectors)}),
                        group,
                        step,
                    ),
                ]
    except NotExportable as error:
        return [], [f"{title} has no pad: {error}"]
    return items, []
