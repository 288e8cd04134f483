"""Watch: which run is shown, what its buttons do, what is said of a run that went wrong."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.testing.scripted_run import ScriptedRun


@pytest.fixture
def run(home):
    return ScriptedRun(runs.store(), runs.files(), title="one")


def labels(app):
    return [button.label for button in app.button]


def press(app, label):
    next(button for button in app.button if button.label == label).click()
    return app.run()


def test_without_a_run_the_page_says_what_to_do(visit, home):
    app = visit("watch")
    assert any("no run to watch yet" in text.value for text in app.markdown)
    assert "Go to Start" in labels(app)


def test_the_newest_active_run_is_shown_and_named_in_the_url(visit, home):
    active = ScriptedRun(runs.store(), runs.files(), title="active")
    ended = ScriptedRun(runs.store(), runs.files(), title="ended")
    ended.end()
    app = visit("watch")
    assert not app.exception
    assert app.query_params["run"] == active.id
    assert app.selectbox[0].value == active.id
    assert visit("watch", run=ended.id).selectbox[0].value == ended.id


def test_an_unknown_run_is_said_and_nothing_breaks(visit, run):
    app = visit("watch", run="nobody")
    assert "nobody" in app.error[0].value
    assert app.selectbox[0].value == run.id


def test_pause_becomes_a_wish_and_is_answered_at_once(visit, run):
    app = press(visit("watch", run=run.id), "Pause")
    assert [wish.name for wish in run.store.pending(run.id)] == ["pause"]
    assert any("Pause requested" in text.value for text in app.caption)
    run.store.set_status(run.id, "paused")
    assert {"Resume", "One step", "Stop"} <= set(labels(app.run()))


def test_delete_is_asked_twice(visit, run):
    run.end()
    app = visit("watch", run=run.id)
    assert "Pause" not in labels(app)
    assert runs.store().get(run.id).status == "done"
    press(app, "Delete permanently")
    assert runs.store().runs() == []


@pytest.mark.parametrize(
    ("status", "advice"),
    [("diverged", "smaller learning rate"), ("lost", "Resume"), ("failed", "then resume")],
)
def test_a_run_that_went_wrong_says_what_to_do(visit, run, status, advice):
    run.go(10)
    run.end(status, "the reason")
    app = visit("watch", run=run.id)
    assert advice in app.error[0].value
    assert "the reason" in app.error[0].value
    assert ("Resume" in labels(app)) == (status != "diverged")


def test_a_lost_run_is_queued_again(visit, run):
    run.end("lost")
    press(visit("watch", run=run.id), "Resume")
    assert runs.store().get(run.id).status == "queued"


@pytest.fixture
def game(home):
    """A paused run of two players."""
    store = runs.store()
    spec = {"model": "gan", "data": "ring", "steps": 100, "seed": 0}
    run = store.create(spec, title="game", worker="test:0")
    store.set_status(run, "paused")
    return run


def wishes(run):
    return [(wish.name, dict(wish.values)) for wish in runs.store().pending(run)]


def test_each_player_of_a_paused_game_steps_alone(visit, game):
    app = press(visit("watch", run=game), "Step discriminator")
    assert wishes(game) == [("step", {"n": 1, "player": "discriminator"})]
    press(app, "10 steps of the generator alone")
    assert wishes(game) == [("step", {"n": 10, "player": "generator"})]


def test_a_model_of_one_player_has_whole_steps_only(visit, run):
    run.store.set_status(run.id, "paused")
    found = labels(visit("watch", run=run.id))
    assert "One step" in found
    assert not [label for label in found if label.startswith("Step ")]


def test_slow_motion_and_full_speed_are_wishes(visit, game):
    app = visit("watch", run=game)
    app.selectbox(key=f"live.pace.{game}").select(2.0).run()
    assert wishes(game) == [("pace", {"rate": 2.0})]
    app.selectbox(key=f"live.pace.{game}").select(0.0).run()
    assert wishes(game) == [("pace", {"rate": 0.0})]


def test_a_learning_rate_out_of_range_is_refused_in_the_form(visit, game):
    app = visit("watch", run=game)
    app.text_input(key=f"live.value.lr.{game}").input("7")
    press(app, "Change it")
    assert "from 1e-07 to 1" in app.error[0].value
    assert wishes(game) == []
    app.text_input(key=f"live.value.lr.{game}").input("1e-4")
    press(app, "Change it")
    assert wishes(game) == [("set", {"lr": 1e-4})]


def test_a_run_is_varied_from_its_own_options(visit, home):
    one = runs.start(RunSpec.build(model="gan", data="ring", lr=0.003, modes=5, seed=4))
    app = press(visit("watch", run=one), "Vary")
    assert app.title[0].value == "Train"
    assert (app.query_params["lr"], app.query_params["modes"]) == ("0.003", "5")
    again = visit("train", **dict(app.query_params))
    assert not again.error
    again.button(key="train.start").click().run()
    rows = runs.store().runs()
    assert len(rows) == 2
    assert dict(rows[0].spec) == dict(rows[1].spec)


def test_deleting_a_run_is_no_error_of_the_page(visit, run):
    other = runs.store().create({"model": "vae", "data": "digits", "steps": 10}, title="other")
    runs.store().set_status(other, "stopped")
    run.end("done")
    app = press(visit("watch", run=run.id), "Delete permanently")
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert [row.id for row in runs.store().runs()] == [other]
    assert not [one for one in app.info if run.id in one.value]


def test_a_run_that_another_browser_deleted_is_said_and_not_offered(visit, run):
    other = runs.store().create({"model": "vae", "data": "digits", "steps": 10}, title="other")
    run.end("stopped")
    app = visit("watch", run=run.id)
    assert "Resume" in labels(app)
    runs.delete(run.id)
    app.run()
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert any("was deleted" in one.value for one in app.info)
    # What is shown now is the other run, which waits in the queue.
    assert "Resume" not in labels(app)
    assert app.query_params["run"] in (other, [other])


def test_a_wait_in_the_queue_offers_something_that_is_trained(visit, home, shelf, monkeypatch):
    shipped = runs.open_run(shelf["vae"])
    monkeypatch.setattr(runs, "list_shipped", lambda: [shipped])
    waiting = runs.store().create(shipped.spec.flat(), title="waits")
    app = visit("watch", run=waiting)
    press(app, shipped.row.title)
    assert app.title[0].value == "Explore"
    assert app.query_params["run"] in (shipped.id, [shipped.id])
