"""The translation of torch operations to a decoder program: one table row per operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.browser.op_tracing import NotExportable, Ref
from genlab.browser.program_builder import Builder, Translation, Value

TABLE: dict[str, Translation] = {}


def row(*names: str) -> Callable[[Translation], Translation]:
    """Put a translation into the table under the names of its operations."""

    def register(function: Translation) -> Translation:
        TABLE.update({f"aten.{name}": function for name in names})
        return function

    return register


def _same_everywhere(b: Builder, x: Any, op: str, **values: Any) -> Value:
    """An elementwise operation, applied before the numbers are moved."""
    value = b.value(x)
    size = b.ops[value.op]["size"]
    result = b.add(op, (size,), x=value.op, **values)
    return Value(result.op, value.index)


def _each(op: str) -> Translation:
    return lambda b, x: _same_everywhere(b, x, op)


for _name in ("tanh", "sigmoid", "silu", "exp", "abs", "neg", "reciprocal", "relu", "log", "sqrt"):
    row(f"{_name}.default", f"{_name}_.default")(_each(_name))


@row("leaky_relu.default", "leaky_relu_.default")
def _leaky(b: Builder, x: Any, slope: float = 0.01) -> Value:
    return _same_everywhere(b, x, "leaky", slope=slope)


@row("softplus.default")
def _softplus(b: Builder, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Value:
    if beta != 1.0 or threshold != 20.0:
        raise NotExportable("it has a softplus with another beta or threshold")
    return _same_everywhere(b, x, "softplus")


@row("clamp.default", "clamp_min.default")
def _clamp(b: Builder, x: Any, low: float | None = None, high: float | None = None) -> Value:
    limits = {"low": low, "high": high}
    return _same_everywhere(b, x, "clamp", **{k: v for k, v in limits.items() if v is not None})


@row("pow.Tensor_Scalar")
def _power(b: Builder, x: Any, exponent: float) -> Value:
    if exponent != 2:
        raise NotExportable(f"it has a power of {exponent}")
    return _same_everywhere(b, x, "square")


@row("lt.Scalar")
def _less(b: Builder, x: Any, bound: float) -> Value:
    return _same_everywhere(b, x, "less", bound=bound)


def _number(leaf: Any) -> float | None:
    """The value of a constant with one entry; None otherwise."""
    if isinstance(leaf, (int, float)):
        return float(leaf)
    if isinstance(leaf, Tensor) and leaf.numel() == 1:
        return float(leaf)
    return None


def _shape(b: Builder, leaf: Any) -> tuple[int, ...]:
    if isinstance(leaf, Ref):
        return tuple(b.value(leaf).index.shape)
    return tuple(torch.as_tensor(leaf).shape)


def _pair(op: str) -> Translation:
    """An elementwise operation of two tensors, with broadcasting."""

    def translate(b: Builder, x: Any, y: Any, alpha: float = 1) -> Value:
        if alpha != 1:
            raise NotExportable("it has a weighted sum")
        shape = torch.broadcast_shapes(_shape(b, x), _shape(b, y))
        ends = {"x": x, "y": y}
        for name, leaf in ends.items():
            number, other = _number(leaf), ends["y" if name == "x" else "x"]
            if number is not None and isinstance(other, Ref):
                whole = b.value(other, shape)
                size = b.ops[whole.op]["size"]
                there = "y" if name == "x" else "x"
                result = b.add(op, (size,), **{there: whole.op, f"{name}n": number})
                return Value(result.op, whole.index)
        sides = {name: b.flat(b.value(leaf, shape)) for name, leaf in ends.items()}
        return b.add(op, shape, **sides)

    return translate


for _name in ("add", "sub", "mul", "div"):
    row(f"{_name}.Tensor", f"{_name}.Scalar", f"{_name}_.Tensor")(_pair(_name))


@row("rsub.Scalar", "rsub.Tensor")
def _from(b: Builder, x: Any, y: Any, alpha: float = 1) -> Value:
    found: Value = _pair("sub")(b, y, x, alpha)
    return found


@row("where.self")
def _where(b: Builder, condition: Any, x: Any, y: Any) -> Value:
    shape = torch.broadcast_shapes(*(_shape(b, leaf) for leaf in (condition, x, y)))
    c, p, q = (b.flat(b.value(leaf, shape)) for leaf in (condition, x, y))
    return b.add("where", shape, c=c, x=p, y=q)


def _moving(move: Callable[..., Tensor]) -> Translation:
    return lambda b, x, *args, **_: b.value(x).moved(lambda index: move(index, *args))


for _names, _move in (
    (("view.default", "_unsafe_view.default", "reshape.default"), torch.reshape),
    (("permute.default",), torch.permute),
    (("transpose.int",), torch.transpose),
    (("t.default",), torch.t),
    (("unsqueeze.default",), torch.unsqueeze),
    (("squeeze.dim", "squeeze.default", "squeeze.dims"), torch.squeeze),
    (("expand.default",), Tensor.expand),
    (("select.int",), torch.select),
    (("slice.Tensor",), torch.ops.aten.slice.Tensor),
    (("clone.default", "detach.default", "alias.default"), torch.clone),
    (("flip.default",), torch.flip),
):
    row(*_names)(_moving(_move))


def _joined(b: Builder, parts: Sequence[Any]) -> tuple[int, list[Tensor]]:
    """Concatenate flat tensors; returns the operation and the indices of each tensor's numbers."""
    values = [b.value(part) for part in parts]
    sources = [b.flat(value) for value in values]
    starts = np.cumsum([0, *(value.index.numel() for value in values)])
    joined = b.add("join", (int(starts[-1]),), xs=sources)
    tables = [
        torch.arange(int(first), int(first) + value.index.numel()).view(value.index.shape)
        for first, value in zip(starts[:-1], values, strict=True)
    ]
    return joined.op, tables


