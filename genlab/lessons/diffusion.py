"""From the VAE to diffusion: an encoder without parameters, an ELBO of T terms, a denoiser."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.core.random import generator, scope
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.panels import Bars, Curve, Curves, Panel, array
from genlab.lessons.teaching import diffusion
from genlab.paths import ExactFields
from genlab.paths.elbo import (
    VARIANCES,
    elbo_terms,
    gaussian_gap,
    posterior_variance,
    reverse_variance,
)
from genlab.paths.noise_schedules import SCHEDULES, Discrete

LOG_2PI = math.log(2 * math.pi)
#: Draws of the checks.
DRAWS = 1000


@dataclass(frozen=True)
class DiffusionLessonOptions(Options):
    """Options of the lesson."""

    gap: float = option(
        2.0, "distance between the two bumps of the data", low=0.0, high=4.0,
        label="Distance between bumps",
    )  # fmt: skip
    sd: float = option(
        0.3, "standard deviation of a bump", low=0.1, high=1.5, label="Standard deviation"
    )
    steps: int = option(50, "steps T of the noise", low=21, high=200, label="Steps T")
    schedule: str = option(
        "linear", "growth of the noise", choices=tuple(SCHEDULES), label="Noise schedule"
    )
    variance: str = option(
        "beta", "variance of the reverse steps", choices=VARIANCES, label="Reverse variance"
    )
    step: int = option(25, "the step i of the numbers", low=1, high=200, label="Step i")
    x: float = option(0.5, "the noisy point x_i", low=-4.0, high=4.0, label="Noisy point")
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


@LESSONS.register(
    "diffusion",
    title="From the VAE to diffusion",
    summary="A fixed encoder of T steps, an ELBO of T + 1 terms, and the best denoiser.",
)
class DiffusionLesson(Lesson):
    """A DDPM on the line with the exact denoiser; the remaining gap is due to the T steps."""

    chapter = 16
    idea = (
        "A diffusion model is a VAE whose **encoder has no parameters**: it adds a little noise "
        "T times, until almost nothing of the data is left. The decoder removes the noise step "
        "by step, and each step needs only the best guess of the clean point, D(x) = E[x₀ | x]. "
        "The ELBO has one term per step: a weighted squared error of that guess."
    )
    needs = ("vae",)
    goals = (
        "name the encoder, the code and the bound of a diffusion model",
        "say what a denoiser learns and what the perfect denoiser is",
        "read off which noise levels contribute most to the bound",
    )
    notes = (
        "The link to the GAN: the best discriminator is the mean label given x, D* = p/(p + q), "
        "and the best denoiser is the mean clean point given x. Both are conditional means, found "
        "by regression, and both are known exactly for toy data.",
        "Predicting the noise and predicting the clean point are equivalent: x = √ᾱ x₀ + √(1 − ᾱ) "
        "ε. The score is −E[ε | x]/√(1 − ᾱ).",
    )
    questions, exercises = diffusion.QUESTIONS, diffusion.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "ddpm"}
    source = (
        "Sohl-Dickstein et al. 2015; Ho, Jain and Abbeel 2020, Denoising diffusion probabilistic "
        "models; Kingma et al. 2021, Variational diffusion models."
    )
    Options = DiffusionLessonOptions
    options: DiffusionLessonOptions

    @functools.cached_property
    def path(self) -> Discrete:
        """The noise of T steps."""
        return Discrete(SCHEDULES[self.options.schedule](self.options.steps))

    @functools.cached_property
    def exact(self) -> ExactFields:
        """The exact denoiser of the data."""
        return ExactFields.of_two_bumps(self.options.gap, self.options.sd, self.path)

    @property
    def step(self) -> int:
        """The chosen step, at most T."""
        return min(self.options.step, self.options.steps)

    def time(self, step: int) -> float:
        """The time of a step, 1 for clean data."""
        return 1.0 - step / self.options.steps

    def denoiser(self, x: Tensor, step: int) -> Tensor:
        """E[x₀ | x_i = x], (n,) -> (n,)."""
        t = torch.full((len(x),), self.time(step), dtype=torch.float64)
        return self.exact.denoiser(x[:, None], t)[:, 0]

    @functools.cached_property
    def errors(self) -> Tensor:
        """E(x₀ − E[x₀ | x_i])² for i = 1, ..., T, by quadrature, (T,)."""
        steps = range(1, self.options.steps + 1)
        return torch.tensor([self.exact.mmse(self.time(i)) for i in steps], dtype=torch.float64)

    @functools.cached_property
    def terms(self) -> Tensor:
        """The terms of −ELBO under the exact denoiser in nats, i = 1, ..., T + 1, (T + 1,)."""
        path, kind = self.path, self.options.variance
        bar = path.alpha_bar
        sigma2 = reverse_variance(path, kind)
        ratio = (posterior_variance(path) / sigma2).clamp(min=1e-300)
        pull = bar[:-1] * path.betas.square() / (1.0 - bar[1:]).square()
        kl = 0.5 * (ratio - 1.0 - ratio.log()) + 0.5 * pull * self.errors / sigma2
        kl[0] = 0.5 * (self.errors[0] / sigma2[0] + LOG_2PI + sigma2[0].log())
        last, second = bar[-1], self.options.gap**2 / 4 + self.options.sd**2
        prior = 0.5 * (last * second - last - torch.log1p(-last))
        return torch.cat([kl, prior[None]])

    @functools.cached_property
    def entropy(self) -> float:
        """The entropy of the data in nats, by quadrature."""
        reach = self.options.gap / 2 + 10 * self.options.sd
        x = torch.linspace(-reach, reach, 20_001, dtype=torch.float64)
        log_p = self.exact.log_prob(x[:, None], torch.ones(len(x), dtype=torch.float64))
        return float(-torch.trapezoid(log_p.exp() * log_p, x))

    @property
    def gap(self) -> float:
        """The gap between the mean log p(x) and the mean ELBO, in nats."""
        return float(self.terms.sum()) - self.entropy

    def equations(self) -> tuple[Equation, ...]:
        i, o, bar = self.step, self.options, self.path.alpha_bar
        here = torch.tensor([o.x], dtype=torch.float64)
        guess = float(self.denoiser(here, i)[0])
        share, noise = float(bar[i].sqrt()), float((1 - bar[i]).sqrt())
        eps = (o.x - share * guess) / noise
        total = float(self.terms.sum())
        own = float(self.terms[i - 1])
        return (
            Equation(
                "The encoder is fixed: after i steps a share √ᾱ of the data is left, the rest is "
                "noise.",
                r"q(x_i \mid x_0) = \mathcal{N}(\sqrt{\bar\alpha_i}\,x_0,\ 1-\bar\alpha_i)",
                rf"x_{{{i}}} = {tex(share)}\,x_0 + {tex(noise)}\,\varepsilon",
            ),
            Equation(
                "The best denoiser is the mean of the clean point given the noisy point. No net "
                "has a smaller squared error.",
                r"D^{*}(x) = E[x_0 \mid x_i = x]",
                rf"D^{{*}}({tex(o.x)}) = {tex(guess)},\quad "
                rf"E[\varepsilon \mid x] = {tex(eps)}",
                (
                    Quantity("D*(x)", guess, "exact", "data units"),
                    Quantity("E(x₀ − D*)²", float(self.errors[i - 1]), "grid", "data units²"),
                ),
            ),
            Equation(
                "Each term of the bound compares two Gaussians, so it is a weighted squared error "
                "of the denoiser plus a constant.",
                r"\mathrm{KL}\big(q(x_{i-1} \mid x_i, x_0)\,\|\,p(x_{i-1} \mid x_i)\big)",
                rf"\text{{term }} {i}:\ {tex(own)}\ \text{{nats}}",
                (Quantity(f"term {i}", own, "grid", "nats"),),
            ),
            Equation(
                "The bound is the sum of T + 1 terms. The term KL to the prior is almost 0, "
                "because after T steps almost only noise is left.",
                r"-\mathrm{ELBO} = \mathrm{KL}(q_T\|p_T) + \sum_{i=2}^{T} L_i - E\log p(x_0 \mid "
                r"x_1)",
                rf"{tex(float(self.terms[-1]))} + {tex(float(self.terms[1:-1].sum()))} + "
                rf"({tex(float(self.terms[0]))}) = {tex(total)}",
                (
                    Quantity("−ELBO", total, "grid", "nats"),
                    Quantity("KL(q_T ‖ p_T)", float(self.terms[-1]), "exact", "nats"),
                ),
            ),
            Equation(
                "Even with the perfect denoiser the bound lies below log p, because the true "
                "reverse steps are not Gaussian. With more steps they come closer to Gaussians.",
                r"-\mathrm{ELBO} - H(\text{data}) \ge 0",
                rf"{tex(total)} - ({tex(self.entropy)}) = {tex(self.gap)}",
                (Quantity("gap of the bound", self.gap, "grid", "nats"),),
            ),
        )

    def _drawn_bound(self) -> tuple[float, float]:
        """−ELBO from sampled terms and its standard error, in nats."""
        o, path, exact = self.options, self.path, self.exact
        source = generator(o.seed, "diffusion data")
        total = variance = 0.0
        with scope(o.seed, "diffusion lesson"):
            for i in range(1, o.steps + 2):
                x0, steps = exact.sample(DRAWS, source), torch.full((DRAWS,), i)
                values = elbo_terms(exact.estimates, path, x0, steps, o.variance)
                total += float(values.mean())
                variance += float(values.var()) / DRAWS
        return total, math.sqrt(variance)

    def check(self) -> tuple[Check, ...]:
        i, o = self.step, self.options
        drawn, spread = self._drawn_bound()
        t = torch.full((1,), self.time(i), dtype=torch.float64)
        here, h = torch.tensor([[o.x]], dtype=torch.float64), 1e-5
        score = float(
            (self.exact.log_prob(here + h, t) - self.exact.log_prob(here - h, t)) / (2 * h)
        )
        bar = self.path.alpha_bar[i]
        tweedie = (o.x + (1 - bar) * score) / bar.sqrt()
        found = [
            Check(
                "The terms of the bound are the means of sampled terms.",
                drawn,
                float(self.terms.sum()),
                f"each of the T terms sampled for {DRAWS:,} examples",
                "squared errors of the exact denoiser by quadrature",
                "Monte Carlo",
                "nats",
                4 * spread,
                DRAWS,
            ),
            Check(
                "The denoiser and the score determine each other (Tweedie): √ᾱ D*(x) = x + (1 − "
                "ᾱ) ∇log p.",
                float(self.denoiser(here[:, 0], i)[0]),
                float(tweedie),
                "responsibilities of the two bumps",
                "central difference of log p_i",
                "exact",
                "data units",
                1e-5 * max(1.0, abs(float(tweedie))),
            ),
            Check(
                "The bound is never above log p.",
                self.entropy,
                float(self.terms.sum()),
                "entropy of the data",
                "−ELBO",
                "grid",
                "nats",
                1e-6,
                relation="≤",
            ),
        ]
        if o.gap == 0.0:
            # For one Gaussian the true reverse variances and the variance of x_T are known.
            whole, last = gaussian_gap(self.path, o.sd**2, o.variance), self.path.alpha_bar[-1]
            end = float(last * o.sd**2 + 1 - last)
            mixed = 0.5 * (end - 1.0 - math.log(end))
            found.append(
                Check(
                    "For one Gaussian the gap has a closed form: a sum over the steps.",
                    self.gap,
                    whole + mixed,
                    "terms of the bound minus the entropy",
                    "Σ KL between the true and the model's reverse step, and KL(q_T ‖ p_T)",
                    "grid",
                    "nats",
                    1e-5 * max(1.0, whole),
                )
            )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        o, i = self.options, self.step
        reach = max(3.5, o.gap / 2 + 4 * o.sd)
        x = torch.linspace(-reach, reach, 281, dtype=torch.float64)
        curves = []
        for k, step in enumerate(sorted({0, o.steps // 8, o.steps // 3, o.steps})):
            t = torch.full((len(x),), self.time(step), dtype=torch.float64)
            p = self.exact.log_prob(x[:, None], t).exp()
            curves.append(Curve(f"after {step} steps", array(x), array(p), "line", k))
        edges = np.unique(np.linspace(1, o.steps, 11).round().astype(int))
        groups = [
            (f"{low + 1}–{high}", float(self.terms[low:high].sum()))
            for low, high in itertools.pairwise(edges)
        ]
        groups.append(("prior", float(self.terms[-1])))
        totals = (
            ("−log p(x₀|x₁)", float(self.terms[0])),
            ("steps 2 to T", float(self.terms[1:-1].sum())),
            ("prior", float(self.terms[-1])),
            ("−ELBO", float(self.terms.sum())),
            ("entropy", self.entropy),
        )
        line = [("x itself", array(x), "dash", 3)]
        shown = sorted({1, max(1, i // 2), i, o.steps})
        line += [(f"D* at step {k}", array(self.denoiser(x, k)), "line", n)
                 for n, k in enumerate(shown)]  # fmt: skip
        return (
            Curves(
                "The noise grows: the density of x_i",
                "exact",
                tuple(curves),
                "x",
                "density",
                marks=(("x", o.x),),
            ),
            Curves(
                "The best denoiser, E[x₀ | x_i = x]",
                "exact · with little noise it returns x, with much noise the mean of the data",
                tuple(Curve(name, array(x), y, style, k) for name, y, style, k in line),  # type: ignore[arg-type]
                "x",
                "clean point (data units)",
                marks=(("x", o.x),),
            ),
            Bars(
                "Which steps contribute to the bound",
                "exact denoiser, quadrature, nats; steps in groups",
                tuple(name for name, _ in groups),
                (("nats", np.array([v for _, v in groups])),),
                "nats",
            ),
            Bars(
                "The bound and the entropy",
                f"quadrature, nats · gap {self.gap:.4g}",
                tuple(name for name, _ in totals),
                (("nats", np.array([v for _, v in totals])),),
                "nats",
            ),
        )
