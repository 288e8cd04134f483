"""Codes: the points of data and samples in a model's latent or feature space."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genlab.core.errors import GenlabError
from genlab.core.random import generator, scope
from genlab.data.base import Dataset, Split
from genlab.models.base import GenerativeModel, HasCritic, HasDecoder, HasEncoder
from genlab.models.labels import conditioned_on
from genlab.probes.common import frozen_batchnorm

What = Literal["data", "train", "prior", "both"]
Space = Literal["posterior mean", "critic feature", "data"]
CHUNK = 512


@dataclass(frozen=True)
class Codes:
    """Points of one space with their origins.

    Args:
        code: (N, d) the points.
        z: (N, latent) the latent code that decodes to the point; NaN where the model has none.
        label: (N,) class index, -1 where there is none.
        index: (N,) row in the split, -1 for a generated point.
        space: what the coordinates are.
        part: the split that the examples are from: ``held-out`` or ``train``.
    """

    code: NDArray[np.float32]
    z: NDArray[np.float32]
    label: NDArray[np.int64]
    index: NDArray[np.int64]
    space: Space
    part: str = "held-out"

    def __len__(self) -> int:
        return len(self.code)


def space(model: GenerativeModel | type[GenerativeModel]) -> Space:
    """The space in which this model's points are compared.

    Posterior means where there is an encoder, the critic's last hidden layer where there is a
    critic, else the data themselves.
    """
    cls = model if isinstance(model, type) else type(model)
    if issubclass(cls, HasEncoder):
        return "posterior mean"
    return "critic feature" if issubclass(cls, HasCritic) else "data"


def held_out(data: Dataset) -> Split:
    """The test split, or the validation split where there is no test split."""
    return data.test if len(data.test) else data.validation


def split_of(data: Dataset, part: str) -> Split:
    """The split of a name: ``train``, or the held-out one."""
    return data.train if part == "train" else held_out(data)


def chunks(x: Tensor) -> Iterator[Tensor]:
    """A tensor in pieces of at most ``CHUNK`` rows, which bounds the memory."""
    yield from torch.split(x, CHUNK)


@torch.no_grad()
def embed(model: Any, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Take data to the model's space (see :func:`space`), (B, *data_shape) -> (B, d).

    The batch is cut into pieces; a model in evaluation mode treats each row alone, so the cut
    does not show.

    Args:
        x: (B, *data_shape).
        y: their labels (B,) for a conditional model; None keeps its current condition.
    """
    where = space(model)
    parts = zip(chunks(x), [None] * len(x) if y is None else chunks(y), strict=False)
    if where == "posterior mean":
        return torch.cat([conditioned_on(model, at).encode(part).mean for part, at in parts])
    if where == "critic feature":
        return torch.cat(
            [conditioned_on(model, at).features(part).flatten(1) for part, at in parts]
        )
    return x.flatten(1)


@torch.no_grad()
def decode_mean(model: Any, z: Tensor) -> Tensor:
    """The mean of p(x | z), G(z) for a GAN, (B, latent) -> (B, *data_shape).

    Raises:
        GenlabError: if the model has no decoder.
    """
    if not isinstance(model, HasDecoder):
        raise GenlabError("this model has no decoder: it cannot decode codes.")
    return torch.cat([model.decode(part).mean for part in chunks(z)])


def prior_sample(model: HasDecoder, n: int, seed: int) -> Tensor:
    """Draw z ~ p(z) in a seeded side stream, (n, latent)."""
    with scope(seed, "prior"):
        return model.prior().sample((n,)).reshape(n, model.latent).float()


def pick_held_out(n: int, size: int, seed: int) -> Tensor:
    """The rows of the held-out examples in use: the first n of a seeded permutation, sorted."""
    order = torch.randperm(size, generator=generator(seed, "explore"))
    return order[: min(n, size)].sort().values


def codes_of(model: Any, data: Dataset, what: What, n: int, seed: int) -> Codes:
    """The codes of held-out examples, of prior samples, or of both.

    With an encoder, an example is its posterior mean E[z | x] (given its class, where the model
    knows classes) and a prior sample is its own z; with a critic, both are the critic's features,
    of x and of G(z) (Radford, Metz and Chintala 2016 use them so), its batch normalisation held
    at a reference batch. With ``both`` each kind has half of the n points.

    Args:
        model: in evaluation mode.
        data: the run's dataset; its test split is used.
        what: ``data`` (held-out examples), ``train`` (training examples), ``prior`` or ``both``.
        n: points in all; fewer where the split holds fewer.
        seed: of the choice of examples and of the prior samples.

    Raises:
        GenlabError: for prior samples of a model without a latent space.
    """
    with at_reference(model, data, seed):
        return _codes(model, data, what, n, seed)


@contextlib.contextmanager
def at_reference(model: Any, data: Dataset, seed: int) -> Iterator[None]:
    """Freeze the critic's batch normalisation at the reference batch of a map's seed."""
    with contextlib.ExitStack() as stack:
        with scope(seed, "reference batch"):
            stack.enter_context(frozen_batchnorm(model, data))
        yield


def code_of(
    model: Any, data: Dataset, x: Tensor, z: Tensor | None = None, seed: int = 0
) -> NDArray[np.float32]:
    """The position of a new example in the space of a map, (d,).

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        x: the example, of the data's shape.
        z: the code that it was decoded from, where it was: a model with an encoder maps that.
        seed: of the map.
    """
    if z is not None and isinstance(model, HasEncoder):
        return z.detach().float().numpy()
    with at_reference(model, data, seed):
        found: NDArray[np.float32] = embed(model, x[None])[0].detach().float().numpy()
    return found


def _codes(model: Any, data: Dataset, what: What, n: int, seed: int) -> Codes:
    split = split_of(data, what)
    latent = int(getattr(model, "latent", 0))
    real = n if what in ("data", "train") else 0 if what == "prior" else n // 2
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    if real:
        rows = pick_held_out(real, len(split), seed)
        code = embed(
            model, split.model_input(data.meta)[rows], None if split.y is None else split.y[rows]
        )
        z = code if isinstance(model, HasEncoder) else torch.full((len(rows), latent), torch.nan)
        label = split.y[rows].long() if split.y is not None else torch.full_like(rows, -1)
        parts.append((code, z, label, rows))
    if what in ("prior", "both"):
        if not isinstance(model, HasDecoder):
            raise GenlabError("this model has no latent space to draw prior samples from.")
        z = prior_sample(model, n - real, seed)
        code = z if isinstance(model, HasEncoder) else embed(model, decode_mean(model, z))
        none = torch.full((len(z),), -1)
        parts.append((code, z, none, none))
    code, z, label, rows = (torch.cat(column) for column in zip(*parts, strict=True))
    part = "train" if what == "train" else "held-out"
    return Codes(
        code.float().numpy(), z.float().numpy(), label.numpy(), rows.numpy(), space(model), part
    )


def examples(model: Any, data: Dataset, codes: Codes) -> Tensor:
    """The points in data space: the examples, and the decoded prior samples."""
    split = split_of(data, codes.part)
    x = torch.empty(len(codes), *split.x.shape[1:])
    real = torch.from_numpy(codes.index >= 0)
    x[real] = split.x[torch.from_numpy(codes.index)[real]].float()
    if bool((~real).any()):
        x[~real] = decode_mean(model, torch.from_numpy(codes.z)[~real])
    return x
