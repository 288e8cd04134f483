"""Arithmetic and directions on Explore: what is shown is what the engine gives."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from genlab import latent, runs
from genlab.latent.arithmetic import typical_length
from genlab.latent.directions import direction_title, directions_from, sefa
from genlab.runs.saved_vectors import list_saved_vectors


def captions(app):
    return [c.value for c in app.caption]


def shown(visit, work, **params):
    """Open the tool and let the worker do what the page asks for."""
    app = visit("explore", n="200", tool="directions", **params)
    assert not app.exception
    while work():
        app = app.run()
        assert not app.exception
        assert not app.error
    return app


def result(run, work=lambda: 0, **values):
    """The result of the job that the page asks for."""
    step = runs.open_run(run).snapshots()[-1]
    asked = {"run": run, "step": step, "label": None, "seed": 0, "probe": "logistic", **values}
    job = runs.submit_job("directions", asked)
    work()
    return runs.job_result(job.key)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_a_minus_b_plus_c_of_classes(visit, work, shelf, name):
    found = result(shelf[name], work)
    means = dict(zip(found["attributes"], found["means"], strict=True))
    # A generator of a few steps need not show every class.
    *_, a, b = (one for one, n in zip(found["attributes"], found["counts"], strict=True) if n)
    params = {"t.of_a": a, "t.of_b": b, "t.of_c": a, "t.stretch": "no"}
    app = shown(visit, work, run=shelf[name], **params)
    z = 2 * means[a] - means[b]
    text = next(t for t in captions(app) if "‖z‖" in t)
    length, typical = (float(v) for v in re.findall(r"(?:‖z‖ =|has) ([\d.]*\d)", text))
    assert length == pytest.approx(float(np.linalg.norm(z)), rel=5e-3)
    exact = typical_length(runs.open_run(shelf[name]).model())
    assert typical == pytest.approx(exact, rel=5e-3)
    assert ("decoded and labelled by their 5 nearest" in text) == (name == "gan")
    counts = dict(zip(found["attributes"], found["counts"], strict=True))
    options = app.selectbox(key="explore.directions.a").options
    assert f"{a} (n = {counts[a]:,})" in options
    url = dict(app.query_params)
    assert {word: str(url[word]) for word in params} == params


def test_a_set_that_is_not_there_is_said(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], **{"t.of_a": "saved: nothing"})
    assert any("saved: nothing" in text and "not among" in text for text in captions(app))
    assert app.selectbox(key="explore.directions.a").value == "class 0"


def test_stretched_it_has_the_length_of_a_draw(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], **{"t.stretch": "no"})
    app.toggle(key="explore.directions.stretch").set_value(True).run()
    text = next(t for t in captions(app) if "‖z‖" in t)
    length, typical = (float(v) for v in re.findall(r"(?:‖z‖ =|has) ([\d.]*\d)", text))
    assert length == typical
    assert "rescaled from" in text
    assert dict(app.query_params)["t.stretch"] == "yes"


def test_typed_points_are_averaged(visit, work, shelf):
    params = {"t.of_a": "points 3, 9", "t.of_b": "points 4", "t.of_c": "points 4"}
    app = shown(visit, work, run=shelf["vae"], **params)
    assert app.text_input(key="explore.directions.a.points").value == "3, 9"
    view = runs.open_run(shelf["vae"])
    z = latent.codes_of(view.model(), view.data(), "data", 200, 0).z
    text = next(t for t in captions(app) if "‖z‖" in t)
    length = float(re.findall(r"‖z‖ = ([\d.]*\d)", text)[0])
    assert length == pytest.approx(float(np.linalg.norm((z[3] + z[9]) / 2)), rel=5e-3)
    app.text_input(key="explore.directions.a.points").set_value("3, 4000").run()
    assert any("numbers of points from 0" in e.value for e in app.error)


@pytest.mark.parametrize("asked", ["points", "points ²"])
def test_before_anything_is_typed_there_is_an_example(visit, work, shelf, asked):
    link = {f"t.of_{letter}": asked for letter in "abc"}
    app = shown(visit, work, run=shelf["ring"], **link)
    typed = [row.value for row in app.text_input if row.label.startswith("Numbers of points")]
    assert typed == (["²"] * 3 if "²" in asked else ["0", "1", "2"])
    assert any("points = '²' is not possible" in e.value for e in app.error) == ("²" in asked)


def test_a_map_of_data_alone_gives_a_generator_no_codes(visit, work, shelf):
    params = {"run": shelf["ring"], "what": "data", "t.of_a": "points 3"}
    app = visit("explore", n="200", tool="directions", **params)
    while work():
        app = app.run()
    assert any("then a generated point" in e.value for e in app.error)


def test_the_table_has_each_direction_with_its_score(visit, work, shelf):
    app = shown(visit, work, run=shelf["gan"], **{"t.part": "directions", "t.direction": "sefa 2"})
    listed = directions_from(result(shelf["gan"]))
    table = app.dataframe[0].value
    assert list(table["direction"]) == [direction_title(one.name) for one in listed]
    for shown_, one in zip(table["gain per identity"], listed, strict=True):
        assert one.score is not None
        assert shown_ == f"{one.score.ratio:+.2f} ± {one.score.se:.2f}"
    for told, one in zip(table["held-out accuracy"], listed, strict=True):
        assert told == (
            f"{one.accuracy:.1%} (majority class {one.base:.1%})"
            if one.kind == "attribute"
            else "—"
        )
    assert app.selectbox(key="explore.directions.name").value == "sefa 2"
    exact = sefa(runs.open_run(shelf["gan"]).model())[1]
    assert any(t == "E" + exact.note[1:] + "." for t in captions(app))
    assert any("labelled by their 5 nearest" in t and "right for" in t for t in captions(app))


def test_what_is_saved_is_offered_scored_and_added(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], **{"t.of_a": "class 1", "t.of_b": "class 0"})
    key = "explore.directions.save.direction"
    app.text_input(key=f"{key}.name").set_value("one not zero")
    app.button(key=key).click().run()
    assert not app.exception
    app.text_input(key="explore.directions.save.set.name").set_value("mixed")
    app.button(key="explore.directions.save.set").click().run()
    options = app.selectbox(key="explore.directions.c").options
    assert "saved: mixed (n = 1)" in options
    app.segmented_control(key="explore.choice.part").set_value("directions").run()
    table = app.dataframe[0].value
    assert list(table["direction"])[-1] == "one not zero"
    app.selectbox(key="explore.directions.name").set_value("one not zero").run()
    while work():
        app = app.run()
    assert not app.exception
    found = result(shelf["vae"])
    means = dict(zip(found["attributes"], found["means"], strict=True))
    v = torch.from_numpy(means["class 1"] - means["class 0"]).double()
    rows = {row["name"]: row for row in list_saved_vectors(runs.files(), shelf["vae"])}
    expected = [round(float(x), 6) for x in rows["one not zero"]["vector"]]
    scored = result(shelf["vae"], vector=expected)
    text = next(t for t in captions(app) if "changes identity by" in t)
    assert f"{float(scored['change'][0]):.3f}" in text
    assert rows["one not zero"]["kind"] == "direction"
    np.testing.assert_allclose(rows["one not zero"]["vector"], v / v.norm(), atol=1e-6)
    assert rows["mixed"]["kind"] == "set"
    app.selectbox(key="explore.directions.kept").set_value("mixed").run()
    app.button(key="explore.directions.forget").click().run()
    assert [row["name"] for row in list_saved_vectors(runs.files(), shelf["vae"])] == [
        "one not zero"
    ]


def test_points_have_directions_too(visit, work, shelf):
    app = shown(visit, work, run=shelf["ring"], **{"t.part": "directions", "t.reach": "2"})
    assert app.slider(key="explore.directions.reach").value == 2.0
    names = list(app.dataframe[0].value["direction"])
    assert {*map(direction_title, ("principal 1", "principal 2", "sefa 1", "sefa 2"))} <= set(
        names
    )
    changed = set(app.dataframe[0].value["changes"])
    assert changed <= set(result(shelf["ring"])["attributes"])
    assert direction_title(dict(app.query_params)["t.direction"]) == names[0]


def test_a_name_is_asked_for(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"])
    key = "explore.directions.save.set"
    app.button(key=key).click().run()
    assert any("Type a name" in e.value for e in app.error)
    app.text_input(key=f"{key}.name").set_value("<b>")
    app.button(key=key).click().run()
    assert any("is no name" in e.value for e in app.error)


def test_a_model_without_codes_has_no_such_tool(visit, work, shelf):
    app = visit("explore", n="200", run=shelf["made"])
    while work():
        app = app.run()
    tools = [s.options for s in app.segmented_control if s.key == "explore.tool"]
    assert not any("Arithmetic" in name for options in tools for name in options)
    model = runs.open_run(shelf["made"]).model()
    assert latent.space(model) == "data"


def test_a_decoder_that_reads_no_z_as_it_is_says_that_it_has_no_sefa(visit, work, shelf):
    app = shown(visit, work, run=shelf["vq"], **{"t.part": "directions"})
    assert sefa(runs.open_run(shelf["vq"]).model()) == []
    assert any(text.startswith("There are no SeFa directions") for text in captions(app))
    app = shown(visit, work, run=shelf["gan"], **{"t.part": "directions"})
    assert not any(text.startswith("There are no SeFa directions") for text in captions(app))
