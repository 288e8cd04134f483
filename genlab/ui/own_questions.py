"""A teacher's own questions on the page Class: upload a file, ask, share and delete."""

from __future__ import annotations

import inspect
import textwrap

import streamlit as st

from genlab import runs
from genlab.classroom import question_files, question_store
from genlab.classroom.question_files import QuestionFile, read_questions
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.runs.access import acting
from genlab.ui.messages import plain_sentence
from genlab.ui.polls import ask_button

KEY = "room.questions"
#: The example of the module that reads the files.
EXAMPLE = textwrap.dedent(
    (inspect.getdoc(question_files) or "").partition("::\n")[2].partition("``answer:")[0]
).strip()


def own_questions() -> None:
    """Draw the visitor's files of questions and the uploader."""
    st.header("Your own questions", anchor=False)
    st.caption("The question appears on the page that the room is looking at. Votes arrive live.")
    for name, found in question_store.question_files(runs.store(), acting().id):
        with st.expander(escape_markdown(found.title), expanded=True):
            _file(name, found)
    _bring()


def _file(name: str, found: QuestionFile) -> None:
    for k, asked in enumerate(found.questions):
        words, button = st.columns([4, 1], vertical_alignment="center")
        words.markdown(f"**{k + 1}.** {asked.asks}")
        with button:
            ask_button(asked, f"{KEY}.ask.{name}.{k}")
    shared, gone = st.columns(2)
    shared.download_button(
        "Share as a file",
        found.text,
        file_name="questions.md",
        mime="text/markdown",
        key=f"{KEY}.share.{name}",
        icon=":material/download:",
    )
    if gone.button("Delete these questions", key=f"{KEY}.delete.{name}", icon=":material/delete:"):
        question_store.delete_questions(runs.store(), name)
        st.rerun()


def _bring() -> None:
    with st.expander("Upload a file with questions", icon=":material/upload_file:"):
        st.code(EXAMPLE, language="markdown", wrap_lines=True)
        st.download_button(
            "Save this example",
            EXAMPLE,
            file_name="questions.md",
            mime="text/markdown",
            key=f"{KEY}.example",
            icon=":material/download:",
        )
        round_ = st.session_state.setdefault(f"{KEY}.round", 0)
        file = st.file_uploader("A Markdown file", key=f"{KEY}.file.{round_}", type=["md", "txt"])
        if file is None:
            return
        try:
            question_store.add_questions(runs.store(), read_questions(file.getvalue()))
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
            return
        # A new key makes the uploader empty again.
        st.session_state[f"{KEY}.round"] = round_ + 1
        st.rerun()
