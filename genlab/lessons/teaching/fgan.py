"""Questions and exercises on f-GAN."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _sits(lesson: Any) -> int:
    o, fit = lesson.options, lesson.best
    on_first = abs(fit.mean - o.mean1) < 0.3 and fit.std < 2 * o.sd1
    on_second = abs(fit.mean - o.mean2) < 0.3 and fit.std < 1.2 * o.sd2
    return first_true(on_first, on_second, True)


QUESTIONS = (
    Question(
        "kl_mean",
        "Half of the data are in each bump, at −1 and at 2. What is the mean of the Gaussian that "
        "minimises KL(data ‖ model)?",
        Number(-3.0, 3.0, 0.2),
        lambda lesson: float(lesson.best.mean),
        "Minimising KL(P ‖ Q) over Gaussians matches the mean and the variance of the data.",
        {"divergence": "kl", "weight": 0.5},
        {"divergence": "kl", "weight": 0.9},
    ),
    Question(
        "reverse_seeks",
        "Nine tenths of the data are in the narrow first bump. Where is the Gaussian that "
        "minimises KL(model ‖ data)?",
        Choices(("on the first bump", "on the second bump", "over both")),
        _sits,
        "Reverse KL penalises samples where there are no data, so the Gaussian leaves the second "
        "bump out.",
        {"divergence": "reverse_kl", "weight": 0.9},
        {"divergence": "kl", "weight": 0.9},
    ),
)
EXERCISES = (
    Exercise(
        "narrow_fit",
        "Choose a divergence and data so that the best Gaussian has a standard deviation of at "
        "most 0.3, though a tenth of the data or more lies in the other bump.",
        lambda lesson: float(lesson.best.std),
        "standard deviation of the best Gaussian",
        {"divergence": "reverse_kl", "weight": 0.9},
        high=0.3,
        also=lambda lesson: 0.1 <= lesson.options.weight <= 0.9 + 1e-9,
    ),
)
