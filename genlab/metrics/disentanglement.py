"""Measures of disentanglement: codes against the factors that the examples were made from.

All take the codes (n, d), usually posterior means, and the factors (n, F) as indices of values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genlab.core.measure import Estimate, Series

Array = NDArray[np.float64]
#: Equal bins into which a code is cut where its information is counted (Locatello et al. 2019).
BINS = 20


@dataclass(frozen=True)
class Score:
    """A measure, and the table it is read from.

    Args:
        value: the measure.
        table: (F, d) or (d, F), as the measure says.
        of: the measure's share for each factor (or code), where it is a mean over them.
    """

    value: float
    table: Array
    of: Array


def bin_codes(codes: ArrayLike, bins: int = BINS) -> NDArray[np.int64]:
    """Each code cut into equal bins between its least and its largest value, (n, d).

    Example:
        >>> bin_codes([[0.0], [0.4], [1.0]], 2)[:, 0].tolist()
        [0, 0, 1]
    """
    x = np.asarray(codes, dtype=np.float64)
    low, high = x.min(axis=0), x.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.minimum((bins * (x - low) / width).astype(np.int64), bins - 1)


def mutual_information(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """I(a; b) of two lists of whole numbers, from their joint counts (plug-in), in nats.

    Example:
        >>> x = np.array([0, 0, 1, 1])
        >>> round(mutual_information(x, x), 6), mutual_information(x, np.array([0, 1, 0, 1]))
        (0.693147, 0.0)
    """
    joint = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(joint, (a, b), 1.0)
    p = joint / joint.sum()
    outer = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / outer[seen])))


def information(codes: ArrayLike, factors: ArrayLike) -> Array:
    """I(v_k; z_j) of each factor with each binned code, in nats, (F, d)."""
    z, v = bin_codes(codes), np.asarray(factors, dtype=np.int64)
    return np.array(
        [
            [mutual_information(v[:, k], z[:, j]) for j in range(z.shape[1])]
            for k in range(v.shape[1])
        ]
    )


def _gap(table: Array) -> Array:
    """The largest entry of each row minus the second."""
    ordered = np.sort(table, axis=1)
    second = ordered[:, -2] if table.shape[1] > 1 else np.zeros(len(table))
    return ordered[:, -1] - second


def mig(codes: ArrayLike, factors: ArrayLike) -> Score:
    """Mutual information gap: mean over factors of (I(v; z_first) − I(v; z_second)) / H(v).

    Source: Chen et al. 2018, "Isolating sources of disentanglement in VAEs", equation 6, with
    codes binned as in Locatello et al. 2019. The table is I, (F, d), in nats.

    Example:
        >>> v = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> mig(v.astype(float), v).value
        1.0
    """
    v = np.asarray(factors, dtype=np.int64)
    table = information(codes, v)
    entropy = np.array([mutual_information(v[:, k], v[:, k]) for k in range(v.shape[1])])
    shares = _gap(table) / np.where(entropy > 0, entropy, 1.0)
    return Score(float(shares.mean()), table, shares)


def sap(codes: ArrayLike, factors: ArrayLike, categorical: Sequence[int] = ()) -> Score:
    """Separated attribute predictability: mean over factors of the best code's score minus the
    second's.

    A code's score is the squared correlation with an ordered factor, and for a categorical one the
    balanced accuracy of the nearest class mean, less what a guess has.

    Source: Kumar, Sattigeri and Balakrishnan 2018, "Variational inference of disentangled latent
    concepts from unlabeled observations", section 3. The table is the scores, (F, d).

    Example:
        >>> v = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> sap(v.astype(float), v).value
        1.0
    """
    z, v = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.int64)
    table = np.zeros((v.shape[1], z.shape[1]))
    for k in range(v.shape[1]):
        for j in range(z.shape[1]):
            if k in categorical:
                table[k, j] = _by_mean(z[:, j], v[:, k])
            elif z[:, j].std() > 0 and v[:, k].std() > 0:
                table[k, j] = np.corrcoef(z[:, j], v[:, k])[0, 1] ** 2
    shares = _gap(table)
    return Score(float(shares.mean()), table, shares)


def _by_mean(z: Array, v: NDArray[np.int64]) -> float:
    classes = np.unique(v)
    if len(classes) < 2:
        return 0.0
    centres = np.array([z[v == c].mean() for c in classes])
    found = classes[np.abs(z[:, None] - centres).argmin(axis=1)]
    balanced = np.mean([(found[v == c] == c).mean() for c in classes])
    guess = 1.0 / len(classes)
    return float(max(0.0, (balanced - guess) / (1.0 - guess)))


@dataclass(frozen=True)
class DCI:
    """Disentanglement, completeness and informativeness, with the importances, (F, d).

    ``right`` is the share of factors that are read off each held-out example, (n/4,), whose mean
    is the informativeness.
    """

    disentanglement: Score
    completeness: Score
    informativeness: Score
    right: Array


def _concentration(table: Array) -> Array:
    """One minus the entropy of each row as a distribution, in units of its largest value."""
    total = table.sum(axis=1, keepdims=True)
    p = np.divide(table, total, out=np.full_like(table, 1.0 / table.shape[1]), where=total > 0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return 1.0 + (p * logs).sum(axis=1) / np.log(max(table.shape[1], 2))


def dci(codes: ArrayLike, factors: ArrayLike, seed: int = 0) -> DCI:
    """What codes say of factors, read off regressors of each factor on all codes.

    Disentanglement: 1 − H of each code's importances over the factors, weighed by its share of
    all importance; completeness: 1 − H of each factor's importances over the codes, averaged;
    informativeness: held-out accuracy, averaged (a quarter of the examples is held out).

    Source: Eastwood and Williams 2018, "A framework for the quantitative evaluation of
    disentangled representations", with the importances of random forests.

    Args:
        seed: of the split and of the forests.
    """
    from sklearn.ensemble import RandomForestClassifier

    z, v = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(z))
    cut = max(1, len(z) // 4)
    test, train = order[:cut], order[cut:]
    table, right = np.zeros((v.shape[1], z.shape[1])), np.zeros((cut, v.shape[1]))
    for k in range(v.shape[1]):
        forest = RandomForestClassifier(60, random_state=seed, n_jobs=1, max_features=None)
        forest.fit(z[train], v[train, k])
        table[k] = forest.feature_importances_
        right[:, k] = forest.predict(z[test]) == v[test, k]
    accuracy = right.mean(axis=0)
    by_code = _concentration(table.T)
    weight = table.sum(axis=0)
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(len(weight), 1 / len(weight))
    by_factor = _concentration(table)
    return DCI(
        Score(float((weight * by_code).sum()), table, by_code),
        Score(float(by_factor.mean()), table, by_factor),
        Score(float(accuracy.mean()), table, accuracy),
        right.mean(axis=1),
    )


def responses(codes: ArrayLike, factors: ArrayLike) -> Array:
    """The share of each code's variance that each factor alone explains, (F, d) in [0, 1].

        η²_kj = Var(E[z_j | v_k]) / Var(z_j),

    the correlation ratio. Source: Pearson 1905.
    """
    z, v = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.int64)
    total = z.var(axis=0)
    table = np.zeros((v.shape[1], z.shape[1]))
    for k in range(v.shape[1]):
        means, counts = conditional_means(z, v[:, k])
        between = (counts[:, None] * (means - z.mean(axis=0)) ** 2).sum(axis=0) / len(z)
        table[k] = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
    return table


def conditional_means(codes: ArrayLike, factor: ArrayLike) -> tuple[Array, Array]:
    """E[z | v] for each value of a factor, (V, d), and how many examples have it, (V,)."""
    z, v = np.asarray(codes, dtype=np.float64), np.asarray(factor, dtype=np.int64)
    counts = np.bincount(v).astype(np.float64)
    sums = np.zeros((len(counts), z.shape[1]))
    np.add.at(sums, v, z)
    return sums / np.maximum(counts, 1.0)[:, None], counts


def _estimate(name: str, title: str, n: int, values: Sequence[float], value: float) -> Estimate:
    series = Series(name, title, "disentanglement", "share", "Monte Carlo", n, "higher")
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(value, series, float(min(low, value)), float(max(high, value)))


def scores(
    codes: ArrayLike,
    factors: ArrayLike,
    categorical: Sequence[int],
    seed: int = 0,
    again: int = 40,
) -> dict[str, Any]:
    """All measures, with 95 % intervals where they are to be had.

    Of MIG and SAP from bootstrap samples of the examples; of informativeness from the held-out
    examples, the forests as they are. D and C of DCI have none: each sample would need forests of
    its own.

    Args:
        categorical: the factors without an order.
        seed: of the bootstrap, the split and the forests.
        again: bootstrap samples.

    Returns:
        ``estimates``, flat; ``information``, ``responses``, ``importance``, each (F, d).
    """
    z, v = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.int64)
    draw = np.random.default_rng(seed)
    rows = [draw.integers(0, len(z), len(z)) for _ in range(again)]
    first, second, forest = mig(z, v), sap(z, v, categorical), dci(z, v, seed)
    n = len(z)
    found = [
        _estimate("mig", "MIG", n, [mig(z[r], v[r]).value for r in rows], first.value),
        _estimate(
            "sap", "SAP", n, [sap(z[r], v[r], categorical).value for r in rows], second.value
        ),
    ]
    for part in ("disentanglement", "completeness"):
        value = getattr(forest, part).value
        found.append(_estimate(f"dci_{part}", f"DCI {part}", n, [value], value))
    held, value = len(forest.right), forest.informativeness.value
    half = 1.96 * forest.right.std(ddof=1) / np.sqrt(held) if held > 1 else 0.0
    one = _estimate("dci_informativeness", "DCI informativeness", held, [value], value)
    low, high = max(0.0, value - half), min(1.0, value + half)
    found.append(dataclasses.replace(one, low=float(low), high=float(high)))
    return {
        "estimates": [{"name": one.series.name, **one.flat()} for one in found],
        "information": first.table,
        "responses": responses(z, v),
        "importance": forest.disentanglement.table,
    }
