"""Tables as text: the format is detected, reported, and can be overridden."""

from __future__ import annotations

from typing import Any, ClassVar

from genlab.core import options
from genlab.data.image_uploads import is_xml
from genlab.data.readers import dialect, pixel_table, text_encoding
from genlab.data.readers.base import READERS, Examples, Progress, Reader, refuse
from genlab.data.readers.csv_cells import CsvCells
from genlab.data.readers.csv_examples import examples_of
from genlab.data.readers.csv_options import CsvOptions, parse_header_line
from genlab.data.readers.memory import Memory, NoMemory

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
        if text_encoding.is_utf_16(content):
            return True
        head = content[:4096]
        # A binary file has many zeros or other control bytes early on, a damaged text a few.
        signs_ = sum(byte < 9 or 13 < byte < 32 for byte in head)
        return (
            signs_ * 200 <= len(head)
            and not is_xml(content)
            and not head.startswith((b"%PDF", b"GIF8"))
        )

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        return cls.read_again(content, options, NoMemory(), progress)

    @classmethod
    def read_again(
        cls, content: bytes, options: Any, memory: Memory, progress: Progress | None = None
    ) -> Examples:
        if len(content) > BYTES:
            raise refuse(
                f"the table has {len(content) / 2**20:.0f} MB; at most {BYTES // 2**20} MB of "
                "text are read",
                "Send fewer rows, or save the numbers by numpy.savez.",
            )
        if content.count(b"\n") > dialect.ROWS:
            raise refuse(f"it has more than {dialect.ROWS:,} lines", "Send fewer rows.")
        coded = options.encoding
        text, found = memory.of("text", coded, lambda: text_encoding.to_utf_8(content, coded))
        if progress is not None:
            progress(0.1, "the form of the table")
        row = parse_header_line(options.header_row)
        form = (options.separator, options.comments, row)
        layout = memory.of("layout", (coded, *form), lambda: dialect.find_layout(text, *form))
        layout = dialect.with_decisions(layout, found)
        if pixel_table.is_pixel_table(layout.width, options.layout):
            return pixel_table.read(layout)
        cells = CsvCells(layout, options, memory)
        if progress is not None:
            progress(0.5, f"{cells.n:,} rows read")
        return examples_of(cells)
