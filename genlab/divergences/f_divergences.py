"""The rows of the table of f-divergences, each with its formulas in numerically safe form.

They are added to the table :data:`genlab.divergences.f.F` when it is first read. In the formulas u
= p/q, l = log u, v is a critic's score and T a point of the conjugate's domain.
"""

from __future__ import annotations

import itertools

import torch
from torch.nn.functional import logsigmoid, softplus

from genlab.divergences.f import INF, LOG2, Domain, F, FDivergence, Latex
from genlab.divergences.parametric_f_divergences import alpha_divergence, weighted_jensen_shannon
from genlab.divergences.stable_formulas import (
    absolute_difference,
    chi_squared,
    identity,
    jeffrey_conjugate,
    log_one_minus_exp,
    within,
)

#: The rows of this module stand in its order.
_ORDER = itertools.count(10, 10)


def _add(row: FDivergence, summary: str, title: str = "") -> FDivergence:
    F.register(row.name, title=title or row.title, summary=summary, order=next(_ORDER))(row)
    return row


KL = _add(
    FDivergence(
        name="kl",
        title="Kullback-Leibler",
        f=lambda u: torch.xlogy(u, u),
        f_prime=lambda u: 1.0 + u.log(),
        conjugate=lambda t: (t - 1.0).exp(),
        activation=identity,
        conjugate_of_activation=lambda v: (v - 1.0).exp(),
        critic=lambda l: 1.0 + l,
        score=lambda l: 1.0 + l,
        perspective=lambda a, b: a.exp() * (a - b),
        domain=Domain(),
        threshold=1.0,
        at_zero=0.0,
        slope_at_infinity=INF,
        symmetric=False,
        unit="nats",
        latex=Latex(
            r"u\log u",
            r"\int p\log\frac{p}{q}",
            r"e^{t-1}",
            r"\mathbb{R}",
            r"v",
            r"1+\log r",
        ),
        convention="KL(P‖Q), the data first: mass covering. Infinite where Q misses mass of P.",
    ),
    "mass covering: KL(P‖Q), minimised by maximum likelihood",
)

REVERSE_KL = _add(
    FDivergence(
        name="reverse_kl",
        title="reverse Kullback-Leibler",
        f=lambda u: -u.log(),
        f_prime=lambda u: -1.0 / u,
        conjugate=within(Domain(high=0.0), -1.0, lambda t: -1.0 - (-t).log()),
        activation=lambda v: -(-v).exp(),
        conjugate_of_activation=lambda v: v - 1.0,
        critic=lambda l: -(-l).exp(),
        score=identity,
        perspective=lambda a, b: b.exp() * (b - a),
        domain=Domain(high=0.0),
        threshold=-1.0,
        at_zero=INF,
        slope_at_infinity=0.0,
        symmetric=False,
        unit="nats",
        latex=Latex(
            r"-\log u",
            r"\int q\log\frac{q}{p}",
            r"-1-\log(-t)",
            r"t<0",
            r"-e^{-v}",
            r"-\tfrac{1}{r}",
        ),
        convention=(
            "KL(Q‖P), the model first: mode seeking. The activation is the increasing −exp(−v), "
            "so a large score means real; some implementations use −exp(v), which reverses the "
            "sign of the score."
        ),
    ),
    "mode seeking: KL(Q‖P), minimised by variational inference",
)

PEARSON = _add(
    FDivergence(
        name="pearson",
        title="Pearson χ²",
        f=lambda u: (u - 1.0).square(),
        f_prime=lambda u: 2.0 * (u - 1.0),
        conjugate=lambda t: t * t / 4.0 + t,
        activation=identity,
        conjugate_of_activation=lambda v: v * v / 4.0 + v,
        critic=lambda l: 2.0 * torch.expm1(l),
        score=lambda l: 2.0 * torch.expm1(l),
        perspective=chi_squared,
        domain=Domain(),
        threshold=0.0,
        at_zero=1.0,
        slope_at_infinity=INF,
        symmetric=False,
        unit="dimensionless",
        latex=Latex(
            r"(u-1)^2",
            r"\int \frac{(p-q)^2}{q}",
            r"\tfrac{t^2}{4}+t",
            r"\mathbb{R}",
            r"v",
            r"2(r-1)",
        ),
        convention=(
            "(p−q)² over q, the model's density. The table of the f-GAN paper has the other "
            "denominator, which is called Neyman here; its experiments use this one. The "
            "conjugate is the parabola for all t. For t < −2 the supremum over u ≥ 0 is −1, "
            "and the parabola lies above it: the bound remains valid and its gradient does not "
            "vanish."
        ),
    ),
    "∫(p−q)²/q: the strongest penalty for missing mass of the data",
)

