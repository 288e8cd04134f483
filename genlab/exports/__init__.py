"""Exports of parts of a run: one table of formats, for the command line and the pages."""

from __future__ import annotations

from genlab.exports.table import (
    EXPORTS,
    USUAL,
    Export,
    export_file,
    formats_for,
    most_in_seconds,
)

__all__ = ["EXPORTS", "USUAL", "Export", "export_file", "formats_for", "most_in_seconds"]
