"""Your own data: upload, inspect, store, train on, delete."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from genlab import runs
from genlab.core.errors import DataError, GenlabError
from genlab.core.escape import escape_markdown
from genlab.core.options import Option
from genlab.data import own_dataset, set_description, user_sets
from genlab.data.readers import READERS, Examples, read, reader_of
from genlab.data.readers.base import BYTES, FEWEST, count_noun
from genlab.data.readers.memory import Memory
from genlab.data.readers.reading import TableReading
from genlab.data.readers.subprocess_reader import AT_ONCE, read_in_subprocess
from genlab.data.schema import encode, entries
from genlab.figures.columns import columns_info
from genlab.runs import own_sets
from genlab.runs.access import may
from genlab.runs.store import ACTIVE
from genlab.ui import forms, links, own_table, pictures
from genlab.ui.messages import plain_sentence

T = TypeVar("T")
KEY = "own."
#: How many rows, images and class sizes are shown before saving.
ROWS, PICTURES, CLASSES = 8, 32, 60
#: Largest file, in bytes, that is read again without a separate process when a choice changes.
AGAIN = 16 * 2**20
#: Options that only few files need.
SELDOM = ("columns", "encoding", "units_row", "comments", "totals", "layout", "level", "ground")


def section(expanded: bool) -> None:
    """Draw the uploader and the stored datasets."""
    there = user_sets.list_sets()
    title = "Upload your own data: a CSV, an npz or a ZIP of images"
    with st.expander(title, icon=":material/upload_file:", expanded=expanded):
        upload_form()
    if there:
        title = f"Your own datasets ({len(there)})"
        with st.expander(title, icon=":material/inventory_2:", expanded=expanded):
            for known in there:
                stored_set_card(known)


def upload_form() -> None:
    """Draw the uploader; for a readable file also its content, the name field and Save."""
    if message := st.session_state.pop(f"{KEY}message", None):
        st.success(message, icon=":material/check:")
    # The server's limit holds, even if a page asks for a larger one.
    most = min(BYTES // 2**20, int(st.get_option("server.maxUploadSize")))
    round_ = st.session_state.setdefault(f"{KEY}round", 0)
    file = st.file_uploader(
        "A file with your data",
        max_upload_size=most,
        key=f"{KEY}file.{round_}",
        help=escape_markdown(
            "; ".join(f"{row.title}: {row.summary[:-1]}" for row in READERS.rows())
        ),
    )
    if file is None:
        forget_file()
        st.caption(
            "A table (CSV), arrays (npz with x, and y for labels) or images (ZIP; each folder "
            f"is a class). At least {FEWEST} examples, at most {most} MB; add larger files with "
            "`python -m genlab data add`. Nothing is stored before you save it, and no file is "
            "ever unpickled. Everyone who reaches this app can see what you save."
        )
        return
    try:
        content = file.getvalue()
        reader = reader_of(content)
        found = open_file(content, file.file_id, choices(reader, file.file_id))
        if found.reading is not None:
            read_how(found.reading, file.file_id)
        show_reading(found)
        saving(found, file.name.rsplit(".", 1)[0])
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")


def choices(reader: Any, file: str) -> dict[str, Any]:
    """Draw the reader's options; choices that depend on the file appear after it was read."""
    offered = st.session_state.get(f"{KEY}offered", {}).get(file, {})
    rows = [row for row in reader.Options.table() if row.name != "column"]
    plain_ones = [row for row in rows if row.name not in SELDOM]
    values: dict[str, Any] = {}
    _fields(plain_ones, offered, file, values)
    others = [row for row in rows if row.name in SELDOM]
    if others:
        with st.expander("More options for reading the file", icon=":material/tune:"):
            _fields(others, offered, file, values)
    if any(row.name == "column" for row in reader.Options.table()):
        values["column"] = own_table.column_option(of_columns(file))
    return values


def _fields(
    rows: list[Option], offered: Mapping[str, Any], file: str, values: dict[str, Any]
) -> None:
    """Draw the widgets of options, up to four per row."""
    for first in range(0, len(rows), 4):
        columns = st.columns(min(4, len(rows)))
        for row, column in zip(rows[first : first + 4], columns, strict=False):
            if row.name in offered:
                row = dataclasses.replace(row, choices=offered[row.name])
            with column:
                values[row.name] = forms.widget(
                    row, f"{KEY}{file}.{row.name}", row.default, as_written=row.name in offered
                )


def of_columns(file: str) -> dict[str, dict[str, str]]:
    """The user's choices for the columns of a file."""
    return st.session_state.setdefault(f"{KEY}columns", {}).setdefault(file, {})


