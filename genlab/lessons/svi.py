"""Stochastic variational inference, for models with a known posterior and for topics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Option
from genlab.inference.conjugate import Posterior
from genlab.lessons.base import LESSONS, Check, Equation, Quantity, tex
from genlab.lessons.panels import Array, Curve, Curves, Matrix, Panel, Plane, array
from genlab.lessons.svi_numbers import TRUTH, ConjugateSVI, SVIOptions
from genlab.lessons.svi_topics import HELD, INK, MIXING, TopicNumbers
from genlab.lessons.teaching import svi

TOPICS = (Option("topics", int, 10, "number K of topics", low=2, high=20, label="Topics K"),)


@LESSONS.register(
    "svi",
    title="Stochastic variational inference",
    summary="Natural gradients from batches, with decreasing step sizes.",
)
class Stochastic(ConjugateSVI):
    """λ ← (1 − ρ_t) λ + ρ_t λ̂ on a coin, on a Normal with known variance, or on topics."""

    chapter = 7
    idea = (
        "In a conjugate model the natural gradient of the ELBO is simple: the value of the "
        "natural parameter λ that the data imply, minus the present λ. A batch, weighted by N/B, "
        "gives an unbiased estimate of it. Step sizes (t + τ)^−κ with ½ < κ ≤ 1 average out the "
        "noise and still reach the posterior."
    )
    needs = (
        "bayes",
        "elbo",
    )
    goals = (
        ("take a natural-gradient step by hand"),
        ("explain the factor N/B"),
        ("choose step sizes that converge"),
    )
    notes = (
        (
            "SVI needs no MCMC: it optimises, and every step has a closed form. MCMC is another "
            "method for the same posterior; some texts confuse the two."
        ),
        ("Without the factor N/B the posterior would be as wide as if there were only B data."),
        (
            "If each example has its own latent variables (an image has its mixture of topics), a "
            "step first optimises them for its batch. The rest is the same."
        ),
    )
    questions, exercises = svi.QUESTIONS, svi.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "topics"}
    source = "Hoffman, Blei, Wang and Paisley 2013; Robbins and Monro 1951."

    @classmethod
    def more(cls, options: SVIOptions) -> tuple[Option, ...]:
        return TOPICS if options.model == "topics" else ()

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Stochastic:
        found = super().build(values)
        return Bags(found.options, found.extra) if found.extra else found

    def equations(self) -> tuple[Equation, ...]:
        o, exact = self.options, self.exact.natural[0].tolist()
        now = self.path[0][-1].tolist()
        target = self.model.target(self.last, self.data)[0].tolist()
        log_p = float(self.exact.log_evidence)
        elbo = float(self.model.elbo(self.last, self.data))
        return (
            Equation(
                "The natural gradient of the ELBO is the λ̂ that the data imply, minus λ.",
                r"\tilde\nabla_\lambda \mathrm{ELBO} = \hat\lambda - \lambda,\quad"
                r"\hat\lambda = \alpha + \frac{N}{B} \sum_{i \in \text{batch}} t(x_i)",
                rf"N / B = {o.examples} / {min(o.batch, o.examples)}"
                rf" = {tex(o.examples / min(o.batch, o.examples))},\quad"
                rf"\hat\lambda_{{\text{{all data}}}} = {_pair(target)}",
            ),
            Equation(
                "A step towards λ̂, with a decreasing step size.",
                r"\lambda \leftarrow (1 - \rho_t)\, \lambda + \rho_t \hat\lambda,\quad"
                r"\rho_t = (t + \tau)^{-\kappa}",
                rf"\rho_{{{o.steps}}} = ({o.steps} + {tex(o.tau)})^{{-{tex(o.kappa)}}}"
                rf" = {tex(self.rate(o.steps))}",
            ),
            Equation(
                "The result after the last step, and the exact posterior.",
                r"\lambda \to \lambda^* = \alpha + \textstyle\sum_i t(x_i)",
                rf"\lambda_{{{o.steps}}} = {_pair(now)},\qquad \lambda^* = {_pair(exact)}",
                (
                    Quantity(
                        "largest relative distance",
                        self.away,
                        "Monte Carlo",
                        "",
                        o.steps * min(o.batch, o.examples),
                    ),
                ),
            ),
            Equation(
                "The bound equals log p(x) at the exact posterior, and only there.",
                r"\mathrm{ELBO}(\lambda) \le \log p(x)",
                rf"{tex(elbo)} \le {tex(log_p)}",
                (
                    Quantity("ELBO of all data", elbo, "exact", "nats"),
                    Quantity("log p(x)", log_p, "exact", "nats"),
                ),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        exact = self.exact.natural[0]
        one = self.one_full_step().natural[0]
        parts, count = self.over_a_partition()
        full = self.model.target(self.last, self.data)[0]
        simple = (self.model.target(self.model.prior, self.data) - self.model.prior)[0]
        fisher = self.by_fisher()[0]
        worst = int((simple - fisher).abs().argmax())
        log_p = float(self.exact.log_evidence)
        size = float(exact.abs().max())
        found = [
            _worst(
                "One step with all data and ρ = 1 gives the exact posterior.",
                one,
                exact,
                "λ after one step",
                "λ of Bayes' rule",
                1e-10 * size,
            ),
            _worst(
                "The mean of λ̂ over a partition into batches is λ̂ of all data.",
                parts[0],
                full,
                f"mean over {count:,} batches",
                "all data",
                1e-10 * size,
            ),
            Check(
                "λ̂ − λ is the natural gradient: Fisher information inverse times gradient.",
                float(simple[worst]),
                float(fisher[worst]),
                "λ̂ − λ",
                "F⁻¹ ∇ELBO by automatic differentiation",
                "exact",
                "",
                1e-8 * size,
            ),
            Check(
                "At the exact posterior the ELBO is log p(x).",
                float(self.model.elbo(self.exact.natural, self.data)),
                log_p,
                "ELBO",
                "closed form",
                "exact",
                "nats",
                1e-9 * max(1.0, abs(log_p)),
            ),
            Check(
                "Elsewhere the ELBO is smaller.",
                float(self.model.elbo(self.last, self.data)),
                log_p,
                "ELBO after the last step",
                "closed form of log p(x)",
                "exact",
                "nats",
                1e-9 * max(1.0, abs(log_p)),
                relation="≤",
            ),
        ]
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        o = self.options
        naturals, bounds = self.path
        steps = np.arange(len(naturals), dtype=np.float64)
        exact = array(self.exact.natural[0])
        note = f"one run, seed {o.seed}, batches of {min(o.batch, o.examples)}"
        names = ("heads", "tails") if o.model == "coin" else ("precision × mean", "precision")
        return (
            self._posterior_curves(),
            Plane(
                "The noisy path of λ",
                f"{note} · from the prior to the exact posterior",
                None,
                (Curve("path", naturals[:, 0], naturals[:, 1], "line", 5),),
                None,
                "",
                (
                    ("prior", *naturals[0].tolist()),
                    ("exact posterior", *exact.tolist()),
                    (f"after {o.steps} steps", *naturals[-1].tolist()),
                ),
                f"λ₁ ({names[0]})",
                f"λ₂ ({names[1]})",
                equal=False,
            ),
            Curves(
                "λ over its exact value",
                note,
                tuple(
                    Curve(name, steps, naturals[:, k] / exact[k], "line", k)
                    for k, name in enumerate(names)
                ),
                "step",
                "ratio",
                levels=(("exact", 1.0),),
            ),
            Curves(
                "The ELBO that a step sees",
                f"{note} · scaled by N/B, at λ before the step",
                (Curve("ELBO from the batch", steps[1:], bounds, "points", 0),),
                "step",
                "nats",
                levels=(("log p(x)", float(self.exact.log_evidence)),),
            ),
        )

    def _posterior_curves(self) -> Panel:
        """The densities of the prior, of SVI's q after some steps, and of the exact posterior."""
        naturals, _ = self.path
        shown = sorted({0, *(k for k in (10, 50) if k < len(naturals) - 1), len(naturals) - 1})
        count = self.exact.count
        posteriors = [
            (k, Posterior(torch.from_numpy(naturals[k : k + 1]), count, count)) for k in shown
        ]
        exact = self.model.posterior(self.exact)
        mean, sd = float(exact.mean[0]), float(exact.stddev[0])
        last = self.model.posterior(posteriors[-1][1])
        low = min(mean - 5 * sd, float(last.mean[0] - 4 * last.stddev[0]))
        high = max(mean + 5 * sd, float(last.mean[0] + 4 * last.stddev[0]))
        if self.options.model == "coin":
            low, high = max(low, 1e-4), min(high, 1 - 1e-4)
        theta = torch.linspace(low, high, 400, dtype=torch.float64)
        curves = [
            Curve("exact posterior", array(theta), _density(exact, theta), "area", 2),
        ]
        for k, posterior in posteriors:
            final = k == shown[-1]
            name = "prior" if k == 0 else f"q after {k}"
            style = "line" if final else "dash" if k == 0 else "faint"
            colour = 3 if final else -1 if k == 0 else 5
            y = _density(self.model.posterior(posterior), theta)
            curves.append(Curve(name, array(theta), y, style, colour))  # type: ignore[arg-type]
        return Curves(
            "SVI's q beside the exact posterior",
            "exact densities",
            tuple(curves),
            "θ" if self.options.model == "coin" else "μ",
            "density",
            marks=(("truth", TRUTH[self.options.model]),),
        )


