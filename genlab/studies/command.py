"""The command ``genlab study``: start, show, extend, pause, resume or delete a study."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from genlab import studies
from genlab.core.errors import SpecError
from genlab.studies import sweeps, trials
from genlab.studies.collapse import collapsed_runs
from genlab.studies.duels import start_duel
from genlab.studies.measure import measured_here, stored_result
from genlab.studies.state import state
from genlab.studies.study import Study
from genlab.studies.summary import Summary, collect_metrics, summarise
from genlab.studies.tables import start_table

#: The arguments of the command that are not options of a run.
OWN = frozenset(
    {"command", "study", "vary", "seeds", "title", "extend", "change", "wait", "measure", "metric",
     "search", "trials", "no_prune", "search_by", "stop_early", "table", "arm", "duel", "quality"}
)  # fmt: skip


def varied(words: list[str]) -> dict[str, list[str]]:
    """The options that a study varies, with their values.

    Raises:
        SpecError: for a word that is not ``OPTION=A,B``.

    Example:
        >>> varied(["objective=wgan_gp,r3gan", "latent=2,8"])
        {'objective': ['wgan_gp', 'r3gan'], 'latent': ['2', '8']}
    """
    found: dict[str, list[str]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not (name and equals and values):
            raise SpecError("vary", word, "allowed: OPTION=A,B, as in --vary latent=2,8")
        if name in found:
            raise SpecError("vary", name, "each option is varied once")
        found[name.replace("-", "_")] = values.split(",")
    return found


def answers(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Execute the command; returns the objects to print.

    Raises:
        SpecError: for a wrong request; nothing was changed.
        RunNotFound: if there is no such study.
    """
    base = {k: v for k, v in vars(arguments).items() if k not in OWN and v is not None}
    if arguments.vary and arguments.search:
        raise SpecError("search", arguments.search[0], "a study has --vary or --search, not both")
    if arguments.table:
        study = start_table(
            arguments.table,
            arguments.seeds,
            study=arguments.study or "",
            stop_early=arguments.stop_early,
            quality=arguments.quality,
        )
    elif arguments.duel:
        study = start_duel(
            base,
            arguments.duel,
            arguments.seeds,
            name=arguments.study or "",
            title=arguments.title,
            stop_early=arguments.stop_early,
            quality=arguments.quality,
        )
    elif arguments.arm:
        arms = {name: ids.split(",") for name, _, ids in (w.partition("=") for w in arguments.arm)}
        name = studies.new_name(arguments.study or "")
        study = studies.from_runs(
            arms, name=name, title=arguments.title, quality=arguments.quality
        )
    elif arguments.search:
        study = studies.start_search(
            base,
            arguments.search,
            arguments.trials,
            metric=arguments.metric,
            seeds=arguments.seeds,
            prune=not arguments.no_prune,
            sampler=arguments.search_by,
            name=arguments.study or "",
            title=arguments.title,
            quality=arguments.quality,
        )
    elif arguments.vary:
        study = studies.create(
            base,
            varied(arguments.vary),
            arguments.seeds,
            name=arguments.study or "",
            title=arguments.title,
            stop_early=arguments.stop_early,
            quality=arguments.quality,
        )
    elif not arguments.study:
        for one in studies.list_studies():
            yield {"study": one.name, "title": one.title, "arms": len(one.arms),
                   "seeds": len(one.seeds), "paused": one.paused}  # fmt: skip
        return
    elif arguments.change == "delete":
        studies.delete(arguments.study)
        yield {"study": arguments.study, "deleted": True}
        return
    elif arguments.extend is not None:
        study = studies.extend(arguments.study, arguments.extend)
    elif arguments.change:
        change = studies.pause if arguments.change == "pause" else studies.resume
        study = change(arguments.study)
    else:
        study = studies.open_study(arguments.study)
        studies.submit_missing(study)
    while arguments.wait and not state(study).ended:
        time.sleep(0.5)
        study = studies.open_study(study.name)
    yield described(study, measure=arguments.measure, metric=arguments.metric)


def described(study: Study, *, measure: bool = False, metric: str = "") -> dict[str, Any]:
    """A study with its state and its summary as plain values.

    Args:
        study: the study.
        measure: whether to measure the finished runs that were not measured before.
        metric: the metric of the sentence.
    """
    progress = state(study)
    found = collect_metrics(study, progress, measured_here if measure else stored_result)
    summary = summarise(study, progress, found, metric, collapsed_runs(study, progress))
    plain = flat(summary)
    if study.search is not None:
        plain = {
            **plain,
            "sentence": sweeps.sentence(study, summary.sentence),
            "search": {
                **study.search.values(),
                "tried": [asdict(one) for one in trials.tried(study.name, study.search)],
            },
        }
    return {
        "study": study.name,
        "title": study.title,
        "paused": study.paused,
        "arms": [
            {"name": arm.name, "changes": dict(arm.changes), "runs": dict(counts)}
            for arm, counts in zip(study.arms, progress.counts, strict=True)
        ],
        "seeds": list(study.seeds),
        "runs": [cell.run for cell in study.cells],
        "share": round(progress.share, 4),
        **plain,
    }


def flat(summary: Summary) -> Mapping[str, Any]:
    """A summary as plain values; an interval of a single seed is None."""

    def number(value: float) -> float | None:
        return None if value != value else value

    return {
        "sentence": summary.sentence,
        "losses": list(summary.losses),
        "measured": summary.measured,
        "differences": [
            {
                "metric": row.name,
                "first": row.first.arm,
                "second": row.second.arm,
                "value": number(row.difference.value),
                "low": number(row.difference.low),
                "high": number(row.difference.high),
                "p_holm": number(row.adjusted),
                "over": row.difference.how,
                "verdict": row.verdict.words,
                "more_seeds": row.verdict.more,
            }
            for row in summary.rows
        ],
    }
