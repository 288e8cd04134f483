"""A question to a room: its text, the form of its answer, and the source of the right answer.

A question of a lesson, one of a teacher's own file and one about a run are the same thing here,
and plain values in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from genlab.core.errors import RunStateError, SpecError
from genlab.core.escape import escape_markdown
from genlab.core.measure import Series
from genlab.lessons import LESSONS, right_answer
from genlab.lessons.questions import Answer, Choices, DrawnCurve, Form, Number
from genlab.runs.catalog import RunView

SourceKind = Literal["lesson", "stated", "run"]
FORMS: dict[str, type[Form]] = {"choices": Choices, "number": Number, "curve": DrawnCurve}


@dataclass(frozen=True)
class Source:
    """Where the right answer of a question comes from.

    Args:
        kind: ``lesson``: it is computed from a lesson; ``stated``: the teacher states it; ``run``:
            it is what a run measures.
        name: of the question within the lesson, or of the series of the run.
        lesson: the name of the lesson.
        run: the run; empty for the one that the room looks at when the answer is revealed.
        stated: the answer that the teacher states.
        ranges: for choices about a run, the numbers that each choice stands for, both ends
            included.
    """

    kind: SourceKind
    name: str = ""
    lesson: str = ""
    run: str = ""
    stated: Any = None
    ranges: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Asked:
    """A question that a room is asked.

    Args:
        asks: the question, Markdown.
        form: how it is answered.
        source: where the right answer is from.
        because: why it is so, Markdown; empty for nothing.
    """

    asks: str
    form: Form
    source: Source
    because: str = ""


@dataclass(frozen=True)
class Outcome:
    """The right answer of a question, and what kind of number it is.

    Args:
        right: the answer, as the form reads it.
        says: where it comes from, in words.
    """

    right: Answer
    says: str = ""
    #: Plain values for the store.
    record: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        right = self.right.tolist() if isinstance(self.right, np.ndarray) else self.right
        object.__setattr__(self, "record", {"right": right, "says": self.says})


def form_record(form: Form) -> dict[str, Any]:
    """A form as plain values.

    Example:
        >>> form_record(Choices(("yes", "no")))
        {'kind': 'choices', 'options': ('yes', 'no')}
    """
    return {"kind": next(k for k, v in FORMS.items() if isinstance(form, v)), **asdict(form)}


def form_of(record: Mapping[str, Any]) -> Form:
    """The form that :func:`form_record` wrote, also after JSON made lists of tuples."""
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k != "kind"
    }
    return FORMS[str(record["kind"])](**values)


def asked_record(asked: Asked) -> dict[str, Any]:
    """A question as plain values."""
    return {
        "asks": asked.asks,
        "form": form_record(asked.form),
        "source": asdict(asked.source),
        "because": asked.because,
    }


def asked_of(record: Mapping[str, Any]) -> Asked:
    """The question that :func:`asked_record` wrote."""
    source = dict(record["source"])
    source["ranges"] = tuple((float(a), float(b)) for a, b in source.get("ranges", ()))
    form = form_of(record["form"])
    return Asked(str(record["asks"]), form, Source(**source), str(record["because"]))


def of_lesson(lesson: str, name: str) -> Asked:
    """A question of a lesson.

    Raises:
        SpecError: for an unknown question.
    """
    row = LESSONS[lesson].question(name)
    return Asked(row.asks, row.form, Source("lesson", name, lesson), row.because)


def about_run(series: Series, low: float, high: float, run: str = "") -> Asked:
    """The question for the last number of a series of a run.

    Args:
        series: what is measured.
        low, high: the range of guesses. A guess within a twentieth of it counts as right.
        run: the run; empty for the one that the room looks at when the answer is revealed.

    Raises:
        SpecError: if the range is empty.
    """
    if not low < high:
        raise SpecError(
            "range", f"{low:g} to {high:g}", "allowed: from a smaller number to a larger"
        )
    asks = f"What will **{escape_markdown(series.title)}** be at the last step?"
    form = Number(low, high, (high - low) / 20, series.unit)
    return Asked(asks, form, Source("run", series.name, run=run))


def outcome(asked: Asked, view: RunView | None = None) -> Outcome:
    """The right answer of a question.

    Args:
        asked: the question.
        view: the run of a question about a run.

    Raises:
        RunStateError: if the run is not there, or has not measured this number yet, or the number
            is none of the choices.
    """
    source, form = asked.source, asked.form
    if source.kind == "lesson":
        return Outcome(right_answer(source.lesson, source.name), "computed by the lesson")
    if source.kind == "stated":
        return Outcome(form.read(source.stated), "as the teacher states")
    if view is None:
        raise RunStateError(
            "This question is about a run, and the room looks at none. Open the run on Watch, "
            "then reveal the answer. The votes stay."
        )
    steps, values = series_of(view, source.name)
    says = _says(view, source.name, int(steps[-1]))
    if isinstance(form, DrawnCurve):
        return Outcome(form.read(np.interp(form.axis, steps, values)), says)
    value = float(values[-1])
    if isinstance(form, Choices):
        for place, (low, high) in enumerate(source.ranges):
            if low <= value <= high:
                return Outcome(place, f"{says}: {value:.4g}")
        raise RunStateError(
            f"The run measured {value:.4g}, which is in the range of none of the choices. The "
            "votes stay."
        )
    # A run may leave the range of the guesses.
    return Outcome(value, says)


def series_of(view: RunView, name: str) -> tuple[list[int], list[float]]:
    """The steps and the numbers of a series.

    Raises:
        RunStateError: if the run has no such number yet.
    """
    steps: list[int] = []
    values: list[float] = []
    after = 0
    while rows := view.read(after, kinds=("scalars",)):
        for row in rows:
            value = row.payload.get(name)
            if value is not None:
                steps.append(row.step)
                values.append(float(value))
        after = rows[-1].seq
        if not after:  # an exported run comes in one piece
            break
    if not steps:
        known = ", ".join(sorted(one.name for one in view.series)) or "nothing yet"
        raise RunStateError(
            f"The run {view.id} has no number {name!r} yet; it measures {known}. The votes stay."
        )
    return steps, values


def _says(view: RunView, name: str, step: int) -> str:
    row = view.row
    found = [one for one in view.series if one.name == name]
    title, notes = name, list[str]()
    if found:
        title = found[0].title
        notes = [] if found[0].kind in title else [found[0].kind]
        notes += [f"n = {found[0].n:,}"] if found[0].n else []
    end = "" if step >= row.steps else f" of {row.steps:,}; the run is {row.status}"
    about = f" ({', '.join(notes)})" if notes else ""
    return f"{title} of the run at step {step:,}{end}{about}"
