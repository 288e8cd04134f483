"""Posteriors q(z | x) as rows of one table: a new one is a new file with one row."""

from __future__ import annotations

from genlab.distributions.posteriors.base import (
    POSTERIORS,
    Posterior,
    entry_log_prob,
    factorises,
)

__all__ = ["POSTERIORS", "Posterior", "entry_log_prob", "factorises"]
