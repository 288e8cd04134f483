"""Toys on the line and in the plane, most of them with their exact density."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core import options
from genlab.core.options import Options, option
from genlab.core.random import generator
from genlab.core.tables import DATASETS
from genlab.data import mixture
from genlab.data.base import DataMeta, Dataset, DataSource, Density, Progress, Split
from genlab.data.densities import Checkerboard, Components, GaussianMixture, Pinwheel, Spirals

#: The seed of every toy: the points are the same in every run, whatever the run's own seed.
DATA_SEED = 20_261_122
#: Size of the validation and of the test split: held-out numbers have the same error in each run.
HELD_OUT = 10_000

Labelled = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class ToyOptions(Options):
    """What every toy has."""

    points: int = option(
        10_000,
        "training points, drawn once by a fixed seed",
        low=100,
        high=1_000_000,
        log=True,
        label="Training points",
    )


class Toy(DataSource):
    """A dataset that is drawn: three independent samples by streams named after the splits."""

    Options: ClassVar[type[options.Options]] = ToyOptions
    #: A sentence for the page.
    note: ClassVar[str] = "The exact log-density is known."

    @classmethod
    def density(cls, options: Any) -> Density | None:
        """The exact distribution, None if not known."""
        return None

    @classmethod
    def draw(cls, options: Any, n: int, source: torch.Generator) -> Labelled:
        """n points and their labels (None without labels)."""
        density = cls.density(options)
        if density is None:
            raise TypeError(f"{cls.__name__} has neither a distribution nor a way to draw")
        if isinstance(density, Components) and cls.labels(options):
            return density.sample_labelled(n, source)
        return density.sample(n, source), None

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        """The names of the classes."""
        return ()

    @classmethod
    def shape(cls, options: Any) -> tuple[int, ...]:
        """Shape of one point."""
        return (2,)

    @classmethod
    def meta(cls, options: Any) -> DataMeta:
        return DataMeta(
            shape=cls.shape(options),
            support="real",
            classes=cls.labels(options),
            density=cls.density(options) is not None,
            note=cls.note,
        )

    @classmethod
    def load(cls, options: Any, progress: Progress | None = None) -> Dataset:
        sizes = {"train": options.points, "validation": HELD_OUT, "test": HELD_OUT}
        train, validation, test = (
            Split(*cls.draw(options, n, generator(DATA_SEED, cls.name, part)))
            for part, n in sizes.items()
        )
        density = cls.density(options)
        modes, extra = None, {}
        if isinstance(density, GaussianMixture) and density.well_separated:
            modes = density.means.float()
            extra = {"mode_std": float(torch.linalg.eigvalsh(density.covariances).amax().sqrt())}
        if progress is not None:
            progress(1.0, f"{options.points} points drawn")
        return Dataset(
            cls.meta(options), train, validation, test, density, modes=modes, extra=extra
        )


def _numbered(word: str, n: int) -> tuple[str, ...]:
    return tuple(f"{word} {i + 1}" for i in range(n))


@dataclass(frozen=True)
class GaussianOptions(ToyOptions):
    """Options of one Gaussian."""

    dim: int = option(2, "dimensions", choices=(1, 2), label="Dimensions")
    mean: float = option(0.0, "mean on every axis", low=-10.0, high=10.0, label="Mean")
    std: float = option(
        1.0, "standard deviation on every axis", low=0.001, high=10.0, label="Standard deviation"
    )


@DATASETS.register(
    "gaussian", title="One Gaussian", summary="N(mean, std²) in 1 or 2 dimensions.", order=30
)
class Gaussian(Toy):
    """One isotropic Gaussian."""

    Options = GaussianOptions

    @classmethod
    def shape(cls, options: Any) -> tuple[int, ...]:
        return (options.dim,)

    @classmethod
    def density(cls, options: Any) -> Density:
        means = torch.full((1, options.dim), options.mean, dtype=torch.float64)
        return GaussianMixture.isotropic(means, options.std)


@dataclass(frozen=True)
class TwoGaussiansOptions(ToyOptions):
    """Options of two Gaussians."""

    dim: int = option(2, "dimensions", choices=(1, 2), label="Dimensions")
    distance: float = option(
        4.0, "distance of the two means", low=0.0, high=20.0, label="Distance between means"
    )
    std: float = option(
        0.5, "standard deviation of each", low=0.001, high=10.0, label="Standard deviation"
    )


@DATASETS.register(
    "two_gaussians",
    title="Two Gaussians",
    summary="Two equal Gaussians on the first axis.",
    order=40,
)
class TwoGaussians(Toy):
    """Half N(-distance/2, std²), half N(distance/2, std²), along the first axis."""

    Options = TwoGaussiansOptions

    @classmethod
    def shape(cls, options: Any) -> tuple[int, ...]:
        return (options.dim,)

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        return ("left", "right")

    @classmethod
    def density(cls, options: Any) -> Density:
        means = torch.zeros(2, options.dim, dtype=torch.float64)
        means[:, 0] = torch.tensor([-0.5, 0.5], dtype=torch.float64) * options.distance
        return GaussianMixture.isotropic(means, options.std)


@dataclass(frozen=True)
class MixtureOptions(ToyOptions):
    """Options of a user's mixture."""

    components: str = option(
        "0.67*N(2,2)+0.33*N(-1,0.065)",
        "mixture as text: weight*N(mean, variance)+...; in the plane N([x,y], variance)",
        label="Mixture components",
    )

    def __post_init__(self) -> None:
        mixture.parse(self.components)


