"""Questions and exercises on KL and JS."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _larger(lesson: Any) -> int:
    forward, reverse = lesson.values_now["kl"], lesson.values_now["reverse_kl"]
    return first_true(forward > reverse + 1e-6, reverse > forward + 1e-6, True)


QUESTIONS = (
    Question(
        "one_bump",
        "The data p have two bumps, 6 apart. The model q is a Gaussian on one of them alone. "
        "Which divergence is larger?",
        Choices(("KL(p ‖ q), over the data", "KL(q ‖ p), over the model", "they are equal")),
        _larger,
        "The one over the data: half of the data lie where q has hardly any density, and log p/q "
        "is large there. Nearly every sample of the model lies where p is at least half as dense "
        "as q.",
        {"gap": 6.0, "mean": 3.0, "sd": 1.0},
        {"gap": 0.0, "mean": 0.0, "sd": 1.0},
    ),
    Question(
        "far",
        "p is N(0, 1), and q is N(6, 0.5²), far away. How large is JS(p, q)?",
        Number(0.0, 20.0, 0.1, "nats"),
        lambda lesson: lesson.values_now["js"],
        "JS is at most log 2 ≈ 0.693, the value for two distributions without overlap. KL has no "
        "such bound.",
        {"gap": 0.0, "mean": 6.0, "sd": 0.5},
        {"gap": 0.0, "mean": 1.0, "sd": 1.0},
    ),
)
EXERCISES = (
    Exercise(
        "missed",
        "Find a q that misses much of the data: KL(p ‖ q) at least 5 nats, although KL(q ‖ p) is "
        "at most 1.",
        lambda lesson: lesson.values_now["kl"],
        "KL(p ‖ q)",
        {"gap": 6.0, "mean": 3.0, "sd": 1.0},
        "nats",
        low=5.0,
        also=lambda lesson: lesson.values_now["reverse_kl"] <= 1.0,
    ),
)
