"""A decoder as an ONNX model, written from the program that the browser runs.

The program (:mod:`genlab.browser.decoder_program`) is what ``decode(z).mean`` does, operation by
operation. Each of its operations becomes a few nodes of ONNX, over a batch of codes. The file
follows onnx.proto (github.com/onnx/onnx), operator set 17; no library is needed to write it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.browser.decoder_program import Program, export
from genlab.core.tables import MODELS
from genlab.exports.protobuf import field, whole
from genlab.exports.table import EXPORTS, Export
from genlab.models.base import HasDecoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genlab.runs.catalog import RunView

OPSET, FORMAT = 17, 8
#: Types of elements and of attributes, by their numbers in onnx.proto.
FLOAT, INT64, BOOL = 1, 7, 9
A_FLOAT, A_INT, A_INTS = 1, 2, 7


def _attribute(name: str, value: float | int | Sequence[int]) -> bytes:
    head = field(1, name)
    if isinstance(value, float):
        return head + b"\x15" + struct.pack("<f", value) + whole(20, A_FLOAT)
    if isinstance(value, int):
        return head + whole(3, value) + whole(20, A_INT)
    return head + b"".join(whole(8, one) for one in value) + whole(20, A_INTS)


def _described(name: str, shape: Sequence[int | str]) -> bytes:
    """A named tensor of float32; a word stands for a size that is free."""
    sizes = b"".join(
        field(1, field(2, size) if isinstance(size, str) else whole(1, size)) for size in shape
    )
    return field(1, name) + field(2, field(1, whole(1, FLOAT) + field(2, sizes)))


class Graph:
    """The nodes and constants of a model while it is written."""

    def __init__(self, program: Mapping[str, Any], numbers: bytes) -> None:
        self.program, self.raw = program, numbers
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []
        self.count = 0
        #: The name of each operation's value, a tensor (batch, size).
        self.names: list[str] = []
        self.batch = ""

    def node(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node; the name of its output."""
        self.count += 1
        name = f"v{self.count}"
        body = b"".join(field(1, one) for one in inputs) + field(2, name) + field(3, name)
        body += field(4, op)
        body += b"".join(field(5, _attribute(*one)) for one in attributes.items())
        self.nodes.append(body)
        return name

    def constant(self, values: NDArray[Any] | Sequence[int], shape: Sequence[int] | None) -> str:
        """Add a constant; its name."""
        array = np.asarray(values)
        kind = FLOAT if array.dtype.kind == "f" else INT64
        array = array.astype("<f4" if kind == FLOAT else "<i8")
        array = array if shape is None else array.reshape(tuple(shape))
        self.count += 1
        name = f"c{self.count}"
        sizes = b"".join(whole(1, size) for size in array.shape)
        body = sizes + whole(2, kind) + field(8, name) + field(9, array.tobytes())
        self.constants.append(body)
        return name

    def numbers(self, where: Any, kind: str = "<f4") -> NDArray[Any]:
        """The constants that an operation of the program names."""
        if "inline" in where:
            return np.array(where["inline"], dtype=kind)
        offset, count = where["at"]
        return np.frombuffer(self.raw, kind, count, 4 * offset)

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """The same numbers of each code in another shape; 0 stands for the batch."""
        rest = self.constant(list(shape), None)
        return self.node("Reshape", [x, rest])

    def flat(self, x: str, size: int) -> str:
        """One row of numbers for each code."""
        return self.reshape(x, (0, size))

    def operand(self, op: Mapping[str, Any], side: str) -> str:
        """One of the two sides of an operation: a value, or a number."""
        if side in op:
            return self.names[op[side]]
        return self.constant(np.array([op[f"{side}n"]], dtype="<f4"), (1, 1))


Writer = Callable[[Graph, Mapping[str, Any]], str]
WRITERS: dict[str, Writer] = {}


def _writes(*names: str) -> Callable[[Writer], Writer]:
    def put(writer: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(names, writer))
        return writer

    return put


ALIKE = {
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "exp": "Exp",
    "abs": "Abs",
    "neg": "Neg",
    "reciprocal": "Reciprocal",
    "relu": "Relu",
    "log": "Log",
    "sqrt": "Sqrt",
    "softplus": "Softplus",
}
PAIRS = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div"}


@_writes(*ALIKE)
def _each(g: Graph, op: Mapping[str, Any]) -> str:
    return g.node(ALIKE[op["op"]], [g.names[op["x"]]])


@_writes(*PAIRS)
def _pair(g: Graph, op: Mapping[str, Any]) -> str:
    return g.node(PAIRS[op["op"]], [g.operand(op, "x"), g.operand(op, "y")])


@_writes("input")
def _input(g: Graph, op: Mapping[str, Any]) -> str:  # noqa: ARG001
    g.batch = g.node("Shape", ["z"], start=0, end=1)
    return "z"


@_writes("constant")
def _constant(g: Graph, op: Mapping[str, Any]) -> str:
    row = g.constant(g.numbers(op["w"]), (1, op["size"]))
    shape = g.node("Concat", [g.batch, g.constant([op["size"]], None)], axis=0)
    return g.node("Expand", [row, shape])


