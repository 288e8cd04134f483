"""Probes: measurements during training, one file and one row each."""

from __future__ import annotations

from genlab.probes.base import PROBES, Probe, merge_readings, probes_for, read_probes

__all__ = ["PROBES", "Probe", "merge_readings", "probes_for", "read_probes"]
