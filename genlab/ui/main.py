"""The frame of the app: its pages, the warm-up, and the message of a failing page."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import streamlit as st

from genlab.core.folders import ROOT
from genlab.panels.run_marks import MARK_CSS
from genlab.serving import deadlines, visitors
from genlab.serving.guard import is_alone
from genlab.ui import access, room, tables
from genlab.ui.history import keep_one_entry
from genlab.ui.log_in import StreamlitLogIn
from genlab.ui.messages import guard
from genlab.ui.presenting import STYLE as PRESENTATION
from genlab.ui.presenting import presenting

#: Less empty space above the page than Streamlit leaves; a narrow screen keeps its width.
STYLE = """
.stMainBlockContainer { padding-top: 4rem; padding-bottom: calc(3rem + var(--gl-room, 0px)); }
.stElementContainer:has(.stImage), .stImage, .stImage * { max-width: 100% !important; }
.stImage img { height: auto; image-rendering: pixelated; }
.stMain h1 { font-size: 2.1rem; padding: 0.25rem 0 0.5rem; }
.stMain h2 { font-size: 1.6rem; padding: 0.75rem 0 0.25rem; }
[data-testid^="stTopNavLink"]:focus-visible, [data-testid^="stSidebarNavLink"]:focus-visible {
  outline: 2px solid currentColor; outline-offset: -2px; }
.st-key-watch_bar { position: sticky; top: 3.75rem; z-index: 5; }
.st-key-watch_actions > *, .st-key-watch_actions .stElementContainer,
.st-key-watch_actions [data-testid="stLayoutWrapper"] { flex: none; width: auto; }
.st-key-watch_buttons > :has(> .st-key-watch_choice) { flex: 0 1 260px; }
.st-key-watch_actions, .st-key-watch_actions [data-testid^="st"] { gap: 6px; }
.st-key-watch_actions .stSelectbox { width: 140px; }
.st-key-watch_actions button { padding-left: 9px; padding-right: 9px; }
@media (max-width: 1200px) {
  .st-key-watch_actions { overflow-x: auto; padding: 3px; }
  .st-key-watch_actions, .st-key-watch_actions * { flex-wrap: nowrap; }
  .st-key-watch_buttons > :has(> .st-key-watch_actions) { flex: 1 1 0; min-width: 0; }
  .st-key-watch_buttons > :has(> .st-key-watch_choice) { flex: 0 1 260px; min-width: 0; }
}
@media (min-width: 641px) and (max-width: 1200px) {
  .st-key-watch_buttons { flex-wrap: nowrap; }
}
.st-key-watch_advice:empty, .st-key-watch_origin:empty { display: none; }
.run-name { font-weight: 600; overflow-wrap: anywhere; }
.run-name .run-note { font-weight: 400; font-size: 14px; opacity: 0.8; margin-left: 8px; }
.answer p { margin: 4px 0; max-width: 75ch; overflow-wrap: anywhere; }
.st-key-studies_answer h2, .answer .lead { font-size: 1.35rem; line-height: 1.4; }
.room-code { margin: 0; font-size: min(4.5rem, 14vw); font-weight: 700; line-height: 1.1;
  letter-spacing: 0.15em; }
.export-links { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0; }
.export-links a { display: inline-flex; align-items: center; min-height: 28px; }
@media (max-height: 600px) {
  .stMain h1 { font-size: 1.5rem; padding: 0; }
}
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
  .st-key-watch_buttons > :is(:has(> .st-key-watch_actions), :has(> .st-key-watch_choice)) {
    flex: 1 0 100%; }
  .st-key-explore_fields .stHorizontalBlock { flex-wrap: nowrap; gap: 8px; }
  .st-key-explore_fields .stColumn { min-width: 0; }
  .st-key-studies_answer h2 { font-size: 1.15rem; }
  /* A help mark in a line of text is large to the finger and takes no more room than its line. */
  .stMain p .stTooltipIcon { margin: -14px 0; }
  .stMain :is(button, a, summary, .stSelectbox input) { min-height: 44px; min-width: 44px; }
}
"""
LOG = logging.getLogger("genlab.ui")
ICON = Path(__file__).with_name("icon.svg")
SCRIPT = Path(__file__).with_name("script.py")
PAGES: tuple[tuple[str, str, str], ...] = (
    ("start", "Start", ":material/home:"),
    ("train", "Train", ":material/play_circle:"),
    ("watch", "Watch", ":material/monitoring:"),
    ("explore", "Explore", ":material/explore:"),
    ("compare", "Compare", ":material/compare_arrows:"),
    ("studies", "Studies", ":material/science:"),
    ("learn", "Learn", ":material/school:"),
    ("data", "Data", ":material/dataset:"),
    ("room", "Class", ":material/groups:"),
)


@functools.cache
def start_background() -> threading.Thread:
    """Start the supervisor, the slow imports and the frozen heap, once per process."""
    thread = threading.Thread(target=_warm, name="genlab-warm", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    try:
        from genlab import runs

        runs.ensure_supervisor()
    except Exception:
        LOG.exception("no supervisor could be started; the Start button will try again")
    try:
        from genlab.core.tables import TABLES

        for table in TABLES.values():
            table.names()
        import torch

        from genlab.browser.decoder_program import warm
        from genlab.figures import data, latent  # noqa: F401
        from genlab.lessons import chapters

        chapters()
        # Torch's lazy imports for the first traced decoder would delay a first visit by a second.
        warm()
        # The cores are left to the runs; a page's own computations are small and faster on one
        # thread.
        torch.set_num_threads(1)
    except Exception:
        LOG.exception("the slow imports failed; the pages will say why")
    freeze()


def freeze() -> None:
    """Exclude all imported objects from garbage collection.

    Streamlit runs a collection after every run of a script. With torch in the heap each one takes
    0.13 s, so ten viewers would occupy a core.
    """
    gc.collect()
    gc.freeze()


@contextlib.asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Start the warm-up with the server, before the first visitor arrives."""
    log_in = StreamlitLogIn()
    visitors.check_settings(log_in=log_in)
    deadlines.cut_half_open()
    deadlines.allow_many_files()
    start_background()
    with access.serving(), visitors.entering_by(log_in):
        yield {}


def show() -> None:
    """Draw the navigation and the page that the URL names."""
    st.set_page_config(page_title="GenLab", page_icon=str(ICON), layout="wide")
    st.html(f"<style>{STYLE}{MARK_CSS}{tables.CSS}</style>")
    keep_one_entry()
    if presenting():
        st.html(PRESENTATION)
    start_background()
    pages = [
        st.Page(
            ROOT / "pages" / f"{name}.py",
            title=title,
            icon=icon,
            url_path=name,
            # Every link costs one more press of Tab before the slider of Watch. Compare and Train
            # link to Studies; a server that only this machine reaches has no class.
            visibility="hidden"
            if name == "studies" or (name == "room" and is_alone())
            else "visible",
        )
        for name, title, icon in PAGES
    ]
    page = st.navigation(pages, position="top")
    with guard():
        room.bar(page.url_path, [name for name, _, _ in PAGES])
    with guard():
        page.run()
