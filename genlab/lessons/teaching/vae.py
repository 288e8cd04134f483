"""Questions and exercises on the variational autoencoder."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _cost(lesson: Any) -> float:
    return float(lesson.water_filling(lesson.options.beta)[1])


def _bound_of(lesson: Any) -> int:
    """The ELBO at the optimum for this β, compared with β = 1."""
    here, one = (r - k for r, k in map(lesson.water_filling, (lesson.options.beta, 1.0)))
    return first_true(here < one - 1e-9, abs(here - one) <= 1e-9, True)


QUESTIONS = (
    Question(
        "active",
        "The data vary by 3.6 and 1.6 along their two largest axes, and the noise variance is "
        "σ² = 0.3. With β = 8, how many of the two latent units does the best VAE use?",
        Choices(("none", "one", "both")),
        lambda lesson: int(lesson.worth),
        "A unit is active if the variance along its axis exceeds βσ² = 2.4. Only the first axis "
        "does.",
        {"beta": 8.0},
        {"beta": 20.0},
    ),
    Question(
        "elbo_of_beta",
        "A β-VAE with β = 4 reaches the optimum of its own objective. How large is its ELBO, "
        "compared with the best VAE with β = 1?",
        Choices(("smaller", "the same", "larger")),
        _bound_of,
        "Only β = 1 maximises the ELBO itself. Any other weight maximises something else.",
        {"beta": 4.0},
        {"beta": 1.0, "noise": 0.5},
    ),
    Question(
        "cost",
        "With β = 1 and the noise variance raised to 1, what does the code of an example cost at "
        "the optimum, on average? (The variances are 3.6 and 1.6.)",
        Number(0.0, 4.0, 0.2, "nats"),
        _cost,
        "½ log(3.6) + ½ log(1.6): each active unit costs half the logarithm of its variance "
        "divided by that of the noise.",
        {"noise": 1.0},
        {"noise": 0.1},
    ),
)
EXERCISES = (
    Exercise(
        "one_left",
        "Leave σ² at 0.3 and choose β so that exactly one unit stays active at the optimum.",
        lambda lesson: float(lesson.worth),
        "units worth their code",
        {"beta": 8.0},
        low=1.0,
        high=1.0,
        where={"latent": 2, "noise": 0.3},
    ),
    Exercise(
        "collapse",
        "Choose β and σ² so that no unit is active at the optimum.",
        lambda lesson: float(lesson.worth),
        "units worth their code",
        {"beta": 20.0},
        high=0.0,
    ),
)
