"""Animations of pictures as GIF and MP4 files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image


def gif(frames: ArrayLike, *, seconds: float = 0.08, scale: int = 0) -> bytes:
    """An animated GIF of pictures, which repeats for ever.

    Args:
        frames: (n, C, H, W) in [0, 1], one or three channels.
        seconds: that each is shown; GIF counts in hundredths.
        scale: how many pixels a pixel becomes; 0 for about 224 a side.

    Raises:
        ValueError: for an array of another shape.

    Example:
        >>> gif(np.zeros((2, 1, 4, 4)))[:6]
        b'GIF89a'
    """
    pages = [Image.fromarray(page) for page in _pages(frames, scale)]
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


def mp4(frames: ArrayLike, *, seconds: float = 0.08, scale: int = 0) -> bytes:
    """A film as MP4 (H.264 at a quality where no loss is seen), each frame shown so long.

    Args:
        frames: (n, C, H, W) in [0, 1], one or three channels.
        seconds: that each is shown.
        scale: how many pixels a pixel becomes; 0 for about 224 a side.

    Raises:
        ValueError: for an array of another shape.
    """
    import av

    pages = _pages(frames, scale)
    # H.264 halves the colours' resolution: sides are even, by a last row or column twice.
    odd = [side % 2 for side in pages.shape[1:3]]
    pages = np.pad(pages, [(0, 0), (0, odd[0]), (0, odd[1]), *[(0, 0)] * (pages.ndim - 3)], "edge")
    if pages.ndim == 3:
        pages = np.repeat(pages[..., None], 3, axis=-1)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as film:
        rate = Fraction(1 / seconds).limit_denominator(1000)
        stream = film.add_stream("libx264", rate=rate, options={"crf": "8"})
        stream.height, stream.width = pages.shape[1:3]
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for page in pages:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(page, format="rgb24")))
        film.mux(stream.encode(None))
    return out.getvalue()


@dataclass(frozen=True)
class Form:
    """A row of the table of forms of a film.

    Args:
        write: from frames to the file.
        mime: its media type.
    """

    write: Callable[..., bytes]
    mime: str


FORMS: Mapping[str, Form] = {"gif": Form(gif, "image/gif"), "mp4": Form(mp4, "video/mp4")}


def forward_and_back(frames: NDArray[Any]) -> NDArray[Any]:
    """Frames that go back the way they came, each end once.

    Example:
        >>> forward_and_back(np.arange(4)).tolist()
        [0, 1, 2, 3, 2, 1]
    """
    return np.concatenate([frames, frames[-2:0:-1]]) if len(frames) > 2 else frames


def _pages(frames: ArrayLike, scale: int) -> NDArray[np.uint8]:
    """The frames as bytes, enlarged: (n, H, W) in grey or (n, H, W, 3)."""
    x = np.asarray(frames, dtype=np.float64)
    if x.ndim != 4 or x.shape[1] not in (1, 3) or not len(x):
        raise ValueError(f"frames of shape (n, 1 or 3, H, W) are needed, not {x.shape}")
    times = scale or max(1, round(224 / x.shape[2]))
    pixels = np.rint(np.clip(x, 0.0, 1.0) * 255).astype(np.uint8)
    pixels = pixels.repeat(times, axis=2).repeat(times, axis=3)
    return pixels[:, 0] if x.shape[1] == 1 else np.moveaxis(pixels, 1, -1)
