"""The messages of errors: sentences, never tracebacks."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import streamlit as st

from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown

LOG = logging.getLogger("genlab.ui")
UNEXPECTED = (
    "This part of the page could not be shown because of an error in the "
    "program. Runs and their files are unaffected. The server's log has the "
    "details; reload the page to try again."
)


@contextlib.contextmanager
def guard() -> Iterator[None]:
    """Show the message of a :class:`GenlabError`, and one plain sentence for anything else."""
    try:
        yield
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
    except Exception:
        LOG.exception("a page failed")
        st.error(UNEXPECTED, icon=":material/error:")


def plain_sentence(error: BaseException) -> str:
    """The message of an error with its Markdown escaped."""
    return escape_markdown(str(error).strip() or type(error).__name__)


def fragment(
    run_every: float | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A fragment of a page whose errors are shown like those of the page."""

    def wrap(part: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(part)
        def safe(*args: Any, **values: Any) -> Any:
            with guard():
                return part(*args, **values)

        return st.fragment(safe, run_every=run_every)

    return wrap


def empty(what: str, next_step: str) -> None:
    """Draw an empty state: what is missing and what to do about it."""
    with st.container(border=True):
        st.markdown(f"**{what}**")
        st.caption(next_step)
