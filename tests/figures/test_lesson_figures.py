"""The figures of the lessons hold the lessons' numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from genlab.figures.lessons import panel_figure, panel_text
from genlab.lessons import chapters, lesson
from genlab.lessons.panels import Bars, Curve, Curves, Matrix, Panel, Plane, Table
from genlab.panels.colours import named_colour

#: What the name of a curve or of points begins with, and the role that it has on all pages.
ROLE = {
    re.compile(r"^(p, )?(the )?data\b"): "data",
    re.compile(r"^(q, )?(the )?(generator|model)\b"): "generated",
}


def misnamed_roles(panel: Panel) -> list[str]:
    """The names of curves and points whose colour is not that of their role."""
    curves = getattr(panel, "curves", ()) + getattr(panel, "lines", ())
    seen = [(curve.name, curve.colour) for curve in curves]
    if isinstance(panel, Plane):
        seen.append((panel.points_are, panel.points_colour))
    return [
        name
        for name, is_ in seen
        for begin, role in ROLE.items()
        if begin.match(name) and is_ != role
    ]


def test_data_and_generated_have_the_colours_of_all_pages() -> None:
    at = np.arange(3.0)
    blue = Curves("t", "n", (Curve("p, the data", at, at, "area", 0),))
    assert misnamed_roles(blue) == ["p, the data"]
    right = Curves(
        "t", "n", (Curve("p", at, at, "area", "data"), Curve("q", at, at, "line", "generated"))
    )
    data, generated = (trace.line.color for trace in panel_figure(right).data)
    assert (data, generated) == (named_colour("data", 0, 1), named_colour("generated", 0, 1))
    assert data != generated


@pytest.mark.parametrize("name", chapters())
def test_every_panel_of_a_lesson_is_drawn(name: str) -> None:
    for panel in lesson(name, {"steps": 20} if name in ("advi", "svi") else {}).panels():
        assert panel.note
        if isinstance(panel, Table):
            assert panel.rows
            assert {len(row) for row in panel.rows} == {len(panel.columns)}
            continue
        drawn = panel_figure(panel)
        assert drawn.layout.title.text == panel.title
        # Keys below the axis's title in whatever width: both take their room from the plot.
        if not isinstance(panel, Matrix):
            assert drawn.layout.legend.yref == "container"
            assert drawn.layout.xaxis.automargin
        # A tick of a logarithmic axis reads 0.2, not 2.
        for axis in (drawn.layout.xaxis, drawn.layout.yaxis):
            assert axis.type != "log" or axis.tickformat == "~g"
        assert panel.note in panel_text(panel)
        # A sentence with a brace is a number that was never put in.
        assert "{" not in panel.note + panel.title
        assert misnamed_roles(panel) == []
        # What a browser gets is strict JSON: no NaN, no infinity.
        text = drawn.to_json()
        assert json.loads(text, parse_constant=lambda word: pytest.fail(word))


def test_curves_keep_their_values_and_gaps() -> None:
    x = np.array([0.0, 1.0, 2.0])
    panel = Curves(
        "t",
        "n",
        (
            Curve("a", x, np.array([1.0, np.nan, 3.0])),
            Curve("b", x, x, "points", 1, x - 1, x + 2),
            Curve("", x, x, "line", 2, x - 1, x + 1),
        ),
        levels=(("truth", 0.5),),
        marks=(("here", 1.5),),
    )
    drawn = panel_figure(panel)
    assert list(drawn.data[0].y) == [1.0, None, 3.0]
    assert list(drawn.data[1].error_y.array) == [2, 2, 2]
    assert list(drawn.data[1].error_y.arrayminus) == [1, 1, 1]
    assert drawn.data[2].fill == "toself"
    assert drawn.data[3].showlegend is False
    # Only the name of a mark stands beside its line, above the plot; that of a level is a key.
    (mark,) = drawn.layout.annotations
    assert (mark.text, mark.y, mark.yanchor) == ("here", 1, "bottom")
    assert mark.font.size >= 13
    assert drawn.layout.margin.t > 50
    key = drawn.data[-1]
    assert (key.name, key.x, key.showlegend, key.line.dash) == ("truth", (None,), True, "dash")
    assert [shape.y0 for shape in drawn.layout.shapes if shape.y0 == shape.y1] == [0.5]


def test_few_points_of_a_plane_need_no_webgl() -> None:
    def kind(n: int) -> str:
        points = np.zeros((n, 2))
        return str(panel_figure(Plane("t", "n", points=points)).data[0].type)

    assert (kind(300), kind(20_000)) == ("scatter", "scattergl")


def test_the_only_bars_have_no_key_and_a_level_has_one() -> None:
    bars = (("nats", np.array([1.0])),)
    drawn = panel_figure(Bars("t", "n", ("one",), bars, "nats", levels=(("bound", 2.0),)))
    assert [(t.name, t.showlegend) for t in drawn.data] == [("nats", False), ("bound", True)]
    assert drawn.layout.showlegend


def test_a_long_name_of_a_level_makes_room_below_the_plot() -> None:
    x = np.array([0.0, 1.0])

    def drawn(*levels: tuple[str, float]) -> go.Figure:
        return panel_figure(Curves("t", "n", (Curve("a", x, x),), levels=levels))

    few = drawn(("log 2", 0.7))
    many = drawn(*((f"a level with a rather long name {k}", 0.1 * k) for k in range(4)))
    assert many.layout.margin.b - few.layout.margin.b == many.layout.height - few.layout.height > 0


def test_few_long_names_of_bars_are_wrapped_and_a_crowd_has_no_numbers() -> None:
    def drawn(labels: tuple[str, ...]) -> go.Figure:
        values = np.arange(1.0, len(labels) + 1)
        return panel_figure(Bars("t", "", labels, (("a", values),), "nats"))

    few = drawn(("what z says of x", "all codes together and the prior"))
    assert few.layout.xaxis.ticktext == (
        "what z says of x",
        "all codes together and<br>the prior",
    )
    assert few.data[0].text == ("1", "2")
    many = drawn(tuple(f"a rather long name {k}" for k in range(11)))
    assert many.layout.xaxis.ticktext[3] == "a rather long name 3"
    assert set(many.data[0].text) == {""}


def test_hanging_bars_are_shown_whole() -> None:
    panel = Bars(
        "t", "n", ("one",), (("v", np.array([2.0])),), "nats",
        bases=(("v", np.array([-6.0])),), levels=(("top", -4.0),),
    )  # fmt: skip
    drawn = panel_figure(panel)
    low, high = drawn.layout.yaxis.range
    assert -6.5 < low < -6.0 < -4.0 < high < -3.5
    assert list(drawn.data[0].base) == [-6.0]


def test_a_matrix_of_classes_counts_them_and_marks_its_cell() -> None:
    panel = Matrix(
        "t", "n", np.array([[0.0, 1.0], [2.0, 2.0]]), ("a", "b"), ("c", "d"),
        ("infinite", "Monte Carlo", "closed form"), "q", "p", (1, 0),
    )  # fmt: skip
    drawn = panel_figure(panel)
    assert [t.name for t in drawn.data[1:]] == ["infinite: 1", "Monte Carlo: 1", "closed form: 2"]
    assert drawn.data[0].customdata[1][0][2] == "closed form"
    shape = drawn.layout.shapes[0]
    assert (shape.x0, shape.y0) == (-0.5, 0.5)


def test_a_plane_draws_what_it_is_given() -> None:
    axis = np.linspace(-1, 1, 5)
    panel = Plane(
        "t", "n", (axis, axis, np.ones((5, 5))), (Curve("line", axis, axis),),
        np.zeros((3, 2)), "draws", (("spot", 0.5, -0.5),),
    )  # fmt: skip
    drawn = panel_figure(panel)
    assert [t.name for t in drawn.data] == ["density", "draws", "line", "spot"]
    assert tuple(drawn.layout.xaxis.range) == (-1.0, 1.0)
    assert (drawn.data[3].x[0], drawn.data[3].y[0]) == (0.5, -0.5)


def test_a_matrix_says_what_its_cells_are() -> None:
    panel = Matrix(
        "t", "n", np.array([[0.0, 3.0]]), ("a",), ("b", "c"), texts=(("0.1", "infinite"),)
    )
    drawn = panel_figure(panel)
    assert [list(row) for row in drawn.data[0].text] == [["0.1", "infinite"]]
    assert drawn.data[0].texttemplate == "%{text}"


def test_a_scale_may_be_fixed() -> None:
    axis = np.linspace(0, 1, 3)
    panel = Plane("t", "n", (axis, axis, np.full((3, 3), 0.5)), span=(0.0, 1.0), grid_is="D")
    (trace,) = panel_figure(panel).data
    assert (trace.zmin, trace.zmax, trace.name) == (0.0, 1.0, "D")


def test_a_long_legend_takes_no_room_from_the_plot() -> None:
    x = np.array([0.0, 1.0])

    def rest(count: int) -> float:
        curves = tuple(Curve(f"curve number {k}", x, x, "line", k) for k in range(count))
        layout = panel_figure(Curves("t", "n", curves)).layout
        return layout.height - layout.margin.t - layout.margin.b

    assert rest(1) == rest(4) == rest(12)


def test_an_unknown_kind_of_panel_is_named() -> None:
    with pytest.raises(TypeError, match="Panel"):
        panel_figure(Panel("t", "n"))
