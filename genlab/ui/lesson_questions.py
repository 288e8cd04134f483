"""The questions of a lesson, predicted before they are revealed, and its exercises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from genlab.classroom.asked import of_lesson
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.lessons import LESSONS, right_answer
from genlab.lessons.base import Lesson
from genlab.lessons.questions import Answer, Choices, DrawnCurve, Exercise, Number, Question
from genlab.ui.component import component
from genlab.ui.messages import fragment
from genlab.ui.polls import ask_button

#: A function that fills a lesson's form: it gets the lesson's name and the values.
SetValues = Callable[[str, Mapping[str, Any]], None]


@st.cache_data(max_entries=256, show_spinner="Computing the answer")
def revealed(lesson: str, question: str) -> Answer:
    """The right answer; cached, because a lesson with other values must be computed for it."""
    return right_answer(lesson, question)


def questions(kind: type[Lesson], show_values: SetValues) -> None:
    """Draw the questions of a lesson."""
    if not kind.questions:
        return
    st.subheader("Predict, then see", anchor=False)
    for k, row in enumerate(kind.questions):
        with st.container(border=True):
            question_part(kind.name, k, row.name, show_values)


@fragment()
def question_part(lesson: str, k: int, name: str, show_values: SetValues) -> None:
    """Draw one question: the form of its answer, and the right answer after one was given.

    Args:
        lesson: the name of the lesson.
        k: the number of the question, from 0.
        name: name of the question.
        show_values: fills the lesson's form with the values that the question is about.
    """
    row, key = LESSONS[lesson].question(name), f"learn.{lesson}.ask.{name}"
    st.markdown(f"**{k + 1}.** {row.asks}")
    ask_button(of_lesson(lesson, name), f"{key}.room")
    shown = bool(st.session_state.get(f"{key}.shown"))
    given = ask(row, key, revealed(lesson, name) if shown else None)
    if not shown:
        st.button(
            "Reveal",
            key=f"{key}.reveal",
            icon=":material/visibility:",
            disabled=given is None,
            on_click=reveal,
            args=(key,),
        )
        return
    verdict(row, given, revealed(lesson, name))
    if st.button(
        "Show it in the pictures",
        key=f"{key}.show",
        icon=":material/insights:",
        on_click=show_values,
        args=(lesson, dict(row.values)),
    ):
        st.rerun()


def reveal(key: str) -> None:
    """Mark the answer of a question as revealed."""
    st.session_state[f"{key}.shown"] = True


def ask(row: Question, key: str, right: Answer | None) -> Answer | None:
    """Draw the form of an answer; return the answer, None where none was given yet."""
    form = row.form
    if isinstance(form, Choices):
        place: int | None = st.radio(
            "Your prediction",
            range(len(form.options)),
            index=None,
            key=key,
            format_func=lambda k: escape_markdown(form.options[k]),
            label_visibility="collapsed",
        )
        return place
    if isinstance(form, Number):
        unit = f" ({form.unit})" if form.unit else ""
        value: float | None = st.number_input(
            f"Your prediction, from {form.low:g} to {form.high:g}{unit}",
            form.low,
            form.high,
            None,
            key=key,
            format="%g",
            placeholder="type a number",
        )
        return value
    return draw_curve(form, key, right)


def draw_curve(form: DrawnCurve, key: str, right: Answer | None) -> Answer | None:
    """Draw the canvas for a curve; return the curve, None before the first stroke."""
    stored = (st.session_state.get(key) or {}).get("curve")
    component("learn/curve", "The canvas for a curve")(
        key=key,
        data={
            "x": list(form.x),
            "y": list(form.y),
            "x_title": form.x_title,
            "y_title": form.y_title,
            "points": form.points,
            "right": None if right is None else np.asarray(right).tolist(),
            "drawn": stored,
        },
        default={"curve": None},
        on_curve_change=lambda: None,
    )
    try:
        return None if stored is None else form.read(stored)
    except GenlabError:
        return None


def verdict(row: Question, given: Answer | None, right: Answer) -> None:
    """Draw whether a prediction was right, the computed answer, and the explanation."""
    words = escape_markdown(row.form.words(right))
    if given is not None and row.form.is_right(given, right):
        st.success(f"Right: {words}. {row.because}", icon=":material/check_circle:")
    else:
        st.info(f"The answer is {words}. {row.because}", icon=":material/lightbulb:")


def exercises(lesson: Lesson, show_values: SetValues) -> None:
    """Draw the exercises of a lesson, each with the value that the present options reach."""
    if not lesson.exercises:
        return
    st.subheader("Exercises", anchor=False)
    st.caption("Change the numbers beside the pictures. The page checks each goal as you go.")
    for row in lesson.exercises:
        with st.container(border=True):
            exercise(lesson, row, show_values)


def exercise(lesson: Lesson, row: Exercise, show_values: SetValues) -> None:
    """Draw one exercise: the task, the value reached, and on request a solution."""
    key = f"learn.{lesson.name}.try.{row.name}"
    st.markdown(row.asks)
    if not row.fits(lesson.values):
        options = {option.name: option for option in lesson.table({**lesson.values, **row.where})}
        asked = ", ".join(f"{options[k].title} = {v}" for k, v in row.where.items())
        st.caption(f"First choose {escape_markdown(asked)}.")
    else:
        value = float(row.reads(lesson))
        now = f"{row.says}: {value:.4g} {row.unit}".strip()
        if row.is_solved(lesson):
            st.success(f"Solved. {escape_markdown(now)}.", icon=":material/check_circle:")
        else:
            goal = escape_markdown(row.goal)
            st.caption(f"Not yet. The goal is {goal}. Now: {escape_markdown(now)}.")
    st.button(
        "Show a solution",
        key=f"{key}.solution",
        icon=":material/key:",
        type="tertiary",
        on_click=show_values,
        args=(lesson.name, {**row.where, **row.solution}),
    )
