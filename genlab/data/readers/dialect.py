"""How a table is written: separator, preamble, comments and the rows before the data.

Nothing here is guessed in silence. Each finding is a :class:`Decision` that says how it was made,
whether it is certain, and by which option it is changed.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.csv as pv

from genlab.core.errors import DataError
from genlab.data.readers import dates, first_rows, numbers
from genlab.data.readers.base import COLUMNS, clean, count_noun, refuse

#: Rows, signs of a cell, bytes by which the form is found.
ROWS, CELL, HEAD = 2_000_000, 2_000, 2**18
#: Rows by which the separator is found.
JUDGED = 200
#: Columns of a table of pixels.
WIDTH = 128 * 128 + 1
AUTO, NONE = "auto", "none"
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
#: What an option calls a separator.
NAMED = {"tab": "\t", "space": " ", NONE: ""}
MARKS = (b"#", b"//", b"%")
COMMENT = re.compile(rb"^[ \t]*(?:" + b"|".join(MARKS) + rb")", re.M)


@dataclass(frozen=True)
class Decision:
    """One finding about a file.

    Args:
        option: of the reader, by which it can be changed.
        value: the detected value of the option.
        how: how it was decided, one sentence.
        certain: whether nothing else is likely.
        question: the question that the option must answer before anything is stored; empty if
            nothing.
    """

    option: str
    value: str
    how: str
    certain: bool = True
    question: str = ""


@dataclass(frozen=True)
class Layout:
    """Where the rows of a table are.

    Args:
        body: the text from the first row of the table on, comments left out.
        separator: one sign, empty for a table of one column.
        width: columns.
        top: the first rows of the table, with the numbers of their lines in the file.
        before: lines before the table.
        decisions: what was found.
    """

    body: bytes
    separator: str
    width: int
    top: tuple[tuple[int, tuple[str, ...]], ...]
    before: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...] = field(default=())


def separator_of(word: str) -> str:
    """The sign that an option's value means."""
    return NAMED.get(word, word)


def find_layout(
    content: bytes, separator: str = AUTO, comments: str = AUTO, row: int = -1
) -> Layout:
    """Find the separator, the comments and the first row of a table.

    Args:
        content: the file in UTF-8.
        separator: the user's choice, or ``auto``.
        comments: ``auto`` or ``keep``.
        row: the line of the header where the user says so; 0 for no header, -1 for auto.

    Raises:
        DataError: if it is not a table.
    """
    text = content.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    decisions: list[Decision] = []
    skipped, stated_separator = 0, AUTO
    if (stated := re.match(rb"[ \t]*\"?sep=(.|\t)\"?[ \t]*\n", text)) is not None:
        stated_separator = stated[1].decode("utf-8", "replace")
        text, skipped = text[stated.end() :], 1
    comment_lines: list[int] = []
    if comments == AUTO:
        text, comment_lines = _without_comments(text)
    lines = _Lines(text, skipped, comment_lines)
    if not text.strip():
        raise refuse("it holds no rows")
    head = text[:HEAD]
    if len(text) > len(head):
        head = head[: head.rfind(b"\n") + 1] or head
    chosen, decision = _separator(head.decode("utf-8", "replace"), separator, stated_separator)
    decisions.append(decision)
    found = rows_of(head.decode("utf-8", "replace"), chosen)
    rows = [r for r in found if any(cell.strip() for cell in r[1])]
    if not rows:
        raise refuse("it holds no rows")
    width = _width([r[1] for r in rows])
    if width > WIDTH:
        raise refuse(f"it has {width:,} columns; at most {COLUMNS} are read", "Send fewer.")
    first = first_rows.find_start(rows, width, lines.number, row)
    start = first.index
    notes = []
    if comment_lines:
        notes.append(
            f"{count_noun(len(comment_lines), 'line')} of comments left out (the first: line "
            f"{comment_lines[0]:,})."
        )
    before = tuple(clean(" ".join(cells)) for _, cells in rows[:start])
    if start:
        notes.append(
            f"{count_noun(start, 'line')} before the table left out: {before[0]!r}"
            + (" and more." if start > 1 else ".")
        )
    top = tuple((lines.number(line), tuple(cells)) for line, cells in rows[start : start + 40])
    body = lines.after(rows[start][0])
    if first.names is not None:
        top = ((top[0][0], first.names), *top[1:])
        rest = lines.after(rows[start + 1][0]) if start + 1 < len(rows) else b""
        body = first_rows.written(first.names, chosen) + rest
        notes.append(first.note)
    return Layout(body, chosen, width, top, before, tuple(decisions), tuple(notes))


