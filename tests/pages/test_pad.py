"""The pad on Explore: what it says of z, what the URL keeps, what the browser may fetch."""

from __future__ import annotations

import asyncio
import json
import re

import numpy as np
import pytest
import torch
from scipy import stats
from starlette.applications import Starlette

from genlab import latent, runs
from genlab.browser import operations
from genlab.latent.directions import direction_title
from genlab.runs import foreground, saved_vectors
from genlab.ui import pictures
from genlab.ui.explore import jobs, routes
from genlab.ui.explore.pad import write_code

APP = Starlette(routes=routes.ROUTES)


def get(path, **headers):
    """Ask the routes as a server would: status, headers, body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    place, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": place,
        "raw_path": place.encode(),
        "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        "root_path": "",
    }
    asyncio.run(APP(scope, receive, send))
    names = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], names, b"".join(m.get("body", b"") for m in sent)


def shown(visit, work, **params):
    """Explore at a URL, once the map is made."""
    app = visit("explore", n="200", **params)
    while work():
        app = app.run()
    assert not app.exception
    return app


def said(app):
    return next(c.value for c in app.caption if c.value.startswith("Let go at"))


def likelihood_of(app):
    return float(re.search(r"log p\(z\) = (-?[\d.]+) nats", said(app))[1])


def test_the_pad_is_the_first_tool(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"])
    assert app.segmented_control(key="explore.tool").value == "pad"
    assert app.selectbox(key="explore.pad_across").value == "principal 1"
    assert likelihood_of(app) == pytest.approx(stats.norm.logpdf(np.zeros(3)).sum(), abs=0.006)
    assert "t.pad_z" not in app.query_params


def test_a_deep_link_restores_z_and_the_directions(visit, work, shelf):
    link = {"t.pad_z": "0.5,-1.25,2", "t.pad_across": "z[2]", "t.pad_up": "z[0]"}
    app = shown(visit, work, run=shelf["vae"], tool="pad", **link)
    assert app.selectbox(key="explore.pad_across").value == "z[2]"
    assert app.selectbox(key="explore.pad_up").value == "z[0]"
    text = said(app).replace("\\", "")
    assert "z[2] = 2, z[0] = 0.5 · |z| = 2.41" in text
    exact = stats.norm.logpdf([0.5, -1.25, 2.0]).sum()
    assert likelihood_of(app) == pytest.approx(exact, abs=0.006)


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "nan,0,0", "1e9,0,0"])
def test_a_wrong_z_is_said_and_not_taken(visit, work, shelf, text):
    app = shown(visit, work, run=shelf["vae"], tool="pad", **{"t.pad_z": text})
    assert any("not a code of this model" in c.value for c in app.caption)
    assert "|z| = 0 " in said(app)


def test_a_random_z_is_a_draw_of_the_prior_and_in_the_url(visit, work, shelf):
    app = shown(visit, work, run=shelf["gan"], tool="pad")
    app.button(key="explore.pad.random").click().run()
    z = latent.prior_sample(runs.open_run(shelf["gan"]).model(), 1, 1)[0]
    assert dict(app.query_params)["t.pad_z"] == write_code(z)
    assert likelihood_of(app) == pytest.approx(stats.norm.logpdf(z.numpy()).sum(), abs=0.05)
    app.button(key="explore.pad.start").click().run()
    z = latent.prior_sample(runs.open_run(shelf["gan"]).model(), 1, 0)[0]
    assert dict(app.query_params)["t.pad_z"] == write_code(z)


def test_the_two_directions_are_never_the_same(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], tool="pad")
    names = list(app.selectbox(key="explore.pad_up").options)
    assert direction_title("principal 1") not in names
    app.selectbox(key="explore.pad_across").select("z[1]").run()
    names = list(app.selectbox(key="explore.pad_up").options)
    assert "z[1]" not in names
    assert direction_title("principal 1") in names
    assert not app.exception


def test_a_saved_direction_is_one_to_drag_along(visit, work, shelf):
    row = {
        "name": "tilt",
        "kind": "direction",
        "vector": [0.0, 3.0, 4.0],
        "n": 2,
        "note": "by hand",
    }
    saved_vectors.save(runs.files(), shelf["vae"], row)
    app = shown(visit, work, run=shelf["vae"], tool="pad", **{"t.pad_z": "0,1,2"})
    (name,) = [n for n in app.selectbox(key="explore.pad_up").options if "tilt" in n]
    app.selectbox(key="explore.pad_up").select(name).run()
    # The projection on (0, 3, 4)/5.
    assert f"{name} = 2.2 ·" in said(app).replace("\\", "")
    saved_vectors.remove(runs.files(), shelf["vae"], "tilt")


def test_the_directions_of_classes_come_on_demand(visit, work, shelf):
    app = shown(visit, work, run=shelf["vae"], tool="pad")
    plain = set(app.selectbox(key="explore.pad_up").options)
    assert direction_title("principal 2") in plain
    app.toggle(key="explore.pad.attributes").set_value(True).run()
    while work():
        app = app.run()
    assert not app.exception
    more = set(app.selectbox(key="explore.pad_up").options) - plain
    assert len(more) >= 10
    assert dict(app.query_params)["t.pad_attributes"] == "1"


def test_codes_of_a_codebook_are_likely_only_at_codes(visit, work, shelf):
    app = shown(visit, work, run=shelf["vq"], tool="pad")
    assert likelihood_of(app) < 0
    model = runs.open_run(shelf["vq"]).model()
    off = write_code(torch.full((model.latent,), 0.3))
    app = shown(visit, work, run=shelf["vq"], tool="pad", **{"t.pad_z": off})
    assert "outside the support" in said(app)


def test_a_category_is_chosen_and_its_codes_are_shown_first(visit, work, shelf):
    run = foreground.train({"model": "infogan", "data": "digits", "steps": 2}).id
    app = shown(visit, work, run=run, tool="pad")
    assert app.selectbox(key="explore.pad_across").value == "z[74]"
    assert app.selectbox(key="explore.pad_up").value == "z[75]"
    before = likelihood_of(app)
    (box,) = [box for box in app.selectbox if box.label == "Category"]
    other = (int(box.value) + 3) % 10
    box.select(other).run()
    z = [float(v) for v in dict(app.query_params)["t.pad_z"].split(",")]
    assert z[64:74] == [float(k == other) for k in range(10)]
    # Each category is as likely as any other.
    assert likelihood_of(app) == pytest.approx(before, abs=0.02)


def test_the_server_decodes_where_the_page_cannot(visit, work, shelf, monkeypatch):
    monkeypatch.delitem(operations.TABLE, "aten.addmm.default")
    routes._program.cache_clear()
    app = shown(visit, work, run=shelf["vae"], tool="pad")
    (why,) = [i.value for i in app.info if "The server decodes this model" in i.value]
    assert "aten.addmm.default" in why.replace("\\", "")
    before = said(app)
    slider = next(s for s in app.slider if str(s.key).startswith("explore.pad.slow"))
    slider.set_value(slider.max * 0.5).run()
    assert not app.exception
    assert said(app) != before
    status, _, body = get(f"/genlab/decoder/{shelf['vae']}/40.json")
    assert status == 422
    assert "aten.addmm.default" in json.loads(body)["error"]
    routes._program.cache_clear()


def test_the_decoder_is_fetched_once_and_kept(shelf):
    program = routes.program_of(shelf["cvae"], 40, "3")
    found = routes.addresses(shelf["cvae"], 40, "3", program.version)
    for name, kind in (("program", "application/json"), ("weights", "application/octet-stream")):
        status, headers, body = get("/" + found[name], accept_encoding="gzip")
        assert (status, headers["content-type"]) == (200, kind)
        assert "immutable" in headers["cache-control"]
        if name == "weights":
            assert body == program.weights
        again = get("/" + found[name], if_none_match=headers["etag"])
        assert (again[0], again[2]) == (304, b"")
    other = get(f"/genlab/decoder/{shelf['cvae']}/40.bin?label=4")
    assert other[2] == program.weights
    assert other[1]["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/genlab/decoder/nothing-like-it/40.json", 404),
        ("/genlab/decoder/..%2F..%2Fetc/40.json", 404),
        ("/genlab/decoder/{vae}/41.json", 404),
        ("/genlab/decoder/{vae}/-1.json", 404),
        ("/genlab/decoder/{vae}/40.pkl", 404),
        ("/genlab/decoder/{vae}/40.json?label=7", 400),
        ("/genlab/decoder/{cvae}/40.json?label=seventy", 400),
        ("/genlab/decoder/{made}/5.json", 422),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(shelf, path, status):
    found, headers, body = get(path.format(**shelf))
    assert found == status
    if headers["content-type"] == "application/json":
        assert len(json.loads(body)["error"]) > 15


def test_one_direction_is_a_strip_and_starts_at_the_given_z(visit, work, shelf):
    run = foreground.train({"model": "vae", "data": "digits", "latent": 1, "steps": 3}).id
    app = shown(visit, work, run=run, tool="pad", **{"t.z": "0.75"})
    assert not app.error
    assert [box.label for box in app.selectbox if box.label in ("Across", "Up")] == ["Across"]
    assert "|z| = 0.75" in said(app)
    expected = stats.norm.logpdf(0.75)
    assert f"log p(z) = {expected:.2f} nats" in said(app)
    app.button(key="explore.pad.random").click().run()
    z = latent.prior_sample(runs.open_run(run).model(), 1, 1)[0]
    assert f"|z| = {float(z.norm()):.3g}" in said(app)
    app.button(key="explore.pad.given").click().run()
    assert "|z| = 0.75" in said(app)


@pytest.mark.parametrize("tool", ["pad", "own"])
def test_a_slow_decoder_runs_as_a_job(visit, work, shelf, monkeypatch, tool):
    monkeypatch.setattr(jobs, "PATIENCE", 0.0)
    monkeypatch.delitem(operations.TABLE, "aten.addmm.default")
    routes._program.cache_clear()
    drawn = []

    def image(x, caption="", **_):
        if caption.startswith("decoded"):
            drawn.append(np.asarray(x))

    monkeypatch.setattr(pictures, "image", image)
    app = shown(visit, work, run=shelf["vae"], tool=tool)
    drawn.clear()
    slider = next(s for s in app.slider if re.match(r"explore\.(pad\.slow|z)\.", str(s.key)))
    slider.set_value(slider.max * 0.5).run()
    assert not app.exception
    assert not drawn
    assert work() == 1
    app.run()
    assert not app.exception
    assert len(drawn) == 1
    if tool == "pad":
        (code,) = [
            t.value for t in app.text if re.fullmatch(r"(-?[\d.e-]+,){2}-?[\d.e-]+", t.value)
        ]
        z = torch.tensor([[float(v) for v in code.split(",")]])
        x = latent.decode_mean(runs.open_run(shelf["vae"]).model(), z)
        np.testing.assert_allclose(drawn[0], x.numpy(), atol=1e-2)
    routes._program.cache_clear()
