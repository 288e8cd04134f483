"""Images in rows."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genlab.core.escape import escape_html
from genlab.core.measure import Picture
from genlab.panels.base import PANELS, Encoded, Field, Form
from genlab.panels.encoding import as_array, contact_sheet, png, sheet, to_plain, unsheet
from genlab.panels.thumbnail import SIDE, encode_png

#: The height of one image in a stored file, in pixels: about twice its height on the page, so
#: that all pixels of a sheet are equally large when the sheet fills its column.
HEIGHT = 84


@PANELS.register("images", title="Images")
class Images(Form):
    """Images in rows, stored as one PNG sheet."""

    fields: ClassVar[Mapping[str, Field]] = {
        "x": Field("array", "images in [0, 1], (n, C, H, W)", ("n", "c", "h", "w")),
        "columns": Field("number", "images per row; 0 for about as many as rows", required=False),
        "label": Field("array", "class of each image", required=False, nullable=True),
        "classes": Field("any", "names of the classes", required=False, nullable=True),
    }
    script: ClassVar[tuple[str, str]] = ("images.js", "createSheet")
    extensions: ClassVar[tuple[str, ...]] = ("png",)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        shades = np.linspace(0.0, 1.0, 6 * 16, dtype=np.float32)
        return {"x": shades.reshape(6, 1, 4, 4), "columns": 3}

    @classmethod
    def encode(cls, payload: Mapping[str, Any]) -> Encoded:
        """Convert a payload to what is stored."""
        rest = {name: value for name, value in payload.items() if name not in ("x", "columns")}
        x = payload["x"]
        columns = columns_of(payload)
        head = {"columns": columns, "n": len(x), "shape": list(x.shape[1:])}
        return Encoded({**head, **to_plain(rest)}, {"png": png(sheet(x, columns))})

    @classmethod
    def decode(cls, values: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        """Convert what is stored back to a payload."""
        pixels = np.asarray(Image.open(io.BytesIO(files["png"])))
        payload = super().decode(values, files)
        n, (channels, height, width) = payload.pop("n"), payload.pop("shape")
        x = unsheet(pixels, n, payload["columns"], (channels, height, width))
        return {**payload, "x": x}

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG."""
        del ink
        pixels, address, words = _page(picture)
        height, width = pixels.shape[:2]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-label="{words}">'
            f'<image width="{width}" height="{height}" href="{address}" '
            'style="image-rendering:pixelated"/></svg>'
        )

    @classmethod
    def pixels(cls, picture: Picture, height: int) -> NDArray[np.uint8]:
        """The images as one sheet of pixels."""
        payload = picture.payload
        return contact_sheet(payload["x"], columns_of(payload), height=height)

    @classmethod
    def html(cls, picture: Picture) -> str:
        """The picture as an HTML element."""
        pixels, address, words = _page(picture)
        size = f'width="{pixels.shape[1]}" height="{pixels.shape[0]}"'
        return f'<img alt="{words}" {size} src="{address}">'

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """Up to 4 x 4 images of the sheet's corner."""
        x, columns = as_array(picture.payload["x"]), columns_of(picture.payload)
        rows = max(1, math.ceil(len(x) / columns))
        k = min(4, columns, rows)
        page = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
        cell = (SIDE - (k - 1)) // k
        method = Image.Resampling.NEAREST if x.shape[3] < cell else Image.Resampling.BOX
        for row in range(k):
            for column in range(k):
                index = row * columns + column
                one = x[index : index + 1] if index < len(x) else np.zeros_like(x[:1])
                small = Image.fromarray(sheet(one, 1)).convert("RGB").resize((cell, cell), method)
                page.paste(small, (column * (cell + 1), row * (cell + 1)))
        return encode_png(page)


def columns_of(payload: Mapping[str, Any]) -> int:
    """The images per row of a payload.

    Example:
        >>> columns_of({"x": np.zeros((5, 1, 1, 1))}), columns_of({"x": [], "columns": 8})
        (3, 8)
    """
    return int(payload.get("columns") or math.ceil(math.sqrt(len(payload["x"]))) or 1)


def _page(picture: Picture) -> tuple[NDArray[np.uint8], str, str]:
    """The sheet, its data address, and its description."""
    pixels = Images.pixels(picture, HEIGHT)
    data = base64.b64encode(png(pixels)).decode()
    return (
        pixels,
        f"data:image/png;base64,{data}",
        escape_html(f"{picture.title}: {len(picture.payload['x'])} images", quote=True),
    )
