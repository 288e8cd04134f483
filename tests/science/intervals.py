"""The table of every interval that the program prints, each with data whose truth is known.

A row draws data with a seed, asks the program for its number and interval, and says what the
interval should hold. ``PRINTS`` names the functions of the package that make intervals;
``test_interval_coverage.py`` checks that none is missing here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.polynomial.hermite_e import hermegauss
from scipy import stats
from torch.nn.functional import softplus

from genlab.compare.difference import independent_difference, paired_difference
from genlab.core.measure import Series
from genlab.distributions.families import FAMILIES, closed_form_kl, kl, monte_carlo_kl
from genlab.divergences.f import F
from genlab.divergences.grid import Grid
from genlab.divergences.jensen_shannon import js_bound
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import (
    bound_from_samples,
    divergences_1d,
    divergences_from_samples,
    divergences_on_cells,
)
from genlab.divergences.table_scores import (
    correlation_similarity,
    ks_complement,
    nearer_to_training,
    tv_complement,
)
from genlab.divergences.transport import mmd, sliced_w1, w1, w1_line
from genlab.inference.advi import ADVI
from genlab.inference.constraints import Real
from genlab.inference.log_joint_models import LogJointModel
from genlab.inference.log_joints import LogJoint, Parameter
from genlab.inference.mcmc import Draws
from genlab.latent.scores import ratio
from genlab.metrics.annealed import Annealed, annealed_estimate
from genlab.metrics.base import T7, mean_estimate, ratio_estimate, share_estimate
from genlab.metrics.c2st import _judge
from genlab.metrics.critic_bound import _f_bound
from genlab.metrics.disentanglement import informativeness, mig_estimate, sap_estimate
from genlab.metrics.energy_distance import energy
from genlab.metrics.sample_quality import frechet_at_infinity, neighbour_scores
from genlab.metrics.variational import active_units

SERIES = Series("a", "a", "g", "nats", "Monte Carlo")
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Row:
    """One interval: ``once(seed)`` gives its low end, its high end, and the truth."""

    prints: tuple[str, ...]
    once: Callable[[int], Interval]
    low: float = 0.93
    high: float = 0.97
    note: str = ""


TABLE: dict[str, Row] = {}


def row(
    name: str, *prints: str, low: float = 0.93, high: float = 0.97, note: str = ""
) -> Callable[[Callable[[int], Interval]], Callable[[int], Interval]]:
    def put(once: Callable[[int], Interval]) -> Callable[[int], Interval]:
        TABLE[name] = Row(prints, once, low, high, note)
        return once

    return put


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=source(seed), dtype=torch.float64)


def ends(one: Any, truth: float) -> Interval:
    return float(one.low), float(one.high), truth


@functools.cache
def expectation(f: Callable[[torch.Tensor], torch.Tensor], mean: float, std: float) -> float:
    """E f(X), X normal, by Gauss-Hermite quadrature."""
    node, weight = hermegauss(100)
    values = f(torch.from_numpy(mean + std * node))
    return float(values @ torch.from_numpy(weight / weight.sum()))


# -- means, shares, ratios ------------------------------------------------------------------------


@row("mean over 1,000 test examples, skewed", "genlab.metrics.base:mean_estimate")
def _(seed: int) -> Interval:
    x = torch.empty(1000, dtype=torch.float64).exponential_(generator=source(seed))
    return ends(mean_estimate(SERIES, x), 1.0)


@row("mean over 8 sets, Student's t", "genlab.metrics.base:mean_estimate",
     "genlab.metrics.grid_divergence:GridDivergence.measure")  # fmt: skip
def _(seed: int) -> Interval:
    return ends(mean_estimate(SERIES, normal(seed, 8), T7), 0.0)


@row("share, Wilson", "genlab.metrics.base:share_estimate")
def _(seed: int) -> Interval:
    hits = int(np.random.default_rng(seed).binomial(500, 0.83))
    return ends(share_estimate(SERIES, hits, 500), 0.83)


def _pairs(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = np.random.default_rng(seed)
    below = 5.0 + draw.poisson(20.0, 400)
    above = -3.0 * below + np.sqrt(below) * 2.0 * draw.normal(size=400)
    return torch.from_numpy(above), torch.from_numpy(below)


@row("log p(word), a ratio", "genlab.metrics.base:ratio_estimate",
     "genlab.metrics.word_bound:WordBound.measure")  # fmt: skip
def _(seed: int) -> Interval:
    return ends(ratio_estimate(SERIES, *_pairs(seed)), -3.0)


@row("gain per change of an attribute", "genlab.latent.scores:ratio")
def _(seed: int) -> Interval:
    above, below = _pairs(seed)
    value, error = ratio(above.numpy()[:, None], below.numpy())
    return float(value[0] - 1.96 * error[0]), float(value[0] + 1.96 * error[0]), -3.0


@row("active units, bootstrap", "genlab.metrics.variational:active_units", high=1.0,
     note="a count: it cannot hit 95 %, and covers at least that")  # fmt: skip
def _(seed: int) -> Interval:
    variances = torch.linspace(0.0085, 0.0115, 8, dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        one = active_units(normal(seed, 300, 8) * variances.sqrt())
    return ends(one, float((variances > 0.01).sum()))


@row("annealed importance sampling, over examples", "genlab.metrics.annealed:annealed_estimate")
def _(seed: int) -> Interval:
    found = annealed_estimate(Annealed(normal(seed, 1, 200) - 4.0, 1.0), 10)
    return ends(found, -4.0)


# -- bounds by a critic ---------------------------------------------------------------------------


def _scores(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    z = normal(seed, 2, n)
    return 1.0 + 1.5 * z[0], -1.0 + 1.5 * z[1]


@functools.cache
def _true_js() -> float:
    real = expectation(lambda v: -softplus(-v), 1.0, 1.5)
    fake = expectation(lambda v: -softplus(v), -1.0, 1.5)
    return 0.5 * (real + fake) + math.log(2.0)


@row(
    "JS bound by the critic",
    "genlab.metrics.critic_bound:CriticBound.measure",
    "genlab.divergences.jensen_shannon:js_bound",
)
def _(seed: int) -> Interval:
    value, error = js_bound(*_scores(seed, 300))
    return value - 1.96 * error, value + 1.96 * error, _true_js()


@functools.cache
def _true_bound(name: str) -> float:
    f = F[name]
    return expectation(f.activation, 0.3, 0.5) - expectation(f.conjugate_of_activation, -0.2, 0.5)


def _mild(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    z = normal(seed, 2, 500)
    return 0.3 + 0.5 * z[0], -0.2 + 0.5 * z[1]


for _name in ("kl", "squared_hellinger", "alpha"):

    @row(f"f-divergence bound by the critic, {_name}", "genlab.metrics.critic_bound:_f_bound",
         "genlab.divergences.quadrature:bound_from_samples")  # fmt: skip
    def _(seed: int, name: str = _name) -> Interval:
        direct = bound_from_samples(F[name], *_mild(seed), score=True)
        one = _f_bound(F[name], *_mild(seed))
        assert (direct.low, direct.high) == (one.low, one.high)
        return ends(one, _true_bound(name))


def _verdict(seed: int, name: str) -> Any:
    trusted = _scores(seed + 10**6, 300)
    found = _judge(trusted, _scores(seed, 400))
    return next(one for one in found if one.series.name == name), trusted


@row(
    "JS bound by C2ST",
    "genlab.metrics.c2st:_estimate",
    "genlab.metrics.c2st:_judge",
)
def _(seed: int) -> Interval:
    return ends(_verdict(seed, "c2st_js")[0], _true_js())


@functools.cache
def _clipped(name: str, clip: float) -> float:
    """The bound of the clipped critic, exactly; the kinks need a fine grid."""
    z = torch.linspace(-9.0, 9.0, 200_001, dtype=torch.float64)
    weight = torch.exp(-0.5 * z.square())
    weight = weight / weight.sum()
    f = F[name]
    real = f.critic((1.0 + 1.5 * z).clamp(-clip, clip))
    fake = f.conjugate(f.critic((-1.0 + 1.5 * z).clamp(-clip, clip)))
    return float(weight @ real - weight @ fake)


for _name in ("kl", "reverse_kl"):

    @row(f"{_name} bound by C2ST, its clip chosen on other examples",
         "genlab.metrics.c2st:_judge")  # fmt: skip
    def _(seed: int, name: str = _name) -> Interval:
        from genlab.metrics.c2st import CLIPS, SEEN, _kl

        one, trusted = _verdict(seed, f"c2st_{name}")
        able = [c for c in CLIPS if c <= math.log(400 / SEEN)]
        clip = max(able, key=lambda c: _kl(name, *trusted, c).value)
        return ends(one, _clipped(name, clip))


@row("accuracy of the C2ST, Wilson", "genlab.metrics.c2st:_judge")
def _(seed: int) -> Interval:
    one, _ = _verdict(seed, "c2st_accuracy")
    return ends(one, float(stats.norm.cdf(1.0 / 1.5)))


# -- divergences and distances from samples -------------------------------------------------------


P, Q = gaussian(0.0, 1.0), gaussian(0.7, 1.3)


@functools.cache
def _exact(name: str) -> float:
    return divergences_1d([F[name]], P, Q)[0].value


for _name in ("kl", "js", "squared_hellinger", "total_variation"):

    @row(f"f-divergence of two densities from samples, {_name}",
         "genlab.divergences.quadrature:divergences_from_samples")  # fmt: skip
    def _(seed: int, name: str = _name) -> Interval:
        x, y = normal(seed, 400), 0.7 + 1.3 * normal(seed + 10**6, 400)
        return ends(divergences_from_samples([F[name]], P, Q, x, y)[0], _exact(name))


class _Line:
    """N(0, 1) as a density with a box."""

    box = torch.tensor([[-4.0], [4.0]])
    breaks = ()

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        return -0.5 * x[:, 0].square() - 0.5 * math.log(2 * math.pi)


@functools.cache
def _cells() -> tuple[Any, dict[str, float]]:
    grid = Grid(_Line(), 16, 16)  # type: ignore[arg-type]
    rows = [F["js"], F["squared_hellinger"]]
    sums = np.zeros(2)
    for seed in range(600):
        x = (0.5 + 1.2 * normal(seed + 5 * 10**6, 2000, 1)).float()
        sums += [e.value for e in divergences_on_cells(rows, grid, x, repeats=2)]
    return grid, dict(zip(("js", "squared_hellinger"), sums / 600, strict=True))


for _name in ("js", "squared_hellinger"):

    @row(f"f-divergence of counts on cells, {_name}",
         "genlab.divergences.quadrature:divergences_on_cells",
         note="of repetition: the truth is its own mean over draws")  # fmt: skip
    def _(seed: int, name: str = _name) -> Interval:
        grid, means = _cells()
        x = (0.5 + 1.2 * normal(seed, 2000, 1)).float()
        return ends(
            divergences_on_cells([F[name]], grid, x, seed=seed, repeats=200)[0], means[name]
        )


def _mmd_truth(shift: float, widths: tuple[float, ...], dim: int) -> float:
    total = 0.0
    for h in widths:
        scale = (h * h / (h * h + 2.0)) ** (dim / 2.0)
        total += 2.0 * scale * -math.expm1(-shift * shift / (2.0 * (h * h + 2.0)))
    return total / len(widths)


WIDTHS = (0.5, 1.0, 2.0)
for _shift in (0.0, 0.2, 1.0):

    @row(f"MMD², laws {_shift:g} apart", "genlab.divergences.transport:mmd")
    def _(seed: int, shift: float = _shift) -> Interval:
        x, y = normal(seed, 150, 2), normal(seed + 10**6, 150, 2)
        y[:, 0] += shift
        return ends(mmd(x, y, bandwidths=WIDTHS), _mmd_truth(shift, WIDTHS, 2))


def _energy_truth(shift: float) -> float:
    """2 E|X − Y| − 2 E|X − X'| on the line, X − Y ~ N(shift, 2)."""
    s = math.sqrt(2.0)
    folded = s * math.sqrt(2 / math.pi) * math.exp(-(shift**2) / 4) + shift * (
        1 - 2 * stats.norm.cdf(-shift / s)
    )
    return 2 * float(folded) - 2 * s * math.sqrt(2 / math.pi)


