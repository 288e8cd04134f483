"""Posteriors q(z | x) as rows of one table: a new one is a new file with one row."""

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
