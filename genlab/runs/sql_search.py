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


def distinct(column: sa.Column[Any]) -> sa.Select[Any]:
    """The values of an indexed column, by one step in its index for each.

    A plain DISTINCT reads every row, of which thousands have the same few values.
    """
    first = sa.select(sa.func.min(column).label("value"))
    steps = first.cte("steps", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > steps.c.value).scalar_subquery()
    steps = steps.union_all(sa.select(following).where(steps.c.value.is_not(None)))
    return sa.select(steps.c.value).where(steps.c.value.is_not(None))


def _where(query: RunQuery) -> list[Any]:
    found: list[Any] = []
    if query.text:
        text = query.text.casefold().replace("\0", "")
        fields = (runs.c.name, runs.c.words)
        found.append(sa.or_(*(one.contains(text, autoescape=True) for one in fields)))
    if query.status:
        # As an expression it leaves the index of all that is searched, which needs no rows.
        found.append(runs.c.status.concat("").in_(list(query.status)))
    found += [runs.c.tags.contains(tag_text([tag]), autoescape=True) for tag in query.tags]
    for column, value in ((runs.c.model, query.model), (runs.c.data, query.data)):
        if value:
            found.append(column == value)
    return found


def find_rows(connection: Connection, query: RunQuery) -> tuple[list[Any], int]:
    """The rows of a page, and how many rows there are on all pages."""
    where = _where(query)
    count = sa.select(sa.func.count()).select_from(runs).where(*where)
    total = int(connection.execute(count).scalar_one())
    if total <= query.offset:
        return [], total
    if query.sort in COLUMNS:
        page = _by_column(connection, query, where)
    else:
        page = _by_number(connection, query, where)
    # The long texts of a row are read of those alone that are shown.
    rows = connection.execute(sa.select(runs).where(runs.c.number.in_(page)))
    known = {row.number: row for row in rows}
    return [known[number] for number in page], total


def _newest_first(where: Sequence[Any]) -> Any:
    # With a condition the sum keeps SQLite from walking the rows themselves in their order: the
    # index with all that is searched is a small part of them.
    return (runs.c.number + 0 if where else runs.c.number).desc()


def _by_column(connection: Connection, query: RunQuery, where: Sequence[Any]) -> list[int]:
    columns = {"created": runs.c.number, "title": runs.c.name}
    key: Any = columns.get(query.sort, runs.c[query.sort])
    if query.sort == "created" and where:
        key = runs.c.number + 0
    order = key.desc() if query.descending else key.asc()
    select = sa.select(runs.c.number).where(*where).order_by(order, _newest_first(where))
    return list(connection.execute(select.limit(query.limit).offset(query.offset)).scalars())


def _by_number(connection: Connection, query: RunQuery, where: Sequence[Any]) -> list[int]:
    """Runs by their last value of a number, then those without it, the newest first."""
    key = numbers.c.value.desc() if query.descending else numbers.c.value.asc()
    with_it = (
        sa.select(runs.c.number)
        .join(numbers, numbers.c.run == runs.c.id)
        .where(numbers.c.name == query.sort, *where)
    )
    ordered = with_it.order_by(key, runs.c.number.desc())
    page = list(connection.execute(ordered.limit(query.limit).offset(query.offset)).scalars())
    if len(page) == query.limit:
        return page
    before = 0
    if not page and query.offset:
        count = sa.select(sa.func.count()).select_from(with_it.subquery())
        before = query.offset - int(connection.execute(count).scalar_one())
    named = sa.select(numbers.c.run).where(numbers.c.name == query.sort)
    rest = sa.select(runs.c.number).where(runs.c.id.not_in(named), *where)
    ordered = rest.order_by(_newest_first(where)).limit(query.limit - len(page)).offset(before)
    return page + list(connection.execute(ordered).scalars())


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
