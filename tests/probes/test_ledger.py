"""The ledger against quadrature, where data and model are two shifted normal laws."""

from __future__ import annotations

import functools
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab import models
from genlab.core.measure import Reading
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.divergences.f import F
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import divergences_1d
from genlab.models.base import GenerativeModel
from genlab.models.gan import GAN
from genlab.models.linear_gaussian import LinearGaussian
from genlab.probes import read_probes
from genlab.probes.ledger import Ledger, format_number


class Shift(torch.nn.Module):
    """x + m, on the first axis."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = torch.nn.Parameter(torch.tensor([by, 0.0]))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.by


class Ratio(torch.nn.Module):
    """½ − x₁ = log p/q of N(0, I) and N((1, 0), I)."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 - x[:, :1]


def shifted(by: float, data: str = "gaussian", **values: Any) -> tuple[RunSpec, Dataset, GAN]:
    spec = RunSpec.build(data=data, model="gan", **values)
    with scope(0, "weights"):
        model = models.build(spec)
    assert isinstance(model, GAN)
    model.generator = torch.nn.Sequential(Shift(by))
    model.body, model.head = torch.nn.Sequential(), Ratio()
    return spec, datasets.load(spec), model


def reading(spec: RunSpec, data: Dataset, model: GenerativeModel) -> Reading:
    found = read_probes(Ledger(spec, data), model, 0)
    assert set(found.values) == {series.name for series in Ledger(spec, data).series}
    payload = found.pictures["ledger"].payload
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload
    return found


def rows_of(found: Reading) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in found.pictures["ledger"].payload["rows"]}


@functools.cache
def one_apart() -> Reading:
    return reading(*shifted(1.0))


@functools.cache
def half_apart() -> Reading:
    """At a shift of 1 a pool of 0.5 % of the data would hold 4 of the 20,000 samples, or none."""
    return reading(*shifted(0.5))


@functools.cache
def exact(by: float = 1.0) -> dict[str, float]:
    """A shift on one axis is a question of one dimension."""
    rows = [F[name] for name in F]
    found = divergences_1d(rows, gaussian(0, 1), gaussian(by, 1))
    return {one.series.name: one.value for one in found}


def test_every_divergence_is_there_and_says_what_it_is() -> None:
    rows = rows_of(one_apart())
    assert list(rows) == [*F.names(), "w1"]
    assert all(row["n"] == 20_000 and row["kind"] == "grid" for row in list(rows.values())[:-1])
    assert rows["kl"]["cells"] == rows["pearson"]["cells"] == rows["jeffrey"]["cells"]
    assert rows["reverse_kl"]["cells"] == 32 * 32 + 1 > rows["kl"]["cells"] > 50
    assert rows["gan"]["least"] == pytest.approx(-2 * math.log(2), abs=1e-5)
    assert (rows["js"]["upper"], rows["kl"]["upper"]) == (pytest.approx(1.38629), "infinite")
    assert "20,000" in one_apart().pictures["ledger"].note


@pytest.mark.parametrize("name", F.names())
def test_values_are_those_of_quadrature(name: str) -> None:
    row = rows_of(half_apart())[name]
    truth = exact(0.5)[name]
    slack = 4 * row["error"] + abs(row["floor"] - row["least"])
    # Cells lower a divergence by a few per cent, counting raises it by about the floor. Those
    # that are counted on pools lose what happens inside the pool of the tails.
    lost = {"pearson": 0.25, "jeffrey": 0.15, "kl": 0.1}.get(name, 0.05)
    assert truth - lost * (truth - row["least"]) - slack <= row["value"] <= truth + slack
    assert row["error"] > 0
    # Neyman's mean has a heavy tail: a few cells that the samples hardly reach decide its error.
    assert name == "neyman" or row["error"] < 0.2 * (truth - row["least"])


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "js", "gan", "squared_hellinger", "alpha"])
def test_bounds_of_the_best_critic_reach_the_divergence(name: str) -> None:
    bound = rows_of(one_apart())[name]["bound"]
    assert (bound["side"], bound["how"], bound["n"]) == ("lower", "critic", 1024)
    assert bound["own"] is (name in {"js", "gan"})
    assert bound["value"] == pytest.approx(exact()[name], abs=4 * bound["error"])


def test_w1_of_a_shift_is_the_shift_and_the_linear_critic_proves_it() -> None:
    row = rows_of(one_apart())["w1"]
    assert (row["n"], row["kind"]) == (600, "Monte Carlo")
    assert 1.0 - 4 * row["error"] < row["value"] < 1.0 + row["floor"]
    assert row["bound"]["value"] == pytest.approx(1.0, abs=4 * row["bound"]["error"])
    assert one_apart().values["ledger_w1"] == pytest.approx(row["value"], rel=1e-5)


