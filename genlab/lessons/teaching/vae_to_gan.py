"""Questions and exercises on the way from VAE to GAN."""

from __future__ import annotations

import math
from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _where(lesson: Any) -> int:
    half = lesson.options.gap / 2
    mean, left, right = lesson.q.mean, -half, half
    reach = lesson.options.gap / 4
    return first_true(abs(mean - left) < reach, abs(mean - right) < reach, True)


QUESTIONS = (
    Question(
        "vae_width",
        "The bumps move 5 apart (30 % of the data in the left one). Which standard deviation does "
        "the best Gaussian of the VAE have?",
        Number(0.3, 4.0, 0.35),
        lambda lesson: math.sqrt(lesson.vae.marginal.variance),
        "The likelihood is largest at the data's mean and variance, even if most samples then lie "
        "between the bumps.",
        {"gap": 5.0},
        {"gap": 1.0},
    ),
    Question(
        "gan_place",
        "The same data, and a non-saturating GAN with the best discriminator. Where does its "
        "Gaussian end?",
        Choices(("on the left bump", "on the right bump", "between them")),
        _where,
        "Against D* its gradient is that of KL(q ‖ p) − 2 JS, which seeks a mode. The larger bump "
        "costs less.",
        {"gap": 5.0},
        {"gap": 5.0, "weight": 0.9},
    ),
)
EXERCISES = (
    Exercise(
        "agree",
        "Find data for which the VAE and the GAN both end at the right Gaussian: both KL(p ‖ q) "
        "are at most 0.001 nats.",
        lambda lesson: max(lesson.apart["kl"]),
        "the larger KL(p ‖ q)",
        {"gap": 0.0, "left": 0.8, "right": 0.8},
        "nats",
        high=0.001,
    ),
)
