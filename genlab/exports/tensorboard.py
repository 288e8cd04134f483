"""Curves as an event file that TensorBoard reads, without TensorBoard.

A file is a row of records: the length, its checksum, the content, its checksum; the content is an
``Event`` in the wire format of protocol buffers. Sources: tensorflow/core/util/event.proto,
tensorflow/core/framework/summary.proto, and the TFRecord format.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from genlab.exports.protobuf import field, varint
from genlab.exports.table import EXPORTS, Export

if TYPE_CHECKING:
    from genlab.runs.catalog import RunView

PAGE = 5000
_CASTAGNOLI = 0x82F63B78


@functools.cache
def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_CASTAGNOLI if value & 1 else 0)
        found.append(value)
    return tuple(found)


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 3720, appendix B.4).

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    value = crc32c(data)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(content: bytes) -> bytes:
    """A content as a record with its length and checksums."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def event(time: float, step: int, values: Mapping[str, float]) -> bytes:
    """An ``Event`` with the numbers of a step."""
    found = b"".join(
        field(1, field(1, name.encode()) + b"\x15" + struct.pack("<f", value))
        for name, value in values.items()
    )
    return b"\x09" + struct.pack("<d", time) + b"\x10" + varint(step) + field(5, found)


def event_file(rows: Iterable[tuple[float, int, Mapping[str, float]]], begin: float) -> bytes:
    """A whole event file.

    Args:
        rows: time, step and numbers of each record.
        begin: time of the first.
    """
    head = b"\x09" + struct.pack("<d", begin) + field(3, b"brain.Event:2")
    return b"".join([framed(head), *(framed(event(*row)) for row in rows)])


def _write(view: RunView, step: int, n: int, seed: int) -> bytes:  # noqa: ARG001
    rows, after = [], 0
    while page := view.read(after=after, limit=PAGE, kinds={"scalars"}):
        after = page[-1].seq
        for record in page:
            values = {
                name: float(value)
                for name, value in record.payload.items()
                if value is not None and math.isfinite(value)
            }
            rows.append((record.time, record.step, values))
    return event_file(rows, rows[0][0] if rows else 0.0)


EXPORTS.register("curves.tfevents", title="Curves for TensorBoard")(
    Export("curves", "tfevents", "application/octet-stream", _write)
)