@_writes("square")
def _square(g: Graph, op: Mapping[str, Any]) -> str:
    return g.node("Mul", [g.names[op["x"]]] * 2)


@_writes("silu")
def _silu(g: Graph, op: Mapping[str, Any]) -> str:
    x = g.names[op["x"]]
    return g.node("Mul", [x, g.node("Sigmoid", [x])])


@_writes("leaky")
def _leaky(g: Graph, op: Mapping[str, Any]) -> str:
    return g.node("LeakyRelu", [g.names[op["x"]]], alpha=float(op["slope"]))


@_writes("clamp")
def _clamp(g: Graph, op: Mapping[str, Any]) -> str:
    x = g.names[op["x"]]
    for side, name in (("low", "Max"), ("high", "Min")):
        if side in op:
            x = g.node(name, [x, g.constant(np.array([op[side]], dtype="<f4"), (1, 1))])
    return x


@_writes("less")
def _less(g: Graph, op: Mapping[str, Any]) -> str:
    bound = g.constant(np.array([op["bound"]], dtype="<f4"), (1, 1))
    return g.node("Cast", [g.node("Less", [g.names[op["x"]], bound])], to=FLOAT)


@_writes("where")
def _where(g: Graph, op: Mapping[str, Any]) -> str:
    condition = g.node("Cast", [g.names[op["c"]]], to=BOOL)
    return g.node("Where", [condition, g.names[op["x"]], g.names[op["y"]]])


@_writes("gather")
def _gather(g: Graph, op: Mapping[str, Any]) -> str:
    index, x = g.numbers(op["w"], "<i4").astype("<i8"), g.names[op["x"]]
    if (index < 0).any():
        # Outside of a picture stands 0: a column of its own behind the others.
        size = g.program["ops"][op["x"]]["size"]
        zeros = g.node(
            "Expand",
            [
                g.constant(np.zeros(1, dtype="<f4"), (1, 1)),
                g.node("Concat", [g.batch, g.constant([1], None)], axis=0),
            ],
        )
        x = g.node("Concat", [x, zeros], axis=1)
        index = np.where(index < 0, size, index)
    return g.node("Gather", [x, g.constant(index, None)], axis=1)


@_writes("join")
def _join(g: Graph, op: Mapping[str, Any]) -> str:
    return g.node("Concat", [g.names[one] for one in op["xs"]], axis=1)


@_writes("product")
def _product(g: Graph, op: Mapping[str, Any]) -> str:
    rows, n, m = op["rows"], op["n"], op["m"]
    x = g.reshape(g.names[op["x"]], (0, rows, n))
    x = g.node("MatMul", [x, g.constant(g.numbers(op["w"]), (n, m))])
    if "b" in op:
        x = g.node("Add", [x, g.constant(g.numbers(op["b"]), (m,))])
    return g.flat(x, rows * m)