def read_how(reading: TableReading, file: str) -> None:
    """Draw how a table was read, and the editor of its columns."""
    own_table.findings(reading, f"{KEY}{file}.")
    st.caption(
        "Each column of the file: five values as written and as read. You can change type and role"
    )
    if own_table.editor(reading, of_columns(file), f"{KEY}{file}."):
        st.rerun()


def open_file(content: bytes, file: str, values: Mapping[str, Any]) -> Examples:
    """Read a file with these options; cached for the session."""
    key, memory = (file, tuple(values.items())), st.session_state
    if memory.get(f"{KEY}key") != key:
        bar = st.progress(0.0, text="reading")

        def progress(fraction: float, text: str) -> None:
            bar.progress(min(1.0, fraction), text=escape_markdown(text))

        try:
            # A file that was once read within the limits needs no separate process again.
            most = AGAIN if memory.get(f"{KEY}known") == file else AT_ONCE
            found: Any = None
            if len(content) > most:
                found = read_in_subprocess(content, values, progress)
            if len(content) <= AGAIN:
                # Read here too, so that the next choice finds what it leaves as it is.
                found = read(content, values, progress, _memory_of(file))
            memory[f"{KEY}known"] = file
        except GenlabError as error:
            found = error
        bar.empty()
        memory[f"{KEY}key"], memory[f"{KEY}found"] = key, found
        offers = dict(getattr(found, "offered", {}))
        known = memory.setdefault(f"{KEY}offered", {})
        if offers and known.get(file) != offers:
            memory[f"{KEY}offered"] = {file: offers}
            st.rerun()
    found = memory[f"{KEY}found"]
    if isinstance(found, GenlabError):
        raise found
    return found


def _memory_of(file: str) -> Memory:
    """What the reader keeps of a file for this session."""
    kept: Memory = st.session_state.get(f"{KEY}memory", {}).get(file) or Memory()
    st.session_state[f"{KEY}memory"] = {file: kept}
    return kept


def _of_found(found: Examples, name: str, make: Callable[[], T]) -> T:
    """A result of the examples shown, computed once for them."""
    memory = st.session_state
    if memory.get(f"{KEY}shown", (None,))[0] is not found:
        memory[f"{KEY}shown"] = (found, {})
    made = memory[f"{KEY}shown"][1]
    if name not in made:
        made[name] = make()
    result: T = made[name]
    return result


def _columns_info(found: Examples) -> dict[str, list[Any]]:
    """The statistics of all columns; those of a column that stayed as it was are kept."""
    x = encode(found.x, found.schema) if found.schema else found.x
    kept = st.session_state.setdefault(f"{KEY}columns_info", Memory())
    together: dict[str, list[Any]] = {}
    for name, values in zip(entries(found.schema) or found.columns, x.T, strict=True):
        content = np.ascontiguousarray(values, dtype=np.float64)
        key = hashlib.blake2b(content.data, digest_size=16).digest()
        one = kept.of(name, key, partial(columns_info, content[:, None], [name]))
        for word, value in one.items():
            together.setdefault(word, []).extend(value)
    return together


def forget_file() -> None:
    """Release the data that was read, because it may be large."""
    for word in ("key", "found", "known", "offered", "columns", "memory", "shown", "columns_info"):
        st.session_state.pop(f"{KEY}{word}", None)


def show_reading(found: Examples) -> None:
    """Draw the content of a file: notes, examples, columns and classes."""
    st.markdown("\n".join(f"- {escape_markdown(note)}" for note in found.notes))
    if found.is_table:
        st.caption(f"The first {min(ROWS, len(found.x))} of {count_noun(len(found.x), 'row')}")
        st.dataframe(table(found.x[:ROWS], found.columns, found), key=f"{KEY}rows")
        st.caption("Each column: its range, its mean and standard deviation, a histogram")
        st.dataframe(
            _of_found(found, "columns", lambda: _columns_info(found)),
            key=f"{KEY}columns",
            column_config={"histogram": st.column_config.BarChartColumn("histogram")},
        )
    else:
        pictures.image(found.x[:PICTURES] / found.white, columns=8, height=48)
        st.caption(
            f"The first {min(PICTURES, len(found.x))} of {count_noun(len(found.x), 'image')}; "
            f"pixels from {found.x.min():.4g} to {found.x.max():.4g}, white is {found.white}, "
            f"mean {found.x.mean() / found.white:.3f} of white"
        )
    if found.y is not None:
        sizes = np.bincount(found.y, minlength=len(found.classes))
        named = zip(found.classes[:CLASSES], sizes, strict=False)
        rest = f", and {len(found.classes) - CLASSES} more" * (len(found.classes) > CLASSES)
        words = ", ".join(f"{name} ({n:,})" for name, n in named)
        st.markdown(f"**Classes**: {escape_markdown(words)}{rest}")


