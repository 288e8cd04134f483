"""The interface of a lesson: options in; equations with numbers, panels and checks out."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self

from genlab.core.errors import SpecError
from genlab.core.measure import Kind
from genlab.core.options import Option, Options
from genlab.core.registry import Registry
from genlab.lessons.panels import Panel
from genlab.lessons.questions import Answer, Exercise, Question

#: Called with the progress of a long computation, from 0 to 1, and a message.
Progress = Callable[[float, str], None]
Relation = Literal["=", "≤", ">"]


@dataclass(frozen=True)
class Quantity:
    """A number of an equation, and what kind of number it is.

    Args:
        name: in words, with the field's symbols.
        value: the number.
        kind: how it was computed.
        unit: ``nats``, ``probability``, ...; empty for a pure number.
        n: from how many samples, 0 where it does not apply.
        error: its standard error, 0 where it is exact.
    """

    name: str
    value: float
    kind: Kind
    unit: str = ""
    n: int = 0
    error: float = 0.0

    @property
    def text(self) -> str:
        """The number with error, unit, kind and sample size, in one line."""
        about = self.kind + (f", n = {self.n:,}" if self.n else "")
        spread = f" ± {self.error:.2g}" if self.error else ""
        unit = f" {self.unit}" if self.unit else ""
        value = in_words(self.value) if math.isinf(self.value) else f"{self.value:.6g}"
        return f"{self.name} = {value}{spread}{unit} ({about})"


@dataclass(frozen=True)
class Equation:
    """One step of the theory.

    Args:
        says: what it means, a sentence.
        symbols: the equation, LaTeX.
        numbers: the same equation with the current values, LaTeX; empty if there are none.
        values: these values, each with its kind.
    """

    says: str
    symbols: str
    numbers: str = ""
    values: tuple[Quantity, ...] = ()


@dataclass(frozen=True)
class Check:
    """A statement of the theory; its two sides are computed independently.

    Args:
        says: the statement.
        left, right: the two sides; ``left_is`` and ``right_is`` say how each was computed.
        kind: of the weaker of the two numbers.
        unit: of both.
        tolerance: how far apart they may be; four standard errors where one is Monte Carlo.
        n: from how many samples, 0 where it does not apply.
        relation: ``=``; ``≤`` (left may exceed right by the tolerance at most); ``>`` (left
            exceeds right by more than the tolerance).

    Example:
        >>> check = Check("half", 0.5, 0.25 + 0.25, "a constant", "a sum", "exact", "", 1e-12)
        >>> check.difference, check.holds
        (0.0, True)
    """

    says: str
    left: float
    right: float
    left_is: str
    right_is: str
    kind: Kind
    unit: str
    tolerance: float
    n: int = 0
    relation: Relation = "="

    @property
    def difference(self) -> float:
        """Left minus right; 0 where both are the same infinity."""
        return 0.0 if self.left == self.right else self.left - self.right

    @property
    def holds(self) -> bool:
        """Whether the statement holds within the tolerance."""
        if self.relation == "=":
            return abs(self.difference) <= self.tolerance
        if self.relation == "≤":
            return self.difference <= self.tolerance
        return self.difference > self.tolerance


@dataclass(frozen=True)
class Move:
    """A button of a lesson that takes one option to its next value.

    Args:
        title: what the button says.
        option: whose value it changes.
        after: from the value to the next.
        help: what it does, a sentence.
        icon: of the button.

    Example:
        >>> Move("One more", "moves", lambda text: text + "D").after("DG")
        'DGD'
    """

    title: str
    option: str
    after: Callable[[Any], Any]
    help: str = ""
    icon: str | None = None


class Lesson(abc.ABC):
    """One topic of the theory with numbers, which depend on its options alone.

    Args:
        options: the lesson's options.
        extra: the values of the rows that :meth:`more` adds.
    """

    name: ClassVar[str]
    #: Its position in the order of the theory.
    chapter: ClassVar[float]
    #: The idea in three sentences at most, Markdown.
    idea: ClassVar[str]
    #: Names of lessons that come first.
    needs: ClassVar[tuple[str, ...]] = ()
    #: What a reader can do afterwards, each after "You can".
    goals: ClassVar[tuple[str, ...]] = ()
    #: Further remarks, a sentence or two each, Markdown.
    notes: ClassVar[tuple[str, ...]] = ()
    #: Questions that are asked before the numbers are shown.
    questions: ClassVar[tuple[Question, ...]] = ()
    #: Goals to reach by changing the options.
    exercises: ClassVar[tuple[Exercise, ...]] = ()
    #: Options of a run on the Train page that shows the same with real nets; empty for none.
    run: ClassVar[Mapping[str, str]] = {}
    #: The source of the theory.
    source: ClassVar[str]
    #: The option that a button draws anew.
    again: ClassVar[str] = "seed"
    #: Further buttons, each of which changes one option.
    moves: ClassVar[tuple[Move, ...]] = ()
    Options: ClassVar[type[Options]]

    def __init__(self, options: Any, extra: Mapping[str, Any] | None = None) -> None:
        self.options = options
        self.extra = dict(extra or {})

    @classmethod
    def more(cls, options: Any) -> tuple[Option, ...]:
        """Further options, which depend on the others (the parameters of a chosen family)."""
        return ()

    @classmethod
    def table(cls, values: Mapping[str, Any]) -> tuple[Option, ...]:
        """All options for these values; an invalid value counts as its default."""
        rows, good = cls.Options.table(), {}
        for row in rows:
            try:
                good[row.name] = row.parse(values.get(row.name, row.default))
            except SpecError:
                good[row.name] = row.default
        return (*rows, *cls.more(cls.Options(**good)))

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """The lesson with these values, text or numbers; the rest are defaults.

        Raises:
            SpecError: for an unknown name or a value that is not allowed.
        """
        table = {row.name: row for row in cls.table(values)}
        for name in values:
            if name not in table:
                raise SpecError.unknown("option", name, table)
        ready = {name: row.parse(values.get(name, row.default)) for name, row in table.items()}
        plain = {row.name: ready.pop(row.name) for row in cls.Options.table()}
        return cls(cls.Options(**plain), ready)

    @property
    def values(self) -> dict[str, Any]:
        """All options of this lesson by name."""
        return {f.name: getattr(self.options, f.name) for f in fields(self.options)} | self.extra

    @classmethod
    def minutes(cls) -> int:
        """The reading time in minutes: 180 words a minute, plus time for pictures, questions and
        exercises.

        Four minutes are for the pictures and equations, half a minute for each question, two for
        each exercise.
        """
        texts = [cls.idea, *cls.goals, *cls.notes]
        texts += [f"{q.asks} {q.because}" for q in cls.questions]
        texts += [e.asks for e in cls.exercises]
        words = sum(len(text.split()) for text in texts)
        return round(4 + words / 180 + 0.5 * len(cls.questions) + 2 * len(cls.exercises))

    @classmethod
    def question(cls, name: str) -> Question:
        """A question by name.

        Raises:
            SpecError: if there is none.
        """
        rows = {row.name: row for row in cls.questions}
        if name not in rows:
            raise SpecError.unknown("question", name, rows)
        return rows[name]

    def prepare(self, progress: Progress) -> None:  # noqa: B027 - may be empty
        """Compute the slow parts and report progress; later calls are then fast."""

    @abc.abstractmethod
    def equations(self) -> tuple[Equation, ...]:
        """The theory in steps, with the current numbers."""

    @abc.abstractmethod
    def panels(self) -> tuple[Panel, ...]:
        """The pictures of the lesson."""

    @abc.abstractmethod
    def check(self) -> tuple[Check, ...]:
        """The statements that "Check it" verifies."""


#: The lessons by name.
LESSONS: Registry[type[Lesson]] = Registry("lesson", "genlab.lessons")


def chapters() -> tuple[str, ...]:
    """The names of the lessons in the order of the theory."""
    return tuple(sorted(LESSONS.names(), key=lambda name: LESSONS[name].chapter))


def lesson(name: str, values: Mapping[str, Any] | None = None) -> Lesson:
    """A lesson by name.

    Raises:
        SpecError: for an unknown lesson or option, or a value that is not allowed.

    Example:
        >>> all(check.holds for check in lesson("bayes", {"tosses": 7}).check())
        True
    """
    if name not in LESSONS:
        raise SpecError.unknown("lesson", name, LESSONS.names())
    return LESSONS[name].build(values or {})


def right_answer(name: str, question: str) -> Answer:
    """The right answer to a question of a lesson, computed from the lesson.

    Raises:
        SpecError: for an unknown lesson or question.

    Example:
        >>> right_answer("bayes", "three_heads")
        1
    """
    kind = type(lesson(name))
    row = kind.question(question)
    return row.right(kind.build(dict(row.values)))


def tex(value: float, digits: int = 4) -> str:
    r"""A number as LaTeX.

    Example:
        >>> tex(-1.25), tex(3.2e-9), tex(float("inf")), tex(2.0)
        ('-1.25', '3.2\\times 10^{-9}', '\\infty', '2')
    """
    if math.isnan(value):
        return r"\text{undefined}"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if float(value).is_integer() else _trim(text)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return rf"{_trim(mantissa)}\times 10^{{{int(exponent)}}}"


def in_words(value: float, digits: int = 10) -> str:
    """A number with its significant digits; an infinite one says so.

    Example:
        >>> in_words(0.25), in_words(float("-inf"))
        ('0.25', 'minus infinite')
    """
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    return f"{value:.{digits}g}"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: float, digits: int = 4) -> str:
    """A number, in brackets if it is negative, for a product or a difference."""
    return f"({tex(value, digits)})" if value < 0 else tex(value, digits)
