"""Wasserstein GANs: JS is flat where W₁ is not, and a constraint limits the critic's slope."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from genlab.core.options import Options, option
from genlab.divergences.f import F
from genlab.divergences.jensen_shannon import LOG_2
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import divergence_1d
from genlab.divergences.transport import w1_densities
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Progress, Quantity, tex
from genlab.lessons.game import nodes
from genlab.lessons.panels import Array, Curve, Curves, Panel, Table, array, histogram
from genlab.lessons.teaching import wgan
from genlab.lessons.wgan_critics import BATCH, LAST, STEPS, Critic, clipped, penalised, trained
from genlab.objectives.adversarial import Adversarial

POINTS, GAUSSIANS = "points", "Gaussians"


@dataclass(frozen=True)
class WGANLessonOptions(Options):
    """Options of the lesson."""

    law: str = option(
        GAUSSIANS, "data and generator", choices=(GAUSSIANS, POINTS), label="Data and generator"
    )
    distance: float = option(
        2.0,
        "distance between the data and the generator's samples",
        low=0.1,
        high=6.0,
        label="Distance",
    )
    sd: float = option(
        0.5, "standard deviation of both Gaussians", low=0.1, high=2.0, label="Standard deviation"
    )
    penalty: float = option(
        10.0,
        "weight λ of (‖∇C‖ − 1)²",
        low=1.0,
        high=100.0,
        log=True,
        label="Gradient penalty weight λ",
    )
    clip: float = option(
        0.1,
        "largest size of a clipped weight",
        low=0.01,
        high=1.0,
        log=True,
        label="Weight clipping bound",
    )
    seed: int = option(
        0, "seed of the critics' weights and draws", low=0, high=2**31 - 1, label="Seed"
    )


@LESSONS.register(
    "wgan",
    title="WGAN: a distance with a gradient everywhere",
    summary="JS, KL and W₁ of two distant distributions; clipped and penalised critics.",
)
class Wasserstein(Lesson):
    """Two distributions at a distance θ: divergences, W₁, and critics that estimate it."""

    chapter = 13
    idea = (
        "Where two distributions hardly overlap, JS stays near log 2 at any distance between "
        "them, and KL is infinite or grows without limit. W₁, the cost of transporting one to "
        "the other, is here their distance, with slope 1 everywhere. Its dual form is the "
        "largest separation by a critic **with slope at most 1**, which clipping and penalties "
        "only approximate."
    )
    needs = ("gan_game",)
    goals = (
        ("say why JS gives no gradient and W₁ does"),
        ("compute the slope to which a penalised critic converges"),
    )
    notes = (
        (
            "W₁ is weaker than KL and JS: on a bounded set, convergence in KL or JS implies "
            "convergence in W₁, but not conversely. A point mass at θ → 0 converges to a point "
            "mass at 0 in W₁ = θ, while JS stays at log 2 and KL is infinite."
        ),
        (
            "Weight clipping bounds the slope by an unknown number. A penalty keeps the slope "
            "near 1, and its excess can be computed."
        ),
    )
    questions, exercises = wgan.QUESTIONS, wgan.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "gan", "objective": "wgan_gp"}
    source = (
        "Arjovsky, Chintala and Bottou 2017, Wasserstein GAN, example 1; Gulrajani et al. 2017, "
        "Improved training of Wasserstein GANs."
    )
    Options = WGANLessonOptions
    options: WGANLessonOptions

    @property
    def sd(self) -> float:
        """Standard deviation of both distributions, 0 for points."""
        return 0.0 if self.options.law == POINTS else self.options.sd

    @property
    def slope(self) -> float:
        """The slope to which a penalised linear critic converges, 1 + θ/(2λ)."""
        return 1 + self.options.distance / (2 * self.options.penalty)

    def js(self, distance: Tensor) -> Tensor:
        """JS at each distance in nats, (n,) -> (n,): E log D* + log 2, by symmetry of the two."""
        if not self.sd:
            return torch.where(distance > 0, LOG_2, 0.0)
        z, w = nodes(100, 1)
        shift = distance[:, None] / self.sd
        return logsigmoid(shift.square() / 2 - shift * z[:, 0]) @ w + LOG_2

    def kl(self, distance: Tensor) -> Tensor:
        """KL at each distance in nats, θ²/(2σ²), or infinite for points, (n,) -> (n,)."""
        if not self.sd:
            return torch.where(distance > 0, math.inf, 0.0)
        return distance.square() / (2 * self.sd**2)

    def prepare(self, progress: Progress) -> None:
        for k, name in enumerate(("linear_gp", "linear_clip", "net_gp", "net_clip")):
            progress(k / 4, f"Training the critics: {k + 1} of 4")
            getattr(self, name)

    @functools.cached_property
    def linear_gp(self) -> Critic:
        """A linear critic with a penalised slope."""
        return self._train("linear", penalised(self.options.penalty))

    @functools.cached_property
    def linear_clip(self) -> Critic:
        """A linear critic with clipped weights."""
        return self._train("linear", clipped(self.options.clip))

    @functools.cached_property
    def net_gp(self) -> Critic:
        """A net with a penalised slope."""
        return self._train("net", penalised(self.options.penalty))

    @functools.cached_property
    def net_clip(self) -> Critic:
        """A net with clipped weights."""
        return self._train("net", clipped(self.options.clip))

    def _train(self, kind: str, objective: Adversarial) -> Critic:
        return trained(kind, objective, self.sd, self.options.distance, self.options.seed)

    def equations(self) -> tuple[Equation, ...]:
        o = self.options
        at = torch.tensor([o.distance], dtype=torch.float64)
        near = torch.tensor([o.distance - 1e-4, o.distance + 1e-4], dtype=torch.float64)
        js, kl = float(self.js(at)), float(self.kl(at))
        ends = self.js(near)
        slope = float(ends[1] - ends[0]) / 2e-4
        line = self.linear_gp
        n = BATCH * LAST
        return (
            Equation(
                "Three measures of how far apart the two distributions are.",
                r"\mathrm{JS},\qquad \mathrm{KL}(P \,\|\, Q),\qquad W_1(P, Q) ="
                r" \inf_{\gamma} E_{(x, y) \sim \gamma} |x - y|",
                rf"\mathrm{{JS}} = {tex(js)}\ (\log 2 = {tex(LOG_2)}),\qquad"
                rf" \mathrm{{KL}} = {tex(kl)},\qquad W_1 = {tex(o.distance)}",
                (
                    Quantity("JS", js, "exact", "nats"),
                    Quantity("KL", kl, "exact", "nats"),
                    Quantity("W₁", o.distance, "exact", "data units"),
                ),
            ),
            Equation(
                "The signal for the generator is the slope of each measure in the distance.",
                r"\frac{d\,\mathrm{JS}}{d\theta} \to 0,\qquad \frac{d W_1}{d\theta} = 1",
                rf"\frac{{d\,\mathrm{{JS}}}}{{d\theta}} = {tex(slope)},\qquad"
                r" \frac{d W_1}{d\theta} = 1",
                (Quantity("dJS/dθ", slope, "exact", "nats per data unit"),),
            ),
            Equation(
                "The dual form uses a critic of slope at most 1. For two distributions that "
                "differ by a shift, the linear critic of slope 1 along the shift is optimal.",
                r"W_1 = \sup_{\|C\|_L \le 1} E_P[C(x)] - E_Q[C(x)]",
                rf"1 \cdot {tex(o.distance)} = {tex(o.distance)}",
            ),
            Equation(
                "A soft penalty pulls the slope a towards 1 without reaching it: the critic "
                "balances its gain against the penalty.",
                r"\max_a\ a\,\theta - \lambda (a - 1)^2\quad\Rightarrow\quad"
                r" a = 1 + \frac{\theta}{2 \lambda},\qquad"
                r" a\,\theta = \theta + \frac{\theta^2}{2 \lambda}",
                rf"a = {tex(self.slope)},\quad a\theta = {tex(self.slope * o.distance)}"
                rf"\qquad\text{{trained: }} {tex(line.slope)},\quad {tex(line.raw)}",
                (
                    Quantity("raw, linear critic", line.raw, "training batch", "data units", n),
                    Quantity("raw ÷ slope", line.raw / line.slope, "training batch",
                             "data units", n),
                ),
            ),
            Equation(
                "Clipped weights bound the slope by some K that depends on the net. The critic "
                "measures K·W₁ with an unknown K.",
                r"|w| \le c\quad\Rightarrow\quad E_P[C] - E_Q[C] = K \cdot W_1",
                rf"\text{{linear critic: }} {tex(self.linear_clip.raw)} = {tex(o.clip)} \cdot"
                rf" {tex(o.distance)},\qquad \text{{a net: }} {tex(self.net_clip.raw)}"
                rf"\ \Rightarrow\ K = {tex(self.net_clip.raw / o.distance)}",
                (Quantity("scaled, clipped net", self.net_clip.raw, "training batch", "", n),),
            ),
        )  # fmt: skip

    def check(self) -> tuple[Check, ...]:
        o, line, n = self.options, self.linear_gp, BATCH * LAST
        # The standard error of the mean of the batches' differences.
        error = self.sd * math.sqrt(2 / n)
        at = torch.tensor([o.distance], dtype=torch.float64)
        found = [
            Check(
                "A penalised linear critic converges to the slope 1 + θ/(2λ).",
                line.slope,
                self.slope,
                "trained with the objective of WGAN-GP",
                "1 + θ/(2λ)",
                "training batch",
                "",
                0.01 * self.slope + 4 * error,
                n,
            ),
            Check(
                "Its raw value is θ + θ²/(2λ), which is too large by θ²/(2λ).",
                line.raw,
                o.distance + o.distance**2 / (2 * o.penalty),
                "E C(x) − E C(G(z)), trained",
                "θ + θ²/(2λ)",
                "training batch",
                "data units",
                (0.01 * o.distance + 4 * error) * self.slope,
                n,
            ),
            Check(
                "The raw value divided by the slope is W₁.",
                line.raw / line.slope,
                o.distance,
                "raw ÷ mean ‖∇C‖",
                "θ",
                "training batch",
                "data units",
                0.002 * o.distance + 4 * error,
                n,
            ),
            Check(
                "A clipped linear critic measures c·W₁.",
                self.linear_clip.raw,
                o.clip * o.distance,
                "trained with the objective of WGAN",
                "c θ",
                "training batch",
                "",
                (0.002 * o.distance + 4 * error) * o.clip,
                n,
            ),
            self._no_better(),
        ]
        if self.sd:
            p, q = gaussian(o.distance, self.sd), gaussian(0.0, self.sd)
            found += [
                Check(
                    "W₁ of two Gaussians of equal width is the distance between their means.",
                    w1_densities(p, q).value,
                    o.distance,
                    "∫ |F − G| on a fine grid",
                    "θ",
                    "exact",
                    "data units",
                    1e-5,
                ),
                Check(
                    "The curve of JS is right,",
                    float(self.js(at)),
                    divergence_1d(F["js"], p, q).value / 2,
                    "E log D* + log 2, Gauss-Hermite",
                    "adaptive quadrature",
                    "exact",
                    "nats",
                    1e-4,
                ),
                Check(
                    "and so is the curve of KL.",
                    float(self.kl(at)),
                    divergence_1d(F["kl"], p, q).value,
                    "θ²/(2σ²)",
                    "adaptive quadrature",
                    "exact",
                    "nats",
                    1e-6 * max(1.0, float(self.kl(at))),
                ),
            ]
        return tuple(found)

    def _no_better(self) -> Check:
        """The value of any critic divided by its steepest slope is at most W₁."""
        model = self.net_gp.model
        z, w = nodes(24, 2)
        shift = torch.tensor([self.options.distance, 0.0], dtype=torch.float64)
        real, fake = (
            float((model.score((at + self.sd * z).float()).double() * w).sum())
            for at in (shift, 0 * shift)
        )
        x = torch.linspace(-8 * self.sd, self.options.distance + 8 * self.sd, 2001)
        rows = (self.sd * z[:, 1]).unique().float()
        second, first = torch.meshgrid(rows, x, indexing="ij")
        mesh = torch.stack([first, second], -1)
        scores = model.score(mesh.reshape(-1, 2)).view(len(rows), -1).double()
        steepest = float((scores.diff() / x.double().diff()).abs().max())
        return Check(
            "No critic exceeds W₁: the value of a trained net divided by its steepest slope is "
            "smaller.",
            (real - fake) / steepest,
            self.options.distance,
            "E C(x) − E C(G(z)) by Gauss-Hermite, over the largest |∂C/∂x₁| of a fine grid",
            "W₁ = θ",
            "lower bound",
            "data units",
            1e-3 * self.options.distance,
            relation="≤",
        )

    def panels(self) -> tuple[Panel, ...]:
        o = self.options
        theta = torch.linspace(0.0, 6.0, 241, dtype=torch.float64)
        js, kl = self.js(theta), self.kl(theta)
        steps = array(theta)
        shown = torch.where(kl < 12, kl, torch.full_like(kl, math.nan))
        flat = "" if self.sd else " · KL is infinite for every θ > 0"
        names = {
            "penalised linear critic": self.linear_gp,
            "penalised net": self.net_gp,
            "clipped net": self.net_clip,
            "clipped linear critic": self.linear_clip,
        }
        return (
            Curves(
                "The distance by three measures",
                f"exact{flat}",
                (
                    Curve("W₁ = θ", steps, steps, "line", 0),
                    Curve("JS", steps, array(js), "line", 1),
                    Curve("KL" if self.sd else "KL: infinite", steps, array(shown), "dash", 2),
                ),
                "θ, distance of the two distributions",
                "nats, data units",
                levels=(("log 2", LOG_2),),
                marks=(("now", o.distance),),
            ),
            Curves(
                "The signal for the generator: slopes in the distance",
                "exact, by differences · where the slope is 0 the generator gets no direction",
                (
                    Curve("dW₁/dθ", steps[1:], np.ones(len(steps) - 1), "line", 0),
                    Curve("dJS/dθ", steps[1:], _slope(steps, array(js)), "line", 1),
                ),
                "θ, distance of the two distributions",
                "slope",
                marks=(("now", o.distance),),
            ),
            self._critics(),
            self._ladder(),
            self._weights(),
            Table(
                "Four critics at one distance",
                f"training batches of {BATCH}, mean of the last {LAST} steps · W₁ = "
                f"{o.distance:g} exact",
                ("critic", "raw E C(x) − E C(G)", "mean ‖∇C‖", "raw ÷ slope"),
                tuple(
                    (
                        name,
                        f"{c.raw:.4g}",
                        "not known" if math.isnan(c.slope) else f"{c.slope:.4g}",
                        "scaled: not a distance"
                        if math.isnan(c.slope)
                        else f"{c.raw / c.slope:.4g}",
                    )
                    for name, c in names.items()
                ),
            ),
        )

    def _critics(self) -> Curves:
        far = max(3 * self.sd, 0.5)
        x = torch.linspace(-far, self.options.distance + far, 241)
        at = array(x)

        def of(critic: Critic) -> Array:
            y = array(critic.model.score(torch.stack([x, torch.zeros_like(x)], 1)))
            return np.asarray(y - np.interp(0.0, at, y))

        largest = max(float(np.abs(of(self.net_clip)).max()), 1e-9)
        reach = float(np.abs(of(self.net_gp)).max())
        curves = [
            Curve("slope 1, the best", at, at, "dash", 3),
            Curve("penalised net", at, of(self.net_gp), "line", 0),
            Curve(
                f"clipped net, {reach / largest:.3g} times", at,
                of(self.net_clip) * reach / largest, "line", 1,
            ),
        ]  # fmt: skip
        if self.sd:
            logit = (at - self.options.distance / 2) * self.options.distance / self.sd**2
            best = 1 / (1 + np.exp(-np.clip(logit, -60, 60)))
            curves.append(Curve("D* of the GAN", at, best, "dot", 2))
        return Curves(
            "The critics, each set to 0 at x = 0",
            f"trained, {STEPS['net']} steps · along the first axis, generator at 0, data at θ",
            tuple(curves),
            "x",
            "C(x)",
            marks=(("G", 0.0), ("data", self.options.distance)),
        )

    def _ladder(self) -> Curves:
        theta = np.linspace(0.0, 6.0, 61)
        o = self.options
        return Curves(
            "The bias of the soft penalty",
            f"exact formula · points: the trained linear critic and net, training batches of "
            f"{BATCH}",
            (
                Curve("W₁ = θ", theta, theta, "dash", 3),
                Curve("raw: θ + θ²/(2λ)", theta, theta + theta**2 / (2 * o.penalty), "line", 0),
                Curve("trained linear critic, raw", np.array([o.distance]),
                      np.array([self.linear_gp.raw]), "points", 0),
                Curve("trained linear critic, raw ÷ slope", np.array([o.distance]),
                      np.array([self.linear_gp.raw / self.linear_gp.slope]), "points", 1),
                Curve("trained net, raw ÷ slope", np.array([o.distance]),
                      np.array([self.net_gp.raw / self.net_gp.slope]), "points", 2),
            ),
            "θ, distance of the two distributions",
            "data units",
        )  # fmt: skip

    def _weights(self) -> Curves:
        weights = torch.cat([w.detach().flatten() for w in self.net_clip.model.parameters()])
        c = self.options.clip
        share = float((weights.abs() > 0.999 * c).double().mean())
        x, y = histogram(array(weights), -1.05 * c, 1.05 * c, 42)
        return Curves(
            "The weights of a clipped net",
            f"exact count after {STEPS['net']} steps · {100 * share:.0f} % of "
            f"{len(weights):,} weights lie at ±c",
            (Curve("density of weights", x, y, "steps", 0),),
            "weight",
            "density",
            marks=(("−c", -c), ("c", c)),
        )


def _slope(x: Array, y: Array) -> Array:
    return np.asarray(np.diff(y) / np.diff(x))
