"""Learn: every lesson opens, its numbers are the lesson's, and "Check it" shows both sides."""

from __future__ import annotations

import pytest

from genlab.lessons import LESSONS, chapters, lesson
from genlab.lessons.panels import Table

VARIANTS = {
    "bayes": {"example": "net", "sprinkler": "yes"},
    "visible": {"net": "nade", "dim": "4"},
    "elbo": {"latent": "1", "mean1": "0.5"},
    "divergence": {"q": "student_t", "p": "logistic", "q_df": "8"},
    "families": {"family": "dirichlet"},
    "svi": {"model": "normal", "steps": "40"},
    "advi": {"target": "gamma", "steps": "30"},
    "gan_game": {"moves": "D10 G1", "board": "plane"},
    "fgan": {"divergence": "alpha", "alpha": "2"},
    "zoo": {"loss": "hinge"},
}


def widget(app, kind, name):
    return next(w for w in getattr(app, kind) if (w.key or "").split(".")[2:3] == [name])


def press(app, name):
    return app.button(key=f"learn.{name}.check").click().run()


def differences(app):
    """(difference, tolerance, relation, holds) of each line that the page shows."""
    table = app.table[-1].value
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
    assert len(app.table[-1].value) == len(made.check())
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
    assert made.equations()[0].numbers in [x.value.strip("$\n ") for x in app.latex]


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
    assert "moves" not in app.query_params


def test_another_family_brings_its_own_sliders(visit, home):
    app = visit("learn", lesson="families", family="gamma", shape="5")
    widget(app, "selectbox", "family").set_value("gaussian").run()
    assert not app.error
    assert {(w.key or "").split(".")[2] for w in app.slider if w.key} >= {"loc", "scale"}
    assert "shape" not in app.query_params


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
            "ran off the board",
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
