"""All adversarial losses side by side: the gradient that each gives the generator."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.divergences.f import F, FDivergence
from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.divergences.quadrature import divergences_1d
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.game import nodes
from genlab.lessons.loss_entries import Entry, best_output, derivative, entries, names
from genlab.lessons.panels import Array, Bars, Curve, Curves, Panel, Table, array
from genlab.lessons.teaching import zoo
from genlab.objectives.adversarial import AdversarialLoss

#: The half-width of a central difference of a divergence.
NEAR = 1e-3
#: Nodes of the expectations over z.
ORDER = 160
NONE = "none: it grows without limit"
#: For a loss of pairs only differences of the critic's output matter.
PAIRED = "log p/q + any constant"


@dataclass(frozen=True)
class ZooOptions(Options):
    """Options of the lesson."""

    loss: str = option(
        "nonsaturating", "the loss of the detailed figures", choices=names, label="Loss"
    )
    beside: str = option(
        "minimax", "the loss for comparison", choices=names, label="Compare with loss"
    )
    mean: float = option(
        1.5, "mean of the generator's samples", low=-4.0, high=4.0, label="Generator mean"
    )
    sd: float = option(
        1.0, "their standard deviation", low=0.3, high=2.0, label="Standard deviation"
    )
    bumps: float = option(
        2.0,
        "distance between the data's two bumps",
        low=0.0,
        high=6.0,
        label="Distance between bumps",
    )


@LESSONS.register(
    "zoo",
    title="A zoo of gradients",
    summary="Every loss of the table: its gradient for the generator, and what it minimises.",
)
class Zoo(Lesson):
    """dℓ_G/dv of every adversarial loss, as a function of the critic's output and of log p/q."""

    chapter = 14
    idea = (
        "Only one function of a loss reaches the generator: the slope of its loss in the "
        "critic's output at a sample. Minimax is flat where D is certain that a sample is "
        "generated, which is where the generator starts; the non-saturating loss is steepest "
        "there, and hinge and Wasserstein have the same slope everywhere. Against the best "
        "critic the f-GAN losses have the gradients of divergences, which holds "
        "neither for the hinge nor for WGAN."
    )
    needs = (
        "gan_game",
        "fgan",
    )
    goals = (
        ("read from a slope where a loss is weak"),
        ("say which divergence a generator minimises"),
    )
    notes = (
        (
            "This lesson has every adversarial loss of the app, each with its own best critic. "
            "The critic of R3GAN compares pairs, so only differences of its output matter. Its "
            "best output is log p/q up to a constant."
        ),
    )
    questions, exercises = zoo.QUESTIONS, zoo.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "gan"}
    source = (
        "Arjovsky and Bottou 2017, Towards principled methods for training generative adversarial "
        "networks, theorem 2.5; Nowozin, Cseke and Tomioka 2016, section 3.2."
    )
    Options = ZooOptions
    options: ZooOptions

    @functools.cached_property
    def pair(self) -> tuple[Entry, Entry]:
        """The chosen loss, and the loss for comparison."""
        table = {entry.name: entry for entry in entries()}
        return table[self.options.loss], table[self.options.beside]

    @functools.cached_property
    def p(self) -> Mixture1D:
        """The data."""
        half = self.options.bumps / 2
        return Mixture1D((0.5, 0.5), (-half, half), (1.0, 1.0))

    @functools.cached_property
    def q(self) -> Mixture1D:
        """The distribution of the generator, x = μ + σz."""
        return gaussian(self.options.mean, self.options.sd)

    @functools.cached_property
    def samples(self) -> tuple[Tensor, Tensor, Tensor]:
        """x = μ + σz at nodes of z, their weights, and log p/q there with q held fixed."""
        z, w = nodes(ORDER, 1)
        x = self.options.mean + self.options.sd * z[:, 0]
        return x, w, self.p(x) - self.q(x)

    @property
    def best(self) -> float:
        """The output of the best critic of the chosen loss where log p/q is 1."""
        return _best(self.pair[0])

    def generator_slopes(self, *outputs: float) -> list[float]:
        """Slopes of the generator's part of the chosen loss at outputs of the critic."""
        at = torch.tensor(outputs, dtype=torch.float64)
        slopes: list[float] = derivative(self.pair[0].loss.generator, at).tolist()
        return slopes

    def pull(self, entry: Entry) -> float:
        """E_z[d ℓ_G(C*(x)) / dμ] with the best critic C* held fixed, x = μ + σz."""
        x, w, _ = self.samples
        leaf = x.detach().requires_grad_()
        with torch.enable_grad():
            ratio = self.p(leaf) - self.q(leaf)
            if entry.row is not None:
                output = entry.row.score(ratio)
            elif entry.of == "logit":
                output = ratio
            else:
                return self._pull_by_search(entry)
            (slope,) = torch.autograd.grad(entry.loss.generator(output).sum(), leaf)
        return float((w * torch.where(slope.isfinite(), slope, 0.0)).sum())

    def _pull_by_search(self, entry: Entry) -> float:
        x, w, _ = self.samples
        step = 1e-4
        ends = [best_output(entry.loss, self.p(at) - self.q(at)) for at in (x + step, x - step)]
        change = (entry.loss.generator(ends[0]) - entry.loss.generator(ends[1])) / (2 * step)
        return float((w * change).sum())

    def slope_of(self, parts: dict[str, float]) -> float:
        """d/dμ of a sum of divergences D(P ‖ N(μ, σ²)), by central difference of quadrature."""
        ends = []
        for sign in (1, -1):
            shifted = gaussian(self.options.mean + sign * NEAR, self.options.sd)
            found = divergences_1d([F[name] for name in parts], self.p, shifted)
            ends.append(sum(k * e.value for k, e in zip(parts.values(), found, strict=True)))
        return (ends[0] - ends[1]) / (2 * NEAR)

    def equations(self) -> tuple[Equation, ...]:
        one, two = self.pair
        at = torch.tensor([-3.0, 0.0, 3.0], dtype=torch.float64)
        first, second = (derivative(e.loss.generator, at) for e in (one, two))
        texts = [",\\ ".join(tex(float(v), 3) for v in row) for row in (first, second)]
        rule = r"\nabla_\theta\, E_z[-\log D^{*}(G_\theta(z))]"
        kl, js = self.slope_of({"reverse_kl": 1.0}), self.slope_of({"js": 1.0})
        left = self.pull(_named("nonsaturating"))
        return (
            Equation(
                "The generator's gradient is the slope of its loss in the critic's output, times "
                "the gradient of the critic. "
                f"The slopes of {one.title} and {two.title} at outputs of −3, 0 and 3:",
                r"\nabla_\theta\, \ell_G(C(G_\theta(z))) = \ell_G'(C(x))\;"
                r"\nabla_x C(x)\;\frac{\partial x}{\partial \theta}",
                rf"\ell_G' = ({texts[0]})\qquad\text{{and}}\qquad ({texts[1]})",
                tuple(
                    Quantity(f"{e.name} at −3", float(row[0]), "exact", e.loss.unit)
                    for e, row in ((one, first), (two, second))
                ),
            ),
            Equation(
                "The output of the best critic is a function of the ratio r = p/q. The "
                "discriminator's two losses determine this function.",
                r"C^{*}(x) = \arg\min_v\ p(x)\,\ell_{\text{real}}(v)"
                r" + q(x)\,\ell_{\text{fake}}(v)",
                rf"\log r = 1:\qquad C^{{*}} = {_best_at(one)}\qquad\text{{and}}\qquad"
                rf" {_best_at(two)}",
            ),
            Equation(
                "With D*, the non-saturating loss has the gradient of a difference of "
                "divergences: it decreases the mode-seeking KL and increases JS.",
                rf"{rule} = \nabla_\theta \left[\mathrm{{KL}}(q_\theta \| p)"
                r" - 2\,\mathrm{JS}(q_\theta \| p)\right]",
                rf"\frac{{\partial}}{{\partial \mu}}:\qquad {tex(left)} = {tex(kl)} -"
                rf" {f'({tex(js)})' if js < 0 else tex(js)}",
                (
                    Quantity("left side", left, "grid", "nats per data unit", ORDER),
                    Quantity("right side", kl - js, "exact", "nats per data unit"),
                ),
            ),
            Equation(
                "If an f-GAN's generator minimises the bound, it descends the divergence. The "
                "alternative, maximising E T, has the same fixed point and another slope.",
                r"\frac{d}{d \log r}\left[-f^{*}(T^{*})\right] = -r^2 f''(r),\qquad"
                r" \frac{d}{d \log r}\left[-T^{*}\right] = -r f''(r)",
            ),
        )

    def check(self) -> tuple[Check, ...]:
        found = [
            Check(
                "Non-saturating against D*: the gradient of KL(q ‖ p) − 2 JS.",
                self.pull(_named("nonsaturating")),
                self.slope_of({"reverse_kl": 1.0, "js": -1.0}),
                "E_z of the slope at D*, Gauss-Hermite",
                "central difference of adaptive quadrature",
                "grid",
                "nats per data unit",
                1e-4,
                ORDER,
            ),
            Check(
                "Minimax against D*: the gradient of 2 JS.",
                self.pull(_named("minimax")),
                self.slope_of({"js": 1.0}),
                "E_z of the slope at D*, Gauss-Hermite",
                "central difference of adaptive quadrature",
                "grid",
                "nats per data unit",
                1e-4,
                ORDER,
            ),
        ]
        for entry in entries():
            if entry.row is None or entry.alternative or not _smooth(entry.row):
                continue
            right = self.slope_of({entry.row.name: 1.0})
            if not math.isfinite(right) or not _light(entry.row, self.p, self.options.sd):
                continue
            found.append(
                Check(
                    f"f-GAN {entry.row.title}: the generator descends the divergence.",
                    self.pull(entry),
                    right,
                    "E_z of the slope at T*, Gauss-Hermite",
                    "central difference of adaptive quadrature",
                    "grid",
                    f"{entry.row.unit} per data unit".replace("dimensionless", "1"),
                    1e-3 * max(1.0, abs(right)),
                    ORDER,
                )
            )
        pairs = [entry for entry in entries() if entry.paired]
        found += [_best_of_pairs(entry, self.p, self.q) for entry in pairs]
        ratio = torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)
        for entry in self.pair:
            if entry.row is not None and _smooth(entry.row):
                found.append(_at_best(entry, ratio))
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        one, two = self.pair
        v = torch.linspace(-6.0, 6.0, 241, dtype=torch.float64)
        ratio = torch.linspace(-5.0, 5.0, 101, dtype=torch.float64)
        plain = [e for e in entries() if e.row is None]
        rows = [e for e in entries() if e.row is not None and not e.alternative]
        pulls = {e.name: -self.pull(e) for e in [*plain, *rows]}
        pulls = {name: pull for name, pull in pulls.items() if not math.isnan(pull)}
        seen = torch.linspace(-7.0, 7.0, 401, dtype=torch.float64)
        at = array(seen)
        return (
            Curves(
                f"{short(one.title)}: the generator's loss and its slope",
                f"exact · against the critic's output ({one.of}); dashed: {short(two.title)}",
                (
                    Curve(short(one.title), array(v), _cut(one.loss.generator(v)), "line", 0),
                    Curve("its slope", array(v), _cut(derivative(one.loss.generator, v)),
                          "line", 1),
                    Curve(short(two.title), array(v), _cut(two.loss.generator(v)), "dash", 0),
                    Curve("slope of that", array(v), _cut(derivative(two.loss.generator, v)),
                          "dash", 1),
                ),
                "output of the critic",
                "loss, slope",
            ),
            Curves(
                "Slope of the generator's loss in the critic's output",
                "exact, by automatic differentiation · negative: towards real",
                tuple(
                    Curve(e.name, array(v), _cut(derivative(e.loss.generator, v)),
                          "line", k)
                    for k, e in enumerate(plain)
                ),
                "output of the critic: low is fake, high is real",
                "dℓ/dv",
            ),
            Curves(
                "The slope at the best critic, as a function of log p/q",
                "exact where the best critic is known, else by bisection · against log p/q",
                tuple(
                    Curve(e.name, array(ratio), _cut(seen_slope), "line", k)
                    for k, (e, seen_slope) in enumerate(
                        (e, truth_slope(e, ratio)) for e in plain
                    )
                    if bool(seen_slope.isfinite().any())
                ),
                "log p/q: low is fake, high is real",
                "dℓ/d log r",
            ),
            Curves(
                "f-GANs at the best critic, −r² f″(r)",
                "exact · the generator minimises the bound · cut at −6",
                tuple(
                    Curve(e.name.removeprefix("fgan "), array(ratio),
                          _cut(truth_slope(e, ratio), -6.0), "dash" if k > 9 else "line", k)
                    for k, e in enumerate(rows)
                ),
                "log p/q: low is fake, high is real",
                "dℓ/d log r",
            ),
            Curves(
                "The data and the generator",
                "exact densities",
                (
                    Curve("p, the data", at, array(self.p(seen).exp()), "area", "data"),
                    Curve("q, the generator", at, array(self.q(seen).exp()), "line", "generated"),
                ),
                "x",
                "density",
            ),
            Bars(
                "The pull on the generator's mean, −dE[ℓ]/dμ",
                f"best critic held fixed · Gauss-Hermite, {ORDER} nodes · each in its own units",
                tuple(name.removeprefix("fgan ") for name in pulls),
                (("pull", np.array(list(pulls.values())).clip(-4, 4)),),
                "pull (cut at ±4)",
            ),
            Table(
                "All losses",
                "exact · slopes in the critic's output at −3 (surely fake), 0 and 3 (surely real)",
                ("loss", "output", "at −3", "at 0", "at 3", "best critic at log r = 1", "unit"),
                tuple(_line(entry) for entry in entries()),
            ),
        )  # fmt: skip


