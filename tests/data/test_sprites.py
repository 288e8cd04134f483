"""Sprites: areas, centres and turns of the pictures against geometry."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.tables import DATASETS
from genlab.data.sprites import FACTORS, SIDE, render
from genlab.testing.data_contract import loaded

#: The pixels of a sprite of scale 1 over those of the picture, which is 2 wide.
AREA = {"square": 1.7**2, "ellipse": math.pi * 1.1 * 0.6}


@pytest.mark.parametrize("shape", ["square", "ellipse"])
@pytest.mark.parametrize("rotation", [0.0, 0.5])
def test_the_area_is_that_of_geometry(shape: str, rotation: float) -> None:
    scale = 0.4
    found = float(render(shape, scale, rotation, 0.1, -0.2).sum())
    assert found == pytest.approx(AREA[shape] * (scale * SIDE / 2) ** 2, rel=0.02)


@pytest.mark.parametrize("shape", ["square", "ellipse"])
def test_the_centre_is_where_it_was_put(shape: str) -> None:
    x, y = 0.35, -0.25
    picture = render(shape, 0.3, 0.3, x, y)[0]
    axis = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    mass = picture.sum()
    assert float((picture.sum(0) * axis).sum() / mass) == pytest.approx(x, abs=0.01)
    assert float((picture.sum(1) * -axis).sum() / mass) == pytest.approx(y, abs=0.01)


def test_a_square_after_a_quarter_turn_is_the_same_and_before_it_is_not() -> None:
    upright = render("square", 0.3, 0.0, 0.0, 0.0)
    torch.testing.assert_close(
        render("square", 0.3, math.pi / 2, 0.0, 0.0), upright, atol=0.07, rtol=0
    )
    assert max(FACTORS["rotation"]) < math.pi / 2
    assert (
        float((render("square", 0.3, FACTORS["rotation"][-1], 0, 0) - upright).abs().max()) > 0.3
    )


def test_every_combination_is_there_once_and_fits_the_picture() -> None:
    data = loaded("sprites")
    parts = (data.train, data.validation, data.test)
    factors = torch.cat([part.factors for part in parts if part.factors is not None])
    sizes = [size for _, size in data.meta.factors]
    assert [name for name, _ in data.meta.factors] == list(FACTORS)
    assert len(factors) == math.prod(sizes) == 7200
    assert len(torch.unique(factors, dim=0)) == 7200
    x = torch.cat([part.x for part in parts])
    assert float(x[:, :, 0].max()) == float(x[:, :, :, 0].max()) == 0.0
    assert len(torch.unique(x.flatten(1), dim=0)) == 7200


def test_factors_belong_to_their_pictures() -> None:
    source = DATASETS["sprites"]
    part = source.load(source.Options(examples=40)).train
    assert part.factors is not None
    assert part.y is not None
    assert len(part.factors) == 40
    assert torch.equal(part.factors[:, 0], part.y)
    for x, row in zip(part.x[:10], part.factors[:10].tolist(), strict=True):
        values = [list(v)[i] for v, i in zip(FACTORS.values(), row, strict=True)]
        torch.testing.assert_close(x, render(*values), atol=0.5 / 255 + 1e-6, rtol=0)
