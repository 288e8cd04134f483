"""Images of more than 8 bits in a ZIP, real numbers among them, and odd arrays in an npz."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genlab.core.errors import DataError
from genlab.data.readers import read

RANDOM = np.random.default_rng(5)


def archive(images: Sequence[NDArray[np.generic]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for k, pixels in enumerate(images):
            one = io.BytesIO()
            Image.fromarray(pixels).save(one, "TIFF")
            made.writestr(f"{k:02d}.tif", one.getvalue())
    return out.getvalue()


@pytest.mark.parametrize(
    ("low", "high", "black", "white"),
    [(0.0, 0.97, 0.0, 1.0), (-3.0, 4.0, -3.0, 4.0), (0.0, 0.02, 0.0, 0.02)],
)
def test_real_pixels_are_scaled_by_the_set(
    low: float, high: float, black: float, white: float
) -> None:
    """From 0 to 1 all were nearly black before, and negative ones were cut in silence."""
    images = [RANDOM.uniform(low, high, (28, 28)).astype(np.float32) for _ in range(12)]
    images[0][0, :2] = low, high
    found = read(archive(images), {})
    wanted = np.rint((np.stack(images) - black) / (white - black) * 255)
    assert np.abs(found.x[:, 0].astype(float) - wanted).max() <= 1
    assert f"is taken for black and {white:g} for white" in " ".join(found.notes)
    assert "32 bits a pixel" in " ".join(found.notes)


def test_whole_pixels_of_32_bits_are_scaled_by_the_set() -> None:
    images = [RANDOM.integers(-500, 3000, (28, 28)).astype(np.int32) for _ in range(12)]
    found = read(archive(images), {})
    low, high = np.min(images), np.max(images)
    wanted = (np.stack(images) - low) / (high - low) * 255
    assert np.abs(found.x[:, 0].astype(float) - wanted).max() <= 1


def test_images_with_nan_are_left_out_for_that_reason() -> None:
    images = [RANDOM.uniform(0, 1, (28, 28)).astype(np.float32) for _ in range(12)]
    images[3][0, 0], images[4][0, 0] = np.nan, np.inf
    found = read(archive(images), {})
    assert len(found.x) == 10
    assert "2 images left out: some of its values are NaN or infinite" in " ".join(found.notes)


@pytest.mark.parametrize("which", ["x", "y"])
def test_a_single_number_in_an_npz_is_refused(which: str) -> None:
    arrays = {"x": RANDOM.normal(size=(30, 2)), "y": np.arange(30) % 2}
    out = io.BytesIO()
    np.savez(out, **{**arrays, which: np.float64(3.0)})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"the array '{which}' is a single number"):
        read(out.getvalue(), {})