NEYMAN = _add(
    FDivergence(
        name="neyman",
        title="Neyman χ²",
        f=lambda u: (1.0 - u).square() / u,
        f_prime=lambda u: 1.0 - 1.0 / u.square(),
        conjugate=within(
            Domain(high=1.0, high_closed=True), 0.0, lambda t: 2.0 - 2.0 * (1.0 - t).sqrt()
        ),
        activation=lambda v: -torch.expm1(-v),
        conjugate_of_activation=lambda v: -2.0 * torch.expm1(-v / 2.0),
        critic=lambda l: -torch.expm1(-2.0 * l),
        score=lambda l: 2.0 * l,
        perspective=lambda a, b: chi_squared(b, a),
        domain=Domain(high=1.0, high_closed=True),
        threshold=0.0,
        at_zero=INF,
        slope_at_infinity=1.0,
        symmetric=False,
        unit="dimensionless",
        latex=Latex(
            r"\frac{(1-u)^2}{u}",
            r"\int \frac{(p-q)^2}{p}",
            r"2-2\sqrt{1-t}",
            r"t\le 1",
            r"1-e^{-v}",
            r"1-\tfrac{1}{r^2}",
        ),
        convention="(p−q)² over p, the data's density: Pearson with P and Q exchanged.",
    ),
    "∫(p−q)²/p: the strongest penalty for samples where there is no data",
)

SQUARED_HELLINGER = _add(
    FDivergence(
        name="squared_hellinger",
        title="squared Hellinger",
        f=lambda u: (u.sqrt() - 1.0).square(),
        f_prime=lambda u: 1.0 - u.rsqrt(),
        conjugate=within(Domain(high=1.0), 0.0, lambda t: t / (1.0 - t)),
        activation=lambda v: -torch.expm1(-v),
        conjugate_of_activation=torch.expm1,
        critic=lambda l: -torch.expm1(-l / 2.0),
        score=lambda l: l / 2.0,
        perspective=lambda a, b: (
            torch.maximum(a, b).exp() * torch.expm1(-(a - b).abs() / 2.0).square()
        ),
        domain=Domain(high=1.0),
        threshold=0.0,
        at_zero=1.0,
        slope_at_infinity=1.0,
        symmetric=True,
        unit="dimensionless",
        latex=Latex(
            r"(\sqrt{u}-1)^2",
            r"\int (\sqrt{p}-\sqrt{q})^2",
            r"\tfrac{t}{1-t}",
            r"t<1",
            r"1-e^{-v}",
            r"1-r^{-1/2}",
        ),
        convention="Without a factor ½, from 0 to 2. Some texts call half of it by the same name.",
    ),
    "∫(√p−√q)²: symmetric and bounded by 2",
)

JEFFREY = _add(
    FDivergence(
        name="jeffrey",
        title="Jeffrey",
        f=lambda u: (u - 1.0) * u.log(),
        f_prime=lambda u: u.log() + 1.0 - 1.0 / u,
        conjugate=jeffrey_conjugate,
        activation=identity,
        conjugate_of_activation=jeffrey_conjugate,
        critic=lambda l: l - torch.expm1(-l),
        score=lambda l: l - torch.expm1(-l),
        perspective=lambda a, b: absolute_difference(a, b) * (a - b).abs(),
        domain=Domain(),
        threshold=0.0,
        at_zero=INF,
        slope_at_infinity=INF,
        symmetric=True,
        unit="nats",
        latex=Latex(
            r"(u-1)\log u",
            r"\int (p-q)\log\frac{p}{q}",
            r"W(e^{1-t})+\tfrac{1}{W(e^{1-t})}+t-2",
            r"\mathbb{R}",
            r"v",
            r"1+\log r-\tfrac{1}{r}",
        ),
        convention="The sum KL(P‖Q) + KL(Q‖P), without a factor ½.",
    ),
    "The sum of both KL divergences",
)

