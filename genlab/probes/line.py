"""The densities of data and model on the line, and the learned D beside the exact D*.

The picture has ``form`` "line"; its payload is

.. code-block:: text

    x        [-2.1, ...]                          160 points, the midpoints of equal cells
    lines    {name: {"title", "on", "y"}}, in the order in which they are offered:
        p      density of the data, exact         (on "density", from 0)
        q      density of the model               (on "density", from 0)
        d      learned D(x)                       (on "probability"; logit only)
        truth  D*(x) = p/(p + q)                  (on "probability"; logit only)
        c      C(x), the raw score                (on "score"; only where it is no logit)
        truth  the best critic's score, of p/q    (on "score"; where the loss has one)
      y has one number a point, null where it is unknown
    real     [x, ...]                             100 held-out points
    fake     [x, ...]                             100 generated points, always from the same z
    arrows   [dx, ...] or []                      for the first 64 of ``fake``: where the
                                                  generator's loss pushes each, its negative
                                                  gradient, drawn to scale; the longest is 8 % of
                                                  the range
    push     1.25                                 the longest gradient, loss per data unit told
    [["JS", 0.12, "nats"], ...]          between the distributions: JS, KL both ways, W1, and
                                                  where D* is known mean |D − D*|
    n        20000 or 0                           samples from which q is counted, 0 where it is
                                                  integrated
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading, Series
from genlab.core.random import generator
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.divergences.f import F
from genlab.divergences.grid import FLOOR
from genlab.models.base import GenerativeModel, HasCritic
from genlab.objectives.adversarial import Adversarial
from genlab.objectives.base import Objective
from genlab.probes.adversarial import is_adversarial
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import draw, frozen_batchnorm, held_out, normalisation, round_digits
from genlab.probes.gap import ARROWS, DOTS, generator_pushes
from genlab.probes.ledger import format_number
from genlab.probes.toys import fine_grid_of
from genlab.probes.truth import (
    MANY,
    GridDiscriminator,
    LineDistance,
    critic_gives_logit,
    histogram_sample_count,
    log_masses,
    scores_single_examples,
)

#: Draws that give the range of a model whose distribution is integrated.
REACHED = 1000
#: The divergences beside the lines: name -> title.
KINDS = {
    "line_js": "JS(data ‖ model)",
    "line_kl": "KL(data ‖ model)",
    "line_kl_reverse": "KL(model ‖ data)",
}


def divergences(p: Tensor, q: Tensor) -> dict[str, float]:
    """JS and both KL of two tables of masses, in nats; each mass is at least 1e-9."""
    log_p, log_q = (masses.clamp(min=FLOOR).log() for masses in (p, q))
    kl = F["kl"]
    return {
        # The table's row is KL(p ‖ m) + KL(q ‖ m).
        "line_js": 0.5 * float(F["js"].of_probabilities(log_p, log_q)),
        "line_kl": float(kl.of_probabilities(log_p, log_q)),
        "line_kl_reverse": float(kl.of_probabilities(log_q, log_p)),
    }


@PROBES.register("line", title="Distributions on the line", order=110)
class DensitiesOnTheLine(Probe):
    """p, q, learned D and D* as lines; JS, KL and W1 between the distributions."""

    views: ClassVar[Mapping[str, View]] = {
        "line": View(
            "critic",
            "The densities of data and model, and below them what the critic says beside the best "
            "possible answer.",
            "gan_game",
            100,
        ),
    }

    share: ClassVar[float] = 0.015

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        assert data.density is not None
        self.objective: Objective = OBJECTIVES[spec.objective](spec.objective_options)
        self.logit, self.judges = critic_gives_logit(spec), scores_single_examples(spec)
        self.grid = fine_grid_of(data)
        self.line = LineDistance(self.grid)
        self.n = histogram_sample_count(spec, self.grid)
        self.exact = not self.n
        self.floors = dict.fromkeys([*KINDS, "line_w1"], 0.0) if self.exact else self._perfect()

    def _perfect(self) -> dict[str, float]:
        """The score of a perfect sampler when q is estimated from counts."""
        x = self.grid.density.sample(self.n or MANY, generator(0, "perfect sampler"))
        found = divergences(self.grid.masses, self.grid.shares(x))
        return found | {"line_w1": self.line.w1(None, x)}

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return data.density is not None and data.meta.shape == (1,)

    @property
    def series(self) -> tuple[Series, ...]:
        label = "P = Q" if self.exact else f"perfect sampler, n = {self.n:,}"
        how = "integrated" if self.exact else "counted"
        rows = [
            Series(
                name,
                f"{title}, {how} on {self.grid.cells} cells"
                + ("" if name == "line_js" else f" of at least {FLOOR:g}"),
                "js" if name == "line_js" else "divergence",
                "nats",
                "grid",
                self.n,
                "lower",
                self.floors[name],
                label,
            )
            for name, title in KINDS.items()
        ]
        distance = Series(
            "line_w1",
            f"W1(data, model), {how}",
            "distance",
            "data units",
            "grid",
            self.n,
            "lower",
            self.floors["line_w1"],
            label,
        )
        return (*rows, distance)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        grid = self.grid
        x = draw(model, self.n or REACHED)
        log_q = log_masses(model, grid) if self.exact else None
        q = grid.shares(x) if log_q is None else log_q.exp()
        values = divergences(grid.masses, q) | {"line_w1": self.line.w1(model, x)}
        titles = ("JS", "KL(p ‖ q)", "KL(q ‖ p)", "W1")
        units = ("nats", "nats", "nats", "data units")
        rows = [
            [t, format_number(v), u]
            for t, v, u in zip(titles, values.values(), units, strict=True)
        ]
        width = float((grid.high - grid.low)[0]) / grid.cells
        lines = {
            "p": _line("data, p(x)", "density", grid.density.log_prob(grid.centres).exp()),
            "q": _line("model, q(x)", "density", q[:-1] / width),
        }
        payload: dict[str, Any] = {
            "x": round_digits(grid.centres[:, 0], 5),
            "lines": lines,
            "real": round_digits(held_out(self.data, DOTS)[0][:, 0], 4),
            "fake": round_digits(x[:DOTS, 0], 4),
            "arrows": [],
            "push": 0.0,
            "told": rows,
            "n": self.n,
        }
        best = GridDiscriminator(grid.masses[:-1], q[:-1], self.n)
        how = f"p exact; {best.words} on {grid.cells} cells"
        if is_adversarial(type(model)) and self.judges:
            assert isinstance(model, HasCritic)
            with frozen_batchnorm(model, self.data):
                score = model.score(grid.centres.float()).double()
                arrows, payload["push"] = generator_pushes(
                    self.objective, self.data, model, x[:ARROWS]
                )
            payload["arrows"] = [dx for (dx,) in arrows]
            if self.logit:
                d = score.sigmoid()
                truth = torch.where(best.known, best.d, torch.nan)
                lines["d"] = _line("learned D(x)", "probability", d)
                lines["truth"] = _line("exact D*(x) = p/(p + q)", "probability", truth)
                rows.append(["mean |D − D*|", round_digits(best.distance(d)), "probability"])
            else:
                lines["c"] = _line("learned C(x)", "score", score)
                game = self.objective
                of_ratio = game.row.best if isinstance(game, Adversarial) else None
                if of_ratio is not None:
                    ratio = torch.where(best.known, (best.p / best.q).log(), torch.nan)
                    lines["truth"] = _line("exact C*(x), of p/q", "score", of_ratio(ratio))
        note = (
            f"{how}; JS, KL and W1 between both densities; {DOTS} held-out and {DOTS} generated "
            f"points{normalisation(model)}"
        )
        return Reading(
            values, {"line": Picture("line", "Distributions on the line", payload, note)}
        )


def _line(title: str, on: str, values: Tensor) -> dict[str, Any]:
    """One line; non-finite values are unknown."""
    y = [v if math.isfinite(v) else None for v in round_digits(values.double(), 4)]
    return {"title": title, "on": on, "y": y}
