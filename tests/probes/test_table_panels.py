"""Columns and pairs of a table, real beside generated, in the units of the file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from genlab import runs
from genlab.compare.side_by_side import build_side_by_side, needs_inversion, titles_of
from genlab.data import user_sets
from genlab.data.readers import read
from genlab.data.schema import Column
from genlab.metrics import evaluation
from genlab.panels import PANELS
from genlab.probes.table_panels import strongest_pairs
from genlab.runs import foreground
from tests.data.test_table_rows import mixed


@pytest.fixture(scope="module", params=["vae", "gan"])
def view(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    runs.configure(f"sqlite:///{place / 'genlab.db'}", place / "files")
    known = user_sets.store(read(mixed(300)), "mixed")
    values = {"data": "own", "set": known.id, "model": request.param, "hidden": 16}
    yield foreground.train({**values, "steps": 30, "batch": 64})
    runs.configure()


def test_the_panels_are_there_with_the_names_and_units_of_the_file(view) -> None:
    frames = view.frames()
    assert {"marginal_1", "marginal_5", "pair_1"} <= set(frames)
    at = frames["marginal_1"][-1]
    title = view.frame("marginal_1", at)["title"]
    assert title == "age"
    picture = json.loads(view.frame_file("marginal_1", at, "json"))
    payload = picture.get("payload", picture)
    # Whole numbers have a bin each.
    assert payload["edges"][1] - payload["edges"][0] == 1
    assert sum(payload["counts"]["data"]) == len(view.data().validation)
    assert "histogram" in PANELS


def test_a_comparison_shows_each_column_and_pair_in_the_bins_of_the_data(view) -> None:
    model, data = view.model(), view.data()
    shown = build_side_by_side(model, data)
    assert not needs_inversion(model, data)
    titles = titles_of([shown])
    assert titles["marginal_1"] == "age"
    assert list(titles) == list(shown.pictures)
    rows = shown.pictures["marginal_1"].payload
    assert sum(rows["counts"]["data"]) == len(data.test)
    # The bins follow from the data: another model on this table has the same.
    other = build_side_by_side(view.model(0), data).pictures["marginal_1"].payload
    assert other["edges"] == rows["edges"]
    assert other["counts"]["generated"] != rows["counts"]["generated"]


def test_the_strongest_pair_is_found() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4))
    x[:, 3] = x[:, 1] + 0.1 * x[:, 3]
    schema = tuple(Column(name) for name in "abcd")
    assert strongest_pairs(schema, x)[0] == (1, 3)
    assert strongest_pairs((Column("a"),), x[:, :1]) == []


def test_the_scores_are_rows_of_the_metrics(view) -> None:
    found = {
        one.estimate.series.name: one
        for one in evaluation.evaluate_with_samples(view.model(), view.data(), spec=view.spec)
    }
    names = ("ks_complement", "tv_complement", "correlation_similarity", "nearer_to_training")
    for name in names:
        one = found[f"test_{name}"].estimate
        assert 0.0 <= one.low <= one.value <= one.high <= 1.0
    assert "3 columns" in found["test_ks_complement"].estimate.series.title or (
        "2 columns" in found["test_ks_complement"].estimate.series.title
    )
    assert found["test_ks_complement"].estimate.series.truth == pytest.approx(1.0, abs=0.2)