def _named(name: str) -> Entry:
    return next(entry for entry in entries() if entry.name == name)


def _smooth(row: FDivergence) -> bool:
    """Whether the best critic is a smooth function of p/q (for total variation it is not)."""
    return bool(row.score(torch.tensor([0.5, 2.0])).isfinite().all())


def _light(row: FDivergence, p: Mixture1D, sd: float) -> bool:
    """Whether the slope's integrand decays within the range of the quadrature nodes."""
    widest = max(p.stds)
    heavy_p = math.isinf(row.slope_at_infinity) and 2 * sd * sd <= 1.05 * widest * widest
    heavy_q = math.isinf(row.at_zero) and 2 * widest * widest <= 1.05 * sd * sd
    return not (heavy_p or heavy_q)


def truth_slope(entry: Entry, log_ratio: Tensor) -> Tensor:
    """d ℓ_G(C*(log r)) / d log r, (n,) -> (n,); NaN if there is no best critic."""
    if entry.row is not None and _smooth(entry.row):
        row = entry.row
        return derivative(lambda l: entry.loss.generator(row.score(l)), log_ratio)
    if entry.of == "logit":
        return derivative(entry.loss.generator, log_ratio)
    step = 1e-4
    ends = [entry.loss.generator(best_output(entry.loss, log_ratio + s)) for s in (step, -step)]
    return (ends[0] - ends[1]) / (2 * step)


