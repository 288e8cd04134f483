"""What is looked at while a run goes on, and what can be said of a trained model."""

from __future__ import annotations

from genlab.metrics.evaluation import evaluate
from genlab.probes.base import PROBES, Probe, merge_readings, probes_for, read_probes

__all__ = ["PROBES", "Probe", "evaluate", "merge_readings", "probes_for", "read_probes"]
