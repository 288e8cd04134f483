"""Supports and their transforms to Rᴷ, with log-determinants.

One row is one support with one transform: T is ``forward`` (support to Rᴷ), T⁻¹ is ``inverse``,
and ``log_det`` is log|det J| of T⁻¹, the term of the change of variables: log p(ζ) = log p(T⁻¹(ζ))
+ log|det J_{T⁻¹}(ζ)|.

Sources: Kucukelbir, Tran, Ranganath, Gelman and Blei 2017, "Automatic differentiation variational
inference"; the Stan reference manual, "Constraint transforms". The simplex uses the stick-breaking
transform of older versions of Stan; newer versions use an isometric log-ratio.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from genlab.core.errors import SpecError


class Constraint(abc.ABC):
    """A support and a transform T of it to Rᴷ.

    A value has shape (\\*, event), ζ has shape (\\*, free event), and ``log_det`` and ``contains``
    have shape (\\*): any leading axes are a batch.
    """

    #: The number of trailing axes that one transform maps together (0: each number by itself).
    event_dim: ClassVar[int] = 0
    #: The transform in a few words, for the choice of T on a page.
    transform: ClassVar[str]

    @property
    @abc.abstractmethod
    def support(self) -> str:
        """The support in words; rows with the same words are interchangeable."""

    @abc.abstractmethod
    def forward(self, value: Tensor) -> Tensor:
        """ζ = T(value)."""

    @abc.abstractmethod
    def inverse(self, zeta: Tensor) -> Tensor:
        """T⁻¹(ζ), inside the support."""

    @abc.abstractmethod
    def log_det(self, zeta: Tensor) -> Tensor:
        """log|det J| of T⁻¹ at ζ."""

    @abc.abstractmethod
    def contains(self, value: Tensor) -> Tensor:
        """Whether a value is in the support, which is open: its boundary is outside."""

    def free_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of ζ for a parameter of this shape.

        Raises:
            SpecError: if no value of that shape is in the support.
        """
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.support}"


