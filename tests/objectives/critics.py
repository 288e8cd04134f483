"""Generators and critics that a test sets."""

from __future__ import annotations

from torch import Tensor, nn

from genlab.core.options import Options
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.models.base import GenerativeModel, HasCritic
from genlab.models.latent import StandardPrior


class Toy(StandardPrior, GenerativeModel[Options], HasCritic):
    """A generator and a critic that a test sets."""

    latent = 1

    def __init__(self, dim: int) -> None:
        super().__init__(Options(), DataMeta((dim,), "real"))
        self.latent = dim

    def player(self, name: str) -> list[nn.Parameter]:
        mine = [p for n, p in self.named_parameters() if n.startswith("g_")]
        return (
            mine
            if name == "generator"
            else [p for p in self.parameters() if id(p) not in {id(q) for q in mine}]
        )

    def features(self, x: Tensor) -> Tensor:
        return x


class Table(Toy):
    """A score for each atom: the data are indices, the generator gives the indices of a list."""

    def __init__(self, scores: Tensor, generated: Tensor) -> None:
        super().__init__(1)
        self.v = nn.Parameter(scores)
        self.generated = generated.to(scores).view(-1, 1)

    def decode(self, z: Tensor) -> Point:
        return Point(self.generated, 1)

    def score(self, x: Tensor) -> Tensor:
        return self.v[x.detach()[:, 0].floor().long()] + 0.0 * x.sum(1)
