"""Models of tables with columns of several kinds, whole and with missing entries."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab import models
from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data import own_dataset, user_sets
from genlab.data.readers import read
from genlab.metrics import evaluation
from genlab.runs import foreground
from tests.data.test_table_rows import mixed


def with_gaps(share: float = 0.15, n: int = 120) -> bytes:
    head, *lines = mixed(n, 4).decode().split("\n")
    rng = np.random.default_rng(5)
    rows = [[c if rng.random() > share else "" for c in line.split(",")] for line in lines]
    return "\n".join([head, *(",".join(row) for row in rows)]).encode()


def test_a_vae_learns_from_rows_with_missing_entries(place) -> None:
    known = user_sets.store(read(with_gaps()), "gaps")
    spec = RunSpec.build(data="own", model="vae", set=known.id)
    assert spec.flat()["incomplete"] == "learn"
    assert spec.flat()["likelihood"] == "mixed"
    view = foreground.train({**spec.flat(), "steps": 60, "batch": 32, "hidden": 16})
    assert view.row.status == "done"
    data = view.data()
    assert len(data.train) + len(data.validation) + len(data.test) == 120
    assert data.meta.gaps
    assert bool(data.train.gappy.isnan().any())
    assert bool(data.train.x.isfinite().all())
    found = {e.series.name: e for e in evaluation.evaluate(view.model(), data, spec=view.spec)}
    assert np.isfinite(found["test_elbo"].value)
    rows = view.sample(50).rows
    assert bool(np.isfinite(rows.values).all())
    assert set(rows.cells()["city"]) <= {"Bonn", "Oslo", "Rome"}


def test_the_encoder_sees_which_entries_are_there_and_not_what_fills_them(place) -> None:
    known = user_sets.store(read(with_gaps()), "gaps")
    spec = RunSpec.build(data="own", model="vae", set=known.id, hidden=16)
    with scope(0, "weights"):
        model = models.build(spec)
    x = torch.zeros(2, model.meta.dim)
    x[1, 0] = torch.nan
    q = model.encode(x)
    assert bool(q.mean.isfinite().all())
    # The same zeros, one of them observed and one not.
    assert float((q.mean[0] - q.mean[1]).detach().abs().max()) > 1e-6


def test_what_learns_whole_rows_alone_says_how_to_choose(place) -> None:
    known = user_sets.store(read(with_gaps()), "gaps")
    with pytest.raises(SpecError, match="incomplete = fill or drop"):
        RunSpec.build(data="own", model="gan", set=known.id, incomplete="learn")
    assert RunSpec.build(data="own", model="gan", set=known.id).flat()["incomplete"] == "auto"
    # What was recorded before stays what it was.
    old = RunSpec.build(data="own", model="vae", set=known.id, incomplete="fill").flat()
    old["incomplete"] = "auto"
    assert RunSpec.from_record(old).flat()["incomplete"] != "learn"
    assert not own_dataset.Own.meta(RunSpec.from_record(old).data_options).gaps


def test_a_likelihood_of_a_column_is_a_flag(place) -> None:
    known = user_sets.store(read(mixed()), "mixed")
    values = {"data": "own", "model": "vae", "set": known.id}
    spec = RunSpec.build(**values, column_likelihoods="age=negative_binomial")
    names = [type(group).__name__ for group in models.build(spec).likelihood_head.columns.groups]
    assert "NegativeBinomialColumn" in names
    with pytest.raises(SpecError, match="not possible"):
        RunSpec.build(**values, column_likelihoods="city=poisson")


def test_a_gan_of_a_table_gives_values_that_its_columns_can_have(place) -> None:
    known = user_sets.store(read(mixed(300)), "mixed")
    view = foreground.train(
        {"data": "own", "model": "gan", "set": known.id, "steps": 40, "hidden": 16, "batch": 32}
    )
    assert view.spec.flat()["generator_output"] == "mixed"
    model = view.model()
    with scope(1, "draws"), torch.no_grad():
        x = model.sample(200)
    raw = model.meta.original(x).numpy()
    names = model.meta.axes
    for name in ("age", "stars"):
        column = raw[:, names.index(name)]
        np.testing.assert_allclose(column, np.rint(column), atol=1e-4)
        assert column.min() > -1e-4
    hot = raw[:, [k for k, name in enumerate(names) if name.startswith("city = ")]]
    assert set(np.unique(hot)) <= {0.0, 1.0}
    assert (hot.sum(1) == 1).all()
    assert set(np.unique(raw[:, names.index("smoker")])) <= {0.0, 1.0}
