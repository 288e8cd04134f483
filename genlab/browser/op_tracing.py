"""Record the torch operations of a decoder on one code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genlab.core.errors import GenlabError


class NotExportable(GenlabError):
    """The page cannot run an operation of the decoder."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"This decoder cannot run in the page: {what}. Nothing was changed; the other tools "
            "decode on the server."
        )


@dataclass(frozen=True)
class Ref:
    """A tensor that depends on z: output ``k`` of a recorded operation; operation -1 is z."""

    op: int
    k: int = 0


@dataclass(frozen=True)
class Call:
    """One recorded operation; tensors that depend on z are :class:`Ref`."""

    name: str
    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def replace_leaves(value: Any, swap: Callable[[Any], Any]) -> Any:
    """A nest of lists with its leaves replaced."""
    if isinstance(value, (list, tuple)):
        return type(value)(replace_leaves(one, swap) for one in value)
    return swap(value)


#: Operations that depend on the code, and products in them, at most: with more the page would be
#: slow. A page does about 5e8 products in a second.
MOST, MOST_PRODUCTS = 6000, 30_000_000
#: The result of these operations is constant for every input.
BLANKS = {"aten.ones_like.default", "aten.zeros_like.default", "aten.empty_like.default"}


def _products(name: str, args: Sequence[Any], out: Any) -> int:
    """The number of multiplications in an operation with a matrix or a kernel."""
    if name == "aten.convolution.default":
        # A transposed convolution uses each input pixel as often as another one each output pixel.
        pixels = args[0] if args[6] else out
        return int(pixels.numel() * args[1][0].numel())
    if name in {"aten.addmm.default", "aten.mm.default"}:
        return int(args[-2].numel() * args[-1].shape[1])
    return 0


class Recorder(TorchDispatchMode):
    """Records the operations on a tensor, and on all tensors computed from it."""

    def __init__(self, z: Tensor) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.known: dict[int, Ref] = {id(z): Ref(-1)}
        self.alive: list[Any] = [z]
        self.stale: set[int] = set()
        self.products = 0

    def ref(self, value: Any) -> Any:
        """How an argument is recorded: as a :class:`Ref` if it depends on z."""
        if not isinstance(value, Tensor) or id(value) not in self.known:
            return value
        if id(value) in self.stale:
            raise NotExportable("it changes a tensor in place and reads it again")
        return self.known[id(value)]

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        seen: list[Tensor] = []
        replace_leaves([args, list(kwargs.values())], lambda v: seen.append(v))
        tracked = any(isinstance(v, Tensor) and id(v) in self.known for v in seen)
        if not tracked or str(function) in BLANKS:
            out = function(*args, **kwargs)
            self.alive.append((args, out))
            return out
        if len(self.calls) == MOST:
            raise NotExportable(f"one code takes more than {MOST:,} operations")
        call = Call(
            str(function),
            function,
            replace_leaves(args, self.ref),
            {name: replace_leaves(value, self.ref) for name, value in kwargs.items()},
        )
        out = function(*args, **kwargs)
        self.products += _products(call.name, args, out)
        if self.products > MOST_PRODUCTS:
            raise NotExportable(
                f"one code takes more than {MOST_PRODUCTS // 10**6} million products, so that a "
                "picture could not follow the pointer"
            )
        outs = out if isinstance(out, (list, tuple)) else [out]
        if not all(isinstance(one, Tensor) for one in outs if one is not None):
            raise NotExportable("its sequence of operations depends on the value of z")
        if function._schema.is_mutable:
            address = args[0].untyped_storage().data_ptr()
            self.stale |= {
                id(one)
                for one in self.alive
                if isinstance(one, Tensor)
                and one is not args[0]
                and one.untyped_storage().data_ptr() == address
            }
        for k, one in enumerate(outs):
            if one is not None:
                self.known[id(one)] = Ref(len(self.calls), k)
                self.alive.append(one)
        self.alive.append(args)
        self.calls.append(call)
        return out


def replay(calls: Sequence[Call], z: Tensor) -> Callable[[Ref], Tensor]:
    """Apply the recorded operations to another code."""
    found: dict[Ref, Any] = {Ref(-1): z}

    def given(leaf: Any) -> Any:
        return found[leaf] if isinstance(leaf, Ref) else leaf

    for i, call in enumerate(calls):
        out = call.function(
            *replace_leaves(call.args, given),
            **{name: replace_leaves(value, given) for name, value in call.kwargs.items()},
        )
        for k, one in enumerate(out if isinstance(out, (list, tuple)) else [out]):
            found[Ref(i, k)] = one
    return found.__getitem__