@DATASETS.register(
    "mixture",
    title="Mixture of your choice",
    summary="Any Gaussian mixture, written as text.",
    order=50,
)
class Mixture(Toy):
    """A mixture of Gaussians on the line or in the plane, written as text.

    The default is the target of the f-GAN paper's Gaussian-to-mixture experiment.

    Source: Nowozin, Cseke and Tomioka 2016, "f-GAN: training generative neural samplers using
    variational divergence minimization".
    """

    Options = MixtureOptions

    @classmethod
    def shape(cls, options: Any) -> tuple[int, ...]:
        return (mixture.parse(options.components).means.shape[1],)

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        k = len(mixture.parse(options.components).means)
        return _numbered("component", k) if k > 1 else ()

    @classmethod
    def density(cls, options: Any) -> Density:
        return mixture.parse(options.components)


@dataclass(frozen=True)
class RingOptions(ToyOptions):
    """Options of the ring."""

    modes: int = option(8, "Gaussians on the ring", low=2, high=40, label="Modes")
    radius: float = option(1.0, "radius of the ring", low=0.1, high=20.0, label="Radius")
    std: float = option(
        0.05,
        "standard deviation of each Gaussian",
        low=0.001,
        high=2.0,
        label="Standard deviation",
    )


@DATASETS.register(
    "ring",
    title="Ring of Gaussians",
    summary="Eight narrow Gaussians on a circle: mode collapse.",
    order=60,
)
class Ring(Toy):
    """Equal Gaussians at equal angles on a circle, the usual test of mode collapse."""

    Options = RingOptions

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        return _numbered("mode", options.modes)

    @classmethod
    def density(cls, options: Any) -> Density:
        angle = torch.arange(options.modes, dtype=torch.float64) * (2 * math.pi / options.modes)
        means = options.radius * torch.stack([angle.cos(), angle.sin()], -1)
        return GaussianMixture.isotropic(means, options.std)


@dataclass(frozen=True)
class GridOptions(ToyOptions):
    """Options of the grid."""

    side: int = option(5, "Gaussians along one side", low=2, high=10, label="Gaussians per side")
    spacing: float = option(
        1.0, "distance of neighbouring means", low=0.1, high=10.0, label="Spacing"
    )
    std: float = option(
        0.05,
        "standard deviation of each Gaussian",
        low=0.001,
        high=2.0,
        label="Standard deviation",
    )


@DATASETS.register(
    "grid", title="Grid of Gaussians", summary="25 narrow Gaussians on a square grid.", order=70
)
class Grid(Toy):
    """Equal Gaussians on a square grid around the origin."""

    Options = GridOptions

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        return _numbered("mode", options.side**2)

    @classmethod
    def density(cls, options: Any) -> Density:
        axis = torch.arange(options.side, dtype=torch.float64) - (options.side - 1) / 2
        means = torch.cartesian_prod(axis, axis) * options.spacing
        return GaussianMixture.isotropic(means, options.std)


@dataclass(frozen=True)
class MoonsOptions(ToyOptions):
    """Options of the moons."""

    std: float = option(
        0.1,
        "standard deviation of the noise around the curve",
        low=0.001,
        high=1.0,
        label="Standard deviation",
    )


@DATASETS.register(
    "moons", title="Two moons", summary="Two interleaved half circles with noise.", order=80
)
class Moons(Toy):
    """Two interleaved half circles of radius one, each point moved by Gaussian noise."""

    Options = MoonsOptions

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        return ("upper moon", "lower moon")

    note = (
        "No density in closed form: it is a Gaussian smeared along a half circle, an "
        "incomplete Bessel integral."
    )

    @classmethod
    def draw(cls, options: Any, n: int, source: torch.Generator) -> Labelled:
        lower = torch.randint(2, (n,), generator=source)
        t = math.pi * torch.rand(n, generator=source, dtype=torch.float64)
        noise = torch.randn(n, 2, generator=source, dtype=torch.float64)
        sign = 1.0 - 2.0 * lower
        x = torch.stack([lower - 0.5 + sign * t.cos(), 0.5 * lower - 0.25 + sign * t.sin()], -1)
        return (x + options.std * noise).float(), lower


