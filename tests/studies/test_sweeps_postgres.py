"""Sweeps on a real PostgreSQL server: trials and runs in one database, two programs at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from genlab import runs, studies
from genlab.studies import trials
from genlab.studies.search import Search
from genlab.testing.servers import empty_database
from tests.studies.test_sweeps import BASE, finish, wanted


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch, place: object) -> Iterator[str]:
    """The URL of an empty database, which holds the store of the test."""
    with empty_database() as url:
        monkeypatch.setenv("GENLAB_STORE", url)
        runs.configure()
        yield url
        runs.configure()
        trials._storage.cache_clear()


def test_a_search_ends_and_its_trials_lie_beside_the_runs(database: str) -> None:
    studies.start_search(BASE, ["lr=1e-4..1e-1:log,latent=1..6"], 3, seeds=1, at_once=2, name="pg")
    # The program dies after it asked, before it queued: another one queues that very trial.
    asked = trials.ask(trials.open_trials("pg", wanted(studies.open_study("pg"))),
                       wanted(studies.open_study("pg")))  # fmt: skip
    trials._storage.cache_clear()
    runs.configure()
    study = finish("pg")
    search = wanted(study)
    found = trials.tried("pg", search)
    assert [one.number for one in found] == [1, 2, 3]
    assert [one.ended for one in found] == ["done"] * 3
    assert found[asked.number].params == asked.params
    for one in found:
        spec = runs.store().get(one.run).spec
        assert {name: spec[name] for name in one.params} == one.params
    assert search.best_value == max(one.value for one in found if one.value is not None)
    assert len(study.cells) == 2
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        names = connection.execute(sa.text("SELECT study_name FROM studies")).scalars().all()
        count = connection.execute(sa.text("SELECT count(*) FROM trials")).scalar_one()
    engine.dispose()
    assert (names, count) == (["pg"], 3)
    studies.delete("pg")
    with pytest.raises(KeyError):
        trials.optuna.load_study(study_name="pg", storage=trials.storage())


def _ask(search: Search, barrier: object, out: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    try:
        barrier.wait(120)  # type: ignore[attr-defined]
        out.put(trials.open_trials("race", search).ask().number)
    except BaseException as error:
        out.put(f"{type(error).__name__}: {error}")


def test_programs_that_open_a_search_at_once_make_one_study_and_no_trial_twice() -> None:
    search = wanted(studies.start_search(BASE, {"latent": "1..6"}, 4, name="race"))
    runs.configure()
    context = multiprocessing.get_context("fork")
    barrier, out = context.Barrier(4), context.Queue()
    children = [context.Process(target=_ask, args=(search, barrier, out)) for _ in range(4)]
    for child in children:
        child.start()
    found = [out.get(timeout=120) for _ in children]
    for child in children:
        child.join(timeout=60)
    assert sorted(map(str, found)) == ["0", "1", "2", "3"], found
