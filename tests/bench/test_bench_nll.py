"""The benchmark of the test log-likelihood: its estimators against exact values, and one pass."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Independent, Normal

from genlab.models.linear_gaussian import LinearGaussian

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def nll():
    """bench/nll.py as a module."""
    found = importlib.util.spec_from_file_location("bench_nll", ROOT / "bench" / "nll.py")
    module = importlib.util.module_from_spec(found)
    sys.modules["bench_nll"] = module
    found.loader.exec_module(module)
    yield module
    del sys.modules["bench_nll"]


class Rough(LinearGaussian):
    """The exact model with another posterior than its own, so that the bounds are not tight."""

    def encode(self, x):
        mean = torch.tensor([0.3, -0.1], dtype=torch.float64).expand(len(x), 2)
        return Independent(Normal(mean, torch.tensor([0.2, 0.4], dtype=torch.float64).sqrt()), 1)


WEIGHT = torch.tensor([[1.0, 0.5], [0.0, 1.0], [-1.0, 2.0]], dtype=torch.float64)
BIAS = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
X = torch.tensor([[1.0, -0.5, 0.8], [0.4, 0.1, 0.2]], dtype=torch.float64)


def truth() -> np.ndarray:
    """−log p(x) by the marginal law N(b, WWᵀ + σ²I)."""
    covariance = WEIGHT.numpy() @ WEIGHT.numpy().T + 0.5 * np.eye(3)
    return -multivariate_normal(BIAS.numpy(), covariance).logpdf(X.numpy())


def test_the_bound_with_many_draws_is_the_evidence(nll) -> None:
    model = Rough.of(WEIGHT, BIAS, math.sqrt(0.5))
    tight, _ = nll.bounds(model, X, draws=20_000, seed=3, at_once=3000)
    assert abs(tight.value - truth().mean()) < 4 * tight.noise
    assert 0 < tight.noise < 0.02
    assert tight.n == 2


def test_the_elbo_is_the_evidence_less_the_divergence(nll) -> None:
    """At x of LG-1 and q = N([0.3, −0.1], diag(0.2, 0.4)) it is −6.2924591509."""
    model = Rough.of(WEIGHT, BIAS, math.sqrt(0.5))
    tight, loose = nll.bounds(model, X[:1], draws=20_000, seed=4)
    assert abs(loose.value - 6.2924591509) < 4 * loose.noise
    assert 0 < loose.noise < 0.05
    assert abs(tight.value - 4.3455055938) < 4 * tight.noise


def test_the_error_it_states_is_the_spread_over_seeds(nll) -> None:
    model = Rough.of(WEIGHT, BIAS, math.sqrt(0.5))
    found = [nll.bounds(model, X, draws=2000, seed=seed)[0] for seed in range(40)]
    spread = float(np.std([one.value for one in found], ddof=1))
    stated = float(np.median([one.noise for one in found]))
    assert 0.6 < spread / stated < 1.6


def test_the_exact_value_of_a_visible_model(nll) -> None:
    each = nll.exact(LinearGaussian.of(WEIGHT, BIAS, math.sqrt(0.5)), X, at_once=1)
    assert np.allclose(each.numpy(), truth(), atol=1e-9)


def test_the_rate_falls_to_nothing_over_the_second_half(nll) -> None:
    rates = []

    class Spy:
        spec = nll.RunSpec.build(model="vae", data="digits", steps=100, lr=0.01)

        def set_options(self, state, values) -> None:
            rates.append(values["lr"])

    schedule = nll.Schedule(Spy(), None)
    schedule.begin(0, None)
    ends = [schedule(step, None, nll.Info()) for step in (10, 50, 75, 100)]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 1e-7])
    assert ends == [False, False, False, True]


@pytest.mark.parametrize("name", ["fvbn", "made_masks", "pixelcnn", "vae", "iwae"])
def test_a_row_is_trained_and_measured(nll, name: str, monkeypatch) -> None:
    row = nll.CONTENDERS[name]
    small = {"hidden": 16, "latent": 4, "width": 4, "layers": 2, "masks": 2, "batch": 32}
    options = {key: small.get(key, value) for key, value in row.options.items()}
    monkeypatch.setitem(nll.CONTENDERS, name, nll.dataclasses.replace(row, options=options))
    source = {"data": "digits", "binarise": "dynamic"}
    results = [nll.run(name, source, steps=steps, subset=12, draws=60) for steps in (1, 60)]
    first, last = (result["nll"]["value"] for result in results)
    # An untrained net gives each of the 64 pixels about probability one half.
    assert abs(first - 64 * math.log(2)) < 12
    assert last < first - 3
    assert results[1]["steps"] == 60
    assert results[1]["examples"] == 60 * 32
    assert json.loads(json.dumps(results)) == results
    words = nll.result_line(results[1]) + nll.table(results)
    assert row.published in words
    assert f"{last:.2f}" in words


def test_every_row_of_the_table_makes_a_run(nll) -> None:
    specs = [
        nll.RunSpec.build(data="mnist", binarise="dynamic", **row.options)
        for row in nll.CONTENDERS.values()
    ]
    assert {"fvbn", "made", "pixelcnn", "vae"} <= {spec.model for spec in specs}
    assert {"likelihood", "elbo", "iwae"} == {spec.objective for spec in specs}
    assert all(0 < row.minutes <= 15 for row in nll.CONTENDERS.values())


def test_packed_files_are_unpacked_and_missing_ones_are_told(nll, tmp_path: Path) -> None:
    packed, place = tmp_path / "packed", tmp_path / "place"
    (packed / "MNIST").mkdir(parents=True)
    with pytest.raises(SystemExit, match="GENLAB_DATA"):
        nll.unpacked(packed, place)
    for name in ("a", "b", "c", "d"):
        (packed / "MNIST" / f"{name}.gz").write_bytes(nll.gzip.compress(name.encode()))
    assert nll.unpacked(packed, place) == place
    assert (place / "MNIST" / "raw" / "c").read_bytes() == b"c"
    assert nll.unpacked(place, tmp_path / "other") == place
