"""The map's numbers, and the message that the page draws it from."""

from __future__ import annotations

import base64

import numpy as np
import plotly.colors
import pytest

from genlab.figures.latent import RAMP, by_class, by_value, map_data, map_info, positions
from genlab.figures.style import COLOURS, SYMBOLS


def result(n=12, dims=2):
    rng = np.random.default_rng(0)
    label = np.array([0, 1, 2] * (n // 3))
    label[-2:] = -1
    index = np.arange(n)
    index[-2:] = -1
    return {
        "xy": rng.normal(size=(n, dims)).astype(np.float32),
        "code": rng.normal(size=(n, 5)).astype(np.float32),
        "label": label,
        "index": index,
        "explained": np.array([0.5, 0.25]),
        "trustworthiness": np.asarray(0.8125),
        "continuity": np.asarray(0.9375),
        "neighbours": np.asarray(10),
        "compared": np.asarray(n),
        "iterations": np.asarray(0),
        "stopped": np.asarray(False),
        "loss": np.asarray(np.nan),
    }


def info(**changed):
    made = result() | {name: np.asarray(value) for name, value in changed.items()}
    return map_info(made, method="PCA", space="posterior mean", classes=("a", "b", "c"))


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_caption_says_what_the_map_is_and_how_good():
    text = info().caption
    assert text.startswith("PCA of 12 posterior means (5-d)")
    assert "variance shown 75 %" in text
    # The numbers stand on the map, and in the words that stand for it, once each.
    quality = "trustworthiness 0.812 · continuity 0.938 (k = 10)"
    assert "trustworthiness" not in text
    assert "1 is best, from 8 of the points" in info(compared=8).caption
    data = map_data(info(), "map")
    assert data["quality"] == quality
    assert data["words"].endswith(f": {quality}")
    stopped = info(iterations=300, stopped=True, loss=1.25).caption
    assert "KL 1.250 nats after 300 iterations (stopped there)" in stopped


@pytest.mark.parametrize("dims", [2, 3])
def test_positions_come_back_from_sixteen_bits(dims):
    xy = result(dims=dims)["xy"]
    data = positions([xy])
    low, high = np.array(data["low"]), np.array(data["high"])
    back = low + numbers(data["xy"], "<u2").reshape(-1, dims) / 65535 * (high - low)
    np.testing.assert_allclose(back, xy, atol=float((high - low).max()) / 65535)
    film = positions([xy, 2 * xy])
    assert len(film["frames"]) == 2
    assert film["high"] == pytest.approx((2 * xy).max(0).tolist())


def test_classes_have_a_colour_each_and_generated_points_stand_apart():
    data = map_data(info(), "m", marks={"A": 3})
    assert data["names"] == ["a", "b", "c"]
    assert data["palette"] == list(COLOURS[:3])
    assert numbers(data["colour"], np.uint8)[:10].tolist() == [0, 1, 2] * 3 + [0]
    assert numbers(data["generated"], np.uint8).tolist() == [0] * 10 + [1, 1]
    assert data["marks"] == {"A": 3}
    assert data["words"] == f"{info().caption}: {info().quality}"
    assert len(set(COLOURS)) == len(set(SYMBOLS)) == 10


def test_points_of_no_class_share_one():
    label = np.array([-1, 1, -1])
    found = by_class(label, (), np.array([False, False, True]))
    assert found["names"] == ["0", "1", "data"]
    assert numbers(found["colour"], np.uint8).tolist() == [2, 1, 2]


def test_values_are_on_an_even_ramp_between_percentiles():
    values = np.append(np.arange(100.0), np.nan)
    found = by_value(values, "error")
    low, high = np.quantile(values[:100], [0.01, 0.99])
    level = numbers(found["colour"], np.uint8)
    expected = np.clip(255 * (values[:100] - low) / (high - low), 0, 255).round()
    assert level[:100].tolist() == expected.tolist()
    assert level[100] == 0
    assert found["values"] == {"title": "error", "low": pytest.approx(0.99), "high": high}
    rgb = [plotly.colors.unlabel_rgb(c) for c in RAMP]
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in rgb]
    assert light == sorted(light)


def test_the_same_info_gives_the_same_message():
    assert map_data(info(), "m") == map_data(info(), "m")
    assert map_data(info(), "m")["xy"] != positions([2 * info().xy[:5]])["xy"]