def table(x: Any, columns: tuple[str, ...], found: Examples | None = None) -> dict[str, Any]:
    """The rows of a table by column, with their classes if there are any."""
    rows: dict[str, Any] = {name: x[:, k].tolist() for k, name in enumerate(columns)}
    for column in found.schema if found is not None else ():
        if column.categories and column.name in rows:
            rows[column.name] = [
                None if v != v else column.categories[int(v)] for v in rows[column.name]
            ]
    if found is not None and found.y is not None:
        rows["class" if "class" not in rows else "the class"] = [
            found.classes[k] for k in found.y[: len(x)]
        ]
    return rows


def saving(found: Examples, first: str) -> None:
    """Draw the proposed likelihood, the name field and Save, once all questions are answered."""
    if found.reading is not None and found.reading.questions:
        st.info("Answer the question above to save the table.", icon=":material/help:")
        return
    known = _of_found(found, "known", lambda: set_description.describe(found, "preview"))
    meta = own_dataset.meta_of(known, own_dataset.OwnOptions())
    pictures.proposals(meta)
    sizes = known.sizes
    st.caption(
        f"{sizes['train']:,} to train on, {sizes['validation']:,} and {sizes['test']:,} held out, "
        "drawn by a fixed seed." + _units(known)
    )
    with st.form(f"{KEY}save", border=False):
        allowed = "".join(c if set_description.NAME.fullmatch(f"a{c}") else " " for c in first)
        name = st.text_input("Name", allowed.strip()[:40], max_chars=40)
        if not st.form_submit_button("Save", type="primary", icon=":material/save:"):
            return
    stored = own_sets.add_set(runs.store(), found, name)
    memory = st.session_state
    memory[f"{KEY}message"] = (
        f"{escape_markdown(stored.name)} is stored as {stored.id}: "
        f"{count_noun(stored.n, 'example')}."
    )
    memory[f"{KEY}round"] += 1
    forget_file()
    choose(stored.id)
    st.rerun()


def _units(known: set_description.Description) -> str:
    if not known.real:
        return ""
    return (
        " Columns are standardised by the mean and standard deviation of the training part. Log p "
        "refers to the standardised columns; its value in the original units is shown beside it."
    )


def choose(name: str) -> None:
    """Select this dataset on the page."""
    st.session_state["data.name"] = "own"
    st.session_state[f"{forms.PREFIX}data.own.set"] = name


def stored_set_card(known: set_description.Description) -> None:
    """Draw one stored dataset with buttons to train on it and to delete it."""
    what = "pictures" if known.is_image else "rows"
    size = " × ".join(map(str, known.shape))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{escape_markdown(known.name)}**  \n{known.n:,} {what} of {size}"
            + (f", {len(known.classes)} classes" if known.classes else "")
        )
        if st.button("Show", icon=":material/visibility:", key=f"{KEY}show.{known.id}"):
            choose(known.id)
            st.rerun()
        if st.button("Train on this", icon=":material/play_circle:", key=f"{KEY}go.{known.id}"):
            links.train({"data": "own", "set": known.id})
        if may("delete_set", own_sets.owner_of_set(runs.store(), known.id)):
            with st.popover("Delete", icon=":material/delete:"):
                deleting(known)
        else:
            st.caption("Uploaded by somebody else")


def deleting(known: set_description.Description) -> None:
    """Explain what a deletion means for runs on the dataset, and delete it."""
    used = own_sets.runs_on(runs.store(), known.id)
    busy = [row for row in used if row.status in ACTIVE]
    if busy:
        st.write(
            f"{count_noun(len(busy), 'run')} on this dataset: queued, running or paused. Stop it "
            f"first."
        )
        return
    st.write(
        f"{count_noun(len(used), 'run')} used this dataset. Snapshots are kept. Maps, metrics and "
        f"further training need the data and will report that it is missing. Saving the same file "
        f"under the same name restores it."
        if used
        else "No run uses this dataset. It is deleted permanently."
    )
    if not st.button("Delete it", key=f"{KEY}delete.{known.id}", icon=":material/delete_forever:"):
        return
    try:
        own_sets.delete_set(runs.store(), known.id)
    except OSError as error:
        raise DataError(f"The dataset could not be deleted ({error}); try again.") from None
    pictures.cached_preview.clear()
    st.session_state.pop(f"{forms.PREFIX}data.own.set", None)
    st.rerun()
