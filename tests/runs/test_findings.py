"""The sentinel on real runs: planted failures are seen, healthy runs raise no alarm."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from genlab import cli, runs
from genlab.runs import foreground
from genlab.runs.findings import RunSentinel, findings_as_json, remedy_forks
from genlab.runs.store import Record

RING = {"model": "gan", "data": "ring"}
DIGITS = {"model": "vae", "data": "digits"}
#: One mode on the line, small nets, momentum: the textbook's game that goes round.
ROUND = {"model": "gan", "data": "gaussian", "dim": 1, "mean": 2, "std": 0.2}
ROUND |= {"hidden": 16, "layers": 1, "latent": 1, "lr": 1e-3, "beta1": 0.9}


@pytest.fixture
def home(tmp_path, monkeypatch, every_look):
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    runs.configure("memory:", tmp_path / "files")
    yield tmp_path
    runs.configure()


def found(view):
    return {one.name: one for one in RunSentinel(view.id).look(view)}


@pytest.mark.parametrize(
    ("values", "name", "steps"),
    [
        ({**DIGITS, "objective": "beta", "beta": 50, "latent": 8}, "posterior_collapse", 400),
        ({**DIGITS, "lr": 1.0}, "diverged", 50),
        ({**RING, "objective": "lsgan", "lr": 1.0, "hidden": 64}, "exploding", 400),
        (
            {
                **RING,
                "lr": 0.03,
                "lr_final_ratio": 1.0,
                "beta1": 0.9,
                "hidden": 128,
                "data": "gaussian",
            },
            "mode_collapse",
            800,
        ),
        (ROUND, "oscillation", 6000),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_planted_failure_is_seen(home, values, name, steps):
    # A game escapes its planted failure for about one seed in twelve.
    for seed in range(4):
        view = foreground.train({**values, "steps": steps, "seed": seed})
        seen = found(view)
        if name in seen:
            break
    assert name in seen
    assert seen[name].remedies
    for offer in remedy_forks(view, seen[name]):
        assert offer.step in view.snapshots()
        assert offer.step < seen[name].since or offer.step == view.snapshots()[0]


@pytest.mark.parametrize(
    "values",
    [
        {**DIGITS, "latent": 8, "steps": 600},
        {**RING, "lr": 1e-3, "steps": 1500},
        {**RING, "lr": 1e-3, "steps": 1500, "seed": 1},
        {"model": "vae", "data": "moons", "steps": 500},
    ],
    ids=lambda values: f"{values['model']}-{values['data']}-{values.get('seed', 0)}",
)
def test_a_healthy_run_raises_no_alarm(home, values):
    assert found(foreground.train(values)) == {}


def test_a_remedy_heals(home):
    view = foreground.train({**DIGITS, "objective": "beta", "beta": 50, "latent": 8, "steps": 400})
    (offer,) = [
        one
        for one in remedy_forks(view, found(view)["posterior_collapse"])
        if "beta" in one.changes
    ]
    child = runs.fork(view.id, offer.step, offer.changes)
    runs.store().claim("test:1", child)
    healed = foreground._perform(child, ())
    assert healed.row.status == "done"
    assert found(healed) == {}
    kl = [r.payload["val_kl"] for r in healed.read(limit=9999) if "val_kl" in r.payload]
    assert kl[-1] > 1.0


def test_records_are_read_by_cursor_and_judged_only_when_there_are_new_ones(home, monkeypatch):
    view = foreground.train({**DIGITS, "steps": 30})
    asked = []
    real = view.read
    monkeypatch.setattr(
        view, "read", lambda after, **rest: (asked.append(after), real(after=after, **rest))[1]
    )
    sentry = RunSentinel(view.id)
    sentry.look(view)
    end = asked[-1]
    assert end > 0
    asked.clear()
    sentry.look(view)
    assert asked == [end]
    runs.store().append(view.id, [Record(31, "scalars", {"elbo": -20.0})])
    asked.clear()
    sentry.look(view)
    assert asked[0] == end < asked[1]


def test_a_fork_that_begins_late_is_given_half_of_the_run_again(home):
    view = foreground.train({**DIGITS, "objective": "beta", "beta": 50, "steps": 400})
    one = found(view)["posterior_collapse"]
    last, since = view.snapshots()[-2:]
    late = remedy_forks(view, type(one)(**{**vars(one), "since": since}))
    assert late
    assert all(offer.changes.get("steps", 400) - offer.step >= 200 for offer in late)
    assert all(offer.step == last for offer in late)


def test_a_fork_begins_before_all_that_is_seen(home):
    view = foreground.train({**DIGITS, "objective": "beta", "beta": 50, "steps": 200})
    one = found(view)["posterior_collapse"]
    later, sooner = (replace(one, since=since) for since in view.snapshots()[-1:1:-2][:2])
    alone, beside = remedy_forks(view, later), remedy_forks(view, later, [later, sooner])
    assert sooner.since < later.since
    assert {offer.step for offer in beside} == {offer.step for offer in remedy_forks(view, sooner)}
    assert alone[0].step > beside[0].step


def test_show_tells_what_was_found(home, capsys):
    view = foreground.train({**DIGITS, "lr": 1.0, "steps": 50})
    cli.main(["show", view.id])
    (one,) = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
    assert one == json.loads(json.dumps(findings_as_json(view)[0]))
    assert (one["name"], one["severity"]) == ("diverged", "serious")
    assert {"step": 0, "changes": {"lr": 0.002}}.items() <= one["forks"][0].items()
