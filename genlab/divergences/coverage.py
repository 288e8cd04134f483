"""Mode coverage: the modes of a mixture that a sampler reaches, and the samples near a mode."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Coverage:
    """The mode metrics of one set of samples.

    Args:
        modes: modes that have at least one sample of high quality.
        high_quality: share of samples within three standard deviations of their nearest mode.
        kl: KL of the modes' shares (samples of high quality) to uniform, in nats, plug-in.
        kl_floor: the mean KL of a perfect sampler, about (K − 1)/(2N).
    """

    modes: int
    high_quality: float
    kl: float
    kl_floor: float


def mode_coverage(x: Tensor, modes: Tensor, std: float) -> Coverage:
    """Mode coverage by the protocol of VEEGAN and PacGAN.

    A sample within 3 std of its nearest mean is of high quality. A mode is covered if it has at
    least one such sample. In two dimensions a perfect sampler scores 1 − exp(−4.5) = 98.89 % high
    quality.

    Source: Srivastava et al. 2017; Lin et al. 2018.

    Args:
        x: samples, (n, d).
        modes: means, (k, d).
        std: standard deviation of a mode, in data units.
    """
    distance, nearest = torch.cdist(x.double(), modes.double()).min(dim=1)
    good = distance <= 3.0 * std
    counts = torch.bincount(nearest[good], minlength=len(modes)).double()
    total = counts.sum().clamp(min=1.0)
    shares = counts / total
    kl = torch.special.xlogy(shares, shares * len(modes)).sum() if counts.any() else torch.inf
    return Coverage(
        modes=int((counts > 0).sum()),
        high_quality=float(good.double().mean()),
        kl=float(kl),
        kl_floor=(len(modes) - 1) / (2.0 * float(total)),
    )


def mass_within_radius(radius: float, dim: int) -> float:
    """The mass of a standard normal within a radius: the chi-squared distribution's P(d/2, r²/2).

    Example:
        >>> round(mass_within_radius(3.0, 2), 4)
        0.9889
    """
    half = torch.tensor([0.5 * dim, 0.5 * radius**2], dtype=torch.float64)
    return float(torch.special.gammainc(half[0], half[1]))
