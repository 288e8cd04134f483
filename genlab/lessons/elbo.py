"""The evidence lower bound on a model whose evidence and posterior are known."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genlab.core.options import Option, Options, option
from genlab.core.random import generator, scope
from genlab.divergences import gaussian_kl
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, signed, tex
from genlab.lessons.panels import Bars, Curve, Curves, Panel, Plane, array, ellipse, histogram
from genlab.lessons.teaching import elbo
from genlab.models.linear_gaussian import LinearGaussian
from genlab.objectives.importance_weights import iwae_bound, log_likelihood

#: Both models: W, b, x; the noise has variance 1/2.
MODELS = {
    1: ([[1.0], [-0.5]], [0.2, 0.1], [1.2, -0.4]),
    2: ([[1.0, 0.5], [0.0, 1.0], [-1.0, 2.0]], [0.1, -0.2, 0.3], [1.0, -0.5, 0.8]),
}
VARIANCE = 0.5
#: The k of the importance-weighted bounds.
LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500)
#: The smallest number of bounds with a reliable standard error of their mean.
FEWEST = 10


@dataclass(frozen=True)
class ELBOOptions(Options):
    """Options of the lesson."""

    latent: int = option(2, "size of the latent code z", choices=(1, 2), label="Latent dimensions")
    draws: int = option(5000, "draws of q", low=100, high=50_000, label="Samples")
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


FIRST: tuple[Option, ...] = (
    Option("mean1", float, 0.3, "mean of q in z₁", low=-2.0, high=2.0, label="Mean of q, z₁"),
    Option(
        "log_sd1",
        float,
        -1.5,
        "log standard deviation of q in z₁",
        low=-3.0,
        high=1.0,
        label="Log standard deviation of q, z₁",
    ),
)
SECOND: tuple[Option, ...] = (
    Option("mean2", float, -0.1, "mean of q in z₂", low=-2.0, high=2.0, label="Mean of q, z₂"),
    Option(
        "log_sd2",
        float,
        -1.5,
        "log standard deviation of q in z₂",
        low=-3.0,
        high=1.0,
        label="Log standard deviation of q, z₂",
    ),
    Option(
        "correlation",
        float,
        0.0,
        "correlation of q",
        low=-0.95,
        high=0.95,
        label="Correlation of q",
    ),
)


@LESSONS.register(
    "elbo",
    title="The evidence lower bound",
    summary="log p(x) = ELBO + KL(q ‖ posterior), its estimators, and tighter bounds.",
)
class EvidenceBound(Lesson):
    """z ~ N(0, I), x | z ~ N(Wz + b, ½ I) and a Gaussian q that the reader chooses."""

    chapter = 3
    idea = (
        "If the posterior is intractable, approximate it by a tractable q(z). The ELBO is "
        "below log p(x) by exactly KL(q ‖ posterior), so maximising the ELBO moves q towards "
        "the posterior. Here log p(x) and the posterior are known, and you can watch the gap "
        "close."
    )
    needs = (
        "bayes",
        "kl_js",
    )
    goals = (
        ("derive log p(x) = ELBO + KL(q ‖ posterior)"),
        ("say why a q without correlation leaves a gap"),
        ("choose between the estimators A and B"),
    )
    notes = (
        (
            "If q has no correlations, the gap cannot close: the best such q is narrower than "
            "the posterior."
        ),
    )
    questions, exercises = elbo.QUESTIONS, elbo.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "vae"}
    source = "Kingma and Welling 2014; Burda, Grosse and Salakhutdinov 2016 (L_k)."
    Options = ELBOOptions

    @classmethod
    def more(cls, options: ELBOOptions) -> tuple[Option, ...]:
        return FIRST if options.latent == 1 else (*FIRST, *SECOND)

    # -- exact

    @functools.cached_property
    def model(self) -> LinearGaussian:
        """The model, in float64."""
        weight, bias, _ = (
            torch.tensor(v, dtype=torch.float64) for v in MODELS[self.options.latent]
        )
        with scope(0, "elbo model"):  # a new module draws weights, which are replaced
            linear_gaussian = LinearGaussian.of(weight, bias, math.sqrt(VARIANCE))
        return linear_gaussian.requires_grad_(False)

    @functools.cached_property
    def x(self) -> Tensor:
        """The one example, (1, d)."""
        return torch.tensor([MODELS[self.options.latent][2]], dtype=torch.float64)

    @functools.cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and covariance of q."""
        k, v = self.options.latent, self.extra
        mean = torch.tensor([v[f"mean{j + 1}"] for j in range(k)], dtype=torch.float64)
        sd = torch.tensor([v[f"log_sd{j + 1}"] for j in range(k)], dtype=torch.float64).exp()
        mix = torch.eye(k, dtype=torch.float64)
        if k == 2:
            mix[0, 1] = mix[1, 0] = v["correlation"]
        return mean, sd[:, None] * mix * sd

    @functools.cached_property
    def q(self) -> MultivariateNormal:
        """q, batch shape (1,)."""
        mean, covariance = self.moments
        return MultivariateNormal(mean[None], covariance[None])

    @functools.cached_property
    def posterior(self) -> tuple[Tensor, Tensor]:
        """Mean and covariance of p(z | x)."""
        posterior = self.model.encode(self.x)
        assert isinstance(posterior, MultivariateNormal)
        return posterior.mean[0], posterior.covariance_matrix[0]

    @functools.cached_property
    def log_p(self) -> float:
        """log p(x)."""
        return float(self.model.log_prob(self.x))

    @functools.cached_property
    def parts(self) -> dict[str, float]:
        """All terms of the three forms in nats, each from its own closed form."""
        mean, covariance = self.moments
        k = len(mean)
        zero, eye = torch.zeros_like(mean), torch.eye(k, dtype=torch.float64)
        square = float(covariance.trace() + mean.square().sum())
        return {
            "reconstruction": float(
                self.model.expected_log_likelihood(self.x, mean[None], covariance)
            ),
            "log_prior": -0.5 * (square + k * math.log(2 * math.pi)),
            "entropy": 0.5 * (k * (1 + math.log(2 * math.pi)) + float(torch.logdet(covariance))),
            "kl_prior": float(gaussian_kl(mean, covariance, zero, eye)),
            "kl_posterior": float(gaussian_kl(mean, covariance, *self.posterior)),
        }

    @property
    def elbo(self) -> float:
        """Reconstruction minus KL to the prior."""
        return self.parts["reconstruction"] - self.parts["kl_prior"]

    # -- Monte Carlo

    @functools.cached_property
    def draws(self) -> dict[str, Tensor]:
        """Per draw, (L,): estimator A (the log weight) and estimator B."""
        source = generator(self.options.seed, "elbo lesson")
        noise = torch.randn(
            self.options.draws, 1, self.options.latent, generator=source, dtype=torch.float64
        )
        z = self.q.mean + noise @ self.q.scale_tril[0].mT
        reconstruction = log_likelihood(self.model, self.x, z)
        a = reconstruction + self.model.prior().log_prob(z) - self.q.log_prob(z)
        b = reconstruction - self.parts["kl_prior"]
        return {"A": a[:, 0], "B": b[:, 0], "z": z[:, 0]}

    @functools.cached_property
    def bounds(self) -> tuple[tuple[int, float, float], ...]:
        """(k, L_k, standard error), each from the draws in groups of k."""
        weights, found = self.draws["A"], []
        for k in LADDER:
            groups = len(weights) // k
            if groups >= FEWEST:
                values = iwae_bound(weights[: groups * k].view(groups, k).T)
                found.append((k, float(values.mean()), _error(values)))
        return tuple(found)

    def by_quadrature(self) -> float:
        """log ∫ p(x | z) p(z) dz by the trapezoidal rule on a grid of z."""
        points = 4001 if self.options.latent == 1 else 401
        side = torch.linspace(-8, 8, points, dtype=torch.float64)
        axes = torch.meshgrid(*[side] * self.options.latent, indexing="ij")
        z = torch.stack([axis.flatten() for axis in axes], 1)
        joint = (
            self.model.prior().log_prob(z) + log_likelihood(self.model, self.x, z[:, None])[:, 0]
        )
        step = self.options.latent * math.log(16 / (len(side) - 1))
        return float(joint.logsumexp(0)) + step

    # -- the lesson

    def equations(self) -> tuple[Equation, ...]:
        p, log_p, elbo = self.parts, self.log_p, self.elbo
        a, b, n = self.draws["A"], self.draws["B"], self.options.draws
        k, bound, error = self.bounds[-1]
        joint = p["reconstruction"] + p["log_prior"]
        return (
            Equation(
                "The derivation, step 1: p(x) = p(x, z) / p(z | x) holds at every z. Take the "
                "logarithm, average over q, and add and subtract log q.",
                r"\log p(x) = E_q\Big[\log \frac{p(x, z)}{p(z \mid x)}\Big]"
                r" = E_q\Big[\log \frac{p(x, z)}{q(z)}\Big]"
                r" + E_q\Big[\log \frac{q(z)}{p(z \mid x)}\Big]",
            ),
            Equation(
                "Step 2: the first term is the ELBO, the second is the divergence from q to the "
                "posterior. A divergence is at least 0, so the ELBO is at most log p(x).",
                r"\mathrm{KL}(q \,\|\, p(z \mid x)) \ge 0 \quad\Rightarrow\quad"
                r" \mathrm{ELBO}(q) \le \log p(x)",
                rf"{tex(p['kl_posterior'])} \ge 0,\qquad {tex(elbo)} \le {tex(log_p)}",
            ),
            Equation(
                "The identity: the gap of the bound is the divergence of q from the posterior.",
                r"\log p(x) = \mathrm{ELBO}(q) + \mathrm{KL}(q(z) \,\|\, p(z \mid x))",
                rf"{tex(log_p)} = {tex(elbo)} + {tex(p['kl_posterior'])}",
                (
                    Quantity("log p(x)", log_p, "exact", "nats"),
                    Quantity("ELBO", elbo, "exact", "nats"),
                    Quantity("KL(q ‖ p(z|x))", p["kl_posterior"], "exact", "nats"),
                ),
            ),
            Equation(
                "Form 1: expected log joint, plus the entropy of q.",
                r"\mathrm{ELBO} = E_q[\log p(x, z)] + H(q)",
                rf"{tex(joint + p['entropy'])} = {tex(joint)} + {signed(p['entropy'])}",
            ),
            Equation(
                "Form 2: reconstruction minus KL(q ‖ prior).",
                r"\mathrm{ELBO} = E_q[\log p(x \mid z)] - \mathrm{KL}(q \,\|\, p(z))",
                rf"{tex(elbo)} = {tex(p['reconstruction'])} - {tex(p['kl_prior'])}",
            ),
            Equation(
                "Form 3: the identity, turned round.",
                r"\mathrm{ELBO} = \log p(x) - \mathrm{KL}(q \,\|\, p(z \mid x))",
                rf"{tex(log_p - p['kl_posterior'])} = {tex(log_p)} - {tex(p['kl_posterior'])}",
            ),
            Equation(
                "Estimator A samples every term of form 1; estimator B uses the closed form of "
                "the KL. B often has less variance; at the posterior A has none.",
                r"\tilde L^A = \tfrac1L \textstyle\sum_l \log \frac{p(x, z_l)}{q(z_l)},\quad"
                r"\tilde L^B = \tfrac1L \sum_l \log p(x \mid z_l) - \mathrm{KL}(q \,\|\, p(z))",
                rf"\tilde L^A = {tex(float(a.mean()))} \pm {tex(_error(a))},\quad"
                rf"\tilde L^B = {tex(float(b.mean()))} \pm {tex(_error(b))}",
                (
                    Quantity(
                        "variance of one draw of A", float(a.var()), "Monte Carlo", "nats²", n
                    ),
                    Quantity(
                        "variance of one draw of B", float(b.var()), "Monte Carlo", "nats²", n
                    ),
                ),
            ),
            Equation(
                "Averaging k weights inside the logarithm gives a tighter bound.",
                r"L_k = E\Big[\log \tfrac1k \textstyle\sum_{i \le k} \frac{p(x, z_i)}{q(z_i)}"
                r"\Big],\quad L_1 = \mathrm{ELBO} \le L_k \le \log p(x)",
                rf"L_{{{k}}} = {tex(bound)} \pm {tex(error)} \le {tex(log_p)}",
                (Quantity(f"L_{k}", bound, "Monte Carlo", "nats", n // k * k, error),),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        p, n = self.parts, self.options.draws
        a, b = self.draws["A"], self.draws["B"]
        k, bound, error = self.bounds[-1]
        return (
            Check(
                "log p(x) = ELBO + KL(q ‖ posterior)",
                self.log_p,
                self.elbo + p["kl_posterior"],
                "density of the marginal Gaussian",
                "closed forms of ELBO and KL",
                "exact",
                "nats",
                1e-9 * max(1.0, abs(self.elbo)),
            ),
            Check(
                "Form 1 and form 2 are one number.",
                p["reconstruction"] + p["log_prior"] + p["entropy"],
                self.elbo,
                "log joint plus entropy",
                "reconstruction minus KL",
                "exact",
                "nats",
                1e-9 * max(1.0, abs(self.elbo)),
            ),
            Check(
                "The evidence is the integral over z.",
                self.log_p,
                self.by_quadrature(),
                "density of the marginal Gaussian",
                "trapezoidal rule over z",
                "grid",
                "nats",
                1e-6,
            ),
            *(
                Check(
                    f"Estimator {name} is unbiased.",
                    float(draws.mean()),
                    self.elbo,
                    f"mean of {n:,} draws",
                    "closed form",
                    "Monte Carlo",
                    "nats",
                    4 * _error(draws) + 1e-9 * max(1.0, abs(self.elbo)),
                    n,
                )
                for name, draws in (("A", a), ("B", b))
            ),
            Check(
                f"L_{k} stays below log p(x).",
                bound,
                self.log_p,
                f"mean of {n // k:,} bounds of {k} draws",
                "density of the marginal Gaussian",
                "Monte Carlo",
                "nats",
                4 * error + 1e-9,
                n // k * k,
                "≤",
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        ks, values, errors = (np.array(row, dtype=float) for row in zip(*self.bounds, strict=True))
        p, a, b = self.parts, self.draws["A"], self.draws["B"]
        both = torch.cat([a, b])
        low, high = (float(both.quantile(v)) for v in (0.01, 1.0))
        low, high = low - 0.05, max(high, self.log_p) + 0.05
        counts = f"Monte Carlo, n = {self.options.draws:,} draws"
        return (
            self._where(),
            Bars(
                "The gap between the bound and log p(x)",
                "exact · both bars stand on the ELBO; one ends at E_q log p(x|z), one at log p(x)",
                ("KL to the prior", "KL to the posterior: the gap"),
                (("nats", np.array([p["kl_prior"], p["kl_posterior"]])),),
                "nats",
                bases=(("nats", np.array([self.elbo, self.elbo])),),
                levels=(("log p(x)", self.log_p), ("ELBO", self.elbo)),
            ),
            Curves(
                "Tighter bounds with more weights",
                f"{counts} in groups of k · bars: ± 2 standard errors",
                (Curve("L_k", ks, values, "points", 0, values - 2 * errors, values + 2 * errors),),
                "k",
                "nats",
                x_log=True,
                levels=(("log p(x)", self.log_p), ("ELBO", self.elbo)),
            ),
            Curves(
                "One draw of each estimator",
                f"{counts} · variance A {float(a.var()):.3g}, B {float(b.var()):.3g}",
                (
                    Curve("A", *histogram(a, low, high), "steps", 0),
                    Curve("B", *histogram(b, low, high), "steps", 1),
                ),
                "nats",
                "density",
                marks=(("ELBO", self.elbo),),
            ),
        )

    def _where(self) -> Panel:
        """q and the posterior, in the line or in the plane."""
        mean, covariance = self.moments
        centre, spread = self.posterior
        if self.options.latent == 1:
            z = np.linspace(-3.0, 3.0, 401)
            densities = {
                "p(z | x)": (centre, spread, "area", 2),
                "q(z)": (mean, covariance, "line", 0),
                "p(z)": (torch.zeros(1), torch.eye(1), "dash", -1),
            }
            curves = []
            for name, (m, s, style, colour) in densities.items():
                sd = float(s[0, 0]) ** 0.5
                y = np.exp(-0.5 * ((z - float(m[0])) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
                curves.append(Curve(name, z, y, style, colour))  # type: ignore[arg-type]
            return Curves(
                "q over the true posterior", "exact densities", tuple(curves), "z", "density"
            )
        side = np.linspace(-2.0, 2.0, 81)
        grid = torch.tensor(np.stack(np.meshgrid(side, side), -1))
        density = MultivariateNormal(centre, spread).log_prob(grid).exp()
        names = ("q: 1 and 2 standard deviations", "")
        lines = tuple(
            Curve(name, *ellipse(mean, covariance, radius), "line", 1)
            for name, radius in zip(names, (1.0, 2.0), strict=True)
        )
        truth = tuple(
            Curve(name, *ellipse(centre, spread, radius), "dot", 5)
            for name, radius in zip(("posterior: the same", ""), (1.0, 2.0), strict=True)
        )
        return Plane(
            "q over the true posterior",
            "exact posterior density; 300 draws of q",
            (side, side, array(density)),
            (*truth, *lines),
            array(self.draws["z"][:300]),
            "draws of q",
            (
                ("mean of the posterior", *centre.tolist()),
                ("mean of q", *mean.tolist()),
            ),
            "z₁",
            "z₂",
            points_colour=1,
        )


def _error(draws: Tensor) -> float:
    """The standard error of the mean."""
    return float(draws.std() / math.sqrt(len(draws)))
