"""The page of a lesson: its form, its equations with numbers, its pictures and its checks."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab.core.errors import SpecError
from genlab.core.options import Option
from genlab.figures.lessons import panel_figure, panel_text
from genlab.lessons import LESSONS, Check, Equation, Lesson, Move, chapters
from genlab.lessons.base import in_words
from genlab.lessons.panels import Matrix, Panel, Table
from genlab.ui.forms import help_text, label, widget
from genlab.ui.messages import escape_markdown
from genlab.ui.page_states import LEARN
from genlab.ui.pictures import plot

#: A seed that a button may draw: short enough to read out.
SEEDS = 1000


@st.cache_resource(max_entries=128, show_spinner=False)
def compute_lesson(name: str, values: tuple[tuple[str, Any], ...]) -> Lesson:
    """A lesson with its results; cached by its options."""
    return LESSONS[name].build(dict(values))


@st.cache_resource(max_entries=128, show_spinner=False)
def draw_panels(name: str, values: tuple[tuple[str, Any], ...]) -> tuple[tuple[Panel, Any], ...]:
    """The panels of a lesson with their figures (None for a table)."""
    return tuple(
        (panel, None if isinstance(panel, Table) else panel_figure(panel))
        for panel in compute_lesson(name, values).panels()
    )


@st.cache_data(max_entries=128, show_spinner=False)
def draw_checks(name: str, values: tuple[tuple[str, Any], ...]) -> tuple[Check, ...]:
    """The checks of a lesson."""
    return compute_lesson(name, values).check()


def pick_lesson() -> tuple[str, str | None]:
    """Draw the choice of a lesson; returns it and what is wrong with the URL's."""
    names = chapters()
    asked, wrong = LEARN.value("lesson", choices=names, default=names[0])
    # The lesson of the URL decides which widget there is, so that a link always opens its lesson.
    picked = st.selectbox(
        "Lesson",
        names,
        index=names.index(asked),
        key=f"learn.lesson.{asked}",
        format_func=lambda name: f"{names.index(name) + 1}. {LESSONS.row(name).title}",
    )
    if picked != asked:
        open_lesson(str(picked))
    return str(picked), wrong


def open_lesson(name: str) -> None:
    """Open another lesson at its defaults."""
    LEARN.write(lesson=name)
    LEARN.forget_problem()
    st.rerun()


def read_url(kind: type[Lesson]) -> tuple[dict[str, str], str | None]:
    """The values in the URL, and what is wrong with them (None where nothing is)."""
    given = LEARN.undeclared()
    try:
        kind.build(given)
    except SpecError as error:
        return given, str(error)
    return given, None


def control(option: Option, key: str, value: Any) -> Any:
    """The widget of an option: a slider wherever both ends are known."""
    if option.type is not float or option.log or option.low is None or option.high is None:
        return widget(option, key, value)
    width = float(option.high) - float(option.low)
    step = 10.0 ** (math.floor(math.log10(width)) - 2)
    return st.slider(
        label(option),
        float(option.low),
        float(option.high),
        float(value),
        step,
        key=key,
        help=help_text(option),
    )


def draw_again_button(key: str) -> None:
    """Increase a seed by one."""
    st.session_state[key] = (int(st.session_state[key]) + 1) % SEEDS


def apply_button(key: str, move: Move) -> None:
    """Apply a lesson's button to its option."""
    st.session_state[key] = move.after(st.session_state[key])


def move_buttons(name: str, option: str, key: str) -> None:
    """Draw the lesson's buttons for an option, two per row."""
    able = [move for move in LESSONS[name].moves if move.option == option]
    for k in range(0, len(able), 2):
        columns = st.columns(2)
        for index, (column, move) in enumerate(zip(columns, able[k : k + 2], strict=False)):
            column.button(
                move.title,
                icon=move.icon,
                key=f"learn.{name}.{option}.move.{k + index}",
                on_click=apply_button,
                args=(key, move),
                help=move.help or None,
                width="stretch",
            )


