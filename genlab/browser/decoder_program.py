"""A decoder as a small program that a browser can run: a list of operations, and their numbers.

The operations of ``model.decode(z).mean`` on one code are recorded, so the program works for every
kind of model: nets, labels beside the code, codebooks, the mean of the likelihood, the map from
[-1, 1] to data space. Everything that does not depend on z is computed during the recording and
becomes a constant. If an operation is not in the table of :mod:`genlab.browser.operations`, the
export is refused.
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

#: The largest allowed difference between the recorded program and the model, in data units.
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
    """The tensors of the mean and a function to combine them; None: the tensor is the mean."""
    if isinstance(likelihood, DiscretisedLogistic):
        # A sum over 255 levels, entry by entry: one operation here instead of a thousand.
        return [likelihood.loc, likelihood.log_scale], _logistic_mean
    return [likelihood.mean], None


def _logistic_mean(b: Builder, ends: list[Value]) -> Value:
    loc, scale = (b.flat(end) for end in ends)
    shape = ends[0].index.shape
    return b.add("logistic_mean", shape, x=loc, s=scale, steps=LEVELS - 1)


def _verify(model: Any, draws: Tensor, calls: Sequence[Call], refs: Sequence[Ref]) -> None:
    """Compare the recorded operations with the model at other codes.

    Raises:
        NotExportable: if they differ.
    """
    for other in draws.split(1):
        found = replay(calls, other.clone())
        exact = _mean_of(model.decode(other))[0]
        for ref, end in zip(refs, exact, strict=True):
            gap = (found(ref) - end).abs().max()
            if not float(gap) <= TOLERANCE:
                raise NotExportable("its recorded operations differ from the model at other codes")


@torch.no_grad()
def export(model: Any) -> Program:
    """The decoder of a model as a program for one code: z ↦ E[x | z], or G(z).

    Args:
        model: in evaluation mode; a conditional model must be conditioned on a class.

    Raises:
        NotExportable: if it has no decoder, or the decoder uses an operation outside the table.

    Example:
        >>> from genlab.models.linear_gaussian import LinearGaussian
        >>> program = export(LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5))
        >>> [op["op"] for op in json.loads(program.text)["ops"]]
        ['input', 'product', 'constant', 'add']
    """
    if not isinstance(model, HasDecoder):
        raise NotExportable("this model has no decoder")
    draws = torch.randn(3, model.latent, generator=generator(0, "export"))
    z = draws[:1].clone()
    with Recorder(z) as seen:
        ends, whole = _mean_of(model.decode(z))
    refs = [ref for ref in map(seen.ref, ends) if isinstance(ref, Ref)]
    if len(refs) < len(ends):
        raise NotExportable("its output does not depend on z")
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
    """Export a small decoder, since the first export of a process has to load parts of torch."""
    from genlab.models.linear_gaussian import LinearGaussian

    export(LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5))
