"""Questions and exercises on the losses side by side."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _pushes(lesson: Any) -> int:
    fake, real = map(abs, lesson.generator_slopes(-3.0, 3.0))
    return first_true(fake < 0.9 * real, fake < 1.1 * real, True)


def _output(lesson: Any) -> float:
    return float(lesson.best)


def _pull(lesson: Any) -> float:
    return abs(float(lesson.pull(lesson.pair[0])))


QUESTIONS = (
    Question(
        "minimax_fades",
        "How large is the slope of the minimax loss at a sample that the critic takes for "
        "generated (output −3), compared with a sample that it takes for real (output 3)?",
        Choices(("less", "as much", "more")),
        _pushes,
        "The slope is D in absolute value. It is near 0 where D is sure that the sample is "
        "generated.",
        {"loss": "minimax", "beside": "nonsaturating"},
        {"loss": "nonsaturating", "beside": "minimax"},
    ),
    Question(
        "least_squares",
        "A least-squares critic (targets 1 for real, 0 for generated) is at a point where the "
        "data are e ≈ 2.72 times as dense as the samples. Which output is best there?",
        Number(-1.0, 2.0, 0.08),
        _output,
        "It is the mean of the targets, p/(p + q) = e/(e + 1).",
        {"loss": "lsgan"},
        {"loss": "hinge"},
    ),
)
EXERCISES = (
    Exercise(
        "standstill",
        "Find a generator mean with a non-saturating gradient of at most 0.01 although the "
        "generator does not match the data. The bumps are at least 3 apart.",
        _pull,
        "the pull",
        {"mean": 0.0, "bumps": 4.0},
        high=0.01,
        where={"loss": "nonsaturating"},
        also=lambda lesson: lesson.options.bumps >= 3.0,
    ),
)
