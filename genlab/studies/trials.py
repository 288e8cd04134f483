"""The trials of a search in Optuna's own tables, which lie in the database of the run store.

Asked and told (Akiba et al. 2019, "Optuna: A next-generation hyperparameter optimization
framework"): a trial is a run of the ordinary queue. Everything that a search knows is in the
database, so a program that dies loses nothing: a trial without a run gets one, and a run is found
by the number of its trial.
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

#: Trials that are drawn at random before a model of the results proposes them.
AT_RANDOM = 10
#: A trial is judged at these shares of its steps, and not before the third of them.
RUNGS = tuple(k / 10 for k in range(1, 10))
#: Trials that must have reached a rung before one is stopped there.
FEWEST_AT_RUNG = 4
#: What is noted beside a trial: how its run ended, if not well.
ENDED = "ended"
#: Noted once the run of a trial is in the store.
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
    """One a process: a connection must not be shared with a child."""
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

    Its random stream follows from the search's seed and the number of trials so far: a program
    that starts anew proposes what the one before would have proposed.
    """
    words = f"{search.seed}/{asked}".encode()
    seed = int.from_bytes(hashlib.sha256(words).digest()[:4], "big")
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=AT_RANDOM, constant_liar=search.at_once > 1
    )


def open_trials(name: str, search: Search) -> optuna.Study:
    """Optuna's study of a search; it is made where it is not there yet."""
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
    """A dimension as Optuna has it."""
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
    """Give a trial the values that it lacks; those that it has stay."""
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
    """Tell the trial's results so far; whether it should be stopped.

    The value of a rung is the last one at or before it. The looks at a run follow the clock, so
    two runs are not seen at exactly the same steps, but within one look of a rung.

    Args:
        study: Optuna's study.
        trial: that runs.
        curve: (step, value) by rising steps.
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
    """Tell how a trial has ended.

    A run that diverged counts as one that was stopped early: the sampler then avoids its options,
    which it would not learn from a trial that merely failed.

    Args:
        study: Optuna's study.
        trial: that ran.
        value: its result, None where it has none.
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
    """Note that the run of a trial is in the store: if it is gone later, it was deleted."""
    Trial(study, trial._trial_id).set_user_attr(QUEUED, True)


@dataclass(frozen=True)
class Tried:
    """A trial as people read it.

    Args:
        number: from 1.
        run: its id.
        params: the values of the searched options.
        value: its result; None while it has none.
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
    """Forget the trials of a search; their runs stay."""
    try:
        optuna.delete_study(study_name=name, storage=storage())
    except KeyError:
        return
