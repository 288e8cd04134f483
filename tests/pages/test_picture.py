"""Your own picture on Explore: what is shown is what the engine found."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from genlab import runs
from genlab.core.random import scope
from genlab.latent import encoder as learned
from genlab.latent.neighbours import memorisation_test, space
from genlab.ui.explore import encoder
from tests.data.test_image_uploads import encoded


def shown(visit, work, **params):
    """Open the tool and let the worker do what the page asks for."""
    app = visit("explore", n="200", tool="picture", **params)
    assert not app.exception
    while work():
        app = app.run()
        assert not app.exception
    return app


def decibels(app) -> float:
    (metric,) = [m for m in app.metric if m.label == "PSNR"]
    return float(metric.value.removesuffix(" dB"))


def words(app) -> str:
    captions = [one.caption for image in app.image for one in image.proto.imgs]
    return "\n".join(
        [*(c.value for c in app.caption), *(m.value for m in app.markdown), *captions]
    )


def test_a_generated_picture_of_a_gan_is_inverted(visit, work, shelf) -> None:
    app = shown(visit, work, run=shelf["gan"], **{"t.source": "made"})
    assert decibels(app) > 25.0
    assert "In pixels" in words(app)
    assert "In features (the critic's last hidden layer)" in words(app)
    app.button(key="explore.picture.send").click().run()
    sent = app.query_params["t.z"].split()
    kind, z = app.session_state["explore.z"]
    assert kind == "given"
    assert [float(v) for v in sent] == list(z)
    app.segmented_control(key="explore.tool").set_value("own").run()
    sliders = [s for s in app.slider if s.label.startswith("z[")]
    for one in sliders:
        number = z[int(one.label[2:-1])]
        assert one.value == pytest.approx(max(-4.0, min(4.0, number)), abs=0.03)


def test_a_vae_encodes_and_an_upload_is_seen_as_the_model_sees_it(visit, work, shelf) -> None:
    app = shown(visit, work, run=shelf["vae"])
    page = Image.new("L", (60, 90), 255)
    page.paste(Image.new("L", (8, 60), 0), (25, 10))
    app.file_uploader(key="explore.picture.file").upload("one.png", encoded(page)).run()
    assert not app.exception
    assert not app.error
    assert "exchanged" in words(app)
    assert "as uploaded, 60 × 90" in words(app)
    assert "as the model sees it" in words(app)
    assert 3.0 < decibels(app) < 40.0


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"<svg onload=alert(1)></svg>", "an SVG"), (b"PK\x03\x04zip", "a ZIP archive")],
)
def test_a_hostile_upload_is_refused_in_a_sentence(visit, work, shelf, content, reason) -> None:
    app = shown(visit, work, run=shelf["vae"])
    app.file_uploader(key="explore.picture.file").upload("picture.png", content).run()
    assert not app.exception
    assert [reason in e.value for e in app.error] == [True]
    assert not app.metric


def test_an_encoder_is_learned_on_request_and_then_used(
    visit, work, shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "STEPS", 30)
    app = shown(visit, work, run=shelf["gan"], **{"t.picture": "encoder"})
    assert any("has no encoder" in m.value for m in app.markdown)
    app = app.button(key="explore.encoder.go").click().run()
    while work():
        app = app.run()
    assert app.query_params["t.encoder"] == "1"
    r2 = float(app.metric[0].value)
    view = runs.open_run(shelf["gan"])
    values = {"run": shelf["gan"], "step": view.snapshots()[-1], "seed": 0, "steps": 30}
    result = runs.job_result(runs.submit_job("encoder", values).key)
    both = learned.load_learned_encoder(result, view.model())
    assert r2 == pytest.approx(
        learned.evaluate_encoder(view.model(), both, view.data())["code_r2"], abs=6e-3
    )
    app.segmented_control(key="explore.tool").set_value("picture").run()
    app.segmented_control(key="explore.choice.source").set_value("held").run()
    assert "learned afterwards" in words(app)
    assert "In codes (posterior means)" in words(app)
    # Jobs of the tools see it too: an inversion starts where the encoder points.
    app.segmented_control(key="explore.choice.how").set_value("invert").run()
    while work():
        app = app.run()
    assert not app.exception
    (table,) = [frame.value for frame in app.dataframe if "Start" in frame.value]
    assert "encoder" in set(table["Start"])


def test_the_share_of_memory_is_that_of_the_test(visit, work, shelf) -> None:
    app = shown(visit, work, run=shelf["vae"], **{"t.picture": "memory"})
    view = runs.open_run(shelf["vae"])
    model, data = view.model(), view.data()
    with scope(0, "job", "memorised"):
        at = space(model, data, "pixel")
        found = memorisation_test(model.sample(500).flatten(1), at.train, at.held_out, 0)
    assert app.metric[0].value == f"{found.share:.1%}"
    assert app.metric[2].value == f"{found.p:.3f}"


def test_points_are_typed_and_inverted(visit, work, shelf) -> None:
    app = shown(visit, work, run=shelf["ring"])
    assert not app.get("file_uploader")
    # A point has no peak value: its error is given in its own units, and no PSNR.
    (metric,) = [m for m in app.metric if m.label == "Root mean squared error"]
    assert np.isfinite(float(metric.value))
    assert not [m for m in app.metric if m.label == "PSNR"]
    assert "dB" not in " ".join(e.label for e in app.expander)
