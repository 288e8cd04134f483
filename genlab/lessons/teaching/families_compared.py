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
        "The samplers are allowed 100 steps. Of which family is a sample dearest?",
        Choices(("GAN", "flow of couplings", "flow matching", "all alike")),
        _dearest,
        "Of flow matching: a sample follows its field in 100 evaluations; the other two make "
        "theirs in one pass.",
        {"sampling": 100},
        {"sampling": 1},
    ),
    Question(
        "autoregressive",
        "A flow of couplings makes a point of the plane in one pass. How many times does an "
        "autoregressive flow evaluate each of its layers for it?",
        Number(0.0, 8.0, 0.4, "evaluations"),
        lambda lesson: float(lesson.cost("maf")),
        "Twice, once for each entry: the second needs the first. For a picture of 784 pixels it "
        "is 784 times.",
        {"couplings": 4},
    ),
)
EXERCISES = (
    Exercise(
        "cheap",
        "Set the samplers so that a sample of a diffusion costs no more than four passes.",
        lambda lesson: float(lesson.cost("ddpm")),
        "evaluations a sample",
        {"sampling": 4},
        high=4.0,
    ),
)
