"""The sets that are read through torchvision: MNIST, Fashion-MNIST, KMNIST and CIFAR-10."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core import options, vision
from genlab.core.errors import DataError
from genlab.core.options import option
from genlab.core.tables import DATASETS
from genlab.data import cache, images
from genlab.data.base import DataMeta, Dataset, DataSource, Progress

DOWNLOAD = "fetch the files from the publisher if they are missing"


@dataclass(frozen=True)
class VisionOptions(images.GreyOptions):
    """Options of the grey sets."""

    download: bool = option(False, DOWNLOAD, advanced=True, label="Download if missing")


@dataclass(frozen=True)
class ColourOptions(images.ImageOptions):
    """Options of the colour sets."""

    download: bool = option(False, DOWNLOAD, advanced=True, label="Download if missing")


def root() -> Path:
    """The folder of torchvision's files: ``GENLAB_DATA``, or ``data`` next to the runs."""
    given = os.environ.get("GENLAB_DATA", "").strip()
    if given:
        return Path(given).expanduser()
    return (cache.files() or Path("checkpoints")) / "data"


def offline() -> tuple[str, ...]:
    """The names of the sets that need neither files nor a network.

    Example:
        >>> "digits" in offline(), "mnist" in offline()
        (True, False)
    """
    rows = [row for row in DATASETS.rows() if not row.value.user_supplied]
    return tuple(r.name for r in rows if not r.value.meta(r.value.Options()).network)


class Vision(DataSource):
    """A set of torchvision: its official test part is ``test``, ``validation`` is from train."""

    Options: ClassVar[type[options.Options]] = VisionOptions
    #: The class in torchvision.datasets, and the folder of its files.
    kind: ClassVar[str]
    folder: ClassVar[str]
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    classes: ClassVar[tuple[str, ...]] = images.DIGITS
    note: ClassVar[str]

    @classmethod
    def meta(cls, options: Any) -> DataMeta:
        return images.meta(cls.shape, options, cls.classes, cls.note, network=True)

    @classmethod
    def load(cls, options: Any, progress: Progress | None = None) -> Dataset:
        x, y = cls._read(True, options.download, progress)
        held_out = max(1, len(x) // 12)
        sizes = {"train": len(x) - held_out, "validation": held_out}
        parts = images.carve(x, y, sizes, cls.name)
        parts["test"] = cls._read(False, options.download, progress)
        if progress is not None:
            progress(1.0, f"{len(x)} images read")
        return images.dataset(cls.meta(options), options, parts, 255, cls.name)

    @classmethod
    def _read(
        cls, train: bool, download: bool, progress: Progress | None
    ) -> tuple[Tensor, Tensor]:
        folder = root()
        # Looked up before torchvision is imported: the message needs no import of seconds.
        if not download and not (folder / cls.folder).is_dir():
            raise cls._absent(folder)
        try:
            x, y = vision.read(cls.kind, folder, train, download=download, progress=progress)
        except FileNotFoundError:
            raise cls._absent(folder) from None
        except DataError as error:
            raise DataError(f"{error} (without a network: {', '.join(offline())})") from None
        sound = x.dtype == torch.uint8 and x.shape[1:] == cls.shape and len(x) == len(y) >= 2
        if not sound or int(y.max()) >= len(cls.classes):
            raise DataError(
                f"the files of {cls.name} in {folder / cls.folder} are not those of {cls.kind}: "
                f"images {tuple(x.shape)}, labels {tuple(y.shape)}; nothing was changed; "
                "delete them and load the set again with download = true"
            )
        return x, y

    @classmethod
    def _absent(cls, folder: Path) -> DataError:
        return DataError(
            f"the files of {cls.name} are not in {folder / cls.folder}; nothing was started. "
            "Set GENLAB_DATA to the folder that holds them, or give download = true to fetch "
            f"them; these sets need neither files nor a network: {', '.join(offline())}"
        )


@DATASETS.register(
    "mnist", title="MNIST", summary="70,000 digits, 28 × 28; files needed.", order=140
)
class Mnist(Vision):
    """The full MNIST with its official test set.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
    """

    kind, folder = "MNIST", "MNIST/raw"
    note = "60,000 + 10,000 digits; read from files or fetched on request."


@DATASETS.register(
    "fashion_mnist",
    title="Fashion-MNIST",
    summary="70,000 clothes, 28 × 28; files needed.",
    order=150,
)
class FashionMnist(Vision):
    """Images of clothes in MNIST's format.

    Source: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms".
    """

    kind, folder = "FashionMNIST", "FashionMNIST/raw"
    note = "60,000 + 10,000 images of clothes; read from files or fetched on request."
    classes = (
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )


@DATASETS.register(
    "kmnist",
    title="Kuzushiji-MNIST",
    summary="70,000 Japanese characters, 28 × 28; files needed.",
    order=160,
)
class Kmnist(Vision):
    """Cursive Japanese characters in MNIST's format.

    Source: Clanuwat et al. 2018, "Deep learning for classical Japanese literature".
    """

    kind, folder = "KMNIST", "KMNIST/raw"
    note = "60,000 + 10,000 cursive characters; read from files or fetched on request."
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@DATASETS.register(
    "cifar10", title="CIFAR-10", summary="60,000 colour photos, 32 × 32; files needed.", order=170
)
class Cifar10(Vision):
    """Small colour photographs of ten kinds of things.

    Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    """

    Options = ColourOptions
    kind, folder = "CIFAR10", "cifar-10-batches-py"
    shape = (3, 32, 32)
    note = "50,000 + 10,000 colour photographs; read from files or fetched on request."
    classes = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
