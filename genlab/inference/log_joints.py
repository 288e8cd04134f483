"""Log-joints: a model written as one Python function of named parameters.

ADVI and MCMC need log p(x, θ) and the support of each parameter. Both work on ζ in Rᴷ, where log
p(x, ζ) = log p(x, T⁻¹(ζ)) + log|det J_{T⁻¹}(ζ)|.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import GenlabError, SpecError
from genlab.core.random import generator
from genlab.inference.constraints import Constraint

Values = Mapping[str, Tensor]
Rows = tuple[Tensor, ...]


class Diverged(GenlabError):
    """The log-joint became infinite or NaN during inference."""


@dataclass(frozen=True)
class Parameter:
    """One named part of θ.

    Args:
        name: its key in the mapping that the log-joint receives.
        support: its support with the transform to unconstrained numbers.
        shape: of one value; () for a number.
    """

    name: str
    support: Constraint
    shape: tuple[int, ...] = ()


class LogJoint:
    """log p(x, θ) as a Python function, with the operations that inference needs.

    Args:
        parameters: the parts of θ, in the order in which ζ holds them.
        log_prob: ``log_prob(values)`` with one value of each parameter by name (no batch axis,
            float64), giving log p(x, θ) in nats, of shape (). If ``log_likelihood`` is given, it
            is the prior log p(θ).
        data: tensors with one row per example, for ``log_likelihood``; floating-point ones become
            float64.
        log_likelihood: ``log_likelihood(values, *rows)`` giving Σ log p(row | θ) over the rows, of
            shape (); on a batch of B of the N rows it is scaled by N / B.

    Raises:
        SpecError: if there is no parameter, for a duplicate name, an impossible shape or support,
            or data of unequal length or with non-finite values.

    Example:
        >>> from genlab.inference.constraints import Lower
        >>> coin = LogJoint(
        ...     [Parameter("p", Lower())], lambda v: 2 * v["p"].log() - 3 * v["p"]
        ... )
        >>> coin.size, coin.check().tolist()
        (1, [0.0])
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        log_prob: Callable[[Values], Tensor],
        *,
        data: Sequence[Tensor] = (),
        log_likelihood: Callable[..., Tensor] | None = None,
    ) -> None:
        self.parameters = tuple(parameters)
        names = [row.name for row in self.parameters]
        if not names or len(set(names)) < len(names):
            raise SpecError("parameters", names, "allowed: at least one, each name once")
        for row in self.parameters:
            if not isinstance(row.support, Constraint):
                raise SpecError(
                    row.name, row.support, "allowed: a support such as Real() or Lower(0)"
                )
        self.data = tuple(_data(part) for part in data)
        if bool(self.data) != (log_likelihood is not None):
            raise SpecError(
                "data",
                f"{len(self.data)} tensors",
                "data and log_likelihood must be given together",
            )
        counts = [len(rows) if rows.dim() else 0 for rows in self.data]
        if self.data and (min(counts) < 1 or len(set(counts)) > 1):
            raise SpecError("data", f"{counts} rows", "allowed: equal numbers, at least 1")
        self.examples = counts[0] if self.data else 0
        self._log_prob, self._log_likelihood = log_prob, log_likelihood
        self._free = [row.support.free_shape(tuple(row.shape)) for row in self.parameters]
        self._sizes = [math.prod(shape) for shape in self._free]
        self._vectorised: bool | None = None

    @property
    def size(self) -> int:
        """K, the dimension of ζ."""
        return sum(self._sizes)

    def replace(self, name: str, support: Constraint) -> LogJoint:
        """The same model with another transform for one parameter.

        Raises:
            SpecError: if there is no such parameter, or the support would change.
        """
        known = {row.name: row for row in self.parameters}
        if name not in known:
            raise SpecError.unknown("parameter", name, known)
        if support.support != known[name].support.support:
            raise SpecError(
                name, support.support, f"the support must be {known[name].support.support}"
            )
        rows = [
            Parameter(name, support, row.shape) if row.name == name else row
            for row in self.parameters
        ]
        return LogJoint(rows, self._log_prob, data=self.data, log_likelihood=self._log_likelihood)

    def batch(self, size: int, seed: int, step: int) -> Rows:
        """Rows drawn without replacement for a step, the same for the same seed and step.

        Raises:
            SpecError: unless 1 <= size <= the number of rows.
        """
        if not 1 <= size <= self.examples:
            raise SpecError("batch", size, f"allowed: 1 to {self.examples} examples")
        index = torch.randperm(self.examples, generator=generator(seed, "batch", step))[:size]
        return tuple(rows[index] for rows in self.data)

    def constrain(self, zeta: Tensor) -> dict[str, Tensor]:
        """T⁻¹(ζ): the parameters by name, (\\*, K) -> (\\*, shape)."""
        return {
            row.name: row.support.inverse(part)
            for row, part in zip(self.parameters, self._parts(zeta), strict=True)
        }

    def unconstrain(self, values: Mapping[str, Any]) -> Tensor:
        """T(θ): one ζ, (K,).

        Raises:
            SpecError: if a parameter is missing, unknown, of another shape or outside its support.
        """
        known = {row.name for row in self.parameters}
        for name in values:
            if name not in known:
                raise SpecError.unknown("parameter", name, known)
        parts = []
        for row, free in zip(self.parameters, self._free, strict=True):
            if row.name not in values:
                raise SpecError(row.name, None, "a value for each parameter is needed")
            value = torch.as_tensor(values[row.name], dtype=torch.float64)
            if value.shape != torch.Size(row.shape):
                raise SpecError(
                    row.name, f"a value of shape {tuple(value.shape)}", f"allowed: {row.shape}"
                )
            if not bool(row.support.contains(value).all()):
                raise SpecError(row.name, value.tolist(), f"allowed: {row.support.support}")
            parts.append(row.support.forward(value).reshape(math.prod(free)))
        return torch.cat(parts)

    def log_abs_det(self, zeta: Tensor) -> Tensor:
        """log|det J| of T⁻¹, (\\*, K) -> (\\*)."""
        total = torch.zeros(zeta.shape[:-1], dtype=zeta.dtype)
        for row, part in zip(self.parameters, self._parts(zeta), strict=True):
            total = total + row.support.log_det(part).reshape((*zeta.shape[:-1], -1)).sum(-1)
        return total

    def log_density(self, zeta: Tensor, rows: Rows | None = None) -> Tensor:
        """log p(x, T⁻¹(ζ)) + log|det J|, (B, K) -> (B,), on all data or scaled up from a batch."""
        if self._vectorised is None:
            self._vectorised = self._try_vmap(zeta)
        return self._joint(self.constrain(zeta), rows) + self.log_abs_det(zeta)

    def pointwise(self, values: Values, rows: Rows) -> Tensor | None:
        """log p(row | θ) of each row at each draw, (S, shape) by name and (N, ...) -> (S, N).

        None if the log-joint has no likelihood of rows, or cannot be vectorised over draws.
        """
        likelihood = self._log_likelihood
        if likelihood is None:
            return None

        def one(values: Values, *row: Tensor) -> Tensor:
            found = likelihood(values, *(part[None] for part in row))
            return _scalar("log_likelihood", found)

        each = torch.func.vmap(one, in_dims=(None, *(0 for _ in rows)))
        try:
            every = torch.func.vmap(each, in_dims=(0, *(None for _ in rows)))
            found: Tensor = every(dict(values), *rows)
        except RuntimeError:
            return None
        return found

    def value_and_grad(self, zeta: Tensor, rows: Rows | None = None) -> tuple[Tensor, Tensor]:
        """The log-density and its gradient with respect to ζ, (B, K) -> (B,) and (B, K)."""
        with torch.enable_grad():
            free = zeta.detach().requires_grad_()
            value = self.log_density(free, rows)
            (gradient,) = torch.autograd.grad(value.sum(), free)
        return value.detach(), gradient

    def check(self, start: Mapping[str, Any] | None = None, seed: int = 0) -> Tensor:
        """ζ of the start, (K,), after checks of the log-joint.

        The log-joint is evaluated at the start (ζ = 0 by default) and at 16 draws of ζ ~ N(start,
        I).

        Raises:
            SpecError: if it fails, has the wrong shape, is not finite, differs from call to call,
                or has no gradient with respect to a parameter.
        """
        size = (16, self.size)
        noise = torch.randn(size, generator=generator(seed, "check"), dtype=torch.float64)
        zeta = torch.zeros(self.size, dtype=torch.float64)
        if start is not None:
            zeta = self.unconstrain(start)
        self._check_point(zeta, "at the start")
        for point in zeta + noise:
            self._check_value(self.constrain(point), "near the start")
        return zeta

    def _check_point(self, zeta: Tensor, where: str) -> None:
        values = {
            name: value.detach().requires_grad_() for name, value in self.constrain(zeta).items()
        }
        with torch.enable_grad():
            result = self._check_value(values, where)
            again = self._check_value(values, where)
            if not torch.equal(result, again):
                raise SpecError(
                    "log_prob",
                    f"{float(result.detach()):g}, then {float(again.detach()):g}",
                    "the log-joint must give the same value for the same parameters",
                )
            names = list(values)
            gradients: Sequence[Tensor | None] = [None] * len(names)
            if result.requires_grad:
                gradients = torch.autograd.grad(
                    result, [values[name] for name in names], allow_unused=True
                )
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is None:
                raise SpecError(
                    "log_prob",
                    f"a function without a gradient in {name!r}",
                    f"use {name!r}, and torch's functions only (no .item(), no numpy)",
                )
            if not bool(gradient.isfinite().all()):
                raise SpecError(
                    "log_prob",
                    f"a gradient in {name!r} that is not finite {where}",
                    f"the log-joint must be smooth there ({_words(values)})",
                )

    def _check_value(self, values: Values, where: str) -> Tensor:
        try:
            result = self._single(values, None)
        except SpecError:
            raise
        except Exception as error:
            # User code may fail in any way; the user sees the reason, not a traceback.
            raise SpecError(
                "log_prob",
                f"{type(error).__name__}: {error}",
                f"the log-joint must work {where} ({_words(values)})",
            ) from error
        if not bool(result.isfinite()):
            raise SpecError(
                "log_prob",
                float(result.detach()),
                f"the log-joint must be finite everywhere on its supports; {where} it is not "
                f"({_words(values)})",
            )
        return result

    def _parts(self, zeta: Tensor) -> list[Tensor]:
        pieces = zeta.split(self._sizes, dim=-1)
        return [
            piece.reshape((*zeta.shape[:-1], *free))
            for piece, free in zip(pieces, self._free, strict=True)
        ]

    def _single(self, values: Values, rows: Rows | None) -> Tensor:
        total = _scalar("log_prob", self._log_prob(values))
        if self._log_likelihood is None:
            return total
        used = self.data if rows is None else rows
        part = _scalar("log_likelihood", self._log_likelihood(values, *used))
        return total + self.examples / len(used[0]) * part

    def _joint(self, values: Values, rows: Rows | None) -> Tensor:
        if self._vectorised:
            try:
                return torch.func.vmap(lambda one: self._single(one, rows))(dict(values))
            except RuntimeError:
                # One draw spoils the batch (a matrix that has no Cholesky factor): the others
                # have their values.
                return self._apart(values, rows)
        return self._apart(values, rows)

    def _apart(self, values: Values, rows: Rows | None) -> Tensor:
        # One draw at a time; where the log-joint fails at a draw, that draw has no finite value,
        # as where it overflows, and whoever searches knows what to do with it.
        results, failure = [], None
        for i in range(len(next(iter(values.values())))):
            try:
                one = {name: value[i] for name, value in values.items()}
                results.append(self._single(one, rows))
            except Exception as error:
                failure = error
                every = torch.cat([value[i].flatten() for value in values.values()])
                results.append(every.sum() * torch.nan)
        if failure is not None and all(bool(result.isnan()) for result in results):
            raise Diverged(
                f"The log-joint fails at every draw ({type(failure).__name__}: {failure}). "
                "The state before this step was kept; start closer to the posterior."
            ) from failure
        return torch.stack(results)

    def _try_vmap(self, zeta: Tensor) -> bool:
        # Code that looks at its values (an if, a distribution that checks its arguments) runs one
        # draw at a time; so does code that vmap would run to another result.
        values = self.constrain(zeta.detach()[:2])
        try:
            together = torch.func.vmap(lambda one: self._single(one, None))(dict(values))
        except Exception:
            return False
        apart = self._apart(values, None)
        return torch.allclose(together, apart, rtol=1e-9, atol=1e-9, equal_nan=True)


