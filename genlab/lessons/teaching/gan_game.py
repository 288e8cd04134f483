"""Questions and exercises on the GAN game."""

from __future__ import annotations

from typing import Any

import torch

from genlab.lessons.panels import Array, array
from genlab.lessons.questions import Choices, DrawnCurve, Exercise, Number, Question, first_true

BEST = DrawnCurve((-4.0, 5.0), (0.0, 1.0), "x", "D*(x), probability of real", 0.08)


def _best(lesson: Any) -> Array:
    game, phi = lesson.game, lesson.state.phi
    with torch.no_grad():
        return array(game.log_ratio(phi, torch.from_numpy(BEST.axis)[:, None]).sigmoid())


def _steeper(lesson: Any) -> int:
    """The loss with the steeper slope in the logit at the mean of the generator."""
    game, state = lesson.game, lesson.state
    mean, _ = game.moments(state.phi)
    with torch.no_grad():
        d = float(game.critic.logit(state.theta, mean[None])[0].sigmoid())
    # d log(1 − D)/dl = −D, d(−log D)/dl = −(1 − D).
    return first_true(d > 0.5 + 1e-9, d < 0.5 - 1e-9, True)


QUESTIONS = (
    Question(
        "draw_best",
        "The data are N(0, 1), the samples N(2, 1). Draw the best discriminator D* over x.",
        BEST,
        _best,
        "D* = p/(p + q): near 1 where only data are, near 0 where only samples are, and ½ at "
        "x = 1, where both densities are equal. Between two Gaussians of equal width it is a "
        "logistic curve.",
        {"moves": "D1"},
        {"moves": "R60"},
    ),
    Question(
        "steeper",
        "D has taken 100 steps and recognises the samples fairly well. Which loss gives the "
        "generator the larger gradient there?",
        Choices(("minimax, log(1 − D)", "non-saturating, −log D", "both the same")),
        _steeper,
        "The slopes in the logit are D and 1 − D, so the gradient of minimax vanishes where D is "
        "sure that a sample is generated.",
        {"moves": "D100"},
        {"moves": "", "critic": "linear"},
    ),
    Question(
        "value_at_the_end",
        "Both players play 100 rounds. Near which value does the game end?",
        Number(-2.0, 0.0, 0.08, "nats"),
        lambda lesson: lesson.played.moments[-1].value,
        "At q = p the best D is ½ everywhere: E log ½ + E log ½ = −log 4.",
        {"moves": "R100"},
        {"moves": "D100"},
    ),
)
EXERCISES = (
    Exercise(
        "win",
        "Bring the generator to the data: JS at most 0.001 nats.",
        lambda lesson: lesson.js,
        "JS(p ‖ q)",
        {"moves": "R100"},
        "nats",
        high=0.001,
    ),
    Exercise(
        "teach",
        "Keep the generator fixed and train D until its value is at most 0.01 nats below its "
        "bound.",
        lambda lesson: lesson.gap,
        "gap between D's value and its bound",
        {"moves": "D300"},
        "nats",
        high=0.01,
        also=lambda lesson: lesson.played.g == 0,
    ),
)
