"""A row of the table of reparameterised families: parameters, support, noise, tails.

A row says z = g(ε, θ) with noise ε that does not depend on θ, so that d/dθ E[h(z)] is the mean of
dh(z)/dθ (Kingma & Welling 2013, section 2.4). Where the sampler rejects, the derivative is the
implicit one, dz/dθ = −(∂F/∂θ) / p(z) (Figurnov, Mohamed & Mnih 2018): never the derivative of the
accepted branch alone, which is biased.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.registry import Registry
from genlab.distributions.families.noise import Logs, Noise
from genlab.distributions.families.parameters import Parameter, Params
from genlab.distributions.families.supports import MAY_LIE_IN, Support, Tail, tails_meet

Group = Literal["inverse CDF", "location-scale", "composition"]
Values = Mapping[str, Any]


Moment = Callable[..., Tensor]
GammaView = Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Cross:
    """A prior's −E_q[log p], linear in a few expectations under q.

    Args:
        needs: the names of these expectations (``z``, ``z2``, ``log``, ``log2``, ``log1m``;
            ``power`` E z^k, ``exp`` E e^(tz), ``abs`` E|z−c| take a number).
        value: ``(p_params, {name: function}) -> −E_q[log p]``.
    """

    needs: tuple[str, ...]
    value: Callable[[Mapping[str, Tensor], Mapping[str, Moment]], Tensor]


@dataclass(frozen=True, eq=False)
class Natural:
    """Exponential-family form p(z) = h(z) exp(η·t(z) − A(η)).

    Args:
        key: rows of one key share t and h.
        statistics: t(z), LaTeX.
        eta: ``params -> natural parameters``, stacked on a last dimension.
        log_normaliser: A, from the stacked η to the batch shape.
    """

    key: str
    statistics: str
    eta: Callable[[Mapping[str, Tensor]], Tensor]
    log_normaliser: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Family:
    """One row of the table: a distribution that can be sampled as z = g(ε, θ).

    Every method takes ``params``, a mapping from parameter name to a number or a tensor of shape
    ``(B, *)`` (vector and matrix parameters end with their own dimensions); they broadcast.
    Points have shape ``shape + (B, *)``, for the vector families with the event at the end.

    Args:
        name: key of the row.
        title: the name that users read.
        group: one of the three groups of Kingma & Welling 2013, section 2.4.
        parameters: what θ is made of.
        support: where the density is positive.
        sampler: LaTeX of g(ε, θ).
        density: LaTeX of p(z).
        draw: ``(params, noise) -> z``.
        log_density: ``(params, z) -> log p(z)`` for z in the support.
        left, right: the tails.
        mean_of, variance_of: moments; None if they exist for no parameter.
        mean_if, variance_if: the condition in words if they exist for some parameters only.
        entropy_of: closed form of the entropy in nats.
        note: how the derivative is computed if this is not obvious, and other remarks.
        expected: closed-form expectations by name, see :class:`Cross`.
        cross: what the row needs to be a prior with a closed-form KL.
        natural: the exponential-family form.
        draw_logs: ``(params, noise) -> Logs``, for rows whose draws may lie nearer to an edge of
            the support than a float does; the draws are those of ``draw``.
        log_density_at: ``(params, Logs) -> log p(z)`` from the logarithms.
        at_edge: ``(params, finfo) -> P(a draw is rounded to the edge)``.
        gamma_of: ``params -> (k, λ)`` for a row that is a Gamma(k, λ).

    Example:
        >>> from genlab.distributions.families import FAMILIES
        >>> gamma = FAMILIES["gamma"]
        >>> gamma.group, [p.name for p in gamma.parameters]
        ('composition', ['shape', 'rate'])
        >>> k = torch.tensor([0.5, 3.0], requires_grad=True)
        >>> z = gamma.sample({"shape": k, "rate": 2.0}, (1000,), torch.Generator().manual_seed(0))
        >>> z.shape, torch.autograd.grad(z.mean(0).sum(), k)[0].round(decimals=1).tolist()
        (torch.Size([1000, 2]), [0.5, 0.5])
        >>> gamma.sample({"shape": -1.0, "rate": 2.0})
        Traceback (most recent call last):
        ...
        genlab.core.errors.SpecError: shape = -1.0 is not possible: shape of Gamma must be a number greater than 0. Nothing was started.
    """  # noqa: E501

    name: str
    title: str
    group: Group
    parameters: tuple[Parameter, ...]
    support: Support
    sampler: str
    density: str
    draw: Callable[[Params, Noise], Tensor]
    log_density: Callable[[Params, Tensor], Tensor]
    left: Tail
    right: Tail
    mean_of: Callable[[Params], Tensor] | None
    variance_of: Callable[[Params], Tensor] | None
    entropy_of: Callable[[Params], Tensor] | None
    mean_if: str = ""
    variance_if: str = ""
    note: str = ""
    expected: Mapping[str, Moment] = field(default_factory=dict)
    cross: Cross | None = None
    natural: Natural | None = None
    draw_logs: Callable[[Params, Noise], Logs] | None = None
    log_density_at: Callable[[Params, Logs], Tensor] | None = None
    at_edge: Callable[[Params, torch.finfo], Tensor] | None = None
    gamma_of: GammaView | None = None

    @property
    def event_ndim(self) -> int:
        """0 where a point is a number, 1 where it is a vector."""
        return self.support.event_ndim

    @property
    def continuous(self) -> tuple[Parameter, ...]:
        """The parameters with a pathwise derivative."""
        return tuple(p for p in self.parameters if p.continuous)

    def defaults(self) -> dict[str, Any]:
        """The default parameters, as plain numbers."""
        return {p.name: p.default for p in self.parameters}

    # -- parameters

    def trust(self, params: Values) -> Params:
        """The parameters as tensors of one dtype and batch shape, without checking the values: for
        a training step, in which a NaN must propagate and be shown.

        Raises:
            SpecError: for a missing or unknown name, or shapes that do not broadcast.
        """
        if isinstance(params, Params):
            return params
        names = [p.name for p in self.parameters]
        for name in params:
            if name not in names:
                raise SpecError.unknown(f"parameter of {self.title}", name, names)
        for name in names:
            if name not in params:
                needs = f"{self.title} needs {', '.join(names)}"
                raise SpecError(name, None, needs)
        tensors = [v for v in params.values() if isinstance(v, Tensor)]
        floats = [v.dtype for v in tensors if v.is_floating_point()]
        dtype = floats[0] if floats else torch.get_default_dtype()
        for other in floats[1:]:
            dtype = torch.promote_types(dtype, other)
        device = tensors[0].device if tensors else None
        values, batches = {}, []
        for row in self.parameters:
            try:
                value = torch.as_tensor(params[row.name], dtype=dtype, device=device)
            except (TypeError, ValueError, RuntimeError):
                value = None
            depth = row.constraint.event_ndim
            if value is None or value.ndim < depth:
                raise self._refuse(row, params[row.name])
            values[row.name] = value
            batches.append(value.shape[: value.ndim - depth])
        try:
            batch = torch.broadcast_shapes(*batches)
        except RuntimeError:
            shapes = {k: tuple(v.shape) for k, v in values.items()}
            raise SpecError("parameters", shapes, "their shapes must broadcast") from None
        return Params(
            {
                p.name: _grow(values[p.name], batch, p.constraint.event_ndim)
                for p in self.parameters
            }
        )

    def check(self, params: Values) -> Params:
        """The parameters as tensors, each within its constraint.

        Raises:
            SpecError: names the parameter, the first value that is out of bounds, and the bounds.
        """
        if isinstance(params, Params):
            return params
        ready = self.trust(params)
        for row in self.parameters:
            value = ready[row.name].detach()
            good = row.constraint.test(value, ready)
            if not bool(good.all()):
                depth = row.constraint.event_ndim
                bad = value.reshape(-1, *value.shape[value.ndim - depth :])[~good.reshape(-1)]
                raise self._refuse(row, bad[0].tolist() if bad.numel() else value.tolist())
        return ready

    def _refuse(self, row: Parameter, value: object) -> SpecError:
        text = f"{row.name} of {self.title} must be {row.constraint.text}"
        return SpecError(row.name, value, text)

    def from_real(self, raw: Mapping[str, Tensor]) -> Params:
        """Map unconstrained numbers (a network's output) to parameters within their constraints.

        Raises:
            SpecError: if a parameter is a whole number, which has no smooth map.
        """
        done: dict[str, Tensor] = {}
        for row in self.parameters:
            if row.constraint.from_real is None:
                raise SpecError(row.name, "unconstrained", f"{row.name} must be given as a number")
            done[row.name] = row.constraint.from_real(raw[row.name], done)
        return self.trust(done)

    # -- sampling and densities

    def sample(
        self,
        params: Values,
        shape: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw z = g(ε, θ), differentiable in every continuous parameter.

        Args:
            params: θ.
            shape: the leading dimensions of the draws.
            generator: where ε comes from; None for the global stream.
        """
        ready = self.check(params)
        batch = self._batch(ready)
        like = ready[self.parameters[0].name].new_empty(batch)
        return self.draw(ready, Noise(torch.Size((*shape, *batch)), like, generator))

    def sample_logs(
        self,
        params: Values,
        shape: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Logs:
        """The draws of :meth:`sample` with log z and log(1 − z) from before they were rounded.

        A row without ``draw_logs`` gives the logarithms of the rounded draws.

        Example:
            >>> from genlab.distributions.families import FAMILIES
            >>> source = torch.Generator().manual_seed(0)
            >>> drawn = FAMILIES["beta"].sample_logs({"alpha": 5.0, "beta": 0.05}, (1000,), source)
            >>> bool((1 - drawn.z).min() > 0), bool(drawn.log1m.min() < -50)
            (True, True)
        """
        ready = self.check(params)
        if self.draw_logs is None:
            z = self.sample(ready, shape, generator)
            log1m = torch.log1p(-z) if self.support.kind == "unit" else None
            return Logs(z, torch.log(z), log1m)
        batch = self._batch(ready)
        like = ready[self.parameters[0].name].new_empty(batch)
        return self.draw_logs(ready, Noise(torch.Size((*shape, *batch)), like, generator))

    def log_prob_at(self, params: Values, point: Logs) -> Tensor:
        """log p in nats at draws of :meth:`sample_logs` of this row or of another.

        If the row has ``log_density_at``, it is the density of the draw before rounding.
        """
        known = point.log1m is not None or self.support.kind != "unit"
        if self.log_density_at is None or not known:
            return self.log_prob(params, point.z)
        log1m = None if point.log1m is None else point.log1m.double()
        wide = Logs(point.z.double(), point.log.double(), log1m)
        return self.log_density_at(self.check(params).wide, wide).to(point.z.dtype)

    def share_at_edge(self, params: Values, dtype: torch.dtype = torch.float32) -> Tensor:
        """The share of draws that a dtype rounds to an edge of the support, of the batch shape.

        A function of z takes its value at the edge for these draws; :meth:`sample_logs` still
        separates them. Zero for rows whose draws do not gather at an edge.

        Example:
            >>> from genlab.distributions.families import FAMILIES
            >>> float(FAMILIES["beta"].share_at_edge({"alpha": 5.0, "beta": 0.05}).round(decimals=4))
            0.4658
        """  # noqa: E501
        ready = self.check(params)
        if self.at_edge is None:
            return torch.zeros(self._batch(ready))
        return self.at_edge(ready, torch.finfo(dtype))

    def log_prob(self, params: Values, z: Tensor | float) -> Tensor:
        """log p(z) in nats, −inf outside the support, NaN for NaN."""
        ready = self.check(params)
        point = torch.as_tensor(z, dtype=ready[self.parameters[0].name].dtype)
        batch = self._batch(ready)
        events = point.shape[point.ndim - self.event_ndim :]
        lead = torch.broadcast_shapes(batch, point.shape[: point.ndim - self.event_ndim])
        point = point.expand((*lead, *events))
        outside = self.support.outside(ready, point)
        # The inner point keeps the derivative finite where the value is replaced.
        mask = outside.unsqueeze(-1) if self.event_ndim else outside
        safe = torch.where(mask, self.support.inner(ready, point).detach(), point)
        value = self.log_density(ready.wide, safe.double()).to(point.dtype)
        return torch.where(outside, torch.full_like(value, -math.inf), value)

    def mean(self, params: Values) -> Tensor | None:
        """E[z]; NaN or inf if :attr:`mean_if` does not hold, None if it never exists."""
        return None if self.mean_of is None else self.mean_of(self.check(params))

    def variance(self, params: Values) -> Tensor | None:
        """Var[z] (for a vector its covariance matrix), NaN or inf if :attr:`variance_if` does not
        hold, None if it never exists."""
        return None if self.variance_of is None else self.variance_of(self.check(params))

    def entropy(self, params: Values) -> Tensor | None:
        """H[z] = −E[log p(z)] in nats, closed form; None if none is known."""
        if self.entropy_of is None:
            return None
        ready = self.check(params)
        return self.entropy_of(ready.wide).to(ready[self.parameters[0].name].dtype)

    def _batch(self, ready: Params) -> torch.Size:
        first = self.parameters[0]
        value = ready[first.name]
        return value.shape[: value.ndim - first.constraint.event_ndim]

    # -- use as a posterior

    def finite_kl(
        self, prior: Family, params: Values | None = None, prior_params: Values | None = None
    ) -> Tensor:
        """Whether KL(self ‖ prior) is finite: the support lies in the prior's, and the tails are
        light enough for E[−log prior]. Without parameters: whether it can be, for some.

        Returns:
            a bool tensor of the batch shape, ``()`` without parameters.
        """
        q = None if params is None else self.check(params)
        p = None if prior_params is None else prior.check(prior_params)
        if prior.support.kind not in MAY_LIE_IN[self.support.kind]:
            return torch.tensor(False)
        good = tails_meet(self.left, prior.left, q, p) & tails_meet(self.right, prior.right, q, p)
        if q is None or p is None:
            return good
        if self.support.event_ndim:
            sizes = [
                next(v.shape[-1] for v in (r[x.name] for x in f.parameters) if v.ndim)
                for f, r in ((self, q), (prior, p))
            ]
            return good & (sizes[0] == sizes[1])
        (low, high), (floor, ceiling) = self.support.bounds(q), prior.support.bounds(p)
        return good & (low >= floor) & (high <= ceiling)

    def may_meet(self, prior: Family) -> bool:
        """Whether KL(self ‖ prior) is finite for some parameters of the two.

        Example:
            >>> from genlab.distributions.families import FAMILIES
            >>> FAMILIES["gamma"].may_meet(FAMILIES["log_normal"])
            True
            >>> FAMILIES["gaussian"].may_meet(FAMILIES["gamma"])
            False
        """
        return bool(self.finite_kl(prior))

    def priors(self) -> tuple[str, ...]:
        """The names of the rows that can be a prior of this one with a finite KL."""
        return tuple(row.name for row in FAMILIES.rows() if self.may_meet(row.value))


def _grow(value: Tensor, batch: torch.Size, depth: int) -> Tensor:
    """The value expanded to the batch shape; its last ``depth`` dimensions are unchanged."""
    return value.expand((*batch, *value.shape[value.ndim - depth :]))


#: The table of reparameterised families by name.
FAMILIES: Registry[Family] = Registry("family", "genlab.distributions.families")


#: The rows are in the order in which the package imports their modules.
_ORDER = itertools.count(10, 10)


def register(row: Family) -> Family:
    """Add a row to the end of :data:`FAMILIES`."""
    summary = f"{row.group}: z = {row.sampler}"
    FAMILIES.register(row.name, title=row.title, summary=summary, order=next(_ORDER))(row)
    return row
