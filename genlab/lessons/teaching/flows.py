"""Questions and exercises on normalising flows."""

from __future__ import annotations

import math
from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _det(lesson: Any) -> float:
    return float(lesson.log_det(lesson.x)[0])


def _floor(lesson: Any) -> int:
    loss = lesson.entropy + lesson.excess
    return first_true(loss < lesson.entropy - 1e-9, loss < lesson.entropy + 1e-6, True)


PLAIN = {"bend": 0.0, "slope": 0.0, "x1": 0.0, "x2": 0.0}
BEST = {"bend": 1.0, "slope": 0.0, "log_scale1": 0.0, "log_scale2": math.log(0.4)}

QUESTIONS = (
    Question(
        "stretch",
        "A flow without a bend stretches both axes by a factor e (both log-scales are 1). By how "
        "many nats does log p of the point (0, 0) differ from that of the standard Gaussian?",
        Number(-4.0, 4.0, 0.2, "nats"),
        _det,
        "By the log-determinant, −1 for each axis: the same mass now covers e² times the area.",
        {**PLAIN, "log_scale1": 1.0, "log_scale2": 1.0},
        {**PLAIN, "log_scale1": 1.0},
    ),
    Question(
        "floor",
        "The four parameters of the flow have their best values. Where is the mean of −log p(x) "
        "then?",
        Choices(("below the entropy of the data", "at the entropy", "above the entropy")),
        _floor,
        "At the entropy: in these data x₂ given x₁ is Gaussian, so one layer fits them exactly. "
        "No model gets below the entropy.",
        BEST,
        {**BEST, "bend": 0.0},
    ),
    Question(
        "straight",
        "The bend of the same flow is set to 0. By how many nats does the mean of −log p(x) rise?",
        Number(0.0, 20.0, 1.5, "nats"),
        lambda lesson: lesson.excess,
        "E(x₁² − 1)² = 2, divided by twice the variance 0.16, gives 6.25 nats. A narrow model "
        "pays much for points far from its mean.",
        {**BEST, "bend": 0.0},
        {**BEST, "bend": 0.5},
    ),
)
EXERCISES = (
    Exercise(
        "fit",
        "Fit the flow to the banana: bring its divergence from the data below 0.02 nats.",
        lambda lesson: lesson.excess,
        "KL(data ‖ p)",
        BEST,
        "nats",
        high=0.02,
    ),
)
