"""Helpers of the probes: fixed examples, draws from a model, projections, payloads."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genlab.core.random import scope
from genlab.data.base import DataMeta, Dataset
from genlab.models.base import GenerativeModel, HasCritic, HasDecoder, HasProbabilityPath
from genlab.models.labels import conditioned_on
from genlab.nets.norms import has_batch_norm, normalised_by

#: Training and generated examples in the batch that normalises a critic.
REFERENCE = 256


def held_out(data: Dataset, n: int) -> tuple[Tensor, Tensor | None]:
    """The first n examples of the validation split and their labels.

    Missing entries are NaN if the model learns from rows with missing entries.
    """
    split = data.validation
    return split.model_input(data.meta)[:n], None if split.y is None else split.y[:n]


def training_examples(data: Dataset, n: int) -> Tensor:
    """The first n training examples, binarised once even if each batch is binarised anew."""
    x = data.train.x[:n]
    if data.draw is None:
        return x
    with scope(0, "training examples"):
        return data.draw(x)


def reference_batch(data: Dataset, n: int = REFERENCE) -> Tensor:
    """The last training examples, as a reference batch; never held-out ones."""
    x = data.train.x[-n:]
    if data.draw is None:
        return x
    with scope(0, "reference batch"):
        return data.draw(x)


@contextlib.contextmanager
def frozen_batchnorm(model: GenerativeModel, data: Dataset) -> Iterator[None]:
    """Normalise a critic by a fixed batch, half of training and half of generated examples."""
    if not isinstance(model, HasCritic) or not has_batch_norm(model):
        yield
        return
    x = reference_batch(data)
    batch = torch.cat([x, model.sample(len(x))])
    with normalised_by(model, lambda: model.score(batch)):
        yield


def normalisation(model: GenerativeModel) -> str:
    """The part of a picture's note about :func:`frozen_batchnorm`."""
    if not has_batch_norm(model):
        return ""
    return f"; normalised by {REFERENCE} training and {REFERENCE} generated examples"


def with_classes(model: GenerativeModel, n: int, data: Dataset) -> GenerativeModel:
    """A conditional model, conditioned on the classes of the first n training examples."""
    y = data.train.y
    return model if y is None else conditioned_on(model, y[torch.arange(n) % len(y)])


def sample_budget(model: GenerativeModel | type[GenerativeModel], usual: int) -> int:
    """How many samples a probe draws: fewer if a sample takes many evaluations of a net.

    Args:
        model: the model that draws, or its class.
        usual: how many samples a model draws if its net is evaluated once a sample.

    Example:
        >>> from genlab.core.tables import MODELS
        >>> sample_budget(MODELS["vae"], 2000), sample_budget(MODELS["ddpm"], 2000)
        (2000, 400)
    """
    kind = model if isinstance(model, type) else type(model)
    return usual // 5 if issubclass(kind, HasProbabilityPath) else usual


def image_budget(
    model: GenerativeModel | type[GenerativeModel], meta: DataMeta, usual: int
) -> int:
    """How many images a view takes: a quarter if an image takes many evaluations of a net.

    Points stay as many as usual: the evaluations of a small net cost the same for few of them.

    Example:
        >>> from genlab.core.tables import MODELS
        >>> digits, ring = DataMeta((1, 8, 8), "unit"), DataMeta((2,), "real")
        >>> image_budget(MODELS["vae"], digits, 256), image_budget(MODELS["ddpm"], digits, 256)
        (256, 64)
        >>> image_budget(MODELS["ddpm"], ring, 256)
        256
    """
    kind = model if isinstance(model, type) else type(model)
    return usual // 4 if issubclass(kind, HasProbabilityPath) and meta.is_image else usual


def draw(model: GenerativeModel, n: int, data: Dataset | None = None) -> Tensor:
    """n draws of the model with the noise of the likelihood, (n, *data_shape).

    Args:
        model: the model that draws.
        n: the number of draws.
        data: a conditional model takes the classes of its training examples, so that the draws
            have the distribution Σ_y p(y) p(x | y); without data the labels stay unknown.
    """
    if data is not None:
        model = with_classes(model, n, data)
    # A model of a path draws by its own sampler, which may be stochastic.
    if isinstance(model, HasDecoder) and not isinstance(model, HasProbabilityPath):
        return model.decode(model.prior().sample(torch.Size((n,)))).sample()
    return model.sample(n)


