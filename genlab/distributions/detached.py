"""Distributions with detached parameters: the gradient of log q(z) goes through z alone."""

from __future__ import annotations

from torch.distributions import Distribution, Independent, MultivariateNormal, Normal


def detached(q: Distribution) -> Distribution | None:
    """The same distribution with detached parameters; None if its type is not supported.

    Supported are products of normals, normals with a full covariance, and every distribution with
    a method ``detached()``.

    Example:
        >>> import torch
        >>> mean = torch.zeros(1, 2, requires_grad=True)
        >>> q = Independent(Normal(mean, torch.ones(1, 2)), 1)
        >>> detached(q).log_prob(torch.zeros(1, 2)).requires_grad
        False
    """
    own = getattr(q, "detached", None)
    if own is not None:
        known: Distribution = own()
        return known
    if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
        base = q.base_dist
        normal = Normal(base.loc.detach(), base.scale.detach(), validate_args=False)
        return Independent(normal, q.reinterpreted_batch_ndims, validate_args=False)
    if isinstance(q, MultivariateNormal):
        return MultivariateNormal(
            q.loc.detach(), scale_tril=q.scale_tril.detach(), validate_args=False
        )
    return None