class Bags(TopicNumbers, Stochastic):
    """Latent Dirichlet allocation of 8×8 digits, each a bag of pixels from a few topics."""

    def equations(self) -> tuple[Equation, ...]:
        o, n = self.options, len(self.bags[0])
        last, _, bound, _ = self.noisy
        seen, full, _ = self.sweeps
        shares = last.sum(1) / last.sum()
        return (
            Equation(
                "A picture is a bag of words, and each word is a pixel. Each word comes from one "
                "of the topics.",
                r"\beta_k \sim \mathrm{Dir}(\eta),\quad \theta_d \sim \mathrm{Dir}(\alpha),\quad "
                r"p(\text{pixel } v \mid d) = \textstyle\sum_k \theta_{dk} \beta_{kv}",
                rf"K = {len(last)},\quad V = 64,\quad \alpha = {tex(MIXING)},\quad"
                rf" \eta = {tex(INK)}",
                (
                    Quantity("smallest share of a topic", float(shares.min()), "exact"),
                    Quantity("largest", float(shares.max()), "exact"),
                ),
            ),
            Equation(
                "Local step: update the topics of the words and the proportions of the pictures "
                "in turn.",
                r"\varphi_{dvk} \propto \exp(\mathbb E \log \theta_{dk} + \mathbb E \log"
                r" \beta_{kv}),\quad \gamma_{dk} = \alpha + \textstyle\sum_v n_{dv} \varphi_{dvk}",
            ),
            Equation(
                "Global step: move towards the topics that the batch, weighted by N/B, implies.",
                r"\lambda \leftarrow (1 - \rho_t) \lambda + \rho_t \bigl(\eta + \tfrac{N}{B}"
                r" \textstyle\sum_{d} n_{dv} \varphi_{dvk}\bigr)",
                rf"\tfrac{{N}}{{B}} = \tfrac{{{n}}}{{{self.size}}},\quad"
                rf" \rho_{{{o.steps}}} = {tex(self.rate(o.steps))}",
            ),
            Equation(
                "The quality on held-out pictures: a bound on log p per word.",
                r"\log p(\text{words}) \ge \mathbb E_q[\log p - \log q],\quad"
                r"\text{perplexity} \le \exp(-\text{bound per word})",
                rf"\exp({tex(-float(bound[-1]))}) = {tex(math.exp(-bound[-1]))}\text{{ of }} 64",
                (
                    Quantity(
                        f"SVI, {o.steps * self.size:,} pictures seen",
                        float(bound[-1]),
                        "lower bound",
                        "nats/word",
                        HELD,
                    ),
                    Quantity(
                        f"full batches, {int(seen[-1]):,} seen",
                        float(full[-1]),
                        "lower bound",
                        "nats/word",
                        HELD,
                    ),
                ),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        mine, theirs, bound, score = self.by_scikit_learn
        elbo = self.sweeps[2]
        worst = int(np.argmin(np.diff(elbo)))
        return (
            _worst(
                "Three updates equal those of scikit-learn's online LDA from the same start.",
                mine.flatten(),
                theirs.flatten(),
                "λ of this SVI",
                "λ of scikit-learn",
                1e-6 * float(theirs.max()),
            ),
            Check(
                "The bound for held-out pictures equals scikit-learn's score.",
                bound,
                score,
                "ELBO of 20 pictures",
                "scikit-learn's score",
                "lower bound",
                "nats",
                1e-6 * abs(score),
                20,
            ),
            Check(
                "A full batch with ρ = 1 raises the ELBO.",
                float(elbo[worst + 1]),
                float(elbo[worst]),
                f"ELBO after sweep {worst + 1}",
                "ELBO before it; the sweep with the smallest gain",
                "lower bound",
                "nats",
                0.0,
                relation=">",
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        natural, seen, bound, elbo = self.noisy
        full_seen, full_bound, full_elbo = self.sweeps
        n, note = len(self.bags[0]), f"one run, seed {self.options.seed}, batches of {self.size}"
        return (
            Matrix(
                "The topics",
                f"E[β] of each topic divided by its largest value; the topic with the largest "
                f"share first · {note}",
                *_sheet(natural),
                row_title="row",
                column_title="column",
            ),
            Curves(
                "The bound on held-out pictures",
                f"lower bound, nats per word, {HELD} pictures · SVI and full batches, one start",
                (
                    Curve("SVI, from batches", seen, bound, "line", 0),
                    Curve("full batches, ρ = 1", full_seen, full_bound, "dash", 3),
                ),
                "pictures seen",
                "nats/word",
            ),
            Curves(
                "The ELBO that a step sees",
                f"{note} · scaled by N/B = {n / self.size:.4g}, at λ before the step",
                (
                    Curve(
                        "ELBO from the batch",
                        self.size * np.arange(len(elbo), dtype=float),
                        elbo,
                        "points",
                        0,
                    ),
                    Curve("ELBO of all data, full batches", full_seen, full_elbo, "dash", 3),
                ),
                "pictures seen",
                "nats",
            ),
        )


def _sheet(natural: Tensor) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    """The topics as one picture, five in a row: its values, and each pixel's row and column."""
    order = natural.sum(1).argsort(descending=True)
    tiles = (natural / natural.amax(1, keepdim=True))[order].view(-1, 8, 8)
    columns = min(5, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    blank = torch.zeros(rows * columns - len(tiles), 8, 8, dtype=tiles.dtype)
    grid = torch.nn.functional.pad(torch.cat([tiles, blank]), (0, 1, 0, 1))
    sheet = grid.view(rows, columns, 9, 9).transpose(1, 2).reshape(9 * rows, 9 * columns)
    labels = (*map(str, range(1, 9)), "")
    return array(sheet[:-1, :-1]), (labels * rows)[:-1], (labels * columns)[:-1]


def _density(distribution: torch.distributions.Distribution, theta: Tensor) -> Array:
    return array(distribution.log_prob(theta[:, None]).exp())


def _worst(
    says: str, left: Tensor, right: Tensor, left_is: str, right_is: str, tolerance: float
) -> Check:
    """The check of the component with the largest difference."""
    k = int((left - right).abs().argmax())
    return Check(
        says,
        float(left[k]),
        float(right[k]),
        f"{left_is}, component {k + 1}",
        right_is,
        "exact",
        "",
        tolerance,
    )


def _pair(values: list[float]) -> str:
    return "(" + ", ".join(tex(v, 2) for v in values) + ")"


__all__ = ["Stochastic"]
