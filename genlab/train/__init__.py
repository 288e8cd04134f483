"""Algorithms and the loop that steps them."""
