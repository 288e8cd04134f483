"""Samples of a table given the values of some of its columns: exact, by rejection, or resampled.

Three ways, the first that fits:

- exact: p(z | x_c) of a linear VAE is Gaussian, and z is drawn from it;
- exact by rejection: for discrete columns a draw z of the prior is accepted with probability P(x_c
    | z) ≤ 1; for a model without a likelihood a draw is accepted if it equals the value;
- importance resampling: of real columns draws z of the prior are drawn again with weights
  p(x_c | z), which is exact as their number grows; of a model without a likelihood draws are kept
  that lie near the value.

Source: Rubin 1988, "Using the SIR algorithm to simulate posterior distributions".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import DataError, SpecError
from genlab.core.random import scope
from genlab.data.base import DataMeta
from genlab.data.readers.base import clean
from genlab.data.schema import bounds, encode, is_whole
from genlab.distributions.columns import Part, parts_of
from genlab.distributions.columns.base import is_named
from genlab.distributions.mixed import Mixed
from genlab.models.base import GenerativeModel, HasDecoder
from genlab.models.linear_vae import LinearVAE
from genlab.probes.common import draw

#: The largest number of draws, and draws at a time; draws of importance resampling.
MOST, PIECE, POOL = 400_000, 4_096, 20_000
#: Effective draws of importance resampling at least: fewer are no sample of a distribution.
FEWEST = 5
#: A draw of a model without a likelihood matches a value within this many standard deviations.
NEAR = 0.1


@dataclass(frozen=True)
class Conditioned:
    """Samples given the values of some columns.

    Args:
        x: entries as the model sees them, (n, d).
        kind: how they were computed, with the number of draws.
        exact: whether they are draws of p(x | x_c) itself.
        tried: how many draws were made.
        effective: the effective number (Σ w)²/Σ w² of weighted draws; of the others those kept.
    """

    x: Tensor
    kind: str
    exact: bool
    tried: int
    effective: float


@dataclass(frozen=True)
class Condition:
    """The value of a column.

    Args:
        part: the column.
        entries: its encoded value, (w,).
    """

    part: Part
    entries: Tensor

    @property
    def discrete(self) -> bool:
        """Whether the column has probabilities, not a density."""
        return is_named(self.part.column) or is_whole(self.part.column)


def parse_conditions(meta: DataMeta, given: Mapping[str, Any]) -> list[Condition]:
    """The values of columns as a model sees them.

    Args:
        meta: of a table.
        given: values by the names of columns: the name of a category, or a number.

    Raises:
        SpecError: for a column or a value that there is not.
    """
    parts = {part.column.name: part for part in parts_of(meta)}
    found = []
    for name, value in given.items():
        if name not in parts:
            raise SpecError.unknown("given", name, parts)
        part = parts[name]
        raw = torch.tensor([[_number(part, value)]], dtype=torch.float64)
        wide = torch.from_numpy(encode(raw.numpy(), [part.column]))
        if part.log >= 0:
            wide = (wide + part.log).log()
        found.append(Condition(part, ((wide - part.shift) / part.scale).float()[0]))
    return found


def _number(part: Part, value: Any) -> float:
    column = part.column
    if is_named(column):
        # As the file has it, or as it is shown: the set has its words without signs of tags.
        word = next((w for w in (str(value), clean(str(value))) if w in column.categories), None)
        if word is None:
            raise SpecError.unknown(f"given {column.name}", str(value), column.categories)
        return float(column.categories.index(word))
    try:
        number = float(value)
    except ValueError:
        raise SpecError("given", f"{column.name}={value}", "allowed: a number") from None
    low, high = bounds(column)
    whole = not is_whole(column) or number == round(number)
    positive = part.log != 0 or number > 0
    if not math.isfinite(number) or not low <= number <= high or not whole or not positive:
        kind = "a whole number" if is_whole(column) else "a number"
        ends = f" from {low:g}" * math.isfinite(low) + f" to {high:g}" * math.isfinite(high)
        raise SpecError("given", f"{column.name}={value}", f"allowed: {kind}{ends}")
    return number


def sample_conditional(
    model: GenerativeModel, n: int, given: Mapping[str, Any], seed: int
) -> Conditioned:
    """Draw n rows of a model given the values of some columns.

    Args:
        model: of a user's table.
        n: how many.
        given: see :func:`parse_conditions`.
        seed: of the draws.

    Raises:
        SpecError: for a column or a value that there is not.
        DataError: if the values are so improbable that too few draws match.
    """
    if not model.meta.schema:
        raise SpecError(
            "given", ", ".join(given), "conditioning on columns needs a table of your own"
        )
    values = parse_conditions(model.meta, given)
    with scope(seed, "given"), torch.no_grad():
        if isinstance(model, LinearVAE):
            return _gaussian(model, n, values)
        if isinstance(model, HasDecoder) and isinstance(
            model.decode(model.prior().sample(torch.Size((1,)))), Mixed
        ):
            if all(one.discrete for one in values):
                return _rejected_codes(model, n, values)
            return _resampled(model, n, values)
        return _near(model, n, values)


def _put(x: Tensor, values: Sequence[Condition]) -> Tensor:
    for one in values:
        x[:, one.part.first : one.part.last] = one.entries
    return x


def _gaussian(model: LinearVAE, n: int, values: Sequence[Condition]) -> Conditioned:
    """z ~ N(Λ⁻¹ Wᵀ(x − b)/σ², Λ⁻¹), Λ = I + WᵀW/σ², over the rows of the given entries."""
    rows = torch.cat([torch.arange(v.part.first, v.part.last) for v in values])
    x = torch.cat([v.entries for v in values]).double()
    w = model.decoder.weight[rows].double()
    variance = model.sigma.double().square()
    precision = torch.eye(model.latent, dtype=torch.float64) + w.mT @ w / variance
    centred = x - model.decoder.bias[rows].double()
    centre = torch.linalg.solve(precision, w.mT @ centred / variance)
    root = torch.linalg.cholesky(torch.linalg.inv(precision))
    noise = torch.randn(n, model.latent, dtype=torch.float64)
    z = (centre + noise @ root.mT).float()
    x_all = _put(model.decode(z).sample(), values)
    return Conditioned(x_all, "draws of the exact conditional distribution", True, n, float(n))


def _log_likelihood(likelihood: Mixed, values: Sequence[Condition]) -> Tensor:
    """Σ log p(x_c | z) over the given columns, (B,)."""
    x = torch.full((len(likelihood.h), likelihood.head.dim), torch.nan)
    return likelihood.log_prob(_put(x, values))


def _rejected_codes(model: Any, n: int, values: Sequence[Condition]) -> Conditioned:
    kept: list[Tensor] = []
    found = tried = 0
    while found < n and tried < MOST:
        likelihood = model.decode(model.prior().sample(torch.Size((PIECE,))))
        keep = torch.rand(PIECE).log() < _log_likelihood(likelihood, values)
        kept.append(Mixed(likelihood.head, likelihood.h[keep]).sample())
        found, tried = found + int(keep.sum()), tried + PIECE
    return _kept(kept, n, found, tried, values, "the values", exact=True)


def _kept(
    kept: Sequence[Tensor],
    n: int,
    found: int,
    tried: int,
    values: Sequence[Condition],
    what: str,
    *,
    exact: bool,
) -> Conditioned:
    if found < n:
        raise DataError(
            f"Of {tried:,} draws of the model {found:,} have {what}; {n:,} were asked for. Ask "
            "for fewer, or give other values."
        )
    word = "exact draws by rejection" if exact else f"draws kept where they lie near {what}"
    kind = f"{word}: {found:,} of {tried:,} draws kept"
    return Conditioned(_put(torch.cat(list(kept))[:n], values), kind, exact, tried, float(found))


def _resampled(model: Any, n: int, values: Sequence[Condition]) -> Conditioned:
    z = model.prior().sample(torch.Size((POOL,)))
    logs = torch.cat([_log_likelihood(model.decode(part), values) for part in z.split(PIECE)])
    weights = torch.softmax(logs.double(), 0)
    effective = float(1 / weights.square().sum())
    if not effective >= FEWEST:
        raise DataError(
            f"The values are far from what the model draws: of {POOL:,} codes no more than "
            f"{FEWEST} explain them, so that all rows would be nearly the same. Give other values."
        )
    picked = torch.multinomial(weights, n, replacement=True)
    x = torch.cat([model.decode(part).sample() for part in z[picked].split(PIECE)])
    kind = f"importance resampling of {POOL:,} draws of z, {effective:,.0f} of them effective"
    return Conditioned(_put(x, values), kind, False, POOL, effective)


def _near(model: GenerativeModel, n: int, values: Sequence[Condition]) -> Conditioned:
    kept: list[Tensor] = []
    found = tried = 0
    exact = all(one.discrete for one in values)
    while found < n and tried < MOST:
        x = draw(model, PIECE)
        keep = torch.ones(PIECE, dtype=torch.bool)
        for one in values:
            gap = (x[:, one.part.first : one.part.last] - one.entries).abs().amax(1)
            half = 0.25 / one.part.scale if is_whole(one.part.column) else NEAR
            keep &= gap < (0.5 if is_named(one.part.column) else half)
        kept.append(x[keep])
        found, tried = found + int(keep.sum()), tried + PIECE
    what = "the values" if exact else f"the values, within {NEAR} standard deviations"
    return _kept(kept, n, found, tried, values, what, exact=exact)
