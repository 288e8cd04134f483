"""What can be said of a trained model on the test split, each number with a 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.measure import Estimate, Kind, Series
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.data.base import Dataset
from genlab.distributions import density_note
from genlab.divergences import js_bound, mass_within_radius, mode_coverage
from genlab.divergences.f import FDivergence
from genlab.divergences.quadrature import bound_from_samples
from genlab.metrics.energy_distance import energy
from genlab.models.base import (
    GenerativeModel,
    HasCritic,
    HasDecoder,
    HasDiffusionSteps,
    HasLabels,
    HasLogProb,
    HasProbabilityPath,
)
from genlab.models.bayesian import HasDraws
from genlab.models.labels import held_at
from genlab.models.topics import Topics
from genlab.objectives.elbo import elbo_terms, iwae_bound, log_weights
from genlab.paths.likelihood import EXACT_UP_TO
from genlab.probes.adversarial import is_adversarial
from genlab.probes.common import draw, frozen_batchnorm, generated_examples
from genlab.probes.probability_path import STRATA, stratified_terms
from genlab.probes.toys import grid_of, mode_std
from genlab.probes.variational import ACTIVE, is_variational

#: The two-sided 95 % point of the normal law.
Z = 1.959964
#: That of Student's law of 7 degrees of freedom, for means over eight sets.
T7 = 2.364624
#: Draws an example in the importance-weighted bound; samples in one set of a toy's metrics.
IWAE_K, TOY_N, TOY_SETS = 100, 2500, 8
#: How an interval came about.
OVER = "mean ± 1.96 SE over test examples"
SETS = f"mean ± 2.36 SE (Student's t) over {TOY_SETS} sets of samples"
WILSON, BOOTSTRAP = "Wilson's interval", "bootstrap over test examples, 200 resamples"
DELTA = "± 1.96 SE by the delta method"
PROJECTIONS = "± 1.96 SE of a U-statistic, over test examples and samples"


@dataclass(frozen=True)
class Measured:
    """An estimate, and what a difference from another model's needs.

    Args:
        estimate: the number with its 95 % interval.
        how: how the interval came about, in words.
        values: where the number is a mean over the test examples in their order, the values, (n,).
        noise: the part of its variance that is not due to the examples, but to the samples.
    """

    estimate: Estimate
    how: str
    values: Tensor | None = None
    noise: float = 0.0


def evaluate(
    model: GenerativeModel,
    data: Dataset,
    seed: int = 0,
    n: int = 1000,
    spec: RunSpec | None = None,
) -> list[Estimate]:
    """Every metric that the model's capabilities and the data allow.

    Each value comes with a 95 % interval: over test examples (mean ± 1.96 standard errors, or
    the bootstrap), or over independent sets of samples.

    Args:
        model: left as it was; looked at in evaluation mode.
        data: its dataset; the test split is used.
        seed: of the noise; the same seed gives the same numbers.
        n: test examples used, at most; generated ones as many.
        spec: of the run that trained it, which says what a critic's score means; without it σ of
            the score is taken for the probability of being real.
    """
    return [one.estimate for one in evaluate_with_samples(model, data, seed, n, spec)]


def evaluate_with_samples(
    model: GenerativeModel,
    data: Dataset,
    seed: int = 0,
    n: int = 1000,
    spec: RunSpec | None = None,
) -> list[Measured]:
    """What :func:`evaluate` gives, with the values behind each number."""
    parts: list[Callable[[], list[Measured]]] = []
    x = data.test.x[:n]
    if isinstance(model, HasLogProb):
        parts.append(lambda: _log_prob(model, x))
    if isinstance(model, HasProbabilityPath) and data.meta.dim <= EXACT_UP_TO:
        parts.append(lambda: _log_prob_ode(model, data, x))
    if isinstance(model, HasDiffusionSteps):
        parts.append(lambda: _diffusion_elbo(model, data, x))
    if isinstance(model, Topics):
        parts.append(lambda: _words(model, x))
    if is_variational(type(model)):
        y = None if data.test.y is None else data.test.y[:n]
        parts.append(lambda: _variational(model, data, x, y))
    # A critic of packs says nothing of single examples.
    if is_adversarial(type(model)) and getattr(model, "pack", 1) == 1:
        parts.append(lambda: _adversarial(model, data, x, spec))
    if isinstance(model, HasDraws):
        parts.append(lambda: _posterior(model, x))
    if data.density is not None and data.meta.shape in {(1,), (2,)}:
        parts.append(lambda: _toy(model, data))
    few = data.meta.shape in {(1,), (2,)} and len(data.meta.columns) < 2
    if (data.meta.is_image or few) and len(x) > 1:
        # Last, so that what it draws leaves the numbers above as they always were.
        parts.append(lambda: _energy(model, data, x))
    training = model.training
    model.eval()
    try:
        with scope(seed, "evaluate"), torch.no_grad():
            return [one for part in parts for one in part()]
    finally:
        model.train(training)


def mean_estimate(series: Series, values: Tensor, z: float = Z) -> Estimate:
    """The mean of independent values, ± 1.96 standard errors (or so many as are given)."""
    values = values.double()
    mean = float(values.mean())
    half = z * float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(mean, series, mean - half, mean + half)


def share_estimate(series: Series, hits: int, n: int) -> Estimate:
    """A share with Wilson's interval.

    Example:
        >>> s = Series("a", "a", "g", "probability", "Monte Carlo")
        >>> e = share_estimate(s, 50, 100)
        >>> round(e.low, 4), e.value, round(e.high, 4)
        (0.4038, 0.5, 0.5962)
    """
    share, z2 = hits / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(share, series, max(0.0, centre - half), min(1.0, centre + half))


def ratio_estimate(series: Series, above: Tensor, below: Tensor) -> Estimate:
    """Σ a / Σ b of independent pairs, ± 1.96 standard errors by the delta method.

    SE² = Var(a − r b) / (n b̄²), r the ratio. Source: Cochran 1977, "Sampling techniques",
    section 2.11.

    Args:
        above, below: a and b, (n,) each.

    Example:
        >>> s = Series("a", "a", "g", "nats", "Monte Carlo")
        >>> ratio_estimate(s, torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])).high
        0.5
    """
    a, b = above.double(), below.double()
    ratio = float(a.sum() / b.sum())
    spread = float((a - ratio * b).std()) if len(a) > 1 else 0.0
    half = Z * spread / (math.sqrt(len(a)) * float(b.mean()))
    return Estimate(ratio, series, ratio - half, ratio + half)


def _words(model: Topics, x: Tensor) -> list[Measured]:
    """The variational bound on log p(word) of test pictures, and the perplexity it allows."""
    inked = x[model.words(x).sum(1) > 0]
    if not len(inked):
        return []
    counts = model.words(inked).sum(1)
    bound = torch.cat([model.bound(part) for part in inked.split(250)])
    n = len(inked)
    title = "log p(word) ≥, variational bound, test"
    row = Series("test_word_bound", title, "words", "nats/word", "lower bound", n, "higher")
    one = ratio_estimate(row, bound, counts)
    title = f"perplexity ≤, from the variational bound, test; of {model.meta.dim} pixels"
    row = Series("test_perplexity", title, "perplexity", "words", "upper bound", n, "lower")
    value, low, high = (math.exp(-v) for v in (one.value, one.high, one.low))
    return [Measured(one, DELTA), Measured(Estimate(value, row, low, high), DELTA)]


def _log_prob(model: GenerativeModel, x: Tensor) -> list[Measured]:
    assert isinstance(model, HasLogProb)
    values = torch.cat([model.log_prob(part) for part in x.split(250)])
    title = ", ".join(filter(None, ("log p(x), test", model.meta.unit_note)))
    series = Series("test_log_prob", title, "loss", "nats", "exact", len(x), "higher")
    return [_mean(series, values)]


def _log_prob_ode(model: HasProbabilityPath, data: Dataset, x: Tensor) -> list[Measured]:
    """log p along the flow with the exact divergence."""
    values = torch.cat([model.log_prob_ode(part).log_prob for part in x.split(250)])
    title = ", ".join(filter(None, ("log p(x) by the ODE, test", data.meta.unit_note)))
    series = Series("test_log_prob_ode", title, "loss", "nats", "Monte Carlo", len(x), "higher")
    return [_mean(series, values)]


def _diffusion_elbo(model: HasDiffusionSteps, data: Dataset, x: Tensor) -> list[Measured]:
    """The ELBO of T + 1 terms, with one draw in each of some strata of the steps."""
    parts = [stratified_terms(model, part, STRATA) for part in x.split(250)]
    values = torch.cat([-torch.stack([v for _, v in rows]).sum(0) for rows in parts])
    title = ", ".join(filter(None, ("ELBO of the diffusion, test", data.meta.unit_note)))
    series = Series("test_diffusion_elbo", title, "loss", "nats", "lower bound", len(x), "higher")
    return [_mean(series, values)]


def _mean(series: Series, values: Tensor) -> Measured:
    """A mean over the test examples."""
    return Measured(mean_estimate(series, values), OVER, values)


def _posterior(model: HasDraws, x: Tensor) -> list[Measured]:
    found = model.log_predictive(x)
    # What a model says of its own parameters: from its draws of them.
    own = [Measured(one, "from the model's own draws") for one in model.estimates()]
    if found is None:
        return own
    series = Series(
        "test_log_predictive",
        "log mean_θ p(row | θ), test",
        "prediction",
        "nats",
        "Monte Carlo",
        len(x),
        "higher",
    )
    return [_mean(series, found), *own]


def _variational(
    model: GenerativeModel, data: Dataset, x: Tensor, y: Tensor | None
) -> list[Measured]:
    name = getattr(model.options, "likelihood", None)
    note = density_note(name, data.meta) if name is not None else ""
    what = f"test; {note}" if note else "test"
    if isinstance(model, HasLabels) and y is not None:
        what = f"given the class, {what}"
    mc: Kind = "Monte Carlo"
    n = len(x)
    gathered: dict[str, list[Tensor]] = {"elbo": [], "reconstruction": [], "kl": []}
    means, bounds = [], []
    held = [None] * len(x.split(50)) if y is None else y.split(50)
    for part, labels in zip(x.split(50), held, strict=True):
        at = held_at(model, labels)
        assert isinstance(at, HasDecoder)
        q, terms = elbo_terms(at, part)
        for key, value in terms.items():
            gathered[key].append(value)
        means.append(q.mean)
        bounds.append(iwae_bound(log_weights(at, part, q, IWAE_K)))
    rows = (
        ("elbo", f"ELBO, {what}", "loss", "higher", torch.cat(gathered["elbo"])),
        (
            "reconstruction",
            f"reconstruction E_q log p(x|z), {what}",
            "loss",
            "higher",
            torch.cat(gathered["reconstruction"]),
        ),
        ("kl", "KL(q(z|x) ‖ p(z)), test", "divergence", "none", torch.cat(gathered["kl"])),
        (
            f"iwae_{IWAE_K}",
            f"importance-weighted bound, k = {IWAE_K}, {what}",
            "loss",
            "higher",
            torch.cat(bounds),
        ),
    )
    found = []
    for key, title, group, direction, values in rows:
        kind: Kind = "lower bound" if key in {"elbo", f"iwae_{IWAE_K}"} else mc
        found.append(
            _mean(
                Series(f"test_{key}", title, group, "nats", kind, n, direction),  # type: ignore[arg-type]
                values,
            )
        )
    return [*found, Measured(_active(torch.cat(means)), BOOTSTRAP)]


def _active(mean: Tensor) -> Estimate:
    """Active units, with the bootstrap's 2.5 % and 97.5 % points."""
    series = Series(
        "test_active_units",
        "active units, Var_x E_q[z] > 0.01",
        "latent",
        "count",
        "Monte Carlo",
        len(mean),
    )
    counts = torch.stack(
        [
            (mean[torch.randint(len(mean), (len(mean),))].var(dim=0) > ACTIVE).sum()
            for _ in range(200)
        ]
    ).double()
    low, high = torch.quantile(counts, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    value = float((mean.var(dim=0) > ACTIVE).sum())
    return Estimate(value, series, min(low, value), max(high, value))


def _adversarial(
    model: GenerativeModel, data: Dataset, x: Tensor, spec: RunSpec | None
) -> list[Measured]:
    """The bound that the critic proves; nothing of a score without a scale."""
    assert isinstance(model, HasCritic)
    n = len(x)
    objective = None if spec is None else OBJECTIVES[spec.objective](spec.objective_options)
    if objective and not any(player.name == "discriminator" for player in objective.players):
        return []
    divergence: FDivergence | None = getattr(objective, "divergence", None)
    logit = getattr(objective, "logit", True)
    if not logit and divergence is None:
        return []
    with frozen_batchnorm(model, data):
        real = torch.cat([model.score(part) for part in x.split(250)])
        fake = torch.cat([model.score(model.sample(len(part))) for part in x.split(250)])
    if divergence is not None:
        return [Measured(_f_bound(divergence, real, fake), DELTA)]
    bound, error = js_bound(real, fake)
    js = Series(
        "test_js_bound",
        "JS(data ‖ generated) ≥ (V + log 4)/2, test",
        "divergence",
        "nats",
        "lower bound",
        n,
        "lower",
        0.0,
        "equilibrium: 0 (ceiling: log 2 = 0.693)",
    )
    accuracy = Series(
        "test_d_accuracy",
        "share that D tells apart, test",
        "confidence",
        "probability",
        "Monte Carlo",
        2 * n,
        "none",
        0.5,
        "equilibrium",
    )
    hits = int((real > 0).sum()) + int((fake <= 0).sum())
    return [
        Measured(Estimate(bound, js, bound - Z * error, bound + Z * error), DELTA),
        Measured(share_estimate(accuracy, hits, 2 * n), WILSON),
    ]


def _f_bound(row: FDivergence, real: Tensor, fake: Tensor) -> Estimate:
    """The bound of an f-GAN's own divergence, from its critic's scores."""
    series = Series(
        "test_f_bound",
        f"{row.title}(data ‖ generated) ≥ E T(x) − E f*(T(G(z))), test",
        "divergence",
        row.unit,
        "lower bound",
        len(real),
        "lower",
        row.at_one,
        f"P = Q: {row.at_one:.3g}",
    )
    one = bound_from_samples(row, real, fake, score=True)
    return Estimate(one.value, series, one.low, one.high)


def _energy(model: GenerativeModel, data: Dataset, x: Tensor) -> list[Measured]:
    """What every model can be judged by alike, from as many samples as test examples."""
    fake, what = generated_examples(model, data, len(x))
    found = energy(x.float(), fake)
    series = Series(
        "test_energy",
        f"energy distance of samples from test examples, {what}",
        "distance",
        "data units",
        "Monte Carlo",
        2 * len(x),
        "lower",
        0.0,
        "equal laws",
    )
    half = Z * found.error
    one = Estimate(found.value, series, found.value - half, found.value + half)
    return [Measured(one, PROJECTIONS, found.values, found.noise)]


def _toy(model: GenerativeModel, data: Dataset) -> list[Measured]:
    grid = grid_of(data)
    sets = [draw(model, TOY_N, data) for _ in range(TOY_SETS)]
    floors = grid.floor(TOY_N)
    label = f"perfect sampler, n = {TOY_N} (bias of counting)"
    found = []
    for key, title, truth, value in (
        ("js", "JS(samples ‖ truth) on a grid", floors[0], grid.js),
        ("kl", "KL(samples ‖ truth) on a grid", floors[1], grid.kl),
    ):
        series = Series(
            f"grid_{key}", title, "divergence", "nats", "grid", TOY_N, "lower", truth, label
        )
        values = torch.tensor([value(x) for x in sets])
        found.append(Measured(mean_estimate(series, values, T7), SETS))
    std = mode_std(data)
    if data.modes is None or std is None:
        return found
    seen = [mode_coverage(x, data.modes, std) for x in sets]
    reached = Series(
        "modes",
        "modes reached",
        "coverage",
        "count",
        "Monte Carlo",
        TOY_N,
        "higher",
        float(len(data.modes)),
        "all modes",
    )
    quality = Series(
        "high_quality",
        "samples within 3 std of a mode",
        "quality",
        "probability",
        "Monte Carlo",
        TOY_N * TOY_SETS,
        "higher",
        mass_within_radius(3.0, data.meta.dim),
        "perfect sampler",
    )
    count = torch.tensor([float(s.modes) for s in seen])
    hits = round(sum(s.high_quality for s in seen) * TOY_N)
    return [
        *found,
        Measured(mean_estimate(reached, count, T7), SETS),
        Measured(share_estimate(quality, hits, TOY_N * TOY_SETS), WILSON),
    ]
