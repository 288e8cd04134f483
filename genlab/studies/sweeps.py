"""Searches for options, whose best trial is trained anew on fresh seeds.

The best of many trials is partly better by luck (the winner's curse), so a search alone never
says which options are better. It ends as a study of two arms, the base and the best trial, over
seeds that no trial has used.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.trial import TrialState

from genlab import runs
from genlab.core.errors import RunNotFound, RunStateError, SpecError
from genlab.core.measure import Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, CHORES, MODELS
from genlab.probes.base import probes_for
from genlab.runs import access, catalog, settings
from genlab.runs.access import Actor
from genlab.runs.items import Item
from genlab.runs.store import ACTIVE, Command, RunRow
from genlab.studies import trials
from genlab.studies.queue import (
    CHORE,
    KIND,
    check_quality,
    keep,
    new_name,
    open_study,
    submit_missing,
)
from genlab.studies.search import MOST_TRIALS, SAMPLERS, Search, parse_space, trial_run
from genlab.studies.study import MOST_SEEDS, Arm, Study, cells_of

LEASE = "chore_lease"
#: Seconds for which one program advances a search before another may.
LEASED = 60.0
#: The number of times that the run of a trial is resumed after its process died.
ATTEMPTS = 3
AS_GIVEN = "as given"


def goals(spec: RunSpec) -> dict[str, Series]:
    """The series that a search may optimise: measured on held-out data or on samples.

    Args:
        spec: of the run; its dataset is loaded.
    """
    data = catalog.dataset(spec)
    probes = probes_for(spec, MODELS[spec.model], data, lambda *_: None)
    found = [*ALGORITHMS[spec.algorithm](spec).series]
    found += [series for probe in probes for series in probe.series]
    usable = {
        one.name: one
        for one in found
        if one.direction in {"lower", "higher"} and one.kind != "training batch"
    }
    first = ("val_elbo", "val_log_prob", "grid_js")
    return dict(sorted(usable.items(), key=lambda item: _rank(item[0], first)))


def _rank(name: str, first: Sequence[str]) -> int:
    return first.index(name) if name in first else len(first)


def start_search(
    base: Mapping[str, Any],
    space: Sequence[str] | Mapping[str, Any],
    trials: int = 20,
    *,
    metric: str = "",
    seeds: int = 5,
    prune: bool = True,
    sampler: str = "tpe",
    at_once: int = 0,
    name: str = "",
    title: str = "",
    quality: bool = False,
) -> Study:
    """Start a search; its runs go through the ordinary queue.

    Args:
        base: the options that all trials share, as of :meth:`genlab.core.run_spec.RunSpec.build`.
        space: as of :func:`genlab.studies.search.parse_space`.
        trials: the number of runs of the search.
        metric: the series whose last value is the result of a trial; if empty, the held-out ELBO,
            the held-out log-density, or the first series.
        seeds: fresh seeds on which the best trial and the base are trained at the end; 0: none.
        prune: whether a trial whose metric is worse than the median of the others at the same
            step is stopped.
        sampler: ``tpe`` or ``random``.
        at_once: the number of trials at the same time; 0: as many as this host has workers.
        name, title, quality: as of :func:`genlab.studies.create`; the quality is that of the fresh
            seeds.

    Raises:
        SpecError: for a wrong request; nothing was started.
    """
    if not 1 <= trials <= MOST_TRIALS:
        raise SpecError("trials", trials, f"allowed: 1 to {MOST_TRIALS}")
    if not 0 <= seeds <= MOST_SEEDS:
        raise SpecError("seeds", seeds, f"allowed: 0 to {MOST_SEEDS}")
    if sampler not in SAMPLERS:
        raise SpecError.unknown("sampler", sampler, SAMPLERS)
    dimensions = parse_space(space, base)
    spec = RunSpec.build(**base)
    known = goals(spec)
    if metric and metric not in known:
        raise SpecError.unknown("metric", metric, known)
    if not known:
        raise SpecError("metric", "", "such a run measures nothing on held-out data or samples")
    goal = known[metric or next(iter(known))]
    wanted = Search(
        dimensions, trials, goal.name, goal.title, goal.direction, int(base.get("seed", 0)), seeds,
        prune, at_once or settings.workers(), sampler,
    )  # fmt: skip
    shared = {key: value for key, value in base.items() if key != "seed"}
    words = title or f"search of {', '.join(one.name for one in dimensions)}"
    study = Study(
        new_name(name, "search"), words, shared, (Arm(AS_GIVEN, {}),), (), search=wanted,
        quality=quality,
    )  # fmt: skip
    check_quality(study, [spec])
    return keep(study)


@CHORES.register("advance_search", title="Search", summary="Asks for trials and tells results.")
def advance(name: str) -> bool:
    """Record the trials that have ended and start new ones; returns whether the search continues.

    It is safe to call this at any time and from any process: only one process advances the search
        at a time, the state is in the database, and a run's id follows from the number of its
        trial.

    Args:
        name: of the study.
    """
    store = runs.store()
    lease = Item(LEASE, name, {"process": os.getpid()}, expires=time.time() + LEASED)
    if not store.put_item(lease, action="open_study", only_new=True):
        return True
    try:
        try:
            study = open_study(name)
        except RunNotFound:
            study = None
        goes_on = study is not None and not study.paused and _advance(study)
        if not goes_on:
            store.remove(CHORE, name, action="delete_study")
        return goes_on
    finally:
        store.remove(LEASE, name, action="delete_study")


def _advance(study: Study) -> bool:
    wanted = study.search
    if wanted is None:
        return False
    if not wanted.ended:
        found = trials.open_trials(study.name, wanted)
        with _as_owner(study):
            for trial in found.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                _follow(study, wanted, found, trial)
            every = found.get_trials(deepcopy=False)
            running = sum(trial.state == TrialState.RUNNING for trial in every)
            for _ in range(min(wanted.at_once - running, wanted.trials - len(every))):
                _submit(study, wanted, found, trials.ask(found, wanted))
                running += 1
        if running or len(found.get_trials(deepcopy=False)) < wanted.trials:
            return True
        study = _finish(study, wanted)
    with _as_owner(study):
        submit_missing(study)
    return False


@contextlib.contextmanager
def _as_owner(study: Study) -> Iterator[None]:
    """Act as the owner of the search, who owns the runs that it starts."""
    if not study.owner:
        yield
        return
    with access.acting_as(Actor(study.owner)):
        yield


def _spec(study: Study, wanted: Search, trial: Any) -> RunSpec:
    return RunSpec.build(**{**study.base, **trial.params, "seed": wanted.seed})


def _submit(study: Study, wanted: Search, found: Any, trial: Any) -> None:
    """Queue the run of a trial; a combination that is not possible fails the trial."""
    run = trial_run(study.name, trial.number)
    try:
        spec = _spec(study, wanted, trial)
    except SpecError as error:
        trials.tell(found, trial, None, f"not possible: {error}")
        return
    title = f"{study.title}: trial {trial.number + 1}"
    try:
        runs.store().create(spec.flat(), title=title, run=run)
    except RunStateError:
        # It was queued before its program died; or its owner has too many waiting runs.
        try:
            runs.store().get(run)
        except RunNotFound:
            return
    trials.note_queued(found, trial)
    runs.ensure_supervisor()


def _follow(study: Study, wanted: Search, found: Any, trial: Any) -> None:
    """Update a trial that has not ended."""
    trial = trials.complete(found, trial, wanted)
    store, run = runs.store(), trial_run(study.name, trial.number)
    try:
        row = store.get(run)
    except RunNotFound:
        if trial.user_attrs.get(trials.QUEUED):
            trials.tell(found, trial, None, "deleted")
        else:
            _submit(study, wanted, found, trial)
        return
    if row.status in ACTIVE:
        if not wanted.prune or row.status != "running":
            return
        if trials.report(found, trial, curve_of(run, wanted.metric), row.steps):
            with contextlib.suppress(RunStateError):
                store.request(run, Command("stop"))
            trials.tell(found, trial, None, "pruned")
        return
    _conclude(wanted, found, trial, row)


def _conclude(wanted: Search, found: Any, trial: Any, row: RunRow) -> None:
    if row.status == "lost" and row.attempt < ATTEMPTS:
        if runs.store().set_status(row.id, "queued", only_from={"lost"}):
            runs.ensure_supervisor()
        return
    curve = curve_of(row.id, wanted.metric)
    trials.report(found, trial, curve, row.steps)
    if row.status != "done":
        trials.tell(found, trial, None, row.status)
    elif not curve or not math.isfinite(curve[-1][1]):
        trials.tell(found, trial, None, f"without {wanted.metric}")
    else:
        trials.tell(found, trial, curve[-1][1], "done")


def curve_of(run: str, name: str) -> list[tuple[int, float]]:
    """The finite values of a series of a run so far, in the order of the steps."""
    values: dict[int, float] = {}
    after = 0
    view = runs.open_run(run)
    while page := view.read(after=after, limit=5000, kinds={"scalars"}):
        for record in page:
            value = record.payload.get(name)
            if value is not None and math.isfinite(value):
                values[record.step] = float(value)
        after = page[-1].seq
    return sorted(values.items())


def _finish(study: Study, wanted: Search) -> Study:
    """End the search: the base and the best trial become the arms, over fresh seeds."""
    best = next((one for one in trials.tried(study.name, wanted) if one.best), None)
    if best is None or best.value is None:
        ended = replace(study, search=replace(wanted, ended=True))
    else:
        words = ", ".join(f"{name} = {_short(value)}" for name, value in best.params.items())
        arms = (Arm(AS_GIVEN, {}), Arm(f"best of {wanted.trials} trials: {words}", best.params))
        fresh = range(wanted.seed + 1, wanted.seed + 1 + wanted.fresh)
        done = replace(wanted, ended=True, best=best.number, best_value=best.value)
        cells = cells_of(study.name, 2, fresh)
        ended = replace(study, arms=arms, cells=cells, search=done)
    item = Item(KIND, study.name, ended.values())
    runs.store().put_item(item, action="change_study")
    return ended


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def sentence(study: Study, tested: str = "") -> str:
    """The best result of a search, with the warning that it is selected.

    Args:
        study: with a search.
        tested: the conclusion of the study over fresh seeds, empty before there is one.
    """
    wanted = study.search
    if wanted is None:
        return tested
    every = trials.tried(study.name, wanted)
    ended = [one for one in every if one.ended != "running"]
    best = next((one for one in every if one.best), None)
    begin = f"{len(ended)} of {wanted.trials} trials have ended"
    if best is None or best.value is None:
        return f"{begin}; none has a result" + (" yet." if not wanted.ended else ".")
    words = ", ".join(f"{name} = {_short(value)}" for name, value in best.params.items())
    curse = (
        f"{begin}. The best has {best.value:.4g} ({wanted.title}) with {words}. The best of "
        "several results is too good by selection (the winner's curse)"
    )
    if not wanted.fresh:
        return f"{curse}; no fresh seeds were asked for, so it is not called better."
    if not wanted.ended:
        anew = f"it is trained anew on {wanted.fresh} fresh seeds before it is called better"
        return f"{curse}: {anew}."
    if not study.seeds:
        return f"{curse}. {tested}"
    return f"On {len(study.seeds)} fresh seeds: {tested} The search before: {curse}."


__all__ = ["advance", "goals", "sentence", "start_search"]
