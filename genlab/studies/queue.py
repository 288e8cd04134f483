"""Create, extend, pause and resume studies; their runs go through the ordinary queue."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from genlab import runs
from genlab.core.errors import RunNotFound, RunStateError, SpecError
from genlab.core.run_spec import Combination, RunSpec
from genlab.metrics.feature_quality import has_quality
from genlab.runs.items import Item
from genlab.runs.store import Command
from genlab.studies import trials
from genlab.studies.existing import seeds_of
from genlab.studies.study import MOST_SEEDS, NAME, Arm, Cell, Study, arms_of, cells_of

KIND = "study"
#: The item by which the supervisor advances a search.
CHORE = "chore"
#: The statuses of runs that :func:`resume` queues again.
HELD = frozenset({"stopped", "lost"})
#: The letters of a generated name.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def create(
    base: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]],
    seeds: int = 5,
    *,
    name: str = "",
    title: str = "",
    stop_early: bool = False,
    quality: bool = False,
) -> Study:
    """Create a study and queue its runs.

    Args:
        base: the options that all arms share, as of :meth:`genlab.core.run_spec.RunSpec.build`.
        vary: the values of each varied option; every combination is an arm.
        seeds: the number of seeds, from the seed of the base on.
        name: up to 24 small letters, digits and hyphens; a generated one if empty.
        title: the title in lists.
        stop_early: whether waiting runs are cancelled as soon as a difference is unlikely to be
            found (:mod:`genlab.compare.futility`).
        quality: whether the quality of the samples is measured too; for images with classes.

    Raises:
        SpecError: for an arm that cannot be trained, a name that is taken or not allowed, or
            another number of seeds; nothing was queued.
    """
    arms = arms_of(vary)
    shared = {key: value for key, value in base.items() if key not in vary}
    return create_arms(
        shared, arms, seeds, name=name, title=title or ", ".join(vary), stop_early=stop_early,
        quality=quality,
    )  # fmt: skip


def create_arms(
    base: Mapping[str, Any],
    arms: Sequence[Arm],
    seeds: int = 5,
    *,
    name: str = "",
    title: str = "",
    stop_early: bool = False,
    quality: bool = False,
) -> Study:
    """Create a study of arms that change several options each; otherwise as :func:`create`.

    Args:
        base: the options that all arms share.
        arms: the first is the one with which the others are compared.
        seeds, name, title, stop_early, quality: as of :func:`create`.

    Raises:
        SpecError: as :func:`create`.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise SpecError("seeds", seeds, f"allowed: 1 to {MOST_SEEDS}")
    name = new_name(name)
    first = int(base.get("seed", 0))
    shared = {key: value for key, value in base.items() if key != "seed"}
    cells = cells_of(name, len(arms), range(first, first + seeds))
    study = Study(
        name, title or name, shared, tuple(arms), cells, stop_early=stop_early, quality=quality
    )
    check_quality(study, [study.spec(cell) for cell in cells[: len(arms)]])
    return keep(study)


def check_quality(study: Study, specs: Sequence[RunSpec]) -> None:
    """Refuse the quality of samples where a run's data have none.

    Raises:
        SpecError: for data that are not images with classes.
    """
    for spec in specs:
        if study.quality and not has_quality(Combination.of(spec.flat()).meta):
            raise SpecError(
                "quality", spec.data, "sample quality is measured on images with classes"
            )


def new_name(name: str = "", kind: str = "study") -> str:
    """The name of a new study: the given one, or a fresh one.

    Raises:
        SpecError: if it is not allowed.
    """
    name = name or f"{kind}-{''.join(secrets.choice(LETTERS) for _ in range(5))}"
    if not NAME.fullmatch(name):
        raise SpecError(
            "name", name, "allowed: up to 24 small letters, digits and hyphens, no hyphen first"
        )
    return name


def from_runs(
    arms: Mapping[str, Sequence[str]], *, name: str, title: str = "", quality: bool = False
) -> Study:
    """Create a study of existing runs.

    Args:
        arms: the ids of the runs of each arm, with different seeds.
        name: as of :func:`create`.
        title: the title in lists.
        quality: as of :func:`create`.

    Raises:
        RunNotFound: if there is no such run.
        SpecError: for two runs of an arm with the same seed, or a name that is not allowed.
    """
    name = new_name(name)
    cells, specs = [], list[RunSpec]()
    for number, (arm, ids) in enumerate(arms.items()):
        views = [runs.open_run(run) for run in ids]
        specs += [view.spec for view in views]
        rows = [view.row for view in views]
        seeds = seeds_of(arm, rows)
        cells += [Cell(number, seed, run) for seed, run in zip(seeds, ids, strict=True)]
    named = tuple(Arm(arm, {}) for arm in arms)
    study = Study(name, title or name, {}, named, tuple(cells), quality=quality)
    check_quality(study, specs)
    return keep(study)