def form(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Draw the options of a lesson; their values."""
    kind, values, keys = LESSONS[name], {}, {}
    # A row that the URL's other options do not bring takes nothing from the URL.
    known = set(kind.table(given))
    fixed = kind.Options.table()

    def draw(row: Option) -> None:
        # Another declaration under the same name (other bounds) is another widget.
        keys[row.name] = f"learn.{name}.{row.name}.{zlib.crc32(repr(row).encode())}"
        start = first_value(row, given if row in known else {})
        values[row.name] = control(row, keys[row.name], start)
        move_buttons(name, row.name, keys[row.name])

    for row in fixed:
        draw(row)
    for row in kind.table(values)[len(fixed) :]:
        draw(row)
    if kind.again in values:
        st.button(
            "Draw again",
            icon=":material/casino:",
            key=f"learn.{name}.again",
            on_click=draw_again_button,
            args=(keys[kind.again],),
            help=f"The next {kind.again}; every other option stays.",
        )
    return values


def prepare(lesson: Lesson) -> None:
    """Let a lesson compute what takes long, with its progress on the page."""
    bar = st.empty()
    try:
        lesson.prepare(lambda part, says: show_progress(bar, part, says))
    finally:
        bar.empty()


def show_progress(bar: Any, part: float, says: str) -> None:
    """Draw the progress of a computation."""
    bar.progress(min(1.0, max(0.0, part)), text=escape_markdown(says))


def first_value(row: Option, given: Mapping[str, str]) -> Any:
    """Where an option's widget starts: at the URL's value, or at the default."""
    try:
        return row.parse(given.get(row.name, row.default))
    except SpecError:
        return row.default


def changed_options(name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """What the URL holds: the lesson, and the options that differ from their defaults."""
    rows = {row.name: row for row in LESSONS[name].table(values)}
    changed = {k: v for k, v in values.items() if k in rows and v != rows[k].default}
    return {"lesson": name} | {
        k: f"{v:g}" if isinstance(v, float) else str(v) for k, v in changed.items()
    }


def equation(step: Equation) -> None:
    """One step: the sentence, the symbols, the same with numbers, and what kind these are."""
    st.markdown(escape_markdown(step.says))
    st.latex(step.symbols)
    if step.numbers:
        st.latex(step.numbers)
    if step.values:
        st.caption(escape_markdown(" · ".join(value.text for value in step.values)))


def pictures(name: str, panels: tuple[tuple[Panel, Any], ...]) -> None:
    """All panels, two a row; a large map has a row of its own."""
    small = [pair for pair in panels if pair[1] is not None and not _large(pair[0])]
    for k in range(0, len(small), 2):
        for index, (column, pair) in enumerate(zip(st.columns(2), small[k : k + 2], strict=False)):
            with column:
                plot(
                    pair[1],
                    key=f"learn.{name}.panel.{k + index}",
                    alt=escape_markdown(pair[0].note),
                )
    for k, (panel, shown) in enumerate(pair for pair in panels if _large(pair[0])):
        plot(shown, key=f"learn.{name}.map.{k}", alt=escape_markdown(panel_text(panel)))
    for panel, _ in panels:
        if isinstance(panel, Table):
            write_table(panel)


def write_table(panel: Table) -> None:
    """A table of the lesson, with what it is below it."""
    st.markdown(f"**{escape_markdown(panel.title)}**")
    st.table(
        [dict(zip(panel.columns, map(escape_markdown, row), strict=True)) for row in panel.rows]
    )
    st.caption(escape_markdown(panel.note))


def _large(panel: Panel) -> bool:
    return isinstance(panel, Matrix) and panel.mark is not None


def checks(name: str, values: tuple[tuple[str, Any], ...]) -> None:
    """Draw the button that checks the statements, and its results for the present values."""
    pressed = st.button(
        "Check it",
        icon=":material/fact_check:",
        type="primary",
        key=f"learn.{name}.check",
        help="Compute both sides of each statement independently.",
    )
    if pressed:
        st.session_state["learn.checked"] = (name, values)
    if st.session_state.get("learn.checked") != (name, values):
        return
    found = draw_checks(name, values)
    good = sum(check.holds for check in found)
    say = st.success if good == len(found) else st.error
    say(f"{good} of {len(found)} statements hold within their tolerance.")
    st.table([check_row(check) for check in found])


def check_row(check: Check) -> dict[str, str]:
    """A check as a line of the table."""
    about = check.kind + (f", n = {check.n:,}" if check.n else "")
    unit = f" {check.unit}" if check.unit else ""
    return {
        "statement": check.says,
        "left side": f"{in_words(check.left)} ({check.left_is})",
        "": check.relation,
        "right side": f"{in_words(check.right)} ({check.right_is})",
        "difference": f"{in_words(check.difference, 3)}{unit}",
        "tolerance": f"{check.tolerance:.3g}",
        "kind of number": about,
        "holds": "yes" if check.holds else "NO",
    }


def show() -> None:
    """Draw the page Learn."""
    head, chosen = st.columns([2, 3], vertical_alignment="bottom")
    head.title("Learn")
    message = st.empty()
    with chosen:
        name, unknown = pick_lesson()
    kind = LESSONS[name]
    given, wrong = ({}, unknown) if unknown else read_url(kind)
    st.markdown(kind.idea)
    left, right = st.columns([1, 3], gap="large")
    with left:
        values = form(name, given)
    LEARN.settle(values, wrong, lambda now: changed_options(name, now))
    if wrong is not None and LEARN.has_problem():
        message.error(
            f"{escape_markdown(wrong)} The form shows the remaining options of the link.",
            icon=":material/error:",
        )
    ready = tuple(sorted(values.items()))
    with right:
        try:
            lesson = compute_lesson(name, ready)
            prepare(lesson)
            with st.spinner("Computing the numbers of this lesson", show_time=True):
                panels = draw_panels(name, ready)
        except SpecError as error:
            # At the top, where the form is: the message of the URL, if there is one, stays.
            if wrong is None or not LEARN.has_problem():
                message.error(escape_markdown(str(error)), icon=":material/error:")
            return
        pictures(name, panels)
    st.divider()
    checks(name, ready)
    for step in lesson.equations():
        equation(step)
    st.caption(escape_markdown(f"Source: {kind.source}"))
    links(name)


def links(name: str) -> None:
    """Draw links to the previous and the next lesson."""
    names = chapters()
    at = names.index(name)
    before, after = st.columns(2)
    for column, target, icon in (
        (before, at - 1, ":material/arrow_back:"),
        (after, at + 1, ":material/arrow_forward:"),
    ):
        if 0 <= target < len(names):
            title = LESSONS.row(names[target]).title
            if column.button(title, icon=icon, key=f"learn.{name}.to.{target}", width="stretch"):
                open_lesson(names[target])
