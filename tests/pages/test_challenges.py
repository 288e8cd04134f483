"""The challenges on the page Class: what is refused and why, what is reached, and the board."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from genlab import runs
from genlab.challenges import CHALLENGES, Pictures, Training, board
from genlab.core.run_spec import RunSpec
from genlab.runs import access, foreground
from genlab.runs.access import MACHINE, NOBODY, Actor, acting_as
from tests.pages.test_roles import Visitor

ADA, BOB = Actor("a" * 16, room="BCDFGH"), Actor("b" * 16, room="BCDFGH")
ELSEWHERE = Actor("c" * 16, room="GHJKLM")
#: The cheapest challenge of training.
NAME = "pixels"


@pytest.fixture
def who(home) -> Iterator[Visitor]:
    visitor = Visitor(ADA)
    with access.resolving(lambda: visitor.actor):
        yield visitor


def row() -> Training:
    found = CHALLENGES[NAME]
    assert isinstance(found, Training)
    return found


def done(actor: Actor, title: str, **changes: Any) -> str:
    """A run of the solution with changes that says it was trained, and has learned nothing."""
    return claim_done(actor, title, {**row().start, **row().solution, "seed": 0, **changes})


def claim_done(actor: Actor, title: str, spec: dict[str, Any]) -> str:
    with acting_as(actor):
        run = runs.store().create(RunSpec.build(**spec).flat(), title=title)
    with acting_as(MACHINE):
        runs.store().claim("w", run)
        runs.store().heartbeat(run, step=int(spec["steps"]), speed=1.0)
        runs.store().set_status(run, "done")
    return run


def texts(app: AppTest) -> str:
    blocks = (*app.markdown, *app.caption, *app.warning, *app.error, *app.info, *app.success)
    return "\n".join(str(block.value) for block in blocks)


def press(app: AppTest, name: str) -> AppTest:
    return app.button(f"challenge.{name}.enter").click().run()


def names_on_board(name: str, room: str = "") -> list[str]:
    with acting_as(MACHINE):
        return [one.name for one in board.board(runs.store(), name, room)]


def test_every_challenge_says_its_limits_and_its_goal(visit, who) -> None:
    shown = texts(visit("room"))
    for one in CHALLENGES.rows():
        assert one.value.asks in shown
        for goal in one.value.goals if isinstance(one.value, Training) else ():
            assert goal.text in shown
        for limit in one.value.limits:
            assert limit[1:] in shown.replace("\\", "")
    assert shown.count("The board of room BCDFGH is empty.") == len(CHALLENGES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 601}, "It takes 601 steps; allowed are 600."),
        ({"binarise": "dynamic"}, "binarise must stay threshold, and is dynamic."),
        ({"seed": 9}, "Its seed 9 is none of 0, 1, 2."),
    ],
)
def test_a_run_that_breaks_a_limit_is_refused_and_told_why(
    visit, who, changes: dict[str, Any], words: str
) -> None:
    done(ADA, "Ada's <b>run</b>", **changes)
    app = visit("room")
    assert not app.exception
    assert words in texts(app).replace("\\", "")
    assert f"challenge.{NAME}.enter" not in {one.key for one in app.button}


def test_a_run_of_another_data_set_is_refused_for_every_challenge(visit, who) -> None:
    claim_done(ADA, "on the moon", {"model": "gan", "data": "spirals", "steps": 5})
    shown = texts(visit("room")).replace("\\", "")
    trainings = [one.value for one in CHALLENGES.rows() if isinstance(one.value, Training)]
    assert shown.count("Not **on the moon**") == len(trainings)
    assert "data must stay digits, and is spirals." in shown


def test_a_run_of_somebody_else_is_not_offered(visit, who) -> None:
    done(BOB, "Bob's run")
    assert "Bob's run" not in texts(visit("room"))
    who.actor = BOB
    app = visit("room")
    assert "Bob's run" in app.selectbox(f"challenge.{NAME}.run").options[0]
    who.actor = ADA
    # The press of a page that was Bob's, by somebody else.
    app.text_input(f"challenge.{NAME}.who").input("Ada")
    press(app, NAME)
    assert not app.exception
    assert names_on_board(NAME) == []


def test_nobody_without_an_identity_enters_anything(visit, who) -> None:
    who.actor = NOBODY
    app = visit("room")
    assert "Results belong to a browser" in texts(app)
    assert not [one for one in app.button if str(one.key).endswith(".enter")]


def test_what_was_trained_and_measured_is_judged(
    visit: Callable[..., AppTest],
    who: Visitor,
    work: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a goal out of reach the numbers are told; with one in reach the board has a line."""
    cheap = replace(row(), steps=5)
    goal = cheap.goals[0]
    for low, is_met in ((-0.5, False), (-1e4, True)):
        easy = replace(cheap, goals=(replace(goal, low=low),))
        entry = replace(CHALLENGES.row(NAME), value=easy)
        monkeypatch.setitem(CHALLENGES._rows, NAME, entry)
        # The threads of a training ask who acts, too.
        who.actor = replace(ADA, machine=True)
        rate = {"lr": 1e-3 if is_met else 2e-3}
        trained = [
            foreground.train({**easy.start, **rate, "steps": 5, "seed": seed}, title="mine").id
            for seed in easy.seeds
        ]
        who.actor = ADA
        app = visit("room")
        picker = app.selectbox(f"challenge.{NAME}.run")
        run = next(one for one in trained if one in "".join(picker.options))
        app.text_input(f"challenge.{NAME}.who").input("Ada & co")
        picker.select(run).run()
        press(app, NAME)
        assert "0 of 3 seeds are trained and measured" in texts(app)
        who.actor = MACHINE
        assert work() == len(easy.seeds)
        who.actor = ADA
        app.run()
        assert not app.exception
        shown = texts(app)
        assert shown.count("✓" if is_met else "✗") == len(easy.seeds)
        assert ("The goal is reached. Your result is on the board." in shown) is is_met
        assert ("The goal is not reached yet." in shown) is not is_met
        assert names_on_board(NAME) == (["Ada & co"] if is_met else [])
    who.actor = BOB
    shown = texts(visit("room"))
    assert "**Board of room BCDFGH**" in shown
    assert "Ada & co" in shown
    assert "(you)" not in shown
    app = visit("room")
    app.button(f"challenge.{NAME}.replay.1").click().run()
    assert app.query_params["run"] in ([trained[0]], trained[0])
    who.actor = ELSEWHERE
    assert "Ada & co" not in texts(visit("room"))


def test_pictures_are_refused_until_all_are_right(visit, who) -> None:
    found = CHALLENGES["pictures"]
    assert isinstance(found, Pictures)
    app = visit("room")
    assert app.button("challenge.pictures.enter").disabled
    for k in range(len(found.hidden)):
        app.radio(f"challenge.pictures.{k}").set_value(found.hidden[0])
    app.text_input("challenge.pictures.who").input("Ada").run()
    press(app, "pictures")
    assert "Not all of them are right" in texts(app)
    for k, answer in enumerate(found.hidden):
        app.radio(f"challenge.pictures.{k}").set_value(answer)
    app.run()
    app.text_input("challenge.pictures.who").input("\u202e").run()
    press(app, "pictures")
    assert "allowed: 1 to 30 characters" in texts(app).replace("\\", "")
    assert names_on_board("pictures") == []
    app.text_input("challenge.pictures.who").input("Ada").run()
    press(app, "pictures")
    assert "All answers are right. Your result is on the board." in texts(app)
    assert names_on_board("pictures", "BCDFGH") == ["Ada"]
