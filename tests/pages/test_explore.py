"""Explore: the map is the job's, its trustworthiness scikit-learn's, its state the URL's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from streamlit.util import AttributeDictionary

from genlab import runs
from genlab.figures.latent import map_info
from genlab.latent.codes import held_out
from genlab.latent.exports import TABLE_FILES
from genlab.latent.projection_methods import pca_embed
from genlab.runs.saved_vectors import list_saved_vectors
from genlab.ui.explore.tools import TOOLS

KEYS = ("run", "step", "method", "n", "seed", "what", "dims")


def captions(app):
    return [c.value for c in app.caption]


def shown(visit, work, **params):
    """Open Explore, let the worker make the map, and look again."""
    app = visit("explore", **params)
    assert not app.exception
    work()
    return app.run()


def result(app):
    values = {k: app.query_params[k] for k in KEYS}
    values = {k: int(v) if k in ("step", "n", "seed", "dims") else v for k, v in values.items()}
    return runs.job_result(runs.submit_job("project", values).key)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_the_map_prints_scikit_learns_trustworthiness(visit, work, shelf, method):
    app = shown(visit, work, run=shelf["vae"], method=method, n="200", seed="1")
    found = result(app)
    assert len(found["xy"]) == 180
    score = trustworthiness(found["code"].astype(float), found["xy"], n_neighbors=10)
    drawn = map_info(found, method=method, space="posterior mean")
    assert f"trustworthiness {score:.3f} " in drawn.quality
    assert [text for text in captions(app) if "180 posterior means" in text]
    assert not any("trustworthiness" in text for text in captions(app))
    view = runs.open_run(shelf["vae"])
    x = held_out(view.data()).x[found["index"]]
    mean = view.model().encode(x).mean.detach().numpy()
    np.testing.assert_allclose(found["code"], mean, atol=1e-5)


def test_progress_is_shown_until_the_map_is_there(visit, work, shelf):
    app = visit("explore", run=shelf["gan"], seed="77")
    assert not captions(app)
    assert runs.store().claim_job("other") is not None
    assert not app.exception
    assert not app.error


def test_a_link_restores_run_step_method_seed_and_points(visit, work, shelf):
    step = runs.open_run(shelf["vae"]).snapshots()[1]
    link = {"run": shelf["vae"], "step": str(step), "method": "pca", "n": "200", "seed": "3"}
    app = shown(visit, work, **link, what="both", a="5", b="150", tool="own")
    assert dict(app.query_params) == link | {
        "what": "both",
        "dims": "2",
        "a": "5",
        "b": "150",
        "tool": "own",
    }
    assert next(field.value for field in app.number_input if field.label == "Point A") == 5
    app.button(key="explore.path").click().run()
    assert app.query_params["tool"] == "interpolation"
    assert any("point 5" in text for text in captions(app))


def hand(app, key, click=None, chosen=None):
    """What the map reports of a click, a lasso or a box."""
    rows = None if chosen is None else {"rows": chosen}
    clicks = None if click is None else [click]
    app.session_state[key] = AttributeDictionary({"clicks": clicks, "set": rows})
    app.run()
    assert not app.exception


def image_captions(app):
    return [i.caption for block in app.image for i in block.proto.imgs]


def test_two_clicks_give_a_then_b_and_the_third_moves_on(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200")
    key = f"explore.map.{app.session_state['explore.map']}"
    for n, (row, expected) in enumerate(((4, (4, None)), (9, (4, 9)), (2, (9, 2))), 1):
        hand(app, key, click={"row": row, "n": n})
        letters = tuple(app.session_state[f"explore.{letter}"] for letter in "ab")
        assert letters == expected
    assert (app.query_params["a"], app.query_params["b"]) == ("9", "2")


def test_a_real_image_of_a_gan_comes_with_the_nearest_generated_one(visit, work, shelf):
    app = shown(visit, work, run=shelf["gan"], n="200", a="0")
    assert app.query_params["what"] == "both"
    assert any(text.startswith("A: held-out example") for text in captions(app))
    assert any(text.startswith("nearest generated, distance") for text in image_captions(app))


def test_points_of_a_toy_decode_to_points(visit, work, shelf):
    app = shown(visit, work, run=shelf["ring"], n="200", a="0", b="150")
    assert len(app.get("plotly_chart")) == 1
    assert not app.error


def test_a_slider_moves_the_z_that_is_decoded(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200", tool="own")
    sliders = [s for s in app.slider if s.label.startswith("z[")]
    assert [s.label for s in sliders] == ["z[0]", "z[1]", "z[2]"]
    assert [s.value for s in sliders] == [0.0, 0.0, 0.0]
    sliders[0].set_value(2.0).run()
    assert not app.exception
    app.button(key="explore.random").click().run()
    values = [s.value for s in app.slider if s.label.startswith("z[")]
    assert len(values) == 3
    assert any(value != 0.0 for value in values)


def test_a_model_without_a_latent_space_shows_its_data_only(visit, work, shelf):
    app = shown(visit, work, run=shelf["made"], n="200", a="1")
    assert app.query_params["what"] == "data"
    assert not [s for s in app.slider if s.label.startswith("z[")]
    assert any("examples, as they are" in text for text in captions(app))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"step": "7777"}, "step = '7777' is not possible"),
        ({"method": "lle"}, "allowed: pca, tsne, umap, isomap, mds, kernel, random"),
        ({"dims": "4"}, "allowed: 2, 3"),
        ({"seed": "-1"}, "seed = '-1' is not possible"),
    ],
)
def test_a_bad_value_in_the_url_is_named_with_what_is_allowed(visit, work, shelf, params, message):
    app = shown(visit, work, run=shelf["vae"], n="200", **params)
    assert any(message in e.value for e in app.error)
    assert not app.exception


@pytest.mark.parametrize("run", ["nosuchrun", "../../etc", "shipped:none"])
def test_an_unknown_run_is_said_in_words(visit, shelf, run):
    app = visit("explore", run=run)
    assert len(app.error) == 1
    assert not app.exception
    assert "There is no run" in app.error[0].value
    assert "genlab list" not in app.error[0].value
    # It is no dead end: the runs that there are can be chosen, and one of them is shown.
    picker = next(box for box in app.selectbox if box.label == "Run")
    assert any(shelf["vae"] in option for option in picker.options)


def test_how_many_says_how_many_there_are(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200")
    total = len(held_out(runs.open_run(shelf["vae"]).data()).x)
    (box,) = (box for box in app.selectbox if box.label.startswith("How many"))
    assert f"(of {total:,})" in box.label
    assert box.options == [f"all {total:,}"]
    train = len(runs.open_run(shelf["vae"]).data().train.x)
    app = shown(visit, work, run=shelf["vae"], n="2000", what="train")
    (box,) = (box for box in app.selectbox if box.label.startswith("How many"))
    assert box.options[-1] == f"all {train:,}"
    # All examples of the set stand on the map.
    assert len(result(app)["label"]) == train
    assert str(result(app)["part"]) == "train"


def test_each_tool_has_a_name_and_a_line_of_explanation(visit, work, shelf):
    app = shown(visit, work, run=shelf["gan"], n="200")
    titles = app.segmented_control(key="explore.tool").options
    for word in ("Interpolation and geodesics", "Memorisation test", "Learn an encoder", "invert"):
        assert any(word in title for title in titles)
    for row in TOOLS.rows():
        assert len(row.summary.split()) >= 5
        assert row.summary.endswith(".")
    assert TOOLS.row(app.query_params["tool"]).summary in captions(app)


def test_an_older_link_opens_the_tool_of_its_part(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200", tool="picture", **{"t.picture": "memory"})
    assert app.query_params["tool"] == "memory"


def test_codes_are_saved_in_each_format(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200")
    labels = [button.proto.label for button in app.get("download_button")]
    assert [row.title for row in TABLE_FILES.values()] == labels[:3]


def test_two_maps_of_the_same_examples_stand_beside_each_other(visit, work, shelf):
    step = runs.open_run(shelf["vae"]).snapshots()[1]
    app = shown(visit, work, run=shelf["vae"], n="200", tool="linked")
    work()
    app = app.run()
    assert not app.exception
    assert app.query_params["t.beside"] == shelf["vae"]
    app.selectbox(key=f"explore.linked.step.{shelf['vae']}").set_value(step).run()
    work()
    app = app.run()
    assert app.query_params["t.beside_step"] == str(step)
    assert any(f"step {step:,}" in text.value for text in app.markdown)
    mine, other = (
        runs.job_result(runs.submit_job("project", values).key)
        for values in (
            link_values(app),
            {**link_values(app), "step": step},
        )
    )
    # Row k is the same example on both maps.
    assert mine["index"].tolist() == other["index"].tolist()


def link_values(app):
    values = {k: app.query_params[k] for k in KEYS}
    return {k: int(v) if k in ("step", "n", "seed", "dims") else v for k, v in values.items()}


def test_a_failed_map_says_why_and_is_tried_again_on_request(visit, shelf):
    app = visit("explore", run=shelf["vae"], seed="991")
    job = runs.store().claim_job("test:1")
    runs.store().update_job(job.key, status="failed", message="the disk is full")
    app.run()
    assert "the disk is full" in app.error[0].value
    assert runs.job(job.key).status == "failed"
    next(b for b in app.button if b.label == "Try again").click().run()
    assert runs.job(job.key).status == "queued"


def test_an_empty_store_says_what_to_do(visit, home, monkeypatch):
    monkeypatch.setattr(runs, "list_shipped", list)
    app = visit("explore")
    assert any("no run to explore" in m.value for m in app.markdown)


def test_a_class_is_picked_for_a_conditional_model_and_kept_in_the_url(visit, work, shelf):
    app = shown(
        visit, work, run=shelf["cvae"], n="200", what="both", label="7", b="150", tool="own"
    )
    assert not app.exception
    picker = next(box for box in app.selectbox if box.label == "Decode as class")
    assert picker.value == "7"
    assert picker.options == ["unknown", *"0123456789"]
    assert app.query_params["label"] == "7"
    assert any("z, class 7" in text for text in image_captions(app))
    before = app.session_state["explore.map"]
    picker.set_value("2")
    app.run()
    assert app.query_params["label"] == "2"
    assert any("z, class 2" in text for text in image_captions(app))
    # The class moves no point of the map: neither a new job nor other picks.
    assert app.session_state["explore.map"] == before
    assert app.session_state["explore.b"] == 150
    assert runs.store().claim_job("test:1") is None


def test_what_is_decoded_is_held_at_the_class(visit, work, shelf):
    from genlab.ui.explore.scene import Query

    one = Query("run", 1, "pca", 200, 0, "data", "7")
    other = Query("run", 1, "pca", 200, 0, "data")
    assert one.key == other.key
    assert one.mapped == other.mapped
    assert "label" not in one.mapped


def test_a_class_that_there_is_not_is_named(visit, work, shelf):
    app = shown(visit, work, run=shelf["cvae"], n="200", label="seven")
    assert any("label = 'seven' is not possible" in e.value for e in app.error)
    app = shown(visit, work, run=shelf["vae"], n="200", label="7")
    assert not [box for box in app.selectbox if box.label == "Decode as class"]
    assert "label" not in app.query_params


def test_a_grid_of_codes_is_explored_like_any_code(visit, work, shelf):
    app = shown(visit, work, run=shelf["vq"], n="200", what="both", a="0", b="150", tool="own")
    assert not app.exception
    assert not app.error
    values = [s.value for s in app.slider if s.label.startswith("z[")]
    assert len(values) == 8
    # A code of a codebook is no posterior mean.
    assert any("decoded from its code" in text for text in image_captions(app))
    assert any("codes (" in text for text in captions(app))


def test_a_set_shows_its_mean_and_is_saved_by_name(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200")
    key = f"explore.map.{app.session_state['explore.map']}"
    hand(app, key, chosen=[0, 3, 7])
    assert any(h.value == "A set of 3 points" for h in app.header)
    assert "mean of the set's codes, decoded" in image_captions(app)
    z = result(app)["z"].astype(float)
    rest = np.delete(z, [0, 3, 7], axis=0)
    expected = z[[0, 3, 7]].mean(0) - rest.mean(0)
    assert any(f"length {np.linalg.norm(expected):.3g}" in text for text in captions(app))
    app.text_input(key="explore.save.name").set_value("curly")
    app.radio(key="explore.save.kind").set_value("direction")
    app.button(key="explore.save").click().run()
    assert not app.exception
    row = next(r for r in list_saved_vectors(runs.files(), shelf["vae"]) if r["name"] == "curly")
    assert (row["kind"], row["n"]) == ("direction", 3)
    np.testing.assert_allclose(row["vector"], expected / np.linalg.norm(expected), atol=1e-5)


def test_a_z_put_on_the_map_is_in_the_address_and_comes_from_it(visit, work, shelf):
    size = runs.open_run(shelf["vae"]).model().latent
    z = " ".join(["0.5", "-1.25", *["0"] * (size - 2)])
    app = shown(visit, work, run=shelf["vae"], n="200", **{"t.guest": z})
    while work():
        app = app.run()
    found = result(app)
    at = pca_embed(found["code"], found["xy"])(np.array([[float(v) for v in z.split()]]))[0]
    where = ", ".join(f"{v:.3g}" for v in at)
    assert any("P: the z in the link" in t and f"placed at ({where})" in t for t in captions(app))
    assert app.query_params["t.guest"] == z
    app.button(key="explore.place.away").click().run()
    assert "t.guest" not in app.query_params
    app = shown(visit, work, run=shelf["vae"], n="200", **{"t.guest": "1 2"})
    assert any("not a code of this model" in text for text in captions(app))


def test_an_empty_spot_is_decoded_and_says_how(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200")
    key = f"explore.map.{app.session_state['explore.map']}"
    hand(app, key, click={"spot": [0.1, 0.2], "n": 1})
    assert any("by the inverse of PCA" in text for text in image_captions(app))
    app = shown(visit, work, run=shelf["gan"], n="200")
    key = f"explore.map.{app.session_state['explore.map']}"
    hand(app, key, click={"spot": [0.1, 0.2], "n": 1})
    assert any("no inverse" in text for text in image_captions(app))
    assert "a" not in app.query_params


@pytest.mark.parametrize(
    ("run", "by", "title"),
    [("vae", "error", "reconstruction"), ("gan", "critic", "critic"), ("gan", "density", "dens")],
)
def test_points_are_coloured_by_what_the_model_can_say(visit, work, shelf, run, by, title):
    app = shown(visit, work, run=shelf[run], n="200", **{"t.colour": by})
    work()
    app.run()
    assert not app.exception
    assert not app.error
    box = next(box for box in app.selectbox if box.label == "Colour by")
    assert box.value == by
    assert any(option.startswith(title) for option in box.options)
    assert app.query_params["t.colour"] == by


def test_the_film_is_made_on_request_and_says_how_far_points_moved(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200", tool="movie")
    app.button(key="explore.movie").click().run()
    assert work() == 1
    app.run()
    assert not app.exception
    assert any("aligned with the previous one by Procrustes" in text for text in captions(app))


def test_a_map_of_three_axes(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], n="200", dims="3")
    assert not app.exception
    assert result(app)["xy"].shape == (180, 3)
    assert any("variance shown 100 %" in text for text in captions(app))
