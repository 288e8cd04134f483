"""Start: a preset creates exactly the runs it says, and the page jumps to them."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.core.errors import StoreError
from genlab.core.run_spec import RunSpec
from genlab.runs.store import Record
from genlab.ui.presets import PRESETS


def title(app):
    return app.title[0].value


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_a_preset_queues_its_runs_and_opens_the_page_that_shows_them(visit, home, preset):
    app = visit("start")
    app.button(key=f"preset.{preset.key}").click().run()
    assert not app.exception
    rows = {row.title: row for row in runs.store().runs()}
    wanted = {name: RunSpec.build(**values).flat() for name, values in preset.runs.items()}
    assert {name: dict(row.spec) for name, row in rows.items()} == wanted
    assert {row.status for row in rows.values()} == {"queued"}
    if len(wanted) == 1:
        assert title(app) == "Watch"
        assert app.query_params["run"] == next(iter(rows.values())).id
    else:
        assert title(app) == "Compare"
        assert set(app.query_params["runs"].split(",")) == {row.id for row in rows.values()}


def test_an_empty_store_says_what_to_do_next(visit, home):
    app = visit("start")
    assert any("No run yet" in m.value for m in app.markdown)
    assert [b.label for b in app.button][:4] == ["Start", "Start", "Start", "Start both"]


def test_a_preset_takes_less_than_a_minute_to_say():
    words = [word for preset in PRESETS for word in preset.text.split()]
    assert len(PRESETS) == 4
    assert 20 < len(words) < 90


def test_recent_runs_show_their_state_their_steps_and_their_place_in_the_queue(visit, home):
    store = runs.store()
    spec = RunSpec.build(model="vae", data="digits", steps=200)
    first = store.create(spec.flat(), title="a *bold* name")
    store.claim("host:1")
    store.set_status(first, "running")
    store.heartbeat(first, step=50, speed=120.0)
    store.append(first, [Record(50, "scalars", {"elbo": -1.0})])
    store.create(spec.flat(), title="second")
    store.create(spec.flat(), title="third")
    app = visit("start")
    texts = [p.proto.text for p in app.get("progress")]
    assert any(text.startswith("step 50 of 200") for text in texts)
    assert "queued, position 1" in texts
    assert "queued, position 2" in texts
    assert any(r"a \*bold\* name" in m.value for m in app.markdown)
    app.button(key=f"watch.{first}").click().run()
    assert (title(app), app.query_params["run"]) == ("Watch", first)


def test_a_lost_run_is_resumed_with_one_click(visit, home):
    store = runs.store()
    run = store.create(RunSpec.build(model="vae", data="digits").flat())
    store.claim("host:1")
    store.set_status(run, "lost", message="its worker died")
    app = visit("start")
    assert any("its worker died" in c.value for c in app.caption)
    app.button(key=f"resume.{run}").click().run()
    assert store.get(run).status == "queued"


def test_shipped_models_are_offered_and_open_in_explore(visit, shelf, monkeypatch):
    view = runs.open_run(shelf["vae"])
    monkeypatch.setattr(runs, "list_shipped", lambda: [view])
    app = visit("start")
    app.button(key=f"shipped.{view.id}").click().run()
    assert (title(app), app.query_params["run"]) == ("Explore", view.id)


def test_a_store_that_cannot_be_used_is_a_sentence_on_the_page(visit, home, monkeypatch):
    def broken():
        raise StoreError("the store is newer than this program: update GenLab.")

    monkeypatch.setattr(runs, "store", broken)
    app = visit("start")
    assert "newer than this program" in app.error[0].value
    assert not app.exception


def test_a_mistake_of_ours_is_a_plain_sentence_without_a_traceback(visit, home, monkeypatch):
    def broken():
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(runs, "list_shipped", broken)
    app = visit("start")
    assert "an error in the program" in app.error[0].value
    assert "secret" not in app.error[0].value
    assert not app.exception
