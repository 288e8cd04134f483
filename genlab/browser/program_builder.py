"""Build a decoder program for the browser: its operations, and the constants that they use.

Operations that only move numbers (views, transpositions, selections) are applied to a table of
indices, so they cost nothing unless the next operation needs the numbers in their new order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.browser.op_tracing import Call, NotExportable, Ref, replace_leaves

#: Writes one recorded operation: ``(builder, *args, **kwargs) -> Value or tuple of Values``.
Translation = Callable[..., Any]

#: Constants up to this size are written into the program itself. The code of a label is one of
#: them, so that all classes of a conditional model share one file of numbers.
INLINE = 128


@dataclass
class Value:
    """A tensor of the model: the numbers at ``index`` of the value of an operation."""

    op: int
    index: Tensor

    def moved(self, move: Callable[[Tensor], Tensor]) -> Value:
        """The same numbers, reordered by ``move``."""
        return Value(self.op, move(self.index))


@dataclass
class Builder:
    """A program that is being written.

    Args:
        calls: the recorded operations of the model.
        inputs: the size of z.
        table: for each of torch's operations, the function that writes it.
    """

    calls: Sequence[Call]
    inputs: int
    table: Mapping[str, Translation]
    ops: list[dict[str, Any]] = field(default_factory=list)
    values: dict[Ref, Value] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    offsets: dict[bytes, list[int]] = field(default_factory=dict)
    words: int = 0
    laid: dict[tuple[int, bytes, tuple[int, ...]], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        z = self.add("input", (1, self.inputs))
        self.values[Ref(-1)] = z

    def add(self, op: str, shape: Sequence[int], **values: Any) -> Value:
        """Add an operation with a value of this shape."""
        size = math.prod(shape)
        self.ops.append({"op": op, "size": size, **values})
        return Value(len(self.ops) - 1, torch.arange(size).view(*shape))

    def numbers(self, x: Tensor) -> Any:
        """Store constants: inline, or in the file of numbers as ``[offset, count]``."""
        if x.is_floating_point():
            array = np.ascontiguousarray(x.detach().float().numpy()).astype("<f4")
            if not np.isfinite(array).all():
                raise NotExportable("some of its numbers are not finite")
            if array.size <= INLINE:
                return {"inline": [float(v) for v in array.ravel()]}
        else:
            array = np.ascontiguousarray(x.numpy()).astype("<i4")
        body = array.tobytes()
        if body not in self.offsets:
            self.offsets[body] = [self.words, array.size]
            self.parts.append(body)
            self.words += array.size
        return {"at": self.offsets[body]}

    def value(self, leaf: Any, shape: Sequence[int] | None = None) -> Value:
        """A recorded argument as a value, expanded to a shape."""
        if isinstance(leaf, Ref):
            if leaf not in self.values:
                self.translate(leaf.op)
            found = self.values[leaf]
        else:
            x = torch.as_tensor(leaf)
            x = (x.float() if shape is None else x.float().expand(*shape)).contiguous()
            found = self.add("constant", x.shape, w=self.numbers(x))
        return found if shape is None else found.moved(lambda i: i.expand(*shape))

    def flat(self, value: Value) -> int:
        """The operation with these numbers in this order as its value."""
        index = value.index.reshape(-1)
        size = self.ops[value.op]["size"]
        if len(index) == size and bool((index == torch.arange(size)).all()):
            return value.op
        key = (value.op, index.numpy().tobytes(), tuple(index.shape))
        if key not in self.laid:
            self.laid[key] = self.add("gather", index.shape, x=value.op, w=self.numbers(index)).op
        return self.laid[key]

    def translate_needed(self, wanted: Sequence[Ref]) -> None:
        """Write all operations on which some values depend, in the order of the recording.

        An operation outside the table is skipped here: it only matters if another one reads it.
        """
        needed: set[int] = set()
        open_refs = [ref.op for ref in wanted]
        while open_refs:
            number = open_refs.pop()
            if number < 0 or number in needed:
                continue
            needed.add(number)
            call = self.calls[number]
            replace_leaves(
                [call.args, list(call.kwargs.values())],
                lambda leaf: open_refs.append(leaf.op) if isinstance(leaf, Ref) else None,
            )
        for number in sorted(needed):
            if self.calls[number].name in self.table:
                self.translate(number)

    def translate(self, number: int) -> None:
        """Write one recorded operation into the program."""
        call = self.calls[number]
        if call.name not in self.table:
            raise NotExportable(f"there is no {call.name} among its operations")
        found = self.table[call.name](self, *call.args, **call.kwargs)
        for k, one in enumerate(found if isinstance(found, tuple) else (found,)):
            self.values[Ref(number, k)] = one
