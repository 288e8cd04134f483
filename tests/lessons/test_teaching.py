"""What every lesson asks: answers are computed, exercises can be solved, and all is declared."""

from __future__ import annotations

import numpy as np
import pytest

from genlab.core.errors import SpecError
from genlab.core.run_spec import RunSpec
from genlab.lessons import LESSONS, chapters, lesson, right_answer
from genlab.lessons.questions import Choices, DrawnCurve, Number, first_true

QUESTIONS = [(name, row.name) for name in chapters() for row in LESSONS[name].questions]
EXERCISES = [(name, row.name) for name in chapters() for row in LESSONS[name].exercises]


class Untouchable:
    """A lesson that nobody may look into."""

    def __getattr__(self, name):
        raise AttributeError(name)


def sentences(text: str) -> int:
    return sum(text.count(sign + " ") for sign in ".?!") + 1


@pytest.mark.parametrize("name", chapters())
def test_a_lesson_teaches(name: str) -> None:
    kind = LESSONS[name]
    assert 1 <= sentences(kind.idea) <= 3
    assert len(kind.idea.split()) <= 85
    assert kind.goals
    assert set(kind.needs) <= set(LESSONS.names())
    assert all(LESSONS[before].chapter < kind.chapter for before in kind.needs)
    assert len(kind.questions) >= 2
    assert kind.exercises
    assert len({row.name for row in kind.questions}) == len(kind.questions)
    assert len({row.name for row in kind.exercises}) == len(kind.exercises)
    assert 4 <= kind.minutes() <= 30
    # At least one answer changes with the options, so that it can be explored.
    assert any(row.elsewhere for row in kind.questions)


@pytest.mark.parametrize("name", [name for name in chapters() if LESSONS[name].run])
def test_a_lesson_leads_to_a_run_that_can_be_made(name: str) -> None:
    assert RunSpec.build(**LESSONS[name].run)


@pytest.mark.parametrize(("name", "asked"), QUESTIONS)
def test_an_answer_is_computed_from_the_lesson(name: str, asked: str) -> None:
    row = LESSONS[name].question(asked)
    # An answer that is written down would not look into the lesson.
    with pytest.raises(AttributeError):
        row.answer(Untouchable())
    default = lesson(name).values
    assert any(default.get(key) != value for key, value in row.values.items())
    right = right_answer(name, asked)
    assert row.form.is_right(right, right)
    assert row.form.words(right)
    if row.elsewhere:
        other = row.right(LESSONS[name].build(dict(row.elsewhere)))
        assert not row.form.is_right(other, right)
    if isinstance(row.form, Choices):
        assert len(set(row.form.options)) == len(row.form.options) >= 2
    if isinstance(row.form, Number):
        # Not every guess is right.
        ends = (row.form.low, row.form.high)
        assert not all(row.form.is_right(end, right) for end in ends)


@pytest.mark.parametrize(("name", "asked"), EXERCISES)
def test_an_exercise_is_open_at_first_and_can_be_solved(name: str, asked: str) -> None:
    kind = LESSONS[name]
    row = next(row for row in kind.exercises if row.name == asked)
    start = kind.build(dict(row.where))
    assert not row.is_solved(start)
    # Where the solution is a draw, the weights of some seed, another draw may be the good one.
    first = row.solution.get("seed")
    seeds = [{}] if first is None else [{"seed": first + i} for i in range(60)]
    tried = ({**row.where, **row.solution, **seed} for seed in seeds)
    assert any(row.is_solved(kind.build(values)) for values in tried)
    assert row.goal


@pytest.mark.parametrize(
    ("form", "given"),
    [
        (Choices(("a", "b")), 2),
        (Choices(("a", "b")), -1),
        (Choices(("a", "b")), 0.5),
        (Choices(("a", "b")), "a"),
        (Choices(("a", "b")), None),
        (Number(0, 1, 0.1), 2.0),
        (Number(0, 1, 0.1), float("nan")),
        (Number(0, 1, 0.1), "many"),
        (DrawnCurve((0, 1), (0, 1), "x", "y", 0.1), [0.0, 1.0]),
        (DrawnCurve((0, 1), (0, 1), "x", "y", 0.1, 3), [0.0, float("inf"), 1.0]),
        (DrawnCurve((0, 1), (0, 1), "x", "y", 0.1, 3), "curve"),
    ],
)
def test_an_impossible_answer_is_refused(form, given) -> None:
    with pytest.raises(SpecError, match="allowed"):
        form.read(given)


def test_a_curve_is_right_within_its_tolerance_on_average() -> None:
    form = DrawnCurve((0.0, 1.0), (0.0, 1.0), "x", "y", 0.1, 5)
    right = np.linspace(0, 1, 5)
    assert form.is_right(right + np.array([0.1, -0.1, 0.1, -0.1, -0.1]), right)
    assert not form.is_right(1 - right, right)
    # What is drawn beyond the frame lies on its edge.
    assert form.read([0, 0, 0, 0, 7]).max() == 1.0


def test_an_unknown_question_is_named() -> None:
    with pytest.raises(SpecError, match="allowed"):
        LESSONS["bayes"].question("who")


def test_the_published_answers() -> None:
    """A few answers against numbers that are known by hand."""
    assert right_answer("bayes", "three_heads") == 1
    assert right_answer("elbo", "prior_as_q") == pytest.approx(
        0.5 * ((1 + (5 / 7) ** 2) / (2 / 7) - 1 + np.log(2 / 7))
    )
    assert right_answer("divergence", "shift") == pytest.approx(0.5)
    assert right_answer("wgan", "resting_slope") == 3.0
    assert right_answer("zoo", "least_squares") == pytest.approx(np.e / (1 + np.e), abs=1e-6)
    assert right_answer("svi", "step_size") == pytest.approx(1 / 50)
    x = LESSONS["gan_game"].question("draw_best").form.axis
    log_ratio = 2 - 2 * x
    assert right_answer("gan_game", "draw_best") == pytest.approx(1 / (1 + np.exp(-log_ratio)))


def test_first_true_says_where() -> None:
    assert first_true(False, False, True) == 2
    with pytest.raises(ValueError, match="True"):
        first_true(False)
