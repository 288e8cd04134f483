"""A law with its parameters out of the graph: a density that only a point moves."""

from __future__ import annotations

from torch.distributions import Distribution, Independent, MultivariateNormal, Normal


def held(law: Distribution) -> Distribution | None:
    """The same law with its parameters held fixed; None where no way to it is known.

    Known for products of normals, for normals with a full covariance, and for whatever has a
    ``held()`` of its own.

    Example:
        >>> import torch
        >>> mean = torch.zeros(1, 2, requires_grad=True)
        >>> q = Independent(Normal(mean, torch.ones(1, 2)), 1)
        >>> held(q).log_prob(torch.zeros(1, 2)).requires_grad
        False
    """
    own = getattr(law, "held", None)
    if own is not None:
        known: Distribution = own()
        return known
    if isinstance(law, Independent) and isinstance(law.base_dist, Normal):
        base = law.base_dist
        normal = Normal(base.loc.detach(), base.scale.detach(), validate_args=False)
        return Independent(normal, law.reinterpreted_batch_ndims, validate_args=False)
    if isinstance(law, MultivariateNormal):
        return MultivariateNormal(
            law.loc.detach(), scale_tril=law.scale_tril.detach(), validate_args=False
        )
    return None
