"""Scores of directions on decoders where they are known exactly, and the job that finds them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from genlab.core.errors import GenlabError, SpecError
from genlab.core.random import derive, scope
from genlab.core.tables import DATASETS
from genlab.data.base import DataMeta, Dataset, Split
from genlab.distributions import Point
from genlab.distributions.priors import standard_normal
from genlab.latent.attributes import rows_of, training_part
from genlab.latent.codes import held_out, pick_held_out
from genlab.latent.directions import directions_from
from genlab.latent.scores import (
    PROBE_TEST,
    PROBE_TRAIN,
    directions_job,
    measure_step,
    probe_attributes,
    ratio,
)
from genlab.models.base import HasCritic, HasDecoder, HasEncoder
from genlab.testing.model_contract import METAS, ModelCase


def test_on_an_isometry_the_ratio_is_the_slope_along_the_direction() -> None:
    with scope(0, "frame"):
        frame = torch.linalg.qr(torch.randn(9, 4))[0]
        slope = torch.randn(9, 3).double().numpy()
        z = torch.randn(20, 4)
    v = torch.nn.functional.normalize(torch.tensor([1.0, 2.0, 0.0, -1.0]), dim=0)
    gain, change = measure_step(
        lambda code: code @ frame.mT, lambda x: x, lambda x: x.double().numpy() @ slope, z, 0.7 * v
    )
    np.testing.assert_allclose(change, 0.7, atol=1e-6)
    exact = slope.T @ (frame @ v).double().numpy()
    np.testing.assert_allclose(gain, np.tile(0.7 * exact, (20, 1)), atol=1e-5)
    value, se = ratio(gain, change)
    np.testing.assert_allclose(value, exact, atol=1e-5)
    np.testing.assert_allclose(se, 0.0, atol=1e-5)


def test_what_changes_something_else_too_scores_less() -> None:
    eye = torch.eye(2)
    ratios = []
    for v in (torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0]) / math.sqrt(2.0), eye[1]):
        gain, change = measure_step(
            lambda z: z, lambda x: x, lambda x: 3.0 * x[:, :1].double().numpy(), eye, 2.0 * v
        )
        ratios.append(float(ratio(gain, change)[0][0]))
    assert ratios == pytest.approx([3.0, 3.0 / math.sqrt(2.0), 0.0], abs=1e-6)


def test_the_change_of_identity_is_told_both_ways() -> None:
    # φ(x) = |x|: from 1, a step of 1 ahead moves by 1, a step back by 1; from 0.25 by 1 and 0.5.
    z = torch.tensor([[1.0], [0.25]])
    gain, change = measure_step(
        lambda z: z,
        torch.abs,
        lambda x: x.double().numpy() ** 2,
        z,
        torch.tensor([1.0]),
    )
    assert change.tolist() == pytest.approx([1.0, 0.75])
    # Half of (z + 1)² − (z − 1)² is 2 z.
    assert gain[:, 0].tolist() == pytest.approx([2.0, 0.5])


def test_the_standard_error_is_that_of_repeated_draws() -> None:
    rng = np.random.default_rng(0)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        change = rng.gamma(4.0, 0.25, size=64)
        return (1.5 * change + rng.normal(0.0, 0.4, size=64))[:, None], change

    found = [ratio(*draw()) for _ in range(2000)]
    values = np.array([float(value[0]) for value, _ in found])
    errors = np.array([float(se[0]) for _, se in found])
    assert values.mean() == pytest.approx(1.5, abs=0.01)
    assert errors.mean() == pytest.approx(values.std(), rel=0.06)


def test_no_change_has_no_ratio() -> None:
    value, se = ratio(np.zeros((5, 2)), np.zeros(5))
    assert np.isnan(value).all()
    assert np.isnan(se).all()


@pytest.fixture(scope="module")
def digits() -> Dataset:
    found: Dataset = DATASETS["digits"].load(DATASETS["digits"].Options())
    return found


def test_the_judge_is_scikit_learns_regression_on_principal_components(digits: Dataset) -> None:
    found = probe_attributes(digits, seed=1)
    known = training_part(digits, PROBE_TRAIN, derive(1, "judge"))
    told = rows_of(
        held_out(digits), pick_held_out(PROBE_TEST, len(held_out(digits)), derive(1, "judge"))
    )
    assert known.y is not None
    assert told.y is not None
    parts = PCA(50, svd_solver="full").fit(known.x.flatten(1).double().numpy())
    fit = LogisticRegression(max_iter=1000)
    fit.fit(parts.transform(known.x.flatten(1).double().numpy()), known.y.numpy() == 4)
    scores = parts.transform(told.x.flatten(1).double().numpy())
    np.testing.assert_allclose(
        found.logits(told.x)[:, 4], fit.decision_function(scores), atol=1e-6
    )
    right = fit.score(scores, told.y.numpy() == 4)
    assert found.accuracy[4] == pytest.approx(right, abs=1e-12)
    assert found.accuracy.min() > 0.9
    assert found.n == len(told) == 180


class Isometry(nn.Module, HasDecoder):
    """g(z) = Q z, Q with orthonormal columns, 8 <- 4."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = 4
        with scope(5, "isometry"):
            self.q = nn.Parameter(torch.linalg.qr(torch.randn(8, 4))[0])

    def prior(self) -> Any:
        return standard_normal(4, self.q)

    def decode(self, z: Tensor) -> Point:
        return Point(z @ self.q.mT, 1)


class Inverted(Isometry, HasEncoder):
    """With its exact inverse."""

    def encode(self, x: Tensor) -> Any:
        return Independent(Normal(x @ self.q, torch.ones(4)), 1)


