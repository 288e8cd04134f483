"""The exact distributions of the toys: densities that are computed, not estimated.

Every density is computed in double precision, whatever the precision of the points, and given
back in theirs: mixtures with a standard deviation of 0.01 are exact far from their modes too.
"""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor

from genlab.core.gaussians import LOG_2PI, draw_mixture, mixture_log_joint
from genlab.data.base import Density

#: How many standard deviations of a Gaussian the boxes reach; 2e-9 of the mass lies beyond.
REACH = 6.0
#: Added to a squared radius so that its root has a gradient at the centre; far below any radius.
TINY = 1e-300
NOTHING = -1e30


class Components(Density):
    """A distribution whose samples are labelled with their component."""

    @abc.abstractmethod
    def sample_labelled(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples (n, d) and the component of each (n,)."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.sample_labelled(n, generator)[0]


class GaussianMixture(Components):
    """A mixture of Gaussians in d dimensions.

    .. math:: p(x) = \\sum_k w_k \\, N(x; \\mu_k, \\Sigma_k)

    Args:
        weights: (k,), positive; rescaled to sum to one.
        means: (k, d).
        covariances: (k, d, d), positive definite.

    Raises:
        ValueError: if the shapes do not agree, a weight is not positive, or a covariance is not
            positive definite.

    Example:
        >>> distribution = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None])
        >>> round(float(distribution.log_prob(torch.zeros(1, 2))), 4)  # -log(2 pi)
        -1.8379
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        weights, means, covariances = weights.double(), means.double(), covariances.double()
        k, d = means.shape
        if weights.shape != (k,) or covariances.shape != (k, d, d):
            raise ValueError("weights (k,), means (k, d) and covariances (k, d, d) do not agree")
        if not bool((weights > 0).all() and torch.isfinite(weights).all()):
            raise ValueError("every weight must be positive")
        factors, failed = torch.linalg.cholesky_ex(covariances)
        if bool(failed.any()) or not bool(torch.isfinite(factors).all()):
            raise ValueError("every covariance must be positive definite")
        self.weights = weights / weights.sum()
        self.means, self.covariances = means, covariances
        self._factors = factors
        sd = torch.diagonal(covariances, dim1=-2, dim2=-1).sqrt()
        self.box = torch.stack([(means - REACH * sd).amin(0), (means + REACH * sd).amax(0)])

    @classmethod
    def isotropic(cls, means: Tensor, std: float) -> GaussianMixture:
        """Equal weights, one standard deviation for every component and direction."""
        k, d = means.shape
        covariances = torch.eye(d, dtype=torch.float64).mul(std**2).expand(k, d, d)
        return cls(torch.ones(k), means, covariances)

    def log_prob(self, x: Tensor) -> Tensor:
        joint = mixture_log_joint(x.double(), self.weights.log(), self.means, self._factors)
        return joint.logsumexp(-1).to(x.dtype)

    def sample_labelled(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x, component = draw_mixture(n, self.weights, self.means, self._factors, generator)
        return x.float(), component

    @property
    def well_separated(self) -> bool:
        """Whether the nearest two means are at least six of the larger standard deviation apart.

        Then the balls of three standard deviations that mode coverage counts do not overlap.
        """
        if len(self.means) < 2:
            return False
        widest = torch.linalg.eigvalsh(self.covariances).amax(-1).sqrt()
        apart = torch.cdist(self.means, self.means)
        pairs = torch.triu_indices(len(self.means), len(self.means), 1)
        wider = torch.maximum(widest[pairs[0]], widest[pairs[1]])
        return bool((apart[pairs[0], pairs[1]] >= 6 * wider * (1 - 1e-9)).all())


class Checkerboard(Density):
    """Uniform on the dark squares of a board of ``cells`` by ``cells`` unit squares.

    .. math:: p(x) = 2 / (\\text{cells} \\cdot s)^2 \\text{ on a dark square of side } s,
        \\text{ else } 0

    Args:
        cells: squares along one side, even.
        side: side of one square.

    Example:
        >>> distribution = Checkerboard(4, 1.0)
        >>> distribution.log_prob(torch.tensor([[0.5, 0.5], [0.5, 1.5]])).exp()
        tensor([0.1250, 0.0000])
    """

    def __init__(self, cells: int, side: float) -> None:
        self.cells, self.side = cells, side
        half = cells * side / 2
        self.box = torch.tensor([[-half, -half], [half, half]], dtype=torch.float64)

    def log_prob(self, x: Tensor) -> Tensor:
        cell = torch.floor(x.double() / self.side + self.cells / 2)
        inside = ((cell >= 0) & (cell < self.cells)).all(-1)
        dark = cell.sum(-1).remainder(2) == 0
        level = -math.log(self.cells**2 / 2 * self.side**2)
        # Zero times x keeps the graph, so that a gradient exists (and is zero) on every square.
        flat = (0.0 * x.double()).sum(-1) + level
        return torch.where(inside & dark, flat, -math.inf).to(x.dtype)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        half = self.cells // 2
        row = torch.randint(self.cells, (n,), generator=generator)
        column = 2 * torch.randint(half, (n,), generator=generator) + row.remainder(2)
        within = torch.rand(n, 2, generator=generator, dtype=torch.float64)
        corner = torch.stack([column, row], -1).double() - half
        x = ((corner + within) * self.side).float()
        # Rounding to single precision may push a point over the edge of its square.
        low, high = (corner * self.side).float(), ((corner + 1) * self.side).float()
        return torch.minimum(torch.maximum(x, low), torch.nextafter(high, low))


class Pinwheel(Components):
    """Gaussian blades, twisted around the centre by an angle that depends on the radius alone.

    With f a Gaussian blade N((1, 0), diag(radial², tangential²)), the point is f turned by
    ``2 pi k / arms + twist * |f|``. A turn by a function of the radius keeps areas, so

    .. math:: p(x) = \\frac1K \\sum_k N(R(-2 \\pi k / K - t|x|)\\,x;\\ (1, 0),\\ \\Sigma)

    Args:
        arms: number of blades.
        radial, tangential: standard deviations along and across a blade.
        twist: radians a unit of radius.
        scale: multiplies the finished points.
    """

    def __init__(
        self, arms: int, radial: float, tangential: float, twist: float, scale: float
    ) -> None:
        self.arms, self.twist, self.scale = arms, twist, scale
        self._sd = torch.tensor([radial, tangential], dtype=torch.float64)
        self._mean = torch.tensor([1.0, 0.0], dtype=torch.float64)
        reach = scale * math.hypot(1 + REACH * radial, REACH * tangential)
        self.box = torch.tensor([[-reach, -reach], [reach, reach]], dtype=torch.float64)

    def _turned(self, f: Tensor, angle: Tensor) -> Tensor:
        cos, sin = angle.cos(), angle.sin()
        return torch.stack(
            [cos * f[..., 0] - sin * f[..., 1], sin * f[..., 0] + cos * f[..., 1]], -1
        )

    def log_prob(self, x: Tensor) -> Tensor:
        y = x.double() / self.scale
        radius = (y.square().sum(-1, keepdim=True) + TINY).sqrt()
        blade = torch.arange(self.arms, dtype=torch.float64) * (2 * math.pi / self.arms)
        f = self._turned(y[:, None], -(blade + self.twist * radius))  # (B, arms, 2)
        squares = ((f - self._mean) / self._sd).square().sum(-1)
        log_norm = -self._sd.log().sum() - LOG_2PI - 2 * math.log(self.scale)
        return (torch.logsumexp(-0.5 * squares, -1) - math.log(self.arms) + log_norm).to(x.dtype)

    def sample_labelled(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        blade = torch.randint(self.arms, (n,), generator=generator)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        f = self._mean + self._sd * noise
        angle = blade * (2 * math.pi / self.arms) + self.twist * f.norm(dim=-1)
        return (self.scale * self._turned(f, angle)).float(), blade


class Spirals(Components):
    """Archimedean spirals whose radius, not whose position, is noisy.

    Along an arm the angle u is uniform on [0, L], L = 2 pi turns, and the radius is
    ``r = m(u) + std * noise`` with ``m(u) = inner + (outer - inner) u / L``; arm k is turned by
    ``2 pi k / K``. The map from (u, r) to the plane has Jacobian |r|, and a point has finitely
    many preimages, so with φ = angle(x)

    .. math:: p(x) = \\frac{1}{K\\,L\\,|x|} \\sum_k \\sum_{u \\equiv \\varphi - 2 \\pi k / K}
        N(|x|;\\ m(u),\\ \\text{std}^2)

    and the same with -|x| and φ + π for the small mass of negative radii.

    Args:
        arms: number of spirals.
        turns: turns of each.
        std: standard deviation of the radius; a quarter of ``inner`` or less, since at the centre
            the density is not bounded.
        inner, outer: mean radius at both ends.
    """

    def __init__(self, arms: int, turns: float, std: float, inner: float, outer: float) -> None:
        self.arms, self.std, self.inner = arms, std, inner
        self.length = 2 * math.pi * turns
        self.pitch = (outer - inner) / self.length
        edge = outer + REACH * std
        self.box = torch.tensor([[-edge, -edge], [edge, edge]], dtype=torch.float64)

    def log_prob(self, x: Tensor) -> Tensor:
        y = x.double()
        radius = (y.square().sum(-1) + TINY).sqrt()
        angle = torch.atan2(y[:, 1], y[:, 0])
        arm = torch.arange(self.arms, dtype=torch.float64) * (2 * math.pi / self.arms)
        winding = torch.arange(math.ceil(self.length / (2 * math.pi)), dtype=torch.float64)
        terms = []
        for sign, half in ((1.0, 0.0), (-1.0, math.pi)):
            first = (angle[:, None] + half - arm).remainder(2 * math.pi)
            u = first[..., None] + 2 * math.pi * winding  # (B, arms, windings)
            z = (sign * radius[:, None, None] - self.inner - self.pitch * u) / self.std
            # A finite stand-in for minus infinity: its gradient is zero and not NaN.
            terms.append(torch.where(u <= self.length, -0.5 * z.square(), NOTHING).flatten(1))
        log_norm = math.log(self.std) + 0.5 * LOG_2PI + math.log(self.arms * self.length)
        total = torch.logsumexp(torch.cat(terms, 1), -1)
        total = torch.where(total > 0.5 * NOTHING, total, -math.inf)
        return (total - log_norm - radius.log()).to(x.dtype)

    def sample_labelled(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        arm = torch.randint(self.arms, (n,), generator=generator)
        u = self.length * torch.rand(n, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        radius = self.inner + self.pitch * u + self.std * noise
        angle = u + arm * (2 * math.pi / self.arms)
        x = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
        return x.float(), arm


def grid(density: Density, side: int = 200) -> tuple[list[Tensor], Tensor]:
    """The density on a regular grid over its box: the axes, and p(x) with one axis a dimension.

    Cell centres are used, so that the sum times the cell's size is the midpoint rule.

    Args:
        side: points an axis.

    Returns:
        d axes of (side,), and the density (side,) or (side, side), indexed [y, x] in two
        dimensions, as images are.

    Example:
        >>> distribution = GaussianMixture(torch.ones(1), torch.zeros(1, 1), torch.eye(1)[None])
        >>> (axis,), p = grid(distribution, 400)
        >>> round(float(p.sum() * (axis[1] - axis[0])), 6)
        1.0
    """
    low, high = density.box[0].double(), density.box[1].double()
    steps = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    axes = [low[i] + (high[i] - low[i]) * steps for i in range(len(low))]
    if len(axes) == 1:
        return axes, density.log_prob(axes[0][:, None]).exp()
    x, y = torch.meshgrid(axes[0], axes[1], indexing="xy")
    points = torch.stack([x.flatten(), y.flatten()], -1)
    values = torch.cat([density.log_prob(part) for part in points.split(20_000)])
    return axes, values.exp().reshape(side, side)
