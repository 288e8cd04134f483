"""What a person reads when something goes wrong: a sentence, never a traceback."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import streamlit as st

from genlab.errors import GenlabError

LOG = logging.getLogger("genlab.ui")
UNEXPECTED = (
    "This part of the page could not be shown: something unexpected happened in the program. "
    "Runs and their files are unaffected. The log of the server has the details; "
    "reload the page to try again."
)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Show the message of a :class:`GenlabError`, and one plain sentence for anything else."""
    try:
        yield
    except GenlabError as error:
        st.error(sentence(error), icon=":material/error:")
    except Exception:
        LOG.exception("a page failed")
        st.error(UNEXPECTED, icon=":material/error:")


def sentence(error: BaseException) -> str:
    """The message with its first letter large, and with no Markdown in it."""
    text = str(error).strip() or type(error).__name__
    for sign in "\\`*_[]$<>#~":
        text = text.replace(sign, f"\\{sign}")
    return text[0].upper() + text[1:] if text[0].isalpha() and " = " not in text[:40] else text


def fragment(
    run_every: float | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A part of a page that reruns by itself, guarded like the page."""

    def wrap(part: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(part)
        def safe(*args: Any, **values: Any) -> Any:
            with guarded():
                return part(*args, **values)

        return st.fragment(safe, run_every=run_every)

    return wrap


def empty(what: str, next_step: str) -> None:
    """An empty state: what there is not yet, and what to do about it."""
    with st.container(border=True):
        st.markdown(f"**{what}**")
        st.caption(next_step)