JS = _add(
    FDivergence(
        name="js",
        title="Jensen-Shannon (×2)",
        f=lambda u: torch.xlogy(u, u) - (u + 1.0) * (torch.log1p(u) - LOG2),
        f_prime=lambda u: LOG2 - torch.log1p(1.0 / u),
        conjugate=within(Domain(high=LOG2), 0.0, lambda t: -LOG2 - log_one_minus_exp(t - LOG2)),
        activation=lambda v: LOG2 + logsigmoid(v),
        conjugate_of_activation=lambda v: softplus(v) - LOG2,
        critic=lambda l: LOG2 + logsigmoid(l),
        score=identity,
        perspective=lambda a, b: (
            a.exp() * (LOG2 + logsigmoid(a - b)) + b.exp() * (LOG2 + logsigmoid(b - a))
        ),
        domain=Domain(high=LOG2),
        threshold=0.0,
        at_zero=LOG2,
        slope_at_infinity=LOG2,
        symmetric=True,
        unit="nats",
        latex=Latex(
            r"u\log u-(u+1)\log\tfrac{u+1}{2}",
            r"\int p\log\frac{2p}{p+q}+q\log\frac{2q}{p+q}",
            r"-\log(2-e^{t})",
            r"t<\log 2",
            r"\log 2-\log(1+e^{-v})",
            r"\log\tfrac{2r}{1+r}",
        ),
        convention=(
            "KL(P‖M) + KL(Q‖M) with M the even mixture: twice the Jensen-Shannon divergence, from "
            "0 to 2 log 2. The formula of the f-GAN paper has a factor ½, its experiments do not."
        ),
    ),
    "KL(P‖M) + KL(Q‖M), M = (P+Q)/2: symmetric and bounded by 2 log 2",
)

JS_WEIGHTED = _add(
    weighted_jensen_shannon(0.3),
    "Jensen-Shannon with weight π on the data: between KL and reverse KL",
    title="weighted Jensen-Shannon",
)

GAN = _add(
    FDivergence(
        name="gan",
        title="GAN",
        f=lambda u: torch.xlogy(u, u) - (u + 1.0) * torch.log1p(u),
        f_prime=lambda u: -torch.log1p(1.0 / u),
        conjugate=within(Domain(high=0.0), -1.0, lambda t: -log_one_minus_exp(t)),
        activation=logsigmoid,
        conjugate_of_activation=softplus,
        critic=logsigmoid,
        score=identity,
        perspective=lambda a, b: a.exp() * logsigmoid(a - b) + b.exp() * logsigmoid(b - a),
        domain=Domain(high=0.0),
        threshold=-LOG2,
        at_zero=0.0,
        slope_at_infinity=0.0,
        symmetric=True,
        unit="nats",
        at_one=-2.0 * LOG2,
        latex=Latex(
            r"u\log u-(u+1)\log(u+1)",
            r"\int p\log\frac{p}{p+q}+q\log\frac{q}{p+q}",
            r"-\log(1-e^{t})",
            r"t<0",
            r"-\log(1+e^{-v})",
            r"\log\tfrac{r}{1+r}=\log D^{*}",
        ),
        convention=(
            "The value of the game of Goodfellow et al. (2014): 2 JS − log 4, the row js less "
            "log 4, so it runs from −log 4 (P = Q) to 0 and f(1) = −2 log 2, not 0."
        ),
    ),
    "the GAN game's value, 2 JS − log 4: T* is log D*",
)

ALPHA = _add(
    alpha_divergence(0.5),
    "one family from reverse KL (α → 0) through Hellinger (½) to KL (α → 1)",
    title="α-divergence",
)

TOTAL_VARIATION = _add(
    FDivergence(
        name="total_variation",
        title="total variation",
        f=lambda u: (u - 1.0).abs() / 2.0,
        f_prime=lambda u: (u - 1.0).sign() / 2.0,
        conjugate=within(Domain(-0.5, 0.5, True, True), 0.0, identity),
        activation=lambda v: v.tanh() / 2.0,
        conjugate_of_activation=lambda v: v.tanh() / 2.0,
        critic=lambda l: l.sign() / 2.0,
        score=lambda l: torch.where(l == 0, l, l.sign() * INF),
        perspective=lambda a, b: absolute_difference(a, b) / 2.0,
        domain=Domain(-0.5, 0.5, True, True),
        threshold=0.0,
        at_zero=0.5,
        slope_at_infinity=0.5,
        symmetric=True,
        unit="probability",
        latex=Latex(
            r"\tfrac12|u-1|",
            r"\tfrac12\int |p-q|",
            r"t",
            r"|t|\le\tfrac12",
            r"\tfrac12\tanh v",
            r"\tfrac12\,\mathrm{sgn}(r-1)",
        ),
        convention=(
            "With the factor ½: from 0 to 1, the largest difference of probabilities of an event. "
            "The exact critic is a step, so no finite score reaches the bound."
        ),
    ),
    "½∫|p−q|: the largest difference of probabilities of an event",
)
