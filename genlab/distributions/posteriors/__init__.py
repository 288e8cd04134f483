"""Posteriors q(z | x), registered in one table; each has its own file."""

from __future__ import annotations

from genlab.distributions.posteriors.base import (
    POSTERIORS,
    Posterior,
    entry_log_prob,
    factorises,
)

# The default comes first in the table.
from genlab.distributions.posteriors.gaussian import diagonal_normal  # isort: skip

__all__ = ["POSTERIORS", "Posterior", "diagonal_normal", "entry_log_prob", "factorises"]
