"""The encoding of a table's text: stated, known by its first bytes, or asked for."""

from __future__ import annotations

import codecs

from genlab.data.readers.base import clean, refuse
from genlab.data.readers.dialect import AUTO, Decision

#: Encodings that can be chosen, the likeliest first.
ENCODINGS = (
    "utf-8",
    "utf-16",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "iso-8859-15",
    "shift_jis",
    "gb18030",
)
#: The one that is proposed where the text is not UTF-8: what spreadsheets of Western Europe write.
PROPOSED = "windows-1252"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: Bytes that are decoded at a time; signs of a line that a question quotes.
PIECE, QUOTED = 2**20, 60


def is_utf_16(content: bytes) -> bool:
    """Whether a file is text in UTF-16: by its byte order mark, or since every other byte is zero.

    Example:
        >>> [is_utf_16("a,b".encode(name)) for name in ("utf-16", "utf-8", "utf-16-be")]
        [True, False, True]
    """
    name = utf_16(content)
    if not name:
        return False
    head = content[: min(4096, len(content) // 2 * 2)].decode(name, "replace")
    return bool(head.strip()) and all(sign >= " " or sign in "\t\r\n\f" for sign in head)


def utf_16(content: bytes) -> str:
    """The form of UTF-16 that a file has by its first bytes, empty if none.

    Example:
        >>> utf_16("a,b".encode("utf-16-le")), utf_16(b"a,b")
        ('utf-16-le', '')
    """
    if content.startswith(UTF_16):
        return "utf-16"
    head = content[:4096]
    odd, even = head[1::2].count(0), head[::2].count(0)
    # Latin letters, digits and separators have one byte of zero each.
    if odd > 0.6 * len(head[1::2]) and not even:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * len(head[::2]) and not odd else ""


def to_utf_8(content: bytes, encoding: str = AUTO) -> tuple[bytes, tuple[Decision, ...]]:
    """The text of a file in UTF-8, and how its encoding was found.

    Args:
        content: the file.
        encoding: one of ``ENCODINGS`` where the user says so, or ``auto``.

    Raises:
        DataError: if the text is not in that encoding, with the line.

    Example:
        >>> text, (decision,) = to_utf_8("größe\\n1\\n".encode("cp1252"))
        >>> text.decode(), decision.value, bool(decision.question)
        ('größe\\n1\\n', 'windows-1252', True)
        >>> to_utf_8(b"a\\n1\\n")
        (b'a\\n1\\n', ())
    """
    if encoding in (AUTO, "utf-16") and is_utf_16(content):
        how = "Its first two bytes say UTF-16."
        if not content.startswith(UTF_16):
            how = "Every other byte is zero, as in UTF-16."
        how = how if encoding == AUTO else "You chose it."
        return _decoded(content, utf_16(content)), (Decision("encoding", "utf-16", how),)
    if encoding not in (AUTO, "utf-8"):
        return _decoded(content, encoding), (Decision("encoding", encoding, "You chose it."),)
    wrong = _first_wrong_byte(content)
    if wrong is None:
        return content, ()
    number = content.count(b"\n", 0, wrong) + 1
    if encoding != AUTO:
        raise _not_text(number, encoding)
    text = _decoded(content, PROPOSED)
    start = max(content.rfind(b"\n", 0, wrong) + 1, wrong - QUOTED // 2)
    line = content[start : wrong + QUOTED].decode(PROPOSED, "replace").split("\n")[0]
    shown = clean(line)[:QUOTED]
    if start and content[start - 1 : start] != b"\n":
        shown = f"…{shown}"
    how = f"Line {number:,} is not text in UTF-8; in Windows-1252 it reads {shown!r}."
    question = f"{how} Is this right, or does the file have another encoding?"
    return text, (Decision("encoding", PROPOSED, how, False, question),)


def _first_wrong_byte(content: bytes) -> int | None:
    """Where the text stops to be UTF-8; a piece at a time."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(content), PIECE):
        kept = len(decoder.getstate()[0])
        try:
            decoder.decode(content[at : at + PIECE], final=at + PIECE >= len(content))
        except UnicodeDecodeError as error:
            return at - kept + error.start
    return None


def _decoded(content: bytes, encoding: str) -> bytes:
    """The text in UTF-8.

    Raises:
        DataError: with the line of the first byte that is none.
    """
    try:
        return content.decode(encoding).encode()
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise _not_text(content.count(b"\n", 0, at) + 1, encoding) from None


def _not_text(line: int, encoding: str) -> Exception:
    return refuse(
        f"line {line:,} is not text in {encoding.upper()}",
        f"Choose another encoding ({', '.join(ENCODINGS)}), or save it as CSV in UTF-8.",
    )
