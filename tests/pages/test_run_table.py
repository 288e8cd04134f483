"""The table of all runs: what is searched, sorted, renamed, tagged and deleted, and how fast."""

from __future__ import annotations

import time

import pytest

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.runs import RunQuery
from genlab.runs.store import Record
from genlab.ui.run_table import for_each, table_columns


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
    assert any("No run is like that" in one.value for one in app.caption)


def test_what_is_refused_does_not_hold_up_the_others(three):
    rows = runs.find(RunQuery()).rows
    active = runs.store().create(RunSpec.build(model="vae", data="ring").flat(), title="waits")
    every = [runs.store().get(active), *rows]
    done, refused = for_each(every, lambda row: runs.delete(row.id), "deleted")
    assert done == "3 runs were deleted."
    assert "waits" in refused
    assert "stop it before" in refused
    assert [row.id for row in runs.find(RunQuery()).rows] == [active]


def test_two_thousand_runs_are_answered_like_five(home):
    spec = RunSpec.build(model="vae", data="ring").flat()

    def seconds() -> float:
        def once() -> float:
            begin = time.perf_counter()
            page = runs.find(RunQuery())
            table_columns(page, ["elbo"])
            runs.store().known_words()
            return time.perf_counter() - begin

        return min(once() for _ in range(15)) / len(runs.find(RunQuery()).rows)

    store = runs.store()
    for i in range(25):
        store.create(spec, title=f"Run {i}", worker="w")
    few = seconds()
    with store._writing() as connection:
        from genlab.runs.schema import runs as table

        row = dict(connection.execute(table.select().limit(1)).mappings().one())
        rows = [{**row, "number": 100 + i, "id": f"copy-{i}"} for i in range(1975)]
        connection.execute(table.insert(), rows)
    assert runs.find(RunQuery()).total == 2000
    assert seconds() < 2.0 * few


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
