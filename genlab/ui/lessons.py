"""The page of a lesson: a picture, a prediction, the equations with numbers, and their checks."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab.core.errors import SpecError
from genlab.core.escape import escape_markdown
from genlab.core.options import Option
from genlab.figures.lessons import panel_figure, panel_text
from genlab.lessons import LESSONS, Check, Equation, Lesson, Move, chapters
from genlab.lessons.base import in_words
from genlab.lessons.panels import Matrix, Panel, Table
from genlab.ui.cards import grid
from genlab.ui.forms import help_text, label, widget
from genlab.ui.lesson_questions import exercises, questions
from genlab.ui.links import train
from genlab.ui.page_states import LEARN
from genlab.ui.pictures import plot

#: Formulas that are wider than a phone scroll on their own, with a visible scroll bar.
STYLE = """<style>
.stMain .katex-display { overflow-x: auto; overflow-y: hidden; padding: 2px 0 6px; }
.stMain .katex-display > .katex { white-space: normal; }
</style>"""
#: The largest seed that a button may draw: short enough to read aloud.
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
    """Draw the choice; return the lesson ("" for the contents) and an error of the URL."""
    names = ("", *chapters())
    asked, wrong = LEARN.value("lesson", choices=names, default="")
    # The widget's key holds the URL's lesson, so that a link always opens its lesson.
    picked = st.selectbox(
        "Lesson",
        names,
        index=names.index(asked),
        key=f"learn.lesson.{asked}",
        format_func=lambda name: lesson_title(name) if name else "Contents",
    )
    if picked != asked:
        open_lesson(str(picked))
    return str(picked), wrong


def lesson_title(name: str) -> str:
    """The label of a lesson: its number in the order of the theory, and its title."""
    return f"{chapters().index(name) + 1}. {LESSONS.row(name).title}"


def open_lesson(name: str) -> None:
    """Open another lesson at its defaults; the contents for an empty name."""
    LEARN.write(lesson=name or None)
    LEARN.forget_problem()
    st.rerun()


def read_url(kind: type[Lesson]) -> tuple[dict[str, str], str | None]:
    """The values in the URL, and the message of an error in them (None if there is none)."""
    given = LEARN.undeclared()
    try:
        kind.build(given)
    except SpecError as error:
        return given, str(error)
    return given, None


def control(option: Option, key: str, value: Any) -> Any:
    """Draw the widget of an option: a slider where both bounds are known."""
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
    """Draw the lesson's buttons for an option, as many per row as have room for their words."""
    able = [move for move in LESSONS[name].moves if move.option == option]
    if not able:
        return
    with st.container(horizontal=True, gap="small"):
        for index, move in enumerate(able):
            st.button(
                move.title,
                icon=move.icon,
                key=f"learn.{name}.{option}.move.{index}",
                on_click=apply_button,
                args=(key, move),
                help=move.help or None,
            )


