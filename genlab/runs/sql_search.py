"""Finding runs in the database: filters, sorting by a number, one page at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from genlab.runs.schema import numbers, records, runs
from genlab.runs.search import COLUMNS, TAIL, RunQuery, last_numbers
from genlab.runs.store import Record


def tag_text(tags: Sequence[str]) -> str:
    """The tags as the column holds them.

    Example:
        >>> tag_text(["a", "b"]), tag_text([])
        ('|a|b|', '')
    """
    return f"|{'|'.join(tags)}|" if tags else ""


def _where(query: RunQuery) -> list[Any]:
    found: list[Any] = []
    if query.text:
        text = query.text.lower().replace("\0", "")
        fields = (runs.c.title, runs.c.id, runs.c.tags)
        found.append(
            sa.or_(*(sa.func.lower(one).contains(text, autoescape=True) for one in fields))
        )
    if query.status:
        found.append(runs.c.status.in_(list(query.status)))
    found += [runs.c.tags.contains(tag_text([tag]), autoescape=True) for tag in query.tags]
    for name, value in (("model", query.model), ("data", query.data)):
        if value:
            part = json.dumps({name: value}, separators=(",", ":"))[1:-1]
            found.append(runs.c.spec.contains(part, autoescape=True))
    return found


def find_rows(connection: Connection, query: RunQuery) -> tuple[list[Any], int]:
    """The rows of a page, and how many rows there are on all pages."""
    where = _where(query)
    count = sa.select(sa.func.count()).select_from(runs).where(*where)
    total = int(connection.execute(count).scalar_one())
    select = sa.select(runs).where(*where)
    key: Any
    if query.sort in COLUMNS:
        title = sa.func.lower(runs.c.title)
        columns = {"created": runs.c.number, "title": title}
        key = columns.get(query.sort, runs.c[query.sort])
    else:
        on = sa.and_(numbers.c.run == runs.c.id, numbers.c.name == query.sort)
        select = select.outerjoin(numbers, on).order_by(numbers.c.value.is_(None))
        key = numbers.c.value
    order = key.desc() if query.descending else key.asc()
    select = select.order_by(order, runs.c.number.desc())
    page = select.limit(query.limit).offset(query.offset)
    return list(connection.execute(page)), total


def read_numbers(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The last numbers of some runs."""
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    query = sa.select(numbers).where(numbers.c.run.in_(list(names)))
    for row in connection.execute(query):
        found[row.run][row.name] = row.value
    return found


def write_numbers(connection: Connection, run: str, values: Mapping[str, float]) -> None:
    """Keep numbers of a run; those of other names stay."""
    if not values:
        return
    connection.execute(
        numbers.delete().where(numbers.c.run == run, numbers.c.name.in_(list(values)))
    )
    rows = [{"run": run, "name": name, "value": value} for name, value in values.items()]
    connection.execute(numbers.insert(), rows)


def keep_last_numbers(connection: Connection, run: str) -> None:
    """Store the last numbers of a run."""
    query = (
        sa.select(records.c.step, records.c.kind, records.c.payload)
        .where(records.c.run == run, records.c.kind == "scalars")
        .order_by(records.c.seq.desc())
        .limit(TAIL)
    )
    rows = list(connection.execute(query))[::-1]
    found = (Record(row.step, row.kind, json.loads(row.payload)) for row in rows)
    write_numbers(connection, run, last_numbers(found))