def test_errors_are_those_of_repetition() -> None:
    """Over 200 draws of one pair: the mean error is the spread, whose own error is 5 %, and ± 2 of
    them cover the mean."""
    spec, data, model = shifted(1.0)
    probe = Ledger(spec, data)
    names = ("js", "reverse_kl", "squared_hellinger", "total_variation")
    values: dict[str, list[float]] = {name: [] for name in names}
    errors: dict[str, list[float]] = {name: [] for name in names}
    for k in range(200):
        with scope(k, "again"), torch.no_grad():
            found = probe._counted(model.sample(20_000))
        for name in names:
            values[name].append(found[name].value)
            errors[name].append((found[name].high - found[name].value) / 1.96)
    for name in names:
        seen, error = torch.tensor(values[name]), torch.tensor(errors[name])
        assert float(error.mean()) == pytest.approx(float(seen.std()), rel=0.25)
        assert float(((seen - seen.mean()).abs() < 2 * error).float().mean()) > 0.85
        assert rows_of(one_apart())[name]["error"] == pytest.approx(float(error.mean()), rel=0.5)


def test_a_perfect_sampler_scores_the_floor() -> None:
    found = reading(*shifted(0.0))
    for row in rows_of(found).values():
        if row["name"] not in {"neyman"}:  # its tail is too heavy for one draw
            allowed = 5 * row["error"] + 0.3 * (row["floor"] - row["least"])
            assert row["value"] == pytest.approx(row["floor"], abs=allowed)
    series = {s.name: s for s in Ledger(*shifted(0.0)[:2]).series}
    assert found.values["ledger_kl"] == pytest.approx(series["ledger_kl"].truth, rel=0.5)


def test_what_is_infinite_is_said_and_is_no_gap() -> None:
    far = reading(*shifted(30.0))
    rows = rows_of(far)
    for name in ("kl", "pearson", "jeffrey"):
        assert (rows[name]["value"], rows[name]["error"]) == ("infinite", None)
        assert rows[name]["at_least"] > 4
    assert rows["js"]["value"] == pytest.approx(2 * math.log(2), abs=1e-5)
    assert rows["total_variation"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert far.values["ledger_kl"] == pytest.approx(math.log(100), abs=0.1)
    board = rows_of(reading(*shifted(0.0, "checkerboard")))
    for name in ("reverse_kl", "neyman", "jeffrey"):
        assert (board[name]["value"], board[name]["at_least"]) == ("infinite", None)
    assert format_number(math.nan) is None
    assert format_number(-math.inf) == "-infinite"


def test_a_model_that_knows_its_density_is_integrated() -> None:
    spec = RunSpec.build(model="linear_gaussian", data="gaussian")
    model = LinearGaussian.of(torch.tensor([[0.6, 0.0], [0.0, 0.6]]), torch.zeros(2), 0.8)
    rows = rows_of(reading(spec, datasets.load(spec), model))  # the truth itself
    for row in list(rows.values())[:-1]:
        assert row["value"] == pytest.approx(row["least"], abs=1e-5)
        assert (row["n"], row["error"]) == (0, 0.0)
    bound = rows["kl"]["bound"]
    assert (bound["side"], bound["how"], bound["own"]) == ("upper", "ELBO", True)
    # The encoder of the truth is exact: KL(P‖Q) ≤ E[log p − ELBO] = 0 at the best.
    assert bound["value"] == pytest.approx(0.0, abs=4 * bound["error"] + 1e-4)


def test_a_vae_has_an_upper_bound_and_no_infinite_kl() -> None:
    spec = RunSpec.build(model="vae", data="ring")
    with scope(0, "weights"):
        model = models.build(spec)
    rows = rows_of(reading(spec, datasets.load(spec), model))
    assert rows["kl"]["kind"] == "lower bound"
    assert rows["kl"]["value"] < rows["kl"]["bound"]["value"]
    assert rows["js"]["bound"] is None


def test_the_divergence_of_the_objective_takes_its_parameter() -> None:
    spec, data, model = shifted(1.0, objective="fgan", divergence="alpha", alpha=0.25)
    rows = rows_of(reading(spec, data, model))
    assert "0.25" in rows["alpha"]["title"]
    assert rows["alpha"]["bound"]["own"] is True
    truth = divergences_1d([F["alpha"].with_parameter(0.25)], gaussian(0, 1), gaussian(1, 1))[0]
    assert rows["alpha"]["value"] == pytest.approx(truth.value, rel=0.06)
    assert rows["alpha"]["bound"]["value"] < truth.value + 4 * rows["alpha"]["bound"]["error"]
    own = rows_of(reading(*shifted(1.0, objective="fgan", formula="(u-1)**2")))
    assert len(own) == len(F) + 2
