"""Questions and exercises on stochastic variational inference."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Exercise, Number, Question


def _noise(lesson: Any) -> float:
    """The standard deviation of λ̂ over batches without replacement, relative to batches of ten."""
    n, size = lesson.options.examples, lesson.options.batch

    def spread(batch: int) -> float:
        return float(((n - batch) / (n - 1) / batch) ** 0.5)

    return spread(size) / spread(10)


QUESTIONS = (
    Question(
        "pseudo_counts",
        "A coin that shows heads in about 3 of 10 tosses is tossed 500 times; the prior is "
        "Beta(2, 2). Near which number is the first parameter of the exact posterior?",
        Number(0.0, 500.0, 25.0),
        lambda lesson: float(lesson.exact.natural[0][0]),
        "It is the number of heads plus the 2 of the prior.",
        {"examples": 500},
        {"examples": 1000},
    ),
    Question(
        "step_size",
        "With κ = 1 and τ = 0, what share of the way to λ̂ does step 50 take?",
        Number(0.0, 1.0, 0.02),
        lambda lesson: float(lesson.rate(50)),
        "ρ = t^−κ = 1/50. With these step sizes λ is the average of λ̂ over all batches so far.",
        {"kappa": 1.0, "tau": 0.0},
        {"kappa": 0.6, "tau": 0.0},
    ),
    Question(
        "four_times",
        "Each batch has 40 examples instead of 10. How large is the standard deviation of λ̂ "
        "then, as a share of its old value?",
        Number(0.0, 2.0, 0.08),
        _noise,
        "The standard deviation of a batch mean is proportional to 1/√B. The factor N/B keeps λ̂ "
        "unbiased for every B.",
        {"batch": 40},
        {"batch": 10},
    ),
)
EXERCISES = (
    Exercise(
        "steady",
        "Keep λ within 5 % of the exact posterior's during the whole second half of the steps.",
        lambda lesson: float(lesson.late_away),
        "the largest relative distance of λ over the second half of the steps",
        # With κ = 1, λ is nearly the mean of all λ̂: 60 seeds stay within 3.2 %. With the first
        # options they leave by 7 to 24 %.
        {"steps": 600, "batch": 50, "kappa": 1.0},
        high=0.05,
        where={"model": "coin"},
    ),
)
