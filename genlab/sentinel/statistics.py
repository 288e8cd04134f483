"""Statistics of curves: lasting conditions, running medians and cycles."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Records of which a rhythm is read, at least and at most, and the cycles it must have shown.
LEAST, MOST, CYCLES = 96, 256, 4
#: How far a peak must stand out, as a multiple of the spectrum's own level there, and which part
#: of the variance it must carry; ``tests/sentinel`` has the rate of false alarms they give.
OUTSTANDING, CARRIED = 24.0, 0.4


def start_of_last_run(mask: NDArray[np.bool_]) -> int | None:
    """Where the last unbroken run of true entries begins; None where the last entry is false.

    Example:
        >>> start_of_last_run(np.array([True, False, True, True]))
        2
    """
    if not len(mask) or not mask[-1]:
        return None
    wrong = np.flatnonzero(~mask)
    return int(wrong[-1]) + 1 if len(wrong) else 0


def running_median(values: Floats, k: int) -> Floats:
    """The median of each value and the k − 1 before it (fewer at the start), (n,) -> (n,).

    Example:
        >>> running_median(np.array([1.0, 9.0, 2.0, 3.0]), 3)
        array([1., 5., 2., 3.])
    """
    if not len(values):
        return values
    padded = np.concatenate([np.full(k - 1, np.nan), values])
    return np.asarray(np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, k), axis=1))


@dataclass(frozen=True)
class Rhythm:
    """A cycle found in a curve.

    Args:
        period: in records.
        cycles: that were seen.
        ratio: of the peak in the spectrum to the level of the spectrum there.
        share: of the variance about the trend that is in the peak.
        amplitude: of the cycle, half from top to bottom, in the units of the curve.
    """

    period: float
    cycles: float
    ratio: float
    share: float
    amplitude: float


def strongest(values: Floats) -> Rhythm | None:
    """The strongest period of an evenly spaced curve, significant or not; None if too short.

    With P(k) the periodogram of what is left of the last records without a parabola, under a Hann
    taper, the level is the larger of a power law fitted to log P(k), as a random walk or any red
    noise has it, and the median of P nearby. The peak is that of the largest P(k)/level with four
    cycles or more. A mean of M records of noise gives P(k)/level an exponential distribution, so
    that the largest of M is about log M.

    Source: the idea of testing a peak against red noise is that of Mann and Lees 1996, "Robust
    estimation of background noise and signal detection in climatic time series".
    """
    x = values[-MOST:]
    n = len(x)
    if n < LEAST or not np.isfinite(x).all():
        return None
    t = np.linspace(-1.0, 1.0, n)
    x = x - np.polynomial.Polynomial.fit(t, x, 2)(t)
    if not x.std() > 1e-9 * (1e-9 + np.abs(values[-MOST:]).max()):
        return None
    power = np.abs(np.fft.rfft(x * np.hanning(n)))[1 : n // 2] ** 2
    k = np.arange(1, len(power) + 1)
    # A slower cycle has a flank here, and no peak.
    peaks = power >= np.concatenate([[0.0], power[:-1]])
    at = np.flatnonzero((k >= CYCLES) & (k <= n / 3) & peaks)
    if not len(at):
        return None
    level = _level(k, power)
    peak = int(at[np.argmax(power[at] / level[at])])
    wide = max(2, round(0.15 * k[peak]))
    near = slice(max(0, peak - wide), peak + wide + 1)
    share = float(power[near].sum() / power.sum())
    return Rhythm(
        period=n / float(k[peak]),
        cycles=float(k[peak]),
        ratio=float(power[peak] / level[peak]),
        share=share,
        amplitude=float(x.std()) * math.sqrt(2.0 * share),
    )


def _level(k: NDArray[np.int64], power: Floats) -> Floats:
    """The spectrum without a peak: a power law, or the local median if larger."""
    log_k, log_p = np.log(k), np.log(power + 1e-300)
    # Medians of octave-like bins: one peak moves one of them, and the fit is of medians.
    edges = np.unique(np.round(np.geomspace(1, len(k) + 1, 9)).astype(int))
    parts = [slice(a - 1, b - 1) for a, b in itertools.pairwise(edges)]
    xs = np.array([log_k[p].mean() for p in parts])
    ys = np.array([np.median(log_p[p]) for p in parts])
    slopes = [
        (ys[j] - ys[i]) / (xs[j] - xs[i]) for i in range(len(xs)) for j in range(i + 1, len(xs))
    ]
    slope = min(0.0, float(np.median(slopes)))
    power_law = slope * log_k + float(np.median(ys - slope * xs))
    half = 10
    padded = np.pad(log_p, half, mode="reflect")
    near = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    # The median of an exponential distribution is log 2 of its mean.
    return np.asarray(np.exp(np.maximum(power_law, near)) / math.log(2.0))


def find_cycle(values: Floats) -> Rhythm | None:
    """The cycle of a curve, None where it has none.

    Example:
        >>> t = np.arange(256)
        >>> round(find_cycle(np.sin(t / 5) + 0.01 * t).period)
        32
        >>> find_cycle(np.random.default_rng(0).normal(size=256).cumsum()) is None
        True
    """
    found = strongest(values)
    if found is None or found.ratio < OUTSTANDING or found.share < CARRIED:
        return None
    return found
