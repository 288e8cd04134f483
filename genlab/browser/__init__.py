"""Decoders as small programs that a browser runs: torch operations traced and written down."""
