"""Exact nearest neighbours, and a test of memorisation: does a model copy its examples?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from genlab.core.errors import DataError, SpecError
from genlab.core.random import generator, scope
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.codes import held_out
from genlab.models.base import GenerativeModel, HasCritic, HasEncoder
from genlab.probes.common import frozen_batchnorm

Where = Literal["pixel", "latent", "feature"]
CHUNK = 512
#: Principal components that serve as features if a model has no critic.
COMPONENTS = 32
PERMUTATIONS = 2000


def nearest(queries: Tensor, among: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k nearest rows by Euclidean distance, exactly: the distances (n, k) and the rows (n, k).

    Distances are computed in blocks of 512 by 4,096, which bounds the memory; ties are in the
    order of the rows.

    Args:
        queries: (n, ...); among: (N, ...), at least k rows; both are flattened.

    Raises:
        ValueError: if there are fewer than k rows.

    Example:
        >>> d, row = nearest(torch.zeros(1, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]]), 2)
        >>> d.tolist(), row.tolist()
        ([[1.0, 5.0]], [[1, 0]])
    """
    x, y = queries.flatten(1).float(), among.flatten(1).float()
    if not 0 < k <= len(y):
        raise ValueError(f"{k} neighbours among {len(y)} rows")
    distances, rows = [], []
    for part in x.split(CHUNK):
        best = torch.full((len(part), 0), torch.inf)
        at = torch.zeros((len(part), 0), dtype=torch.long)
        for start in range(0, len(y), 8 * CHUNK):
            block = y[start : start + 8 * CHUNK]
            # Differences, not the product form, whose round-off hides exact copies.
            d = torch.cdist(part, block, compute_mode="donot_use_mm_for_euclid_dist")
            best = torch.cat([best, d], dim=1)
            indices = torch.arange(start, start + len(block)).expand(len(part), -1)
            at = torch.cat([at, indices], dim=1)
            best, order = best.sort(dim=1, stable=True)
            best, at = best[:, :k], at.gather(1, order[:, :k])
        distances.append(best)
        rows.append(at)
    return torch.cat(distances), torch.cat(rows)


@dataclass(frozen=True)
class Space:
    """A space in which examples are compared.

    Args:
        name: pixel, latent or feature.
        words: what its coordinates are.
        train, held: the training and the held-out examples in it, (n, d).
    """

    name: Where
    words: str
    train: Tensor
    held_out: Tensor
    _model: Any
    _basis: tuple[Tensor, Tensor] | None = None

    def of(self, x: Tensor) -> Tensor:
        """Examples in this space, (n, *data_shape) -> (n, d)."""
        if self.name == "pixel":
            return x.flatten(1)
        if self._basis is not None:
            middle, axes = self._basis
            return (x.flatten(1) - middle) @ axes
        if self.name == "latent":
            return torch.cat([self._model.encode(part).mean for part in x.split(CHUNK)])
        return torch.cat([self._model.features(part).flatten(1) for part in x.split(CHUNK)])


def spaces(model: type[GenerativeModel] | GenerativeModel) -> tuple[Where, ...]:
    """The spaces in which this model's examples can be compared."""
    cls = model if isinstance(model, type) else type(model)
    return ("pixel", "latent", "feature") if issubclass(cls, HasEncoder) else ("pixel", "feature")


@torch.no_grad()
def space(model: Any, data: Dataset, name: Where, limit: int = 10_000) -> Space:
    """The training and held-out examples in a space.

    ``pixel``: the data themselves. ``latent``: posterior means. ``feature``: the critic's last
    hidden layer, or, without a critic, the first 32 principal components of the training data.

    Args:
        model: in evaluation mode; a critic with batch normalisation should be held at a reference
            batch (:func:`genlab.probes.common.frozen_batchnorm`) here and when the space is used.
        data: the run's dataset.
        limit: of training examples, the first ones.

    Raises:
        SpecError: for a space that this model lacks.
    """
    if name not in spaces(model):
        raise SpecError.unknown("space", name, spaces(model))
    train, unseen_examples = data.train.x[:limit].float(), held_out(data).x.float()
    basis, words = None, "the data's own values"
    if name == "latent":
        words = "posterior means"
    elif name == "feature" and isinstance(model, HasCritic):
        words = "the critic's last hidden layer"
    elif name == "feature":
        flat = train.flatten(1)
        k = min(COMPONENTS, *flat.shape)
        with scope(0, "principal axes"):
            *_, axes = torch.pca_lowrank(flat, q=k, center=True, niter=4)
        basis, words = (flat.mean(dim=0), axes), f"the first {k} principal components"
    empty = Space(name, words, train[:0], unseen_examples[:0], model, basis)
    return Space(name, words, empty.of(train), empty.of(unseen_examples), model, basis)


