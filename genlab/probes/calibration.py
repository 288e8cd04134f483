"""Calibration of a discriminator: D(x) against the fraction of real examples, and against D*.

The examples are half real and half generated. Of those to which a calibrated D gives the
probability d, a share d is real; the share is the mean of D* = p/(p + q) over them. For toy data
D* itself is known as well.

The picture has ``form`` "calibration"; its payload is

.. code-block:: text

    bins     a list of 10, from D = 0 to D = 1; each is
        low, high   0.1, 0.2                ends of the bin
        d           0.153 or null           mean D of the examples in it, null for an empty bin
        share       0.21 or null            share of them that is real
        error       0.02 or null            standard error of the share
        truth       0.19 or null            mean D* over the bin (toys; null elsewhere)
        n           182                     examples in it
    ece      0.031                          expected calibration error, mean |share - d|
    chance   0.009                          the ece of a calibrated D, by chance alone
    distance 0.071 or null                  mean |D - D*| under (p + q)/2 (toys; null elsewhere)
    floor    0.012 or null                  the distance of D* itself, because q is counted
    n        2000                           examples, half of them real and held out

Perfect confidence is the diagonal, share = d. For toys ``truth`` lies on ``share``, up to errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading, Series
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel, HasCritic
from genlab.probes.adversarial import is_adversarial
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import frozen_batchnorm, held_out, normalisation, round_digits
from genlab.probes.toys import fine_grid_of
from genlab.probes.truth import (
    GridDiscriminator,
    OptimalDiscriminator,
    critic_gives_logit,
    histogram_sample_count,
    scores_single_examples,
)

#: Bins of D, and examples of each sort.
BINS, EACH = 10, 1000
#: The same for images, which cost more.
FEWER = 256


def reliability(real: Tensor, fake: Tensor, bins: int = BINS) -> dict[str, Any]:
    """The bins of D, the expected calibration error, and its value by chance alone.

    ECE = Σ_b (n_b/n) |share of real in b − mean D in b|. A calibrated D scores about
    Σ_b (n_b/n) √(2/π) √(d_b (1 − d_b)/n_b).

    Source: Naeini et al. 2015; Guo et al. 2017, "On calibration of modern neural networks".

    Args:
        real, fake: D on real and on generated examples, (n,) each.
        bins: the number of equal bins from 0 to 1.

    Example:
        >>> flat = torch.full((8,), 0.5)
        >>> reliability(flat, flat)["ece"]
        0.0
    """
    d = torch.cat([real, fake]).double()
    is_real = torch.cat([torch.ones_like(real), torch.zeros_like(fake)]).double()
    index = (d * bins).long().clamp(0, bins - 1)
    rows, ece, chance = [], 0.0, 0.0
    for number in range(bins):
        inside = index == number
        n = int(inside.sum())
        row: dict[str, Any] = {"low": number / bins, "high": (number + 1) / bins}
        row |= {"d": None, "share": None, "error": None, "truth": None, "n": n}
        if n:
            mean, share = float(d[inside].mean()), float(is_real[inside].mean())
            ece += n / len(d) * abs(share - mean)
            chance += math.sqrt(2 / math.pi * mean * (1 - mean) * n) / len(d)
            error = math.sqrt(max(share * (1 - share), 0.25 / n) / n)
            row |= {"d": mean, "share": share, "error": error}
        rows.append(row)
    return {"bins": rows, "ece": ece, "chance": chance, "n": len(d)}


@PROBES.register("calibration", title="Discriminator's calibration", order=60)
class Calibration(Probe):
    """D in bins against the fraction of real examples, and against D* where it is known."""

    views: ClassVar[Mapping[str, View]] = {
        "calibration": View(
            "critic",
            "How often examples are real, against the probability that the discriminator gives "
            "them; points on the diagonal are calibrated.",
            "gan_game",
        ),
    }

    share: ClassVar[float] = 0.005

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.logit = critic_gives_logit(spec) and scores_single_examples(spec)
        self.n = min(FEWER if data.meta.is_image else EACH, len(data.validation))
        known = data.density is not None and data.meta.shape in {(1,), (2,)}
        self.truth: OptimalDiscriminator | None = None
        if known and self.logit:
            self.truth = OptimalDiscriminator(fine_grid_of(data))
            self.counted = histogram_sample_count(spec, self.truth.grid)

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return is_adversarial(model)

    @property
    def series(self) -> tuple[Series, ...]:
        if not self.logit:
            return ()
        rows = [
            Series(
                "d_calibration",
                "expected calibration error of D, held-out",
                "calibration",
                "probability",
                "Monte Carlo",
                2 * self.n,
                "lower",
                0.0,
                "calibrated",
            )
        ]
        if self.truth is not None:
            rows.append(
                Series(
                    "d_gap",
                    "mean |D − D*| under (p + q)/2",
                    "calibration",
                    "probability",
                    "grid",
                    self.counted,
                    "lower",
                    0.0,
                    "D = D*",
                )
            )
        return tuple(rows)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        if not self.logit:
            return Reading()
        assert isinstance(model, HasCritic)
        best = None if self.truth is None else self.truth.of(model)
        with frozen_batchnorm(model, self.data):
            real = model.score(held_out(self.data, self.n)[0]).sigmoid()
            fake = model.score(model.sample(self.n)).sigmoid()
            learned = None
            if self.truth is not None:
                learned = model.score(self.truth.grid.centres.float()).double().sigmoid()
        payload = reliability(real, fake) | {"distance": None, "floor": None}
        values = {"d_calibration": payload["ece"]}
        note = f"Monte Carlo, n = {self.n} held-out and {self.n} generated{normalisation(model)}"
        if best is not None and learned is not None:
            payload |= {"distance": float(best.distance(learned)), "floor": float(best.floor)}
            values["d_gap"] = payload["distance"]
            for row, truth in zip(payload["bins"], best_in_bins(best, learned), strict=True):
                row["truth"] = truth
            note += f"; D* on {self.truth.grid.cells} cells an axis, {best.words}"  # type: ignore[union-attr]
        picture = Picture("calibration", "Discriminator's calibration", _rounded(payload), note)
        return Reading(values, {"calibration": picture})


def best_in_bins(best: GridDiscriminator, learned: Tensor, bins: int = BINS) -> list[float | None]:
    """The mean of D* under (p + q)/2 over the cells in each bin of the learned D."""
    index = (learned * bins).long().clamp(0, bins - 1)
    weight = best.weight.new_zeros(bins).index_add_(0, index, best.weight)
    d = torch.where(best.known, best.d, 0.0)
    total = weight.new_zeros(bins).index_add_(0, index, best.weight * d)
    return [
        float(t / w) if w > 0 else None
        for t, w in zip(total.tolist(), weight.tolist(), strict=True)
    ]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return round_digits(torch.tensor(value), 4) if isinstance(value, float) else value
