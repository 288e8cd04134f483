"""Divergences: closed forms, bounds from a critic, and estimates on a grid."""

from __future__ import annotations

from genlab.divergences.coverage import Coverage, mass_within_radius, mode_coverage
from genlab.divergences.f import F
from genlab.divergences.grid import Grid
from genlab.divergences.jensen_shannon import LOG_2, js_bound
from genlab.divergences.kl import closed_form_kl, gaussian_kl

__all__ = [
    "LOG_2",
    "Coverage",
    "F",
    "Grid",
    "closed_form_kl",
    "gaussian_kl",
    "js_bound",
    "mass_within_radius",
    "mode_coverage",
]
