"""The table of every interval that the program prints, each with data whose truth is known.

A row draws data with a seed, asks the program for its number and interval, and says what the
interval should hold. A row's ``prints`` names the functions of the package that make the interval;
``test_interval_coverage.py`` checks that none is missing here.
"""

from tests.science.intervals import (
    critic_bounds,
    disentanglement,
    distances,
    means,
    posteriors,
    table_scores,
)
from tests.science.intervals.base import TABLE

__all__ = [
    "TABLE",
    "critic_bounds",
    "disentanglement",
    "distances",
    "means",
    "posteriors",
    "table_scores",
]
