"""Questions and exercises on the rules of DCGAN."""

from __future__ import annotations

from typing import Any

from genlab.lessons.questions import Choices, Exercise, Number, Question, first_true


def _of(lesson: Any, name: str) -> tuple[float, float]:
    """A quantity of the nets by all rules, and of the nets without the chosen rule."""
    kept, other = lesson._at("none").measures, lesson._at(lesson.options.rule).measures
    return float(getattr(kept, name)), float(getattr(other, name))


def _gradient(lesson: Any) -> int:
    kept, other = _of(lesson, "code")
    return first_true(other > kept / 3, other > kept / 1000, True)


def _times(lesson: Any) -> float:
    kept, other = _of(lesson, "weights")
    return other / kept


QUESTIONS = (
    Question(
        "no_norm",
        "Drop batch normalisation from both nets (32 pixels a side). How large is the gradient "
        "that reaches the code z, compared with nets that follow the rules?",
        Choices(("about the same", "3 to 1,000 times smaller", "more than 1,000 times smaller")),
        _gradient,
        "Weights of size 0.02 shrink the signal and the gradient in every layer. Normalisation "
        "undoes this.",
        {"rule": "batch norm", "size": 32},
        {"rule": "leaky", "size": 32},
    ),
    Question(
        "one_linear_layer",
        "A fully connected layer of 256 units is inserted before the critic's output. By what "
        "factor does the critic's number of weights grow?",
        Number(1.0, 100.0, 12.0, "times"),
        _times,
        "Every unit of the layer has a weight for each position of each map. A convolution shares "
        "one set of weights between all positions.",
        {"rule": "no linear layer"},
        {"rule": "none"},
    ),
)
EXERCISES = (
    Exercise(
        "saturate",
        "Drop a rule so that at least 2 % of the untrained generator's pixels are at the flat "
        "ends of tanh.",
        lambda lesson: _of(lesson, "saturated")[1],
        "share of outputs beyond ±0.95",
        {"rule": "small weights"},
        low=0.02,
    ),
)
