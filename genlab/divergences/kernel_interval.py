"""A 95 % interval of a squared kernel distance ‖μ_P − μ_Q‖², valid also for P = Q.

With δ = μ_P − μ_Q in the kernel's Hilbert space, the unbiased estimate from n and m samples is

    D̂ = ‖δ + ε‖² − tr Σ,   ε ~ N(0, Σ) in the limit,   Σ = C_P/n + C_Q/m.

At δ = 0 it is a weighted sum of χ² variables and far from normal: D̂ ± 1.96 SE covers too much for
equal distributions and too little for close ones. Here the distribution of D̂ at a distance θ =
‖δ‖² is computed from the eigenvalues of Σ. The interval contains those θ for which D̂ lies between
the 2.5 % and 97.5 % quantiles. The direction of δ matters mainly through δᵀΣδ/‖δ‖², which is
estimated. For the upper end, where D̂ may be small by chance, the estimate is shrunk towards the
largest eigenvalue; simulations of equal, near and distant distributions set the weight.

Source: the distribution of D̂, Gretton et al. 2012, "A kernel two-sample test", theorem 12.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

#: Samples of each distribution for the estimate of the eigenvalues, which takes cubic
#: in time.
CUBE = 300
#: Eigenvalues that are kept; the sum over the others is close to normal. Draws from the
#: distribution of D̂.
EIGENVALUES, DRAWS = 24, 4096
#: The weight of the largest eigenvalue against ‖δ̂‖² in the upper end, in units of tr Σ.
LEAN = 5.0


@dataclass(frozen=True)
class KernelDistance:
    """An unbiased estimate of ‖μ_P − μ_Q‖² and its 95 % interval.

    Args:
        value: the estimate; may be negative.
        low, high: the interval; may be negative too.
    """

    value: float
    low: float
    high: float


def kernel_distance(k_xx: Tensor, k_yy: Tensor, k_xy: Tensor) -> KernelDistance:
    """The squared distance of two mean embeddings, from kernel matrices of samples.

    E k(x, x′) + E k(y, y′) − 2 E k(x, y), over pairs of different samples.

    Args:
        k_xx, k_yy, k_xy: k at the samples, (n, n), (m, m) and (n, m), of a kernel that is positive
            definite, at least conditionally (−‖x − y‖ is); float64.

    Example:
        >>> x, y = torch.zeros(4, dtype=torch.float64), torch.full((4,), 3.0, dtype=torch.float64)
        >>> k = lambda a, b: -(a[:, None] - b[None]).abs()
        >>> kernel_distance(k(x, x), k(y, y), k(x, y)).value
        6.0
    """
    n, m = k_xy.shape
    of_x, of_y = _others(k_xx), _others(k_yy)
    across_x, across_y = k_xy.mean(1), k_xy.mean(0)
    value = float(of_x.mean() + of_y.mean() - across_x.mean() - across_y.mean())
    # <δ̂, φ(z) − μ> at each sample, itself left out of δ̂; scaled so that squares sum to δ̂ᵀΣδ̂.
    u = torch.cat([_centred(of_x - across_x), _centred(across_y - of_y)])
    u = u * _scale(n, m)
    gram = _gram(k_xx, k_yy, k_xy)
    diagonal = torch.diagonal(gram)
    noise = float(diagonal.sum())
    second = max(float(gram.square().sum() - diagonal.square().sum()), 0.0)
    s = _spectrum(k_xx, k_yy, k_xy, second)
    # Relative to ‖δ̂‖², which is never negative; at δ = 0 it is the mean over Σ.
    along, whole = float(u @ u), max(value + noise, 1e-300)
    top = float(s[0])
    low = _solve(value, 0.975, s, along / whole)
    high = _solve(value, 0.025, s, (along + LEAN * noise * top) / (whole + LEAN * noise))
    return KernelDistance(value, min(low, value), max(high, value))


def _others(k: Tensor) -> Tensor:
    """The mean of each row over the other samples, (n, n) -> (n,)."""
    return (k.sum(1) - torch.diagonal(k)) / (len(k) - 1)


def _centred(x: Tensor) -> Tensor:
    return x - x.mean()


def _scale(n: int, m: int) -> Tensor:
    sizes = [torch.full((k,), 1.0 / math.sqrt(k * (k - 1)), dtype=torch.float64) for k in (n, m)]
    return torch.cat(sizes)


def _gram(k_xx: Tensor, k_yy: Tensor, k_xy: Tensor) -> Tensor:
    """A matrix with the eigenvalues of Σ̂, (n + m, n + m): the kernel, centred and scaled."""
    n, m = k_xy.shape

    def centred(k: Tensor) -> Tensor:
        return k - k.mean(0, keepdim=True) - k.mean(1, keepdim=True) + k.mean()

    across = centred(k_xy)
    whole = torch.cat(
        [torch.cat([centred(k_xx), across], 1), torch.cat([across.T, centred(k_yy)], 1)]
    )
    scale = _scale(n, m)
    return whole * scale[:, None] * scale[None]


def _spectrum(k_xx: Tensor, k_yy: Tensor, k_xy: Tensor, second: float) -> Tensor:
    """The eigenvalues of Σ in decreasing order, scaled to tr Σ²; estimated from some samples."""
    n, m = k_xy.shape
    share = max(1.0, n / CUBE, m / CUBE)
    a, b = max(2, int(n / share)), max(2, int(m / share))
    gram = _gram(k_xx[:a, :a], k_yy[:b, :b], k_xy[:a, :b])
    s = torch.linalg.eigvalsh(gram).flip(0).clamp(min=0.0)
    # Sample eigenvalues are more spread out than those of the distribution.
    return s * math.sqrt(second / max(float(s.square().sum()), 1e-300))


@functools.lru_cache(maxsize=1)
def _normals() -> Tensor:
    # A scrambled Sobol sequence gives more accurate quantiles than random draws.
    u = torch.quasirandom.SobolEngine(EIGENVALUES + 1, scramble=True, seed=0).draw(DRAWS).double()
    return torch.special.ndtri(u.clamp(1e-7, 1.0 - 1e-7))


def _direction(s: Tensor, slope: float) -> Tensor:
    """Squares of a unit vector in the eigenbasis, p ∝ s^β, with Σ p s = ``slope``."""
    logs = (s / s[0]).clamp(min=1e-12).log()
    low, high = 0.0, 60.0
    for _ in range(50):
        beta = 0.5 * (low + high)
        if float(torch.softmax(beta * logs, 0) @ s) < slope:
            low = beta
        else:
            high = beta
    return torch.softmax(0.5 * (low + high) * logs, 0)


def _solve(value: float, p: float, s: Tensor, slope: float) -> float:
    """The θ at which ``value`` is the p-point of the distribution of D̂."""
    if float(s[0]) <= 0.0:
        return value
    direction = _direction(s, min(max(slope, 0.0), float(s[0])))
    normals = _normals()
    leading, rest = s[:EIGENVALUES], s[EIGENVALUES:]
    z = normals[:, : len(leading)]
    square = (z.square() - 1.0) @ leading
    square = square + normals[:, EIGENVALUES] * math.sqrt(2.0 * float(rest.square().sum()))
    line = z @ (direction[:EIGENVALUES] * leading).sqrt()
    left = float((direction[EIGENVALUES:] * rest).sum())
    if left > 0.0:
        line = line + normals[:, EIGENVALUES].flip(0) * math.sqrt(left)

    def point(theta: float) -> float:
        drawn = square + 2.0 * math.sqrt(max(theta, 0.0)) * line
        return theta + float(drawn.kthvalue(round(p * DRAWS)).values)

    spread = float(square.std()) + 2.0 * math.sqrt(max(value, 0.0)) * float(line.std())
    low, high = value - 8.0 * spread, value + 8.0 * spread
    while point(high) < value:
        high += 2.0 * (high - low)
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if point(middle) < value else (low, middle)
    return 0.5 * (low + high)
