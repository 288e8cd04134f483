"""Probes of fully visible Bayes nets: bits, surprise of each pixel, completions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading, Series
from genlab.core.random import scope
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.data.pixel_masks import known_pixels as known_part
from genlab.models.base import GenerativeModel
from genlab.models.visible import FullyVisible, HasMarginals
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import held_out

#: Examples in the number; columns and rows of the surprise sheet; columns of the completions.
NUMBERS, COLUMNS, ROWS = 256, 8, 3
#: The share of known pixels, if they are scattered.
SOME = 0.2
#: This surprise, in bits, is drawn white.
WHITE = 5.0


@PROBES.register("bits", title="Bits per dimension on held-out data", order=270)
class HeldOutBits(Probe):
    """-log2 p(x) / D, exact, on fixed held-out examples."""

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, FullyVisible)

    @property
    def series(self) -> tuple[Series, ...]:
        n = min(NUMBERS, len(self.data.validation))
        title = "Bits per dimension, held-out"
        return (Series("val_bits_per_dim", title, "bits", "bits/dim", "exact", n, "lower"),)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, FullyVisible)
        x, _ = held_out(self.data, NUMBERS)
        return Reading({"val_bits_per_dim": float(model.bits_per_dim(x).mean())})


class _PixelProbe(Probe):
    """Base of the probes of a fully visible net's pixels."""

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, FullyVisible) and data.meta.is_image


@PROBES.register("surprise", title="Surprise of each pixel", order=280)
class Surprise(_PixelProbe):
    """Held-out images above -log2 p(pixel | the pixels before it), exact."""

    views: ClassVar[Mapping[str, View]] = {
        "surprise": View(
            "quality",
            "Held-out images, and below each how surprised the model is by every pixel.",
            "visible",
            65,
        ),
    }

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, FullyVisible)
        x, _ = held_out(self.data, ROWS * COLUMNS)
        columns = min(COLUMNS, len(x))
        x = x[: len(x) // columns * columns]
        bits = -model.conditionals(x) / math.log(2)
        sheet = _rows_in_turn(x, (bits / WHITE).clamp(0.0, 1.0), columns=columns)
        note = (
            "rows in pairs: held-out images, and the surprise of each pixel given those before it "
            f"in the model's order; exact, black 0 bits, white {WHITE:g} bits and more; "
            f"n = {len(x)}, mean {float(bits.mean()):.3f} bits"
        )
        payload = {"x": sheet, "columns": columns}
        return Reading(pictures={"surprise": Picture("images", "Surprise", payload, note)})


@PROBES.register("completion", title="Completions", order=290)
class Completion(_PixelProbe):
    """Held-out images, their first half in the model's order, and two completions of it.

    For a model that takes any missing part, :class:`Inpainting` shows more.
    """

    views: ClassVar[Mapping[str, View]] = {
        "completion": View(
            "quality",
            "Held-out images whose second half is drawn by the model, twice.",
            "visible",
            75,
        ),
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return super().fits(model, data) and not issubclass(model, HasMarginals)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, FullyVisible)
        x, _ = held_out(self.data, COLUMNS)
        known = model.prefix(model.meta.dim // 2)
        with scope(0, "completion"):
            both = model.complete(x.repeat(2, *[1] * (x.dim() - 1)), known)
        half = torch.where(known, x, torch.full_like(x, 0.5))
        sheet = torch.cat([x, half, both])
        note = (
            "rows: held-out images; the pixels that are given (the rest grey); two exact draws of "
            f"the rest given these; n = {len(x)}, the same noise at every step"
        )
        payload = {"x": sheet, "columns": len(x)}
        return Reading(pictures={"completion": Picture("images", "Completions", payload, note)})


@PROBES.register("any_part", title="Completions from any part", order=300)
class Inpainting(Probe):
    """Held-out images with a part missing: its exact marginals given the rest, and a draw."""

    views: ClassVar[Mapping[str, View]] = {
        "any_part": View(
            "quality",
            "Held-out images with a missing part, and the model's draw of this part.",
            "visible",
            75,
        ),
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasMarginals) and data.meta.is_image

    def masks(self) -> dict[str, Tensor]:
        """The masks of known pixels, by name: boolean, data_shape."""
        shape = self.data.meta.shape
        return {
            "the lower half": known_part("lower", 0.5, shape),
            "the right half": known_part("right", 0.5, shape),
            f"{SOME:.0%} of the pixels": known_part("scattered", SOME, shape),
        }

    @property
    def series(self) -> tuple[Series, ...]:
        n = min(NUMBERS, len(self.data.validation))
        title = f"Bits of a missing pixel, given {SOME:.0%} of the pixels, held-out"
        return (Series("val_missing_bits", title, "bits", "bits/dim", "exact", n, "lower"),)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, FullyVisible)
        assert isinstance(model, HasMarginals)
        x, _ = held_out(self.data, COLUMNS)
        rows = [x]
        for known in self.masks().values():
            with scope(0, "any part"):
                drawn = model.complete(x, known)
            rows += [torch.where(known, x, 0.5), model.marginals(x, known), drawn]
        note = (
            "rows: held-out images; then in threes the pixels that are given (the rest grey), "
            "p(pixel = 1 | these) and a draw, both exact. Given: "
            f"{'; '.join(self.masks())}. n = {len(x)}, the same noise at every step"
        )
        sheet = {"x": torch.cat(rows), "columns": len(x)}
        picture = Picture("images", "Completions from any part", sheet, note)
        x, _ = held_out(self.data, NUMBERS)
        *_, known = self.masks().values()
        nats = model.log_marginal(x, known) - model.log_prob(x)
        bits = float(nats.mean()) / (math.log(2) * max(1, int((~known).sum())))
        return Reading({"val_missing_bits": bits}, {"any_part": picture})


def _rows_in_turn(*parts: Tensor, columns: int = COLUMNS) -> Tensor:
    """The rows of several image sheets in turn; (rows * columns, C, H, W)."""
    rows = [part.unflatten(0, (-1, columns)) for part in parts]
    return torch.stack(rows, dim=1).flatten(0, 2)
