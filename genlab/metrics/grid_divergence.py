"""Samples in the plane or on the line against the known density, on a grid, and the modes."""

from __future__ import annotations

import torch

from genlab.core.measure import Series
from genlab.divergences import mass_within_radius, mode_coverage
from genlab.metrics.base import (
    METRICS,
    SETS,
    T7,
    TOY_N,
    TOY_SETS,
    WILSON,
    Metric,
    MetricValue,
    Subject,
    mean_estimate,
    share_estimate,
)
from genlab.probes.common import draw
from genlab.probes.toys import grid_of, mode_std


@METRICS.register("grid_divergence", title="JS and KL on a grid, modes reached", order=30)
class GridDivergence(Metric):
    """JS and KL of sample counts to the known density on a grid, and the coverage of the modes."""

    order = 60

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        return subject.data.density is not None and subject.low_dimensional

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, data = subject.model, subject.data
        grid = grid_of(data)
        sets = [draw(model, TOY_N, data) for _ in range(TOY_SETS)]
        floors = grid.floor(TOY_N)
        label = f"perfect sampler, n = {TOY_N} (bias of counting)"
        found = []
        for key, title, truth, value in (
            ("js", "JS(samples ‖ truth) on a grid", floors[0], grid.js),
            ("kl", "KL(samples ‖ truth) on a grid", floors[1], grid.kl),
        ):
            series = Series(
                f"grid_{key}", title, "divergence", "nats", "grid", TOY_N, "lower", truth, label
            )
            values = torch.tensor([value(x) for x in sets])
            found.append(MetricValue(mean_estimate(series, values, T7), SETS))
        std = mode_std(data)
        if data.modes is None or std is None:
            return found
        seen = [mode_coverage(x, data.modes, std) for x in sets]
        reached = Series(
            "modes",
            "modes reached",
            "coverage",
            "count",
            "Monte Carlo",
            TOY_N,
            "higher",
            float(len(data.modes)),
            "all modes",
        )
        quality = Series(
            "high_quality",
            "samples within 3 std of a mode",
            "quality",
            "probability",
            "Monte Carlo",
            TOY_N * TOY_SETS,
            "higher",
            mass_within_radius(3.0, data.meta.dim),
            "perfect sampler",
        )
        count = torch.tensor([float(s.modes) for s in seen])
        hits = round(sum(s.high_quality for s in seen) * TOY_N)
        return [
            *found,
            MetricValue(mean_estimate(reached, count, T7), SETS),
            MetricValue(share_estimate(quality, hits, TOY_N * TOY_SETS), WILSON),
        ]
