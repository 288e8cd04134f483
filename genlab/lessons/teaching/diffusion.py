"""Questions and exercises on diffusion."""

from __future__ import annotations

from typing import Any

import torch

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _guess(lesson: Any) -> float:
    x = torch.tensor([lesson.options.x], dtype=torch.float64)
    return float(lesson.denoiser(x, lesson.step)[0])


def _costly(lesson: Any) -> int:
    """Which third of the steps 2 to T costs most."""
    parts = torch.stack([part.sum() for part in lesson.terms[1:-1].tensor_split(3)])
    most = int(parts.argmax())
    return first_true(most == 0, most == 1, most == 2)


QUESTIONS = (
    Question(
        "noise",
        "After the last of 50 steps only noise is left. The noisy point is x = 2; the data are "
        "two bumps at −1 and 1. What does the best denoiser answer?",
        Number(-2.0, 2.0, 0.2, "data units"),
        _guess,
        "0, the mean of the data: x says nothing about the clean point any more.",
        {"step": 50, "x": 2.0},
        {"step": 1, "x": 1.0},
    ),
    Question(
        "steps",
        "With T = 200 steps and the perfect denoiser: by how many nats does the mean ELBO lie "
        "below the mean of log p(x)?",
        Number(0.0, 2.0, 0.08, "nats"),
        lambda lesson: lesson.gap,
        "By very little: a true reverse step of a small amount of noise is almost a Gaussian, as "
        "the model assumes.",
        {"steps": 200},
        {"steps": 21, "sd": 0.1},
    ),
    Question(
        "where",
        "The terms of steps 2 to T of the bound are added up in three groups of equally many "
        "steps. Which group costs the most nats?",
        Choices(("those near the data", "those in the middle", "those near the noise")),
        _costly,
        "Those near the data: the fine detail of where a point lies is what costs nats, and it "
        "is lost in the first little noise.",
        {"steps": 100},
    ),
)
EXERCISES = (
    Exercise(
        "tight",
        "Bring the bound within 0.02 nats of log p(x).",
        lambda lesson: lesson.gap,
        "gap of the bound",
        {"steps": 200, "sd": 1.0, "gap": 0.0},
        "nats",
        high=0.02,
    ),
)
