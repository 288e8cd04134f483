"""Questions and exercises on closed forms of a KL divergence."""

from __future__ import annotations

from genlab.lessons.questions import Choices, Exercise, Number, Question

QUESTIONS = (
    Question(
        "cauchy",
        "q is a Cauchy distribution and p a Gaussian. What is KL(q ‖ p)?",
        Choices(("infinite", "finite, without a closed form", "finite, in closed form")),
        lambda lesson: lesson.place,
        "log p falls like −z², and a Cauchy distribution has no second moment. The tail of q is "
        "too heavy for p.",
        {"q": "cauchy", "p": "gaussian"},
        {"q": "gaussian", "p": "cauchy"},
    ),
    Question(
        "shift",
        "q is N(1, 1) and p is N(0, 1). How many nats is KL(q ‖ p)?",
        Number(0.0, 3.0, 0.1, "nats"),
        lambda lesson: float(lesson.value.value),
        "It is half the squared distance between the means, in standard deviations.",
        {"q": "gaussian", "p": "gaussian", "q_loc": 1.0, "q_scale": 1.0, "p_loc": 0.0,
         "p_scale": 1.0},
        {"q": "gaussian", "p": "gaussian", "q_loc": 2.0, "q_scale": 1.0, "p_loc": 0.0,
         "p_scale": 1.0},
    ),
)  # fmt: skip
EXERCISES = (
    Exercise(
        "two_nats",
        "Find two Gaussians whose KL(q ‖ p) is between 1.9 and 2.1 nats.",
        lambda lesson: float(lesson.value.value),
        "KL(q ‖ p)",
        {"q_loc": 2.0, "q_scale": 1.0, "p_loc": 0.0, "p_scale": 1.0},
        "nats",
        low=1.9,
        high=2.1,
        where={"q": "gaussian", "p": "gaussian"},
    ),
)
