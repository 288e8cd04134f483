"""Sheets of images, and points with their density."""

from __future__ import annotations

import numpy as np
import pytest

from genlab.figures.data import points_figure, points_info
from genlab.panels.encoding import contact_sheet


def test_a_sheet_puts_each_image_in_its_place():
    x = np.arange(6)[:, None, None, None] / 5 * np.ones((6, 1, 4, 4))
    page = contact_sheet(x, columns=3, gap=1)
    assert page.shape == (9, 14, 3)
    for k in range(6):
        tile = page[5 * (k // 3) : 5 * (k // 3) + 4, 5 * (k % 3) : 5 * (k % 3) + 4]
        assert (tile == round(255 * k / 5)).all()
    assert (page[4] == 128).all()


def test_a_sheet_keeps_colours_and_enlarges_by_whole_pixels():
    x = np.zeros((1, 3, 2, 2))
    x[0, 1] = 1.0
    page = contact_sheet(x, height=8)
    assert page.shape == (8, 8, 3)
    assert (page == [0, 255, 0]).all()


def test_what_is_outside_the_range_is_clipped_and_what_is_no_number_is_black():
    x = np.array([-1.0, 2.0, np.nan, 0.5]).reshape(4, 1, 1, 1)
    assert contact_sheet(x, columns=4, gap=0)[0, :, 0].tolist() == [0, 255, 0, 128]


def test_points_are_drawn_by_class_with_marks_paths_and_density():
    x = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    axis = np.linspace(-1, 1, 4)
    info = points_info(
        x,
        label=[0, 1, 0],
        classes=("left", "right"),
        marks={"A": np.array([9.0, 8.0])},
        paths={"straight": np.array([[0.0, 0.0], [1.0, 1.0]])},
        grid=(axis, axis, np.ones((4, 4))),
    )
    traces = {t.name: t for t in points_figure(info).data}
    assert set(traces) == {"density", "left", "right", "straight", "A"}
    assert (list(traces["left"].x), list(traces["left"].y)) == ([0.0, 4.0], [1.0, 5.0])
    assert (traces["A"].x[0], traces["A"].y[0]) == (9.0, 8.0)


def test_on_the_line_the_data_are_a_histogram_of_density_under_the_exact_curve():
    info = points_info(
        np.zeros((5, 1)), grid=(np.array([0.0, 1.0]), np.array([0.3, 0.1])), marks={"A": [0.5]}
    )
    traces = {t.name: t for t in points_figure(info).data}
    assert traces["data"].histnorm == "probability density"
    assert list(traces["exact density"].y) == [0.3, 0.1]
    assert list(traces["A"].x) == [0.5]


@pytest.mark.parametrize("dim", [1, 2])
def test_the_same_points_give_the_same_figure(dim):
    info = points_info(np.ones((3, dim)))
    assert points_figure(info).to_json() == points_figure(info).to_json()


def test_the_columns_of_a_table_are_drawn_against_each_other():
    x = np.array([[0.0, 1.0, 5.0], [2.0, 3.0, 7.0]])
    (matrix,) = points_figure(points_info(x, columns=("a", "b", "y"))).data
    assert matrix.type == "splom"
    found = {dimension.label: list(dimension["values"]) for dimension in matrix.dimensions}
    assert found == {"a": [0.0, 2.0], "b": [1.0, 3.0], "y": [5.0, 7.0]}
    two = points_figure(points_info(x[:, :2], columns=("effect", "error")))
    assert (two.layout.xaxis.title.text, two.layout.yaxis.title.text) == ("effect", "error")
    assert list(two.data[0].y) == [1.0, 3.0]