def form(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Draw the options of a lesson; return their values."""
    kind, values, keys = LESSONS[name], {}, {}
    # An option that depends on other options is read from the URL only where those require it.
    known = set(kind.table(given))
    fixed = kind.Options.table()

    def draw(row: Option) -> None:
        keys[row.name] = widget_key(name, row)
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
            help=f"Draws the next {kind.again}; every other option stays.",
        )
    return values


def widget_key(name: str, row: Option) -> str:
    """The key of an option's widget."""
    # An option with the same name and other bounds gets another widget.
    return f"learn.{name}.{row.name}.{zlib.crc32(repr(row).encode())}"


def set_values(name: str, values: Mapping[str, Any]) -> None:
    """Fill the form of a lesson with these values, and with defaults for all others."""
    for row in LESSONS[name].table(values):
        st.session_state[widget_key(name, row)] = row.parse(values.get(row.name, row.default))


def prepare(lesson: Lesson) -> None:
    """Run the long computation of a lesson, with its progress on the page."""
    bar = st.empty()
    try:
        lesson.prepare(lambda part, says: show_progress(bar, part, says))
    finally:
        bar.empty()


def show_progress(bar: Any, part: float, says: str) -> None:
    """Draw the progress of a computation."""
    bar.progress(min(1.0, max(0.0, part)), text=escape_markdown(says))


def first_value(row: Option, given: Mapping[str, str]) -> Any:
    """The first value of an option's widget: the URL's value, or the default."""
    try:
        return row.parse(given.get(row.name, row.default))
    except SpecError:
        return row.default


def changed_options(name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of the URL: the lesson, and the options that differ from their defaults."""
    rows = {row.name: row for row in LESSONS[name].table(values)}
    changed = {k: v for k, v in values.items() if k in rows and v != rows[k].default}
    return {"lesson": name} | {
        k: f"{v:g}" if isinstance(v, float) else str(v) for k, v in changed.items()
    }


def equation(step: Equation) -> None:
    """Draw one step: the sentence, the formula, the formula with numbers, and their kind."""
    st.markdown(escape_markdown(step.says))
    st.latex(step.symbols)
    if step.numbers:
        st.latex(step.numbers)
    if step.values:
        st.caption(escape_markdown(" · ".join(value.text for value in step.values)))


def pictures(name: str, panels: tuple[tuple[Panel, Any], ...]) -> None:
    """Draw all figures: the first over the whole width, then two per row; a large map alone."""
    drawn = [pair for pair in panels if pair[1] is not None]
    first, *others = sorted(drawn, key=lambda pair: _large(pair[0]))
    _picture(name, "panel.0", *first)
    small = [pair for pair in others if not _large(pair[0])]
    for k in range(0, len(small), 2):
        for index, (column, pair) in enumerate(zip(st.columns(2), small[k : k + 2], strict=False)):
            with column:
                _picture(name, f"panel.{k + index + 1}", *pair)
    for k, pair in enumerate(pair for pair in others if _large(pair[0])):
        _picture(name, f"map.{k}", *pair)


def _picture(name: str, place: str, panel: Panel, shown: Any) -> None:
    note = panel_text(panel) if _large(panel) else panel.note
    file = f"{name}-{place.replace('.', '-')}"
    plot(shown, key=f"learn.{name}.{place}", alt=escape_markdown(note), file=file)


def tables(panels: tuple[tuple[Panel, Any], ...]) -> None:
    """The tables of a lesson, folded."""
    rows = [panel for panel, _ in panels if isinstance(panel, Table)]
    for panel in rows:
        with st.expander(f"Table: {escape_markdown(panel.title)}"):
            write_table(panel)


def write_table(panel: Table) -> None:
    """Draw a table of the lesson with its caption."""
    st.table(
        [dict(zip(panel.columns, map(escape_markdown, row), strict=True)) for row in panel.rows]
    )
    st.caption(escape_markdown(panel.note))


def _large(panel: Panel) -> bool:
    return isinstance(panel, Matrix) and panel.mark is not None


def checks(name: str, values: tuple[tuple[str, Any], ...]) -> None:
    """Draw the button that checks the statements, and the results for the present values."""
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
    with st.expander("Both sides of each statement", expanded=good < len(found)):
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
    """Draw the page Learn: the contents, or a lesson."""
    st.html(STYLE)
    head, chosen = st.columns([2, 3], vertical_alignment="bottom")
    head.title("Learn")
    message = st.empty()
    with chosen:
        name, unknown = pick_lesson()
    if name:
        show_lesson(name, message)
        return
    if unknown is not None:
        message.error(escape_markdown(unknown), icon=":material/error:")
    else:
        LEARN.write(lesson=None)
    contents()


def contents() -> None:
    """Draw the list of all lessons: the topic of each, its reading time, its prerequisites."""
    names = chapters()
    total = sum(LESSONS[name].minutes() for name in names)
    st.markdown(
        f"{len(names)} lessons in the order of the theory, about {total // 60} hours {total % 60} "
        "minutes in all. Each starts with a picture and a prediction, and each number can be "
        "checked."
    )
    grid(names, lesson_card, columns=2)


def lesson_card(name: str) -> None:
    """Draw a lesson of the contents."""
    with st.container(border=True, height="stretch"):
        key = f"learn.contents.{name}"
        if st.button(lesson_title(name), key=key, icon=":material/school:"):
            open_lesson(name)
        st.markdown(escape_markdown(LESSONS.row(name).summary))
        st.caption(about(LESSONS[name]))


def about(kind: type[Lesson]) -> str:
    """Reading time, questions, exercises and prerequisites, in one line."""
    parts = [f"about {kind.minutes()} minutes"]
    for count, word in ((len(kind.questions), "prediction"), (len(kind.exercises), "exercise")):
        if count:
            parts.append(f"{count} {word}{'s' if count > 1 else ''}")
    if kind.needs:
        first = ", ".join(escape_markdown(lesson_title(name)) for name in kind.needs)
        parts.append(f"after {first}")
    return " · ".join(parts)


def introduce(kind: type[Lesson]) -> None:
    """Draw the title of a lesson and its idea."""
    st.header(lesson_title(kind.name), anchor=False)
    st.caption(about(kind))
    st.markdown(kind.idea)


def goals(kind: type[Lesson]) -> None:
    """Draw the learning goals, below the first picture: on a low screen they would push it out."""
    if kind.goals:
        words = "; ".join(escape_markdown(goal) for goal in kind.goals)
        st.markdown(f"**Afterwards you can** {words}.")


def show_lesson(name: str, message: Any) -> None:
    """Draw a lesson.

    Args:
        name: of the lesson.
        message: the container for an error message.
    """
    kind = LESSONS[name]
    given, wrong = read_url(kind)
    introduce(kind)
    left, right = st.columns([3, 1], gap="large")
    with right, st.expander("Numbers that you can change", expanded=True, icon=":material/tune:"):
        values = form(name, given)
    LEARN.settle(values, wrong, lambda now: changed_options(name, now))
    if wrong is not None and LEARN.has_problem():
        message.error(
            f"{escape_markdown(wrong)} The form shows the remaining options of the link.",
            icon=":material/error:",
        )
    ready = tuple(sorted(values.items()))
    with left:
        try:
            lesson = compute_lesson(name, ready)
            prepare(lesson)
            with st.spinner("Computing the numbers of this lesson", show_time=True):
                panels = draw_panels(name, ready)
        except SpecError as error:
            # The error is drawn at the top, beside the form; a message about the URL stays.
            if wrong is None or not LEARN.has_problem():
                message.error(escape_markdown(str(error)), icon=":material/error:")
            return
        pictures(name, panels)
    goals(kind)
    questions(kind, set_values)
    st.subheader("The theory in steps", anchor=False)
    for step in lesson.equations():
        equation(step)
    checks(name, ready)
    tables(panels)
    exercises(lesson, set_values)
    for note in kind.notes:
        st.info(note, icon=":material/lightbulb:")
    st.caption(escape_markdown(f"Source: {kind.source}"))
    links(name)


def links(name: str) -> None:
    """Draw links to a matching run, and to the previous and the next lesson."""
    names = chapters()
    at = names.index(name)
    kind = LESSONS[name]
    if kind.run and st.button(
        "Train this with neural networks",
        icon=":material/play_circle:",
        key=f"learn.{name}.run",
        help="Opens Train with " + ", ".join(f"{k} = {v}" for k, v in kind.run.items()) + ".",
    ):
        train(dict(kind.run))
    before, after = st.columns(2)
    for column, place, word, icon in (
        (before, at - 1, "Previous", ":material/arrow_back:"),
        (after, at + 1, "Next", ":material/arrow_forward:"),
    ):
        if 0 <= place < len(names):
            title = f"{word}: {LESSONS.row(names[place]).title}"
            if column.button(title, icon=icon, key=f"learn.{name}.to.{place}", width="stretch"):
                open_lesson(names[place])
