"""Data: what a dataset holds is what its source says."""

from __future__ import annotations

import pytest

from genlab.core.tables import DATASETS


@pytest.mark.parametrize("name", ["digits", "ring", "moons", "gaussian", "two_gaussians"])
def test_a_dataset_is_described_and_shown(visit, home, name):
    app = visit("data", data=name)
    assert not app.error
    meta = DATASETS[name].meta(DATASETS[name].Options())
    text = "\n".join(m.value for m in app.markdown)
    assert " × ".join(map(str, meta.shape)) in text
    assert ("known exactly" if meta.density else "not known") in text
    assert len(app.image if meta.is_image else app.get("plotly_chart")) == 1


def test_an_option_changes_what_is_shown_and_train_takes_it_over(visit, home):
    app = visit("data", data="ring")
    slider = next(w for w in app.slider if w.label.startswith("Modes"))
    slider.set_value(5).run()
    app.button(key="data.train").click().run()
    assert app.title[0].value == "Train"
    assert (app.query_params["data"], app.query_params["modes"]) == ("ring", "5")


def test_an_unknown_dataset_in_the_url_is_named(visit, home):
    app = visit("data", data="rings")
    assert "data = 'rings' is not possible" in app.error[0].value
    assert not app.exception
