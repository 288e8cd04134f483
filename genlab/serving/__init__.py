"""Serving: allowed hosts, origin checks and response headers."""