class _Lines:
    """The lines of a text with the numbers that they have in the file."""

    def __init__(self, text: bytes, skipped: int, comments: Sequence[int]) -> None:
        self.text, self.skipped, self.comments = text, skipped, comments

    def number(self, line: int) -> int:
        """The number in the file of a line of the text, both from 1."""
        number = line + self.skipped
        for comment in self.comments:
            if comment > number:
                break
            number += 1
        return number

    def after(self, line: int) -> bytes:
        """The text from a line on."""
        at = 0
        for _ in range(line - 1):
            at = self.text.index(b"\n", at) + 1
        return self.text[at:] if at else self.text


def _without_comments(text: bytes) -> tuple[bytes, list[int]]:
    """The text without its lines of comments, and the numbers of those lines.

    The last comment at the top is kept, without its mark, if it has as many cells as the line
        after it: it holds the names.
    """
    # A search for bytes is ten times as fast as that for a pattern.
    if not any(mark in text for mark in MARKS) or COMMENT.search(text) is None:
        return text, []
    spots = [m.start() for m in COMMENT.finditer(text)]
    lines = text.count(b"\n") + 1
    if len(spots) > max(lines // 2, 20):
        return text, []
    # A mark inside quotation marks is part of a cell.
    outside, at, open_ = [], 0, 0
    for spot in spots:
        open_ += text.count(b'"', at, spot)
        at = spot
        if open_ % 2 == 0:
            outside.append(spot)
    kept: list[bytes] = []
    found: list[int] = []
    at = number = 0
    top = True
    for spot in outside:
        kept.append(text[at:spot])
        number += text.count(b"\n", at, spot)
        top = top and not text[:spot].strip() if at == 0 else top and not text[at:spot].strip()
        end = text.find(b"\n", spot)
        end = len(text) if end < 0 else end + 1
        line, after = text[spot:end], text[end : text.find(b"\n", end) if end < len(text) else end]
        if top and (names := _names(line, after)):
            kept.append(names)
        else:
            found.append(number + 1)
        number += 1
        at = end
    kept.append(text[at:])
    return b"".join(kept), found


def _names(line: bytes, after: bytes) -> bytes:
    """A comment without its mark if it seems to hold the names, otherwise empty."""
    if COMMENT.match(after) or not after.strip():
        return b""
    bare = COMMENT.sub(b"", line, count=1).lstrip()
    for sign in (b",", b";", b"\t", b"|", b" "):
        n = len(after.split(sign)) if sign != b" " else len(after.split())
        m = len(bare.strip().split(sign)) if sign != b" " else len(bare.split())
        if n > 1:
            return bare if n == m else b""
    return b""


def rows_of(text: str, separator: str, most: int = ROWS) -> list[tuple[int, list[str]]]:
    """Rows of a short text, each with the number of its first line.

    Args:
        text: to be split.
        separator: of its cells; empty for one cell a line.
        most: rows that are read.

    Raises:
        DataError: where a quotation mark is never closed.
    """
    if not separator:
        return [(k, [_bare(line)]) for k, line in enumerate(text.split("\n"), 1) if line.strip()]
    source = io.StringIO(text, newline="")
    found = csv.reader(source, delimiter=separator, skipinitialspace=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    while True:
        try:
            row = next(found, None)
        except csv.Error as error:
            raise refuse(f"line {found.line_num:,} is damaged ({error})") from None
        if row is None or len(rows) == most:
            return rows
        if any(len(cell) > CELL for cell in row):
            raise refuse(f"line {found.line_num:,} has a cell of more than {CELL:,} signs")
        if separator == " " and row and row[-1] == "":
            row = row[:-1]
        if row:
            rows.append((line, row))
        line = found.line_num + 1


def _bare(line: str) -> str:
    text = line.strip()
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _width(rows: Sequence[Sequence[str]]) -> int:
    """The commonest number of cells; of two equally common ones the larger."""
    counts = Counter(map(len, rows))
    return max(counts, key=lambda n: (counts[n], n))


def _separator(head: str, wanted: str, stated: str) -> tuple[str, Decision]:
    """The separator, and how it was found."""
    if wanted != AUTO:
        sign = separator_of(wanted)
        return sign, Decision("separator", wanted, "You chose it.")
    if stated != AUTO:
        word = SEPARATORS.get(stated, repr(stated))
        return stated, Decision("separator", stated, f"The line `sep=` says {word}.")
    scores = _scores(head)
    if not scores:
        return "", Decision("separator", NONE, "No sign splits the lines into equal parts.")
    best = scores[0]
    if (alone := _alone(head, best)) is not None:
        return alone
    second = next((s for s in scores[1:] if s.width > 1), None)
    how = (
        f"{SEPARATORS[best.sign].capitalize()} split {best.regular:.0%} of the lines into "
        f"{best.width} cells."
    )
    doubtful = second is not None and second.score > best.score - 0.03
    if doubtful and second is not None:
        question = (
            f"Are the cells separated by {SEPARATORS[best.sign]} ({best.width} columns) or by "
            f"{SEPARATORS[second.sign]} ({second.width} columns)?"
        )
        return best.sign, Decision("separator", best.sign, how, False, question)
    certain = best.regular > 0.98
    return best.sign, Decision("separator", best.sign, how, certain)


@dataclass(frozen=True)
class _Score:
    sign: str
    width: int
    regular: float
    score: float
    tidy: bool


def _scores(head: str) -> list[_Score]:
    """How well each sign splits the first lines, the best first."""
    found: list[_Score] = []
    wrong: DataError | None = None
    for sign in SEPARATORS:
        try:
            rows = [r for _, r in rows_of(head, sign, JUDGED) if any(c.strip() for c in r)]
        except DataError as error:
            wrong = wrong or error
            continue
        if not rows:
            continue
        width = _width(rows)
        if width < 2:
            continue
        body = [r for r in rows if len(r) == width][1:] or rows[:1]
        regular = sum(len(r) == width for r in rows) / len(rows)
        good = [_quality(cell, sign) for row in body for cell in row]
        quality = sum(good) / max(1, len(good))
        found.append(_Score(sign, width, regular, regular * quality, min(good, default=0) == 1))
    if not found and wrong is not None:
        raise wrong
    strict = [s for s in found if s.sign != " "]
    for space in [s for s in found if s.sign == " "]:
        # Words hold spaces: these separate only what is nothing but numbers, or where no
        # other sign splits the lines evenly.
        even = any(s.regular > 0.8 for s in strict)
        if (space.tidy or not even) and space.regular > 0.8:
            strict.append(space)
    return sorted(strict, key=lambda s: (-s.score, -s.width))


def _quality(cell: str, sign: str) -> float:
    """How likely the text is a single cell: 1 a number, a date or a gap, less for words."""
    text = cell.strip()
    if numbers.looks_like_number(text) or dates.is_date(text):
        return 1.0
    others = ",;\t|".replace(sign, "")
    if any(other in text for other in others):
        return 0.3
    return 0.7 if len(text) <= 40 else 0.5


_ONE_COMMA = re.compile(r"[+\-−]?\d+,\d+")
_GROUPED = re.compile(r"[+\-−]?\d{1,3}( \d{3})+([.,]\d+)?|\d{1,3}")


def _alone(head: str, best: _Score) -> tuple[str, Decision] | None:
    """Whether the sign is part of the numbers of a single column, not a separator."""
    lines = [line.strip() for line in head.split("\n") if line.strip()]
    first, rest = lines[0], lines[1:] or lines
    if best.sign == "," and best.width == 2:
        whole = _ONE_COMMA
    elif best.sign == " ":
        whole = _GROUPED
    else:
        return None
    if not all(whole.fullmatch(line) for line in rest) or len(rest) < 2:
        return None
    if best.sign not in first:
        name = "a decimal comma" if best.sign == "," else "spaces between thousands"
        return "", Decision(
            "separator",
            NONE,
            f"The first line holds one name, so each line is one number with {name}.",
            False,
        )
    if best.sign == " " and all(" " in line for line in rest):
        question = "Are the spaces between thousands (one column), or do they separate columns?"
        return " ", Decision("separator", "space", "Each line holds two numbers.", False, question)
    return None


def parse_table(layout: Layout) -> tuple[pa.Table, list[tuple[int, str]], int]:
    """All rows as text, in columns.

    Returns:
        The table (its first rows may be names), and of the rows of another length the first few,
        as (number of the row, text), and how many they are.

    Raises:
        DataError: if it is damaged, or a cell is not valid.
    """
    body, sign = layout.body, layout.separator
    if sign == " " or not sign or _padded(body, sign):
        body, sign = _rewritten(body, sign), ","
    found = _parsed(body, sign, layout.width)
    if found[3]:
        # Some rows alone end with separators: nothing but empty cells is cut.
        found = _parsed(*_cut(body, sign, layout.width), layout.width)
    return found[:3]


def _cut(body: bytes, sign: str, width: int) -> tuple[bytes, str]:
    """The rows without empty cells beyond the width, and their separator."""
    if b'"' in body:
        return _rewritten(body, sign, width), ","
    mark, lines = sign.encode(), body.split(b"\n")
    for k, line in enumerate(lines):
        over = line.count(mark) - width + 1
        if over > 0 and not b"".join((cells := line.rsplit(mark, over))[1:]).strip():
            lines[k] = cells[0]
    return b"\n".join(lines), sign


def _parsed(
    body: bytes, sign: str, width: int
) -> tuple[pa.Table, list[tuple[int, str]], int, bool]:
    """The table, rows of another length, how many, and whether some are only too long at the end
    by empty cells.
    """
    ragged: list[tuple[int, str]] = []
    count, ends = [0], [False]

    def skip(row: pv.InvalidRow) -> str:
        count[0] += 1
        ends[0] |= row.actual_columns > width and str(row.text).rstrip("\r\n ").endswith(sign)
        if len(ragged) < 5:
            ragged.append((int(row.number or 0), clean(str(row.text))))
        return "skip"

    names = [str(k) for k in range(width)]
    block = max(2**14, min(2**20, len(body) + 1))
    try:
        found = pv.read_csv(
            pa.BufferReader(body),
            pv.ReadOptions(use_threads=False, block_size=block, column_names=names),
            pv.ParseOptions(
                delimiter=sign, newlines_in_values=b'"' in body, invalid_row_handler=skip
            ),
            pv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                strings_can_be_null=False,
                null_values=[],
            ),
        )
    except pa.ArrowInvalid as error:
        raise refuse(f"the table is damaged ({clean(str(error))})") from None
    for name in names:
        column = found[name]
        if column.nbytes > CELL:
            longest = pa.compute.max(pa.compute.utf8_length(column)).as_py() or 0
            if longest > CELL:
                raise refuse(f"it has a cell of more than {CELL:,} signs")
    return found, ragged, count[0], ends[0]


def _padded(body: bytes, sign: str) -> bool:
    """Whether a quotation mark comes after a space, which the fast reader takes for a sign."""
    return re.search(re.escape(sign).encode() + rb" +\"", body) is not None


def _rewritten(body: bytes, sign: str, width: int = 0) -> bytes:
    """The same rows separated by commas; empty cells beyond the width, if given, are cut."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    text = body.decode("utf-8", "replace")
    for _, cells in rows_of(text, sign):
        over = bool(width) and len(cells) > width and not any(c.strip() for c in cells[width:])
        writer.writerow(cells[:width] if over else cells)
    return out.getvalue().encode()


def with_decisions(layout: Layout, decisions: Sequence[Decision]) -> Layout:
    """The layout with more decisions."""
    return replace(layout, decisions=(*layout.decisions, *decisions))