@_writes("fold")
def _fold(g: Graph, op: Mapping[str, Any]) -> str:
    """Overlapping patches added up: a transposed convolution whose kernels are single ones."""
    channels, k, stride, padding = op["channels"], op["k"], op["stride"], op["padding"]
    size = op["height"], op["width"]
    places = [(one + 2 * padding - k) // stride + 1 for one in size]
    # Each channel of each code is a picture of its own.
    x = g.reshape(g.names[op["x"]], (0, places[0] * places[1], channels, k * k))
    x = g.node("Transpose", [x], perm=[0, 2, 3, 1])
    x = g.reshape(x, (-1, k * k, *places))
    kernels = g.constant(np.eye(k * k, dtype="<f4"), (k * k, 1, k, k))
    reached = [stride * (one - 1) + k - 2 * padding for one in places]
    x = g.node(
        "ConvTranspose",
        [x, kernels],
        kernel_shape=[k, k],
        pads=[padding] * 4,
        strides=[stride] * 2,
        output_padding=[a - b for a, b in zip(size, reached, strict=True)],
    )
    x = g.reshape(x, (-1, channels, size[0] * size[1]))
    if "b" in op:
        x = g.node("Add", [x, g.constant(g.numbers(op["b"]), (channels, 1))])
    return g.flat(x, op["size"])


@_writes("affine")
def _affine(g: Graph, op: Mapping[str, Any]) -> str:
    scale, shift = g.numbers(op["scale"]), g.numbers(op["shift"])
    channels = len(scale)
    x = g.reshape(g.names[op["x"]], (0, channels, op["inner"]))
    x = g.node("Mul", [x, g.constant(scale, (channels, 1))])
    x = g.node("Add", [x, g.constant(shift, (channels, 1))])
    return g.flat(x, op["size"])


@_writes("group_norm")
def _group_norm(g: Graph, op: Mapping[str, Any]) -> str:
    """Each group of channels with mean 0 and variance 1, then scaled and shifted by channel."""
    size, groups, inner = op["size"], op["groups"], op["inner"]
    scale, shift = g.numbers(op["scale"]), g.numbers(op["shift"])
    x = g.reshape(g.names[op["x"]], (0, groups, size // groups))
    x = g.node("Sub", [x, g.node("ReduceMean", [x], axes=[2], keepdims=1)])
    squares = g.node("ReduceMean", [g.node("Mul", [x, x])], axes=[2], keepdims=1)
    eps = g.constant(np.array([op["eps"]], dtype="<f4"), (1, 1, 1))
    x = g.node("Div", [x, g.node("Sqrt", [g.node("Add", [squares, eps])])])
    x = g.reshape(x, (0, len(scale), inner))
    x = g.node("Mul", [x, g.constant(scale, (len(scale), 1))])
    x = g.node("Add", [x, g.constant(shift, (len(shift), 1))])
    return g.flat(x, size)


@_writes("taps")
def _taps(g: Graph, op: Mapping[str, Any]) -> str:
    """A linear map of each channel alone, of a few pixels for each result."""
    inner, taps = op["inner"], op["taps"]
    size = g.program["ops"][op["x"]]["size"]
    channels = size // inner
    places = op["size"] // channels
    x = g.reshape(g.names[op["x"]], (0, channels, inner))
    index = g.numbers(op["i"], "<i4").astype("<i8").reshape(places, taps)
    x = g.node("Gather", [x, g.constant(index, None)], axis=2)
    x = g.node("Mul", [x, g.constant(g.numbers(op["w"]), (places, taps))])
    x = g.node("ReduceSum", [x, g.constant([3], None)], keepdims=0)
    return g.flat(x, op["size"])


@_writes("argmin")
def _argmin(g: Graph, op: Mapping[str, Any]) -> str:
    x = g.reshape(g.names[op["x"]], (0, op["size"], op["n"]))
    return g.node("Cast", [g.node("ArgMin", [x], axis=2, keepdims=0)], to=FLOAT)


@_writes("lookup")
def _lookup(g: Graph, op: Mapping[str, Any]) -> str:
    table = g.numbers(op["w"])
    rows = g.constant(table, (len(table) // op["n"], op["n"]))
    x = g.node("Gather", [rows, g.node("Cast", [g.names[op["x"]]], to=INT64)], axis=0)
    return g.flat(x, op["size"])


@_writes("logistic_mean")
def _logistic_mean(g: Graph, op: Mapping[str, Any]) -> str:
    """The mean over the levels 0, 1/steps, ..., 1: that of σ((x − (k − 1/2)/steps) e^(−s))."""
    steps, size = op["steps"], op["size"]
    edges = (np.arange(1, steps + 1) - 0.5) / steps
    loc = g.reshape(g.names[op["x"]], (0, size, 1))
    scale = g.reshape(g.node("Exp", [g.node("Neg", [g.names[op["s"]]])]), (0, size, 1))
    far = g.node("Sub", [loc, g.constant(edges.astype("<f4"), (1, 1, steps))])
    above = g.node("Sigmoid", [g.node("Mul", [far, scale])])
    return g.flat(g.node("ReduceMean", [above], axes=[2], keepdims=0), size)


def onnx_model(program: Program, about: Mapping[str, str] | None = None) -> bytes:
    """A program as an ONNX model: input ``z`` (batch, latent), output ``x`` (batch, *data shape).

    Args:
        program: of a decoder.
        about: what the model says of itself, by key.
    """
    parsed = json.loads(program.text)
    graph = Graph(parsed, program.weights)
    for op in parsed["ops"]:
        graph.names.append(WRITERS[op["op"]](graph, op))
    shape = graph.constant([0, *parsed["shape"]], None)
    last = field(1, graph.names[parsed["last"]]) + field(1, shape) + field(2, "x")
    graph.nodes.append(last + field(3, "x") + field(4, "Reshape"))
    body = b"".join(field(1, one) for one in graph.nodes) + field(2, "decoder")
    body += b"".join(field(5, one) for one in graph.constants)
    body += field(11, _described("z", ["batch", parsed["inputs"]]))
    body += field(12, _described("x", ["batch", *parsed["shape"]]))
    notes = (field(1, key) + field(2, value) for key, value in (about or {}).items())
    return b"".join(
        [
            whole(1, FORMAT),
            field(2, "genlab"),
            field(7, body),
            field(8, field(1, "") + whole(2, OPSET)),
            *(field(14, note) for note in notes),
        ]
    )


def _write(view: RunView, step: int, n: int, seed: int) -> bytes:  # noqa: ARG001
    about = {"run": view.id, "step": str(step), "model": view.spec.model, "data": view.spec.data}
    return onnx_model(export(view.model(step)), about)


def _decodes(view: RunView) -> str:
    return "" if issubclass(MODELS[view.spec.model], HasDecoder) else "its model has no decoder"


EXPORTS.register("decoder.onnx", title="Decoder for ONNX")(
    Export("decoder", "onnx", "application/octet-stream", _write, _decodes)
)
