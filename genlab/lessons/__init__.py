"""The theory as lessons: options, equations with live numbers, pictures, and checks.

A lesson is pure mathematics: numbers and arrays, from its options alone. One new lesson is one
file here with a class that joins :data:`LESSONS`.
"""

from __future__ import annotations

from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Move, Quantity, chapters, lesson

__all__ = ["LESSONS", "Check", "Equation", "Lesson", "Move", "Quantity", "chapters", "lesson"]