def _at_best(entry: Entry, ratio: Tensor) -> Check:
    """The slope at the best critic against the second derivative of f."""
    assert entry.row is not None
    row, step = entry.row, 1e-5
    r = ratio.exp()
    bend = (row.f_prime(r * (1 + step)) - row.f_prime(r * (1 - step))) / (2 * step)
    wanted = -bend if entry.alternative else -bend * r
    return Check(
        f"{entry.title}: slope −{'r' if entry.alternative else 'r²'} f″(r), log r from −1.5 to "
        "1.5.",
        float(truth_slope(entry, ratio).sum()),
        float(wanted.sum()),
        "automatic differentiation of the loss at V*, summed over 7 points",
        "central difference of f′, the same points",
        "exact",
        "",
        1e-5 * max(1.0, float(wanted.abs().sum())),
    )


def best_of_pairs(loss: AdversarialLoss, p: Tensor, q: Tensor) -> Tensor:
    """argmin over C of E_{x ~ p, y ~ q} real(C(x) − C(y)) on a grid, (n,) with mean 0, by Newton.

    Args:
        loss: a loss with a convex ``real``.
        p, q: probabilities of the points, (n,) each.
    """
    weight = p[:, None] * q
    start = torch.zeros_like(p)

    def objective(c: Tensor) -> Tensor:
        return (weight * loss.real(c[:, None] - c)).sum()

    for _ in range(60):
        leaf = start.clone().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(objective(leaf), leaf)
        bend = torch.autograd.functional.hessian(objective, start)
        # A constant changes nothing; a quadratic term makes the Hessian regular in that direction.
        step = torch.linalg.solve(bend + 1.0 / len(p), slope)
        start = start - step
        if float(step.abs().max()) < 1e-11:
            break
    return start - start.mean()