class Criticised(Isometry, HasCritic):
    """With a critic whose features are ten times the data."""

    def score(self, x: Tensor) -> Tensor:
        return x.sum(dim=1)

    def features(self, x: Tensor) -> Tensor:
        return 10.0 * x


def planted(model: Isometry) -> Dataset:
    """Examples Q z; the class tells whether z₀ + z₁ > 0."""

    def part(n: int, seed: int) -> Split:
        with scope(seed, "planted"), torch.no_grad():
            z = torch.randn(n, 4)
            return Split(z @ model.q.mT, (z[:, 0] + z[:, 1] > 0).long())

    meta = DataMeta((8,), "real", ("down", "up"))
    return Dataset(meta, part(3000, 1), part(400, 2), part(400, 3))


@pytest.mark.parametrize("cls", [Inverted, Criticised])
def test_the_planted_direction_has_the_best_score(cls: type[Isometry]) -> None:
    model: Any = cls()
    values = {"run": "r", "step": 0, "seed": 0, "label": None, "probe": "logistic"}
    result = directions_job(model, planted(model), values, lambda f, text: None)
    found = {one.name: one for one in directions_from(result)}
    truth = np.array([1.0, 1.0, 0.0, 0.0]) / math.sqrt(2.0)
    up = found["class up"]
    assert float(up.vector @ truth) > 0.95
    assert up.score is not None
    assert up.score.attribute == "class up"
    best = max(abs(one.score.ratio) for one in found.values() if one.score is not None)
    worst = min(abs(one.score.ratio) for one in found.values() if one.score is not None)
    assert up.score.ratio > 0.95 * best
    assert up.score.ratio > 2 * worst
    # Units of identity do not show: a step of a spread is so much of the typical distance, which
    # for independent normals of four dimensions is 2 Γ(5/2) / Γ(2).
    typical = 2.0 * math.gamma(2.5) / math.gamma(2.0)
    assert up.score.change == pytest.approx(up.spread / typical, rel=0.1)
    # The judge is linear and so is the decoder: the gain is exact, the same from every code.
    told = probe_attributes(planted(model), 0)
    slope = float((model.q.detach().double().numpy() @ up.vector) @ told.weight[:, 1])
    assert up.score.gain == pytest.approx(up.spread * slope, rel=1e-4)
    assert up.score.n == 64
    assert result["identity"] == ("data" if cls is Inverted else "critic feature")
    # The mean code of a class is the mean of a half normal along the planted direction.
    mean = result["means"][list(result["attributes"]).index("class up")]
    assert float(mean @ truth) == pytest.approx(math.sqrt(2.0 / math.pi), abs=0.08)
    assert result["counts"].sum() == (2400 if cls is Inverted else 3000)


def test_one_given_direction_is_scored_alone() -> None:
    model: Any = Inverted()
    values = {"seed": 0, "vector": [2.0, 2.0, 0.0, 0.0]}
    result = directions_job(model, planted(model), values, lambda f, text: None)
    (one,) = directions_from(result)
    np.testing.assert_allclose(one.vector, np.array([1.0, 1.0, 0.0, 0.0]) / math.sqrt(2.0))
    assert one.score is not None
    assert abs(one.score.ratio) > 3.0
    assert one.spread == pytest.approx(1.0, abs=0.15)


def test_without_labels_there_are_directions_and_no_scores() -> None:
    model: Any = Inverted()
    with scope(0, "plain"):
        part = Split(torch.randn(60, 8))
    data = Dataset(DataMeta((8,), "real"), part, part, part)
    result = directions_job(model, data, {"seed": 0}, lambda f, text: None)
    assert result["attributes"] == []
    assert {one.kind for one in directions_from(result)} == {"principal"}
    assert all(one.score is None for one in directions_from(result))


def test_where_nothing_is_found_the_list_is_empty() -> None:
    # No labels, no layer that reads z, and every example has one and the same code.
    model: Any = Inverted()
    part = Split(torch.zeros(60, 8))
    data = Dataset(DataMeta((8,), "real"), part, part, part)
    result = directions_job(model, data, {"seed": 0}, lambda f, text: None)
    assert result["vectors"].shape == (0, 4)
    assert directions_from(result) == []


def test_the_result_is_of_arrays_and_plain_values(digits: Dataset) -> None:
    model = ModelCase("cgan", digits.meta, "cgan").build(latent=4).eval()
    told: list[float] = []
    values = {"seed": 0, "label": "3", "probe": "lda"}
    result = directions_job(model, digits, values, lambda f, text: told.append(f))
    plain = {k: v for k, v in result.items() if not isinstance(v, np.ndarray)}
    arrays = {k: v for k, v in result.items() if isinstance(v, np.ndarray)}
    assert all(array.dtype.kind in "fi" for array in arrays.values())
    again = directions_from({**json.loads(json.dumps(plain)), **arrays})
    assert [one.name for one in again] == result["names"]
    assert told == sorted(told)
    assert told[-1] <= 1.0


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"vector": [1.0]}, SpecError, "4 numbers"),
        ({"vector": [0.0] * 4}, GenlabError, "length 0"),
        ({"vector": [float("inf")] * 4}, GenlabError, "length 0"),
        ({"probe": "forest"}, SpecError, "logistic"),
        ({"label": "7"}, SpecError, "without labels"),
    ],
)
def test_bad_wishes_are_refused(
    values: dict[str, Any], error: type[Exception], words: str
) -> None:
    model: Any = Inverted()
    with pytest.raises(error, match=words):
        directions_job(model, planted(model), values, lambda f, text: None)


def test_a_model_without_a_decoder_is_refused(digits: Dataset) -> None:
    net = ModelCase("made", METAS["binary8"], "made").build().eval()
    with pytest.raises(GenlabError, match="no decoder"):
        directions_job(net, digits, {"seed": 0}, lambda f, text: None)
