"""Train: the form describes exactly the run that starts; only what fits can be chosen."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.core.run_spec import RunSpec, models_for, objectives_for
from genlab.core.tables import DATASETS, MODELS
from genlab.models.groups import by_group
from genlab.train.step_time import StepTime
from genlab.ui import need


def field(app, kind, name):
    """The widget with this label, or of the option with this name."""
    found = getattr(app, kind)
    return next(w for w in found if name in (w.label, (w.key or "").split(".")[-1]))


def start(app):
    app.button(key="train.start").click().run()
    return runs.store().runs()


def test_the_form_starts_exactly_the_run_it_shows(visit, home):
    app = visit("train")
    app.selectbox(key="train.data").set_value("ring").run()
    app.button(key="group.gan").click().run()
    assert app.selectbox(key="train.model").value == "gan"
    app.selectbox(key="train.objective").set_value("minimax").run()
    field(app, "number_input", "steps").set_value(321)
    field(app, "number_input", "latent").set_value(5)
    field(app, "slider", "modes").set_value(6)
    app.run()
    rows = start(app)
    wanted = RunSpec.build(
        data="ring", model="gan", objective="minimax", steps=321, latent=5, modes=6
    )
    assert [dict(row.spec) for row in rows] == [wanted.flat()]
    assert (app.title[0].value, app.query_params["run"]) == ("Watch", rows[0].id)


def test_the_defaults_of_the_form_are_those_of_the_spec(visit, home):
    rows = start(visit("train", data="mnist5k", model="dcgan"))
    assert dict(rows[0].spec) == RunSpec.build(data="mnist5k", model="dcgan").flat()


def test_the_url_holds_the_form_and_restores_it(visit, home):
    app = visit("train", data="ring", model="vae", steps="777", modes="5", lr="0.003")
    assert not app.error
    link = dict(app.query_params)
    assert (link["steps"], link["modes"], link["lr"]) == ("777", "5", "0.003")
    again = visit("train", **link)
    assert dict(again.query_params) == link
    wanted = RunSpec.build(data="ring", model="vae", steps=777, modes=5, lr=0.003)
    assert dict(start(again)[0].spec) == wanted.flat()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"data": "digits", "model": "vae", "latent": "0"}, "latent = '0' is not possible"),
        ({"data": "digits", "model": "vea"}, "did you mean 'vae'"),
        ({"data": "rings", "model": "gan"}, "did you mean 'ring'"),
        ({"data": "digits", "model": "vae", "leyers": "2"}, "did you mean 'layers'"),
        ({"data": "digits", "model": "vae", "objective": "minimax"}, "objective = 'minimax'"),
        ({"data": "ring", "model": "dcgan"}, "model = 'dcgan' is not possible"),
        ({"steps": "many"}, "allowed: a whole number from 1"),
        ({"data": "digits", "model": "vae", "posterior": "cauchy"}, "posterior = 'cauchy'"),
        ({"data": "digits", "model": "made"}, "set binarise=threshold"),
    ],
)
def test_a_bad_option_in_the_url_is_named_and_nothing_starts(visit, home, params, words):
    app = visit("train", **params)
    assert words in app.error[0].value
    assert not app.exception
    assert app.button(key="train.start").disabled
    assert dict(app.query_params) == params
    assert runs.store().runs() == []
    field(app, "number_input", "batch").set_value(32).run()
    assert not app.error
    assert not app.button(key="train.start").disabled


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("u^2", "f(1) must be 0"),
        ("1 - u^2", "convex"),
        ("1/(u-1)", "finite for every u > 0"),
        ("exec(u)", "the function 'exec' is not known"),
    ],
)
def test_a_formula_that_is_no_generator_is_refused_in_the_form(visit, home, formula, words):
    app = visit("train", data="ring", model="gan", objective="fgan")
    assert not app.button(key="train.start").disabled
    field(app, "text_input", "formula").set_value(formula).run()
    assert not app.exception
    assert words in app.error[0].value
    assert app.button(key="train.start").disabled
    field(app, "text_input", "formula").set_value("(u - 1)^2").run()
    assert not app.error
    assert not app.button(key="train.start").disabled


def test_only_what_fits_can_be_chosen(visit, home):
    for data in ("digits", "moons", "gaussian"):
        app = visit("train", data=data)
        titles = {row.name: row.title for row in MODELS.rows()}
        groups = by_group((name, MODELS[name]) for name in models_for(data))
        offered = []
        for group, names in groups.items():
            app.button(key=f"group.{group}").click().run()
            shown = app.selectbox(key="train.model").options
            assert shown == [titles[name] for name in names]
            offered += names
        assert sorted(offered) == sorted(models_for(data))
        assert {b.key for b in app.button if (b.key or "").startswith("group.")} == {
            f"group.{name}" for name in groups
        }
        model = app.selectbox(key="train.model").value
        assert len(app.selectbox(key="train.objective").options) == len(objectives_for(model))


@pytest.mark.parametrize("data", ["digits", "mnist5k", "ring", "gaussian", "moons", "swiss_roll"])
def test_every_kind_of_data_has_a_preview(visit, home, data):
    app = visit("train", data=data)
    assert not app.error
    meta = DATASETS[data].meta(DATASETS[data].Options())
    # The groups of models have an image each.
    images = [one for one in app.image if one.proto.imgs[0].alt]
    assert len(images if meta.is_image else app.get("plotly_chart")) == 1


def test_a_set_that_is_not_there_names_the_sets_that_are(visit, home, monkeypatch, tmp_path):
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "nothing"))
    app = visit("train", data="mnist", model="vae")
    assert "digits" in app.info[0].value
    assert app.button(key="fetch.mnist")
    assert app.button(key="train.start").disabled
    assert "Fetch them" in app.error[0].value
    assert not app.exception


def test_options_that_do_not_go_together_are_said_before_the_start(visit, home):
    app = visit("train", data="digits", model="vae")
    assert not app.button(key="train.start").disabled
    field(app, "selectbox", "prior").set_value("exponential").run()
    assert "prior = 'exponential' is not possible: its codes are positive" in app.error[0].value
    assert app.button(key="train.start").disabled
    field(app, "selectbox", "posterior").set_value("gamma").run()
    assert not app.error
    assert not app.button(key="train.start").disabled


def test_a_model_that_does_not_fit_says_what_it_asks_for(visit, home):
    def reasons(**values):
        texts = [m.value for m in visit("train", data="digits", **values).markdown]
        return next(text for text in texts if text.startswith("- "))

    assert "- Gated PixelCNN: it models binary pixels" in reasons()
    assert "binarise=threshold" in reasons()
    assert "PixelCNN" not in reasons(model="pixelcnn", binarise="threshold")


def test_a_table_goes_with_the_models_of_its_columns(visit, home):
    app = visit("train", data="linear_table", algorithm="hmc")
    assert not app.error
    assert list(field(app, "selectbox", "Model").options) == ["Linear regression (Bayesian)"]
    both = ["Automatic differentiation VI (ADVI)", "Hamiltonian Monte Carlo"]
    assert list(field(app, "selectbox", "Algorithm").options) == both
    texts = [m.value for m in app.markdown]
    reasons = next(text for text in texts if text.startswith("- "))
    assert "- VAE: it learns the distribution of points or images" in reasons
    app.button(key="train.start").click().run()
    (row,) = runs.store().runs()
    assert (row.spec["model"], row.spec["algorithm"]) == ("linear_regression", "hmc")


def test_the_queue_is_visible_before_one_joins_it(visit, home):
    runs.store().create(RunSpec.build(model="vae", data="digits").flat())
    app = visit("train")
    assert any(c.value == "Queued runs before it: 1" for c in app.caption)


@pytest.mark.parametrize(
    ("params", "words", "option", "value"),
    [
        ({"data": "digits", "model": "made"}, "Use binarise = threshold", "binarise", "threshold"),
        ({"data": "digits", "model": "vae", "latent": "0"}, "Use latent = 1", "latent", 1),
        ({"data": "digits", "model": "vea"}, "Use model = vae", "model", "vae"),
    ],
)
def test_a_bad_link_offers_the_repair_as_a_button(visit, home, params, words, option, value):
    app = visit("train", **params)
    button = app.button(key="repair")
    assert button.label == words
    button.click().run()
    assert not app.error
    assert not app.exception
    app.button(key="train.start").click().run()
    (row,) = runs.store().runs()
    assert row.spec[option] == value


def test_options_that_do_not_go_together_offer_the_repair(visit, home):
    app = visit("train", data="digits", model="vae")
    field(app, "selectbox", "prior").set_value("exponential").run()
    button = app.button(key="repair")
    assert button.label.startswith("Use prior = ")
    button.click().run()
    assert not app.error
    assert not app.button(key="train.start").disabled


def test_no_end_of_a_slider_is_rounded_to_another_number(visit, home):
    app = visit("train", data="ring", model="gan", beta2="0.999")
    for slider in app.slider:
        for shown in (slider.proto.min, slider.proto.max, slider.proto.default[0]):
            assert float(slider.proto.format % shown) == pytest.approx(shown, abs=1e-12)
    for number in app.number_input:
        if number.proto.format and number.proto.has_max:
            assert float(number.proto.format % number.value) == pytest.approx(number.value)


def test_a_grey_image_gets_a_likelihood_that_is_a_density(visit, home):
    rows = start(visit("train", data="mnist5k", model="vae"))
    assert rows[0].spec["likelihood"] == "continuous_bernoulli"
    app = visit("train", data="mnist5k", model="vae", binarise="dynamic")
    assert field(app, "selectbox", "likelihood").value == "bernoulli"


def test_choices_are_in_words(visit, home):
    app = visit("train", data="mnist5k", model="vae")
    assert "Continuous Bernoulli" in field(app, "selectbox", "likelihood").options
    assert field(app, "selectbox", "binarise").options == ["None", "Threshold", "Dynamic"]


def test_the_form_says_what_the_run_will_need(visit, home, monkeypatch):
    seen = []

    def measured(spec):
        seen.append(spec)
        return StepTime(0.01, 20, 64, 128)

    monkeypatch.setattr(need, "cached_step_time", measured)
    app = visit("train", data="ring", model="gan", steps="3000")
    (said,) = (c.value for c in app.caption if c.value.startswith("Time:"))
    assert "about **30 seconds** for 3,000 steps" in said
    assert "measured: the median of 20 steps just now, scaled from a batch of 64" in said
    assert "Memory: at most about" in said
    assert "Disk: at most" in said
    # The steps and the seed do not change a step: it is not measured anew for them.
    field(app, "number_input", "steps").set_value(6000).run()
    assert seen[0] == seen[1]
    monkeypatch.setattr(need, "cached_step_time", lambda spec: None)
    app = visit("train", data="ring", model="gan")
    assert any("Time: not measured" in c.value for c in app.caption)
