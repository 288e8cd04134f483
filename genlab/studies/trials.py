"""The trials of a search in Optuna's tables, which are in the database of the run store.

Optuna's ask-and-tell interface (Akiba et al. 2019, "Optuna: A next-generation hyperparameter
optimization framework") proposes a trial and takes its result; a trial is a run of the ordinary
queue. The whole state of a search is in the database, so a program that dies loses nothing: a
trial without a run gets one, and the run's id follows from the number of its trial.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.pool import NullPool

from genlab import runs
from genlab.core.errors import StoreError
from genlab.studies.search import Dimension, Search, trial_run

#: The number of random trials before a model of the results proposes trials.
AT_RANDOM = 10
#: A trial may be stopped at these shares of its steps, but not before the third of them.
RUNGS = tuple(k / 10 for k in range(1, 10))
#: The number of trials that must have reached a rung before a trial is stopped there.
FEWEST_AT_RUNG = 4
#: The attribute of a trial whose run did not end as ``done``: how it ended.
ENDED = "ended"
#: The attribute of a trial whose run is in the store.
QUEUED = "queued"
DIRECTIONS = {
    "lower": optuna.study.StudyDirection.MINIMIZE,
    "higher": optuna.study.StudyDirection.MAXIMIZE,
}

optuna.logging.set_verbosity(optuna.logging.WARNING)


def storage() -> BaseStorage:
    """Optuna's storage in the database of this process's run store.

    Raises:
        StoreError: if the database cannot be used.
    """
    url = runs.store_url()
    try:
        return _storage(url, os.getpid())
    except (sa.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        raise StoreError(f"The trials of searches cannot be read or written: {error}") from None


@functools.lru_cache(maxsize=8)
def _storage(url: str, _process: int) -> BaseStorage:
    """The storage of one process, since a connection must not be shared with a child process."""
    if url == "memory:":
        return InMemoryStorage()
    # The store first: it makes the folder and sets the journal.
    runs.store()
    known: dict[str, Any] = {"poolclass": NullPool}
    if url.startswith("sqlite"):
        known["connect_args"] = {"timeout": 15.0}
    return RDBStorage(url, engine_kwargs=known)


def sampler_of(search: Search, asked: int) -> optuna.samplers.BaseSampler:
    """The sampler of the next trial.

    Its random stream follows from the search's seed and the number of trials so far: a restarted
    program proposes the same trials.
    """
    words = f"{search.seed}/{asked}".encode()
    seed = int.from_bytes(hashlib.sha256(words).digest()[:4], "big")
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=AT_RANDOM, constant_liar=search.at_once > 1
    )


def open_trials(name: str, search: Search) -> optuna.Study:
    """Optuna's study of a search; it is created if it does not exist."""
    return optuna.create_study(
        storage=storage(),
        study_name=name,
        direction=DIRECTIONS[search.direction],
        load_if_exists=True,
        sampler=sampler_of(search, 0),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=FEWEST_AT_RUNG, n_warmup_steps=0, n_min_trials=FEWEST_AT_RUNG
        ),
    )


def distribution(one: Dimension) -> BaseDistribution:
    """A dimension as Optuna's distribution."""
    if one.choices:
        return CategoricalDistribution(one.choices)
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(one.low, one.high, log=one.log)


def ask(study: optuna.Study, search: Search) -> FrozenTrial:
    """The next trial, with a value for every dimension."""
    study.sampler = sampler_of(search, len(study.get_trials(deepcopy=False)))
    return complete(study, study.ask(), search)


def complete(study: optuna.Study, trial: Trial | FrozenTrial, search: Search) -> FrozenTrial:
    """Add the missing values of a trial; existing values stay."""
    if isinstance(trial, FrozenTrial):
        if all(one.name in trial.params for one in search.space):
            return trial
        study.sampler = sampler_of(search, trial.number)
        trial = Trial(study, trial._trial_id)
    for one in search.space:
        trial._suggest(one.name, distribution(one))
    return study.get_trials(deepcopy=False)[trial.number]


def rungs(steps: int) -> tuple[int, ...]:
    """The steps at which trials are compared.

    Example:
        >>> rungs(2000)[:3]
        (200, 400, 600)
    """
    return tuple(sorted({max(1, round(share * steps)) for share in RUNGS}))


def report(
    study: optuna.Study, trial: FrozenTrial, curve: Sequence[tuple[int, float]], steps: int
) -> bool:
    """Record the trial's results so far; returns whether the trial should be stopped.

    The value at a rung is the last one at or before it. Probes run by the clock, so two runs are
    measured at slightly different steps near a rung.

    Args:
        study: Optuna's study.
        trial: the running trial.
        curve: (step, value) in the order of the steps.
        steps: of the whole run.
    """
    if not curve:
        return False
    now = curve[-1][0]
    stop = False
    known = trial.intermediate_values
    live = Trial(study, trial._trial_id)
    for number, rung in enumerate(rungs(steps)):
        if rung > now or rung in known:
            continue
        before = [value for step, value in curve if step <= rung]
        if not before:
            continue
        live.report(before[-1], rung)
        stop = number >= 2 and live.should_prune()
    return stop


def tell(study: optuna.Study, trial: FrozenTrial, value: float | None, ended: str) -> None:
    """Record the end of a trial.

    A run that diverged counts as stopped early, so the sampler avoids its options; from a failed
    trial the sampler learns nothing.

    Args:
        study: Optuna's study.
        trial: the trial that ended.
        value: its result, None without a result.
        ended: ``done``, ``pruned``, ``diverged``, ``failed``, ...; noted beside the trial.
    """
    if trial.state.is_finished():
        return
    Trial(study, trial._trial_id).set_user_attr(ENDED, ended)
    if value is not None and math.isfinite(value):
        study.tell(trial.number, value)
    elif ended in {"pruned", "diverged"}:
        study.tell(trial.number, state=TrialState.PRUNED)
    else:
        study.tell(trial.number, state=TrialState.FAIL)


def note_queued(study: optuna.Study, trial: FrozenTrial) -> None:
    """Record that the run of a trial is in the store: a missing run was then deleted."""
    Trial(study, trial._trial_id).set_user_attr(QUEUED, True)


@dataclass(frozen=True)
class Tried:
    """A trial for display.

    Args:
        number: from 1.
        run: its id.
        params: the values of the searched options.
        value: its result; None before there is one.
        ended: how it ended, ``running`` while it has not.
        best: whether its result is the best so far.
    """

    number: int
    run: str
    params: Mapping[str, Any]
    value: float | None
    ended: str
    best: bool = False


def tried(name: str, search: Search) -> list[Tried]:
    """The trials of a search so far, in order."""
    study = open_trials(name, search)
    trials = study.get_trials(deepcopy=False)
    done = [t for t in trials if t.state == TrialState.COMPLETE]
    sign = -1.0 if search.direction == "higher" else 1.0
    best = min(done, key=lambda t: sign * float(t.value or 0.0)).number if done else None
    return [
        Tried(
            t.number + 1,
            trial_run(name, t.number),
            dict(t.params),
            t.value if t.state == TrialState.COMPLETE else None,
            str(t.user_attrs.get(ENDED, "running")),
            t.number == best,
        )
        for t in trials
    ]


def forget(name: str) -> None:
    """Delete the trials of a search; their runs are kept."""
    try:
        optuna.delete_study(study_name=name, storage=storage())
    except KeyError:
        return
