"""Metrics: measurements of a trained model, each number with an interval, one file per row."""

from __future__ import annotations

from genlab.metrics.base import METRICS, Metric, MetricValue, Subject
from genlab.metrics.evaluation import evaluate, evaluate_with_samples

__all__ = ["METRICS", "Metric", "MetricValue", "Subject", "evaluate", "evaluate_with_samples"]
