"""Watch: a run branches off another one at the step of the time slider, with something changed."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.runs import foreground


@pytest.fixture
def parent(home):
    values = {"model": "gan", "data": "ring", "steps": 8, "batch": 16, "hidden": 8}
    return foreground.train(values, title="the parent")


def opened(visit, run, **params):
    app = visit("watch", run=run, **params)
    app.session_state[f"fork.{run}"] = True
    return app.run()


def press(app, key):
    app.button(key=key).click()
    return app.run()


def widget(found, start):
    return next(one for one in found if (one.key or "").startswith(start))


def test_the_form_starts_at_the_slider_and_the_values_of_the_run(visit, parent):
    closed = visit("watch", run=parent.id)
    assert "fork.go" not in [button.key for button in closed.button]
    app = opened(visit, parent.id, step="5")
    assert not app.exception
    assert app.number_input(key=f"fork.step.{parent.id}.5").value == 5
    assert widget(app.select_slider, f"fork.{parent.id}.nonsaturating.lr.").value == pytest.approx(
        parent.spec.flat()["lr"]
    )
    assert any("bit for bit" in text.value for text in app.caption)
    at = max(step for step in parent.snapshots() if step <= 5)
    app = press(app, "fork.go")
    fork = runs.store().runs()[0]
    assert (fork.parent, fork.parent_step, dict(fork.changes)) == (parent.id, at, {})
    assert app.title[0].value == "Compare"
    assert app.query_params["runs"] == f"{parent.id},{fork.id}"


def test_what_is_changed_is_said_before_and_after(visit, parent):
    app = opened(visit, parent.id, step="5")
    app.selectbox(key=f"fork.objective.{parent.id}").select("r3gan").run()
    start = f"fork.{parent.id}.r3gan"
    widget(app.select_slider, f"{start}.lr.").set_value(0.01).run()
    widget(app.number_input, f"{start}.steps.").set_value(20).run()
    widget(app.select_slider, f"{start}.gamma.").set_value(5.0).run()
    assert not app.exception
    words = next(text.value for text in app.markdown if text.value.startswith("From step"))
    assert "objective nonsaturating → r3gan" in words
    assert "→ 0.01" in words
    assert "gamma 5" in words
    press(app, "fork.go")
    fork = runs.store().runs()[0]
    assert (fork.spec["objective"], fork.spec["lr"], fork.steps) == ("r3gan", 0.01, 20)
    page = visit("watch", run=fork.id)
    said = next(text.value for text in page.markdown if "Forked from" in text.value)
    assert parent.id in said
    assert "objective nonsaturating → r3gan" in said
    page = press(page, "fork.parent")
    assert (page.query_params["run"], page.query_params["step"]) == (
        parent.id,
        str(fork.parent_step),
    )
    assert page.selectbox[0].value == parent.id
    runs.delete(parent.id)
    page = visit("watch", run=fork.id)
    assert any("parent was deleted" in text.value for text in page.caption)
    assert not page.exception


@pytest.mark.parametrize("step", ["²", "9" * 5000, "-3", "x"])
def test_a_step_that_is_none_breaks_nothing(visit, parent, step):
    app = opened(visit, parent.id, step=step)
    assert not app.exception
    assert app.button(key="fork.go").label == "Fork it"


def test_at_its_end_a_run_is_given_more_steps(visit, parent):
    app = opened(visit, parent.id)
    field = app.number_input(key=f"fork.step.{parent.id}.")
    assert (field.value, field.placeholder) == (None, "the newest: 8")
    assert any("for as many steps again" in text.value for text in app.caption)
    press(app, "fork.go")
    fork = runs.store().runs()[0]
    assert (fork.parent_step, fork.step, fork.steps) == (8, 8, 16)


def test_a_damaged_snapshot_is_said_and_nothing_is_queued(visit, parent, home):
    app = opened(visit, parent.id, step="0")
    for file in (home / "files" / "runs" / parent.id / "snapshots").glob("*.safetensors"):
        file.write_bytes(b"nothing")
    app = press(app, "fork.go")
    assert any("checksum" in error.value for error in app.error)
    assert [row.id for row in runs.store().runs()] == [parent.id]
    for file in (home / "files" / "runs" / parent.id / "snapshots").iterdir():
        file.unlink()
    app = opened(visit, parent.id)
    assert any("no snapshot yet" in text.value for text in app.info)


def test_a_shipped_model_is_forked_too(visit, home):
    app = opened(visit, "shipped:vae-mnist5k")
    assert not app.exception
    press(app, "fork.go")
    fork = runs.store().runs()[0]
    assert fork.parent == "shipped:vae-mnist5k"
    assert fork.steps == 2 * fork.step
