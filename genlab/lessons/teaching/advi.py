"""Questions and exercises on automatic differentiation variational inference."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _share(lesson: Any) -> float:
    case = lesson.case
    return float(1 / (case.precision[0, 0] * case.covariance[0, 0]))


def _exact(lesson: Any) -> int:
    return first_true(min(lesson.case.best.values()) < 1e-6, True)


QUESTIONS = (
    Question(
        "too_narrow",
        "The posterior is a Gaussian with squared correlation 0.9. The best Gaussian without a "
        "correlation is fitted by the ELBO. What share of the true variance of ζ₁ is its "
        "variance?",
        Number(0.0, 1.0, 0.1),
        _share,
        "Its variance is 1/Λ₁₁ = (1 − r²) Σ₁₁. KL(q ‖ p) penalises q where the posterior has "
        "little mass.",
        {"r2": 0.9},
        {"r2": 0.3},
    ),
    Question(
        "gamma",
        "The posterior is a Gamma distribution over θ > 0, and q is a Gaussian over ζ = log θ. "
        "Can q equal the posterior exactly after enough steps?",
        Choices(("yes", "no: a gap remains")),
        _exact,
        "The logarithm of a Gamma variable is skewed, and a Gaussian is not. The transform "
        "decides how small the gap can be.",
        {"target": "gamma"},
        {"target": "linear_gaussian"},
    ),
)
EXERCISES = (
    Exercise(
        "one_nat",
        "Find a correlation for which the ELBO of every mean-field q is at least one nat below "
        "log p(x).",
        lambda lesson: float(lesson.case.best["mean-field"]),
        "the mean-field gap",
        {"r2": 0.9},
        "nats",
        low=1.0,
        where={"target": "correlated"},
    ),
)
