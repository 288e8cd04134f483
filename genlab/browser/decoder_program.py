"""A decoder as a small program that a browser can run: a list of operations, and their numbers.

What ``model.decode(z).mean`` does to one code is recorded operation by operation, so a program
says what the model does, whatever it is made of: nets, labels beside the code, codebooks, the mean
of the likelihood, the turn from [-1, 1] to data space. Everything that does not depend on z is
computed while recording and becomes a constant. An operation that is not in the table of
:mod:`genlab.browser.operations` refuses the export; nothing is guessed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.browser.op_tracing import Call, NotExportable, Recorder, Ref, replay
from genlab.browser.operations import TABLE
from genlab.browser.program_builder import Builder, Value
from genlab.core.random import generator
from genlab.distributions.discretised_logistic import LEVELS, DiscretisedLogistic
from genlab.models.base import HasDecoder

#: How far a repetition of what was recorded may be from the model, in data units.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Program:
    """A decoder for one code at a time.

    Args:
        text: JSON: ``inputs`` (size of z), ``shape`` of the data, ``ops``, and ``weights``, the
            name of the numbers. The value of operation i is a flat array of ``size`` numbers;
            operation 0 is z, operation ``last`` is the example.
        weights: the numbers, float32 and int32, little-endian; an operation names them by
            ``[offset, count]`` in words of four bytes.
    """

    text: bytes
    weights: bytes

    @property
    def version(self) -> str:
        """A hash of the program and its numbers."""
        return hashlib.blake2b(self.text, digest_size=9).hexdigest()


def _mean_of(
    likelihood: Any,
) -> tuple[list[Tensor], Callable[[Builder, list[Value]], Value] | None]:
    """The tensors that the mean is made of, and how; None: the one tensor is the mean."""
    if isinstance(likelihood, DiscretisedLogistic):
        # A sum over 255 levels, entry by entry: one operation here instead of a thousand.
        return [likelihood.loc, likelihood.log_scale], _logistic_mean
    return [likelihood.mean], None


def _logistic_mean(b: Builder, ends: list[Value]) -> Value:
    loc, scale = (b.flat(end) for end in ends)
    shape = ends[0].index.shape
    return b.add("logistic_mean", shape, x=loc, s=scale, steps=LEVELS - 1)


def _verify(model: Any, draws: Tensor, calls: Sequence[Call], refs: Sequence[Ref]) -> None:
    """Compare what was recorded with the model at other codes.

    Raises:
        NotExportable: where they differ.
    """
    for other in draws.split(1):
        found = replay(calls, other.clone())
        exact = _mean_of(model.decode(other))[0]
        for ref, end in zip(refs, exact, strict=True):
            gap = (found(ref) - end).abs().max()
            if not float(gap) <= TOLERANCE:
                raise NotExportable("it does different things to different codes")


@torch.no_grad()
def export(model: Any) -> Program:
    """The decoder of a model as a program for one code: z ↦ E[x | z], or G(z).

    Args:
        model: in evaluation mode; held at a class where it knows classes.

    Raises:
        NotExportable: if it has no decoder, or one that does something not in the table.

    Example:
        >>> from genlab.models.linear_gaussian import LinearGaussian
        >>> made = export(LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5))
        >>> [op["op"] for op in json.loads(made.text)["ops"]]
        ['input', 'product', 'constant', 'add']
    """
    if not isinstance(model, HasDecoder):
        raise NotExportable("this model has none")
    draws = torch.randn(3, model.latent, generator=generator(0, "export"))
    z = draws[:1].clone()
    with Recorder(z) as seen:
        ends, whole = _mean_of(model.decode(z))
    refs = [ref for ref in map(seen.ref, ends) if isinstance(ref, Ref)]
    if len(refs) < len(ends):
        raise NotExportable("what it gives does not depend on z")
    builder = Builder(seen.calls, model.latent, TABLE)
    builder.translate_needed(refs)
    values = [builder.value(ref) for ref in refs]
    value = values[0] if whole is None else whole(builder, values)
    _verify(model, draws[1:], seen.calls, refs)
    last = builder.flat(value)
    weights = b"".join(builder.parts)
    text = {
        "inputs": model.latent,
        "shape": list(ends[0].shape[1:]),
        "ops": builder.ops,
        "last": last,
        "weights": hashlib.blake2b(weights, digest_size=9).hexdigest(),
        "bytes": len(weights),
    }
    return Program(json.dumps(text, separators=(",", ":"), allow_nan=False).encode(), weights)


def warm() -> None:
    """Export a small decoder: the first one loads parts of torch that nothing else here needs."""
    from genlab.models.linear_gaussian import LinearGaussian

    export(LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5))