def _data(part: Any) -> Tensor:
    tensor = torch.as_tensor(part)
    if tensor.is_floating_point():
        tensor = tensor.to(torch.float64)
    if not bool(tensor.isfinite().all()):
        raise SpecError("data", "values that are infinite or not numbers", "allowed: numbers")
    return tensor


def _scalar(name: str, result: object) -> Tensor:
    if not isinstance(result, Tensor):
        raise SpecError(name, type(result).__name__, "the result must be a torch tensor")
    if result.shape != ():
        raise SpecError(
            name,
            f"a tensor of shape {tuple(result.shape)}",
            "the result must be one number, of shape (): sum over the terms",
        )
    return result.to(torch.float64)


def _words(values: Values) -> str:
    parts = []
    for name, value in values.items():
        numbers = [f"{number:.3g}" for number in value.detach().flatten()[:4].tolist()]
        parts.append(f"{name} = {', '.join(numbers)}{', ...' if value.numel() > 4 else ''}")
    return "; ".join(parts)


# --- Densities, with their constants, as plain functions: torch.distributions checks its arguments
# --- by looking at them, which rules out working on many draws at once.


def normal(x: Tensor, mean: Tensor | float, sd: Tensor | float) -> Tensor:
    """log N(x; mean, sd²), element by element, in nats."""
    spread = torch.as_tensor(sd, dtype=torch.float64)
    return -0.5 * ((x - mean) / spread).square() - spread.log() - 0.5 * math.log(2 * math.pi)


def half_normal(x: Tensor, sd: float) -> Tensor:
    """log of the density of |N(0, sd²)| at x > 0, in nats."""
    return normal(x, 0.0, sd) + math.log(2)


def half_cauchy(x: Tensor, scale: float) -> Tensor:
    """log of the density of |Cauchy(0, scale)| at x > 0, in nats."""
    return math.log(2 / (math.pi * scale)) - torch.log1p((x / scale).square())


def gamma(x: Tensor, shape: float, rate: float) -> Tensor:
    """log Gamma(x; shape, rate) at x > 0, in nats."""
    constant = shape * math.log(rate) - math.lgamma(shape)
    return (shape - 1) * x.log() - rate * x + constant
