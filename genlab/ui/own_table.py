"""How a table was read: decisions, open questions, and an editor of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab.core.escape import escape_markdown
from genlab.data.readers.dialect import Decision
from genlab.data.readers.reading import TableReading
from genlab.data.schema import ROLES, TYPES

#: The properties of a column that a user may change.
CHANGED = ("type", "role", "missing")


def sentence(words: str) -> str:
    """A note with a capital letter and a full stop.

    Example:
        >>> sentence("decimal point"), sentence("Whole numbers.")
        ('Decimal point.', 'Whole numbers.')
    """
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith(('.', '!', '?')) else '.'}"


def column_option(chosen: Mapping[str, Mapping[str, str]]) -> str:
    """The user's choices for single columns, as a value of the reader's option ``column``.

    Example:
        >>> column_option({"a": {"type": "count", "role": "leave out"}})
        'a:type=count,role=leave out'
    """
    lines = []
    for name, values in chosen.items():
        pairs = ",".join(f"{k}={v}" for k, v in values.items() if v)
        if pairs:
            lines.append(f"{name}:{pairs}")
    return "\n".join(lines)


def findings(reading: TableReading, key: str) -> None:
    """Draw the decisions about the format of a table, and the questions with their answers.

    Args:
        reading: of the table.
        key: of the widgets of the reader's options.
    """
    for one in reading.questions:
        with st.container(border=True):
            st.warning(escape_markdown(one.question), icon=":material/help:")
            _answers(one, key)
    doubtful = [d for d in reading.decisions if not d.certain and not d.question]
    if doubtful:
        lines = [f"- {escape_markdown(d.how)} *Option {d.option} changes that.*" for d in doubtful]
        st.warning("\n".join(lines), icon=":material/rule:")


def _answers(one: Decision, key: str) -> None:
    """Draw buttons that answer a question by setting its option."""
    able: list[tuple[str, str, str]] = []
    if one.option == "thousands":
        mark = "points" if one.value == "." else "commas"
        sign = "point" if one.value == "." else "comma"
        able = [
            (f"{mark.capitalize()} between thousands", "thousands", one.value),
            (f"Decimal {sign}", "decimal", one.value),
        ]
    elif one.option == "header_row":
        able = [
            ("The row holds names", "header_row", one.value),
            ("The row is data", "header_row", "0"),
        ]
    elif one.option == "encoding":
        able = [(f"It is {one.value.capitalize()}", "encoding", one.value)]
    elif one.option == "separator":
        able = [(f"Separated by {one.value!r}", "separator", one.value)]
    with st.container(horizontal=True):
        for label, option, value in able:
            st.button(
                label,
                key=f"{key}answer.{option}.{value}",
                on_click=_set,
                args=(f"{key}{option}", value),
            )


def _set(key: str, value: str) -> None:
    st.session_state[key] = value


def editor(reading: TableReading, chosen: dict[str, dict[str, str]], key: str) -> bool:
    """Draw every column with five values before and after reading; its type, role and missing code
    can be changed.

    Args:
        reading: of the table.
        chosen: the user's choices for columns; updated in place.
        key: of the widget.

    Returns:
        Whether a choice was changed, so that the file must be read again.
    """
    rows = [
        {
            "column": one.column.name,
            "type": one.column.type,
            "role": one.column.role,
            "missing code": chosen.get(one.column.name, {}).get("missing", ""),
            "in the file": " · ".join(w or "(empty)" for w in one.before),
            "as read": " · ".join(one.after),
            "missing": one.missing,
            "not read": one.unread,
            "the first": one.first_unread,
            "unit": one.column.unit,
            "why": " ".join(map(sentence, filter(None, (one.warning, one.column.why, one.how)))),
        }
        for one in reading.columns
    ]
    for name in ("missing", "not read", "the first", "unit"):
        # Columns of the editor without content are left out.
        if not any(row[name] for row in rows):
            for row in rows:
                del row[name]
    fixed = [name for name in rows[0] if name not in ("type", "role", "missing code")]
    edited = st.data_editor(
        rows,
        key=f"{key}editor.{hash(column_option(chosen))}",
        hide_index=True,
        disabled=fixed,
        column_config={
            "type": st.column_config.SelectboxColumn("type", options=list(TYPES), required=True),
            "role": st.column_config.SelectboxColumn("role", options=list(ROLES), required=True),
            "missing code": st.column_config.TextColumn("missing code", help="as in -999"),
            "why": st.column_config.TextColumn("why", width="large"),
        },
    )
    return _changes(rows, edited, chosen)


def _changes(
    rows: list[dict[str, Any]], edited: list[dict[str, Any]], chosen: dict[str, dict[str, str]]
) -> bool:
    """Update the choices by the differences between the shown and the edited table."""
    changed = False
    for before, after in zip(rows, edited, strict=True):
        mine = chosen.setdefault(before["column"], {})
        for key, name in zip(CHANGED, ("type", "role", "missing code"), strict=True):
            value = str(after[name] or "").strip().replace(",", " ").replace(":", " ")
            if value != before[name]:
                mine[key] = value
                changed = True
    return changed
