"""Watch tells what goes wrong in a run, and starts a fork with a remedy."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.runs import foreground
from genlab.testing.scripted_run import ScriptedRun

HEAVY = {"model": "vae", "data": "digits", "objective": "beta", "beta": 50, "latent": 4}


def said(app):
    texts = (*app.markdown, *app.caption)
    return "\n".join(f"{text.value} {text.help}" for text in texts)


@pytest.fixture
def collapsed(home, every_look):
    return foreground.train({**HEAVY, "steps": 400}, title="heavy").id


def test_a_healthy_run_has_nothing_to_tell(visit, home):
    run = foreground.train({"model": "vae", "data": "digits", "latent": 4, "steps": 60}).id
    app = visit("watch", run=run)
    assert not app.exception
    text = said(app)
    assert "No problem found so far. The recorded numbers were checked for: " in text
    assert "Posterior collapse" in text
    assert "Mode collapse" not in text


def test_a_run_without_numbers_says_nothing(visit, home):
    run = ScriptedRun(runs.store(), runs.files(), title="new")
    app = visit("watch", run=run.id)
    assert not app.exception
    assert "seen so far" not in said(app)


def test_a_remedy_is_a_fork_and_opens_both_branches(visit, collapsed):
    app = visit("watch", run=collapsed)
    (panel,) = [one for one in app.expander if "Posterior collapse" in one.label]
    assert "KL of 4 of 4 latent dimensions" in said(app)
    assert "The KL counts 50 times" in said(app)
    buttons = [one for one in app.button if (one.key or "").startswith("sentinel.")]
    (button,) = [one for one in buttons if one.label.startswith("beta 50 → 1")]
    app = button.click().run()
    assert not app.exception
    child = next(row for row in runs.store().runs() if row.id != collapsed)
    assert child.parent == collapsed
    assert child.spec["beta"] == 1.0
    assert child.parent_step <= 100
    assert app.title[0].value == "Compare"
    assert app.query_params["runs"] == f"{collapsed},{child.id}"
    assert panel.proto.expanded


def test_a_run_that_diverged_is_offered_a_smaller_rate(visit, home):
    run = foreground.train({"model": "vae", "data": "digits", "lr": 1.0, "steps": 50}).id
    assert runs.store().get(run).status == "diverged"
    app = visit("watch", run=run)
    assert any("Divergence" in one.label for one in app.expander)
    labels = [one.label for one in app.button if (one.key or "").startswith("sentinel.")]
    assert "lr 1 → 0.002" in labels
