"""Questions and exercises on fully visible Bayes nets."""

from __future__ import annotations

import math
from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _sum(lesson: Any) -> int:
    total = float(lesson.log_p.exp().sum())
    return first_true(total < 1 - 1e-6, total < 1 + 1e-6, True)


def _log_p(lesson: Any) -> float:
    return float(lesson.log_p[lesson.extra["x"]])


QUESTIONS = (
    Question(
        "sum",
        "The random weights are made ten times as large. What is the sum of p(x) over all 64 "
        "inputs?",
        Choices(("less than 1", "exactly 1", "more than 1")),
        _sum,
        "Each conditional is a Bernoulli distribution, which sums to 1 for any logit. The product "
        "of such conditionals sums to 1 too.",
        {"scale": 10.0},
    ),
    Question(
        "bits",
        "All weights are 0. How many bits is −log₂ p(x) for one of the 64 inputs?",
        Number(0.0, 10.0, 0.3, "bits"),
        lambda lesson: -_log_p(lesson) / math.log(2),
        "Every conditional is a fair coin, so six variables cost six bits.",
        {"scale": 0.0},
        {"scale": 0.0, "dim": 8},
    ),
    Question(
        "hears",
        "In a fully visible net of six variables, on how many variables does the conditional of "
        "the fourth one depend?",
        Number(0.0, 6.0, 0.4),
        lambda lesson: float((lesson.influence[3] > 0).sum()),
        "On the three variables before it. There is no latent variable to infer. One evaluation "
        "gives a density, and a sample is drawn one variable at a time.",
        {"net": "fvbn"},
        {"net": "fvbn", "scale": 0.0},
    ),
)
EXERCISES = (
    Exercise(
        "certain",
        "Find weights and an input x with a probability of more than 0.9.",
        lambda lesson: math.exp(_log_p(lesson)),
        "p(x)",
        {"dim": 2, "scale": 10.0, "seed": 1, "x": 0},
        low=0.9,
    ),
)
