"""Questions and exercises on Bayes' rule."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _mean(lesson: Any) -> float:
    first, second = lesson.part.counts
    return float(first / (first + second))


def _rain(lesson: Any, **evidence: int) -> float:
    part = lesson.part
    return float(part.net.infer({**part.evidence, **evidence}).marginals["rain"][1])


def _explained(lesson: Any) -> int:
    before = {k: v for k, v in lesson.part.evidence.items() if k != "sprinkler"}
    change = _rain(lesson) - float(lesson.part.net.infer(before).marginals["rain"][1])
    return first_true(change < -1e-9, abs(change) <= 1e-9, change > 1e-9)


def _interval(lesson: Any) -> float:
    from scipy import special

    first, second = lesson.part.counts
    low, high = special.betaincinv(first, second, [0.025, 0.975])
    return float(high - low)


QUESTIONS = (
    Question(
        "three_heads",
        "The prior is Beta(2, 2). A coin falls heads three times in three tosses. Where is the "
        "mean of the posterior?",
        Choices(("at 0.5, like the prior", "between 0.5 and 1", "at 1, like the tosses")),
        lambda lesson: first_true(_mean(lesson) <= 0.5, _mean(lesson) < 0.999, True),
        "The prior acts like two heads and two tails seen before, so the mean is (2 + 3)/7 = 5/7.",
        {"tosses": 3, "bias": 1.0},
        {"tosses": 0},
    ),
    Question(
        "rain",
        "It rains on one day in five. The grass is wet in the morning, from rain or from the "
        "sprinkler. How probable is it that it rained?",
        Number(0.0, 1.0, 0.1, "probability"),
        _rain,
        "Rain is the more probable of two causes, so wet grass raises its probability well above "
        "0.2. The sprinkler is another possible cause, so it stays below 1.",
        {"example": "net"},
        {"example": "net", "wet": "no"},
    ),
    Question(
        "sprinkler",
        "The grass is wet, and now you learn that the sprinkler was on. What happens to the "
        "probability that it rained?",
        Choices(("it falls", "it stays", "it rises")),
        _explained,
        "The sprinkler already explains the wet grass, so rain becomes less probable. This is "
        "called explaining away.",
        {"example": "net", "sprinkler": "yes"},
        {"example": "net", "sprinkler": "no"},
    ),
)
EXERCISES = (
    Exercise(
        "narrow",
        "Choose data so that the 95 % interval of the posterior of θ is at most 0.1 wide.",
        _interval,
        "the width of the 95 % interval",
        {"tosses": 400},
        high=0.1,
        where={"example": "coin"},
    ),
    Exercise(
        "dry_neighbour",
        "Keep the grass wet and choose the other observations so that the probability of rain is "
        "below 1 in 10.",
        lambda lesson: _rain(lesson),
        "p(rain = yes | seen)",
        {"sprinkler": "yes", "neighbour": "no"},
        high=0.1,
        where={"example": "net", "wet": "yes"},
    ),
)