for _shift in (0.0, 0.3, 1.5):

    @row(
        f"energy distance, laws {_shift:g} apart",
        "genlab.metrics.energy_distance:EnergyDistance.measure",
    )
    def _(seed: int, shift: float = _shift) -> Interval:
        found = energy(normal(seed, 150, 1), shift + normal(seed + 10**6, 150, 1))
        return found.low, found.high, _energy_truth(shift)


for _shift, _scale in ((0.0, 1.0), (0.1, 1.0), (0.5, 1.2)):

    @row(
        f"Fréchet distance at infinitely many examples, {_shift:g} apart, {_scale:g} as wide",
        "genlab.metrics.sample_quality:frechet_at_infinity",
        "genlab.metrics.feature_quality:_distances",
    )
    def _(seed: int, shift: float = _shift, scale: float = _scale) -> Interval:
        x, y = normal(seed, 300, 8), shift + scale * normal(seed + 10**6, 300, 8)
        found = frechet_at_infinity(x, y, source(seed))
        return found.low, found.high, 8 * (shift**2 + (scale - 1.0) ** 2)


def _recall(seed: int) -> float:
    return neighbour_scores(normal(5, 100, 6), 0.7 * normal(seed + 100, 100, 6) + 0.3).recall


_mean_recall = functools.cache(lambda: _mean_of(_recall, 4000))


