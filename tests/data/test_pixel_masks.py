"""Parts of a picture grow with their share, and lie where their names say."""

from __future__ import annotations

import itertools

import pytest

from genlab.core.errors import SpecError
from genlab.data.pixel_masks import PARTS, known_pixels

SHAPE = (3, 12, 8)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_grows_from_nothing_to_all(name: str) -> None:
    masks = [known_pixels(name, k / 20, SHAPE) for k in range(21)]
    assert masks[0].sum() == 0
    assert masks[-1].all()
    for small, large in itertools.pairwise(masks):
        assert bool((large | ~small).all())
        assert large.shape == SHAPE
        # All channels of a pixel are known, or none.
        assert bool((large[0] == large[2]).all())


def test_parts_lie_where_their_names_say() -> None:
    upper, lower = (known_pixels(name, 0.5, SHAPE) for name in ("upper", "lower"))
    left, right = (known_pixels(name, 0.25, SHAPE) for name in ("left", "right"))
    assert bool((upper ^ lower).all())
    assert upper[0, 0].all()
    assert left[0, :, 0].all()
    assert left.sum() == right.sum() == 3 * 12 * 2
    assert right[0, :, -1].all()
    rim = known_pixels("rim", 0.3, SHAPE)
    assert rim[0, 0].all()
    assert rim[0, :, 0].all()
    assert not rim[0, 5:7, 3:5].any()


def test_a_part_that_is_none_is_refused() -> None:
    with pytest.raises(SpecError, match="part"):
        known_pixels("middle", 0.5, SHAPE)
    with pytest.raises(SpecError, match="from 0 to 1"):
        known_pixels("upper", 1.5, SHAPE)
