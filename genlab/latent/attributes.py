"""Attributes of codes: labels of examples, labelled codes, linear probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.random import derive, scope
from genlab.data.base import DataMeta, Dataset, Split
from genlab.latent.codes import decode_mean, embed, held_out, pick_held_out, prior_sample
from genlab.models.base import HasCodebook, HasEncoder

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: The number of codes for fitting probes, and for measuring their accuracy.
PROBE_TRAIN, PROBE_TEST = 2000, 1000
#: The number of training examples that are searched for neighbours, and of voting neighbours.
KNOWN, VOTERS = 4000, 5


@dataclass(frozen=True)
class Labelled:
    """Codes with known attributes.

    Args:
        z: (N, latent).
        table: (N, A), whether a code shows an attribute.
        names: of the attributes.
        classes: how many of the attributes, the first ones, are the classes.
        fitted: the number of codes for fitting; the rest measures accuracies.
        note: where codes and labels come from.
        accuracy: of the labels if they were estimated; NaN if they are given.
    """

    z: Array
    table: Mask
    names: tuple[str, ...]
    classes: int
    fitted: int
    note: str
    accuracy: float = float("nan")


@dataclass(frozen=True)
class Probe:
    """A linear predictor of an attribute, logit(z) = w·z + b.

    Args:
        weight: w, (latent,); bias: b.
        accuracy: on held-out codes; balanced: the mean of both answers' accuracies there.
        base: the share of the most frequent answer there.
        n: held-out codes.
    """

    weight: Array
    bias: float
    accuracy: float
    balanced: float
    base: float
    n: int


def attributes(meta: DataMeta, split: Split) -> tuple[tuple[str, ...], Mask, int]:
    """The attributes of the examples of a split: names, table (n, A), number of classes.

    Each class against the rest; of each further factor the upper half of its values against the
    lower.
    """
    names: list[str] = []
    columns: list[Mask] = []
    if split.y is not None and len(meta.classes) > 1:
        y = split.y.numpy()
        names += [f"class {name}" for name in meta.classes]
        columns += [y == k for k in range(len(meta.classes))]
    classes = len(names)
    if split.factors is not None:
        v = split.factors.numpy()
        for k, (name, size) in enumerate(meta.factors):
            if classes and split.y is not None and np.array_equal(v[:, k], split.y.numpy()):
                continue
            names.append(f"{name}, upper half")
            columns.append(v[:, k] >= size / 2)
    table = np.stack(columns, axis=1) if columns else np.zeros((len(split), 0), dtype=bool)
    return tuple(names), table, classes


def training_part(data: Dataset, n: int, seed: int) -> Split:
    """n training examples, binarised where batches are."""
    rows = pick_held_out(n, len(data.train), derive(seed, "training examples"))
    x = data.train.x[rows]
    if data.draw is not None:
        with scope(seed, "training examples"):
            x = data.draw(x)
    return rows_of(data.train, rows, x)


def rows_of(split: Split, rows: Tensor, x: Tensor | None = None) -> Split:
    return Split(
        split.x[rows] if x is None else x,
        None if split.y is None else split.y[rows],
        None if split.factors is None else split.factors[rows],
    )


def vote(x: Tensor, known: Tensor, table: Mask, classes: int, voters: int = VOTERS) -> Mask:
    """The attributes of examples by a vote of their nearest labelled neighbours, (n, A).

    The class that most of the neighbours have (the first of equals), and each other attribute that
    more than half have. Source: Cover and Hart 1967.

    Args:
        x: (n, ...); known: (N, ...); table: (N, A) of the known; classes: the first columns.
        voters: neighbours.
    """
    flat = known.flatten(1).float()
    near = [
        torch.cdist(piece, flat).topk(min(voters, len(flat)), largest=False).indices
        for piece in x.flatten(1).float().split(512)
    ]
    share = table[torch.cat(near).numpy()].mean(axis=1)
    found: Mask = share > 0.5
    if classes:
        winner = share[:, :classes].argmax(axis=1)
        found[:, :classes] = np.arange(classes) == winner[:, None]
    return found


def accuracy(found: Mask, truth: Mask, classes: int) -> float:
    """The accuracy: of classes if there are any, else over all attributes."""
    if classes:
        return float((found[:, :classes] == truth[:, :classes]).all(axis=1).mean())
    return float((found == truth).mean())


@torch.no_grad()
def labelled_codes(model: Any, data: Dataset, seed: int = 0) -> Labelled | None:
    """Codes with their attributes; None if the data have none.

    With an encoder: the posterior means of training examples, to fit on, and of held-out ones.
    Without: draws of the prior, decoded and labelled by their nearest training examples; the
        accuracy of such labels is measured on held-out examples.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        seed: of the choice of examples and of the draws.
    """
    names, _, classes = attributes(data.meta, held_out(data))
    if not names:
        return None
    rows = pick_held_out(PROBE_TEST, len(held_out(data)), seed)
    test_part = rows_of(held_out(data), rows)
    truth = attributes(data.meta, test_part)[1]
    if isinstance(model, HasEncoder):
        known = training_part(data, PROBE_TRAIN, seed)
        table = np.concatenate([attributes(data.meta, known)[1], truth])
        z = torch.cat([embed(model, part.x, part.y) for part in (known, test_part)])
        of = "codes" if isinstance(model, HasCodebook) else "posterior means"
        note = f"{of} of {len(known):,} training and {len(test_part):,} held-out examples"
        return Labelled(z.double().numpy(), table, names, classes, len(known), note)
    known = training_part(data, KNOWN, seed)
    table = attributes(data.meta, known)[1]
    right = accuracy(vote(test_part.x, known.x, table, classes), truth, classes)
    z = prior_sample(model, PROBE_TRAIN + PROBE_TEST, derive(seed, "labelled codes"))
    shown = vote(decode_mean(model, z), known.x, table, classes)
    note = (
        f"{len(z):,} draws of the prior, decoded and labelled by their {VOTERS} nearest of "
        f"{len(known):,} training examples (such labels are right for {right:.1%} of "
        f"{len(test_part):,} held-out examples)"
    )
    return Labelled(z.double().numpy(), shown, names, classes, PROBE_TRAIN, note, right)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)


def _discriminant() -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis()


#: Linear probes: name -> (title, scikit-learn's estimator at its defaults).
PROBES: Mapping[str, tuple[str, Callable[[], Any]]] = {
    "logistic": ("logistic regression", _logistic),
    "lda": ("linear discriminant", _discriminant),
}


def probe(
    z: ArrayLike, y: ArrayLike, z_test: ArrayLike, y_test: ArrayLike, kind: str = "logistic"
) -> Probe | None:
    """Fit a linear probe of an attribute and measure its accuracy on other codes.

    None where one of the two answers is missing among the codes to fit on, or where there are no
    codes to tell it on. Source of attribute directions as normals of linear boundaries: Shen et
    al. 2020, "Interpreting the latent space of GANs for semantic face editing".

    Args:
        z: (N, latent); y: (N,) of truth values, to fit on.
        z_test, y_test: for the accuracy.
        kind: a row of ``PROBES``.

    Raises:
        SpecError: for an unknown kind.
    """
    if kind not in PROBES:
        raise SpecError.unknown("probe", kind, PROBES)
    z, z_test = np.asarray(z, dtype=np.float64), np.asarray(z_test, dtype=np.float64)
    y, y_test = np.asarray(y, dtype=bool), np.asarray(y_test, dtype=bool)
    if min(int(y.sum()), int((~y).sum())) < 2 or not len(y_test):
        return None
    fit = PROBES[kind][1]().fit(z, y)
    right = fit.predict(z_test) == y_test
    sides = [
        float(right[y_test == side].mean()) for side in (True, False) if (y_test == side).any()
    ]
    share = float(y_test.mean())
    return Probe(
        fit.coef_[0],
        float(fit.intercept_[0]),
        float(right.mean()),
        float(np.mean(sides)),
        max(share, 1.0 - share),
        len(y_test),
    )
