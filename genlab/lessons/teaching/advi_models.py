"""Questions and exercises on ADVI beside MCMC."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _width(lesson: Any) -> int:
    """The mean-field q's standard deviation of the first shown number, relative to MCMC."""
    k = lesson.axes[0]
    share = float(
        lesson.theta_draws(lesson.fits["mean-field"])[:, k].std() / lesson.reference.sd[k]
    )
    return first_true(share < 0.9, share < 1.1, True)


QUESTIONS = (
    Question(
        "narrow_weight",
        "In the logistic regression two weights are correlated under the posterior. How wide is "
        "the mean-field q of the first weight, compared with MCMC?",
        Choices(("narrower", "about as wide (within 10 %)", "wider")),
        _width,
        "Mean-field has the width of the posterior when the other weights are fixed.",
        # So many draws that the answer does not depend on the seed: 0.86, and 0.9 is the border.
        {"model": "logistic_regression", "mcmc": 1000, "draws": 50, "steps": 1000},
        {"model": "eight_schools"},
    ),
    Question(
        "family_gap",
        "Eight schools: full-rank ADVI runs until it no longer improves. By how many nats is its "
        "ELBO still below log p(x)?",
        Number(0.0, 2.0, 0.15, "nats"),
        lambda lesson: max(0.0, lesson.errors["full-rank"].family),
        "A small τ forces the effects close together. This makes a funnel, which no Gaussian "
        "fits.",
        {"steps": 400},
        {"model": "logistic_regression"},
    ),
)
EXERCISES = (
    Exercise(
        "stop_early",
        "Stop eight schools too early: leave an optimisation gap of at least 0.2 nats.",
        lambda lesson: lesson.errors["mean-field"].optimisation,
        "optimisation error of mean-field",
        {"steps": 40, "eta": 0.1},
        "nats",
        low=0.2,
        where={"model": "eight_schools"},
    ),
)
