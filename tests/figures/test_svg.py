"""Charts as text: where a value lies, what is left out, what is escaped."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

import pytest

from genlab.core.measure import Picture
from genlab.figures import svg
from genlab.panels import PANELS

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> Xml.Element:
    return Xml.fromstring(text)


def places(path: str) -> list[list[tuple[float, float]]]:
    """The strokes of a path, each a list of points."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", stroke)]
        for stroke in path.split("M")[1:]
    ]


def test_a_line_goes_through_its_values_and_stops_where_there_is_none() -> None:
    xs, ys = [0.0, 10.0, 20.0, 30.0], [1.0, 3.0, None, 2.0]
    found = drawn(svg.lines([svg.Trace("a", xs, ys)], x_title="step", words="a"))
    (path,) = found.findall(f"{SPACE}path")
    strokes = places(path.attrib["d"])
    assert [len(stroke) for stroke in strokes] == [2, 1]
    (x0, y0), (x1, y1) = strokes[0]
    (x3, y3) = strokes[1][0]
    assert x1 - x0 == pytest.approx((x3 - x0) / 3, abs=0.2)
    # Upwards is less in pixels, and in proportion.
    assert y1 < y3 < y0
    assert y0 - y3 == pytest.approx((y0 - y1) / 2, abs=0.2)
    assert float(found.attrib["width"]) == 430


def test_infinite_and_empty_curves_are_no_error() -> None:
    for ys in ([None, None], [float("nan"), float("inf")], [5.0, 5.0]):
        text = svg.lines([svg.Trace("a", [0.0, 1.0], ys, truth=5.0)], x_title="step", words="a")
        assert "nan" not in text
        assert "inf" not in text
        assert drawn(text).attrib["role"] == "img"
    assert drawn(svg.lines([], x_title="step", words="none")) is not None


def svg_of(form: str, payload: dict[str, object], title: str = "") -> str:
    return PANELS[form].svg(Picture(form, title, payload))


def test_words_are_escaped() -> None:
    evil = '<script>"&'
    about = {
        "x": [[0.0, 0.0]],
        "label": [0],
        "classes": [evil],
        "axes": [evil, evil],
    }
    trace = svg.Trace(evil, [0.0], [0.0], truth=1.0, label=evil)
    for text in (svg_of("points", about, evil), svg.lines([trace], x_title=evil, words=evil)):
        assert "<script" not in text
        assert drawn(text).attrib["aria-label"] == evil


def test_points_outside_the_box_are_left_out_and_shares_add_up() -> None:
    about = {
        "x": [[0.0, 0.0], [9.0, 0.0], [None, 1.0], [1.0, 1.0]],
        "label": [0, 0, 1, 1],
        "classes": ["held-out", "generated"],
        "box": [[-1.0, -1.0], [1.0, 1.0]],
    }
    paths = drawn(svg_of("points", about)).findall(f"{SPACE}path")
    # The third is the sign of the held-out points in the legend.
    assert [path.attrib["d"].count("M") for path in paths] == [1, 1, 1]
    counts = {"edges": [0.0, 1.0, 2.0], "counts": {"a": [1, 3], "b": [0, 0]}, "x_title": "x"}
    found = drawn(svg_of("histogram", counts))
    first, second = (places(path.attrib["d"])[0] for path in found.findall(f"{SPACE}path"))
    low = first[0][1]
    heights = [low - first[1][1], low - first[3][1]]
    assert heights[1] == pytest.approx(3 * heights[0], abs=0.3)
    assert {y for _, y in second} == {low}
