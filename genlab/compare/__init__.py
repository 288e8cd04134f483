"""Comparisons of runs: the duel, the same z and examples, and differences of metrics."""
