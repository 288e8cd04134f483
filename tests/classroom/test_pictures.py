"""The votes as a picture: what is marked, where it stands, and that text stays text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from genlab.classroom.asked import Asked, Outcome, Source
from genlab.classroom.pictures import tally_curves, tally_html
from genlab.classroom.polls import Poll, Tally
from genlab.lessons.questions import Choices, DrawnCurve, Number

NUMBER = Number(0.0, 20.0, 2.0, "nats")
CURVE = DrawnCurve((0.0, 4.0), (0.0, 1.0), "x", "y", 0.1, points=5)


def poll(form: object, right: object = None) -> Poll:
    outcome = None if right is None else Outcome(right, "computed")  # type: ignore[arg-type]
    return Poll("BCDFGH", 1, Asked("?", form, Source("stated")), "a", outcome)  # type: ignore


def histogram(values: list[float]) -> Tally:
    counts, edges = np.histogram(values, 20, (0, 20))
    middle = (float(np.median(values)),)
    return Tally(len(values), None, tuple(map(int, counts)), tuple(map(float, edges)), middle)


def test_bars_have_the_lengths_of_their_counts() -> None:
    form = Choices(("<b>one</b>", "two", "three"))
    made = tally_html(poll(form, 1), Tally(8, 2, (4, 2, 2)), 0)
    assert [float(w) for w in re.findall(r"width:([\d.]+)%", made)] == [70.0, 35.0, 35.0]
    assert "&lt;b&gt;one&lt;/b&gt; (your vote)" in made
    assert "two ✓" in made
    assert made.count("✓") == 1
    assert "4 (50 %)" in made
    closed = tally_html(poll(form), Tally(0, None, (0, 0, 0)))
    assert "✓" not in closed
    assert "0 (0 %)" in closed


def test_the_answer_the_band_and_the_own_vote_stand_at_their_numbers() -> None:
    made = tally_html(poll(NUMBER, 5.0), histogram([4.0, 5.0, 12.0]), 12.0)
    assert "left:calc(25.0% - 2px)" in made
    assert "left:15.0%;width:20.0%" in made
    assert "left:60.0%;transform:translateX(-50%)" in made
    text = "Highest bar: 1 vote; median 5 nats; line: the answer, 5 nats; shaded: counted as right"
    assert f"{text}; triangle: your vote." in made
    bars = [float(h) for h in re.findall(r"flex:1;height:([\d.]+)%", made)]
    assert [k for k, height in enumerate(bars) if height] == [4, 5, 12]


@pytest.mark.parametrize(("right", "at"), [(-3.0, 0.0), (31.0, 100.0)])
def test_an_answer_outside_the_range_stands_at_its_end(right: float, at: float) -> None:
    made = tally_html(poll(NUMBER, right), histogram([4.0]))
    assert f"left:calc({at:.1f}% - 2px)" in made
    assert "outside the range of the guesses" in made
    assert "▲" not in made


def test_before_the_answer_nothing_is_marked() -> None:
    made = tally_html(poll(NUMBER), histogram([4.0]))
    assert "line:" not in made
    assert "shaded" not in made


def test_curves_are_the_median_the_right_one_and_ones_own() -> None:
    rows = ((0.1,) * 5, (0.2,) * 5, (0.3,) * 5)
    tally = Tally(3, 1, low=rows[0], middle=rows[1], high=rows[2])
    made = tally_curves(CURVE, poll(CURVE, np.full(5, 0.7)), tally, np.full(5, 0.4))
    assert [curve.name for curve in made.curves] == ["median of the votes", "right", "yours"]
    assert [float(curve.y[0]) for curve in made.curves] == [0.2, 0.7, 0.4]
    assert tally_curves(CURVE, poll(CURVE), Tally(0)).curves == ()
