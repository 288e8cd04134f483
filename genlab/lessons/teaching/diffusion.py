"""Questions and exercises on diffusion."""

from __future__ import annotations

from typing import Any

import torch

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _guess(lesson: Any) -> float:
    x = torch.tensor([lesson.options.x], dtype=torch.float64)
    return float(lesson.denoiser(x, lesson.step)[0])


def _costly(lesson: Any) -> int:
    """The third of the steps 2 to T with the largest cost."""
    parts = torch.stack([part.sum() for part in lesson.terms[1:-1].tensor_split(3)])
    most = int(parts.argmax())
    return first_true(most == 0, most == 1, most == 2)


QUESTIONS = (
    Question(
        "noise",
        "After the last of 50 steps almost only noise is left. The data are two bumps at −1 and "
        "1, and the noisy point is x = 2. What is the output of the best denoiser?",
        Number(-2.0, 2.0, 0.2, "data units"),
        _guess,
        "0, the mean of the data: x has almost no information about the clean point.",
        {"step": 50, "x": 2.0},
        {"step": 1, "x": 1.0},
    ),
    Question(
        "steps",
        "With T = 200 steps and the perfect denoiser, how many nats is the mean ELBO below the "
        "mean of log p(x)?",
        Number(0.0, 2.0, 0.08, "nats"),
        lambda lesson: lesson.gap,
        "Very few: for a small amount of noise the true reverse step is almost Gaussian, as the "
        "model assumes.",
        {"steps": 200},
        {"steps": 21, "sd": 0.1},
    ),
    Question(
        "where",
        "The terms of the bound for steps 2 to T are summed in three groups of equal size. Which "
        "group costs the most nats?",
        Choices(("those near the data", "those in the middle", "those near the noise")),
        _costly,
        "Those near the data: the exact position of a point costs the most nats, and the first "
        "little noise already destroys it.",
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
