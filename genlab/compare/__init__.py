"""Runs beside each other: the fair pair, the same z and examples, and differences of metrics."""
