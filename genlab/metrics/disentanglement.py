"""Measures of disentanglement: codes against the factors that the examples were made from.

All take the codes (n, d), usually posterior means, and the factors (n, F) as indices of values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genlab.core.measure import Estimate, Series
from genlab.divergences.estimates import Z95

Array = NDArray[np.float64]
#: Equal bins into which a code is cut where its information is counted (Locatello et al. 2019).
BINS = 20


@dataclass(frozen=True)
class Score:
    """A measure, and the table it is read from.

    Args:
        value: the measure.
        table: (F, d) or (d, F), as the measure says.
        of: the measure of each factor (or code), if the score is a mean over them.
    """

    value: float
    table: Array
    of: Array


#: The fewest examples for an interval of MIG: with fewer, the remaining bias of counting is not
#: small against the interval.
ENOUGH = 1000


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


def jackknife_entropy(labels: NDArray[np.int64]) -> float:
    """H of a list of whole numbers, in nats, without the first-order bias of counting.

        H_J = n Ĥ − ((n − 1)/n) Σ_j c_j Ĥ₍₋ⱼ₎,

    Ĥ₍₋ⱼ₎ being the plug-in entropy without one example of cell j, of c_j. Source: Zahl 1977,
    "Jackknifing an index of diversity".

    Example:
        >>> round(jackknife_entropy(np.array([0, 1] * 50_000)), 3)
        0.693
    """
    counts = np.unique(labels, return_counts=True)[1].astype(np.float64)
    n = counts.sum()
    if n < 2:
        return 0.0
    each = counts * np.log(counts)
    fewer = np.maximum(counts - 1.0, 0.0)
    less = fewer * np.log(np.maximum(fewer, 1.0))
    whole = np.log(n) - each.sum() / n
    without = np.log(n - 1.0) - (each.sum() - each + less) / (n - 1.0)
    return float(n * whole - (n - 1.0) / n * (counts * without).sum())


@dataclass(frozen=True)
class Gap:
    """An estimate of a gap between the two best codes, averaged over the factors.

    Args:
        value: the mean gap; the exact one lies in [0, 1], this may lie slightly outside.
        error: its standard error over examples.
        table: the scores whose gaps are taken, (F, d).
    """

    value: float
    error: float
    table: Array

    @property
    def interval(self) -> tuple[float, float]:
        """± 1.96 standard errors, within [0, 1]."""
        half = Z95 * self.error
        low, high = self.value - half, self.value + half
        return min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)


def _best_two(row: Array) -> tuple[int, int | None]:
    order = np.argsort(-row, kind="stable")
    return int(order[0]), int(order[1]) if len(order) > 1 else None


def mig_estimate(codes: ArrayLike, factors: ArrayLike) -> Gap:
    """MIG of the distribution of the examples, with codes binned as in the sample.

    Counting makes :func:`mutual_information` too large by about (cells − rows − columns + 1)/(2n),
    and a bootstrap adds that bias once more. Here I = H_a + H_b − H_ab of jackknife entropies, and
    the standard error follows from the delta method: that of the mean over examples of

        [log p(v, z₁)/(p(v) p(z₁)) − log p(v, z₂)/(p(v) p(z₂)) + gap · log p(v)] / H(v).

    Args:
        codes: (n, d).
        factors: indices of values, (n, F).

    Returns:
        the mean gap, its error, and the table of information, (F, d) in nats, each at least 0.
    """
    z, v = bin_codes(codes), np.asarray(factors, dtype=np.int64)
    (n, d), count = z.shape, v.shape[1]
    of_codes = [jackknife_entropy(z[:, j]) for j in range(d)]
    table, shares, pull = np.zeros((count, d)), np.zeros(count), np.zeros(n)
    for k in range(count):
        entropy = jackknife_entropy(v[:, k])
        for j in range(d):
            both = jackknife_entropy(v[:, k] * (BINS + 1) + z[:, j])
            table[k, j] = entropy + of_codes[j] - both
        if entropy <= 0.0:
            continue
        first, second = _best_two(table[k])
        gap = table[k, first] - (0.0 if second is None else table[k, second])
        shares[k] = gap / entropy
        contributions = _pointwise(v[:, k], z[:, first])
        if second is not None:
            contributions = contributions - _pointwise(v[:, k], z[:, second])
        share = np.bincount(v[:, k])[v[:, k]] / n
        pull += (contributions + shares[k] * np.log(share)) / entropy
    error = float(pull.std(ddof=1)) / count / np.sqrt(n) if n > 1 else 0.0
    return Gap(float(shares.mean()), float(error), np.maximum(table, 0.0))


def _pointwise(a: NDArray[np.int64], b: NDArray[np.int64]) -> Array:
    """log p(a, b)/(p(a) p(b)) at each example, from the counts, (n,)."""
    joint = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(joint, (a, b), 1.0)
    p = joint / len(a)
    outer = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    return np.log(p[a, b] / outer[a, b])


def sap_estimate(codes: ArrayLike, factors: ArrayLike, categorical: Sequence[int] = ()) -> Gap:
    """:func:`sap` with its standard error over examples, by the delta method.

    A squared correlation r² moves with an example by 2r (ab − r (a² + b²)/2), a and b being its
    standardised code and factor; a balanced accuracy by (hit − accuracy of its class) over K times
    the share of the class.
    """
    z, v = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.int64)
    score = sap(z, v, categorical)
    pull = np.zeros(len(z))
    for k in range(v.shape[1]):
        first, second = _best_two(score.table[k])
        pull += _sap_pull(z[:, first], v[:, k], k in categorical)
        if second is not None:
            pull -= _sap_pull(z[:, second], v[:, k], k in categorical)
    error = float(pull.std(ddof=1)) / v.shape[1] / np.sqrt(len(z)) if len(z) > 1 else 0.0
    return Gap(score.value, float(error), score.table)


def _sap_pull(z: Array, v: NDArray[np.int64], categorical: bool) -> Array:
    """How each example moves a code's score, (n,)."""
    classes, index = np.unique(v, return_inverse=True)
    if len(classes) < 2 or z.std() == 0.0:
        return np.zeros(len(z))
    if not categorical:
        a, b = (z - z.mean()) / z.std(), (v - v.mean()) / v.std()
        r = float((a * b).mean())
        return 2.0 * r * (a * b - 0.5 * r * (a**2 + b**2))
    centres = np.array([z[v == c].mean() for c in classes])
    hit = (np.abs(z[:, None] - centres).argmin(axis=1) == index).astype(np.float64)
    rate = np.array([hit[v == c].mean() for c in classes])
    share = np.bincount(index) / len(v)
    guess = 1.0 / len(classes)
    return (hit - rate[index]) / (len(classes) * share[index]) / (1.0 - guess)


