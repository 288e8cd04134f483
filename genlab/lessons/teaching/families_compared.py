"""Questions and exercises on the families side by side."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _dearest(lesson: Any) -> int:
    costs = lesson.costs
    order = ("gan", "realnvp", "flow_matching")
    most = max(costs[name] for name in order)
    if sum(costs[name] == most for name in order) == len(order):
        return 3
    return first_true(*(costs[name] == most for name in order))


QUESTIONS = (
    Question(
        "dear",
        "The samplers take 100 steps. In which family does a sample cost the most?",
        Choices(("GAN", "coupling flow", "flow matching", "all equal")),
        _dearest,
        "In flow matching: a sample follows the field in 100 evaluations. The other two families "
        "need one pass.",
        {"sampling": 100},
        {"sampling": 1},
    ),
    Question(
        "autoregressive",
        "A coupling flow generates a point of the plane in one pass. How many times does an "
        "autoregressive flow evaluate each of its layers for a point?",
        Number(0.0, 8.0, 0.4, "evaluations"),
        lambda lesson: float(lesson.cost("maf")),
        "Twice, once for each coordinate, because the second depends on the first. For a picture "
        "of 784 pixels it is 784 times.",
        {"couplings": 4},
    ),
)
EXERCISES = (
    Exercise(
        "cheap",
        "Set the samplers so that a diffusion sample costs at most four passes.",
        lambda lesson: float(lesson.cost("ddpm")),
        "evaluations per sample",
        {"sampling": 4},
        high=4.0,
    ),
)
