"""The reparameterisation bench: one family, its samples, and its two gradient estimators."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from genlab.core.options import Option, Options, option
from genlab.core.random import generator
from genlab.distributions.families import (
    FAMILIES,
    Family,
    GradientVariance,
    Parameter,
    Params,
    gradient_variances,
)
from genlab.lessons import family_options
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.panels import Array, Bars, Curve, Curves, Panel, Plane, array, histogram
from genlab.lessons.teaching import families

#: Test functions f by name: LaTeX, f itself, and whether it is bounded.
FUNCTIONS: Mapping[str, tuple[str, Callable[[Tensor], Tensor], bool]] = {
    "tanh": (r"\tanh z", torch.tanh, True),
    "cosine": (r"\cos z", torch.cos, True),
    "identity": ("z", lambda z: z, False),
    "square": ("z^2", lambda z: z**2, False),
}
#: A KS statistic beyond this quantile is a failure of the sampler, not bad luck.
KS_LEVEL = 1e-4


@dataclass(frozen=True)
class FamiliesOptions(Options):
    """Options of the lesson."""

    family: str = option("gamma", "row of the table", choices=family_options.names, label="Family")
    f: str = option("tanh", "test function f", choices=tuple(FUNCTIONS), label="Test function f")
    draws: int = option(5000, "draws", low=100, high=20_000, label="Samples")
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


@LESSONS.register(
    "families",
    title="The reparameterisation bench",
    summary="23 families: sampler, density, pathwise and score-function gradients.",
)
class Bench(Lesson):
    """z = g(ε, θ) for any row of the table, against its density, and d/dθ E[f(z)] both ways."""

    chapter = 5
    idea = (
        "To train a posterior through its samples, write a sample as z = g(ε, θ) with noise ε "
        "that does not depend on θ: then the gradient passes through the sample. There are "
        "three constructions: an inverse CDF, a location and a scale, or a composition of "
        "simpler samples. The score-function estimator needs only log p, but usually has a "
        "larger variance."
    )
    needs = ("elbo",)
    goals = (
        ("name the three ways to a reparameterised sample"),
        ("compare the variance of both gradient estimators"),
    )
    notes = (
        (
            "A rejection sampler needs implicit differentiation or a correction for the "
            "rejection (Naesseth et al. 2017): the derivative of the accepted branch alone is "
            "biased, although the samples pass any test."
        ),
        (
            "The family *elliptical* is elliptical standardisation: z = μ + A r u, with u "
            "uniform on the sphere and a radius r. For a Gaussian r² is χ²; Student's t and "
            "others differ only in r."
        ),
    )
    questions, exercises = families.QUESTIONS, families.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "vae"}
    source = "Kingma and Welling 2014, section 2.4; Figurnov, Mohamed and Mnih 2018 (implicit)."
    Options = FamiliesOptions

    @classmethod
    def more(cls, options: FamiliesOptions) -> tuple[Option, ...]:
        return family_options.options(FAMILIES[options.family])

    @property
    def row(self) -> Family:
        """The row of the table."""
        return FAMILIES[self.options.family]

    @functools.cached_property
    def params(self) -> Params:
        """Its parameters, float64."""
        return family_options.params(self.row, self.extra)

    @functools.cached_property
    def z(self) -> Tensor:
        """The draws, (n,) or (n, d)."""
        source = generator(self.options.seed, "bench", self.row.name)
        return self.row.sample(self.params, (self.options.draws,), source).detach()

    def f(self, z: Tensor) -> Tensor:
        """The test function; of the first coordinate where z is a vector."""
        return FUNCTIONS[self.options.f][1](z[..., 0] if self.row.event_ndim else z)

    # -- the samples

    @functools.cached_property
    def reduced(self) -> tuple[Array, str, tuple[Array, Array]]:
        """Draws on the line, what they are, and the distribution function that they should have.

        A vector is reduced to a number with a distribution of the table: the first entry of a
        Dirichlet is a Beta, the scaled squared distance of an elliptical t is an F.
        """
        row, at = self.row, self.params
        if row.support.kind == "simplex":
            a = at["concentration"]
            family = FAMILIES["beta"], {"alpha": a[0], "beta": a.sum() - a[0]}
            return array(self.z[:, 0]), "the first share", _cdf(*family)
        if row.support.kind == "vector":
            d = self.z.shape[-1]
            whitened = torch.linalg.solve(at["matrix"], (self.z - at["loc"]).mT)
            size = array(whitened.square().sum(0) / d)
            df = float(at["df"])
            if math.isinf(df):
                half = {
                    "shape": torch.tensor(d / 2).double(),
                    "rate": torch.tensor(d / 2).double(),
                }
                return size, "R² / d", _cdf(FAMILIES["gamma"], half)
            two = {"df1": torch.tensor(float(d)).double(), "df2": torch.tensor(df).double()}
            return size, "R² / d", _cdf(FAMILIES["f"], two)
        return array(self.z), "z", _cdf(row, at)

    @functools.cached_property
    def ks(self) -> tuple[float, float]:
        """The Kolmogorov-Smirnov statistic of the draws against the density, and its p-value."""
        draws, _, (points, cdf) = self.reduced
        found = stats.kstest(draws, lambda x: np.interp(x, points, cdf))
        return float(found.statistic), float(found.pvalue)

    # -- the gradients

    @functools.cached_property
    def gradients(self) -> dict[str, GradientVariance]:
        """Both estimators in every parameter."""
        return gradient_variances(
            self.row, self.params, self.f, self.options.draws, self.options.seed
        )

    @property
    def tame(self) -> bool:
        """Whether E[f(z)²] exists, so that a mean over draws has a standard error."""
        heavy = "power" in (self.row.left.kind, self.row.right.kind)
        return FUNCTIONS[self.options.f][2] or not heavy

    def slope(self, part: Parameter, entry: tuple[int, ...] = ()) -> float:
        """d/dθ E[f(z)] in one entry of a parameter, by quadrature on both sides of it."""
        at = self.params[part.name]
        step = 1e-3 * max(abs(float(at[entry])), 0.1)
        sides = []
        for change in (step, -step):
            moved = at.clone()
            moved[entry] += change
            density = family_options.density(
                self.row, self.row.check({**self.params, part.name: moved})
            )
            sides.append(density.mean(self.f) / density.mass)
        return (sides[0] - sides[1]) / (2 * step)

    def entries(self) -> Iterator[tuple[Parameter, tuple[int, ...], str]]:
        """Every number with a derivative, with its name."""
        for part in self.row.continuous:
            value = self.params[part.name]
            for entry in np.ndindex(*value.shape):
                if math.isfinite(float(value[entry])):
                    yield part, entry, part.name + "".join(f"_{i + 1}" for i in entry)

    # -- the lesson

    def equations(self) -> tuple[Equation, ...]:
        row, n = self.row, self.options.draws
        statistic, p_value = self.ks
        shown = ",\\quad ".join(
            rf"{p.symbol} = {_numbers(self.params[p.name])}" for p in row.parameters
        )
        name = FUNCTIONS[self.options.f][0].replace("z", "z_1" if row.event_ndim else "z")
        found = []
        for part in row.parameters:
            both = self.gradients[part.name]
            for way, spread in (("pathwise", both.pathwise), ("score function", both.score)):
                if spread is not None and spread.mean.dim() == 0:
                    found.append(
                        Quantity(
                            f"{way}, {part.name}",
                            float(spread.mean),
                            "Monte Carlo",
                            "",
                            n,
                            float(spread.mean_error),
                        )
                    )
        notes = [f"{g.parameter}: {g.note}." for g in self.gradients.values() if g.note]
        return (
            Equation(
                f"{row.title} ({row.group}): the sampler." + (f" {row.note}" if row.note else ""),
                rf"z = {row.sampler}",
                shown,
            ),
            Equation(
                "Its density, which is independent of the sampler; the Kolmogorov-Smirnov test "
                "compares the two.",
                rf"p(z) = {row.density},\qquad z \in {row.support.text}",
                rf"D_n = \sup_z |F_n(z) - F(z)| = {tex(statistic)},\qquad p = {tex(p_value)}",
                (
                    Quantity("KS statistic", statistic, "Monte Carlo", "probability", n),
                    Quantity("p-value", p_value, "Monte Carlo", "probability", n),
                ),
            ),
            Equation(
                "The path: differentiate the sample.",
                r"\nabla_\theta E[f(z)] = E\big[f'(z)\, \nabla_\theta g(\epsilon, \theta)\big]",
                rf"f(z) = {name}",
            ),
            Equation(
                "The score: differentiate the log density. " + " ".join(notes),
                r"\nabla_\theta E[f(z)] = E\big[f(z)\, \nabla_\theta \log p(z; \theta)\big]",
                "",
                tuple(found),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        density, n = family_options.density(self.row, self.params), self.options.draws
        statistic, _ = self.ks
        edge = self.row.support.kind in ("unit", "interval", "simplex")
        found = [
            Check(
                "The density integrates to 1.",
                density.mass,
                1.0,
                "double-exponential rule",
                "one",
                "grid",
                "probability",
                5e-3 if edge else 1e-5,
            ),
            Check(
                f"The draws of {self.reduced[1]} have the distribution function of the density.",
                statistic,
                0.0,
                "Kolmogorov-Smirnov statistic",
                f"zero; tolerance: the quantile that chance exceeds once in {1 / KS_LEVEL:,.0f}",
                "Monte Carlo",
                "probability",
                float(stats.kstwo.isf(KS_LEVEL, n)) + (2e-3 if edge else 0.0),
                n,
            ),
        ]
        if self.tame:
            for part, entry, name in self.entries():
                found += self._slopes(part, entry, name)
        return tuple(found)

    def _slopes(self, part: Parameter, entry: tuple[int, ...], name: str) -> list[Check]:
        both, slope = self.gradients[part.name], self.slope(part, entry)
        ways = [("path", both.pathwise)]
        if part.score == "unbiased":
            ways.append(("score", both.score))
        return [
            Check(
                f"d/d{name} E[f(z)] by the {way}.",
                float(spread.mean[entry]),
                slope,
                f"mean of {spread.n:,} draws",
                "quadrature on both sides of the parameter",
                "Monte Carlo",
                "",
                4.5 * float(spread.mean_error[entry]) + 2e-3 * abs(slope) + 1e-5,
                spread.n,
            )
            for way, spread in ways
            if spread is not None
        ]

    def panels(self) -> tuple[Panel, ...]:
        return (*self._samples(), self._variances())

    def _samples(self) -> tuple[Panel, ...]:
        draws, what, (points, cdf) = self.reduced
        n = f"n = {len(draws):,} draws"
        _, p_value = self.ks
        low, high = family_options.window(torch.from_numpy(draws), share=0.01)
        if self.row.event_ndim == 0:
            bounds = [float(edge) for edge in self.row.support.bounds(self.params)]
            low, high = max(low, bounds[0]), min(high, bounds[1])
        else:
            low = max(low, 0.0)
        x, height = histogram(draws, low, high)
        inner = np.linspace(low, high, 601)
        fine = np.interp(inner, points, cdf)
        slopes = np.gradient(fine, inner)
        if self.row.event_ndim == 0:
            z = torch.from_numpy(inner)
            slopes = array(self.row.log_prob(self.params, z).detach().exp())
            slopes = np.minimum(slopes, 2 * max(float(height.max()), 1e-12))
        picture = Curves(
            f"Samples of {what} beside the density",
            f"{n} · KS p-value {p_value:.3g} · the tails beyond the central 98 % are not shown",
            (
                Curve("samples", x, height, "steps", "generated"),
                Curve("density, exact", inner, slopes, "line", 3),
            ),
            what,
            "density",
        )
        if self.row.event_ndim == 0:
            return (picture,)
        cloud = Plane(
            "Draws in the plane of the first two coordinates",
            n,
            None,
            (),
            array(self.z[:1500, :2]),
            "draws",
            (),
            "z₁",
            "z₂",
        )
        return (cloud, picture)

    def _variances(self) -> Panel:
        """One bar a parameter; a vector's or matrix's entries are averaged."""
        parts = [g for g in self.gradients.values() if g.pathwise or g.score]
        labels = tuple(g.parameter for g in parts)

        def height(spread: object) -> float:
            if spread is None:
                return math.nan
            value = float(spread.variance.mean())  # type: ignore[attr-defined]
            return value if math.isfinite(value) and value > 0 else math.nan

        return Bars(
            "Variance of one draw of the gradient",
            f"Monte Carlo, n = {self.options.draws:,} · logarithmic axis · no bar: no estimator, "
            "or no variance at all",
            labels,
            (
                ("pathwise", np.array([height(g.pathwise) for g in parts])),
                ("score function", np.array([height(g.score) for g in parts])),
            ),
            "variance",
            y_log=True,
        )


def _cdf(row: Family, at: Mapping[str, Tensor]) -> tuple[Array, Array]:
    return family_options.density(row, row.check(at)).cdf()


def _numbers(value: Tensor) -> str:
    numbers = array(value)
    if numbers.ndim == 0:
        return tex(float(numbers))
    if numbers.ndim == 1:
        return "(" + ", ".join(tex(float(v)) for v in numbers) + ")"
    body = r" \\ ".join(" & ".join(tex(float(v)) for v in row) for row in numbers)
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"
