"""Priors p(z) as rows of one table: a new one is a new file with one row."""

from __future__ import annotations

from genlab.distributions.priors.base import PRIORS, Prior
from genlab.distributions.priors.standard import standard_normal

__all__ = ["PRIORS", "Prior", "standard_normal"]