def _bound(name: str, value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise SpecError(name, value, "allowed: a finite number")
    return number


class Real(Constraint):
    """All numbers; T is the identity."""

    transform = "identity"

    @property
    def support(self) -> str:
        return "any finite number"

    def forward(self, value: Tensor) -> Tensor:
        return value

    def inverse(self, zeta: Tensor) -> Tensor:
        return zeta

    def log_det(self, zeta: Tensor) -> Tensor:
        return torch.zeros_like(zeta)

    def contains(self, value: Tensor) -> Tensor:
        return value.isfinite()


class Lower(Constraint):
    """(a, ∞): T⁻¹(ζ) = a + e^ζ, log|det J| = ζ.

    Args:
        low: a.

    Example:
        >>> Lower(1.0).inverse(torch.tensor(0.0)).item()
        2.0
    """

    transform = "log"

    def __init__(self, low: float = 0.0) -> None:
        self.low = _bound("low", low)

    @property
    def support(self) -> str:
        return f"a number above {self.low:g}"

    def forward(self, value: Tensor) -> Tensor:
        return (value - self.low).log()

    def inverse(self, zeta: Tensor) -> Tensor:
        return self.low + zeta.exp()

    def log_det(self, zeta: Tensor) -> Tensor:
        return zeta

    def contains(self, value: Tensor) -> Tensor:
        return (value > self.low) & value.isfinite()


class SoftplusLower(Lower):
    """(a, ∞): T⁻¹(ζ) = a + log(1 + e^ζ), log|det J| = -log(1 + e^{-ζ}).

    Args:
        low: a.

    Example:
        >>> round(SoftplusLower().inverse(torch.tensor(0.0)).item(), 4)
        0.6931
    """

    transform = "inverse softplus"

    def forward(self, value: Tensor) -> Tensor:
        above = value - self.low
        # log(e^y - 1) without forming e^y, which overflows for a large y.
        return above + (-torch.expm1(-above)).log()

    def inverse(self, zeta: Tensor) -> Tensor:
        return self.low + softplus(zeta)

    def log_det(self, zeta: Tensor) -> Tensor:
        return logsigmoid(zeta)


class Upper(Constraint):
    """(-∞, b): T⁻¹(ζ) = b - e^ζ, log|det J| = ζ.

    Args:
        high: b.
    """

    transform = "log of the distance"

    def __init__(self, high: float = 0.0) -> None:
        self.high = _bound("high", high)

    @property
    def support(self) -> str:
        return f"a number below {self.high:g}"

    def forward(self, value: Tensor) -> Tensor:
        return (self.high - value).log()

    def inverse(self, zeta: Tensor) -> Tensor:
        return self.high - zeta.exp()

    def log_det(self, zeta: Tensor) -> Tensor:
        return zeta

    def contains(self, value: Tensor) -> Tensor:
        return (value < self.high) & value.isfinite()


class Interval(Constraint):
    """(a, b): T⁻¹(ζ) = a + (b - a) σ(ζ), log|det J| = log(b - a) + log σ(ζ) + log σ(-ζ).

    Args:
        low: a.
        high: b, above a.

    Raises:
        SpecError: unless a < b.
    """

    transform = "logit"

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        self.low, self.high = _bound("low", low), _bound("high", high)
        if not self.low < self.high:
            raise SpecError("high", high, f"allowed: a number above low = {self.low:g}")

    @property
    def support(self) -> str:
        return f"a number between {self.low:g} and {self.high:g}"

    def forward(self, value: Tensor) -> Tensor:
        return (value - self.low).log() - (self.high - value).log()

    def inverse(self, zeta: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * zeta.sigmoid()

    def log_det(self, zeta: Tensor) -> Tensor:
        return math.log(self.high - self.low) + logsigmoid(zeta) + logsigmoid(-zeta)

    def contains(self, value: Tensor) -> Tensor:
        return (value > self.low) & (value < self.high)


class ProbitInterval(Interval):
    """(a, b): T⁻¹(ζ) = a + (b - a) Φ(ζ), log|det J| = log(b - a) - ζ²/2 - ½ log 2π.

    Φ is the distribution function of N(0, 1), so a standard normal ζ is a uniform value.

    Args:
        low: a.
        high: b, above a.

    Raises:
        SpecError: unless a < b.

    Example:
        >>> ProbitInterval(0.0, 4.0).inverse(torch.tensor(0.0)).item()
        2.0
    """

    transform = "probit"

    def forward(self, value: Tensor) -> Tensor:
        return torch.special.ndtri((value - self.low) / (self.high - self.low))

    def inverse(self, zeta: Tensor) -> Tensor:
        # Beyond 8 standard deviations Φ rounds to 1, and the value would be on the boundary.
        room = torch.finfo(zeta.dtype)
        share = torch.special.ndtr(zeta).clamp(room.tiny, 1 - room.eps)
        return self.low + (self.high - self.low) * share

    def log_det(self, zeta: Tensor) -> Tensor:
        return math.log(self.high - self.low) - 0.5 * (zeta.square() + math.log(2 * math.pi))


class Simplex(Constraint):
    """Probabilities that sum to 1, by stick-breaking.

    s_k = σ(ζ_k - log(K - k)), x_k = s_k rest_k with rest_k = 1 - Σ_{j<k} x_j, and
    log|det J| = Σ_k log s_k + log(1 - s_k) + log rest_k, the volume element of the first K - 1
    numbers. ζ = 0 is the centre, x_k = 1 / K.

    Example:
        >>> [round(p, 4) for p in Simplex().inverse(torch.zeros(3)).tolist()]
        [0.25, 0.25, 0.25, 0.25]
    """

    event_dim = 1
    transform = "stick-breaking"

    @property
    def support(self) -> str:
        return "numbers above 0 that sum to 1"

    def free_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not shape or shape[-1] < 2:
            raise SpecError("shape", shape, "a simplex needs a last axis of at least 2")
        return (*shape[:-1], shape[-1] - 1)

    def forward(self, value: Tensor) -> Tensor:
        # The rest of the stick, summed from its end: 1 - Σ would lose small pieces.
        rest = value.flip(-1).cumsum(-1).flip(-1)[..., 1:]
        return value[..., :-1].log() - rest.log() - self._offset(value.shape[-1] - 1, value)

    def inverse(self, zeta: Tensor) -> Tensor:
        u = zeta + self._offset(zeta.shape[-1], zeta)
        last = logsigmoid(-u).sum(-1, keepdim=True)
        return torch.cat([logsigmoid(u) + self._log_rest(u), last], -1).exp()

    def log_det(self, zeta: Tensor) -> Tensor:
        u = zeta + self._offset(zeta.shape[-1], zeta)
        return (logsigmoid(u) + logsigmoid(-u) + self._log_rest(u)).sum(-1)

    def contains(self, value: Tensor) -> Tensor:
        return (value > 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)

    @staticmethod
    def _log_rest(u: Tensor) -> Tensor:
        broken = logsigmoid(-u)
        return broken.cumsum(-1) - broken

    @staticmethod
    def _offset(free: int, like: Tensor) -> Tensor:
        return -torch.arange(free, 0, -1, dtype=like.dtype).log()


class Ordered(Constraint):
    """Increasing numbers: y_1 = ζ_1, y_k = y_{k-1} + e^{ζ_k}, log|det J| = Σ_{k≥2} ζ_k.

    Example:
        >>> Ordered().inverse(torch.tensor([-1.0, 0.0, 0.0])).tolist()
        [-1.0, 0.0, 1.0]
    """

    event_dim = 1
    transform = "log of the gaps"

    @property
    def support(self) -> str:
        return "numbers in increasing order"

    def free_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not shape or shape[-1] < 1:
            raise SpecError("shape", shape, "ordered numbers need a last axis of at least 1")
        return shape

    def forward(self, value: Tensor) -> Tensor:
        return torch.cat([value[..., :1], value.diff(dim=-1).log()], -1)

    def inverse(self, zeta: Tensor) -> Tensor:
        return torch.cat([zeta[..., :1], zeta[..., 1:].exp()], -1).cumsum(-1)

    def log_det(self, zeta: Tensor) -> Tensor:
        return zeta[..., 1:].sum(-1)

    def contains(self, value: Tensor) -> Tensor:
        return (value.diff(dim=-1) > 0).all(-1) & value.isfinite().all(-1)


def _square(shape: tuple[int, ...]) -> int:
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < 1:
        raise SpecError("shape", shape, "a Cholesky factor needs two equal last axes")
    return shape[-1]


def _side(free: int, offset: int) -> int:
    # K of the K × K matrix whose lower triangle (with the diagonal: offset 0) has `free` numbers.
    root = math.isqrt(8 * free + 1)
    return (root + 1) // 2 if offset else (root - 1) // 2


def _lower(zeta: Tensor, offset: int) -> Tensor:
    # Numbers into the lower triangle, row by row, by a fixed table: no writing in place, so that
    # it also works inside vmap.
    side = _side(zeta.shape[-1], offset)
    rows, columns = torch.tril_indices(side, side, -offset)
    table = torch.full((side, side), zeta.shape[-1])
    table[rows, columns] = torch.arange(zeta.shape[-1])
    return torch.cat([zeta, torch.zeros_like(zeta[..., :1])], -1)[..., table]


def _entries(matrix: Tensor, offset: int) -> Tensor:
    side = matrix.shape[-1]
    rows, columns = torch.tril_indices(side, side, -offset)
    return matrix[..., rows, columns]


class CorrelationCholesky(Constraint):
    """L, lower triangular with a positive diagonal and rows of length 1: L Lᵀ is a correlation.

    z = tanh ζ, L_ij = z_ij √(1 - Σ_{k<j} L_ik²), L_ii = √(1 - Σ_{k<i} L_ik²), and
    log|det J| = Σ_{i>j} log(1 - z_ij²) + ½ log(1 - Σ_{k<j} L_ik²), the volume element of the
    numbers below the diagonal of L. The matching density is one of L, not of L Lᵀ.
    """

    event_dim = 2
    transform = "tanh, row by row"

    @property
    def support(self) -> str:
        return "the Cholesky factor of a correlation matrix"

    def free_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        side = _square(shape)
        if side < 2:
            raise SpecError("shape", shape, "a correlation needs at least 2 variables")
        return (*shape[:-2], side * (side - 1) // 2)

    def forward(self, value: Tensor) -> Tensor:
        # The rest of a row's squared length before column j, summed from the end as in Simplex.
        left = value.square().flip(-1).cumsum(-1).flip(-1)
        z = _entries(value, 1) / _entries(left, 1).sqrt()
        return torch.atanh(z)

    def inverse(self, zeta: Tensor) -> Tensor:
        z = _lower(zeta, 1).tanh()
        eye = torch.eye(z.shape[-1], dtype=zeta.dtype)
        return (z + eye) * (0.5 * self._log_left(_lower(zeta, 1))).exp()

    def log_det(self, zeta: Tensor) -> Tensor:
        matrix = _lower(zeta, 1)
        entries = _entries(self._log_left(matrix), 1)
        return (_log_sech2(zeta) + 0.5 * entries).sum(-1)

    def contains(self, value: Tensor) -> Tensor:
        unit = ((value.square().sum(-1) - 1).abs() < 1e-6).all(-1)
        return unit & _is_factor(value)

    @staticmethod
    def _log_left(matrix: Tensor) -> Tensor:
        # log(1 - Σ_{k<j} L_ik²) = Σ_{k<j} log(1 - z_ik²)
        broken = _log_sech2(matrix)
        return broken.cumsum(-1) - broken


class CovarianceCholesky(Constraint):
    """L, lower triangular with a positive diagonal: L Lᵀ is a covariance.

    L_ii = e^{ζ_ii}, L_ij = ζ_ij below, log|det J| = Σ_i ζ_ii, the volume element of the numbers of
    L. The matching density is one of L, not of L Lᵀ.
    """

    event_dim = 2
    transform = "log of the diagonal"

    @property
    def support(self) -> str:
        return "the Cholesky factor of a covariance matrix"

    def free_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        side = _square(shape)
        return (*shape[:-2], side * (side + 1) // 2)

    def forward(self, value: Tensor) -> Tensor:
        diagonal = torch.diag_embed(value.diagonal(dim1=-2, dim2=-1).log())
        return _entries(value.tril(-1) + diagonal, 0)

    def inverse(self, zeta: Tensor) -> Tensor:
        matrix = _lower(zeta, 0)
        diagonal = torch.diag_embed(matrix.diagonal(dim1=-2, dim2=-1).exp())
        return matrix.tril(-1) + diagonal

    def log_det(self, zeta: Tensor) -> Tensor:
        return _lower(zeta, 0).diagonal(dim1=-2, dim2=-1).sum(-1)

    def contains(self, value: Tensor) -> Tensor:
        return value.isfinite().all(-1).all(-1) & _is_factor(value)


def _log_sech2(x: Tensor) -> Tensor:
    # log(1 - tanh² x) without the cancellation at large |x|.
    return 2 * (math.log(2) - x.abs() - softplus(-2 * x.abs()))


def _is_factor(value: Tensor) -> Tensor:
    lower = (value.triu(1) == 0).all(-1).all(-1)
    return lower & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


#: The supports that a page offers, with default bounds.
CONSTRAINTS: dict[str, Callable[[], Constraint]] = {
    "real": Real,
    "lower": Lower,
    "softplus": SoftplusLower,
    "upper": Upper,
    "interval": Interval,
    "probit": ProbitInterval,
    "simplex": Simplex,
    "ordered": Ordered,
    "correlation_cholesky": CorrelationCholesky,
    "covariance_cholesky": CovarianceCholesky,
}


def transforms(support: Constraint) -> dict[str, Constraint]:
    """The rows of the table with the same support and default bounds, by transform.

    Example:
        >>> list(transforms(Lower()))
        ['log', 'inverse softplus']
    """
    rows = [make() for make in CONSTRAINTS.values()]
    return {row.transform: row for row in rows if row.support == support.support}
