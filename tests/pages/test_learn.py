"""Learn: every lesson opens, its numbers are the lesson's, and "Check it" shows both sides."""

from __future__ import annotations

import pytest

from genlab.lessons import LESSONS, chapters, lesson, right_answer
from genlab.lessons.panels import Table
from genlab.lessons.questions import Choices, Number

VARIANTS = {
    "bayes": {"example": "net", "sprinkler": "yes"},
    "visible": {"net": "nade", "dim": "4"},
    "elbo": {"latent": "1", "mean1": "0.5"},
    "divergence": {"q": "student_t", "p": "logistic", "q_df": "8"},
    "families": {"family": "dirichlet"},
    "svi": {"model": "normal", "steps": "40"},
    "advi": {"target": "gamma", "steps": "30"},
    "gan_game": {"moves": "D12 G2", "board": "plane"},
    "fgan": {"divergence": "alpha", "alpha": "2"},
    "zoo": {"loss": "hinge"},
}


def widget(app, kind, name):
    return next(w for w in getattr(app, kind) if (w.key or "").split(".")[2:3] == [name])


def press(app, name):
    return app.button(key=f"learn.{name}.check").click().run()


def check_table(app):
    """The table of the checks; others are those of the lesson."""
    (found,) = (t.value for t in app.table if "difference" in t.value)
    return found


def differences(app):
    """(difference, tolerance, relation, holds) of each line that the page shows."""
    table = check_table(app)
    return [
        (float(r["difference"].split()[0]), float(r["tolerance"]), r[""], r["holds"])
        for _, r in table.iterrows()
    ]


def agree(app):
    lines = differences(app)
    return bool(lines) and all(
        holds == "yes" and (relation != "=" or abs(difference) <= tolerance * 1.01)
        for difference, tolerance, relation, holds in lines
    )


@pytest.mark.parametrize("name", chapters())
def test_a_lesson_opens_and_its_checks_hold(visit, home, name):
    app = visit("learn", lesson=name)
    assert not app.error
    assert not app.exception
    made = lesson(name)
    assert [x.value.strip("$\n ") for x in app.latex] == [
        part for step in made.equations() for part in (step.symbols, step.numbers) if part
    ]
    words = [panel for panel in made.panels() if isinstance(panel, Table)]
    assert len(app.get("plotly_chart")) == len(made.panels()) - len(words)
    assert len(app.table) == len(words)
    app = press(app, name)
    assert agree(app)
    assert len(check_table(app)) == len(made.check())
    assert app.query_params["lesson"] == name


@pytest.mark.parametrize("name", VARIANTS)
def test_the_url_holds_the_lesson(visit, home, name):
    app = visit("learn", lesson=name, **VARIANTS[name])
    assert not app.error
    made = lesson(name, VARIANTS[name])
    assert [x.value.strip("$\n ") for x in app.latex] == [
        part for step in made.equations() for part in (step.symbols, step.numbers) if part
    ]
    assert {k: app.query_params[k] for k in VARIANTS[name]} == VARIANTS[name]
    assert agree(press(app, name))


def test_a_slider_moves_the_numbers_and_the_url(visit, home):
    app = visit("learn", lesson="elbo")
    widget(app, "slider", "mean1").set_value(-1.0).run()
    assert app.query_params["mean1"] == "-1"
    made = lesson("elbo", {"mean1": -1.0})
    numbers = next(step.numbers for step in made.equations() if step.numbers)
    assert numbers in [x.value.strip("$\n ") for x in app.latex]


def test_draw_again_moves_the_seed_alone(visit, home):
    app = visit("learn", lesson="visible", scale="4")
    before = [x.value for x in app.latex]
    app.button(key="learn.visible.again").click().run()
    assert (app.query_params["seed"], app.query_params["scale"]) == ("1", "4")
    assert before != [x.value for x in app.latex]


def test_the_buttons_of_the_game_play_it(visit, home):
    app = visit("learn", lesson="gan_game", moves="D3")
    titles = [m.title for m in LESSONS["gan_game"].moves]
    for place, wanted in ((0, "D4"), (1, "D4 G1"), (0, "D4 G1 D1"), (6, "D4 G1"), (4, "D4 G1 R1")):
        app.button(key=f"learn.gan_game.moves.move.{place}").click().run()
        assert not app.error, titles[place]
        assert app.query_params["moves"] == wanted
        numbers = lesson("gan_game", {"moves": wanted}).equations()[0].numbers
        assert numbers in [x.value.strip("$\n ") for x in app.latex]
    app.button(key="learn.gan_game.moves.move.7").click().run()
    assert "moves" not in app.query_params  # the opening is the default


