"""Pictures one after the other, as a file to keep."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image


def gif(
    frames: ArrayLike, *, seconds: float = 0.08, scale: int = 0, to_and_fro: bool = False
) -> bytes:
    """An animated GIF of pictures, which repeats for ever.

    Args:
        frames: (n, C, H, W) in [0, 1], one or three channels.
        seconds: that each is shown; GIF counts in hundredths.
        scale: how many pixels a pixel becomes; 0 for about 224 a side.
        to_and_fro: whether it goes back the way it came.

    Raises:
        ValueError: for an array of another shape.

    Example:
        >>> gif(np.zeros((2, 1, 4, 4)))[:6]
        b'GIF89a'
    """
    x = np.asarray(frames, dtype=np.float64)
    if x.ndim != 4 or x.shape[1] not in (1, 3) or not len(x):
        raise ValueError(f"frames of shape (n, 1 or 3, H, W) are needed, not {x.shape}")
    if to_and_fro and len(x) > 2:
        x = np.concatenate([x, x[-2:0:-1]])
    times = scale or max(1, round(224 / x.shape[2]))
    pages = [_page(one, times) for one in x]
    out = io.BytesIO()
    pages[0].save(
        out,
        format="GIF",
        save_all=True,
        append_images=pages[1:],
        duration=max(20, round(1000 * seconds)),
        loop=0,
        disposal=2,
    )
    return out.getvalue()


def _page(x: np.ndarray, times: int) -> Image.Image:
    pixels = np.rint(np.clip(x, 0.0, 1.0) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
    size: Sequence[int] = (picture.width * times, picture.height * times)
    return picture.resize((size[0], size[1]), Image.Resampling.NEAREST)
