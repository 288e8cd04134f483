"""What a reader of a file is, what all of them share: limits, refusals, clean names.

A file is judged by its first bytes, never by its name, and its sizes are read from headers before
anything is unfolded. Nothing is ever unpickled, and nothing is written while reading.
"""

from __future__ import annotations

import abc
import dataclasses
import io
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genlab.core.errors import DataError
from genlab.core.options import Options
from genlab.core.random import generator
from genlab.core.registry import Registry
from genlab.data import splits
from genlab.data.image_uploads import OTHERS, is_xml
from genlab.data.readers.memory import Memory, NoMemory
from genlab.data.schema import NAMED, Column

if TYPE_CHECKING:
    from genlab.data.readers.reading import TableReading

Progress = Callable[[float, str], None]

#: Bytes of a file, bytes that an archive may unfold to, files in an archive.
BYTES, UNFOLDED, FILES = 64 * 2**20, 512 * 2**20, 100_000
#: Examples at least, so that some can be held out, and at most; numbers of all examples together.
FEWEST, MOST, NUMBERS = 10, 200_000, 64 * 2**20
#: Bytes of a decompressed array, at most.
ARRAY = 128 * 2**20
#: Columns of a table; classes of labels; signs of a name.
COLUMNS, CLASSES, SIGNS = 500, 200, 40

#: The seed of the split.
SPLIT = 20_261_122

#: First bytes -> the kind of file and what to do, for files that no reader accepts.
KNOWN: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a single image; put many into a ZIP"),
    (b"\xff\xd8\xff", "a single image; put many into a ZIP"),
    (b"\x80\x02", "a Python pickle, which is never opened: it may run a program"),
    (b"\x80\x03", "a Python pickle, which is never opened: it may run a program"),
    (b"\x80\x04", "a Python pickle, which is never opened: it may run a program"),
    (b"\x80\x05", "a Python pickle, which is never opened: it may run a program"),
    (b"\x93NUMPY", "a single array; save it by numpy.savez(file, x=array)"),
    (b"\x89HDF", "an HDF5 file; save its arrays by numpy.savez"),
    (b"\xff\xfe", "text in UTF-16 that is damaged; save it as CSV in UTF-8"),
    (b"\xfe\xff", "text in UTF-16 that is damaged; save it as CSV in UTF-8"),
    (b"PAR1", "a Parquet file; save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Office document; save the sheet as CSV"),
    *OTHERS,
)
FORMATS = "Send a CSV, an npz or a ZIP of images."


@dataclass(frozen=True)
class Examples:
    """What a file holds.

    Args:
        x: rows of a table, (n, d) float64, or images, (n, C, H, W) uint8 or float32 in [0, 1].
        y: class indices (n,) or None.
        classes: the names of the classes.
        columns: the names of a table's columns, empty for images.
        white: the value of an image that means white.
        notes: the findings, omissions and changes, in sentences.
        offered: for options of the reader whose choices depend on the file: the choices.
        schema: of a table, the columns that are learned: ``x`` holds a column each, NaN where an
            entry is missing, and indices of categories where a column has categories.
        part: which part each example belongs to (n,), 0 training, 1 validation, 2 test; None
            where it is to be drawn.
        reading: how a table was read, with the open questions.
    """

    x: NDArray[Any]
    y: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    white: int = 255
    notes: tuple[str, ...] = ()
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: tuple[Column, ...] = ()
    part: NDArray[np.int8] | None = None
    reading: TableReading | None = None

    @property
    def is_table(self) -> bool:
        """Whether an example is a row of a table, else it is an image."""
        return self.x.ndim == 2


class Reader(abc.ABC):
    """One format: how it is known, what may be chosen, and how it is read."""

    name: ClassVar[str]
    Options: ClassVar[type[Options]] = Options

    @classmethod
    @abc.abstractmethod
    def takes(cls, content: bytes) -> bool:
        """Whether a file is of this format, by its content; cheap."""

    @classmethod
    @abc.abstractmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        """Read a file within bounded time and memory.

        Raises:
            DataError: if it is damaged, too large, or holds nothing to learn from.
        """

    @classmethod
    def read_again(
        cls, content: bytes, options: Any, memory: Memory, progress: Progress | None = None
    ) -> Examples:
        """Read a file that may have been read before under other options.

        A reader that overrides this takes from ``memory`` what the new options leave as it was.
        """
        return cls.read(content, options, progress)


READERS: Registry[type[Reader]] = Registry("format", "genlab.data.readers")


def refuse(why: str, todo: str = "") -> DataError:
    """The error of a file that is not taken."""
    return DataError(f"This file was not taken: {why}. Nothing was stored. {todo or FORMATS}")


def check_size(size: int) -> None:
    """Refuse a file of more bytes than are read."""
    if size > BYTES:
        raise refuse(
            f"it has {size / 2**20:,.0f} MB; at most {BYTES // 2**20} MB are read",
            "Send a part of it.",
        )


