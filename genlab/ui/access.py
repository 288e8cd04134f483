"""The visitor of a page, as the guard identified it, for the table of actions and for widgets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from genlab.runs.access import NOBODY, Actor, resolving
from genlab.serving.visitors import HEADER, Visitor

#: What a viewer reads in place of the owner's buttons.
VIEWER = (
    ":material/visibility: This run belongs to somebody else. You can move its slider, explore it "
    "and compare it. **Fork** it to continue in a run of your own."
)


def visitor() -> Visitor:
    """The visitor of this page; nobody where the script runs without a browser's websocket."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return Visitor(NOBODY)
    text = st.context.headers.get(HEADER)
    return Visitor(NOBODY) if text is None else Visitor.of_text(text)


def actor() -> Actor:
    """Who acts in this script: the resolver of a server (see :func:`serving`)."""
    return visitor().actor


@contextlib.contextmanager
def serving() -> Iterator[None]:
    """While the server runs, a page acts as its visitor, never as the owner of the machine."""
    with resolving(actor):
        yield
