"""Runs as cards: newest picture, status and links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from genlab import runs
from genlab.core.escape import escape_markdown
from genlab.core.tables import TABLES
from genlab.report import name_of
from genlab.runs.access import may
from genlab.runs.store import ACTIVE, RESUMABLE, RunRow
from genlab.ui import links
from genlab.ui.messages import empty, fragment
from genlab.ui.presets import Preset
from genlab.ui.thumbs import draw_preview, draw_thumbnail

COLUMNS = 4
RECENT = 8
BADGES = {
    "queued": ("gray", ":material/hourglass_empty:"),
    "running": ("blue", ":material/play_arrow:"),
    "paused": ("orange", ":material/pause:"),
    "done": ("green", ":material/check:"),
    "stopped": ("gray", ":material/stop:"),
    "diverged": ("red", ":material/warning:"),
    "failed": ("red", ":material/error:"),
    "lost": ("red", ":material/link_off:"),
}


def name(row: RunRow) -> str:
    """The name of a run: its title, or its model and data."""
    return name_of(row)


def title_of(kind: str, row: RunRow) -> str:
    """The title of a run's model or dataset; its name where the table no longer has its row."""
    name = str(row.spec[kind])
    table = TABLES[kind]
    return table.row(name).title if name in table else name


def progress_text(row: RunRow) -> str:
    """The progress of a run: its queue position, or its steps."""
    if row.status == "queued":
        return f"queued, position {row.position}" if row.position else "about to start"
    speed = f", {row.speed:,.0f} steps/s" if row.status == "running" and row.speed > 0 else ""
    return f"step {row.step:,} of {row.steps:,}{speed}"


def status_badge(row: RunRow) -> None:
    """The status as a word with an icon and a colour."""
    colour, icon = BADGES.get(row.status, ("gray", ":material/help:"))
    st.badge(row.status, icon=icon, color=colour)  # type: ignore[arg-type]


def run_card(row: RunRow) -> None:
    """Draw one run: thumbnail, status, and links to Watch and Explore."""
    active = row.status in ACTIVE
    with st.container(border=True, height="stretch"):
        draw_thumbnail(row.id, f"samples of {name(row)}", active=active, key=f"thumb.{row.id}")
        st.markdown(f"**{escape_markdown(name(row))}**")
        status_badge(row)
        if row.steps:
            st.progress(min(1.0, row.step / row.steps), text=progress_text(row))
        if row.message:
            st.caption(escape_markdown(row.message))
        with st.container(horizontal=True, gap="small"):
            if st.button("Watch", key=f"watch.{row.id}", icon=":material/monitoring:"):
                links.open_watch(row.id)
            if st.button(
                "Explore",
                key=f"explore.{row.id}",
                icon=":material/explore:",
                disabled=row.status == "queued",
            ):
                links.explore(row.id)
            able = row.status in RESUMABLE and may("resume", row.owner)
            if able and st.button("Resume", key=f"resume.{row.id}", icon=":material/replay:"):
                runs.resume(row.id)
                st.rerun()


def shipped_card(view: Any) -> None:
    """Draw one pre-trained model that comes with GenLab."""
    with st.container(border=True):
        draw_thumbnail(
            view.id, f"samples of {name(view.row)}", active=False, key=f"thumb.shipped.{view.id}"
        )
        st.markdown(f"**{escape_markdown(name(view.row))}**")
        st.caption(
            f"{title_of('model', view.row)} on {title_of('data', view.row)}, "
            f"{progress_text(view.row)}"
        )
        if st.button("Explore", key=f"shipped.{view.id}", icon=":material/explore:"):
            links.explore(view.id)


def preset_card(preset: Preset) -> bool:
    """Draw one preset; returns whether its button was pressed."""
    with st.container(border=True, height="stretch", vertical_alignment="distribute"):
        with st.container(gap="small"):
            draw_preview(preset)
            st.markdown(f"**{preset.title}**")
            st.caption(preset.text)
        return bool(
            st.button(
                "Start both" if len(preset.runs) > 1 else "Start",
                key=f"preset.{preset.key}",
                icon=preset.icon,
                type="primary",
                width="stretch",
            )
        )


def grid(items: Sequence[Any], draw: Any, columns: int = COLUMNS) -> None:
    """Lay cards out in rows."""
    for start in range(0, len(items), columns):
        for item, column in zip(items[start : start + columns], st.columns(columns), strict=False):
            with column:
                draw(item)


def recent() -> None:
    """Draw the newest runs; the list refreshes itself while one of them is active."""
    rows = runs.store().runs(limit=RECENT)
    if not rows:
        empty("No run yet.", "Start one of the presets above, or set up your own run on Train.")
        return
    busy = any(row.status in ACTIVE for row in rows)
    fragment(run_every=2.0 if busy else None)(_recent)(busy)


def _recent(busy: bool) -> None:
    rows = runs.store().runs(limit=RECENT)
    waiting = sum(row.status == "queued" for row in rows)
    if waiting:
        st.caption(f"In the queue: {waiting}. Each starts when a worker is free.")
    grid(rows, run_card)
    if busy and not any(row.status in ACTIVE for row in rows):
        st.rerun()