def reader_of(content: bytes) -> type[Reader]:
    """The reader of a file.

    Raises:
        DataError: if no reader accepts its format; the message names the probable format.
    """
    if not content:
        raise refuse("it is empty")
    check_size(len(content))
    # A text is a CSV unless a format that came later knows better.
    for row in reversed(READERS.rows()):
        if row.value.takes(content):
            return row.value
    for magic, words in KNOWN:
        if content.startswith(magic):
            raise refuse(f"it is {words}")
    if is_xml(content):
        raise refuse("it is an SVG, a web page or another document in XML, which may hold scripts")
    raise refuse("it is neither text nor an archive of a known kind")


def read(
    content: bytes,
    values: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> Examples:
    """Read a file of any format that is known.

    Args:
        content: the file; its name is never looked at.
        values: options of its reader.
        progress: called with the fraction done and a sentence.
        memory: what is kept of this content for the next reading of it; nothing if None.

    Raises:
        DataError: if it is refused: with the error and its repair.
        SpecError: for an option that the reader does not have, or a value that is not allowed.

    Example:
        >>> found = read(b"a;b\\n" + b"1,5;2\\n2,5;3\\n" * 5)
        >>> found.columns, found.x[0].tolist()
        (('a', 'b'), [1.5, 2.0])
    """
    reader = reader_of(content)
    try:
        options = reader.Options.build(values or {})
        found = reader.read_again(content, options, memory or NoMemory(), progress)
    except MemoryError:
        raise refuse("there is not enough memory for it", "Send a part of it.") from None
    if len(found.x) < FEWEST:
        notes = f" ({' '.join(found.notes)})" if found.notes else ""
        raise refuse(
            f"it has {len(found.x)} usable example{'s' * (len(found.x) != 1)}{notes}; at least "
            f"{FEWEST} are needed, so that some can be held out",
            "Send more of them.",
        )
    return found


def check_room(n: int, each: int) -> None:
    """Refuse more examples, or more numbers, than are held in memory."""
    if n > MOST or n * each > NUMBERS:
        raise refuse(
            f"it has {n:,} examples of {each:,} numbers; at most {MOST:,} examples and "
            f"{NUMBERS // 10**6} million numbers are read",
            "Send fewer or smaller ones.",
        )


def members(content: bytes) -> list[zipfile.ZipInfo]:
    """The files that an archive says it holds; empty if it is not an archive.

    Raises:
        DataError: for an archive that is damaged, encrypted, has too many files, decompresses to
            too many bytes, or has names that lead out of it.
    """
    if not content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return []
    # Counted before the list is read: a small archive may name millions of files.
    if content.count(b"PK\x01\x02") > FILES:
        raise refuse(f"the archive names more than {FILES:,} files", "Send fewer of them.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise refuse(f"the archive is cut off or damaged ({type(error).__name__})") from None
    if not found:
        raise refuse("the archive is empty")
    names = {info.filename for info in found}
    if "[Content_Types].xml" in names:
        raise refuse("it is an Office document", "Save the sheet as CSV.")
    for info in found:
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise refuse(
                f"a name in the archive leads out of it ({clean(info.filename)!r})",
                "Make the archive again with plain folders.",
            )
        if info.flag_bits & 1:
            raise refuse("the archive is encrypted", "Send it without a password.")
    _apart(content, found)
    total = sum(info.file_size for info in found)
    if total > UNFOLDED:
        raise refuse(
            f"the archive would unfold to {total / 2**20:,.0f} MB; at most "
            f"{UNFOLDED // 2**20} MB are unfolded",
            "Send a part of it.",
        )
    return found


def _apart(content: bytes, found: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse an archive whose entries overlap, since it may decompress to far too many bytes.

    Raises:
        DataError: also for an entry that begins outside the file.
    """
    end = 0
    for info in sorted(found, key=lambda i: i.header_offset):
        head = content[info.header_offset : info.header_offset + 30]
        if len(head) < 30 or head[:4] != b"PK\x03\x04":
            raise refuse("the archive is cut off or damaged (an entry without a header)")
        if info.header_offset < end:
            raise refuse(
                "the entries of the archive overlap, as in a file made to unfold without end",
                "Make the archive again.",
            )
        names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        end = info.header_offset + 30 + names + info.compress_size
        if end > len(content):
            raise refuse("the archive is cut off or damaged (an entry ends outside of it)")


def clean(text: str) -> str:
    """A name from a file as it may be shown: one line, no control signs, no tags, 40 signs.

    Example:
        >>> clean(" petal\\n length <b> ")
        'petal length ‹b›'
    """
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[:400])
    kept = " ".join(kept.split()).replace("<", "‹").replace(">", "›")
    return kept if len(kept) <= SIGNS else kept[: SIGNS - 1] + "…"


def make_distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Clean names, not empty and all different.

    Example:
        >>> make_distinct(["a", "a", ""])
        ('a', 'a (2)', 'column 3')
    """
    found: dict[str, int] = {}
    for k, name in enumerate(names, 1):
        made = base = clean(name) or f"column {k}"
        while made in found:
            found[base] += 1
            made = f"{base} ({found[base]})"
        found[made] = 1
    return tuple(found)


def encode_labels(values: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices of labels, and the classes: numbers in their order, words by alphabet.

    Raises:
        DataError: for too many classes.

    Example:
        >>> encode_labels(["b", "a", "b"])[1], encode_labels(["10", "9"])[1]
        (('a', 'b'), ('9', '10'))
    """
    kinds = set(values)
    if len(kinds) > CLASSES:
        raise refuse(
            f"its labels have {len(kinds):,} values; at most {CLASSES} classes are told apart",
            "Choose another label, or none.",
        )
    try:
        order = sorted(kinds, key=float)
    except ValueError:
        order = sorted(kinds)
    place = {name: k for k, name in enumerate(order)}
    return np.array([place[v] for v in values], dtype=np.int64), make_distinct(order)


def count_noun(n: int, one: str, many: str = "") -> str:
    """A number with its noun.

    Example:
        >>> count_noun(1, "row"), count_noun(2000, "row")
        ('1 row', '2,000 rows')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def white_value(top: int) -> int:
    """The value of white of images whose largest value is known: that of 10, 12, 14 or 16 bits
    where it is near, else the largest value itself.

    Example:
        >>> white_value(4080), white_value(60_000), white_value(300), white_value(3)
        (4095, 65535, 300, 3)
    """
    for bits in (8, 10, 12, 14, 16):
        white = 2**bits - 1
        if 0.6 * white <= top <= white:
            return white
    return top


def order_of(n: int) -> NDArray[np.int64]:
    """A fixed permutation of n examples, the same for every file of n."""
    import torch

    return torch.randperm(n, generator=generator(SPLIT, "own", n)).numpy()


def split_rows(found: Examples, forced: Collection[str] = ()) -> Examples:
    """Examples with their parts drawn, repeated ones on one side; the notes describe the split.

    A column that is constant in the training part is left out, unless its name is in ``forced``.
    """
    n = len(found.x)
    if n < FEWEST:
        return found
    same = splits.groups(found.x)
    part, notes = found.part, list(found.notes)
    sizes = np.bincount(same)
    sizes = sizes[sizes > 0]
    repeated = n - len(sizes)
    what = "row" if found.is_table else "picture"
    if repeated:
        where = "they are kept together on one side of the split"
        if len(sizes) < 3:
            same = np.arange(n)
            where = (
                f"there {'is one' if len(sizes) == 1 else 'are two'} distinct, too few to be kept "
                "together, so that held-out examples are training examples too"
            )
        elif part is None and _few_kinds(found, int(sizes.max())):
            # Equal rows of a distribution with few outcomes are independent draws: held together,
            # the held-out part would have another distribution than the training part.
            same, where = np.arange(n), "these columns have few values, so that equal rows are "
            where += "expected and are split like any others"
        if part is not None:
            both = sum(len(np.unique(part[same == g])) > 1 for g in np.unique(same))
            where = f"{count_noun(both, 'group')} of them on both sides of the file's own split"
        notes.append(
            f"{count_noun(repeated, what)} repeat{'s' * (repeated == 1)} an earlier one: {where}."
        )
    if part is None:
        part = splits.part(order_of(n), same)
    made = dataclasses.replace(found, part=part, notes=tuple(notes))
    return _without_frozen(made, set(forced)) if made.is_table else made


def _few_kinds(found: Examples, largest: int) -> bool:
    """Whether rows repeat since their columns have few values."""
    if not found.is_table:
        return False
    fine = any(c.type in ("numeric", "positive", "bounded", "date") for c in found.schema)
    return largest > max(5, 0.05 * len(found.x)) or (bool(found.schema) and not fine)


def _without_frozen(found: Examples, forced: set[str]) -> Examples:
    """Without columns that vary in the held-out parts alone."""
    assert found.part is not None
    held_in = found.part == 0
    names, keep = found.columns, np.ones(found.x.shape[1], dtype=bool)
    notes = list(found.notes)
    for k, name in enumerate(names):
        there = found.x[held_in, k]
        there = there[np.isfinite(there)]
        if len(there) and not (there == there[0]).all():
            continue
        every = found.x[:, k][np.isfinite(found.x[:, k])]
        others = int((every != there[0]).sum()) if len(there) else len(every)
        value = f"always {there[0]:.6g}" if len(there) else "missing"
        if found.schema and found.schema[k].type in NAMED and found.schema[k].categories:
            value = (
                f"always {found.schema[k].categories[int(there[0])]!r}" if len(there) else value
            )
        words = (
            f"{name!r} is {value} in the training part and differs in "
            f"{count_noun(others, 'held-out row')}"
        )
        if name in forced:
            notes.append(f"{words}: its scale is unknown, so that held-out scores may be extreme.")
            continue
        keep[k] = False
        notes.append(f"{words}: it is left out; role feature keeps it.")
    if keep.all():
        return dataclasses.replace(found, notes=tuple(notes))
    if not keep.any():
        raise refuse("all its columns are constant in the training part: nothing can be learned")
    return dataclasses.replace(
        found,
        x=found.x[:, keep],
        columns=tuple(n for n, k in zip(names, keep, strict=True) if k),
        schema=tuple(c for c, k in zip(found.schema, keep, strict=False) if k),
        notes=tuple(notes),
    )
