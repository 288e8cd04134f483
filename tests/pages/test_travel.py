"""Travel and factors on Explore: the numbers shown are those of the engine."""

from __future__ import annotations

import re

import pytest

from genlab import latent, runs
from genlab.latent.geodesic import curve_length
from genlab.latent.travel import usage
from genlab.latent.video import FORMS
from genlab.models.labels import conditioned_on_class
from genlab.runs import foreground
from genlab.ui import pictures
from genlab.ui.explore import jobs


def captions(app):
    return [c.value for c in app.caption]


def shown(visit, work, **params):
    """Open a tool of Explore and let the worker do what the page asks for."""
    app = visit("explore", n="200", tool="travel", **params)
    assert not app.exception
    while work():
        app = app.run()
        assert not app.exception
    return app


@pytest.mark.parametrize(("name", "unit"), [("vae", "nats"), ("gan", "squared data units")])
def test_dimensions_come_in_the_order_of_their_use(visit, work, shelf, name, unit):
    app = shown(visit, work, run=shelf[name])
    view = runs.open_run(shelf[name])
    use = usage(view.model(), view.data())
    assert use.unit == unit
    assert use.measure == ("KL" if name == "vae" else "output")
    first = f"mean KL of the dimension to its prior (exact for each of {use.n}"
    assert any(first in text for text in captions(app)) == (name == "vae")


def test_each_class_has_its_own_use_of_the_dimensions(visit, work, home, monkeypatch):
    said = []
    monkeypatch.setattr(pictures, "image", lambda *_, caption, **__: said.append(caption))
    made = foreground.train({"model": "cgan", "data": "digits", "latent": 3, "steps": 2})
    model, data = made.model(), made.data()
    for label in ("2", "7"):
        said.clear()
        shown(visit, work, run=made.id, label=label)
        use = usage(conditioned_on_class(model, label), data)
        rows = [f"z[{j}] · {use.value[j]:.3g}" for j in use.order]
        assert [text.removesuffix(" squared data units") for text in said[-3:]] == rows, label


@pytest.mark.parametrize("way", ["dimensions", "sheet", "walk", "ab"])
def test_what_would_take_long_is_a_job(visit, work, shelf, monkeypatch, way):
    link = {"run": shelf["ring"], "what": "prior", "a": "3", "b": "9", "t.way": way}
    quick = captions(shown(visit, work, **link))
    before = {job.key for job in runs.store().jobs()}
    monkeypatch.setattr(jobs, "PATIENCE", -1.0)
    slow = shown(visit, work, **link)
    assert captions(slow) == quick
    made = [job for job in runs.store().jobs() if job.key not in before]
    assert made
    assert {job.kind for job in made} == {"decode"}
    assert all(job.status == "done" for job in made)


def test_the_lengths_of_the_ways_are_those_of_their_curves(visit, work, shelf):
    params = {"run": shelf["ring"], "what": "prior", "a": "3", "b": "9", "t.way": "ab"}
    app = shown(visit, work, **params)
    texts = [t for t in captions(app) if ": length" in t]
    words = {
        text.split(":")[0]: float(re.findall(r"length ([\d.e+-]+)", text)[0]) for text in texts
    }
    assert set(words) == {"straight", "spherical", "geodesic"}
    assert words["geodesic"] <= words["straight"] * (1 + 1e-3)
    model = runs.open_run(shelf["ring"]).model()
    values = {
        k: app.query_params[k] for k in ("run", "step", "method", "n", "seed", "what", "dims")
    }
    values = {k: int(v) if k in ("step", "n", "seed", "dims") else v for k, v in values.items()}
    z = runs.job_result(runs.submit_job("project", values).key)["z"]
    import torch

    line = latent.straight(*map(torch.from_numpy, (z[3], z[9])), torch.linspace(0, 1, 17))
    exact = curve_length(lambda code: latent.decode_mean(model, code), line)
    assert words["straight"] == pytest.approx(exact, rel=1e-3)


def test_without_two_points_it_says_what_to_do(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], **{"t.way": "ab"})
    assert any("Two points are needed" in m.value for m in app.markdown)


def test_a_sheet_of_two_dimensions_is_in_the_url(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], **{"t.way": "sheet", "t.across": "2", "t.up": "1"})
    assert app.number_input(key="explore.travel.across").value == 2
    assert app.number_input(key="explore.travel.up").value == 1
    app.number_input(key="explore.travel.up").set_value(0).run()
    assert dict(app.query_params)["t.up"] == "0"


def test_data_without_factors_offer_no_measure_of_them(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"])
    options = app.segmented_control(key="explore.tool").options
    assert any("Traversals" in name for name in options)
    assert not any("Disentanglement" in name for name in options)


def test_a_journey_starts_at_the_given_z_or_where_it_was_told_to(visit, work, shelf):
    link = {"run": shelf["vae"], "t.z": "0.5 -0.25 1"}
    app = shown(visit, work, **link)
    assert any("stay at the given z" in text for text in captions(app))
    app = shown(visit, work, **link, **{"t.base": "z = 0"})
    assert any("stay at z = 0" in text for text in captions(app))
    app.segmented_control(key="explore.choice.base").set_value("the given z").run()
    assert any("stay at the given z" in text for text in captions(app))
    assert app.query_params["t.base"] == "the given z"


def test_a_walk_is_saved_in_each_form(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], **{"t.way": "walk"})
    labels = [button.proto.label for button in app.get("download_button")]
    labels = [label for label in labels if label.startswith("Save as")]
    assert [f"Save as {form.upper()}" for form in FORMS] == labels
    assert labels == ["Save as GIF", "Save as MP4"]