def test_another_family_brings_its_own_sliders(visit, home):
    app = visit("learn", lesson="families", family="gamma", shape="5")
    widget(app, "selectbox", "family").set_value("gaussian").run()
    assert not app.error
    assert {(w.key or "").split(".")[2] for w in app.slider if w.key} >= {"loc", "scale"}
    assert "shape" not in app.query_params


def test_the_contents_list_every_lesson_with_its_reading_time(visit, home):
    app = visit("learn")
    assert not app.error
    assert "lesson" not in app.query_params
    text = " ".join(c.value for c in app.caption)
    for name in chapters():
        assert app.button(key=f"learn.contents.{name}")
        assert f"about {LESSONS[name].minutes()} minutes" in text
    app.button(key="learn.contents.elbo").click().run()
    assert app.query_params["lesson"] == "elbo"


@pytest.mark.parametrize("name", ["bayes", "wgan"])
def test_a_prediction_is_made_before_its_answer_is_seen(visit, home, name):
    app = visit("learn", lesson=name)
    for row in LESSONS[name].questions:
        key = f"learn.{name}.ask.{row.name}"
        assert app.button(key=f"{key}.reveal").disabled
        said = " ".join(x.value for x in [*app.success, *app.info])
        assert row.because not in said
        right = right_answer(name, row.name)
        if isinstance(row.form, Choices):
            app.radio(key=key).set_value((right + 1) % len(row.form.options)).run()
        elif isinstance(row.form, Number):
            app.number_input(key=key).set_value(float(right)).run()
        app.button(key=f"{key}.reveal").click().run()
        said = " ".join(x.value for x in [*app.success, *app.info])
        assert row.because in said
        assert ("Right" in said) == isinstance(row.form, Number) or name == "bayes"


def test_the_pictures_show_what_was_asked(visit, home):
    app = visit("learn", lesson="wgan")
    app.radio(key="learn.wgan.ask.twice_as_far").set_value(1).run()
    app.button(key="learn.wgan.ask.twice_as_far.reveal").click().run()
    app.button(key="learn.wgan.ask.twice_as_far.show").click().run()
    assert app.query_params["law"] == "points"


def test_an_exercise_is_checked_as_the_numbers_change(visit, home):
    app = visit("learn", lesson="elbo")
    assert not any("Solved" in s.value for s in app.success)
    app.button(key="learn.elbo.try.close.solution").click().run()
    assert [s.value for s in app.success if "Solved" in s.value]
    assert app.query_params["mean1"] == "0.332"


def test_the_checks_of_a_lesson_come_after_its_equations_and_are_folded(visit, home):
    app = visit("learn", lesson="bayes")
    app = press(app, "bayes")
    assert any("Both sides" in e.label for e in app.expander)


def test_the_next_lesson_is_one_click_away(visit, home):
    app = visit("learn", lesson="bayes")
    app.button(key="learn.bayes.to.1").click().run()
    assert app.query_params["lesson"] == chapters()[1]
    assert any(LESSONS.row(chapters()[1]).title in str(s.options) for s in app.selectbox)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lesson": "bays"}, "lesson = 'bays' is not possible"),
        ({"lesson": "bayes", "tosses": "-3"}, "tosses = '-3' is not possible"),
        ({"lesson": "bayes", "heads": "3"}, "heads' is not possible"),
        ({"lesson": "families", "family": "normal"}, "family = 'normal' is not possible"),
        ({"lesson": "families", "family": "gamma", "shape": "0"}, "shape = '0' is not possible"),
        ({"lesson": "gan_game", "moves": "D3X"}, "moves = 'D3X' is not possible"),
        (
            {"lesson": "gan_game", "board": "two bumps", "rate_g": "5", "moves": "D100 G60"},
            "left the board",
        ),
        ({"lesson": "fgan", "divergence": "alpha", "alpha": "1"}, "not 0, not 1"),
        ({"lesson": "svi", "kappa": "0.5"}, "forgetting = 0.5 is not possible"),
        ({"lesson": "divergence", "q": "elliptical", "q_matrix_11": "0"}, "full rank"),
    ],
)
def test_a_bad_value_in_the_url_is_named(visit, home, values, said):
    app = visit("learn", **values)
    assert not app.exception
    assert [said in error.value for error in app.error] == [True]
