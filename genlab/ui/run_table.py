"""The table of all runs: search, filter, sort by a number, and act on the chosen runs.

The store searches and sorts, and the browser gets one page of the result. The table therefore
works with many runs.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import streamlit as st

from genlab import runs
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.core.machine import in_bytes
from genlab.core.numbers import significant
from genlab.exports import EXPORTS, USUAL, export_file, formats_for, most_in_seconds
from genlab.report import name_of
from genlab.runs import RunPage, RunQuery, disk
from genlab.runs.access import may
from genlab.runs.search import COLUMNS, LONGEST_TITLE
from genlab.runs.store import ACTIVE, RunRow, Status
from genlab.ui import links
from genlab.ui.messages import fragment

#: Number of runs on a page of the table.
PAGE = 25
#: Numbers that the table shows by default, where a run has them.
FIRST = ("test_energy", "test_elbo", "test_log_prob")
TITLES: Mapping[str, str] = {
    "created": "Newest",
    "title": "Name",
    "status": "Status",
    "step": "Steps taken",
}
KEY = "runs."


def run_table() -> None:
    """Draw the table of all runs in an expander."""
    with st.expander("All runs: search, sort, rename, tag, delete", icon=":material/table_rows:"):
        _table()


@fragment()
def _table() -> None:
    tags, names = runs.store().known_words()
    query, shown = _controls(tags, names)
    page = runs.find(query)
    if not page.rows:
        st.caption("No run matches." if page.total == 0 else "This page is empty.")
        return
    st.caption(
        f"{page.total:,} runs; {query.offset + 1:,} to {query.offset + len(page.rows):,} are "
        "shown. Choose rows to compare, rename, tag or delete them."
    )
    # Another page, order or search has other rows, so the choice of rows starts empty.
    key = f"{KEY}rows.{hash((query, st.session_state.get(f'{KEY}done', 0)))}"
    usage = _usage(st.session_state.get(f"{KEY}done", 0), runs.store_url())
    sizes = [in_bytes(usage.runs.get(row.id, 0)) for row in page.rows]
    picked = st.dataframe(
        {**table_columns(page, shown), "Disk": sizes},
        key=key,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height=min(38 + 35 * len(page.rows), 560),
    )
    st.caption(usage.words())
    places = [i for i in picked["selection"]["rows"] if i < len(page.rows)]
    _actions([page.rows[i] for i in places], tags)


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _usage(again: int, store: str) -> disk.Usage:  # noqa: ARG001 - parts of the key
    """The size of the files, counted at most once a minute or after a change."""
    return disk.usage(runs.files())


def _controls(tags: Sequence[str], names: Sequence[str]) -> tuple[RunQuery, list[str]]:
    """Draw search, filters and order; return the query and the shown numbers."""
    find, state, tagged = st.columns([3, 2, 2])
    text = find.text_input("Search", key=f"{KEY}text", placeholder="Name, id or tag")
    statuses = list(get_args(Status))
    status = state.multiselect("Status", statuses, key=f"{KEY}status", placeholder="Any")
    with_tags = tagged.multiselect("Tags", tags, key=f"{KEY}tags", placeholder="Any")
    by, order, numbers, number = st.columns([3, 2, 4, 2], vertical_alignment="bottom")
    sort = by.selectbox(
        "Sort by",
        [*COLUMNS, *names],
        key=f"{KEY}sort",
        format_func=lambda name: TITLES.get(name, name.replace("_", " ")),
    )
    ascending = order.toggle("Smallest first", key=f"{KEY}ascending")
    usual = [name for name in FIRST if name in names] or list(names[:2])
    shown = numbers.multiselect("Numbers", names, default=usual, key=f"{KEY}numbers")
    if sort not in COLUMNS and sort not in shown:
        shown = [sort, *shown]
    place = number.number_input("Page", 1, 10_000, 1, key=f"{KEY}page")
    query = RunQuery(
        text=text.strip(),
        status=tuple(status),
        tags=tuple(with_tags),
        sort=str(sort),
        descending=not ascending,
        limit=PAGE,
        offset=PAGE * (int(place) - 1),
    )
    return query, list(shown)


def table_columns(page: RunPage, shown: Sequence[str]) -> dict[str, list[Any]]:
    """The columns of a page of runs.

    Args:
        page: the runs and their numbers.
        shown: names of the numbers that have a column.
    """
    rows = page.rows
    titles = {str(one["name"]): str(one["title"]) for row in rows for one in row.series}
    columns: dict[str, list[Any]] = {
        "Name": [name_of(row) for row in rows],
        "Model": [str(row.spec.get("model", "")) for row in rows],
        "Data": [str(row.spec.get("data", "")) for row in rows],
        "Status": [row.status for row in rows],
        "Step": [row.step for row in rows],
        "Tags": [", ".join(row.tags) for row in rows],
    }
    for name in shown:
        values = [page.numbers[row.id].get(name) for row in rows]
        title = titles.get(name, name.replace("_", " "))
        columns[title] = ["" if value is None else significant(value) for value in values]
    columns["Started"] = [
        datetime.datetime.fromtimestamp(row.created).strftime("%Y-%m-%d %H:%M") for row in rows
    ]
    columns["Id"] = [row.id for row in rows]
    return columns


def for_each(rows: Sequence[RunRow], act: Callable[[RunRow], Any], done: str) -> tuple[str, str]:
    """Do something with several runs; a run that refuses does not stop the others.

    Args:
        rows: the runs.
        act: the function to apply to each run; it may raise.
        done: the past participle for the message (``deleted``).

    Returns:
        A sentence about the runs that succeeded and one about those that refused; both may be
        empty.
    """
    refused: list[str] = []
    for row in rows:
        try:
            act(row)
        except GenlabError as error:
            refused.append(f"{name_of(row)}: {error}")
    count = len(rows) - len(refused)
    noun = "run was" if count == 1 else "runs were"
    return f"{count} {noun} {done}." if count else "", " ".join(refused)


def _finish(rows: Sequence[RunRow], act: Callable[[RunRow], Any], done: str) -> None:
    message, refused = for_each(rows, act, done)
    st.session_state[f"{KEY}done"] = st.session_state.get(f"{KEY}done", 0) + 1
    st.session_state[f"{KEY}said"] = message, refused
    st.rerun()


def _actions(rows: Sequence[RunRow], tags: Sequence[str]) -> None:
    """Draw the actions for the chosen runs."""
    message, refused = st.session_state.pop(f"{KEY}said", ("", ""))
    if message:
        st.success(message, icon=":material/check:")
    if refused:
        st.warning(escape_markdown(refused), icon=":material/block:")
    if not rows:
        return
    mine = [row for row in rows if may("edit", row.owner)]
    with st.container(horizontal=True):
        if st.button(
            "Compare", disabled=not 2 <= len(rows) <= 4, icon=":material/compare_arrows:"
        ):
            links.compare([row.id for row in rows])
        if st.button("Watch", disabled=len(rows) != 1, icon=":material/monitoring:"):
            links.open_watch(rows[0].id)
        if st.button("Explore", disabled=len(rows) != 1, icon=":material/explore:"):
            links.explore(rows[0].id)
        with st.popover("Download", disabled=len(rows) != 1, icon=":material/download:"):
            _take_along(rows[0])
        with st.popover("Rename", disabled=len(rows) != 1 or not mine, icon=":material/edit:"):
            title = st.text_input(
                "Name", value=rows[0].title, max_chars=LONGEST_TITLE, key=f"{KEY}title"
            )
            if st.button("Rename it", type="primary"):
                _finish(rows, lambda row: runs.edit(row.id, title=title), "renamed")
        with st.popover("Tags", disabled=not mine, icon=":material/sell:"):
            _tag(rows, tags)
        ended = [row for row in rows if row.status not in ACTIVE]
        with st.popover("Thin", disabled=not mine, icon=":material/compress:"):
            st.caption(
                "Each run keeps its first, best and last snapshot, and all records and "
                "pictures. A "
                "run with the tag `pinned` is not changed."
            )
            if st.button("Thin them", type="primary"):
                store, files = runs.store(), runs.files()
                _finish(ended, lambda row: disk.thin_run(store, files, row.id), "thinned")
        with st.popover("Delete", disabled=not mine, icon=":material/delete:"):
            active = len(rows) - len(ended)
            note = f" {active} still active: stop them first." if active else ""
            st.caption(
                f"The records and snapshots of {len(ended)} runs are deleted permanently.{note}"
            )
            if st.button(f"Delete {len(ended)} runs", type="primary", disabled=not ended):
                _finish(ended, lambda row: runs.delete(row.id), "deleted")


def _take_along(row: RunRow) -> None:
    view = runs.open_run(row.id)
    if not view.snapshots():
        st.caption("The run has no snapshot yet.")
        return
    able = [name for name, why in formats_for(view).items() if not why]
    name = st.selectbox(
        "Format", able, format_func=lambda one: EXPORTS.row(one).title, key=f"{KEY}format"
    )
    st.download_button(
        "Download",
        lambda: export_file(view, name, n=min(USUAL, most_in_seconds(view, name))),
        file_name=f"{row.id}-{name}",
        mime=EXPORTS[name].media,
        type="primary",
        on_click="ignore",
    )


def _tag(rows: Sequence[RunRow], tags: Sequence[str]) -> None:
    common = [tag for tag in rows[0].tags if all(tag in row.tags for row in rows)]
    wanted = st.multiselect(
        "Tags of these runs",
        list(dict.fromkeys([*tags, *common])),
        default=common,
        accept_new_options=True,
        key=f"{KEY}tag.{','.join(row.id for row in rows)}",
    )
    if st.button("Keep these tags", type="primary"):

        def keep(row: RunRow) -> None:
            stay = [tag for tag in row.tags if tag not in common]
            runs.edit(row.id, tags=[*stay, *wanted])

        _finish(rows, keep, "tagged")
