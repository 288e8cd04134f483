"""The divergence ledger: every f-divergence and W₁ to a known distribution, beside the bounds.

The numbers are computed from samples alone, so they compare a VAE, a GAN and any other model.
Binning never raises an f-divergence (data processing inequality), but counting n samples biases
it upward. Beside each number stands the value of a perfect sampler for the same n and cells.

A divergence with f'(∞) = ∞ is infinite if the data have mass where the model has none. It is
counted on pools of cells, each with so much of the data that a perfect sampler leaves no pool
empty: "infinite" then means that the model misses a region of the data. A model with a likelihood
gives every region some mass, however rare its samples are there. For such a model the table shows
the divergence to the model with 1 % of the data mixed in, which is smaller because f-divergences
are convex; for the other models this number is ``at_least``.

The picture has ``form`` "ledger"; its payload is

.. code-block:: text

    rows     a list, in this order: the f-divergences, then W1; each is
        name     "kl"                       unique in the list
        title    "Kullback-Leibler"
        unit     "nats" | "dimensionless" | "probability" | "data units"
        value    0.123 or "infinite"
        error    0.004 or null              standard error; null if it is unknown
        at_least null, or where the value is infinite: a finite number that it exceeds
        kind     "grid" | "lower bound" | "Monte Carlo"
        n        20000                      samples of the model (0: its density is integrated)
        cells    1025 or 0                  cells or pools of the grid, 0 where there is none
        floor    0.003 or "infinite"        a perfect sampler's value at the same n and cells
        least    0.0                        the value for P = Q
        upper    0.693 or "infinite"        the largest possible value
        bound    null, or a bound that the model itself proves:
            value  0.11 | "infinite" | "-infinite"
            error  0.006 or null            standard error
            side   "lower" | "upper"        on which side of the divergence it lies
            n      512
            how    "critic" | "critic, by the steepest slope seen" | "ELBO"
            own    true | false             whether it is what the model is trained on
    note     as for every picture
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Estimate, Picture, Reading, Series
from genlab.core.random import generator
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.divergences.estimates import Z95, estimate
from genlab.divergences.f import F, FDivergence
from genlab.divergences.grid import Grid, Pooled
from genlab.divergences.quadrature import bound_from_samples, divergences_on_cells
from genlab.divergences.transport import w1, w1_line
from genlab.models.base import GenerativeModel, HasCritic, HasLabels, HasLikelihood
from genlab.nets.norms import has_batch_norm
from genlab.objectives.elbo import elbo_terms
from genlab.objectives.gradient_penalty import score_and_gradient_norm
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import draw, frozen_batchnorm, held_out
from genlab.probes.toys import grid_of
from genlab.probes.truth import (
    MANY,
    LineDistance,
    critic_gives_logit,
    histogram_sample_count,
    log_masses,
)

#: Share of the data in a pool: a model with a tenth of this share still leaves no pool empty.
PLACE = 0.005
#: Points of either distribution in W1: by assignment in the plane, sorted on the line.
PLANE, LINE = 300, 5000
#: Resamplings for the standard errors, draws of a perfect sampler, examples for the bounds.
REPEATS, PERFECT, PROVEN = 24, 4, 512
#: Share of the data mixed into the model, which makes the curve of KL finite.
MIX = 0.01
#: The logit is clipped here: the square of e^30 is finite in float32.
STEEPEST = 30.0


def format_number(value: float) -> float | str | None:
    """A number with six significant digits, or the word for an infinite one.

    Example:
        >>> [format_number(x) for x in (0.12345678, math.inf, -math.inf, math.nan)]
        [0.123457, 'infinite', '-infinite', None]
    """
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return float(f"{value:.6g}")


def standard_error(row: Estimate) -> float | None:
    """The standard error of an estimate, from its 95 % interval; None if that is infinite."""
    half = row.high - row.value
    return float(f"{half / Z95:.3g}") if math.isfinite(half) else None


@PROBES.register("ledger", title="Divergence ledger", order=100)
class Ledger(Probe):
    """Every f-divergence and W₁ to the data with error bars, beside the model's bounds."""

    views: ClassVar[Mapping[str, View]] = {
        "ledger": View(
            "quality",
            "Each divergence between the data and the model, beside the value of a perfect "
            "sampler, its mark. A bar that reaches only to its mark cannot become shorter.",
            "divergence",
            35,
        ),
    }

    share: ClassVar[float] = 0.02

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        assert data.density is not None
        self.density = data.density
        objective = OBJECTIVES[spec.objective](spec.objective_options)
        self.logit = critic_gives_logit(spec)
        self.own: FDivergence | None = objective.critic_divergence
        table: dict[str, FDivergence] = {name: F[name] for name in F}
        if self.own is not None:
            table[self.own.name] = self.own
        self.rows = tuple(table.values())
        self.grid = grid_of(data)
        self.pools = Pooled(self.grid, PLACE)
        self.size = LINE if data.meta.dim == 1 else PLANE
        self.line = LineDistance(self.grid) if data.meta.dim == 1 else None
        self.n = histogram_sample_count(spec, self.grid)
        self.floors = self._perfect()

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return data.density is not None and data.meta.shape in {(1,), (2,)}

    def cells(self, row: FDivergence) -> Grid | Pooled:
        """The cells on which a divergence is estimated from counts."""
        return self.pools if math.isinf(row.slope_at_infinity) else self.grid

    def _counted(self, x: Tensor, repeats: int = REPEATS) -> dict[str, Estimate]:
        found = {}
        for cells in (self.grid, self.pools):
            rows = [row for row in self.rows if self.cells(row) is cells]
            for one in divergences_on_cells(rows, cells, x, repeats=repeats):
                found[one.series.name] = one
        return found

    def _mixed(self, shares: Tensor) -> dict[str, float]:
        """On the pools, with a little of the truth mixed into the model's shares: always finite,
        where the model stays off the places that have no mass."""
        log_q = ((1 - MIX) * shares + MIX * self.pools.masses).log()
        rows = [row for row in self.rows if self.cells(row) is self.pools]
        return {r.name: float(r.of_probabilities(self.pools.log_masses, log_q)) for r in rows}

    def _integrated(self, log_q: Tensor) -> dict[str, Estimate]:
        """From the log-masses of the grid's cells under a model that knows its density."""
        pair = {
            False: (self.grid.log_masses, log_q),
            True: (self.pools.log_masses, self.pools.together(log_q.exp()).log()),
        }
        found = {}
        for row in self.rows:
            value = float(row.of_probabilities(*pair[self.cells(row) is self.pools]))
            found[row.name] = estimate(row.name, row.title, value, kind="grid", unit=row.unit)
        return found

    def _w1(self, x: Tensor) -> Estimate:
        real = held_out(self.data, self.size)[0]
        if self.data.meta.dim == 1:
            return w1_line(real, x[: self.size])
        return w1(real, x[: self.size], limit=self.size)

    def _along(self, model: GenerativeModel, x: Tensor) -> Estimate:
        """W1 on the line to a model whose distribution is integrated."""
        assert self.line is not None
        value = self.line.w1(model, x)
        return estimate("w1", "Wasserstein-1", value, kind="grid", unit="data units")

    def _perfect(self) -> dict[str, float]:
        """The score of a perfect sampler, the mean of a few draws."""
        total: dict[str, float] = {}
        for k in range(PERFECT):
            x = self.density.sample(self.n or MANY, generator(k, "perfect sampler")).float()
            values = {name: one.value for name, one in self._counted(x, 2).items()}
            values["w1"] = self._w1(x).value
            values["mixed"] = self._mixed(self.pools.shares(x))["kl"]
            for name, value in values.items():
                total[name] = total.get(name, 0.0) + value / PERFECT
        return total

    @property
    def series(self) -> tuple[Series, ...]:
        along = self.line is not None and not self.n
        points = 0 if along else 2 * self.size
        return (
            Series(
                "ledger_kl",
                f"KL(truth ‖ {'samples' if self.n else 'model'}), {MIX:.0%} of the truth mixed in",
                "divergence",
                "nats",
                "grid",
                self.n,
                "lower",
                self.floors["mixed"] if self.n else 0.0,
                f"perfect sampler, n = {self.n:,}" if self.n else "P = Q",
            ),
            Series(
                "ledger_w1",
                "W1(data, model), integrated" if along else "W1(data, samples), held-out",
                "distance",
                "data units",
                "grid" if along else "Monte Carlo",
                points,
                "lower",
                0.0 if along else self.floors["w1"],
                "P = Q" if along else f"perfect sampler, n = {points:,}",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        log_q = log_masses(model, self.grid)
        exact = log_q is not None
        x = draw(model, self.size if exact else self.n, self.data)
        if log_q is not None:
            found, shares = self._integrated(log_q), self.pools.together(log_q.exp())
        else:
            found, shares = self._counted(x), self.pools.shares(x)
        mixed, bounds = self._mixed(shares), self._bounds(model)
        distance = self._along(model, x) if exact and self.line else self._w1(x)
        rows = []
        for row in self.rows:
            line = _line(
                found[row.name],
                self.pools.count if self.cells(row) is self.pools else len(self.grid.masses),
                row.at_one if exact else self.floors[row.name],
                row.at_one,
                row.upper,
                bounds.get(row.name),
            )
            beyond = mixed.get(row.name, math.inf)
            if line["value"] == "infinite" and math.isfinite(beyond):
                if isinstance(model, HasLikelihood):
                    line |= {"value": format_number(beyond), "kind": "lower bound"}
                else:
                    line["at_least"] = format_number(beyond)
            rows.append(line)
        floor = 0.0 if not distance.series.n else self.floors["w1"]
        rows.append(_line(distance, 0, floor, 0.0, math.inf, bounds.get("w1")))
        points = f"between {self.size:,} held-out and {self.size:,} generated points"
        between = points if distance.series.n else "between the two distributions"
        note = (
            f"between data and model; f-divergences on cells, "
            f"{'of its distribution, integrated' if exact else f'n = {self.n:,} samples'}; W1 "
            f"{between}; ± is one standard error of repetition: what cells lose and counting adds "
            f"is not in it, a perfect sampler's value shows the latter. Infinite: a "
            f"place that holds {PLACE:.1%} of the data has none of the samples, or one "
            f"that holds none has samples"
        )
        picture = Picture("ledger", "Divergence ledger", {"rows": rows}, note)
        values = {"ledger_kl": mixed["kl"], "ledger_w1": distance.value}
        return Reading(values, {"ledger": picture})

    def _bounds(self, model: GenerativeModel) -> dict[str, dict[str, Any]]:
        """The model's own bounds of its divergences, on held-out and new generated examples."""
        found: dict[str, dict[str, Any]] = {}
        if isinstance(model, HasLabels):
            # Without a class the bound would hold for another distribution than that of the draws.
            return found
        real = held_out(self.data, PROVEN)[0]
        if isinstance(model, HasLikelihood):
            elbo = elbo_terms(model, real)[1]["elbo"].double()
            above = self.density.log_prob(real).double() - elbo
            found["kl"] = _bound(above.mean(), _error(above), "upper", len(real), "ELBO", True)
        if not isinstance(model, HasCritic) or model.pack > 1:
            return found
        with frozen_batchnorm(model, self.data):
            fake = model.sample(len(real))
            scores = model.score(real).double(), model.score(fake).double()
            if not has_batch_norm(model):
                found["w1"] = self._by_slope(model, real, fake)
        for row in self.rows:
            own = self.own is not None and row.name == self.own.name
            if own:
                one = bound_from_samples(row, *scores, score=True)
            elif self.logit:
                a, b = (row.critic(v.clamp(-STEEPEST, STEEPEST)) for v in scores)
                one = bound_from_samples(row, a, b)
            else:
                continue
            error = (one.high - one.value) / Z95
            trained = own or (self.logit and row.name in {"js", "gan"})
            n = 2 * len(real)
            found[row.name] = _bound(one.value, error, "lower", n, "critic", trained)
        return found

    def _by_slope(self, model: HasCritic, real: Tensor, fake: Tensor) -> dict[str, Any]:
        """(E C(x) − E C(G(z)))/K ≤ W1 for a critic of Lipschitz constant K.

        K is taken as the steepest slope at the points and half-way between them, which is at most
        the true one.
        """
        with torch.enable_grad():
            leaf = torch.cat([real, fake, (real + fake) / 2]).detach().requires_grad_(True)
            score, slope = score_and_gradient_norm(model, leaf)
        steepest = float(slope.detach().max()) or math.inf
        a, b = score.detach().double()[: 2 * len(real)].chunk(2)
        error = math.hypot(_error(a), _error(b)) / steepest
        how = "critic, by the steepest slope seen"
        return _bound((a.mean() - b.mean()) / steepest, error, "lower", 2 * len(real), how, False)


def _error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))


def _bound(
    value: Tensor | float, error: float, side: str, n: int, how: str, own: bool
) -> dict[str, Any]:
    return {
        "value": format_number(float(value)),
        "error": float(f"{error:.3g}") if math.isfinite(error) else None,
        "side": side,
        "n": n,
        "how": how,
        "own": own,
    }


def _line(
    one: Estimate,
    cells: int,
    floor: float,
    least: float,
    upper: float,
    bound: dict[str, Any] | None,
) -> dict[str, Any]:
    return {
        "name": one.series.name,
        "title": one.series.title,
        "unit": one.series.unit,
        "value": format_number(one.value),
        "error": standard_error(one) if math.isfinite(one.value) else None,
        "at_least": None,
        "kind": one.series.kind,
        "n": one.series.n,
        "cells": cells,
        "floor": format_number(floor),
        "least": format_number(least),
        "upper": format_number(upper),
        "bound": bound,
    }