def keep(study: Study) -> Study:
    """Write a new study and queue its runs.

    Raises:
        SpecError: if there is a study of this name.
    """
    store = runs.store()
    conflict = SpecError("name", study.name, "there is a study of this name already")
    if store.item(KIND, study.name) is not None:
        raise conflict
    if study.base or study.search or any(arm.changes for arm in study.arms):
        for run in (*(cell.run for cell in study.cells), *study.trial_runs):
            _refuse_former(study.name, run)
    item = Item(KIND, study.name, study.values())
    if not store.put_item(item, action="open_study", only_new=True):
        raise conflict
    if study.search is not None:
        trials.forget(study.name)
        put_to_work(study.name, "advance_search")
    elif study.stop_early:
        put_to_work(study.name, "watch_futility")
    submit_missing(study)
    return open_study(study.name)


def _refuse_former(name: str, run: str) -> None:
    """Refuse a study whose runs would have the ids of runs of an earlier study."""
    try:
        runs.store().get(run)
    except RunNotFound:
        return
    words = f"there is a run {run} of an earlier study; choose another name, or delete its runs"
    raise SpecError("name", name, words)


def put_to_work(name: str, chore: str) -> None:
    """Let the supervisor run the steps of a study's chore until the chore has ended.

    Args:
        name: of the study.
        chore: a row of :data:`genlab.core.tables.CHORES`.
    """
    runs.store().put_item(Item(CHORE, name, {"chore": chore}), action="open_study")
    runs.ensure_supervisor()


def open_study(name: str) -> Study:
    """A study by its name.

    Raises:
        RunNotFound: if there is none.
    """
    item = runs.store_to_read().item(KIND, name)
    if item is None:
        raise RunNotFound(f"There is no study {name!r}.")
    return Study.of(item.id, item.values, item.owner)


def list_studies() -> list[Study]:
    """All studies, the newest first."""
    found = runs.store_to_read().items(KIND)
    return [Study.of(item.id, item.values, item.owner) for item in reversed(found)]


def submit_missing(study: Study) -> int:
    """Queue the runs of a study that are not in the store; returns their number.

    This completes a study whose program died while it queued the runs. No run is queued twice,
    because its id follows from the study.
    """
    store, queued = runs.store(), 0
    if study.paused:
        return 0
    for cell in study.cells:
        if study.arms[cell.arm].changes or study.base:
            try:
                store.get(cell.run)
                continue
            except RunNotFound:
                pass
            title = f"{study.title}: {study.arms[cell.arm].name}, seed {cell.seed}"
            try:
                store.create(study.spec(cell).flat(), title=title, run=cell.run)
            except RunStateError:
                continue
            queued += 1
    if queued:
        runs.ensure_supervisor()
    return queued


def extend(name: str, seeds: int) -> Study:
    """Add this number of seeds to every arm, after the largest seed.

    Raises:
        SpecError: for more than 100 seeds an arm, or a study of existing runs.
        NotAllowed: for a study of somebody else.
    """
    study = open_study(name)
    if not study.cells:
        raise SpecError("study", name, "its search must end before it has seeds")
    last = max(study.seeds)
    if not study.base and not any(arm.changes for arm in study.arms):
        raise SpecError("study", name, "it consists of existing runs, which have no common base")
    if seeds < 1 or len(study.seeds) + seeds > MOST_SEEDS:
        raise SpecError("seeds", seeds, f"allowed: up to {MOST_SEEDS} an arm in all")
    more = cells_of(name, len(study.arms), range(last + 1, last + 1 + seeds))
    longer = replace(study, cells=(*study.cells, *more))
    runs.store().put_item(Item(KIND, name, longer.values()), action="change_study")
    submit_missing(longer)
    return open_study(name)


def pause(name: str) -> Study:
    """Hold the waiting runs of a study back; running ones train to their end.

    Raises:
        NotAllowed: for a study of somebody else.
    """
    study = replace(open_study(name), paused=True)
    store = runs.store()
    store.put_item(Item(KIND, name, study.values()), action="change_study")
    mine = {*(cell.run for cell in study.cells), *study.trial_runs}
    for run in mine.intersection(store.queue()):
        # Stopping a run that waits takes it out of the queue.
        with contextlib.suppress(RunStateError):
            store.request(run, Command("stop"))
    return study


def resume(name: str) -> Study:
    """Queue the runs that :func:`pause` held back, and those that were never queued.

    Runs that somebody stopped by hand, and those whose process died, are queued too.

    Raises:
        NotAllowed: for a study of somebody else.
    """
    study = replace(open_study(name), paused=False)
    store = runs.store()
    store.put_item(Item(KIND, name, study.values()), action="change_study")
    back = sum(store.set_status(cell.run, "queued", only_from=HELD) for cell in study.cells)
    if study.search is not None and not study.search.ended:
        for run in study.trial_runs:
            # A trial that was held back while it waited; a trial that had begun has its result
            # already.
            with contextlib.suppress(RunNotFound):
                if store.get(run).step == 0:
                    back += store.set_status(run, "queued", only_from={"stopped"})
        put_to_work(name, "advance_search")
    elif study.stop_early and not study.stopped:
        put_to_work(name, "watch_futility")
    if back + submit_missing(study):
        runs.ensure_supervisor()
    return study


def delete(name: str) -> None:
    """Delete a study; its runs are kept.

    Raises:
        RunNotFound: if there is none.
        NotAllowed: for a study of somebody else.
    """
    open_study(name)
    runs.store().remove(KIND, name, action="delete_study")
    trials.forget(name)
