"""The subset of the wire format of protocol buffers that these exports need.

Source: "Encoding", protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations


def varint(value: int) -> bytes:
    """A whole number from 0 in groups of seven bits, the lowest first.

    Example:
        >>> varint(300).hex()
        'ac02'
    """
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def whole(number: int, value: int) -> bytes:
    """A field that holds a whole number from 0.

    Example:
        >>> whole(1, 150).hex()
        '089601'
    """
    return varint(number << 3) + varint(value)


def field(number: int, content: bytes | str) -> bytes:
    """A field that holds a text, bytes or a message.

    Example:
        >>> field(2, "testing").hex()
        '120774657374696e67'
    """
    body = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(body)) + body
