"""Questions and exercises on the evidence lower bound."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _spreads(lesson: Any) -> int:
    a, b = float(lesson.draws["A"].var()), float(lesson.draws["B"].var())
    return first_true(a < 1e-9, a < b, True)


def _gap(lesson: Any) -> float:
    return float(lesson.parts["kl_posterior"])


def _narrow_or_wide(lesson: Any) -> int:
    kind, wide = type(lesson), {**lesson.values, "log_sd1": 1.0}
    return first_true(_gap(lesson) < _gap(kind.build(wide)), True)


QUESTIONS = (
    Question(
        "variance",
        "q is exactly the posterior. How much does estimator A, the mean of log p(x, z) − log q(z)"
        " over draws of q, vary?",
        Choices(("not at all", "less than estimator B", "more than estimator B")),
        _spreads,
        "log p(x, z) − log q(z) is then log p(x) at every z: a constant.",
        {"latent": 1, "mean1": 5 / 7, "log_sd1": -0.6263814842476838},
        {"latent": 1, "log_sd1": -2.5},
    ),
    Question(
        "prior_as_q",
        "z has one dimension, and q is the prior N(0, 1); the posterior is N(0.71, 0.29). How "
        "many nats is the ELBO below log p(x)?",
        Number(0.0, 4.0, 0.35, "nats"),
        _gap,
        "The gap is KL(q ‖ posterior). A q that is far too wide has much mass where the posterior "
        "has hardly any, and each such place costs.",
        {"latent": 1, "mean1": 0.0, "log_sd1": 0.0},
        {"latent": 1, "mean1": 1.9, "log_sd1": 0.0},
    ),
    Question(
        "too_narrow",
        "q has the mean of the posterior. The posterior's standard deviation is 0.53. Which q has "
        "the larger ELBO: one with standard deviation 0.05, or one with 2.7?",
        Choices(("the narrow one, 0.05", "the wide one, 2.7")),
        _narrow_or_wide,
        "KL(q ‖ posterior) grows with the square of a width that is too large, but only with the "
        "logarithm of one that is too small.",
        {"latent": 1, "mean1": 0.714, "log_sd1": -3.0},
    ),
)
EXERCISES = (
    Exercise(
        "close",
        "Move q onto the posterior until the gap is at most 0.01 nats.",
        _gap,
        "the gap",
        {"mean1": 0.332, "mean2": 0.2866, "log_sd1": -0.72, "log_sd2": -1.136,
         "correlation": 0.3956},
        "nats",
        high=0.01,
        where={"latent": 2},
    ),
    Exercise(
        "mean_field",
        "Leave the correlation at 0 and find the best such q: the gap is at most 0.09 nats.",
        _gap,
        "the gap",
        {"mean1": 0.332, "mean2": 0.2866, "log_sd1": -0.8047, "log_sd2": -1.2212},
        "nats",
        high=0.09,
        where={"latent": 2, "correlation": 0.0},
    ),
)  # fmt: skip
