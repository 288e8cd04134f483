"""The f-divergences: one Gaussian for a mixture under each, by search and by an f-GAN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.divergences.f import F, FDivergence
from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.divergences.quadrature import (
    bound_1d,
    divergence_1d,
    integrate,
)
from genlab.lessons.base import LESSONS, Check, Equation, Move, Quantity, tex
from genlab.lessons.fgan_fits import (
    BATCH,
    PIECE,
    Trained,
)
from genlab.lessons.fgan_numbers import FGANNumbers
from genlab.lessons.panels import Curve, Curves, Matrix, Panel, Style, Table, array
from genlab.lessons.teaching import fgan

#: Above this many times the column's best a cell has the strongest colour.
DARKEST = 4.0
INFINITE = "infinite"


@LESSONS.register(
    "fgan",
    title="f-GAN: one divergence or another",
    summary="One Gaussian for a mixture: mode seeking against mass covering.",
)
class FDivergences(FGANNumbers):
    """argmin over N(μ, σ²) of D_f(P ‖ N(μ, σ²)) for every row of the table."""

    chapter = 11
    idea = (
        "The GAN game is one case of many: any convex f with f(1) = 0 gives a divergence, and "
        "its conjugate f* gives a lower bound that a critic can maximise from samples alone. "
        "The choice of f matters if the model is misspecified: KL and Pearson spread the model "
        "over all data, reverse KL and Neyman concentrate it on one mode. Each fit is the best "
        "under its own divergence only."
    )
    needs = ("gan_game",)
    goals = (
        ("turn a convex f into a bound from samples"),
        ("predict which divergence covers and which seeks a mode"),
    )
    notes = (
        (
            "KL and Pearson punish missing mass of the data; reverse KL and Neyman punish "
            "samples where there are no data; the rest lie between."
        ),
        (
            "The row *gan* has f(1) = −log 4: it is 2 JS − log 4, which is negative at P = Q: "
            "a divergence minus a constant."
        ),
    )
    questions, exercises = fgan.QUESTIONS, fgan.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "gan", "objective": "fgan"}
    source = (
        "Nowozin, Cseke and Tomioka 2016, f-GAN, sections 2 and 3; Nguyen, Wainwright and Jordan "
        "2010."
    )
    moves = (
        Move("Train", "train", lambda n: max(1200, int(n)),
             "1200 real steps with the objective of the Train page.", ":material/play_arrow:"),
        Move("Clear", "train", lambda _: 0, "The direct search alone.",
             ":material/restart_alt:"),
    )  # fmt: skip

    def equations(self) -> tuple[Equation, ...]:
        row, fit, form = self.row, self.best, self.row.latex
        value = fit.divergence.value
        at = torch.tensor([fit.mean], dtype=torch.float64)
        ratio = self.p(at) - fit.mixture(at)
        critic = float(row.critic(ratio))
        kind = fit.divergence.series.kind
        steps = [
            Equation(
                _what_it_makes(row),
                rf"D_f(P \,\|\, Q) = \int q\, f\!\left(\frac pq\right) dx,\qquad f(u) = {form.f}"
                rf",\qquad D_f = {form.divergence}",
            ),
            Equation(
                "Its conjugate gives a lower bound that a critic T maximises from samples; the "
                "optimal critic is a function of p/q. "
                f"At the mean of the fit, x = {fit.mean:.3g}:",
                r"D_f \ge E_P[T] - E_Q[f^{*}(T)],\qquad"
                rf" f^{{*}}(t) = {form.conjugate},\quad {form.domain},\qquad"
                rf" T^{{*}} = {form.critic}",
                rf"\log r = {tex(float(ratio))},\qquad T^{{*}} = {tex(critic)}"
                rf"\qquad (\text{{real where }} T > f'(1) = {tex(row.threshold)})",
            ),
            Equation(
                "The best Gaussian under it, by direct search.",
                r"(\mu^{*}, \sigma^{*}) = \arg\min_{\mu, \sigma}"
                r" D_f\big(P \,\|\, \mathcal N(\mu, \sigma^2)\big)",
                rf"\mu^{{*}} = {tex(fit.mean)},\quad \sigma^{{*}} = {tex(fit.std)},\quad"
                rf" D_f = {tex(value)}",
                (Quantity(f"{row.title} at its optimum", value, kind, row.unit),),
            ),
            Equation(
                "The factor of 2: the row js is KL(P ‖ M) + KL(Q ‖ M) with M the even mixture, "
                "twice the Jensen-Shannon divergence, from 0 to 2 log 2. The paper's formula "
                "carries a factor ½, the numbers of its experiments do not.",
                r"\mathrm{js} = \mathrm{KL}(P \| M) + \mathrm{KL}(Q \| M) = 2\,\mathrm{JS}",
                rf"{tex(self._own('js'))} = 2 \cdot {tex(self._own('js') / 2)}",
                (Quantity("row js at this fit", self._own("js"), "exact", "nats"),),
            ),
            Equation(
                "The order of arguments: P, the data, comes first. Pearson divides by q, "
                "Neyman by p; "
                "the paper's table prints the denominators the other way, its numbers do not. "
                "KL(P ‖ Q) covers, KL(Q ‖ P) seeks a mode.",
                r"\chi^2_{\text{Pearson}} = \int \frac{(p - q)^2}{q},\qquad"
                r" \chi^2_{\text{Neyman}} = \int \frac{(p - q)^2}{p}",
                rf"{tex(self._own('pearson'))}\qquad\text{{and}}\qquad"
                rf" {tex(self._own('neyman'))}",
            ),
        ]
        if self.trained is not None:
            steps.append(self._reached(self.trained))
        return tuple(steps)

    def _own(self, name: str) -> float:
        """A plain row of the table at the chosen fit."""
        return divergence_1d(F[name], self.p, self.best.mixture).value

    def _reached(self, run: Trained) -> Equation:
        mean, std = run.averaged
        row = self.row
        return Equation(
            f"The result of a real f-GAN after {self.options.train} steps with batches of "
            f"{BATCH}: its critic's bound, and the divergence that it bounds.",
            r"F(T_\omega, \theta) \le D_f(P \,\|\, Q_\theta),\qquad \hat\mu \to \mu^{*},\quad"
            r" \hat\sigma \to \sigma^{*}",
            rf"{tex(run.bound.value)} \le {tex(run.exact)},\qquad \hat\mu = {tex(mean)},"
            rf"\quad \hat\sigma = {tex(std)}",
            (
                Quantity("bound on fresh examples", run.bound.value, "lower bound", row.unit,
                         run.bound.series.n, (run.bound.high - run.bound.low) / 3.92),
                Quantity(f"{row.title} of this generator", run.exact, "exact", row.unit),
            ),
        )  # fmt: skip

    def check(self) -> tuple[Check, ...]:
        row, fit = self.row, self.best
        kl = self._fit(F["kl"])
        q = fit.mixture
        tight = bound_1d(row, lambda x: row.critic(self.p(x) - q(x)), self.p, q)
        js = divergence_1d(F["js"], self.p, q).value
        both = integrate(
            lambda x: torch.stack(
                [density(x).exp() * (density(x) - self._middle(x, q)) for density in (self.p, q)]
            ),
            breaks=(*self.p.breaks, *q.breaks),
        ).value
        found = [
            Check(
                "KL's best Gaussian has the mean of the data.",
                kl.mean,
                self.p.mean,
                "direct search",
                "Σ w μ",
                "exact",
                "data units",
                1e-4,
            ),
            Check(
                "and their standard deviation.",
                kl.std,
                math.sqrt(self.p.variance),
                "direct search",
                "root of Σ w (σ² + μ²) − mean²",
                "exact",
                "data units",
                1e-4,
            ),
            Check(
                f"The bound is tight at T*: {row.title}.",
                tight.value,
                fit.divergence.value,
                "E_P T* − E_Q f*(T*), quadrature",
                "∫ q f(p/q), quadrature",
                "exact",
                row.unit,
                1e-5 * max(1.0, abs(fit.divergence.value)),
            ),
            Check(
                "The row js is twice JS.",
                js,
                float(both.sum()),
                "the row of the table",
                "KL(P ‖ M) + KL(Q ‖ M), each by quadrature",
                "exact",
                "nats",
                1e-8,
            ),
            *self._turned(q),
            *self._best_by_its_own(),
        ]
        if self.trained is not None:
            run = self.trained
            error = (run.bound.high - run.bound.low) / 3.92
            found.append(
                Check(
                    "The f-GAN's critic bounds the divergence from below.",
                    run.bound.value,
                    run.exact,
                    "critic on fresh examples",
                    "quadrature at the trained generator",
                    "lower bound",
                    row.unit,
                    4 * error,
                    run.bound.series.n,
                    "≤",
                )
            )
        return tuple(found)

    def _middle(self, x: Tensor, q: Mixture1D) -> Tensor:
        return torch.logaddexp(self.p(x), q(x)) - math.log(2.0)

    def _turned(self, q: Mixture1D) -> tuple[Check, ...]:
        """Neyman is Pearson with P and Q exchanged, both infinite or both finite."""
        left = divergence_1d(F["pearson"], self.p, q).value
        right = divergence_1d(F["neyman"], q, self.p).value
        return (
            Check(
                "Pearson of (P, Q) is Neyman of (Q, P).",
                left,
                right,
                "∫ (p − q)²/q",
                "∫ (q − p)²/p with the distributions exchanged",
                "exact",
                "",
                1e-6 * max(1.0, abs(left)) if math.isfinite(left) else 0.0,
            ),
        )

    def _best_by_its_own(self) -> tuple[Check, ...]:
        """No other row's Gaussian is better by the chosen row."""
        names = [row.name for row in self.rows]
        if self.row.name not in names or len(names) < 2:
            return ()
        k = names.index(self.row.name)
        column = self.cross[:, k]
        return (
            Check(
                f"By {self.row.title}, its own fit is best.",
                float(column[k]),
                float(np.delete(column, k).min()),
                "at its own fit",
                "the smallest among the other fits",
                "exact",
                self.row.unit,
                1e-6 * max(1.0, float(column[k])),
                relation="≤",
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        spread = 4.5 * math.sqrt(self.p.variance)
        x = torch.linspace(self.p.mean - spread, self.p.mean + spread, 501, dtype=torch.float64)
        at = array(x)
        drawn = [Curve("p, the data", at, array(self.p(x).exp()), "area", "data")]
        seen: dict[str, tuple[Style, int]] = {"kl": ("dash", 1), "reverse_kl": ("dot", 2)}
        for name, (style, colour) in seen.items():
            if name != self.row.name:
                mixture = self._fit(F[name]).mixture
                drawn.append(Curve(F[name].title, at, array(mixture(x).exp()), style, colour))
        drawn.append(Curve(self.row.title, at, array(self.best.mixture(x).exp()), "line", 0))
        if self.trained is not None:
            mixture = gaussian(*self.trained.averaged)
            drawn.append(Curve("f-GAN, trained", at, array(mixture(x).exp()), "dash", 3))
        return (
            Curves(
                "The best Gaussian under one divergence or another",
                "exact densities · fits by direct search on quadrature",
                tuple(drawn),
                "x",
                "density",
            ),
            Curves(
                "From mode seeking to mass covering",
                "exact · the best mean and standard deviation under each row",
                tuple(
                    Curve(row.name, np.array([fit.mean]), np.array([fit.std]), "points", k)
                    for k, (row, fit) in enumerate(zip(self.rows, self.fits, strict=True))
                ),
                "μ*",
                "σ*",
            ),
            *self._critic(x),
            *self._course(),
            self._crossed(),
            Table(
                "What each row means here",
                "the conventions of this program; papers differ",
                ("divergence", "μ*", "σ*", "D at its optimum", "convention"),
                tuple(
                    (
                        row.title,
                        f"{fit.mean:.4f}",
                        f"{fit.std:.4f}",
                        f"{format_parameter(fit.divergence.value)} {row.unit}".replace(
                            "dimensionless", ""
                        ),
                        row.convention,
                    )
                    for row, fit in zip(self.rows, self.fits, strict=True)
                ),
            ),
        )

    def _critic(self, x: Tensor) -> tuple[Panel, ...]:
        row, q = self.row, self.best.mixture
        exact = row.critic(self.p(x) - q(x))
        low, high = (float(v) for v in exact.quantile(torch.tensor([0.03, 0.97]).double()))
        room = 0.4 * max(high - low, 0.1)
        curves = [
            Curve("T*, exact, at the best fit", array(x), _within(exact, low, high, room), "line")
        ]
        if self.trained is not None:
            run = self.trained
            there = row.critic(self.p(x) - gaussian(run.mean, run.std)(x))
            mine = row.activation(run.critic.score(x.float()[:, None]).double())
            curves += [
                Curve("T*, exact, at the f-GAN", array(x), _within(there, low, high, room),
                      "dash", 3),
                Curve("T, learned", array(x), _within(mine, low, high, room), "line", 1),
            ]  # fmt: skip
        return (
            Curves(
                f"The critic of {row.title}",
                "exact function of p/q · cut where it leaves the frame",
                tuple(curves),
                "x",
                "T",
                levels=((f"f′(1) = {row.threshold:.3g}", row.threshold),),
            ),
        )

    def _course(self) -> tuple[Panel, ...]:
        run = self.trained
        if run is None:
            return ()
        steps, mean, std, bound = (np.array(v) for v in zip(*run.path, strict=True))
        exact = [
            divergence_1d(self.row, self.p, gaussian(m, s)).value
            for _, m, s, _ in run.path[:: max(1, len(run.path) // 24)]
        ]
        return (
            Curves(
                "The f-GAN's generator on its way",
                f"after each {PIECE} steps · dashed: the direct optimum",
                (
                    Curve("mean", steps, mean, "line", 0),
                    Curve("standard deviation", steps, std, "line", 1),
                    Curve("μ*", steps, np.full_like(steps, self.best.mean), "dash", 0),
                    Curve("σ*", steps, np.full_like(steps, self.best.std), "dash", 1),
                ),
                "steps",
                "data units",
            ),
            Curves(
                "Its bound, and what it bounds",
                f"bound on one training batch of {BATCH} · divergence exact, by quadrature",
                (
                    Curve("bound, training batch", steps, bound, "line", 0),
                    Curve(
                        "D(P ‖ Q) at that step",
                        steps[:: max(1, len(run.path) // 24)],
                        np.array(exact),
                        "dash",
                        3,
                    ),
                ),
                "steps",
                self.row.unit,
                levels=(("at the best fit", self.best.divergence.value),),
            ),
        )

    def _crossed(self) -> Matrix:
        best = np.where(np.isfinite(self.cross), self.cross, np.inf).min(0)
        ratio = self.cross / np.maximum(best, 1e-12)
        shade = np.clip(np.where(np.isfinite(ratio), ratio, DARKEST), 1.0, DARKEST) - 1.0
        names = [row.name for row in self.rows]
        titles = tuple(short(row.title) for row in self.rows)
        k = names.index(self.row.name) if self.row.name in names else 0
        return Matrix(
            "Fitted under the row, measured by the column",
            "exact, by quadrature · colour: by what multiple of the column's best it is larger, "
            f"0 for the best, {DARKEST - 1:g} for all beyond · {INFINITE} where the integral is",
            shade,
            titles,
            titles,
            row_title="fitted under",
            column_title="measured by",
            mark=(k, k),
            texts=tuple(tuple(format_parameter(v) for v in line) for line in self.cross),
        )


def _what_it_makes(row: FDivergence) -> str:
    """Whether a row is a divergence: f(1) = 0, so that D(P ‖ P) = 0."""
    if row.at_one == 0.0:
        return f"A convex f with f(1) = 0 gives a divergence; here {row.title}."
    return (
        f"A convex f with f(1) = 0 gives a divergence. Here f(1) = {row.at_one:.4g}, so "
        f"{row.title} is a divergence minus a constant: its minimum, at Q = P, is "
        f"{row.at_one:.4g}."
    )


def format_parameter(value: float) -> str:
    """A divergence in words: an infinite one says so.

    Example:
        >>> format_parameter(0.28312), format_parameter(math.inf)
        ('0.283', 'infinite')
    """
    if math.isinf(value):
        return INFINITE
    return f"{value:.3g}" if value < 1e4 else f"{value:.0e}"


def short(title: str) -> str:
    """A title without its brackets.

    Example:
        >>> short("Jensen-Shannon (×2)")
        'Jensen-Shannon'
    """
    return title.split(" (")[0]


def _within(values: Tensor, low: float, high: float, room: float) -> Any:
    inside = (values > low - room) & (values < high + room)
    return array(torch.where(inside, values, torch.full_like(values, math.nan)))
