"""Pictures as bytes and plain values: PNG sheets, and numbers that JSON can hold."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_plain(value: Any) -> Any:
    """Convert arrays and tensors to lists, round numbers to 7 digits, and make NaN None.

    Example:
        >>> to_plain({"x": np.array([0.5, np.nan])})
        {'x': [0.5, None]}
    """
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            digits = [float(f"{v:.7g}") if np.isfinite(v) else None for v in value.ravel()]
            return _nested(digits, value.shape)
        return value.tolist()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    if len(shape) == 1:
        return flat
    size = len(flat) // shape[0] if shape[0] else 0
    return [_nested(flat[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def as_array(x: Any) -> NDArray[Any]:
    """A tensor or array on the CPU as a NumPy array."""
    return np.asarray(x.detach().cpu().numpy() if hasattr(x, "detach") else x)


def sheet(images: Any, columns: int) -> NDArray[np.uint8]:
    """Lay images (n, C, H, W) in [0, 1] out in rows without gaps, (rows H, columns W[, 3]).

    Example:
        >>> sheet(np.ones((3, 1, 2, 2)), 2).shape
        (4, 4)
    """
    x = np.asarray(as_array(images), dtype=np.float32)
    n, channels, height, width = x.shape
    rows = -(-n // columns)
    full = np.zeros((rows * columns, channels, height, width), np.float32)
    full[:n] = np.nan_to_num(x)
    grid = full.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    grid = grid.reshape(rows * height, columns * width, channels)
    pixels = (grid.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    if channels == 1:
        return pixels[..., 0]
    return pixels[..., :3] if channels >= 3 else pixels[..., [0, 0, 0]]


def unsheet(
    pixels: NDArray[np.uint8], n: int, columns: int, shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Cut a sheet back into its images, (n, C, H, W) in [0, 1].

    Example:
        >>> unsheet(sheet(np.ones((3, 1, 2, 2)), 2), 3, 2, (1, 2, 2)).shape
        (3, 1, 2, 2)
    """
    channels, height, width = shape
    page = pixels if pixels.ndim == 3 else pixels[..., None]
    rows = page.shape[0] // height
    grid = page.reshape(rows, height, columns, width, page.shape[2]).transpose(0, 2, 4, 1, 3)
    images = grid.reshape(rows * columns, page.shape[2], height, width)[:n, :channels]
    return images.astype(np.float32) / np.float32(255.0)


def contact_sheet(x: Any, columns: int = 0, *, gap: int = 2, height: int = 0) -> NDArray[np.uint8]:
    """Lay images out in rows on a grey ground, each enlarged by a whole factor.

    Args:
        x: (n, C, H, W) in [0, 1], C of 1 or 3.
        columns: images per row; 0 for a sheet about as wide as high.
        gap: pixels between images.
        height: the wanted height of one image in pixels; the nearest whole enlargement is taken.

    Returns:
        (height, width, 3) bytes.

    Example:
        >>> contact_sheet(np.ones((4, 1, 2, 2)), columns=2).shape
        (6, 6, 3)
    """
    images = np.clip(np.nan_to_num(np.asarray(as_array(x), dtype=np.float64)), 0.0, 1.0)
    factor = max(1, round(height / images.shape[2])) if height else 1
    pixels = np.rint(255 * images).astype(np.uint8).transpose(0, 2, 3, 1)
    pixels = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    n, h, w, _ = pixels.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    page = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), 128, dtype=np.uint8)
    for k in range(n):
        top, left = (k // columns) * (h + gap), (k % columns) * (w + gap)
        page[top : top + h, left : left + w] = pixels[k]
    return page


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels as PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()
