"""Features of a small classifier, in which the quality of samples is measured.

A classifier learns the classes of a dataset from its training split. Its penultimate layer, with
unit variance on the training split, gives features of an image: a space in which images that
differ in what matters for their class are far apart. Numbers measured in it compare within one
classifier only, which is why each carries the first digits of the classifier's hash. They are not
the FID and KID of the literature, whose features come from a net trained on photographs.

Classifiers for digits and fashion ship with the project (``scripts/make_features.py``). For any
other set with classes one is trained once and kept in the cache.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from genlab.core.errors import DataError
from genlab.core.folders import ROOT
from genlab.core.random import scope
from genlab.data.base import Dataset, Progress
from genlab.data.cache import cached

#: Features of an image; steps of training, pairs of them in a batch, and the rate at the start.
DIM, STEPS, BATCH, RATE = 32, 1500, 128, 2e-3
#: Where the shipped classifiers lie, one file per dataset.
SHIPPED = ROOT / "checkpoints" / "features"
#: Characters of the hash that a title shows.
SHORT = 6
#: Sides up to which maps are halved.
SMALL = 7


class FeatureNet(nn.Module):
    """A convolutional classifier whose penultimate layer has ``DIM`` units.

    Args:
        shape: (channels, height, width) of an image.
        classes: how many there are.
    """

    middle: Tensor
    spread: Tensor
    unit: Tensor

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        layers: list[nn.Module] = []
        wide = 16
        while not layers or max(height, width) > SMALL:
            layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU()]
            if min(height, width) > 1:
                layers.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            channels, wide = wide, min(64, wide * 2)
            if min(height, width) == 1:
                break
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.features = nn.Linear(channels * height * width, DIM)
        self.head = nn.Linear(DIM, classes)
        self.register_buffer("middle", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("unit", torch.ones(DIM))

    def hidden(self, x: Tensor) -> Tensor:
        """The penultimate layer, (B, *shape) -> (B, DIM)."""
        out: Tensor = self.features(self.body((x - self.middle) / self.spread))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the classes, (B, *shape) -> (B, classes)."""
        out: Tensor = self.head(torch.relu(self.hidden(x)))
        return out


@dataclass(frozen=True)
class Features:
    """A trained classifier.

    Args:
        net: in evaluation mode.
        hash: SHA-256 of its weights, as hexadecimal digits.
        accuracy: on the test split.
        tested: examples of the test split.
        shipped: whether it came with the project.
    """

    net: FeatureNet
    hash: str
    accuracy: float
    tested: int
    shipped: bool = False

    @property
    def label(self) -> str:
        """The name of these features, for the titles of numbers measured in them."""
        return f"features {self.hash[:SHORT]}"

    def __call__(self, x: Tensor) -> Tensor:
        """The features of images, (n, *shape) -> (n, DIM), float64, variance 1 in training."""
        with torch.no_grad():
            parts = [self.net.hidden(part) / self.net.unit for part in x.float().split(500)]
        return torch.cat(parts).double()


def features_of(data: Dataset, progress: Progress | None = None) -> Features:
    """The classifier of a dataset: the shipped one, the one in the cache, or a new one.

    Args:
        data: images with at least two classes.
        progress: called with a fraction and a sentence while a new one is trained.

    Raises:
        DataError: if the data are not images or have no classes.
    """
    key = fingerprint(data)
    found = _shipped().get(key)
    if found is not None:
        weights, accuracy = _read(found)
        return _ready(weights, data, accuracy, shipped=True)

    def make() -> dict[str, Tensor]:
        net, accuracy = train_features(data, progress=progress)
        return {**net.state_dict(), "accuracy": torch.tensor(accuracy)}

    weights = dict(cached(f"features-{key}", make))
    return _ready(weights, data, float(weights.pop("accuracy")))


