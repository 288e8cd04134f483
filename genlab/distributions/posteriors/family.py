"""Posteriors whose entries are independent and belong to one reparameterised family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, constraints
from torch.nn.functional import softplus

from genlab.core.errors import SpecError
from genlab.distributions.families import FAMILIES, Family, Logs, Params, closed_form_kl
from genlab.distributions.posteriors.base import POSTERIORS, SUPPORTS, Posterior

#: Families whose tails are light enough for a Gaussian prior: on all of R, and on parts of it.
NAMES = ("laplace", "logistic", "gumbel", "student_t", "gamma", "beta")


class FamilyProduct(Distribution):
    """A product of independent entries of one family.

    Args:
        family: the row, over numbers.
        params: its parameters, each (B, latent).

    Example:
        >>> zero = torch.zeros(4, 2)
        >>> row = FAMILIES["laplace"]
        >>> q = FamilyProduct(row, row.trust({"loc": zero, "scale": zero + 1}))
        >>> q.batch_shape, q.event_shape, q.rsample((3,)).shape
        (torch.Size([4]), torch.Size([2]), torch.Size([3, 4, 2]))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, family: Family, params: Params) -> None:
        self.family, self.params = family, params
        self._drawn: Logs | None = None
        shape = next(iter(params.values())).shape
        super().__init__(shape[:-1], shape[-1:], validate_args=False)

    def _moment(self, value: Tensor | None) -> Tensor:
        assert value is not None
        return value

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return self._moment(self.family.mean(self.params))

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return self._moment(self.family.variance(self.params))

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pathwise draws, sample shape + batch shape + event shape."""
        self._drawn = self.family.sample_logs(self.params, sample_shape)
        return self._drawn.z

    def detached(self) -> FamilyProduct:
        """The same distribution with detached parameters."""
        fixed = Params({name: value.detach() for name, value in self.params.items()})
        return FamilyProduct(self.family, fixed)

    def entry_log_prob(self, value: Tensor) -> Tensor:
        """log q(z_j) of each entry, (..., latent).

        For the last draw it is the density before rounding to the edge of the support.
        """
        if self._drawn is not None and value is self._drawn.z:
            return self.family.log_prob_at(self.params, self._drawn)
        return self.family.log_prob(self.params, value)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        return self.entry_log_prob(value).sum(-1)

    def closed_form_kl(self, prior: Distribution) -> Tensor | None:
        """KL to a product of normals or of another family, (B,) in nats; None if not closed."""
        if isinstance(prior, FamilyProduct):
            row, params = prior.family, prior.params
        elif isinstance(prior, Independent) and isinstance(prior.base_dist, Normal):
            base = prior.base_dist
            row = FAMILIES["gaussian"]
            params = row.trust({"loc": base.loc, "scale": base.scale})
        else:
            return None
        known = closed_form_kl(self.family, row)
        if known is None:
            return None
        shape = next(iter(self.params.values())).shape
        theirs = Params({name: value.expand(shape) for name, value in params.items()})
        return known(self.params, theirs).sum(-1)


def from_family(
    name: str, bounds: Mapping[str, Callable[[Tensor], Tensor]] | None = None
) -> Posterior:
    """The posterior with independent entries of one family.

    Args:
        name: of the row.
        bounds: for some parameters, a map from the output of a net that replaces the family's own,
            whose range is too wide for a finite KL.

    Raises:
        SpecError: if q cannot be a posterior: its tails make KL(q ‖ N(0, I)) infinite for all
            parameters, or its support is not a line, a half line or the unit interval.

    Example:
        >>> from_family("cauchy")
        Traceback (most recent call last):
        ...
        genlab.core.errors.SpecError: posterior = 'cauchy' is not possible: KL(q || p(z)) to a Gaussian prior is infinite, its tails are too heavy. Nothing was started.
    """  # noqa: E501
    family = FAMILIES[name]
    support = next((known for known in SUPPORTS if known == family.support.kind), None)
    if support is None:
        reason = "the support of q must be all of R, the positive numbers or the unit interval"
        raise SpecError("posterior", name, reason)
    if not family.may_meet(FAMILIES["gaussian"]):
        reason = "KL(q || p(z)) to a Gaussian prior is infinite, its tails are too heavy"
        raise SpecError("posterior", name, reason)
    count = len(family.parameters)

    def make(h: Tensor, latent: int) -> FamilyProduct:  # noqa: ARG001 - the table's signature
        raw = {p.name: part for p, part in zip(family.parameters, h.chunk(count, 1), strict=True)}
        own = {key: bound(raw[key]) for key, bound in (bounds or {}).items()}
        free = {p.name: p.constraint.from_real for p in family.parameters if p.name not in own}
        given = {key: to(raw[key], {}) for key, to in free.items() if to is not None}
        return FamilyProduct(family, family.trust({**given, **own}))

    return Posterior(outputs=lambda latent: count * latent, make=make, support=support)


#: The variance, and so the KL to a Gaussian prior, is finite for more than two degrees of freedom.
BOUNDS = {"student_t": {"df": lambda h: 2.5 + softplus(h + 8.0)}}

for _order, _name in enumerate(NAMES):
    POSTERIORS.register(
        _name,
        title=FAMILIES.row(_name).title,
        summary="Independent entries of this family, with its pathwise sampler.",
        order=30 + _order,
    )(from_family(_name, BOUNDS.get(_name)))
