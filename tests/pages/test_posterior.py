"""Explore's posterior: the draws of a run, the exact density, another run as the referee."""

from __future__ import annotations

import numpy as np
import pytest

from genlab import runs
from genlab.runs import foreground
from genlab.ui.explore.posterior import exact_density, numbers_of

TABLE = {"model": "linear_regression", "data": "linear_table", "algorithm": "advi", "steps": 40}


def fitted(title, **more):
    return foreground.train(TABLE | more, title=title).id


def test_two_parameters_with_a_referee_and_a_check(visit, work, home):
    q = fitted("q", eta=0.1)
    referee = fitted("referee", algorithm="hmc", hmc_warmup=20, chains=2)
    fitted("elsewhere", eta=0.1, table_rows=40)
    app = visit("explore", run=q, n="200", tool="posterior")
    while work():
        app = app.run()
    app = app.run()
    assert not app.exception
    assert not app.error
    titles = app.selectbox(key="explore.posterior.par_run").options
    assert titles == ["referee · Hamiltonian Monte Carlo", "no other run"]
    assert app.query_params["t.par_run"] == referee
    assert [s.value for s in app.subheader] == ["Posterior predictive check"]
    (check,) = (d.value for d in app.dataframe if "statistic" in d.value)
    assert list(check["statistic"]) == ["mean", "standard deviation", "smallest", "largest"]
    app.selectbox(key="explore.posterior.par_x").select("weights[1]").run()
    assert app.query_params["t.par_x"] == "weights[1]"
    assert not app.exception


def test_the_exact_density_of_a_pair_is_normalised_either_way_round(home):
    model = runs.open_run(fitted("q", eta=0.1)).model()
    first, second = list(numbers_of(model))[:2]
    one, other = (
        exact_density(model.truth(), pair) for pair in ((first, second), (second, first))
    )
    np.testing.assert_allclose(one.values, other.values.T)
    cell = (one.x[1] - one.x[0]) * (one.y[1] - one.y[0])
    assert one.values.sum() * cell == pytest.approx(1.0, abs=1e-3)
    mean = (one.values.sum(1) * one.x).sum() / one.values.sum()
    assert mean == pytest.approx(model.truth().mean[model.truth().names.index(first)], abs=1e-4)
    assert exact_density(model.truth(), (first, "nobody")) is None
