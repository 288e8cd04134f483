"""Images fitted to a model: size, ground and strokes like those of its training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from genlab.core.errors import DataError
from genlab.data.base import DataMeta, Dataset
from genlab.data.image_uploads import UploadedImage


@dataclass(frozen=True)
class BackgroundStyle:
    """The background and position of a dataset's images, measured on training examples.

    Args:
        ground: the median of the outermost pixels, 0 to 1.
        ink: whether they are strokes on an even ground: grey, and most of their border is either
            black or white.
        extent: the larger side of the strokes' bounding box as a share of the image's side, the
            median.
        centre: where the ink's centre of mass lies, rows and columns in pixels from the middle,
            the medians.
    """

    ground: float
    ink: bool = False
    extent: float = 1.0
    centre: tuple[float, float] = (0.0, 0.0)


def _mass(x: Tensor) -> tuple[Tensor, Tensor]:
    """The centre of mass of images (n, H, W): rows and columns, in pixels from the middle."""
    total = x.sum(dim=(1, 2)).clamp(min=1e-9)
    rows = torch.arange(x.shape[1]) - (x.shape[1] - 1) / 2
    columns = torch.arange(x.shape[2]) - (x.shape[2] - 1) / 2
    return (x.sum(2) @ rows.float()) / total, (x.sum(1) @ columns.float()) / total


def background_style(data: Dataset, n: int = 256) -> BackgroundStyle:
    """The background and the position of the first n training images."""
    x = data.train.x[:n].float()
    edge = torch.cat([x[:, :, 0], x[:, :, -1], x[:, :, :, 0], x[:, :, :, -1]], dim=2)
    ground = float(edge.median())
    flat = float(((edge - ground).abs() < 0.1).double().mean()) > 0.6
    if x.shape[1] > 1 or not flat or 0.25 < ground < 0.75:
        return BackgroundStyle(ground)
    strokes = (x[:, 0] - round(ground)).abs()
    there = strokes > 0.2
    high = there.any(dim=2).sum(dim=1)
    wide = there.any(dim=1).sum(dim=1)
    extent = float(torch.maximum(high, wide).float().median()) / max(x.shape[2:])
    row, column = _mass(strokes)
    return BackgroundStyle(ground, True, extent, (float(row.median()), float(column.median())))


@dataclass(frozen=True)
class FittedImage:
    """An image at the size and range of the model.

    Args:
        x: (*data_shape) in [0, 1].
        notes: the changes, in sentences.
    """

    x: Tensor
    notes: tuple[str, ...]


def fit_to_model(
    picture: UploadedImage,
    meta: DataMeta,
    background_style: BackgroundStyle,
    *,
    invert: bool | None = None,
    centre: bool | None = None,
) -> FittedImage:
    """An image at the size of a model, like the images that the model learned.

    The aspect ratio is kept and the image is centred. If the data are strokes on an even
    background (digits), the strokes are cut out, scaled to their size in the data, and moved so
    that their centre of mass is that of the data, as MNIST was made (LeCun et al. 1998).

    Args:
        picture: the uploaded image.
        meta: of the data, which are images.
        background_style: of the data (:func:`background_style`).
        invert: light for dark; None: where the ground of the image is the other one.
        centre: cut out and move the strokes; None: where the data are strokes.

    Raises:
        DataError: if the data are not images, or no stroke is found.
    """
    if not meta.is_image:
        raise DataError("These data are points, not images: an image cannot be one of them.")
    channels, height, width = meta.shape
    x = torch.from_numpy(np.ascontiguousarray(picture.pixels)).permute(2, 0, 1)
    notes = list(picture.notes)
    if channels == 1:
        x = (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=0, keepdim=True)
    edge = torch.cat([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], dim=1)
    other = background_style.ink and (float(edge.median()) > 0.5) != (
        background_style.ground > 0.5
    )
    if invert if invert is not None else other:
        x, edge = 1.0 - x, 1.0 - edge
        notes.append("Light and dark were exchanged.")
    ground = round(background_style.ground) if background_style.ink else float(edge.median())
    if centre if centre is not None else background_style.ink:
        x = _centred(x, background_style, height, width)
        notes.append(
            f"The strokes were made {background_style.extent:.0%} of the side and their "
            f"centre of mass was "
            "put where it is in the data."
        )
    else:
        x = _boxed(x, height, width, None if channels > 1 else float(ground))
    x = x.clamp(0.0, 1.0)
    if meta.support == "binary":
        x = (x > 0.5).float()
        notes.append("Pixels were made 0 or 1 at one half.")
    return FittedImage(x, tuple(notes))


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    """Images (C, H, W) at another size, by area where they become smaller."""
    pixels = (x.permute(1, 2, 0).numpy() * 255).round().clip(0, 255).astype(np.uint8)
    small = x.shape[1] < height
    how = Image.Resampling.BICUBIC if small else Image.Resampling.LANCZOS
    planes = [
        np.asarray(Image.fromarray(pixels[:, :, c]).resize((width, height), how))
        for c in range(pixels.shape[2])
    ]
    return torch.from_numpy(np.stack(planes).astype(np.float32) / 255.0)


def _boxed(x: Tensor, height: int, width: int, ground: float | None) -> Tensor:
    """The whole image in the middle; the rest is its background, the median of its border."""
    scale = min(height / x.shape[1], width / x.shape[2])
    size = max(1, round(x.shape[1] * scale)), max(1, round(x.shape[2] * scale))
    edge = torch.cat([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], dim=1).median(dim=1).values
    page = edge if ground is None else torch.full((len(x),), ground)
    out = page[:, None, None].expand(-1, height, width).clone()
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    out[:, top : top + size[0], left : left + size[1]] = _resized(x, *size)
    return out


def _centred(x: Tensor, background_style: BackgroundStyle, height: int, width: int) -> Tensor:
    """The strokes, scaled and centred as in the data."""
    ground = float(round(background_style.ground))
    ink = (x - ground).abs()
    # What a camera saw of paper is not even: ink is what stands out from the median.
    floor = float(ink.median())
    ink = ((ink - floor) / max(1e-6, 1.0 - floor)).clamp(min=0.0)
    top = float(ink.max())
    if top < 0.08:
        raise DataError(
            "This image is empty: it is one even colour. Draw or send something "
            "with strokes on an even ground."
        )
    ink = ink / top
    there = ink[0] > 0.2
    rows, columns = there.any(dim=1).nonzero()[:, 0], there.any(dim=0).nonzero()[:, 0]
    ink = ink[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = background_style.extent * min(height, width) / max(ink.shape[1:])
    size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[2] * scale))
    ink = _boxed_at(_resized(ink, *size), height, width)
    row, column = (
        float(at) - wanted for at, wanted in zip(_mass(ink), background_style.centre, strict=True)
    )
    # No stroke is pushed over the edge.
    free = [max(0, whole - part) / 2 for whole, part in zip((height, width), size, strict=True)]
    row, column = max(-free[0], min(free[0], row)), max(-free[1], min(free[1], column))
    theta = torch.tensor([[[1.0, 0.0, 2 * column / width], [0.0, 1.0, 2 * row / height]]])
    grid = affine_grid(theta, [1, *ink.shape], align_corners=False)
    ink = grid_sample(ink[None], grid, align_corners=False)[0]
    return ink if ground < 0.5 else 1.0 - ink


def _boxed_at(x: Tensor, height: int, width: int) -> Tensor:
    out = torch.zeros(len(x), height, width)
    h, w = min(height, x.shape[1]), min(width, x.shape[2])
    top, left = (height - h) // 2, (width - w) // 2
    out[:, top : top + h, left : left + w] = x[:, :h, :w]
    return out
