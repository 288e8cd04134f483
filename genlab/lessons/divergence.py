"""Closed forms of the KL divergence: the table of 23 x 23 pairs, and one pair in numbers."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Option, Options, option
from genlab.core.random import generator
from genlab.distributions.families import (
    FAMILIES,
    Divergence,
    Family,
    Params,
    bregman_kl,
    closed_form_kl,
    kl,
)
from genlab.lessons import family_options
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.panels import Array, Curve, Curves, Matrix, Panel, Plane, array
from genlab.lessons.teaching import divergence

CLASSES = ("infinite", "Monte Carlo", "closed form")


@dataclass(frozen=True)
class DivergenceOptions(Options):
    """Options of the lesson."""

    q: str = option(
        "gamma", "the posterior's family", choices=family_options.names, label="Family of q"
    )
    p: str = option(
        "log_normal", "the prior's family", choices=family_options.names, label="Family of p"
    )
    draws: int = option(
        10_000, "draws of q where there is no closed form", low=100, high=50_000, label="Samples"
    )
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


@functools.cache
def table() -> Array:
    """The class of KL(row ‖ column) as an index into :data:`CLASSES`."""
    names = family_options.names()
    found = np.zeros((len(names), len(names)))
    for i, q in enumerate(names):
        for j, p in enumerate(names):
            if FAMILIES[q].may_meet(FAMILIES[p]):
                found[i, j] = 1 if closed_form_kl(q, p) is None else 2
    return found


@functools.cache
def labels() -> tuple[str, ...]:
    """Short titles of the rows, each once.

    Example:
        >>> [name for name in labels() if name.startswith("Logistic")]
        ['Logistic', 'Logistic II']
    """
    found: list[str] = []
    for name in family_options.names():
        short = FAMILIES[name].title.split(" (")[0]
        found.append(f"{short} II" if short in found else short)
    return tuple(found)


@LESSONS.register(
    "divergence",
    title="When a KL has a closed form",
    summary="Which of 23 x 23 pairs of posterior and prior need no Monte Carlo.",
)
class ClosedForms(Lesson):
    """KL(q ‖ p) for any pair of the table: closed form, Monte Carlo, or infinite."""

    chapter = 4
    idea = (
        "Estimator B of the ELBO needs KL(q ‖ prior) in closed form. Two members of one "
        "exponential family have it wherever the log-normaliser A and its gradient are closed. "
        "Otherwise it is estimated as a mean over draws of q with a standard error, or it is "
        "infinite because q has mass outside the support of p or too heavy a tail."
    )
    needs = (
        "kl_js",
        "elbo",
    )
    goals = (
        ("decide which pairs of posterior and prior need no Monte Carlo"),
        ("recognise a pair that must not be trained"),
    )
    notes = (
        (
            "A closed form needs a closed entropy of q and closed expectations under q of the "
            "statistics in log p."
        ),
    )
    questions, exercises = divergence.QUESTIONS, divergence.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "vae"}
    source = "Kingma and Welling 2014, section 2.4, appendix B; Chyzak and Nielsen 2019 (Cauchy)."
    Options = DivergenceOptions

    @classmethod
    def more(cls, options: DivergenceOptions) -> tuple[Option, ...]:
        q, p = FAMILIES[options.q], FAMILIES[options.p]
        return (
            *family_options.options(q, "q_", infinite=True),
            *family_options.options(p, "p_", infinite=True),
        )

    @functools.cached_property
    def pair(self) -> tuple[Family, Params, Family, Params]:
        """Both rows with their parameters."""
        q, p = FAMILIES[self.options.q], FAMILIES[self.options.p]
        return (
            q,
            family_options.params(q, self.extra, "q_"),
            p,
            family_options.params(p, self.extra, "p_"),
        )

    @property
    def place(self) -> int:
        """The class of KL(q ‖ p) as an index into :data:`CLASSES`."""
        rows = family_options.names()
        return int(table()[rows.index(self.options.q), rows.index(self.options.p)])

    @functools.cached_property
    def value(self) -> Divergence:
        """KL(q ‖ p) as a run would compute it."""
        q, at, p, there = self.pair
        if not self.comparable:
            nothing = torch.zeros((), dtype=torch.float64)
            return Divergence(nothing + math.inf, nothing, "exact", 0, "the supports differ")
        with torch.no_grad():
            source = generator(self.options.seed, "kl lesson")
            return kl(q, at, p, there, self.options.draws, source)

    @property
    def comparable(self) -> bool:
        """Whether points of q are points for p at all."""
        kinds = {FAMILIES[name].support.kind for name in (self.options.q, self.options.p)}
        return len(kinds) == 1 or not kinds & set(_VECTORS)

    @property
    def finite(self) -> bool:
        """Whether the divergence is finite for these parameters."""
        q, at, p, there = self.pair
        return self.comparable and bool(q.finite_kl(p, at, there))

    @functools.cached_property
    def terms(self) -> tuple[family_options.Density, Tensor]:
        """q on its rule, and log q − log p there."""
        q, at, p, there = self.pair
        density = family_options.density(q, at)
        log_p = p.log_prob(there, density.z).detach()
        gap = torch.where(density.weight > 0, density.log_p - log_p, torch.zeros_like(log_p))
        return density, gap

    def by_quadrature(self) -> float:
        """∫ q log(q / p) by the double-exponential rule."""
        density, gap = self.terms
        return float(torch.where(density.weight > 0, density.weight * gap, 0.0).sum())

    def equations(self) -> tuple[Equation, ...]:
        q, at, p, there = self.pair
        form = closed_form_kl(q, p)
        value, error = float(self.value.value), float(self.value.standard_error)
        number = tex(value) + (rf" \pm {tex(error)}" if error else "")
        exact = self.value.kind == "exact"
        says = "This pair has no closed form in the table, so the KL is estimated from draws of q."
        if not self.finite:
            says = "It is infinite here: " + (
                "q and p live in different spaces." if not self.comparable else _why(q, p)
            )
        elif form is not None and exact:
            says = "This pair has a closed form: " + _words(form.how) + "."
        elif form is not None:
            says = f"There is a closed form only for {form.condition}; here draws of q must do."
        count = {name: int((table() == k).sum()) for k, name in enumerate(CLASSES)}
        return (
            Equation(
                "The divergence is the negative entropy of q minus the mean of log p under q.",
                r"\mathrm{KL}(q \,\|\, p) = \int q(z) \log \frac{q(z)}{p(z)}\,dz"
                r" = -H(q) - E_q[\log p(z)]",
            ),
            Equation(
                "The two densities.",
                rf"q(z) = {q.density},\qquad p(z) = {p.density}",
                ",\\quad ".join(
                    rf"{part.symbol}_{{{who}}} = {_value(values[part.name])}"
                    for who, row, values in (("q", q, at), ("p", p, there))
                    for part in row.parameters
                ).replace("__", "_"),
            ),
            Equation(
                says,
                rf"\mathrm{{KL}}(q \,\|\, p) = {form.formula}"
                if form is not None and exact and self.finite
                else r"\mathrm{KL}(q \,\|\, p) \approx \tfrac1L \textstyle\sum_l"
                r" \log q(z_l) - \log p(z_l),\quad z_l \sim q"
                if self.finite
                else r"\mathrm{KL}(q \,\|\, p) = \infty",
                rf"\mathrm{{KL}} = {number}",
                (Quantity("KL(q ‖ p)", value, self.value.kind, "nats", self.value.n, error),),
            ),
            Equation(
                f"In the whole table {count['closed form']} pairs have a closed form, "
                f"{count['Monte Carlo']} need Monte Carlo, and {count['infinite']} are infinite "
                "for all parameters.",
                r"\text{same exponential family: }\ \mathrm{KL} = A(\eta_p) - A(\eta_q)"
                r" - (\eta_p - \eta_q) \cdot \nabla A(\eta_q)",
            ),
        )

    def check(self) -> tuple[Check, ...]:
        q, at, p, _ = self.pair
        density = family_options.density(q, at)
        slip = abs(density.mass - 1)
        found = [
            Check(
                "The density of q integrates to 1.",
                density.mass,
                1.0,
                "double-exponential rule",
                "one",
                "grid",
                "probability",
                # Next to 1 a number of float64 has no room for the mass of a singular density.
                1e-5 if q.support.kind not in ("unit", "interval", "simplex") else 5e-3,
            )
        ]
        if self.finite:
            found.append(self._against_quadrature(slip))
            if q.natural and p.natural and q.natural.key == p.natural.key:
                found.append(self._bregman())
        elif self.comparable:
            found += self._evidence_of_infinity()
        same = closed_form_kl(q, q)
        if same is not None and same.holds(at, at):
            itself = float(same(at, at))
            found.append(
                Check(
                    "The divergence from q to itself is zero.",
                    itself,
                    0.0,
                    "closed form at p = q",
                    "zero",
                    "exact",
                    "nats",
                    1e-10,
                )
            )
        return tuple(found)

    def _against_quadrature(self, slip: float) -> Check:
        value, error = float(self.value.value), float(self.value.standard_error)
        exact = self.value.kind == "exact"
        return Check(
            "KL(q ‖ p) is the integral of q log(q / p).",
            value,
            self.by_quadrature(),
            "closed form" if exact else f"mean over {self.value.n:,} draws of q",
            "double-exponential rule",
            "grid" if exact else "Monte Carlo",
            "nats",
            1e-5 * max(1.0, abs(value)) + 100 * slip + 4 * error,
            self.value.n,
        )

    def _bregman(self) -> Check:
        q, at, p, there = self.pair
        value = float(bregman_kl(q, at, p, there).detach())
        return Check(
            "In one exponential family KL is the Bregman divergence of the log-normaliser.",
            float(self.value.value),
            value,
            "entropy and expectations",
            "A and its automatic derivative",
            "exact",
            "nats",
            1e-8 * max(1.0, abs(value)),
        )

    def _evidence_of_infinity(self) -> list[Check]:
        """Mass of q where p is zero, or a partial integral that does not settle."""
        density, gap = self.terms
        outside = float(density.weight[torch.isinf(gap) & (gap > 0)].sum())
        if outside > 1e-12:
            return [
                Check(
                    "q has mass where p has none.",
                    outside,
                    0.0,
                    "mass of q outside the support of p",
                    "zero",
                    "grid",
                    "probability",
                    0.0,
                    relation=">",
                )
            ]
        if density.z.dim() > 1:
            return []
        size = density.z.abs()
        share = torch.where(density.weight > 0, density.weight * gap, 0.0)
        order = size.argsort()
        index = int(torch.searchsorted(density.weight[order].cumsum(0), 0.9))
        most = float(size[order][min(index, len(order) - 1)])
        near = float(share[size <= most].sum())
        far = float(share.sum())
        return [
            Check(
                "The integral grows with every further piece of the tail.",
                far,
                near,
                "∫ q log(q / p) as far as the rule goes",
                f"the same for the 90 % of q with |z| up to {most:.3g}",
                "grid",
                "nats",
                0.0,
                relation=">",
            )
        ]

    def panels(self) -> tuple[Panel, ...]:
        names = family_options.names()
        titles = labels()
        at = names.index(self.options.q), names.index(self.options.p)
        matrix = Matrix(
            "KL(row ‖ column) in the table",
            "exact where there is a closed form; infinite means for all parameters",
            table(),
            titles,
            titles,
            CLASSES,
            "q",
            "p",
            at,
        )
        return (*self._pictures(), matrix)

    def _pictures(self) -> tuple[Panel, ...]:
        q, at, p, there = self.pair
        source = generator(0, "window")
        with torch.no_grad():
            mine = q.sample(at, (2000,), source)
            theirs = p.sample(there, (2000,), source)
        if q.support.kind in _VECTORS or p.support.kind in _VECTORS:
            if not self.comparable:
                return ()
            return (_cloud(q, mine, theirs),)
        low, high = family_options.window(mine, theirs, share=0.02)
        z = torch.linspace(low, high, 601, dtype=torch.float64)
        log_q, log_p = (r.log_prob(a, z).detach() for r, a in ((q, at), (p, there)))
        top = 3 * float(torch.cat([_peak(log_q), _peak(log_p)]).max())
        heights = [v.exp().clamp(max=top) for v in (log_q, log_p)]
        inside = torch.isfinite(log_q)
        product = torch.where(inside, log_q.exp() * (log_q - log_p), torch.zeros_like(z))
        product = torch.where(product.isfinite(), product, torch.nan)
        return (
            Curves(
                "The two densities and what is integrated",
                "exact densities · the shaded area, with its sign, is KL(q ‖ p)",
                (
                    Curve("q log(q / p)", array(z), array(product), "area", 2),
                    Curve("q", array(z), array(heights[0]), "line", 0),
                    Curve("p", array(z), array(heights[1]), "dash", 1),
                ),
                "z",
                "density",
            ),
        )


_VECTORS = ("simplex", "vector")


def _peak(log_p: Tensor) -> Tensor:
    """A height that most of a density stays below, (1,), even where it is infinite at an edge."""
    finite = log_p[torch.isfinite(log_p)]
    if not len(finite):
        return torch.ones(1, dtype=torch.float64)
    return finite.quantile(0.98).exp()[None]


def _cloud(q: Family, mine: Tensor, theirs: Tensor) -> Plane:
    """Draws of both in the plane of the first two coordinates."""
    x, y = array(theirs[:600, 0]), array(theirs[:600, 1])
    return Plane(
        "Draws of q and p",
        "600 draws each" + ("; two of the three shares" if q.support.kind == "simplex" else ""),
        None,
        (Curve("p", x, y, "points", 1),),
        array(mine[:600, :2]),
        "q",
        (),
        "z₁",
        "z₂",
        points_colour=0,
    )


def _why(q: Family, p: Family) -> str:
    if q.may_meet(p):
        return "for these parameters q reaches where p is zero, or its tail is too heavy for p."
    return "the support of q leaves that of p, or the tail of q is too heavy for p."


def _words(how: str) -> str:
    """The reason in plain text, without the formula that stands below it."""
    text = how.split(": ")[0]
    for sign, plain in ((r"\log^2", "log²"), (r"\log", "log"), ("z^2", "z²"), (r"\ ", " ")):
        text = text.replace(sign, plain)
    return text


def _value(value: Tensor) -> str:
    numbers = array(value)
    if numbers.ndim == 0:
        return tex(float(numbers))
    if numbers.ndim == 1:
        return "(" + ", ".join(tex(float(v)) for v in numbers) + ")"
    body = r" \\ ".join(" & ".join(tex(float(v)) for v in row) for row in numbers)
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


__all__ = ["CLASSES", "ClosedForms", "table"]
