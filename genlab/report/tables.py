"""The tables and sentences of a comparison, for the page and the report."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from genlab.compare import duel
from genlab.compare.difference import differences
from genlab.compare.side_by_side import SideBySide
from genlab.core.errors import GenlabError
from genlab.core.numbers import plain, significant
from genlab.core.run_spec import Combination
from genlab.core.tables import DATASETS
from genlab.figures.live import caption

#: Test examples at most, and the seed, of the metrics.
N, SEED = 1000, 0
#: What the job ``evaluate`` is asked for. The form grows by one when its metrics change, so that
#: what an earlier program computed is not taken for them.
METRIC_VALUES: Mapping[str, Any] = {"n": N, "form": 2}
C2ST = (
    "a classifier trained on the validation and test splits against as many generated examples; "
    "the numbers come from examples that were used neither for training nor for early stopping. "
    "Images enter as they are shown (for a likelihood, its mean), points as draws of the model."
)
BETTER = {"lower": "lower is better", "higher": "higher is better", "none": ""}


#: How a measured number is printed.
format_value = significant


def table(
    found: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of the table of metrics: one row per metric, one column per run.

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
    return ["metric", "difference", "value", "95 % interval", "verdict"], rows


def option_tables(
    specs: Mapping[str, Mapping[str, Any]],
) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """The options of several runs: the head, the rows that differ, and the others.

    Args:
        specs: by the runs' titles their flat values.

    Example:
        >>> a = {"data": "ring", "model": "gan", "lr": 0.001, "seed": 0}
        >>> head, differ, same = option_tables({"A": a, "B": a | {"lr": 0.999}})
        >>> head, differ
        (['option', 'A', 'B'], [['Learning rate (lr)', '0.001', '0.999']])
        >>> [row[0] for row in same]
        ['Data', 'Model', 'Seed (seed)']
    """
    titles: dict[str, str] = {}
    for spec in specs.values():
        # The set of an old run may have been deleted; its options keep their code names then.
        with contextlib.suppress(GenlabError):
            for rows in Combination.of(spec).options().values():
                titles |= {row.name: f"{row.title} ({row.name})" for row in rows}
    titles |= {kind: kind.capitalize() for kind in ("data", "model", "objective", "algorithm")}
    differ: list[list[str]] = []
    same: list[list[str]] = []
    for name in dict.fromkeys(name for spec in specs.values() for name in spec):
        cells = [_cell(spec[name]) if name in spec else "—" for spec in specs.values()]
        row = [titles.get(name, name), *cells]
        (differ if len(set(cells)) > 1 else same).append(row)
    return ["option", *specs], differ, same


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return plain(value) if number else str(value)


def data_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset of a run and its options, without what says how it is fetched.

    Example:
        >>> data_of({"data": "ring", "model": "gan", "modes": 8, "seed": 0})
        {'data': 'ring', 'modes': 8}
    """
    own = {row.name for row in DATASETS[str(spec["data"])].Options.table()} - {"download"}
    return {name: value for name, value in spec.items() if name == "data" or name in own}


#: What stands under the tables, here and in the report.
CAUTION = (
    "A run is called better where the interval of the difference excludes "
    "zero and the difference stays significant (5 %) after Holm's "
    "correction for all rows. The intervals describe one training each: another training seed may "
    "change a number by more. A bound that is "
    "higher or lower need not mean that what it bounds is."
)


def merge_results(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the results of several jobs of one run."""
    rows = [row for one in results for row in one["metrics"]]
    return {key: value for one in results for key, value in one.items()} | {"metrics": rows}


def step_mismatch_note(at: Mapping[str, int]) -> str:
    """A sentence on snapshots of different steps; empty where the steps are equal.

    Example:
        >>> step_mismatch_note({"A": 110, "B": 71})
        'The snapshots are of different steps: A after step 110, B after step 71.'
        >>> step_mismatch_note({"A": 110, "B": 110})
        ''
    """
    if len(set(at.values())) < 2:
        return ""
    steps = ", ".join(f"{title} after step {step:,}" for title, step in at.items())
    return f"The snapshots are of different steps: {steps}."


def alike(found: Sequence[duel.Budget]) -> str:
    """A sentence on what the networks share.

    Example:
        >>> one = duel.Budget(((8, 2), (8,)), {"decoder": 24, "encoder": 60})
        >>> alike([one, duel.Budget(((8, 2), (8,)), {"decoder": 24, "critic": 50})])[-45:]
        'Other parameters: 60 against 50 (ratio 1.20).'
    """
    first = found[0]
    same = bool(first.decoder) and all(one.decoder == first.decoder for one in found)
    words = "The decoders are different networks."
    if same:
        layers = f": {first.layers}" if first.layers else ""
        words = (
            f"All runs have the same decoder network{layers}, "
            f"{first.parts['decoder']:,} parameters."
        )
    if len(found) == 2:
        rest = [one.total - one.parts.get("decoder", 0) for one in found]
        between = f"(ratio {duel.ratio(*found):.2f})"
        words += f" Other parameters: {rest[0]:,} against {rest[1]:,} {between}."
    return words


def shared_settings(found: Mapping[str, SideBySide]) -> list[str]:
    """Sentences on what these runs share and where they differ."""
    if len(found) < 2:
        return []
    sentences = []
    coded = {title: one.z for title, one in found.items() if one.z is not None}
    zs: list[Any] = list(coded.values())
    if len(coded) < len(found):
        sentences.append("Not every run has a latent code.")
    if len(zs) > 1:
        if all(z.shape == zs[0].shape and torch.equal(z, zs[0]) for z in zs):
            sentences.append(
                f"All samples come from the same z, drawn with one seed "
                f"({zs[0].shape[1]} dimensions)."
            )
        elif len({z.shape[1] for z in zs}) > 1:
            sizes = ", ".join(f"{title}: {z.shape[1]}" for title, z in coded.items())
            sentences.append(f"The codes are not the same z: their sizes differ ({sizes}).")
        else:
            sentences.append("The codes are not the same z: the priors differ.")
    if len({one.examples for one in found.values()}) == 1:
        sentences.append("All runs show the same real examples: the first of the test split.")
    else:
        sentences.append("The real examples differ, because the runs have different data.")
    return sentences
