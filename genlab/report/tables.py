"""What a comparison says in words and tables: on the page, and in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from genlab.compare import duel
from genlab.compare.difference import differences
from genlab.compare.side_by_side import Beside
from genlab.figures.live import caption

#: Test examples at most, and the seed, of the metrics.
N, SEED = 1000, 0
#: What the job ``evaluate`` is asked for. The form grows by one when its metrics change, so that
#: what an earlier program computed is not taken for them.
ASKED: Mapping[str, Any] = {"n": N, "form": 2}
REFEREE = (
    "a critic trained on the validation and test splits against as many generated examples; the "
    "numbers are on a part that neither trained nor stopped it. Pictures are judged as they are "
    "shown (for a likelihood, its mean), points as draws of the model."
)
BETTER = {"lower": "lower is better", "higher": "higher is better", "none": ""}


def format_value(value: float | None) -> str:
    """Four significant digits; None stands for what is no finite number.

    Example:
        >>> format_value(-103.25123), format_value(0.012345), format_value(None)
        ('-103.3', '0.01235', 'not finite')
    """
    return "not finite" if value is None or not math.isfinite(value) else f"{value:.4g}"


def table(
    found: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of the table: a metric a row, a run a column.

    Args:
        found: for each run's title its metrics, as the job ``evaluate`` gives them.

    Example:
        >>> one = {"name": "kl", "title": "KL", "value": 2.0, "low": 1.5, "high": 2.5}
        >>> one |= {"unit": "nats", "kind": "Monte Carlo", "n": 9, "direction": "lower"}
        >>> table({"A": [one | {"how": "bootstrap"}], "B": []})[1]
        [['KL', '2 [1.5, 2.5]', '', 'nats, Monte Carlo, n = 9', 'bootstrap', 'lower is better']]
    """
    order: dict[str, Mapping[str, Any]] = {}
    for metrics in found.values():
        for one in metrics:
            order.setdefault(one["name"], one)
    rows = []
    for key, about in order.items():
        cells = []
        for metrics in found.values():
            match = next((one for one in metrics if one["name"] == key), None)
            cells.append(
                "{} [{}, {}]".format(*(format_value(match[k]) for k in ("value", "low", "high")))
                if match
                else ""
            )
        how = str(about.get("how") or "analytic")
        rows.append([str(about["title"]), *cells, caption(about), how, BETTER[about["direction"]]])
    return ["metric", *found, "kind of number", "95 % interval", ""], rows


def difference_table(found: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of the table of differences.

    Args:
        found: for each run's title what its jobs gave (see
            :func:`genlab.compare.difference.differences`).
    """
    first = next(iter(found), "")
    rows = [
        [
            line.title,
            f"{line.second} − {first}",
            f"{format_value(line.difference.value)} [{format_value(line.difference.low)}, "
            f"{format_value(line.difference.high)}]",
            line.difference.how,
            line.words,
        ]
        for line in differences(found)
    ]
    return ["metric", "difference", "value", "95 % interval", "what may be said"], rows


#: What stands under the tables, here and in the report.
CAUTION = (
    "“Better” is said where the interval of the difference excludes zero and Holm's correction "
    "for all rows of the table lets it stand (5 %). The intervals are those of one training each: "
    "another seed of the training may move a number by more than they say. A bound that is "
    "higher or lower need not mean that what it bounds is."
)


def merge_results(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several jobs of one run gave, as one."""
    rows = [row for one in results for row in one["metrics"]]
    return {key: value for one in results for key, value in one.items()} | {"metrics": rows}


def step_mismatch_note(at: Mapping[str, int]) -> str:
    """What must be said where the runs' snapshots are not of one step; empty where they are.

    Example:
        >>> step_mismatch_note({"A": 110, "B": 71})
        'Not the same step: the nearest snapshots are A after step 110, B after step 71.'
        >>> step_mismatch_note({"A": 110, "B": 110})
        ''
    """
    if len(set(at.values())) < 2:
        return ""
    steps = ", ".join(f"{title} after step {step:,}" for title, step in at.items())
    return f"Not the same step: the nearest snapshots are {steps}."


def alike(found: Sequence[duel.Budget]) -> str:
    """What the nets have in common, in a sentence.

    Example:
        >>> one = duel.Budget(((8, 2), (8,)), {"decoder": 24, "encoder": 60})
        >>> alike([one, duel.Budget(((8, 2), (8,)), {"decoder": 24, "critic": 50})])
        'One decoder net for all: 2 → 8, 24 numbers. The rest: 60 against 50, ratio 1.20.'
    """
    first = found[0]
    same = bool(first.decoder) and all(one.decoder == first.decoder for one in found)
    words = "The decoders are different nets."
    if same:
        layers = f": {first.layers}" if first.layers else ""
        words = f"One decoder net for all{layers}, {first.parts['decoder']:,} numbers."
    if len(found) == 2:
        rest = [one.total - one.parts.get("decoder", 0) for one in found]
        between = f"ratio {duel.ratio(*found):.2f}"
        words += f" The rest: {rest[0]:,} against {rest[1]:,}, {between}."
    return words


def shared_settings(found: Mapping[str, Beside]) -> list[str]:
    """What is the same in these runs, and what is not, in sentences."""
    if len(found) < 2:
        return []
    said = []
    coded = {title: one.z for title, one in found.items() if one.z is not None}
    zs: list[Any] = list(coded.values())
    if len(coded) < len(found):
        said.append("Not every run has a latent code.")
    if len(zs) > 1:
        if all(z.shape == zs[0].shape and torch.equal(z, zs[0]) for z in zs):
            said.append(f"All from the same z: {zs[0].shape[1]} numbers each, from one seed.")
        elif len({z.shape[1] for z in zs}) > 1:
            sizes = ", ".join(f"{title}: {z.shape[1]}" for title, z in coded.items())
            said.append(f"The codes are not the same z: their sizes differ ({sizes}).")
        else:
            said.append("The codes are not the same z: the priors differ.")
    if len({one.examples for one in found.values()}) == 1:
        said.append("The real examples are the same, the first of the test split.")
    else:
        said.append("The real examples are not the same: these runs are of different data.")
    return said
