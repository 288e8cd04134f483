"""MIG, SAP and DCI on codes whose answer is known, and against scikit-learn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.feature_selection import f_classif
from sklearn.metrics import balanced_accuracy_score, mutual_info_score
from sklearn.neighbors import NearestCentroid

from genlab.metrics.disentanglement import (
    bin_codes,
    conditional_means,
    dci,
    information,
    jackknife_entropy,
    mig,
    mig_estimate,
    mutual_information,
    responses,
    sap,
    sap_estimate,
    scores,
)

#: Every combination of three factors, four times.
FACTORS = np.array(list(itertools.product(range(3), range(4), range(5))) * 4)
NOISE = np.random.default_rng(0)


def test_information_is_that_of_scikit_learn() -> None:
    codes = NOISE.normal(size=(len(FACTORS), 3)) + FACTORS
    table = information(codes, FACTORS)
    cut = bin_codes(codes)
    for k, j in itertools.product(range(3), range(3)):
        assert table[k, j] == pytest.approx(mutual_info_score(FACTORS[:, k], cut[:, j]), abs=1e-12)


def test_one_code_a_factor_is_perfect_in_any_order_and_scale() -> None:
    codes = FACTORS[:, [2, 0, 1]] * [3.0, -0.1, 7.0] + 5.0
    assert mig(codes, FACTORS).value == pytest.approx(1.0, abs=1e-12)
    assert sap(codes, FACTORS).value == pytest.approx(1.0, abs=1e-12)
    assert sap(codes, FACTORS, categorical=[0]).value == pytest.approx(1.0, abs=1e-12)
    found = dci(codes, FACTORS)
    assert found.disentanglement.value == pytest.approx(1.0, abs=0.02)
    assert found.completeness.value == pytest.approx(1.0, abs=0.02)
    assert found.informativeness.value == 1.0
    np.testing.assert_allclose(responses(codes, FACTORS), np.eye(3)[[2, 0, 1]].T, atol=1e-12)


def test_a_factor_said_twice_leaves_no_gap() -> None:
    codes = np.column_stack([FACTORS, FACTORS])
    assert mig(codes, FACTORS).value == 0.0
    assert sap(codes, FACTORS).value == pytest.approx(0.0, abs=1e-12)
    # Each code still says one factor alone, but each factor stands in two codes.
    found = dci(codes, FACTORS)
    assert found.disentanglement.value > 0.98
    assert found.completeness.value < 0.75


def test_two_factors_in_one_code_are_not_disentangled() -> None:
    codes = (4 * FACTORS[:, [0]] + FACTORS[:, [1]]).astype(float)
    v = FACTORS[:, :2]
    found = dci(codes, v)
    assert found.disentanglement.value < 0.2
    assert found.informativeness.value == 1.0
    # One code holds all of both: the gap to the second, which is not there, is all of H.
    assert mig(codes, v).value == pytest.approx(1.0, abs=1e-12)


def test_codes_of_noise_say_nothing() -> None:
    codes = NOISE.normal(size=(4000, 3))
    v = NOISE.integers(0, 3, size=(4000, 2))
    assert mig(codes, v).value < 0.01
    assert sap(codes, v).value < 0.01
    assert abs(dci(codes, v).informativeness.value - 1 / 3) < 0.06
    assert float(responses(codes, v).max()) < 0.01


def test_mig_of_a_noisy_bit_is_that_of_the_binary_channel() -> None:
    bit = NOISE.integers(0, 2, size=40_000)
    flipped = bit ^ (NOISE.random(40_000) < 0.1)
    codes = np.column_stack([flipped, NOISE.integers(0, 2, size=40_000)]).astype(float)
    entropy = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    exact = (math.log(2) - entropy) / math.log(2)
    assert mig(codes, bit[:, None]).value == pytest.approx(exact, abs=0.01)


def test_the_nearest_mean_is_that_of_scikit_learn() -> None:
    codes = NOISE.normal(size=(len(FACTORS), 1)) + 1.5 * FACTORS[:, [0]]
    v = FACTORS[:, [0]]
    guess = NearestCentroid().fit(codes, v[:, 0]).predict(codes)
    balanced = balanced_accuracy_score(v[:, 0], guess, adjusted=True)
    assert sap(codes, v, categorical=[0]).table[0, 0] == pytest.approx(balanced, abs=1e-12)


def test_the_correlation_ratio_is_that_of_the_analysis_of_variance() -> None:
    codes = NOISE.normal(size=(len(FACTORS), 2)) + FACTORS[:, [1]]
    v = FACTORS[:, 1]
    statistic = f_classif(codes, v)[0]
    between, within = 4 - 1, len(v) - 4
    exact = statistic * between / (statistic * between + within)
    np.testing.assert_allclose(responses(codes, v[:, None])[0], exact, rtol=1e-9)
    means, counts = conditional_means(codes, v)
    assert counts.tolist() == [60.0] * 4
    np.testing.assert_allclose(means[2], codes[v == 2].mean(axis=0), rtol=1e-12)


def test_the_interval_holds_the_value_and_says_from_how_many() -> None:
    codes = NOISE.normal(size=(len(FACTORS), 3)) * 0.3 + FACTORS
    found = {one["name"]: one for one in scores(codes, FACTORS, [0])["estimates"]}
    assert set(found) == {
        "mig",
        "sap",
        "dci_disentanglement",
        "dci_completeness",
        "dci_informativeness",
    }
    for one in found.values():
        assert one["low"] <= one["value"] <= one["high"]
        # Informativeness is of the quarter that no forest has seen.
        held = len(FACTORS) // 4 if one["name"] == "dci_informativeness" else len(FACTORS)
        assert one["n"] == held
    noisy = NOISE.normal(size=(len(FACTORS), 3)) + FACTORS
    told = {one["name"]: one for one in scores(noisy, FACTORS, [0])["estimates"]}
    inform = told["dci_informativeness"]
    assert inform["low"] < inform["value"] < inform["high"] < inform["low"] + 0.2
    assert found["sap"]["high"] > found["sap"]["low"]


def test_mig_has_an_interval_from_a_thousand_examples_on() -> None:
    v = np.tile(FACTORS, (5, 1))
    codes = np.random.default_rng(1).normal(size=(len(v), 3)) + v
    for n in (999, 1000):
        one = scores(codes[:n], v[:n], [])["estimates"][0]
        assert one["name"] == "mig"
        assert (one["low"] < one["value"] < one["high"]) == (n >= 1000)


def test_the_jackknife_takes_the_bias_of_counting_away() -> None:
    draw = np.random.default_rng(2)
    plug, jack = [], []
    for _ in range(200):
        a, b = draw.integers(0, 8, 1000), draw.integers(0, 20, 1000)
        plug.append(mutual_information(a, b))
        both = jackknife_entropy(20 * a + b)
        jack.append(jackknife_entropy(a) + jackknife_entropy(b) - both)
    # Independent: I = 0. The plug-in is off by (8 - 1)(20 - 1)/(2 · 1000), and a little more.
    error = np.std(jack) / math.sqrt(len(jack))
    assert np.mean(plug) > 0.06
    assert abs(np.mean(jack)) < 0.003 + 4 * error
    labels = np.array([0, 0, 0, 1, 1, 2])
    n, h = 6, lambda x: -sum(c / len(x) * math.log(c / len(x)) for c in np.bincount(x) if c)
    without = [h(np.delete(labels, i)) for i in range(n)]
    expected = n * h(labels) - (n - 1) * float(np.mean(without))
    assert jackknife_entropy(labels) == pytest.approx(expected, abs=1e-12)


def test_perfect_codes_have_a_gap_of_1_and_sap_is_the_measure() -> None:
    codes = FACTORS[:, [2, 0, 1]] * [3.0, -0.1, 7.0] + 5.0
    assert mig_estimate(codes, FACTORS).value == pytest.approx(1.0, abs=0.06)
    assert mig_estimate(codes, FACTORS).interval[1] == 1.0
    noisy = NOISE.normal(size=(len(FACTORS), 3)) + FACTORS
    for categorical in ([], [0]):
        assert sap_estimate(noisy, FACTORS, categorical).value == pytest.approx(
            sap(noisy, FACTORS, categorical).value, abs=1e-12
        )


def test_the_interval_of_mig_is_of_95_percent() -> None:
    v = np.tile(FACTORS, (5, 1))
    codes = np.random.default_rng(4).normal(size=(len(v), 3)) + v
    gap = mig_estimate(codes, v)
    low, high = gap.interval
    assert (high - low) / (2 * gap.error) == pytest.approx(1.959964, abs=1e-5)
    one = scores(codes, v, [])["estimates"][0]
    assert (one["low"], one["high"]) == (low, high)


def _left_out(
    measure: Callable[[np.ndarray, np.ndarray], float], z: np.ndarray, v: np.ndarray
) -> float:
    """The standard error of a measure by leaving out one example at a time."""
    n = len(z)
    values = np.array([measure(np.delete(z, i, 0), np.delete(v, i, 0)) for i in range(n)])
    return math.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum())


def _drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and uneven factors, so that the error of their entropy counts as well."""
    draw = np.random.default_rng(seed)
    v = np.column_stack(
        [draw.choice(3, 400, p=[0.7, 0.2, 0.1]), draw.choice(2, 400, p=[0.8, 0.2])]
    )
    z = np.column_stack([2 * v[:, 0] + draw.integers(0, 3, 400), 3 * v[:, 1], v[:, 0] + v[:, 1]])
    z = np.minimum(z + draw.integers(0, 3, z.shape), 19).astype(float)
    return z, v


def test_the_standard_errors_are_those_of_leaving_out_one_example_each() -> None:
    z, v = _drawn(5)
    z[:4] = [[0.0] * 3, [0.0] * 3, [19.0] * 3, [19.0] * 3]  # the bins stay as they are
    assert mig_estimate(z, v).error == pytest.approx(
        _left_out(lambda a, b: mig(a, b).value, z, v), rel=0.1
    )
    noisy = z + np.random.default_rng(6).normal(size=z.shape)
    assert sap_estimate(noisy, v).error == pytest.approx(
        _left_out(lambda a, b: sap(a, b).value, noisy, v), rel=0.3
    )


@pytest.mark.parametrize("categorical", [(0,), (0, 1)])
def test_the_standard_error_of_sap_is_the_spread_over_repeated_draws(categorical) -> None:
    # Leaving out one example is no reference here: it moves a class mean past other examples.
    values, errors = [], []
    for seed in range(300):
        z, v = _drawn(seed)
        noisy = z + np.random.default_rng(10_000 + seed).normal(size=z.shape)
        found = sap_estimate(noisy, v, categorical)
        values.append(found.value)
        errors.append(found.error)
    # A standard deviation of 300 draws has a relative error of 4 %.
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.2)