@dataclass(frozen=True)
class Memory:
    """The result of a test of whether samples are nearer to the training set than by chance.

    Args:
        share: of the samples whose nearest of 2m examples is one of the m training examples.
        p: how often a random split of the 2m examples gives at least this share (one-sided).
        low, high: the middle 95 % of the shares under the null, which is centred at one half.
        n, m: samples, and examples of each sort.
        generated, held, unseen: nearest-neighbour distances: of the samples to the m training
            examples, of the m held-out examples to them, and of the samples to the held-out ones.
        copies: samples nearer to a training example than 99 % of held-out examples are.
        rows: the nearest training row of each sample.
    """

    share: float
    p: float
    low: float
    high: float
    n: int
    m: int
    generated: Tensor
    held_out: Tensor
    unseen: Tensor
    copies: int
    rows: Tensor


def memorisation_test(samples: Tensor, train: Tensor, held_out: Tensor, seed: int = 0) -> Memory:
    """Test whether samples are nearer to the training set than to as many unseen examples.

    With m training and m held-out examples of one distribution, a model that learned the
    distribution and not the examples has its nearest neighbours in both sets equally often: the
    share S of samples whose nearest neighbour is a training example has mean ½. The null is the
    exact one of exchangeability: the 2m labels are permuted with the samples kept, so that many
    samples near one example count as what they are, and p = (1 + #{S* ≥ S}) / (1 + permutations).

    Source: Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect data-copying in
    generative models", for the comparison with held-out examples; permutation null: Good 2005.

    Args:
        samples: (n, d); train: (N, d); held: (M, d), all in one space.
        seed: of the training rows that are compared and of the permutations.

    Raises:
        DataError: if there are fewer than ten examples of a sort.
    """
    m = min(len(train), len(held_out))
    if min(m, len(samples)) < 10:
        raise DataError(
            "A test of memorisation needs at least ten training and ten held-out examples."
        )
    order = torch.randperm(len(train), generator=generator(seed, "memory", "train"))[:m]
    some = train[order]
    held_out = held_out[
        torch.randperm(len(held_out), generator=generator(seed, "memory", "held"))[:m]
    ]
    distance, row = nearest(samples, some)
    unseen, other = nearest(samples, held_out)
    d, e = distance[:, 0], unseen[:, 0]
    # Ties (a training example that is also held out) count half for each side.
    n = len(samples)
    win, tie = (d < e).double(), 0.5 * (d == e).double()
    share = float((win + tie).mean())
    mass = torch.zeros(2 * m, dtype=torch.double)
    mass.index_add_(0, row[:, 0], win + tie)
    mass.index_add_(0, m + other[:, 0], 1.0 - win - tie)
    source = generator(seed, "memory", "null")
    drawn = torch.stack(
        [mass[torch.randperm(2 * m, generator=source)[:m]].sum() / n for _ in range(PERMUTATIONS)]
    )
    p = (1 + int((drawn >= share - 1e-12).sum())) / (1 + PERMUTATIONS)
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.double)).tolist()
    between = nearest(held_out, some)[0][:, 0]
    copies = int((d < between.quantile(0.01)).sum())
    return Memory(share, p, low, high, n, m, d, between, e, copies, order[row[:, 0]])


@JOBS.register("memorised", title="Does the model copy its training set?")
def memorised_job(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """:func:`memorisation_test` of a model's samples in one space.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``space``, ``n`` (samples), ``seed``.
        progress: called with a fraction and a sentence.
    """
    seed, n = int(values["seed"]), int(values["n"])
    where: Where = values["space"]
    with frozen_batchnorm(model, data):
        progress(0.1, "the examples in this space")
        at = space(model, data, where)
        progress(0.3, f"{n:,} samples")
        x = torch.cat([model.sample(len(part)) for part in torch.empty(n).split(CHUNK)]).float()
        generated = at.of(x)
    progress(0.5, "nearest neighbours")
    found = memorisation_test(generated, at.train, at.held_out, seed)
    order = (found.generated / found.unseen.clamp(min=1e-12)).argsort()[:8]
    return {
        "share": found.share,
        "p": found.p,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "m": found.m,
        "copies": found.copies,
        "words": at.words,
        "generated": found.generated,
        "held": found.held_out,
        "closest": x[order],
        "rows": found.rows[order],
    }


def share_nearer_than_training(distance: float, held_out: Tensor) -> float:
    """The share of held-out examples that lie nearer to the training set than this distance.

    Example:
        >>> share_nearer_than_training(2.5, torch.tensor([1.0, 2.0, 3.0, 4.0]))
        0.5
    """
    return float((held_out < distance).double().mean())