def _best_of_pairs(entry: Entry, p: Mixture1D, q: Mixture1D) -> Check:
    """Check by minimisation that the best critic of a loss of pairs is log p/q plus a constant."""
    at = [*p.means, *q.means]
    x = torch.linspace(min(at), max(at) + 1e-3, 31, dtype=torch.float64)
    # Where one of the two densities is 0, no critic is better than another.
    x = x[(p(x) - q(x)).abs() <= 8.0]
    log_p, log_q = p(x), q(x)
    critic = best_of_pairs(entry.loss, log_p.softmax(0), log_q.softmax(0))
    ratio = log_p - log_q
    return Check(
        f"{short(entry.title)}: the best critic is log p/q up to a constant.",
        float((critic - (ratio - ratio.mean())).abs().max()),
        0.0,
        "largest distance from log p/q, both minus their mean; minimised on a grid",
        "zero",
        "grid",
        "nats",
        1e-6 * max(1.0, float(ratio.abs().max())),
        len(x),
    )


def _best(entry: Entry) -> float:
    """The best critic's output where log r is 1; NaN if there is none."""
    one = torch.ones(1, dtype=torch.float64)
    if entry.row is not None:
        found = float(entry.row.score(one))
        return found if math.isfinite(found) else math.nan
    return float(best_output(entry.loss, one))


def _best_at(entry: Entry) -> str:
    found = _best(entry)
    if entry.paired:
        return r"\log r + \text{constant}"
    return r"\text{none}" if math.isnan(found) else tex(found)


def _line(entry: Entry) -> tuple[str, ...]:
    at = torch.tensor([-3.0, 0.0, 3.0], dtype=torch.float64)
    best = _best(entry)
    slopes = (f"{v:.3g}" for v in derivative(entry.loss.generator, at).tolist())
    return (
        entry.title,
        entry.of,
        *slopes,
        PAIRED if entry.paired else NONE if math.isnan(best) else f"{best:.4g}",
        entry.loss.unit,
    )


def short(title: str) -> str:
    """A title up to its first comma, bracket or semicolon.

    Example:
        >>> short("WGAN, clipped weights; WGAN-GP")
        'WGAN'
    """
    for sign in (";", " (", ", clipped", ": "):
        title = title.split(sign)[0]
    return title


def _cut(values: Tensor, least: float = -8.0) -> Array:
    """Values for a curve; NaN outside the frame."""
    inside = (values > least) & (values < -least)
    return array(torch.where(inside, values, torch.full_like(values, math.nan)))
