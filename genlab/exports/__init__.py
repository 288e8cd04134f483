"""Exports of parts of a run: one table of formats, for the command line and the pages."""

from __future__ import annotations

from genlab.exports.table import EXPORTS, Export, export_file, formats_for

__all__ = ["EXPORTS", "Export", "export_file", "formats_for"]
