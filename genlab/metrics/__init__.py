"""Metrics: what can be said of a trained model, each number with an interval."""

from __future__ import annotations

from genlab.metrics.evaluation import evaluate

__all__ = ["evaluate"]
