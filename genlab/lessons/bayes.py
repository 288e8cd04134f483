"""Exact Bayesian inference: a coin, and a small Bayesian network."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from scipy import special
from torch import Tensor

from genlab.core.options import Option, Options, option
from genlab.core.random import generator
from genlab.inference.bayesnet import Answer, BayesNet, Node
from genlab.inference.conjugate import BetaBernoulli, Posterior
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.panels import Array, Bars, Curve, Curves, Panel
from genlab.lessons.teaching import bayes

#: The variables of the network and the names of their states.
CAUSES: Mapping[str, str] = {
    "rain": "it rained",
    "sprinkler": "the sprinkler was on",
    "wet": "my grass is wet",
    "neighbour": "the neighbour's grass is wet",
}
STATES = ("unseen", "no", "yes")


@dataclass(frozen=True)
class BayesOptions(Options):
    """Options of the lesson."""

    example: str = option("coin", "what is inferred", choices=("coin", "net"), label="Example")


COIN: tuple[Option, ...] = (
    Option("tosses", int, 20, "number of observations", low=0, high=400, label="Tosses"),
    Option(
        "bias",
        float,
        0.7,
        "true probability of heads",
        low=0.0,
        high=1.0,
        label="True probability of heads",
    ),
    Option(
        "a", float, 2.0, "prior pseudo-count of heads", low=0.1, high=10.1, label="Prior heads a"
    ),
    Option(
        "b", float, 2.0, "prior pseudo-count of tails", low=0.1, high=10.1, label="Prior tails b"
    ),
    Option("seed", int, 0, "seed of the tosses", low=0, high=2**31 - 1, label="Seed"),
)
NET: tuple[Option, ...] = (
    Option(
        "rate",
        float,
        0.2,
        "prior probability of rain",
        low=0.01,
        high=0.99,
        label="Prior probability of rain",
    ),
    *(
        Option(
            name,
            str,
            "yes" if name == "wet" else "unseen",
            text,
            choices=STATES,
            label=text[0].upper() + text[1:],
        )
        for name, text in CAUSES.items()
    ),
)


@LESSONS.register(
    "bayes",
    title="Bayes' rule and exact inference",
    summary="Posterior, evidence and marginals without approximation.",
)
class Bayes(Lesson):
    """p(z | x) = p(x | z) p(z) / p(x), for a coin and for a network of four binary variables."""

    chapter = 1
    idea = (
        "Bayes' rule turns a prior into a posterior as data arrive. If the prior is conjugate, "
        "as a Beta prior is for a coin, the posterior has the form of the prior, and the "
        "evidence p(x) is known. In a network of discrete variables without loops (a "
        "polytree), two messages along each edge give every posterior marginal."
    )
    goals = (
        ("say what prior, likelihood, evidence and posterior are, and compute them for a coin"),
        ("explain why a second cause makes the first less probable"),
    )
    notes = (
        (
            "The later lessons treat cases where this is impossible: in a network with loops "
            "messages need not be exact, and if the likelihood is a neural network, p(x) is an "
            "integral without a closed form."
        ),
    )
    questions, exercises = bayes.QUESTIONS, bayes.EXERCISES
    run: ClassVar[Mapping[str, str]] = {
        "data": "digits",
        "model": "class_tree",
        "binarise": "threshold",
    }
    source = "Bayes 1763; Pearl 1988 (message passing)."
    Options = BayesOptions

    @classmethod
    def more(cls, options: BayesOptions) -> tuple[Option, ...]:
        return COIN if options.example == "coin" else NET

    @functools.cached_property
    def part(self) -> Coin | Net:
        """The coin or the net."""
        return (Coin if self.options.example == "coin" else Net)(self.extra)

    def equations(self) -> tuple[Equation, ...]:
        return self.part.equations()

    def panels(self) -> tuple[Panel, ...]:
        return self.part.panels()

    def check(self) -> tuple[Check, ...]:
        return self.part.check()


class Coin:
    """x_i ~ Bernoulli(θ), θ ~ Beta(a, b).

    Args:
        values: of the rows :data:`COIN`.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.a, self.b, self.bias = float(values["a"]), float(values["b"]), float(values["bias"])
        self.n = int(values["tosses"])
        u = torch.rand(400, generator=generator(values["seed"], "coin"), dtype=torch.float64)
        # All tosses are drawn, so that one more toss does not change the earlier ones.
        self.data = (u < self.bias).double()[: self.n]
        self.model = BetaBernoulli(self.a, self.b)

    @functools.cached_property
    def heads(self) -> int:
        """The number of heads."""
        return int(self.data.sum())

    @functools.cached_property
    def state(self) -> Posterior:
        """The posterior after all data at once."""
        return self.model.step(self.model.init(), self.data)[0]

    @property
    def counts(self) -> tuple[float, float]:
        """Both parameters of the posterior Beta."""
        first, second = self.state.natural[0].tolist()
        return first, second

    def equations(self) -> tuple[Equation, ...]:
        """The theory in steps, with the numbers of now."""
        h, t = self.heads, self.n - self.heads
        first, second = self.counts
        evidence = float(self.state.log_evidence)
        mean = first / (first + second)
        return (
            Equation(
                "The posterior is the likelihood times the prior, over the evidence.",
                r"p(\theta \mid x) = \frac{p(x \mid \theta)\, p(\theta)}{p(x)}",
            ),
            Equation(
                "Each head adds one to a, each tail one to b: the posterior is a Beta again.",
                r"\mathrm{Beta}(a + h,\ b + t) \propto \theta^{h} (1-\theta)^{t}"
                r"\cdot \theta^{a-1} (1-\theta)^{b-1}",
                rf"\mathrm{{Beta}}({tex(self.a)} + {h},\ {tex(self.b)} + {t})"
                rf" = \mathrm{{Beta}}({tex(first)},\ {tex(second)})",
                (
                    Quantity("E[θ | x]", mean, "exact", "probability"),
                    Quantity("E[θ]", self.a / (self.a + self.b), "exact", "probability"),
                ),
            ),
            Equation(
                "The evidence is the ratio of the two normalisers.",
                r"\log p(x) = \log B(a + h,\ b + t) - \log B(a, b)",
                rf"\log p(x) = {tex(float(special.betaln(first, second)))}"
                rf" - ({tex(float(special.betaln(self.a, self.b)))}) = {tex(evidence)}",
                (Quantity("log p(x)", evidence, "exact", "nats"),),
            ),
        )

    def by_quadrature(self) -> tuple[float, float]:
        """log p(x) and E[θ | x] by the trapezoidal rule in the log-odds of θ.

        There the integrand θ^(a+h) (1−θ)^(b+t) is smooth and decays on both sides, even if the
        density of θ is infinite at 0 or 1.
        """
        odds = np.linspace(-600.0, 600.0, 240_001)
        log_theta, log_rest = special.log_expit(odds), special.log_expit(-odds)
        h, t = self.heads, self.n - self.heads
        prior = self.a * log_theta + self.b * log_rest
        joint = prior + h * log_theta + t * log_rest
        top = joint.max()
        weight = np.exp(joint - top)
        evidence = top + math.log(weight.sum()) - special.logsumexp(prior)
        return float(evidence), float((weight * np.exp(log_theta)).sum() / weight.sum())

    def one_by_one(self) -> float:
        """log p(x) as the sum of the log predictive probability of each toss in turn."""
        state, total = self.model.init(), 0.0
        for toss in self.data:
            total += float(self.model.log_predictive(state, toss[None])[0])
            state, _ = self.model.step(state, toss[None])
        return total

    def check(self) -> tuple[Check, ...]:
        """The statements that "Check it" puts to the test."""
        first, second = self.counts
        evidence, mean = self.by_quadrature()
        exact = float(self.state.log_evidence)
        rule = "trapezoidal rule in the log-odds"
        return (
            Check(
                "The evidence is the integral of likelihood times prior.",
                exact,
                evidence,
                "closed form",
                rule,
                "grid",
                "nats",
                1e-8,
            ),
            Check(
                "The posterior mean is (a + h) / (a + b + n).",
                first / (first + second),
                mean,
                "closed form",
                rule,
                "grid",
                "probability",
                1e-8,
            ),
            Check(
                "Sequential updates give the same evidence as one update with all data.",
                exact,
                self.one_by_one(),
                "all data in one step",
                "sum of log predictive probabilities",
                "exact",
                "nats",
                1e-9,
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        """What there is to see."""
        first, second = self.counts
        theta = np.linspace(0.001, 0.999, 400)
        curves = [Curve("prior", theta, _beta(theta, self.a, self.b), "dash", -1)]
        seen = [k for k in (1, 3, 10, 30, 100, 300) if k < self.n]
        for k in seen:
            h = float(self.data[:k].sum())
            y = _beta(theta, self.a + h, self.b + k - h)
            curves.append(Curve(f"after {k}", theta, y, "faint", 5))
        likelihood = _beta(theta, self.heads + 1.0, self.n - self.heads + 1.0)
        curves.append(Curve("likelihood, scaled to area 1", theta, likelihood, "dot", 1))
        name = f"posterior after {self.n}"
        curves.append(Curve(name, theta, _beta(theta, first, second), "area", 0))
        counts = np.arange(self.n + 1, dtype=np.float64)
        heads = np.concatenate([[0.0], self.data.cumsum(0).numpy()])
        a, b = self.a + heads, self.b + counts - heads
        band = special.betaincinv(a, b, 0.025), special.betaincinv(a, b, 0.975)
        path = Curve("posterior mean and 95 % interval", counts, a / (a + b), "line", 0, *band)
        return (
            Curves(
                "Posterior over prior as the data arrive",
                f"exact densities · {self.heads} heads in {self.n} tosses",
                tuple(curves),
                "θ, probability of heads",
                "density",
                marks=(("true θ", self.bias),),
            ),
            Curves(
                "Posterior of θ after each toss",
                "exact · the band holds 95 % of the posterior",
                (path,),
                "tosses seen",
                "θ",
                levels=(("true θ", self.bias),),
            ),
        )


def _beta(theta: Array, a: float, b: float) -> Array:
    log_p = (a - 1) * np.log(theta) + (b - 1) * np.log1p(-theta) - special.betaln(a, b)
    return np.asarray(np.exp(log_p), dtype=np.float64)


class Net:
    """Rain and a sprinkler wet my grass, rain alone wets the neighbour's: a tree of four
    variables.

    Args:
        values: of the rows :data:`NET`.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        rate = float(values["rate"])
        self.evidence = {
            name: STATES.index(values[name]) - 1 for name in CAUSES if values[name] != "unseen"
        }
        rows = (
            Node("rain", torch.tensor([1 - rate, rate], dtype=torch.float64)),
            Node("sprinkler", torch.tensor([0.9, 0.1], dtype=torch.float64)),
            Node("wet", WET, ("rain", "sprinkler")),
            Node("neighbour", NEIGHBOUR, ("rain",)),
        )
        self.net = BayesNet(rows)

    @functools.cached_property
    def before(self) -> Answer:
        """The prior marginals."""
        return self.net.infer()

    @functools.cached_property
    def after(self) -> Answer:
        """The posterior marginals, by message passing."""
        return self.net.infer(self.evidence)

    def equations(self) -> tuple[Equation, ...]:
        """The theory in steps, with the numbers of now."""
        seen = r",\ ".join(
            rf"\text{{{name}}} = \text{{{STATES[value + 1]}}}"
            for name, value in self.evidence.items()
        )
        given = rf" \mid {seen}" if seen else ""
        log_p = self.after.log_evidence
        hidden = [name for name in self.net.nodes if name not in self.evidence]
        marginals = tuple(
            Quantity(f"p({name} = yes | seen)", _yes(self.after, name), "exact", "probability")
            for name in hidden
        )
        first = hidden[0] if hidden else None
        numbers = ""
        if first is not None:
            numbers = (
                rf"p(\text{{{first}}} = \text{{yes}}{given}) = {tex(_yes(self.after, first))}"
                rf"\qquad p(\text{{{first}}} = \text{{yes}}) = {tex(_yes(self.before, first))}"
            )
        return (
            Equation(
                "The network defines the dependencies: each variable has a table given its "
                "parents.",
                r"p(r, s, w, n) = p(r)\, p(s)\, p(w \mid r, s)\, p(n \mid r)",
            ),
            Equation(
                "A posterior marginal sums over all unobserved variables. If the grass is wet, "
                "rain becomes more likely. If the sprinkler is on as well, it explains the wet "
                "grass, and rain becomes less likely again (explaining away).",
                r"p(r \mid e) = \frac{1}{p(e)} \sum_{\text{unseen}} p(r, s, w, n)",
                numbers,
                marginals,
            ),
            Equation(
                "Messages compute the sum edge by edge; the same messages give the evidence.",
                r"m_{f \to r}(r) = \sum_{s, w} f(r, s, w) \prod_{y \neq r} m_{y \to f}(y)",
                rf"\log p(e) = {tex(log_p)},\qquad p(e) = {tex(math.exp(log_p))}",
                (Quantity("log p(seen)", log_p, "exact", "nats"),),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        """The statements that "Check it" puts to the test."""
        slow = self.net.enumerate(self.evidence)
        sides = ("message passing", f"sum over all {2 ** len(CAUSES)} joint states")
        evidence = Check(
            "The evidence is the sum of the joint probability over the unobserved variables.",
            self.after.log_evidence,
            slow.log_evidence,
            *sides,
            "exact",
            "nats",
            1e-12,
        )
        return (
            evidence,
            *(
                Check(
                    f"p({name} = yes | seen)",
                    _yes(self.after, name),
                    _yes(slow, name),
                    *sides,
                    "exact",
                    "probability",
                    1e-12,
                )
                for name in self.net.nodes
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        """What there is to see."""
        labels = tuple(f"{name} (seen)" if name in self.evidence else name for name in CAUSES)
        before = np.array([_yes(self.before, name) for name in CAUSES])
        after = np.array([_yes(self.after, name) for name in CAUSES])
        table = WET[:, :, 1].numpy()
        return (
            Bars(
                "Probability of yes, before and after the observations",
                "exact, by message passing",
                labels,
                (("prior", before), ("posterior", after)),
                "probability",
            ),
            Bars(
                "The table p(wet = yes | rain, sprinkler)",
                "given, not inferred",
                ("neither", "sprinkler", "rain", "both"),
                (("p(wet = yes)", table.reshape(-1)),),
                "probability",
            ),
        )


#: p(wet | rain, sprinkler), axes rain, sprinkler, wet.
WET: Tensor = torch.tensor(
    [[[0.98, 0.02], [0.15, 0.85]], [[0.10, 0.90], [0.01, 0.99]]], dtype=torch.float64
)
#: p(neighbour's grass is wet | rain), axes rain, wet.
NEIGHBOUR: Tensor = torch.tensor([[0.95, 0.05], [0.2, 0.8]], dtype=torch.float64)


def _yes(answer: Answer, name: str) -> float:
    return float(answer.marginals[name][1])