def sap(codes: ArrayLike, factors: ArrayLike, categorical: Sequence[int] = ()) -> Score:
    """Separated attribute predictability: mean over factors of the best code's score minus the
    second's.

    A code's score is the squared correlation with an ordered factor, and for a categorical one the
    balanced accuracy of the nearest class mean, minus that of a random guess.

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
    """DCI: disentanglement, completeness, informativeness, by regression of factors on codes.

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


def _estimate(name: str, title: str, n: int, value: float, low: float, high: float) -> Estimate:
    series = Series(name, title, "disentanglement", "share", "Monte Carlo", n, "higher")
    return Estimate(value, series, min(low, value), max(high, value))


def _gap_estimate(name: str, title: str, n: int, gap: Gap, least: int) -> Estimate:
    """A gap with its interval, or, from too few examples, without one."""
    value = min(max(gap.value, 0.0), 1.0)
    low, high = gap.interval if n >= least else (value, value)
    return _estimate(name, title, n, value, low, high)


def scores(
    codes: ArrayLike, factors: ArrayLike, categorical: Sequence[int], seed: int = 0
) -> dict[str, Any]:
    """All measures, with 95 % intervals over examples if these are known.

    MIG and SAP: ± 1.96 standard errors by the delta method; MIG from 1,000 examples on. The
    interval of the informativeness is over held-out examples, for fixed forests. Disentanglement
    and completeness have no interval: each resample would need new forests.

    Args:
        categorical: the factors without an order.
        seed: of the split and of the forests.

    Returns:
        ``estimates``, flat; ``information``, ``responses``, ``importance``, each (F, d).
    """
    z, v = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.int64)
    first, second, forest = mig_estimate(z, v), sap_estimate(z, v, categorical), dci(z, v, seed)
    n = len(z)
    found = [
        _gap_estimate("mig", "MIG", n, first, ENOUGH),
        _gap_estimate("sap", "SAP", n, second, 2),
    ]
    for part in ("disentanglement", "completeness"):
        value = getattr(forest, part).value
        found.append(_estimate(f"dci_{part}", f"DCI {part}", n, value, value, value))
    found.append(informativeness(forest.right))
    return {
        "estimates": [{"name": one.series.name, **one.flat()} for one in found],
        "information": first.table,
        "responses": responses(z, v),
        "importance": forest.disentanglement.table,
    }


def informativeness(right: Array) -> Estimate:
    """The mean share of factors that are read off held-out examples, (n,), ± 1.96 SE."""
    count, value = len(right), float(right.mean())
    half = Z95 * float(right.std(ddof=1)) / np.sqrt(count) if count > 1 else 0.0
    low, high = max(0.0, value - half), min(1.0, value + half)
    name, title = "dci_informativeness", "DCI informativeness"
    return _estimate(name, title, count, value, float(low), float(high))
