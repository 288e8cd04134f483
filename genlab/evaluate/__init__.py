"""What is looked at while a run goes on, and what can be said of a trained model."""

from __future__ import annotations

from genlab.evaluate.base import PROBES, Probe, look, merged, probes_for
from genlab.evaluate.metrics import evaluate

__all__ = ["PROBES", "Probe", "evaluate", "look", "merged", "probes_for"]
