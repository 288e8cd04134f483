"""KL and JS: definitions, differences, and the models that minimise them."""

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
from genlab.divergences.f import F
from genlab.divergences.jensen_shannon import LOG_2
from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.divergences.quadrature import divergences_1d
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.panels import Array, Bars, Curve, Curves, Panel, array
from genlab.lessons.teaching import kl_js

#: The three divergences of the lesson by their names.
TITLES = {"kl": "KL(p ‖ q)", "reverse_kl": "KL(q ‖ p)", "js": "JS(p, q)"}
#: Points of the sums, and how far they reach.
POINTS, REACH = 6001, 18.0


@dataclass(frozen=True)
class KLJSOptions(Options):
    """Options of the lesson."""

    gap: float = option(
        4.0, "distance of the two bumps of p", low=0.0, high=8.0, label="Distance between bumps"
    )
    mean: float = option(1.0, "mean of q", low=-6.0, high=6.0, label="Mean of q")
    sd: float = option(
        1.0, "standard deviation of q", low=0.5, high=4.0, label="Standard deviation of q"
    )


@LESSONS.register(
    "kl_js",
    title="Comparing distributions: KL and JS",
    summary="Asymmetry, bounds, a metric; one leads to the VAE, the other to the GAN.",
)
class KLAndJS(Lesson):
    """KL(p ‖ q), KL(q ‖ p) and JS(p, q) of a mixture of two Gaussians and one Gaussian."""

    chapter = 2.7
    idea = (
        "KL(p ‖ q) is the mean of log p/q under p: it is 0 only for p = q, it has no upper "
        "bound, and it is not symmetric. JS compares both with their even mixture: it is "
        "symmetric, at most log 2, and its square root is a metric. Minimising KL from the "
        "data to the model is maximum likelihood and leads to the VAE; minimising JS means to "
        "fool the best classifier and leads to the GAN."
    )
    needs = ("bayes",)
    goals = (
        "say which KL punishes missed data and which punishes wrong samples",
        "state the bounds of JS, and what it has to do with a classifier",
    )
    notes = (
        "The value of the GAN game has no factor ½: V(D*) = 2 JS − log 4, that is −2 times the "
        "cross-entropy of the best classifier.",
    )
    questions, exercises = kl_js.QUESTIONS, kl_js.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "gan"}
    source = (
        "Kullback and Leibler 1951; Lin 1991, “Divergence measures based on the Shannon entropy”; "
        "Endres and Schindelin 2003 (the root of JS is a metric)."
    )
    Options = KLJSOptions
    options: KLJSOptions
    again = ""

    @functools.cached_property
    def p(self) -> Mixture1D:
        """The data."""
        half = self.options.gap / 2
        return Mixture1D((0.5, 0.5), (-half, half), (1.0, 1.0))

    @functools.cached_property
    def q(self) -> Mixture1D:
        """The model."""
        return gaussian(self.options.mean, self.options.sd)

    @functools.cached_property
    def values_now(self) -> dict[str, float]:
        """The three divergences in nats, by adaptive quadrature; the row ``js`` is twice JS."""
        found = divergences_1d([F[name] for name in TITLES], self.p, self.q)
        values = {name: e.value for name, e in zip(TITLES, found, strict=True)}
        return values | {"js": values["js"] / 2}

    @functools.cached_property
    def x(self) -> Tensor:
        """The points of the sums, (POINTS,)."""
        return torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)

    def summed(self, log_p: Tensor, log_q: Tensor) -> dict[str, Array]:
        """The three divergences by the trapezoidal rule, of log densities (*, POINTS) each."""
        step = 2 * REACH / (POINTS - 1)
        p, q = log_p.exp(), log_q.exp()
        middle = torch.logaddexp(log_p, log_q) - LOG_2
        js = 0.5 * p * (log_p - middle) + 0.5 * q * (log_q - middle)
        parts = {"kl": p * (log_p - log_q), "reverse_kl": q * (log_q - log_p), "js": js}
        return {name: array(part.sum(-1) * step) for name, part in parts.items()}

    @functools.cached_property
    def cross_entropy(self) -> float:
        """The mean log loss of the best classifier, data and samples even, in nats, by a sum."""
        log_p, log_q = self.p(self.x), self.q(self.x)
        loss = 0.5 * log_p.exp() * torch.nn.functional.softplus(log_q - log_p)
        loss = loss + 0.5 * log_q.exp() * torch.nn.functional.softplus(log_p - log_q)
        return float(loss.sum()) * 2 * REACH / (POINTS - 1)

    def equations(self) -> tuple[Equation, ...]:
        now = self.values_now
        root = math.sqrt(max(now["js"], 0.0))
        return (
            Equation(
                "KL is the mean over the first distribution of the logarithm of the ratio. It is "
                "at least 0 (Jensen), and 0 only where both agree.",
                r"\mathrm{KL}(p \,\|\, q) = E_p\Big[\log \frac{p(x)}{q(x)}\Big] \ge 0",
                rf"\mathrm{{KL}}(p \,\|\, q) = {tex(now['kl'])}",
                (Quantity("KL(p ‖ q)", now["kl"], "exact", "nats"),),
            ),
            Equation(
                "It is not symmetric. Over p it punishes data that q misses; over q it punishes "
                "samples where there are no data.",
                r"\mathrm{KL}(q \,\|\, p) = E_q\Big[\log \frac{q(x)}{p(x)}\Big]",
                rf"{tex(now['kl'])} \quad\text{{and}}\quad {tex(now['reverse_kl'])}",
                (Quantity("KL(q ‖ p)", now["reverse_kl"], "exact", "nats"),),
            ),
            Equation(
                "JS takes both against their even mixture m. It is symmetric, and bounded even "
                "where the two do not overlap.",
                r"\mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12"
                r" \mathrm{KL}(q \,\|\, m),\quad m = \tfrac12 (p + q),\qquad"
                r" 0 \le \mathrm{JS} \le \log 2",
                rf"\mathrm{{JS}} = {tex(now['js'])} \le {tex(LOG_2)},\qquad"
                rf" \sqrt{{\mathrm{{JS}}}} = {tex(root)}\ \text{{(a metric)}}",
                (Quantity("JS(p, q)", now["js"], "exact", "nats"),),
            ),
            Equation(
                "To minimise KL from the data to the model is to maximise the likelihood, for the "
                "entropy of the data does not depend on the model. A VAE raises a bound of it.",
                r"\mathrm{KL}(p \,\|\, q_\theta) = -H(p) - E_p[\log q_\theta(x)]",
            ),
            Equation(
                "A classifier between data and samples, each shown half of the time, has the "
                "least cross-entropy log 2 − JS: the better it does, the further apart are the "
                "two. A GAN lowers what its classifier reports.",
                r"\min_D\; -\tfrac12 E_p[\log D(x)] - \tfrac12 E_q[\log(1 - D(x))]"
                r" = \log 2 - \mathrm{JS}(p, q)",
                rf"{tex(self.cross_entropy)} = {tex(LOG_2)} - {tex(now['js'])}",
                (Quantity("cross-entropy of D*", self.cross_entropy, "grid", "nats", POINTS),),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        now = self.values_now
        log_p, log_q = self.p(self.x), self.q(self.x)
        log_r = gaussian(0.0, 1.0)(self.x)
        summed = self.summed(log_p, log_q)
        found = [
            Check(
                f"{TITLES[name]} by two rules.",
                now[name],
                float(summed[name]),
                "adaptive quadrature",
                f"sum over {POINTS:,} points",
                "grid",
                "nats",
                1e-6 * max(1.0, abs(now[name])),
                POINTS,
            )
            for name in TITLES
        ]
        across, first, second = (
            math.sqrt(max(float(self.summed(*pair)["js"]), 0.0))
            for pair in ((log_p, log_q), (log_p, log_r), (log_r, log_q))
        )
        found += [
            Check(
                "JS is at most log 2.",
                now["js"],
                LOG_2,
                "adaptive quadrature",
                "log 2",
                "exact",
                "nats",
                1e-9,
                relation="≤",
            ),
            Check(
                "The root of JS keeps the triangle inequality, by way of N(0, 1).",
                across,
                first + second,
                "√JS(p, q)",
                "√JS(p, r) + √JS(r, q)",
                "grid",
                "",
                1e-9,
                POINTS,
                "≤",
            ),
            Check(
                "The best classifier's cross-entropy is log 2 − JS.",
                self.cross_entropy,
                LOG_2 - now["js"],
                f"log loss of p/(p + q), a sum over {POINTS:,} points",
                "adaptive quadrature of JS",
                "grid",
                "nats",
                1e-6,
                POINTS,
            ),
        ]
        if self.options.gap == 0.0:
            m, s = self.options.mean, self.options.sd
            found.append(
                Check(
                    "Between two Gaussians KL has a closed form.",
                    now["kl"],
                    math.log(s) + (1 + m * m) / (2 * s * s) - 0.5,
                    "adaptive quadrature",
                    "log σ + (1 + μ²)/2σ² − ½",
                    "exact",
                    "nats",
                    1e-7 * max(1.0, now["kl"]),
                )
            )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        x = torch.linspace(-8.0, 8.0, 401, dtype=torch.float64)
        at, log_p, log_q = array(x), self.p(x), self.q(x)
        p, q, middle = log_p.exp(), log_q.exp(), torch.logaddexp(log_p, log_q) - LOG_2
        js = 0.5 * p * (log_p - middle) + 0.5 * q * (log_q - middle)
        means = torch.linspace(-6.0, 6.0, 121, dtype=torch.float64)
        scale = self.options.sd
        moved = (
            -0.5 * ((self.x - means[:, None]) / scale).square()
            - math.log(scale)
            - 0.5 * math.log(2 * math.pi)
        )
        along = self.summed(self.p(self.x).expand_as(moved), moved)
        now = self.values_now
        return (
            Curves(
                "The data and the model",
                "exact densities; dotted: their even mixture",
                (
                    Curve("p, the data", at, array(p), "area", "data"),
                    Curve("q, the model", at, array(q), "line", "generated"),
                    Curve("m = ½ (p + q)", at, array(middle.exp()), "dot", -1),
                ),
                "x",
                "density",
            ),
            Curves(
                "What each divergence adds up",
                "exact integrands · the area under a curve, with its sign, is the divergence",
                (
                    Curve("p log p/q", at, array(p * (log_p - log_q)), "line", 0),
                    Curve("q log q/p", at, array(q * (log_q - log_p)), "dash", 1),
                    Curve("JS", at, array(js), "area", 2),
                ),
                "x",
                "nats per data unit",
            ),
            Curves(
                "The three divergences as q moves",
                f"sums over {POINTS:,} points, q of the present width",
                tuple(
                    Curve(title, array(means), along[name].clip(0, 8), style, k)  # type: ignore[arg-type]
                    for k, ((name, title), style) in enumerate(
                        zip(TITLES.items(), ("line", "dash", "line"), strict=True)
                    )
                ),
                "mean of q",
                "nats (cut at 8)",
                levels=(("log 2, the most of JS", LOG_2),),
                marks=(("now", self.options.mean),),
            ),
            Bars(
                "Now",
                "exact, by adaptive quadrature",
                tuple(TITLES.values()),
                (("nats", np.array([now[name] for name in TITLES])),),
                "nats",
                levels=(("log 2", LOG_2),),
            ),
        )
