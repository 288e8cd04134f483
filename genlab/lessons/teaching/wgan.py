"""Questions and exercises on the Wasserstein distance."""

from __future__ import annotations

from typing import Any

import torch

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _js(lesson: Any, distance: float) -> float:
    return float(lesson.js(torch.tensor([distance], dtype=torch.float64)))


def _twice_as_far(lesson: Any) -> int:
    here, there = (_js(lesson, k * lesson.options.distance) for k in (1, 2))
    return first_true(there < here - 1e-3, there < here + 1e-3, True)


QUESTIONS = (
    Question(
        "twice_as_far",
        "All data are at one point and all samples at another, at a distance of 2. The distance "
        "grows to 4. What happens to the Jensen-Shannon divergence?",
        Choices(("it falls", "it stays", "it rises")),
        _twice_as_far,
        "Two distributions without overlap have JS = log 2 at any distance. W₁ doubles.",
        {"law": "points"},
        {"distance": 0.2},
    ),
    Question(
        "resting_slope",
        "A linear critic with the penalty λ = 1 separates distributions that are 4 apart. To "
        "which slope does it converge?",
        Number(0.0, 6.0, 0.3),
        lambda lesson: lesson.slope,
        "It maximises 4a − (a − 1)², so a = 1 + 4/2 = 3. A soft penalty is not a constraint.",
        {"penalty": 1.0, "distance": 4.0},
        {"penalty": 10.0, "distance": 4.0},
    ),
)
EXERCISES = (
    Exercise(
        "flat",
        "Keep the distance of the Gaussians at most 3 and make JS flat nevertheless: at least "
        "0.69 nats (log 2 is 0.6931).",
        lambda lesson: _js(lesson, lesson.options.distance),
        "JS",
        {"sd": 0.3, "distance": 3.0},
        "nats",
        low=0.69,
        where={"law": "Gaussians"},
        also=lambda lesson: lesson.options.distance <= 3.0,
    ),
)
