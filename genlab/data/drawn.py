"""The dataset of a drawn distribution: its density is known, as it is for any toy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from genlab.core import options
from genlab.core.errors import DataError, SpecError
from genlab.core.options import option
from genlab.core.tables import DATASETS
from genlab.data import drawings
from genlab.data.base import DataMeta, Density
from genlab.data.toys import Toy, ToyOptions


@dataclass(frozen=True)
class DrawnOptions(ToyOptions):
    """Which drawing."""

    drawing: str = option(
        "smile",
        "a drawing: an example, or one of your own by its id",
        choices=drawings.choices,
        label="Drawing",
    )


@DATASETS.register(
    "drawn",
    title="A distribution that you draw",
    summary="Points whose density you draw on the line or in the plane.",
    order=95,
)
class Drawn(Toy):
    """Points of a density that is constant within each cell of a grid, by a drawing."""

    Options: ClassVar[type[options.Options]] = DrawnOptions

    @classmethod
    def drawing_of(cls, given: Any) -> drawings.Drawing:
        """The drawing of the options.

        Raises:
            SpecError: if there is none, or it is damaged.
        """
        try:
            return drawings.find(given.drawing)
        except DataError as error:
            raise SpecError("drawing", given.drawing, str(error)) from None

    @classmethod
    def meta(cls, options: Any) -> DataMeta:
        made = cls.drawing_of(options)
        note = (
            "The exact log-density is known: it is constant within each cell of the drawing, "
            f"which covers {drawings.share(made)}; its entropy is {made.density.entropy:.4g} nats."
        )
        return DataMeta((made.dim,), "real", density=True, note=note)

    @classmethod
    def shape(cls, options: Any) -> tuple[int, ...]:
        return (cls.drawing_of(options).dim,)

    @classmethod
    def density(cls, options: Any) -> Density:
        return cls.drawing_of(options).density

    @classmethod
    def sidecar(cls, options: Any) -> Mapping[str, Any] | None:
        return None if options.drawing in drawings.EXAMPLES else cls.drawing_of(options).flat()

    @classmethod
    def unpack(cls, sidecar: Mapping[str, Any]) -> None:
        drawings.take_guest(sidecar)