@row("cat.default")
def _cat(b: Builder, parts: Sequence[Any], dim: int = 0) -> Value:
    op, tables = _joined(b, parts)
    return Value(op, torch.cat(tables, dim))


@row("split.Tensor")
def _split(b: Builder, x: Any, size: int, dim: int = 0) -> tuple[Value, ...]:
    value = b.value(x)
    return tuple(Value(value.op, part) for part in value.index.split(size, dim))


@row("index_copy.default")
def _index_copy(b: Builder, x: Any, dim: int, index: Any, source: Any) -> Value:
    op, (table, new) = _joined(b, [x, source])
    return Value(op, table.index_copy(dim, _constant(index), new))


def _product(b: Builder, x: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
    """x W + b, (rows, n) by constants (n, m)."""
    (rows, n), m = x.index.shape, weight.shape[1]
    values: dict[str, Any] = {"w": b.numbers(weight), "rows": rows, "n": n, "m": m}
    if bias is not None:
        values["b"] = b.numbers(bias)
    return b.add("product", (rows, m), x=b.flat(x), **values)


def _constant(leaf: Any) -> Tensor:
    if isinstance(leaf, Ref):
        raise NotExportable("it multiplies two tensors that both depend on z")
    found: Tensor = leaf
    return found


@row("mm.default")
def _mm(b: Builder, x: Any, y: Any) -> Value:
    return _product(b, b.value(x), _constant(y))


@row("addmm.default")
def _addmm(b: Builder, bias: Any, x: Any, y: Any) -> Value:
    weight = _constant(y)
    return _product(b, b.value(x), weight, _constant(bias).expand(weight.shape[1]))


@row("col2im.default")
def _fold(
    b: Builder,
    x: Any,
    size: Sequence[int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Value:
    return _folded(
        b, b.value(x).moved(lambda i: i[0].t()), size, kernel, dilation, padding, stride
    )


def _folded(
    b: Builder,
    patches: Value,
    size: Sequence[int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
    bias: Tensor | None = None,
) -> Value:
    """The sum of overlapping patches (positions, channels k²), as (1, channels, height, width)."""
    if any(len(set(pair)) != 1 for pair in (kernel, padding, stride)) or set(dilation) != {1}:
        raise NotExportable("it has a kernel that is not square or has gaps")
    k = kernel[0]
    channels = patches.index.shape[1] // k**2
    values = {"channels": channels, "height": size[0], "width": size[1], "k": k}
    extra = {} if bias is None else {"b": b.numbers(bias)}
    return b.add(
        "fold",
        (1, channels, *size),
        x=b.flat(patches),
        padding=padding[0],
        stride=stride[0],
        **values,
        **extra,
    )


@row("convolution.default")
def _convolution(
    b: Builder,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Value:
    w, value = _constant(weight), b.value(x)
    if groups != 1 or w.dim() != 4 or set(dilation) != {1}:
        raise NotExportable(
            "it has a convolution with groups or gaps, or one that is not two-dimensional"
        )
    sides = [*value.index.shape[2:]]
    k = w.shape[-1]
    if transposed:
        size = [
            stride[i] * (sides[i] - 1) + k - 2 * padding[i] + output_padding[i] for i in (0, 1)
        ]
        pixels = value.moved(lambda i: i[0].flatten(1).t())
        patches = _product(b, pixels, w.flatten(1))
        return _folded(b, patches, size, w.shape[2:], dilation, padding, stride, bias)
    # Patches by a table of indices; -1 is the border.
    whole = (value.index + 1).double()
    table = F.unfold(whole, k, padding=tuple(padding), stride=tuple(stride))
    patches = Value(value.op, table[0].t().long() - 1)
    patches = Value(b.flat(patches), torch.arange(table.numel()).view(patches.index.shape))
    size = [(sides[i] + 2 * padding[i] - k) // stride[i] + 1 for i in (0, 1)]
    output = _product(b, patches, w.flatten(1).t(), bias)
    return output.moved(lambda i: i.t().reshape(1, len(w), *size))


@row("native_batch_norm.default")
def _batch_norm(
    b: Builder,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    _: float,
    eps: float,
) -> Value:
    if training:
        raise NotExportable("its batch normalisation uses the statistics of the batch")
    value = b.value(x)
    one = torch.ones_like(variance)
    scale = (one if weight is None else weight) / (variance + eps).sqrt()
    shift = (0 * one if bias is None else bias) - mean * scale
    inner = math.prod(value.index.shape[2:])
    return b.add(
        "affine",
        value.index.shape,
        x=b.flat(value),
        scale=b.numbers(scale),
        shift=b.numbers(shift),
        inner=inner,
    )


@row("native_group_norm.default")
def _group_norm(
    b: Builder,
    x: Any,
    weight: Any,
    bias: Any,
    count: int,
    channels: int,
    inner: int,
    groups: int,
    eps: float,
) -> Value:
    value = b.value(x)
    if count != 1:
        raise NotExportable("it normalises several examples together")
    one = torch.ones(channels)
    return b.add(
        "group_norm",
        value.index.shape,
        x=b.flat(value),
        scale=b.numbers(one if weight is None else weight),
        shift=b.numbers(0 * one if bias is None else bias),
        inner=inner,
        groups=groups,
        eps=eps,
    )


def _resizing(name: str) -> None:
    """A linear map of single channels; its matrix is the image of each unit pixel."""
    function = getattr(torch.ops.aten, name).default

    def translate(b: Builder, x: Any, *args: Any) -> Value:
        value = b.value(x)
        _, channels, height, width = value.index.shape
        pixels = torch.eye(height * width).view(-1, 1, height, width)
        answers = function(pixels, *args)
        size, table = answers.shape[2:], answers.flatten(1).t()
        taps = int((table != 0).sum(1).max())
        index = table.abs().topk(taps, dim=1).indices
        return b.add(
            "taps",
            (1, channels, *size),
            x=b.flat(value),
            w=b.numbers(table.gather(1, index)),
            i=b.numbers(index),
            taps=taps,
            inner=height * width,
        )

    row(f"{name}.default")(translate)


for _name in ("upsample_bilinear2d", "upsample_nearest2d", "avg_pool2d"):
    _resizing(_name)


@row("argmin.default")
def _argmin(b: Builder, x: Any, dim: int | None = None, keepdim: bool = False) -> Value:
    value = b.value(x)
    if dim not in {-1, value.index.dim() - 1} or keepdim:
        raise NotExportable("it takes the argmin of an axis that is not the last")
    return b.add("argmin", value.index.shape[:-1], x=b.flat(value), n=value.index.shape[-1])


@row("index.Tensor")
def _lookup(b: Builder, table: Any, indices: Sequence[Any]) -> Value:
    if isinstance(table, Ref):
        picked = [None if one is None else _constant(one) for one in indices]
        return b.value(table).moved(lambda index: torch.ops.aten.index.Tensor(index, picked))
    rows_ = _constant(table)
    if len(indices) != 1 or rows_.dim() != 2:
        raise NotExportable("it indexes a table of more than two axes")
    which = b.value(indices[0])
    width = rows_.shape[1]
    shape = (*which.index.shape, width)
    return b.add("lookup", shape, x=b.flat(which), w=b.numbers(rows_), n=width)
