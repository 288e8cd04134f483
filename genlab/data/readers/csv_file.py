"""Tables as text: the format is detected, reported, and can be overridden."""

from __future__ import annotations

import codecs
from typing import Any, ClassVar

from genlab.core import options
from genlab.data.image_uploads import is_xml
from genlab.data.readers import dialect, pixel_table
from genlab.data.readers.base import READERS, Examples, Progress, Reader, refuse
from genlab.data.readers.csv_cells import CsvCells
from genlab.data.readers.csv_examples import examples_of
from genlab.data.readers.csv_options import CsvOptions, parse_header_line

#: Bytes of a table.
BYTES = 64 * 2**20


@READERS.register(
    "csv", title="CSV", summary="A table: numbers, words, and a column of classes.", order=10
)
class Csv(Reader):
    """A table as text, a row an example."""

    Options: ClassVar[type[options.Options]] = CsvOptions

    @classmethod
    def takes(cls, content: bytes) -> bool:
        head = content[:4096]
        # A binary file has zeros or other control bytes early on.
        signs_ = sum(byte < 9 or 13 < byte < 32 for byte in head)
        return not signs_ and not is_xml(content) and not head.startswith((b"%PDF", b"GIF8"))

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        if len(content) > BYTES:
            raise refuse(
                f"the table has {len(content) / 2**20:.0f} MB; at most {BYTES // 2**20} MB of "
                "text are read",
                "Send fewer rows, or save the numbers by numpy.savez.",
            )
        check_text(content)
        if progress is not None:
            progress(0.1, "the form of the table")
        layout = dialect.find_layout(
            content, options.separator, options.comments, parse_header_line(options.header_row)
        )
        if pixel_table.is_pixel_table(layout.width, options.layout):
            return pixel_table.read(layout)
        cells = CsvCells(layout, options)
        if progress is not None:
            progress(0.5, f"{cells.n:,} rows read")
        return examples_of(cells)


def check_text(content: bytes) -> None:
    """Refuse a file that is not UTF-8, or has too many lines; a piece at a time.

    Raises:
        DataError: with the line.
    """
    if content.count(b"\n") > dialect.ROWS:
        raise refuse(f"it has more than {dialect.ROWS:,} lines", "Send fewer rows.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(content), 2**20):
        piece = content[at : at + 2**20]
        try:
            decoder.decode(piece, final=at + 2**20 >= len(content))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, at + max(error.start, 0)) + 1
            raise refuse(
                f"line {line:,} is not text in UTF-8",
                "Save it as CSV in UTF-8, then send it again.",
            ) from None
