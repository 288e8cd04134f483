"""Priors p(z), registered in one table; each has its own file."""

from __future__ import annotations

from genlab.distributions.priors.base import PRIORS, Prior
from genlab.distributions.priors.standard import standard_normal

__all__ = ["PRIORS", "Prior", "standard_normal"]
