"""Questions and exercises of a lesson as data: what is asked, in which form, and who answers.

A :class:`Question` is asked before the numbers are seen. Its right answer is a function of the
lesson, so it is computed and never written down; ``elsewhere`` names options at which it is
another one. An :class:`Exercise` asks for options under which a number of the lesson reaches a
goal. Pages, rooms and tests read the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genlab.core.errors import SpecError
from genlab.lessons.panels import Array, array

#: What a question is answered with, and what is right: the place of a choice, a number, a curve.
Answer = int | float | Array


@dataclass(frozen=True)
class Choices:
    """One of several answers is right.

    Args:
        options: the answers in words; the answer is a place among them, from 0.
    """

    options: tuple[str, ...]

    def read(self, given: Any) -> int:
        """A given answer as a place among the options.

        Raises:
            SpecError: if it is none of them.
        """
        allowed = f"allowed: a whole number from 0 to {len(self.options) - 1}"
        try:
            place = int(given)
        except (TypeError, ValueError, OverflowError):
            raise SpecError("answer", given, allowed) from None
        if place != given or not 0 <= place < len(self.options):
            raise SpecError("answer", given, allowed)
        return place

    def is_right(self, given: Answer, right: Answer) -> bool:
        """Whether both are the same option."""
        return self.read(given) == self.read(right)

    def words(self, answer: Answer) -> str:
        """An answer in words."""
        return self.options[self.read(answer)]


@dataclass(frozen=True)
class Number:
    """A number is guessed.

    Args:
        low, high: the range of guesses.
        tolerance: a guess within this distance of the right number counts as right.
        unit: of the number.
    """

    low: float
    high: float
    tolerance: float
    unit: str = ""

    def read(self, given: Any) -> float:
        """A given answer as a number within the range.

        Raises:
            SpecError: if it is not a finite number of the range.
        """
        allowed = f"allowed: a number from {self.low:g} to {self.high:g}"
        try:
            value = float(given)
        except (TypeError, ValueError, OverflowError):
            raise SpecError("answer", given, allowed) from None
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise SpecError("answer", given, allowed)
        return value

    def is_right(self, given: Answer, right: Answer) -> bool:
        """Whether the guess is within the tolerance."""
        return abs(self.read(given) - float(right)) <= self.tolerance

    def words(self, answer: Answer) -> str:
        """An answer with its unit."""
        return f"{float(answer):.3g} {self.unit}".strip()


@dataclass(frozen=True)
class DrawnCurve:
    """A curve is drawn.

    Args:
        x, y: the ends of both axes.
        x_title, y_title: of the axes, with units.
        tolerance: a curve whose mean distance from the right one is at most this counts as right,
            in units of y.
        points: of the curve, evenly spaced over x.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    x_title: str
    y_title: str
    tolerance: float
    points: int = 41

    @property
    def axis(self) -> Array:
        """The x of the curve, (points,)."""
        return np.linspace(*self.x, self.points)

    def read(self, given: Any) -> Array:
        """A given answer as the y of the curve, (points,), within the axis.

        Raises:
            SpecError: if it is not so many finite numbers.
        """
        allowed = f"allowed: {self.points} numbers from {self.y[0]:g} to {self.y[1]:g}"
        try:
            values = array(given)
        except (TypeError, ValueError, OverflowError):
            raise SpecError("answer", "a curve", allowed) from None
        if values.shape != (self.points,) or not np.isfinite(values).all():
            raise SpecError("answer", f"{values.size} numbers", allowed)
        return array(values.clip(*self.y))

    def distance(self, given: Answer, right: Answer) -> float:
        """The mean distance of two curves in units of y."""
        return float(np.abs(self.read(given) - self.read(right)).mean())

    def is_right(self, given: Answer, right: Answer) -> bool:
        """Whether the curve lies within the tolerance on average."""
        return self.distance(given, right) <= self.tolerance

    def words(self, answer: Answer) -> str:
        """A curve in words: where it is highest."""
        values = self.read(answer)
        k = int(values.argmax())
        return f"a curve, highest at {self.axis[k]:.3g} with {values[k]:.3g}"


Form = Choices | Number | DrawnCurve


@dataclass(frozen=True)
class Question:
    """A question that is asked before its answer is seen.

    Args:
        name: a key, unique within the lesson.
        asks: the question, Markdown; it names the values of the options that it is about.
        form: how it is answered.
        answer: from the lesson at ``values`` to the right answer.
        because: why it is so, a sentence or two, shown with the answer.
        values: the options of the lesson at which it is asked; the others are defaults.
        elsewhere: options at which the right answer is another one.
    """

    name: str
    asks: str
    form: Form
    answer: Callable[[Any], Answer]
    because: str
    values: Mapping[str, Any]
    elsewhere: Mapping[str, Any] = field(default_factory=dict)

    def right(self, lesson: Any) -> Answer:
        """The right answer of the lesson, which was built with :attr:`values`."""
        return self.form.read(self.answer(lesson))


@dataclass(frozen=True)
class Exercise:
    """A goal that the options of the lesson reach or do not reach.

    Args:
        name: a key, unique within the lesson.
        asks: what to do, Markdown.
        reads: from the lesson to the number that is looked at.
        says: what that number is.
        unit: of the number.
        low, high: the number must lie between these, both included; None: open.
        where: options that must have these values.
        also: a further condition on the lesson; None for none.
        solution: options that reach the goal, for the test and for "Show a solution".
    """

    name: str
    asks: str
    reads: Callable[[Any], float]
    says: str
    solution: Mapping[str, Any]
    unit: str = ""
    low: float | None = None
    high: float | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    also: Callable[[Any], bool] | None = None

    def fits(self, values: Mapping[str, Any]) -> bool:
        """Whether the options have the values that :attr:`where` asks for."""
        return all(values.get(name) == value for name, value in self.where.items())

    @property
    def goal(self) -> str:
        """The goal in words.

        Example:
            >>> Exercise("e", "", lambda _: 0.0, "the gap", {}, "nats", high=0.1).goal
            'the gap at most 0.1 nats'
        """
        low, high = self.low, self.high
        unit = f" {self.unit}" if self.unit else ""
        if low is not None and high is not None:
            return f"{self.says} from {low:g} to {high:g}{unit}"
        if high is not None:
            return f"{self.says} at most {high:g}{unit}"
        return f"{self.says} at least {low:g}{unit}"

    def is_solved(self, lesson: Any) -> bool:
        """Whether the lesson, as its options stand, reaches the goal."""
        if not self.fits(lesson.values):
            return False
        value = float(self.reads(lesson))
        inside = (self.low is None or value >= self.low) and (
            self.high is None or value <= self.high
        )
        return inside and (self.also is None or bool(self.also(lesson)))


def first_true(*conditions: bool) -> int:
    """The place of the first condition that holds; of several answers exactly one must.

    Raises:
        ValueError: if none holds.

    Example:
        >>> first_true(False, True, True)
        1
    """
    return [bool(c) for c in conditions].index(True)


def largest(values: Sequence[float] | Array) -> int:
    """The place of the largest value.

    Example:
        >>> largest([0.1, 0.7, 0.2])
        1
    """
    return int(np.argmax(array(values)))
