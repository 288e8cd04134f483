"""Questions and exercises on flow matching."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _reaches_zero(lesson: Any) -> int:
    floor = lesson.floor
    return first_true(floor < 1e-3, floor < 1.0, True)


QUESTIONS = (
    Question(
        "least",
        "Both the data and the noise are N(0, 1). A perfect net is trained to convergence. What "
        "is its flow matching loss E|v − (x₁ − x₀)|²?",
        Choices(("at 0", "above 0, below 1", "above 1")),
        _reaches_zero,
        "It is π/2. Noise and data are drawn independently, so many lines cross at each point, "
        "and the net can only learn their mean.",
        {"gap": 0.0, "sd": 1.0},
        {"gap": 0.0, "sd": 0.3},
    ),
    Question(
        "one_step",
        "The data are two bumps at −1.5 and 1.5. Euler's method takes a single step from the "
        "noise z = 1. Where does it end?",
        Number(-2.0, 2.0, 0.2, "data units"),
        lambda lesson: lesson.end(1.0),
        "At 0, the mean of the data, for any z. At t = 0 the noise has no information about the "
        "data point, so the mean velocity is mean(x₁) − z.",
        {"n_steps": 1},
        {"n_steps": 64},
    ),
    Question(
        "order",
        "Euler's method takes 64 steps instead of 4. To how many data units does its mean error "
        "fall?",
        Number(0.0, 1.0, 0.03, "data units"),
        lambda lesson: lesson.own_error,
        "The error falls about in proportion to the step, because Euler's method is of first "
        "order. Heun's and Runge–Kutta's errors fall with the second and the fourth power.",
        {"n_steps": 64},
        {"n_steps": 2},
    ),
)
EXERCISES = (
    Exercise(
        "cheap",
        "Bring the sampler's mean error below 0.01 with at most 32 evaluations of the field.",
        lambda lesson: lesson.own_error,
        "mean error",
        {"sampler": "rk4", "n_steps": 8},
        "data units",
        high=0.01,
        also=lambda lesson: lesson.own_cost <= 32,
    ),
)
