"""The terms of a step's loss, computed only where somebody reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor


class LazyTerms(Mapping[str, Tensor]):
    """Terms that are computed when they are first read, since few steps are recorded.

    Args:
        compute: returns the terms; called once at most.

    Example:
        >>> terms = LazyTerms(lambda: {"loss": torch.ones(2)})
        >>> list(terms), terms["loss"].tolist()
        (['loss'], [1.0, 1.0])
    """

    def __init__(self, compute: Callable[[], Mapping[str, Tensor]]) -> None:
        self._compute = compute
        self._computed: Mapping[str, Tensor] | None = None

    def _terms(self) -> Mapping[str, Tensor]:
        if self._computed is None:
            with torch.no_grad():
                self._computed = self._compute()
        return self._computed

    def __getitem__(self, name: str) -> Tensor:
        return self._terms()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms())

    def __len__(self) -> int:
        return len(self._terms())
