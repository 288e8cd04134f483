"""The theory as lessons: options, equations with live numbers, pictures, and checks.

A lesson computes numbers and arrays from its options alone. A new lesson is one file here with a
class that is registered in :data:`LESSONS`.
"""

from __future__ import annotations

from genlab.lessons.base import (
    LESSONS,
    Check,
    Equation,
    Lesson,
    Move,
    Quantity,
    chapters,
    lesson,
    right_answer,
)
from genlab.lessons.questions import Choices, DrawnCurve, Exercise, Number, Question

__all__ = [
    "LESSONS",
    "Check",
    "Choices",
    "DrawnCurve",
    "Equation",
    "Exercise",
    "Lesson",
    "Move",
    "Number",
    "Quantity",
    "Question",
    "chapters",
    "lesson",
    "right_answer",
]
