"""A decoder of one function, for tests of what leaves torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from torch import Tensor, nn

from genlab.distributions import Point
from genlab.models.base import HasDecoder


class Decoding(nn.Module, HasDecoder):
    """A decoder of one function."""

    def __init__(self, function: Callable[[Tensor], Tensor], latent: int) -> None:
        super().__init__()
        self.function, self.latent = function, latent

    def prior(self) -> NoReturn:
        raise AssertionError("not asked for")

    def decode(self, z: Tensor) -> Point:
        return Point(self.function(z), 1)
