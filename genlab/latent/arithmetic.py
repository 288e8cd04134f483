"""Arithmetic of codes: means of sets, and a − b + c decoded."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from genlab.core.errors import GenlabError, SpecError
from genlab.core.options import parse_int
from genlab.latent.codes import prior_sample
from genlab.models.base import HasDecoder


@dataclass(frozen=True)
class Mean:
    """The mean of a set of codes.

    Args:
        name: of the set.
        z: (latent,).
        n: codes in the set.
    """

    name: str
    z: Tensor
    n: int


def mean_of(name: str, z: Tensor) -> Mean:
    """The mean of codes (n, latent).

    Raises:
        GenlabError: if there are none.
    """
    if not len(z):
        raise GenlabError(f"the set {name!r} contains no codes; choose another.")
    return Mean(name, z.double().mean(dim=0).float(), len(z))


def arithmetic(a: Mean, b: Mean, c: Mean, length: float | None = None) -> Tensor:
    """z = a − b + c, (latent,).

    An affine decoder g takes it to g(a) − g(b) + g(c). Source: Radford, Metz and Chintala 2016,
    section 6.3.2 (they take means of three codes).

    Args:
        a, b, c: means of sets.
        length: the length to which z is scaled; None keeps its length.
    """
    z = a.z - b.z + c.z
    if length is not None:
        z = z * (length / z.norm().clamp(min=1e-12))
    return z


def typical_length(model: HasDecoder, seed: int = 0, n: int = 1024) -> float:
    """The root mean square length of draws of the prior, √latent for N(0, I)."""
    return float(prior_sample(model, n, seed).square().sum(dim=1).mean().sqrt())


def parse_rows(text: str, size: int) -> list[int]:
    """Rows of a map from what was typed: numbers between commas or spaces, each once.

    Raises:
        SpecError: for anything but whole numbers below ``size``.

    Example:
        >>> parse_rows("3, 9 3", 10)
        [3, 9]
    """
    rows = [parse_int(word, 0, size - 1) for word in text.replace(",", " ").split()]
    found = list(dict.fromkeys(row for row in rows if row is not None))
    if not rows or None in rows:
        allowed = f"allowed: numbers of points from 0 to {size - 1}, between commas"
        raise SpecError("points", text, allowed)
    return found
