"""Probes of models of toy data with known density."""

from __future__ import annotations

import functools

from genlab.core.measure import Reading, Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS
from genlab.data.base import Dataset, Density
from genlab.divergences import Grid, mass_within_radius, mode_coverage
from genlab.models.base import GenerativeModel
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import draw, sample_budget

#: Samples in the numbers.
NUMBERS = 2000


def _numbers(spec: RunSpec) -> int:
    return sample_budget(MODELS[spec.model], NUMBERS)


@functools.lru_cache(maxsize=4)
def density_grid(density: Density, cells: int, fine: int) -> Grid:
    """The grid of a density, shared by the probes of a run."""
    return Grid(density, cells, fine)


def grid_of(data: Dataset) -> Grid:
    """The grid of a dataset's density: 32 x 32 cells, or 64 in one dimension."""
    assert data.density is not None
    plane = data.meta.dim == 2
    return density_grid(data.density, 32 if plane else 64, 12 if plane else 64)


def fine_grid_of(data: Dataset) -> Grid:
    """The grid on which D* is drawn: 48 x 48 cells, or 160 in one dimension."""
    assert data.density is not None
    plane = data.meta.dim == 2
    return density_grid(data.density, 48 if plane else 160, 4 if plane else 16)


def mode_std(data: Dataset) -> float | None:
    """The standard deviation of a mode, None where the data have no separated modes."""
    if data.modes is None:
        return None
    return data.extra.get("mode_std", data.extra.get("std"))


@PROBES.register("grid", title="Divergences to the known density", order=40)
class GridDivergences(Probe):
    """JS and KL between samples and the true density on a grid, beside a perfect sampler's value.

    For data on the line :mod:`genlab.probes.line` computes them without counting.
    """

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.grid = grid_of(data)

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return data.density is not None and data.meta.shape == (2,)

    @property
    def series(self) -> tuple[Series, ...]:
        n = _numbers(self.spec)
        js, kl = self.grid.floor(n)
        size = "x".join([str(self.grid.cells)] * self.grid.dim)
        label = f"perfect sampler, n = {n} (bias of counting)"
        return (
            Series(
                "grid_js",
                f"JS(samples ‖ truth), {size} cells",
                "js",
                "nats",
                "grid",
                n,
                "lower",
                js,
                label,
            ),
            Series(
                "grid_kl",
                f"KL(samples ‖ truth), {size} cells of at least 1e-9",
                "divergence",
                "nats",
                "grid",
                n,
                "lower",
                kl,
                label,
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        x = draw(model, _numbers(self.spec), self.data)
        return Reading({"grid_js": self.grid.js(x), "grid_kl": self.grid.kl(x)})


@PROBES.register("modes", title="Mode coverage", order=50)
class Modes(Probe):
    """How many modes the samples reach, and the share of samples near one."""

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return mode_std(data) is not None

    @property
    def series(self) -> tuple[Series, ...]:
        assert self.data.modes is not None
        n = _numbers(self.spec)
        return (
            Series(
                "modes",
                "modes reached",
                "coverage",
                "count",
                "Monte Carlo",
                n,
                "higher",
                float(len(self.data.modes)),
                "all modes",
            ),
            Series(
                "high_quality",
                "samples within 3 std of a mode",
                "quality",
                "probability",
                "Monte Carlo",
                n,
                "higher",
                mass_within_radius(3.0, self.data.meta.dim),
                "perfect sampler",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        std = mode_std(self.data)
        assert self.data.modes is not None
        assert std is not None
        seen = mode_coverage(draw(model, _numbers(self.spec), self.data), self.data.modes, std)
        return Reading({"modes": float(seen.modes), "high_quality": seen.high_quality})
