"""Missing pixels on Explore: the numbers are those of the chain rule and of Bayes' rule."""

from __future__ import annotations

import re

import pytest
import torch

from genlab import runs
from genlab.data.pixel_masks import known_pixels
from genlab.latent.codes import held_out


def opened(visit, work, run, **params):
    app = visit("explore", run=run, n="200", tool="complete", **params)
    while work():
        app = app.run()
    assert not app.exception
    return app, [c.value for c in app.caption]


def number(texts, before):
    (found,) = (m for t in texts if (m := re.search(re.escape(before) + r"\s*(-?[\d.]+)", t)))
    return float(found[1])


def test_a_net_with_an_order_goes_on_from_its_first_pixels(visit, work, shelf):
    app, texts = opened(visit, work, shelf["made"], **{"t.example": "5", "t.known": "25"})
    view = runs.open_run(shelf["made"])
    model, x = view.model(), held_out(view.data()).x[5][None]
    with torch.no_grad():
        each = model.conditionals(x).flatten()[model.order]
    assert number(texts, "log p(known)") == pytest.approx(float(each[:16].sum()), abs=0.006)
    assert number(texts, "log p(rest given known)") == pytest.approx(
        float(each[16:].sum()), abs=0.006
    )
    assert any("48 pixels missing" in t for t in texts)
    assert not any("class given" in t for t in texts)
    assert app.query_params["t.known"] == "25"


def test_a_tree_is_asked_of_any_part_and_of_the_class(visit, work, shelf):
    params = {"t.example": "3", "t.known": "100", "t.known_part": "scattered"}
    app, texts = opened(visit, work, shelf["class_tree"], **params)
    view = runs.open_run(shelf["class_tree"])
    model, x = view.model(), held_out(view.data()).x[3][None]
    # Bayes' rule over the ten models p(x | class), where every pixel is known.
    joint = torch.stack([model.condition_on(torch.tensor(c)).log_prob(x)[0] for c in range(10)])
    prior = model.class_logits.log_softmax(0)
    posterior = (joint + prior).softmax(0)
    posterior, joint, prior = (t.detach() for t in (posterior, joint, prior))
    best = int(posterior.argmax())
    name = view.data().meta.classes[best]
    (line,) = (t for t in texts if "p(class given" in t)
    assert f"exact: {name}: {float(posterior[best]):.3f}" in line
    assert number(texts, "log p(picture) =") == pytest.approx(
        float((joint + prior).logsumexp(0)), abs=0.006
    )

    # Half of the pixels: the known and the missing part make the whole.
    app.slider(key="explore.complete.share").set_value(50).run()
    texts = [c.value for c in app.caption]
    mask = known_pixels("scattered", 0.5, (1, 8, 8))
    with torch.no_grad():
        part = float(model.log_marginal(x, mask))
    assert number(texts, "log p(known)") == pytest.approx(part, abs=0.006)
    whole = number(texts, "log p(picture) =")
    assert number(texts, "log p(rest given known)") == pytest.approx(whole - part, abs=0.011)
    missing = int((~mask).sum())
    assert any(f"{missing} pixels missing" in t for t in texts)
