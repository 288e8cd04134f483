"""Who visits the page: what the guard found out, asked by the table of actions and by widgets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from genlab.runs.access import NOBODY, Actor, resolving
from genlab.serving.visitors import HEADER, Visitor

#: What a viewer reads where the owner has buttons.
VIEWER = (
    ":material/visibility: You are looking at somebody else's run: scrub, explore and compare it, "
    "or **Fork** it to go on in a run of your own."
)


def visitor() -> Visitor:
    """Who visits this page; nobody where no websocket of a browser is behind the script."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return Visitor(NOBODY)
    text = st.context.headers.get(HEADER)
    return Visitor(NOBODY) if text is None else Visitor.of_text(text)


def actor() -> Actor:
    """Who acts in this script: the resolver of a server (see :func:`serving`)."""
    return visitor().actor


@contextlib.contextmanager
def serving() -> Iterator[None]:
    """While the server runs, the visitor of a page acts, and nothing counts as the machine."""
    with resolving(actor):
        yield
