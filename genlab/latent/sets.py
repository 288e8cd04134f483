"""Sets of points of a map: their mean, its neighbours, and the direction towards the set."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genlab.core.errors import GenlabError
from genlab.latent.codes import Codes

Array = NDArray[np.float64]
#: Characters of a set that is kept in an address.
LETTERS = 1000


@dataclass(frozen=True)
class Summary:
    """A set of points of a map.

    Args:
        rows: of the map, sorted, each once.
        known: how many of them have a latent code.
        mean: (latent,) of those codes.
        vector: (latent,) that mean less the mean of the codes of the rest: the attribute vector.
        rest: how many points the rest has, of those with a code.
    """

    rows: tuple[int, ...]
    known: int
    mean: NDArray[np.float32]
    vector: NDArray[np.float32]
    rest: int


def summary(codes: Codes, rows: Sequence[int]) -> Summary:
    """Mean of a set's latent codes and its attribute vector: mean(set) - mean(rest).

    Source: White 2016 (attribute vectors); Larsen et al. 2016.

    Args:
        codes: of the map.
        rows: of the map; what lies outside it is left out.

    Raises:
        GenlabError: if no point of the set has a latent code (a real example of a model without
            an encoder has none).
    """
    chosen = np.unique([r for r in rows if 0 <= r < len(codes)]).astype(int)
    has = np.isfinite(codes.z).all(axis=1) & (codes.z.shape[1] > 0)
    inside = np.zeros(len(codes), dtype=bool)
    inside[chosen] = True
    if not (inside & has).any():
        raise GenlabError(
            "No point of this set has a latent code: this model has no encoder. Choose generated "
            "points."
        )
    z = codes.z.astype(np.float64)
    mean = z[inside & has].mean(axis=0)
    rest = z[~inside & has]
    vector = mean - rest.mean(axis=0) if len(rest) else np.zeros_like(mean)
    return Summary(
        tuple(int(r) for r in chosen),
        int((inside & has).sum()),
        mean.astype(np.float32),
        vector.astype(np.float32),
        len(rest),
    )


def neighbours(code: NDArray[np.float32], of: NDArray[np.float32], k: int) -> list[int]:
    """The k rows at the least Euclidean distance, nearest first.

    Args:
        code: (d,); of: (N, d).

    Example:
        >>> neighbours(np.zeros(1, np.float32), np.array([[3], [1], [2]], np.float32), 2)
        [1, 2]
    """
    distance = np.linalg.norm(of.astype(np.float64) - code, axis=1)
    return [int(r) for r in np.argsort(distance, kind="stable")[:k]]


def decode_between(xy: Array, z: NDArray[np.float32], at: Array, k: int = 5) -> Tensor | None:
    """A latent code for an empty spot of a map: the mean of its k nearest points' codes, by 1/d.

    The map of most methods has no inverse; this is a guess, exact at a point itself.
    Source: Shepard 1968.

    Args:
        xy: (N, dims) the map; z: (N, latent), NaN where a point has none.
        at: (dims,) the spot.
        k: how many points are used.
    """
    has = np.flatnonzero(np.isfinite(z).all(axis=1))
    if not len(has) or not z.shape[1]:
        return None
    distance = np.linalg.norm(np.asarray(xy, dtype=np.float64)[has] - at, axis=1)
    order = np.argsort(distance, kind="stable")[:k]
    weight = 1.0 / np.maximum(distance[order], 1e-9)
    mean = (weight[:, None] * z[has[order]]).sum(axis=0) / weight.sum()
    return torch.from_numpy(mean.astype(np.float32))


def encode_set(rows: Sequence[int], n: int) -> str | None:
    """A set of the n points of a map in few letters; None where it takes more than an address has.

    The shorter of two ways: runs of rows (``3.7-9``), or a bit for each point in base 64 behind a
    ``b``. Two thirds of the letters are bits: any set of some 5,900 points fits.

    Example:
        >>> encode_set([3, 9, 8, 7], 20), encode_set([], 20)
        ('3.7-9', '')
    """
    chosen = np.unique(np.asarray(rows, dtype=int))
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1) if len(chosen) else []
    short = ".".join(f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    bits = np.zeros(n, dtype=bool)
    bits[chosen] = True
    whole = "b" + base64.urlsafe_b64encode(np.packbits(bits).tobytes()).decode().rstrip("=")
    best = min(short, whole, key=len)
    return best if len(best) <= LETTERS else None


def read(text: str, n: int) -> list[int] | None:
    """The rows that :func:`encode_set` wrote; None where the text is no set of n points.

    Example:
        >>> read("3.7-9", 20), read("3.7-9", 9), read("all", 20)
        ([3, 7, 8, 9], None, None)
    """
    if len(text) > LETTERS:
        return None
    try:
        if text.startswith("b"):
            body = base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), b"-_", validate=True)
            bits = np.unpackbits(np.frombuffer(body, np.uint8))
            if len(body) != -(-n // 8) or bits[n:].any():
                return None
            return [int(row) for row in np.flatnonzero(bits[:n])]
        rows: set[int] = set()
        for part in filter(None, text.split(".")):
            first, _, last = part.partition("-")
            low, high = int(first), int(last or first)
            if not 0 <= low <= high < n:
                return None
            rows.update(range(low, high + 1))
    except (ValueError, binascii.Error):
        return None
    return sorted(rows)
