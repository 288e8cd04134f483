"""The parameters of a family: their constraints, and maps from the outputs of a net."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus


class Params(dict[str, Tensor]):
    """Parameters as tensors of one dtype, broadcast to one batch shape and within their bounds."""

    @property
    def wide(self) -> Params:
        """The same parameters in float64, the precision of closed forms.

        Log-gamma functions of large arguments cancel: in float32 KL(Γ(10⁴, 10⁴) ‖ itself) would
        be −0.004 and the constant of Student's t at ν = 10⁸ off by 8.9.
        """
        return Params({name: value.double() for name, value in self.items()})


@dataclass(frozen=True, eq=False)
class Constraint:
    """Which values a parameter may take.

    Args:
        text: in words, for the message of a refusal.
        test: ``(value, parameters so far) -> bool tensor`` of the batch shape.
        from_real: ``(any real tensor, parameters so far) -> value within the constraint``, applied
            to the output of a network; None if there is no smooth map (integers).
        event_ndim: 0 for a number, 1 for a vector, 2 for a matrix.
    """

    text: str
    test: Callable[[Tensor, Mapping[str, Tensor]], Tensor]
    from_real: Callable[[Tensor, Mapping[str, Tensor]], Tensor] | None
    event_ndim: int = 0


def _soft(x: Tensor) -> Tensor:
    return softplus(x) + torch.finfo(x.dtype).tiny


def _triangle(x: Tensor, _: Mapping[str, Tensor]) -> Tensor:
    return x.tril(-1) + torch.diag_embed(_soft(x.diagonal(dim1=-2, dim2=-1)))


def above(other: str) -> Constraint:
    """The constraint that a number exceeds another parameter."""
    return Constraint(
        f"a number greater than {other}",
        lambda v, p: torch.isfinite(v) & (v > p[other]),
        lambda x, p: p[other] + _soft(x),
    )


REAL = Constraint("a finite number", lambda v, _: torch.isfinite(v), lambda x, _: x)


POSITIVE = Constraint(
    "a number greater than 0", lambda v, _: torch.isfinite(v) & (v > 0), lambda x, _: _soft(x)
)


POSITIVE_OR_INF = Constraint(
    "a number greater than 0, or inf for the Gaussian case",
    lambda v, _: v > 0,
    lambda x, _: _soft(x),
)


COUNT = Constraint(
    "a whole number from 1", lambda v, _: torch.isfinite(v) & (v >= 1) & (v == v.floor()), None
)


VECTOR = Constraint(
    "a vector of finite numbers", lambda v, _: torch.isfinite(v).all(-1), lambda x, _: x, 1
)


POSITIVE_VECTOR = Constraint(
    "a vector of at least two numbers greater than 0",
    lambda v, _: (torch.isfinite(v) & (v > 0)).all(-1) & (v.shape[-1] > 1),
    lambda x, _: _soft(x),
    1,
)


def _full_rank(v: Tensor, others: Mapping[str, Tensor]) -> Tensor:
    square = v.shape[-1] == v.shape[-2] == others["loc"].shape[-1]
    finite = torch.isfinite(v).all(-1).all(-1)
    if not square:
        return torch.zeros_like(finite)
    # Singular values, not the determinant: 1e-8 I has full rank, but a tiny determinant.
    singular = torch.linalg.svdvals(torch.nan_to_num(v.detach()))
    limit = singular[..., 0] * v.shape[-1] * torch.finfo(v.dtype).eps
    return finite & (singular[..., -1] > limit)


FULL_RANK = Constraint(
    "a square matrix of full rank, of the size of loc", _full_rank, _triangle, 2
)


@dataclass(frozen=True, eq=False)
class Parameter:
    """One parameter of a family.

    Args:
        name: key in the mapping of parameters.
        symbol: LaTeX, as in the sampler equation.
        constraint: which values it may take.
        default: the default value.
        low, high: the range of a slider.
        continuous: whether the sampler has a pathwise derivative with respect to it.
        score: the property of the score-function estimator: ``unbiased``, ``infinite variance``,
            or ``biased`` where the parameter moves an edge of the support at which the density is
            not zero.
    """

    name: str
    symbol: str
    constraint: Constraint
    default: Any
    low: float
    high: float
    continuous: bool = True
    score: Literal["unbiased", "infinite variance", "biased"] = "unbiased"


LOC = Parameter("loc", "a", REAL, 0.0, -3.0, 3.0)
SCALE = Parameter("scale", "b", POSITIVE, 1.0, 0.1, 3.0)
RATE = Parameter("rate", r"\lambda", POSITIVE, 1.0, 0.1, 4.0)
