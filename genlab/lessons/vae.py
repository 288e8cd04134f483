"""The variational autoencoder where its optimum is known: linear nets, Gaussian data."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.random import generator
from genlab.distributions import LIKELIHOODS, LikelihoodOptions
from genlab.lessons.base import LESSONS, Check, Equation, Quantity, signed, tex
from genlab.lessons.linear_autoencoder import gradients, parts
from genlab.lessons.panels import Bars, Curve, Curves, Panel, Plane, Table, ellipse
from genlab.lessons.teaching import vae
from genlab.lessons.vae_numbers import DIM, DRAWS, LinearVAENumbers
from genlab.probes.variational import ACTIVE

#: The picture of the conventions: 28 x 28 pixels.
PIXELS = 784


@LESSONS.register(
    "vae",
    title="The variational autoencoder",
    summary="Encoder, decoder, ELBO; posterior collapse, β, and the choice of the likelihood.",
)
class LinearVAE(LinearVAENumbers):
    """A linear VAE on Gaussian data, trained here and compared with its exact optimum."""

    chapter = 6
    idea = (
        "An encoder proposes a code for each example, a decoder explains the example from its "
        "code, and both are trained on one bound: a good explanation, minus the cost of the "
        "code in nats. A latent unit is worth its cost only if the data vary by more than βσ² "
        "along its axis. Raise β or the noise, and units collapse one by one, even at the "
        "optimum, which is known for linear nets (probabilistic PCA)."
    )
    needs = ("elbo",)
    goals = (
        ("say what a code costs and what it gains"),
        ("predict when a unit collapses"),
        ("say which objective the sum of an MSE and a KL is"),
    )
    notes = (("Such a collapse is not a failure of training: the optimum does not use the unit."),)
    questions, exercises = vae.QUESTIONS, vae.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "vae"}
    source = (
        "Kingma and Welling 2014; Tipping and Bishop 1999; Higgins et al. 2017; Hoffman and "
        "Johnson 2016; Lucas, Tucker, Grosse and Norouzi 2019."
    )

    def equations(self) -> tuple[Equation, ...]:
        o, now, best = (
            self.options,
            self.now,
            parts(self.best, self.covariance, self.options.noise),
        )
        mutual, marginal = self.split
        losses = self.training[1]
        values = self.eigenvalues[: o.latent]
        costs = [0.5 * math.log(max(v, self.tau) / self.tau) for v in values]
        goal = best.reconstruction - o.beta * best.kl
        return (
            Equation(
                "The decoder explains an example from a code. The encoder proposes a code for an "
                "example. Here both are linear, and b is the mean of the data.",
                r"p(x \mid z) = N(Wz + b,\ \sigma^2 I),\quad "
                r"q(z \mid x) = N(V(x - b),\ \mathrm{diag}\, s^2)",
                rf"\sigma^2 = {tex(o.noise)},\quad s^2 = ({', '.join(map(tex, self.net.s2))})",
            ),
            Equation(
                "Both are trained on the mean ELBO: the expected log-likelihood, minus the KL "
                "from the code to the prior.",
                r"\mathrm{ELBO} = \tfrac1N \textstyle\sum_i "
                r"E_q[\log p(x_i \mid z)] - \mathrm{KL}(q(z \mid x_i) \,\|\, p(z))",
                rf"{tex(now.elbo)} = {signed(now.reconstruction)} - {tex(now.kl)}",
                (
                    Quantity("reconstruction", now.reconstruction, "exact", "nats", o.examples),
                    Quantity("KL(q(z|x) ‖ p(z))", now.kl, "exact", "nats", o.examples),
                ),
            ),
            Equation(
                "A β-VAE weights the KL. For β > 1 it maximises a lower bound of the ELBO. For β "
                "< 1 its objective is not a bound of log p(x).",
                r"J_\beta = \text{reconstruction} - \beta\, \mathrm{KL} \le J_\beta^*",
                rf"{tex(float(losses[-1]))} \le {tex(goal)}",
                (
                    Quantity(
                        "distance to the optimum",
                        max(0.0, round(goal - float(losses[-1]), 12)),
                        "exact",
                        "nats",
                    ),
                    Quantity("ELBO at the optimum", best.elbo, "exact", "nats", o.examples),
                ),
            ),
            Equation(
                "The optimum is probabilistic PCA with the noise variance βσ²: the columns of W "
                "are the principal axes u, and their squared length is the variance λ minus βσ².",
                r"w_i = \sqrt{\lambda_i - \beta\sigma^2}\; u_i,\qquad "
                r"\mathrm{KL}_i = \tfrac12 \log \frac{\lambda_i}{\beta\sigma^2}",
                rf"\lambda = ({', '.join(tex(float(v)) for v in values)}),\quad "
                rf"\beta\sigma^2 = {tex(self.tau)},\quad "
                rf"\mathrm{{KL}} = ({', '.join(map(tex, costs))})",
            ),
            Equation(
                "At the optimum a unit collapses if the data vary by at most βσ² along its axis. "
                "Then q(z_i | x) is the prior, with KL 0.",
                r"\text{unit } i \text{ is active} \iff \lambda_i > \beta\sigma^2",
                rf"\text{{active: }} {self.active} \text{{ of }} {o.latent}"
                rf"\text{{, at the optimum: }} {self.worth}",
                (
                    Quantity(
                        "active units, Var_x E_q[z] > 0.01", self.active, "exact", n=o.examples
                    ),
                ),
            ),
            Equation(
                "Averaged over the data, the KL is the information of the code about the example, "
                "plus the KL from the distribution of all codes to the prior.",
                r"\tfrac1N \textstyle\sum_i \mathrm{KL}(q(z \mid x_i) \| p(z)) = "
                r"I_q(x; z) + \mathrm{KL}(q(z) \,\|\, p(z))",
                rf"{tex(now.kl)} = {tex(mutual)} + {tex(marginal)}",
                (
                    Quantity("I_q(x; z)", mutual, "grid", "nats", o.examples),
                    Quantity("log N, its ceiling", math.log(o.examples), "exact", "nats"),
                    Quantity("KL(q(z) ‖ p(z))", marginal, "grid", "nats", o.examples),
                ),
            ),
            Equation(
                "The scale of the likelihood decides the balance. A mean squared error plus a KL "
                "is the objective of a β-VAE with β = D/2, not the ELBO.",
                r"\mathrm{MSE} + \mathrm{KL} = \tfrac2D \big( -\log N(x; \hat x, I) - "
                r"\tfrac D2 \log 2\pi + \tfrac D2\, \mathrm{KL} \big)",
                rf"D = {PIXELS}:\quad \beta = {PIXELS // 2}",
            ),
        )

    @functools.cached_property
    def conventions(self) -> dict[str, float]:
        """Log-likelihoods of one 28 x 28 picture by the rows of the table of likelihoods."""
        shape = (1, 1, 28, 28)
        source = generator(self.options.seed, "vae lesson", "picture")
        bits = torch.rand(1, 28, 28, generator=source, dtype=torch.float64).round()
        mean = torch.rand(1, 28, 28, generator=source, dtype=torch.float64)
        settings = LikelihoodOptions(sigma=1.0)

        def log_p(name: str, h: Tensor, x: Tensor) -> float:
            return float(LIKELIHOODS[name].make(h.view(shape), settings).log_prob(x))

        zero = torch.zeros(shape, dtype=torch.float64)
        return {
            "bernoulli": log_p("bernoulli", zero, bits),
            "gaussian": log_p("gaussian", mean, mean),
            "of_bits": log_p("gaussian", mean, bits),
            "mse": float((bits - mean).square().mean()),
        }

    def check(self) -> tuple[Check, ...]:
        o, now, c = self.options, self.now, self.conventions
        at_best = parts(self.best, self.covariance, o.noise)
        goal = at_best.reconstruction - o.beta * at_best.kl
        reconstruction, kl = self.water_filling(o.beta)
        slope = [
            float(np.abs(g).max()) for g in gradients(self.best, self.covariance, o.noise, o.beta)
        ]
        drawn, error = self.by_draws
        mutual, marginal = self.split
        cost = now.kl
        size = max(1.0, abs(goal))
        return (
            Check(
                "At the axes of PCA the objective equals the evidence of probabilistic PCA.",
                goal,
                self.by_evidence(),
                "reconstruction minus β KL in closed form",
                "mean log-density of a Gaussian with noise variance βσ²",
                "exact",
                "nats",
                1e-9 * size,
                o.examples,
            ),
            Check(
                "There the gradient of the objective is 0.",
                max(slope),
                0.0,
                "largest derivative by W, V, log s²",
                "zero",
                "exact",
                "nats",
                1e-9 * size / min(1.0, o.noise),
            ),
            Check(
                "Training stays below that optimum.",
                float(self.training[1].max()),
                goal,
                f"the best of {o.steps:,} steps of Adam",
                "the optimum by eigenvalues",
                "exact",
                "nats",
                1e-9 * size,
                relation="≤",
            ),
            Check(
                "The optimum's KL is ½ Σ log(λ/βσ²) over the active units.",
                at_best.kl,
                kl,
                "KL of Gaussians",
                "from the eigenvalues alone",
                "exact",
                "nats",
                1e-9 * size,
            ),
            Check(
                "Its squared error is βσ² on each active axis and λ on all others.",
                at_best.reconstruction,
                reconstruction,
                "expected log-likelihood",
                "from the eigenvalues alone",
                "exact",
                "nats",
                1e-9 * size,
            ),
            Check(
                "The mean over reparametrised draws of the code is the ELBO.",
                drawn,
                now.elbo,
                f"mean over {DRAWS} draws per example",
                "closed form",
                "Monte Carlo",
                "nats",
                4 * error + 1e-9 * size,
                DRAWS * o.examples,
            ),
            Check(
                "Mean ELBO = mean reconstruction − I_q(x; z) − KL(q(z) ‖ p(z)).",
                now.elbo,
                now.reconstruction - mutual - marginal,
                "closed form, example by example",
                "q(z) of all examples on a grid of z",
                "grid",
                "nats",
                1e-5 * max(1.0, cost),
                o.examples,
            ),
            Check(
                "A Bernoulli picture of 28 x 28 pixels at logits 0 has −784 log 2 nats.",
                c["bernoulli"],
                -PIXELS * math.log(2),
                "the row of the table of likelihoods",
                "by hand: −543.427",
                "exact",
                "nats",
                1e-9,
            ),
            Check(
                "A Gaussian with σ = 1 includes its constant, −392 log 2π nats at the mean.",
                c["gaussian"],
                -0.5 * PIXELS * math.log(2 * math.pi),
                "the row of the table of likelihoods",
                "by hand: −720.448",
                "exact",
                "nats",
                1e-9,
            ),
            Check(
                "MSE + KL is the objective of a β-VAE with β = 392, divided by 392.",
                c["mse"] + cost,
                (-c["of_bits"] + c["gaussian"] + 0.5 * PIXELS * cost) / (0.5 * PIXELS),
                "mean over pixels, plus the KL",
                "log-likelihood without its constant, and β KL",
                "exact",
                "",
                1e-9 * max(1.0, cost),
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        o = self.options
        mutual, marginal = self.split
        return (
            self._training(),
            self._axes(),
            self._codes(),
            self._price(),
            Bars(
                "The two parts of the KL",
                f"grid over z, nats, mean over {o.examples} examples",
                (
                    "I_q(x; z): information of z about x",
                    "KL(q(z) ‖ p(z)): all codes and the prior",
                ),
                (("nats", np.array([mutual, marginal])),),
                "nats",
                levels=(("mean KL(q(z|x) ‖ p(z))", self.now.kl),),
            ),
            self._likelihoods(),
        )

    def _training(self) -> Panel:
        _, losses, elbo = self.training
        at_best = parts(self.best, self.covariance, self.options.noise)
        goal = at_best.reconstruction - self.options.beta * at_best.kl
        step = np.arange(len(elbo), dtype=float)
        rows = np.unique(np.linspace(0, len(elbo) - 1, 201).astype(int))
        curves = [Curve("ELBO", step[rows], elbo[rows], "line", 0)]
        levels = [("ELBO of probabilistic PCA", at_best.elbo)]
        if self.options.beta != 1:
            curves.append(Curve("J_β, the objective", step[rows], losses[rows], "line", 1))
            levels = [("ELBO at the optimum", at_best.elbo), ("optimum of J_β", goal)]
        return Curves(
            "Training",
            f"exact, nats, mean over {self.options.examples} examples · Adam on the closed form",
            tuple(curves),
            "step",
            "nats",
            levels=tuple(levels),
        )

    def _axes(self) -> Panel:
        loads = (self.net.w**2).sum(0)[self.means.var(0) > ACTIVE]
        learned = np.full(DIM, np.nan)
        learned[: len(loads)] = np.sort(loads)[::-1] + self.tau
        return Bars(
            "Which axes are worth a unit: variances of the data and βσ²",
            "exact · an active unit explains its axis down to βσ²",
            tuple(f"axis {i + 1}" for i in range(DIM)),
            (
                ("variance λ of the data", self.eigenvalues),
                ("learned: |w|² + βσ²", learned),
            ),
            "squared data units",
            levels=(("βσ²", self.tau),),
        )

    def _codes(self) -> Panel:
        axes, density = self.aggregate
        if len(axes) == 1:
            z = axes[0]
            prior = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
            return Curves(
                "The distribution of all codes and the prior",
                f"exact mixture of {self.options.examples} posteriors",
                (
                    Curve("q(z), all examples", z, density, "area", 0),
                    Curve("p(z)", z, prior, "dash", -1),
                ),
                "z",
                "density",
            )
        keep = [np.flatnonzero(np.abs(z) <= 4)[:: max(1, len(z) // 160)] for z in axes]
        shown = density[np.ix_(keep[0], keep[1])].T
        circles = tuple(
            Curve(name, *ellipse([0.0, 0.0], np.eye(2), radius), "dot", 5)
            for name, radius in (("p(z): 1 and 2 standard deviations", 1.0), ("", 2.0))
        )
        one = Curve(
            "q(z | x) of one example", *ellipse(self.means[0], np.diag(self.net.s2)), "line", 1
        )
        return Plane(
            "The distribution of all codes, q(z), and the prior",
            f"exact mixture of {self.options.examples} posteriors; their means as points",
            (axes[0][keep[0]], axes[1][keep[1]], shown),
            (*circles, one),
            self.means[:300],
            "posterior means",
            (),
            "z₁",
            "z₂",
            points_colour=1,
        )

    def _price(self) -> Panel:
        beta = np.geomspace(0.1, 20.0, 161)
        pairs = np.array([self.water_filling(float(b)) for b in beta])
        ends = self.eigenvalues[: self.options.latent] / self.options.noise

        def spots(name: str, values: list[float], colour: int) -> Curve:
            costs = [kl - reconstruction for reconstruction, kl in map(self.water_filling, values)]
            return Curve(name, np.array(values), np.array(costs), "points", colour)

        return Curves(
            "The effect of β",
            "exact, at the optimum for each β · the ELBO is best at β = 1",
            (
                Curve("−ELBO", beta, pairs[:, 1] - pairs[:, 0], "line", 0),
                Curve("−reconstruction", beta, -pairs[:, 0], "line", 2),
                Curve("KL, the cost of the code", beta, pairs[:, 1], "line", 1),
                spots("β now", [self.options.beta], 5),
                spots("a unit collapses", [float(b) for b in ends if 0.1 < b < 20], 3),
            ),
            "β",
            "nats",
            x_log=True,
        )

    def _likelihoods(self) -> Panel:
        c = self.conventions
        bits = PIXELS * math.log(2)
        rows = (
            ("Bernoulli, logits 0, binary x", f"{c['bernoulli']:.3f}", "−784 log 2"),
            ("the same in bits per pixel", f"{-c['bernoulli'] / bits:.3f}", "1"),
            ("Gaussian, σ = 1, at its mean", f"{c['gaussian']:.3f}", "−392 log 2π"),
            ("Bernoulli with grey x", "not a density", "not comparable with a log p(x)"),
            ("MSE (mean) + KL (sum)", "not an ELBO", "β = 392 at 28 x 28 pixels"),
        )
        return Table(
            "Log-likelihoods of one 28 x 28 picture",
            "exact, in nats unless another unit is named",
            ("case", "log p(x | z)", "is"),
            rows,
        )