def generated_examples(model: GenerativeModel, data: Dataset, n: int) -> tuple[Tensor, str]:
    """Generated examples for a critic or a metric, and a description of them.

    Images are the mean of p(x | z), as they are shown: pixel noise would make generated images
    easy to recognise. Points, and images of black and white pixels, are draws of the model.
    """
    shown = data.meta.is_image and data.meta.support != "binary"
    sizes = [len(part) for part in torch.empty(n).split(500)]
    with torch.no_grad():
        conditioned = ((with_classes(model, size, data), size) for size in sizes)
        x = torch.cat([m.sample(size) if shown else draw(m, size) for m, size in conditioned])
    return x, "as shown (means)" if shown else "draws"


def principal(x: Tensor, parts: int = 2) -> Tensor:
    """The scores of the first principal components, (n, f) -> (n, parts).

    The sign of a component is fixed: its score of largest size is positive. The Gram matrix is
    used, because there are fewer points than features.

    Example:
        >>> principal(torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]]), 1).shape
        torch.Size([3, 1])
    """
    centred = (x - x.mean(dim=0)).double()
    values, vectors = torch.linalg.eigh(centred @ centred.mT)
    scores = vectors[:, -parts:].flip(1) * values[-parts:].flip(0).clamp(min=0.0).sqrt()
    peak = scores.gather(0, scores.abs().argmax(dim=0, keepdim=True))
    return (scores * torch.where(peak < 0, -1.0, 1.0)).to(x.dtype)


def round_digits(x: Tensor, digits: int = 6) -> Any:
    """The tensor as nested lists, rounded to this number of significant digits.

    Example:
        >>> round_digits(torch.tensor([[0.12345678, 12345.6789]]))
        [[0.123457, 12345.7]]
    """
    if x.dim() == 0:
        return float(f"{float(x):.{digits}g}")
    if x.dim() == 1:
        return [float(f"{v:.{digits}g}") for v in x.tolist()]
    return [round_digits(row, digits) for row in x]


def distinguishing_digits(x: Tensor, least: int = 6) -> int:
    """How many significant digits distinguish the points (n, d): more if they lie far from 0.

    Example:
        >>> distinguishing_digits(torch.tensor([[0.0], [1.0]]))
        6
        >>> distinguishing_digits(torch.tensor([[1e9], [1e9 + 64]]))
        14
    """
    if not len(x):
        return least
    size = x.abs().amax(dim=0).double()
    spread = (x.amax(dim=0) - x.amin(dim=0)).double()
    ratio = (size / spread)[(spread > 0) & spread.isfinite()]
    extra = math.ceil(math.log10(max(1.0, float(ratio.max())))) if len(ratio) else 0
    return min(least + extra, 17)


def box_of(data: Dataset) -> Tensor:
    """The box in which points are drawn, (2, d): of the density, or of the data with a margin."""
    if data.density is not None:
        return data.density.box
    low, high = data.train.x.amin(dim=0), data.train.x.amax(dim=0)
    margin = 0.1 * (high - low)
    return torch.stack([low - margin, high + margin])


def points(
    xy: Tensor,
    label: list[int],
    classes: list[str],
    axes: list[str],
    box: Tensor | None = None,
) -> dict[str, Any]:
    """The payload of a picture of points, (n, 2)."""
    digits = distinguishing_digits(xy)
    return {
        "x": round_digits(xy, digits),
        "label": label,
        "classes": classes,
        "box": None if box is None else round_digits(box, digits),
        "axes": axes,
    }


def histogram(
    samples: dict[str, Tensor], low: float, high: float, bins: int, x_title: str
) -> dict[str, Any]:
    """The payload of a histogram: counts in equal bins, without the samples outside of them."""
    edges = torch.linspace(low, high, bins + 1, dtype=torch.float64)
    counts = {
        name: [int(c) for c in torch.histc(x.double().flatten(), bins, low, high)]
        for name, x in samples.items()
    }
    return {
        "edges": round_digits(edges, distinguishing_digits(edges[:, None])),
        "counts": counts,
        "x_title": x_title,
    }
