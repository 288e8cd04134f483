"""Readers of files that somebody brings: one row of :data:`READERS` a format."""

from __future__ import annotations

from genlab.data.readers.base import READERS, Examples, Reader, read, reader_of

__all__ = ["READERS", "Examples", "Reader", "read", "reader_of"]