@dataclass(frozen=True)
class CheckerboardOptions(ToyOptions):
    """Options of the checkerboard."""

    cells: int = option(4, "squares along one side", choices=(2, 4, 6, 8), label="Cells per side")
    length: float = option(
        4.0, "length of the whole board's side", low=0.1, high=20.0, label="Board side"
    )


@DATASETS.register(
    "checkerboard",
    title="Checkerboard",
    summary="Uniform on the dark squares of a board.",
    order=90,
)
class Board(Toy):
    """Uniform on the dark squares: sharp edges, and no mass between."""

    Options = CheckerboardOptions

    note = "The exact log-density is known; it is minus infinity off the dark squares."

    @classmethod
    def density(cls, options: Any) -> Density:
        return Checkerboard(options.cells, options.length / options.cells)


@dataclass(frozen=True)
class SpiralsOptions(ToyOptions):
    """Options of the spirals."""

    arms: int = option(2, "number of spirals", low=1, high=6, label="Arms")
    turns: float = option(1.5, "turns of each spiral", low=0.25, high=4.0, label="Turns")
    std: float = option(
        0.05, "standard deviation of the radius", low=0.001, high=0.1, label="Standard deviation"
    )


@DATASETS.register(
    "spirals", title="Spirals", summary="Interleaved spirals with a noisy radius.", order=100
)
class SpiralArms(Toy):
    """Archimedean spirals that reach radius two, with Gaussian noise on the radius."""

    Options = SpiralsOptions

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        return _numbered("arm", options.arms) if options.arms > 1 else ()

    note = "The exact log-density is known, since the noise is on the radius alone."

    @classmethod
    def density(cls, options: Any) -> Density:
        return Spirals(options.arms, options.turns, options.std, inner=0.4, outer=2.0)


@dataclass(frozen=True)
class PinwheelOptions(ToyOptions):
    """Options of the pinwheel."""

    arms: int = option(5, "number of blades", low=2, high=12, label="Arms")
    twist: float = option(
        1.0, "turn of a blade", low=-3.0, high=3.0, unit="radians/radius", label="Twist"
    )
    radial: float = option(
        0.3,
        "standard deviation along a blade",
        low=0.01,
        high=0.5,
        label="Radial standard deviation",
    )
    tangential: float = option(
        0.08,
        "standard deviation across a blade",
        low=0.01,
        high=0.5,
        label="Tangential standard deviation",
    )


@DATASETS.register(
    "pinwheel", title="Pinwheel", summary="Gaussian blades twisted round a centre.", order=110
)
class Blades(Toy):
    """Gaussian blades at radius two, twisted by an angle that grows with the radius."""

    Options = PinwheelOptions

    @classmethod
    def labels(cls, options: Any) -> tuple[str, ...]:
        return _numbered("blade", options.arms)

    note = "The exact log-density is known, since a twist by the radius alone keeps areas."

    @classmethod
    def density(cls, options: Any) -> Density:
        o = options
        return Pinwheel(o.arms, o.radial, o.tangential, o.twist, scale=2.0)


@dataclass(frozen=True)
class SwissRollOptions(ToyOptions):
    """Options of the Swiss roll."""

    std: float = option(
        0.05,
        "standard deviation of the noise around the curve",
        low=0.001,
        high=1.0,
        label="Standard deviation",
    )


@DATASETS.register(
    "swiss_roll", title="Swiss roll", summary="A rolled-up curve in the plane.", order=120
)
class SwissRoll(Toy):
    """The plane section of the Swiss roll: (t cos t, t sin t) for t from 1.5 π to 4.5 π."""

    Options = SwissRollOptions

    note = (
        "No density in closed form: it is a Gaussian smeared along a spiral, an integral "
        "without an elementary value."
    )

    @classmethod
    def draw(cls, options: Any, n: int, source: torch.Generator) -> Labelled:
        t = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=source, dtype=torch.float64))
        noise = torch.randn(n, 2, generator=source, dtype=torch.float64)
        curve = torch.stack([t * t.cos(), t * t.sin()], -1) * (2.0 / (4.5 * math.pi))
        return (curve + options.std * noise).float(), None
