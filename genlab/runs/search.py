"""Finding runs: the query, a page of results, and the tags of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from genlab.core.errors import SpecError

if TYPE_CHECKING:
    from genlab.runs.store import Record, RunRow

#: Columns by which runs can be sorted besides their numbers.
COLUMNS = ("created", "title", "status", "step")
TAG = re.compile(r"[^\s|,\0][^|,\0]{0,38}")
MOST_TAGS = 20
LONGEST_TITLE = 80
#: The number of last records of a run from which its last numbers are read.
TAIL = 60


@dataclass(frozen=True)
class RunQuery:
    """Which runs, in which order, which page of them.

    Args:
        text: is in the name, the id or a tag, whatever the case of its letters.
        status: one of these; empty: any.
        tags: all of these.
        model, data: by name; empty: any.
        sort: one of :data:`COLUMNS`, or the name of a number; runs without it come last.
        descending: whether the largest, or newest, come first.
        limit, offset: the page.
    """

    text: str = ""
    status: Sequence[str] = ()
    tags: Sequence[str] = ()
    model: str = ""
    data: str = ""
    sort: str = "created"
    descending: bool = True
    limit: int = 25
    offset: int = 0


@dataclass(frozen=True)
class Heading:
    """What a list shows of a run.

    Args:
        id: of the run.
        name: its title, or its model and data.
        model, data: by name.
        status, step: its status and its last step.
    """

    id: str
    name: str
    model: str
    data: str
    status: str
    step: int


def run_name(title: str, model: str, data: str) -> str:
    """The name by which a run is shown: its title, or its model and data.

    Example:
        >>> run_name("A better one", "vae", "digits"), run_name("", "vae", "digits")
        ('A better one', 'vae on digits')
    """
    return title or f"{model or '?'} on {data or '?'}"


@dataclass(frozen=True)
class RunPage:
    """A page of runs.

    Args:
        rows: the runs.
        total: the number of rows on all pages.
        numbers: by the run's id its last numbers, by name.
    """

    rows: Sequence[RunRow]
    total: int
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags without doubles and outer spaces, in order.

    Raises:
        SpecError: for one that is empty, longer than 39 letters, or holds a comma or a bar, and
            for more than 20 of them.

    Example:
        >>> check_tags(["good", " week 3 ", "good"])
        ('good', 'week 3')
    """
    found = tuple(dict.fromkeys(tag.strip() for tag in tags))
    for tag in found:
        if not TAG.fullmatch(tag):
            raise SpecError("tag", tag, "allowed: 1 to 39 letters without a comma or a bar")
    if len(found) > MOST_TAGS:
        raise SpecError("tags", len(found), f"allowed: at most {MOST_TAGS} tags of a run")
    return found


def check_text(option: str, text: str) -> str:
    """A text that every database can keep.

    Raises:
        SpecError: if it holds the character NUL, which PostgreSQL refuses.

    Example:
        >>> check_text("title", "ring, lr = 1e-3")
        'ring, lr = 1e-3'
    """
    if "\0" in text:
        raise SpecError(option, text, "allowed: any letters but the character NUL")
    return text


def check_title(title: str) -> str:
    """A title without outer spaces.

    Raises:
        SpecError: if it is longer than 80 letters, or holds the character NUL.
    """
    title = check_text("title", " ".join(title.split()))
    if len(title) > LONGEST_TITLE:
        raise SpecError("title", title, f"allowed: at most {LONGEST_TITLE} letters")
    return title


def last_numbers(records: Iterable[Record]) -> dict[str, float]:
    """The last finite value of each number in some records, in their order.

    Example:
        >>> from genlab.runs.store import Record
        >>> rows = [Record(1, "scalars", {"a": 1.0, "b": 5.0}), Record(2, "scalars", {"a": None})]
        >>> last_numbers(rows)
        {'a': 1.0, 'b': 5.0}
    """
    found: dict[str, float] = {}
    for record in records:
        if record.kind == "scalars":
            for name, value in record.payload.items():
                if value is not None and math.isfinite(value):
                    found[name] = float(value)
    return found
