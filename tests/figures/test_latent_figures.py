"""The map's numbers, and the figure made from them."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from genlab.figures.latent import map_figure, map_info
from genlab.figures.style import COLOURS, SYMBOLS


def result(n=12):
    rng = np.random.default_rng(0)
    label = np.array([0, 1, 2] * (n // 3))
    label[-2:] = -1
    index = np.arange(n)
    index[-2:] = -1
    return {
        "xy": rng.normal(size=(n, 2)).astype(np.float32),
        "code": rng.normal(size=(n, 5)).astype(np.float32),
        "label": label,
        "index": index,
        "explained": np.array([0.5, 0.25]),
        "trustworthiness": np.asarray(0.8125),
        "neighbours": np.asarray(10),
    }


def info(method="pca"):
    return map_info(result(), method=method, space="posterior mean", classes=("a", "b", "c"))


def test_the_caption_says_what_the_map_is_and_how_good():
    text = info().caption
    assert text.startswith("PCA of 12 posterior means (5-d)")
    assert "variance shown 75 %" in text
    assert "trustworthiness 0.812 (k = 10; 1 is best)" in text


def test_every_point_is_drawn_once_where_it_lies_with_its_row():
    drawn = {}
    for trace in map_figure(info()).data:
        for row, x, y in zip(trace.customdata, trace.x, trace.y, strict=True):
            drawn[row] = (x, y)
    expected = {k: tuple(map(float, xy)) for k, xy in enumerate(info().xy)}
    assert drawn == expected


def test_classes_differ_in_colour_and_in_shape_and_generated_points_stand_apart():
    figure = map_figure(info())
    assert [t.name for t in figure.data] == ["a", "b", "c", "generated"]
    assert len({t.marker.color for t in figure.data}) == 4
    assert len({t.marker.symbol for t in figure.data}) == 4
    assert len(set(COLOURS)) == len(set(SYMBOLS)) == 10


def test_the_same_info_gives_the_same_figure_byte_for_byte():
    first, second = map_figure(info()).to_json(), map_figure(info()).to_json()
    assert first == second
    assert isinstance(map_figure(info()).data[0], go.Scattergl)
    assert map_figure(info()).to_json() != map_figure(info("tsne")).to_json()
