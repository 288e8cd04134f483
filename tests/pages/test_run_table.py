"""The table of all runs: what is searched, sorted, renamed, tagged and deleted, and how fast."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.runs import RunQuery, access
from genlab.runs.schema import numbers
from genlab.runs.sql_search import distinct
from genlab.runs.store import Record
from genlab.ui.run_table import for_each


@pytest.fixture
def three(home) -> list[str]:
    """Three ended runs with a number each."""
    spec = RunSpec.build(model="vae", data="ring").flat()
    store, found = runs.store(), []
    for i, value in enumerate((3.0, 1.0, 0.99996)):
        run = store.create(spec, title=f"Run {i}", worker="w")
        store.append(run, [Record(1, "scalars", {"elbo": value})])
        store.set_status(run, "done")
        found.append(run)
    return found


def test_the_table_shows_runs_with_their_numbers_and_sorts_by_them(visit, three):
    app = visit("compare")
    assert not app.exception
    frame = app.dataframe[0].value
    assert list(frame["Name"]) == ["Run 2", "Run 1", "Run 0"]
    app.selectbox(key="runs.sort").set_value("elbo").run()
    frame = app.dataframe[0].value
    assert list(frame["Id"]) == three
    assert list(frame["elbo"]) == ["3", "1", "0.99996"]
    app.text_input(key="runs.text").set_value("run 1").run()
    assert list(app.dataframe[0].value["Name"]) == ["Run 1"]
    app.text_input(key="runs.text").set_value("nothing").run()
    assert not app.dataframe
    assert any("No run matches" in one.value for one in app.caption)


def test_what_is_refused_does_not_hold_up_the_others(three):
    rows = runs.find(RunQuery()).rows
    active = runs.store().create(RunSpec.build(model="vae", data="ring").flat(), title="waits")
    every = [runs.store().get(active), *rows]
    done, refused = for_each(every, lambda row: runs.delete(row.id), "deleted")
    assert done == "3 runs were deleted."
    assert "waits" in refused
    assert "stop it before" in refused
    assert [row.id for row in runs.find(RunQuery()).rows] == [active]


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery(sort="title", descending=False),
        RunQuery(sort="status"),
        RunQuery(sort="step"),
        RunQuery(text="run 7"),
        RunQuery(text="nothing"),
        RunQuery(status=("running",), tags=("a",), model="vae"),
    ],
)
def test_a_search_reads_the_long_texts_of_those_alone_that_it_shows(home, query):
    store = runs.store()
    store.create(RunSpec.build(model="vae", data="ring").flat(), title="Run 7", worker="w")
    said = []

    def listen(connection, cursor, statement, parameters, *_):
        said.append((statement, parameters))

    sa.event.listen(store._engine, "before_cursor_execute", listen)
    runs.find(query)
    runs.store().known_words()
    sa.event.remove(store._engine, "before_cursor_execute", listen)
    plans = []
    with store._reading() as connection:
        for statement, parameters in said:
            if "FROM runs" in statement and "runs.spec" not in statement:
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans += [row[3] for row in rows if "runs" in row[3].split()]
    assert len(plans) >= 2
    # A scan of the rows themselves goes through every spec and every list of series; the newest
    # runs are read from the end, and no more of them than a page has.
    rest = [plan for plan in plans if "COVERING INDEX" not in plan]
    assert rest == (["SCAN runs"] if query == RunQuery() else [])


def test_the_names_of_numbers_are_found_by_steps_in_their_index(three):
    store = runs.store()
    names = [f"n{i:02d}" for i in range(5)]
    for run in three:
        with access.acting_as(access.MACHINE):
            store.put_numbers(run, dict.fromkeys(names, 1.0))
    assert store.known_words()[1] == ["elbo", *names]

    def work() -> int:
        """Instructions of the database's machine."""
        count = 0

        def one() -> int:
            nonlocal count
            count += 1
            return 0

        with store._reading() as connection:
            raw = connection.connection.driver_connection
            raw.set_progress_handler(one, 1)
            found = connection.execute(distinct(numbers.c.name)).scalars().all()
            raw.set_progress_handler(None, 0)
        assert found == ["elbo", *names]
        return count

    few = work()
    with store._writing() as connection:
        rows = [{"run": f"r{i}", "name": n, "value": 1.0} for i in range(500) for n in names]
        connection.execute(numbers.insert(), rows)
    assert work() < 1.1 * few


def test_a_search_finds_what_the_table_shows_whatever_the_case(home):
    spec = RunSpec.build(model="vae", data="ring").flat()
    store = runs.store()
    plain, other = store.create(spec), store.create(spec, title="ÄRGER mit Tags")
    runs.edit(other, tags=["Größe"])

    def found(**values):
        return [row.id for row in runs.find(RunQuery(**values)).rows]

    assert found(text="VAE on ring") == [plain]
    assert found(text="ärger") == found(text="GRÖSSE") == [other]
    assert found(sort="title") == [other, plain]
    runs.edit(other, title="A line")
    assert found(sort="title", descending=False) == [other, plain]
    assert found(text="ärger") == []
    first, second = store.headings()
    assert (first.id, first.name, first.model, first.data) == (other, "A line", "vae", "ring")
    assert second.name == "vae on ring"
    assert store.headings(without=("queued",)) == store.headings(data="digits") == []


def test_a_run_is_taken_along_in_the_formats_that_it_has(shelf):
    from streamlit.testing.v1 import AppTest

    def page(run: str) -> None:
        from genlab import runs
        from genlab.ui.run_table import _take_along

        _take_along(runs.store().get(run))

    app = AppTest.from_function(page, args=(shelf["ring"],), default_timeout=60).run()
    assert not app.exception
    titles = list(app.selectbox(key="runs.format").options)
    assert "Weights as safetensors" in titles
    assert "Curves for TensorBoard" in titles
    assert "Samples as png" not in titles
    (button,) = app.get("download_button")
    assert button.proto.label == "Download"