@row("recall over 8 sets of samples, Student's t", "genlab.metrics.feature_quality:_neighbours",
     note="for fixed held-out examples; the truth is its own mean over sets")  # fmt: skip
def _(seed: int) -> Interval:
    sets = [_recall(8 * seed + i) for i in range(8)]
    return ends(mean_estimate(SERIES, torch.tensor(sets).double(), T7), _mean_recall())


@row("W₁ on the line", "genlab.divergences.transport:w1_line")
def _(seed: int) -> Interval:
    return ends(w1_line(normal(seed, 300), 1.0 + normal(seed + 10**6, 400)), 1.0)


def _mean_of(one: Callable[[int], float], draws: int) -> float:
    return float(np.mean([one(seed + 7 * 10**6) for seed in range(draws)]))


def _plane(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return normal(seed, 60, 2), normal(seed + 10**6, 60, 2) * 0.7 + 1.0


_w1_mean = functools.cache(lambda: _mean_of(lambda s: w1(*_plane(s)).value, 2000))
_sliced_mean = functools.cache(
    lambda: _mean_of(lambda s: sliced_w1(*_plane(s), projections=50, seed=s).value, 2000)
)


@row("W₁ in the plane", "genlab.divergences.transport:w1", "genlab.divergences.transport:w1_floor",
     note="the truth is its own mean: the bias of n^(-1/d) is said, not covered")  # fmt: skip
def _(seed: int) -> Interval:
    return ends(w1(*_plane(seed)), _w1_mean())


@row("sliced W₁", "genlab.divergences.transport:sliced_w1",
     note="the truth is its own mean over draws")  # fmt: skip
def _(seed: int) -> Interval:
    return ends(sliced_w1(*_plane(seed), projections=50, seed=seed), _sliced_mean())


@row("KL of two families by Monte Carlo", "genlab.distributions.families.kl:Divergence.estimate")
def _(seed: int) -> Interval:
    q, p = {"shape": 2.0, "rate": 1.0}, {"shape": 3.0, "rate": 2.0}
    gamma = FAMILIES["gamma"]
    form = closed_form_kl(gamma, gamma)
    assert form is not None
    found = monte_carlo_kl(gamma, q, gamma, p, 500, source(seed))
    assert kl(gamma, q, gamma, p).kind == "exact"
    return ends(found.estimate(), float(form(q, p)))


# -- differences ----------------------------------------------------------------------------------


@row("difference over the same examples", "genlab.compare.difference:paired_difference")
def _(seed: int) -> Interval:
    z = normal(seed, 3, 300).numpy()
    return ends(paired_difference(3.0 * z[0] + z[1], 3.0 * z[0] + z[2] + 0.2), 0.2)


@row(
    "difference over the same examples, with noise of samples",
    "genlab.compare.difference:paired_difference",
)
def _(seed: int) -> Interval:
    z, own = normal(seed, 3, 300).numpy(), normal(seed + 10**6, 2).numpy() * 0.1
    a, b = 3.0 * z[0] + z[1] + own[0], 3.0 * z[0] + z[2] + 0.2 + own[1]
    return ends(paired_difference(a, b, noise=0.02), 0.2)


@row("difference of two intervals, shares", "genlab.compare.difference:independent_difference")
def _(seed: int) -> Interval:
    draw = np.random.default_rng(seed)
    sides = []
    for n, p in ((300, 0.9), (500, 0.8)):
        one = share_estimate(SERIES, int(draw.binomial(n, p)), n)
        sides.append({"value": one.value, "low": one.low, "high": one.high})
    return ends(independent_difference(*sides), -0.1)


# -- inference ------------------------------------------------------------------------------------


def _chains(seed: int) -> torch.Tensor:
    """Four chains of 1,000 draws, an autoregression of 0.6 around 2 with sd 1.25."""
    e = normal(seed, 1000, 4)
    x = [e[0] / math.sqrt(1 - 0.36)]
    for step in e[1:]:
        x.append(0.6 * x[-1] + step)
    return torch.stack(x) + 2.0


@row("posterior mean by MCMC", "genlab.inference.mcmc:Draws.estimate")
def _(seed: int) -> Interval:
    values = _chains(seed)
    draws = Draws({"a": values}, values.unsqueeze(-1), 0.8, 0)
    return ends(draws.estimate("a")["a"], 2.0)


def _summaries(seed: int) -> dict[str, Any]:
    values = _chains(seed)
    stub = SimpleNamespace(truth=lambda: None, numbers=lambda: {"a": values}, _agreement=list)
    return {one.series.name: one for one in LogJointModel.estimates(stub)}  # type: ignore[arg-type]


@row(
    "posterior mean over a run's draws",
    "genlab.inference.log_joint_models:LogJointModel.estimates",
)
def _(seed: int) -> Interval:
    return ends(_summaries(seed)["posterior_mean_a"], 2.0)


@row(
    "posterior sd over a run's draws", "genlab.inference.log_joint_models:LogJointModel.estimates"
)
def _(seed: int) -> Interval:
    return ends(_summaries(seed)["posterior_sd_a"], 1.25)


@functools.cache
def _advi() -> tuple[Any, Any]:
    target = LogJoint([Parameter("a", Real())], lambda v: -0.5 * v["a"].square() / 4.0)
    method = ADVI(target, eta=0.1)
    return method, method.init(0)


@row("ELBO by ADVI", "genlab.inference.advi:ADVI.elbo")
def _(seed: int) -> Interval:
    method, state = _advi()
    # q = N(0, 1): E log p = −1/8, and the entropy ½ log 2πe.
    truth = -0.125 + 0.5 * math.log(2 * math.pi * math.e)
    return ends(method.elbo(state, 300, seed=seed, averaged=False), truth)


# -- disentanglement ------------------------------------------------------------------------------

VALUES = (3, 4, 8)
MIXING = np.array([[1.0, 0, 0], [0, 0.6, 0], [0, 0, 0.4], [0.5, 0, 0.1], [0, 0.3, 0], [0, 0, 0]])
EVERY = np.stack(np.meshgrid(*map(np.arange, VALUES), indexing="ij"), -1).reshape(-1, 3)


def _codes(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    v = np.column_stack([draw.integers(0, k, n) for k in VALUES])
    return v @ MIXING.T + draw.normal(size=(n, len(MIXING))), v


def _mig_truth(z: np.ndarray) -> float:
    """MIG of the law of the codes, cut at the bins of this sample."""
    table = np.zeros((3, len(MIXING)))
    for j, weight in enumerate(MIXING):
        edges = np.linspace(z[:, j].min(), z[:, j].max(), 21)
        edges[0], edges[-1] = -np.inf, np.inf
        p = np.diff(stats.norm.cdf(edges[None] - (EVERY @ weight)[:, None]), axis=1) / len(EVERY)
        for k, count in enumerate(VALUES):
            q = np.stack([p[EVERY[:, k] == c].sum(0) for c in range(count)])
            outer = q.sum(1, keepdims=True) * q.sum(0)
            table[k, j] = (q[q > 0] * np.log(q[q > 0] / outer[q > 0])).sum()
    best = np.sort(table, axis=1)
    return float(((best[:, -1] - best[:, -2]) / np.log(VALUES)).mean())


for _n in (1000, 2000):

    @row(f"MIG, {_n:,} examples", "genlab.metrics.disentanglement:_gap_estimate",
         "genlab.metrics.disentanglement:_estimate",
         note="for the bins of the sample at hand")  # fmt: skip
    def _(seed: int, n: int = _n) -> Interval:
        z, v = _codes(seed, n)
        return *mig_estimate(z, v).interval, _mig_truth(z)


@row("SAP", "genlab.metrics.disentanglement:_gap_estimate")
def _(seed: int) -> Interval:
    spread = np.array([(k * k - 1) / 12 for k in VALUES])
    share = MIXING**2 * spread
    table = np.sort((share / (1.0 + share.sum(1, keepdims=True))).T, axis=1)
    truth = float((table[:, -1] - table[:, -2]).mean())
    return *sap_estimate(*_codes(seed, 1000)).interval, truth


@row("informativeness of DCI", "genlab.metrics.disentanglement:informativeness")
def _(seed: int) -> Interval:
    right = np.random.default_rng(seed).random((250, 3)) < (0.9, 0.7, 0.5)
    return ends(informativeness(right.mean(axis=1)), 0.7)


# -- tables ---------------------------------------------------------------------------------------

MADE_TABLE = "genlab.metrics.table_quality:_measured"
AT_LEAST = "an upper bound of the error by the triangle inequality: it covers at least 95 %"


@row("KS complement, mean of three columns", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    x, y = normal(seed, 300, 3), normal(seed + 10**6, 400, 3)
    x[:, 2] = x[:, 0] + 0.1 * x[:, 2]
    y[:, 2] = y[:, 0] + 0.1 * y[:, 2]
    shifted = y + torch.tensor([0.5, 0.0, 0.5 * math.sqrt(1.01)], dtype=torch.float64)
    return ends(ks_complement(x, shifted), 1 - 2 * 0.1974127 / 3)


@row("KS complement at equal laws", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    found = ks_complement(normal(seed, 300, 1), normal(seed + 10**6, 300, 1))
    return found.low, found.high, 1.0


@row("TV complement of 5 categories", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    p, q = torch.full((5,), 0.2), torch.tensor([0.3, 0.2, 0.2, 0.2, 0.1])
    x = torch.multinomial(p, 400, replacement=True, generator=source(seed))
    y = torch.multinomial(q, 500, replacement=True, generator=source(seed + 10**6))
    return ends(tv_complement(x[:, None], y[:, None]), 0.9)


@row("correlation similarity of one pair", MADE_TABLE)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)

    def pairs(seed: int, rho: float) -> torch.Tensor:
        z = normal(seed, 500, 2)
        z[:, 1] = rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1]
        return z

    found = correlation_similarity(pairs(seed, 0.6), pairs(seed + 10**6, 0.4))
    assert found is not None
    return ends(found, 0.9)


@row("correlation similarity of three pairs", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    found = correlation_similarity(normal(seed, 300, 3), normal(seed + 10**6, 300, 3))
    assert found is not None
    return found.low, found.high, 1.0


@row("samples nearer to training rows", "genlab.metrics.table_quality:TableQuality.copies")
def _(seed: int) -> Interval:
    train, held = normal(seed, 40, 1), normal(seed + 10**6, 40, 1)
    made = normal(seed + 2 * 10**6, 500, 1)
    hits = float(nearer_to_training(train, held, made).sum())
    # The truth for these two sets: the normal mass of the cells around the training rows.
    at, order = torch.cat([train, held])[:, 0].sort()
    cuts = stats.norm.cdf(np.concatenate([[-np.inf], (at[1:] + at[:-1]).numpy() / 2, [np.inf]]))
    truth = float(np.diff(cuts)[(order < 40).numpy()].sum())
    return ends(share_estimate(SERIES, hits, 500), truth)