def fingerprint(data: Dataset) -> str:
    """A digest of a dataset: the shape, the support, and the classes of the training split.

    Raises:
        DataError: if the data are not images or have no classes.
    """
    meta, y = data.meta, data.train.y
    if not meta.is_image:
        raise DataError("Features are computed from images, and these data are not images.")
    if y is None or len(meta.classes) < 2 or len(y.unique()) < 2:
        raise DataError(
            "The features of an image come from a classifier, and these data have no classes. "
            "Measure the energy distance or run the classifier two-sample test instead."
        )
    text = f"{meta.shape}|{meta.support}|{len(meta.classes)}|".encode()
    return hashlib.sha256(text + y.to(torch.int64).numpy().tobytes()).hexdigest()[:24]


def train_features(
    data: Dataset, *, seed: int = 0, steps: int = STEPS, progress: Progress | None = None
) -> tuple[FeatureNet, float]:
    """Train a classifier on the training split, and count its hits on the test split.

    Cross-entropy by Adam, the rate falling to zero as half a cosine.

    Args:
        data: images with classes.
        seed: of the weights and batches.
        steps: of training.
        progress: called with a fraction and a sentence.

    Returns:
        The classifier in evaluation mode, and its accuracy on the test split.
    """
    x, y = data.train.x, data.train.y
    assert y is not None
    with scope(seed, "features"), torch.enable_grad():
        net = FeatureNet(data.meta.shape, len(data.meta.classes))
        net.middle.copy_(x.mean())
        net.spread.copy_(x.std().clamp(min=1e-6))
        adam = torch.optim.Adam(net.parameters(), lr=RATE)
        for step in range(steps):
            if progress is not None and step % 50 == 0:
                progress(step / steps, f"a classifier learns the classes, step {step:,}")
            for group in adam.param_groups:
                group["lr"] = RATE * 0.5 * (1.0 + math.cos(math.pi * step / steps))
            i = torch.randint(len(x), (min(BATCH, len(x)),))
            batch = x[i] if data.draw is None else data.draw(x[i])
            loss = nn.functional.cross_entropy(net(batch), y[i])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    net.eval()
    with torch.no_grad():
        hidden = torch.cat([net.hidden(part) for part in x[:10_000].split(500)])
        net.unit.copy_(hidden.std(0).clamp(min=1e-6))
        return net, _accuracy(net, data)


def _accuracy(net: FeatureNet, data: Dataset) -> float:
    y = data.test.y
    assert y is not None
    guesses = torch.cat([net(part).argmax(1) for part in data.test.x.split(500)])
    return float((guesses == y).double().mean())


def _ready(
    weights: dict[str, Tensor], data: Dataset, accuracy: float, *, shipped: bool = False
) -> Features:
    net = FeatureNet(data.meta.shape, len(data.meta.classes))
    net.load_state_dict(weights)
    net.eval()
    return Features(net, weights_hash(weights), accuracy, len(data.test), shipped)


def weights_hash(weights: dict[str, Tensor]) -> str:
    """SHA-256 of the weights in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode())
        found.update(weights[name].float().contiguous().numpy().tobytes())
    return found.hexdigest()


def write_features(path: Path, data: Dataset, net: FeatureNet, accuracy: float, title: str) -> str:
    """Write a classifier that ships, and return its hash."""
    weights = {name: value.contiguous() for name, value in net.state_dict().items()}
    found = weights_hash(weights)
    about = {
        "key": fingerprint(data),
        "sha256": found,
        "accuracy": repr(accuracy),
        "data": title,
        "preprocessing": "x less the mean of all training pixels, divided by their spread",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(weights, metadata=about))
    return found


@functools.cache
def _shipped() -> dict[str, Path]:
    """The shipped files by the fingerprint of their dataset; a damaged file is left out."""
    found = {}
    for path in sorted(SHIPPED.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                found[file.metadata()["key"]] = path
        except (SafetensorError, KeyError, OSError, TypeError):
            continue
    return found


def _read(path: Path) -> tuple[dict[str, Tensor], float]:
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if weights_hash(weights) != about["sha256"]:
        raise DataError(
            f"The shipped classifier {path.name} does not have the hash that it states; nothing "
            "was measured. Restore the file."
        )
    return weights, float(about["accuracy"])
