"""Compare: the runs of the URL, the pair, and metrics that are those of the model."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.evaluate.metrics import evaluate


def press(app, label):
    next(button for button in app.button if button.label == label).click()
    return app.run()


def test_without_runs_a_pair_is_offered_and_started_alike(visit, home):
    app = visit("compare")
    assert any("Nothing to compare yet" in text.value for text in app.markdown)
    app.number_input[0].set_value(7)
    app = press(app, "Start a pair")
    rows = {row.id: row.spec for row in runs.store().runs()}
    assert {spec["model"] for spec in rows.values()} == {"vae", "gan"}
    for name in ("data", "seed", "steps", "batch"):
        assert len({spec[name] for spec in rows.values()}) == 1
    assert {spec["seed"] for spec in rows.values()} == {7}
    assert set(app.query_params["runs"].split(",")) == set(rows)
    assert set(app.multiselect[0].value) == set(rows)


def test_the_table_holds_the_metrics_of_the_models(visit, work, shelf):
    # What the tests before this one asked for is none of its jobs.
    work()
    app = visit("compare", runs=f"{shelf['vae']},{shelf['gan']}")
    assert not app.exception
    assert not app.table
    assert work() == 2
    app = app.run()
    table = app.table[0].value
    assert {"vae", "gan", "metric"} <= set(table.columns)
    view = runs.open_run(shelf["vae"])
    expected = {e.series.title: e for e in evaluate(view.model(), view.data(), 0, 1000)}
    cells = dict(zip(table["metric"], table["vae"], strict=True))
    for title, estimate in expected.items():
        assert float(cells[title].split(" ")[0]) == pytest.approx(estimate.value, rel=2e-3)
    kinds = dict(zip(table["metric"], table["kind of number"], strict=True))
    assert any("lower bound" in text for text in kinds.values())


def test_a_referee_judges_when_asked(visit, work, shelf):
    app = visit("compare", runs=f"{shelf['vae']},{shelf['gan']}")
    work()
    app = app.run()
    titles = set(app.table[0].value["metric"])
    app.toggle[0].set_value(True)
    app = app.run()
    assert not app.exception
    assert work() == 2
    app = app.run()
    table = app.table[0].value
    added = set(table["metric"]) - titles
    assert len(added) == 5
    assert all("referee" in title for title in added)
    bound = table[table["metric"] == "JS(held-out ‖ generated) ≥, by a referee"].iloc[0]
    for run in ("vae", "gan"):
        value, low = (float(text.strip("[,")) for text in bound[run].split(" ")[:2])
        assert low <= value < 0.75
    assert "lower bound" in bound["kind of number"]


def test_unknown_and_too_many_runs_are_said(visit, shelf):
    names = [shelf[key] for key in ("vae", "gan", "ring", "made")]
    app = visit("compare", runs=",".join([*names, "nobody"]))
    assert "nobody" in app.error[0].value
    assert app.multiselect[0].value == names
