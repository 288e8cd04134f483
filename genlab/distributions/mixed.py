"""The likelihood of a table: each column has its own likelihood, and missing entries have none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from genlab.data.base import DataMeta
from genlab.distributions.base import LIKELIHOODS, Likelihood
from genlab.distributions.columns import COLUMN_LIKELIHOODS, ColumnLikelihood, chosen_rows
from genlab.distributions.columns.base import Part

NAME = "mixed"


class ColumnHead(nn.Module):
    """Maps the outputs of a net to the likelihoods of the columns, grouped by kind.

    It has no weights.

    Args:
        meta: of a table.
        choices: likelihoods of single columns, see
            :func:`genlab.distributions.columns.base.read_choices`.
    """

    places: Tensor

    def __init__(self, meta: DataMeta, choices: str = "") -> None:
        super().__init__()
        self.dim = meta.dim
        rows: dict[str, list[Part]] = {}
        for part, row, _ in chosen_rows(meta, choices):
            rows.setdefault(row, []).append(part)
        self.groups = nn.ModuleList(COLUMN_LIKELIHOODS[row](parts) for row, parts in rows.items())
        order = [k for group in self.each() for k in _entries(group.parts)]
        places = torch.empty(len(order), dtype=torch.long)
        places[torch.tensor(order)] = torch.arange(len(order))
        #: The position of each entry after the groups are concatenated.
        self.register_buffer("places", places, persistent=False)
        for k, group in enumerate(self.each()):
            self.register_buffer(
                f"entries_{k}", torch.tensor(_entries(group.parts)), persistent=False
            )

    def each(self) -> Iterable[ColumnLikelihood]:
        """The likelihoods, in the order of the outputs."""
        return self.groups  # type: ignore[return-value]

    @property
    def size(self) -> int:
        """The number of decoder outputs that it reads."""
        return sum(group.size for group in self.each())

    @property
    def generator_size(self) -> int:
        """The number of generator outputs that it reads."""
        return sum(group.generator_size for group in self.each())

    def entries(self, k: int) -> Tensor:
        """The entries of an example that belong to the k-th group."""
        found: Tensor = getattr(self, f"entries_{k}")
        return found

    def joined(self, groups: list[Tensor]) -> Tensor:
        """The entries of all groups concatenated to examples, (..., d)."""
        return torch.cat(groups, -1).index_select(-1, self.places)

    def generate(self, h: Tensor) -> Tensor:
        """Valid examples of the table, with a gradient, (B, generator_size) -> (B, d)."""
        pieces = h.split([group.generator_size for group in self.each()], -1)
        made = [g.generate(p) for g, p in zip(self.each(), pieces, strict=True)]
        return self.joined(made)

    def distribution(self, h: Tensor) -> Mixed:
        """p(x | z) from the outputs of a decoder, (B, size)."""
        return Mixed(self, h)

    def columns(self) -> list[str]:
        """The names of the columns, in the order of :meth:`Mixed.column_log_prob`."""
        return [part.column.name for group in self.each() for part in group.parts]


class Mixed(Distribution):
    """log p(x) = Σ log p_c(x_c) over the columns c that are observed.

    Columns are independent given the code. The term of a missing entry (NaN) is left out, which
    gives the exact marginal. Numbers are in nats and in the units of the file: densities of real
    columns, probabilities of discrete ones.

    Source: Nazabal, Olmos, Ghahramani and Valera 2020, "Handling incomplete heterogeneous data
    using VAEs".

    Args:
        head: of the table.
        h: outputs of the decoder, (..., head.size).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, head: ColumnHead, h: Tensor) -> None:
        self.head, self.h = head, h
        super().__init__(h.shape[:-1], torch.Size((head.dim,)), validate_args=False)

    def _pieces(self, h: Tensor) -> list[tuple[ColumnLikelihood, Tensor]]:
        parts = h.split([group.size for group in self.head.each()], -1)
        return list(zip(self.head.each(), parts, strict=True))

    def column_log_prob(self, value: Tensor) -> Tensor:
        """log p of each column, 0 where it is missing, (..., d) -> (..., columns)."""
        found = []
        for k, (group, h) in enumerate(self._pieces(self.h)):
            x = value.index_select(-1, self.head.entries(k))
            there = ~x.isnan()
            logs = group.log_prob(h, torch.where(there, x, torch.zeros_like(x)))
            first = [sum(group.widths[:i]) for i in range(len(group.widths))]
            found.append(torch.where(there[..., first], logs, torch.zeros_like(logs)))
        return torch.cat(found, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of what is observed in nats, (..., d) -> (...)."""
        return self.column_log_prob(value).sum(-1)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Draws without a gradient, sample shape + batch shape + (d,)."""
        with torch.no_grad():
            h = self.h.expand(torch.Size(sample_shape) + self.h.shape)
            return self.head.joined([group.sample(part) for group, part in self._pieces(h)])

    @property
    def mean(self) -> Tensor:
        """The mean of each entry; for 0/1 entries the probability."""
        return self.head.joined([group.mean(part) for group, part in self._pieces(self.h)])

    @property
    def mode(self) -> Tensor:
        """The mean; among 0/1 entries the largest is the most likely category."""
        return self.mean


def _entries(parts: Iterable[Part]) -> list[int]:
    return [k for part in parts for k in range(part.first, part.last)]


def make(h: Tensor, options: Any) -> Distribution:  # noqa: ARG001 - the table's signature
    """Not available without the table: :meth:`Likelihood.head` builds it."""
    raise TypeError("the likelihood of a table is made by its head")


LIKELIHOODS.register(
    NAME,
    title="Mixed, one likelihood per column",
    summary="Your own tables. Each column has one of: Gaussian, log-normal, bounded, "
    "Bernoulli, categorical, ordinal, Poisson, negative binomial. Missing entries are left "
    "out.",
)(
    Likelihood(
        supports=("real", "binary"),
        densities=("real", "binary"),
        outputs=0,
        make=make,
        of_table=ColumnHead,
    )
)
