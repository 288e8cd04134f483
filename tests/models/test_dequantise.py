"""log p of rows of a table against distributions of which the entropy is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS
from genlab.data import user_sets
from genlab.data.base import DataMeta
from genlab.data.readers import read
from genlab.data.schema import Column
from genlab.metrics import evaluation
from genlab.models.dequantise import Dequantises, cell_widths
from genlab.runs import foreground
from genlab.testing.model_contract import ModelCase

PLACES, SHARES, MEANS = ("Bonn", "Oslo", "Rome"), (0.5, 0.3, 0.2), (10.0, 40.0, 90.0)
DENSITIES = tuple(n for n in MODELS.names() if issubclass(MODELS[n], Dequantises))


def columns_of_gaussians(n: int) -> tuple[bytes, float]:
    """Two Gaussian columns of correlation 0.8 and unlike units, and their entropy in nats."""
    z = np.random.default_rng(1).normal(size=(n, 2))
    y = 0.8 * z[:, 0] + 0.6 * z[:, 1]
    rows = [f"{170 + 10 * a:.6f},{-4000 + 250 * b:.6f}" for a, b in zip(z[:, 0], y, strict=True)]
    entropy = math.log(2 * math.pi * math.e) + math.log(10 * 250 * 0.6)
    return "\n".join(["height,depth", *rows]).encode(), entropy


def place_and_size(n: int) -> tuple[bytes, float]:
    """A category, and a Gaussian column whose mean depends on it, with their entropy in nats."""
    rng = np.random.default_rng(2)
    k = rng.choice(3, n, p=SHARES)
    size = rng.normal(np.array(MEANS)[k], 5.0)
    rows = [f"{PLACES[i]},{v:.6f}" for i, v in zip(k, size, strict=True)]
    discrete = -sum(p * math.log(p) for p in SHARES)
    entropy = discrete + 0.5 * math.log(2 * math.pi * math.e * 25)
    return "\n".join(["city,size", *rows]).encode(), entropy


def evaluated(content: bytes, name: str, **values):
    known = user_sets.store(read(content, {"label": "none"}), "rows")
    view = foreground.train({"data": "own", "set": known.id, "model": name, **values})
    assert view.row.status == "done"
    data = view.data()
    found = evaluation.evaluate(view.model(), data, spec=view.spec)
    return {one.series.name: one for one in found}, data.meta


def within(found, meta: DataMeta, entropy: float, slack: float) -> None:
    """log p in the columns' own units is −entropy: above by chance alone, below by ``slack``."""
    own = found.value - meta.log_volume
    error = (found.high - found.low) / (2 * 1.96)
    assert -entropy - slack - 4 * error < own < -entropy + 4 * error


#: A table with its entropy, the steps of training, and by model the metric, its kind, and what
#: it may lie below −entropy.
TRUTHS = {
    "gaussian columns": (columns_of_gaussians, 300, {
        "realnvp": ("test_log_prob", "exact", 0.15),
        "maf": ("test_log_prob", "exact", 0.15),
        "flow_matching": ("test_log_prob_ode", "Monte Carlo", 0.15),
    }),
    "a category and a size": (place_and_size, 500, {
        "realnvp": ("test_log_prob", "lower bound", 1.0),
        "ddpm": ("test_diffusion_elbo", "lower bound", 4.0),
    }),
}  # fmt: skip


@pytest.mark.parametrize(("table", "name"), [(t, n) for t, row in TRUTHS.items() for n in row[2]])
def test_the_mean_of_log_p_is_minus_the_entropy_of_the_table(place, table: str, name: str) -> None:
    make, steps, models = TRUTHS[table]
    number, kind, slack = models[name]
    content, entropy = make(2000)
    found, meta = evaluated(content, name, steps=steps)
    row = found[number]
    assert row.series.kind == kind
    assert "own units" in row.series.title
    assert ("cells of width 1" in row.series.title) == (kind == "lower bound")
    within(row, meta, entropy, slack)


def test_the_cell_of_each_type_of_column() -> None:
    columns = (
        Column("age", "count"),
        Column("size", "numeric"),
        Column("smoker", "binary", categories=("no", "yes")),
        Column("coin", "binary", low=1.0, high=3.0),
        Column("city", "categorical", categories=PLACES),
        Column("price", "positive", whole=True),
    )
    scale = (4.0, 3.0, 1.0, 2.0, 1.0, 1.0, 1.0, 2.0)
    meta = DataMeta((8,), "real", schema=columns, scale=scale, logs=(-1.0,) * 7 + (0.5,))
    assert cell_widths(meta) == (0.25, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, 0.0)
    assert cell_widths(DataMeta((1,), "real", schema=columns[1:2])) == ()
    assert cell_widths(DataMeta((2,), "real")) == ()


@pytest.mark.parametrize("name", DENSITIES)
def test_noise_stays_in_its_cell_and_is_for_training_alone(name: str) -> None:
    columns = (Column("size"), Column("smoker", "binary", categories=("no", "yes")), Column("b"))
    meta = DataMeta((3,), "real", ("a", "b"), schema=columns)
    model = ModelCase(name, meta, name).build()
    x = torch.tensor([[0.3, 1.0, 2.0]]).expand(200, 3)
    u = model.with_noise(x) - x
    assert u[:, 1].abs().max() <= 0.5
    assert float(u[:, 1].std()) == pytest.approx(1 / math.sqrt(12), abs=0.05)
    assert not u[:, [0, 2]].any()
    assert "_cells" not in model.state_dict()
    codes = model.eval().encode(x).mean
    torch.testing.assert_close(codes, codes[:1].expand_as(codes))


@pytest.mark.parametrize("name", ["realnvp", "spline_flow"])
def test_the_probability_of_a_cell_is_the_integral_of_the_density(name: str) -> None:
    columns = (Column("coin", "binary", categories=("no", "yes")), Column("size"))
    meta = DataMeta((2,), "real", schema=columns)
    model = ModelCase(name, meta, name).build().eval().double()
    x = torch.tensor([[1.0, 0.4], [0.0, -0.7]], dtype=torch.float64)
    u = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000 - 0.5
    line = x[:, None] + u[:, None] * torch.tensor([1.0, 0.0], dtype=torch.float64)
    with torch.no_grad():
        dense = model._log_density(line.flatten(0, 1)).exp().view(2, -1).mean(1)
        torch.testing.assert_close(model.log_prob(x).exp(), dense, rtol=0.02, atol=0)


def test_a_run_names_what_its_number_is(place) -> None:
    known = user_sets.store(read(place_and_size(200)[0], {"label": "none"}), "rows")
    spec = RunSpec.build(data="own", set=known.id, model="maf")
    from genlab.probes.base import probes_for
    from genlab.runs import catalog

    probes = probes_for(spec, MODELS["maf"], catalog.dataset(spec))
    (row,) = (one for p in probes for one in p.series if one.name == "val_log_prob")
    assert "cells of width 1" in row.title
    assert row.kind == "lower bound"
