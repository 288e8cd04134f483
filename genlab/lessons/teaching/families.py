"""Questions and exercises on reparameterised families."""

from __future__ import annotations

import math
from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _slope(lesson: Any, name: str) -> float:
    part = next(part for part in lesson.row.continuous if part.name == name)
    return float(lesson.slope(part))


def _ratio(lesson: Any) -> float:
    """Variance of the score-function estimator over that of the path, first parameter."""
    both = next(iter(lesson.gradients.values()))
    if both.pathwise is None or both.score is None:
        return math.nan
    path = float(both.pathwise.variance.mean())
    return float(both.score.variance.mean()) / max(path, 1e-300)


QUESTIONS = (
    Question(
        "which_varies",
        "z is N(μ, σ²) with the values of the form, f(z) = z². Which estimator of dE[f(z)]/dμ "
        "varies less from draw to draw?",
        Choices(("the path", "the score function")),
        lambda lesson: first_true(_ratio(lesson) > 1.0, True),
        "The pathwise estimator uses f′. The score-function estimator only uses the value of f.",
        {"family": "gaussian", "f": "square"},
    ),
    Question(
        "slope",
        "z is N(1.5, 1) and f(z) = z². What is dE[f(z)]/dμ?",
        Number(0.0, 6.0, 0.2),
        lambda lesson: _slope(lesson, "loc"),
        "E[z²] = μ² + σ², so the slope in μ is 2μ.",
        {"family": "gaussian", "f": "square", "loc": 1.5, "scale": 1.0},
        {"family": "gaussian", "f": "square", "loc": 0.5, "scale": 1.0},
    ),
)
EXERCISES = (
    Exercise(
        "hundredfold",
        "Find a Gaussian for which the score function varies at least a hundred times as much as "
        "the path.",
        _ratio,
        "variance of the score-function estimator over that of the path",
        {"f": "square", "loc": 2.0, "scale": 0.2},
        low=100.0,
        where={"family": "gaussian"},
    ),
)
