"""KL(q ‖ p) between families: a closed form where one exists, else a Monte Carlo estimate.

A closed form exists where q has a closed entropy and closed expectations of the statistics in
−log p:

    KL(q ‖ p) = −H(q) − E_q[log p(z)].

For two members of one exponential family this is the Bregman divergence of its log-normaliser,
A(η_p) − A(η_q) − (η_p − η_q)·∇A(η_q), because ∇A(η_q) = E_q[t(z)].
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.measure import Estimate, Series
from genlab.distributions.families.base import FAMILIES, Family, GammaView, Values
from genlab.distributions.families.parameters import Params
from genlab.distributions.families.special import digamma, gamma_kl

BREGMAN = r"A(\eta_p) - A(\eta_q) - (\eta_p - \eta_q)\cdot\nabla A(\eta_q)"
_STATISTICS = {
    "z": r"E[z]",
    "z2": r"E[z^2]",
    "log": r"E[\log z]",
    "log2": r"E[\log^2 z]",
    "log1m": r"E[\log(1-z)]",
    "power": r"E[z^k]",
    "exp": r"E[e^{tz}]",
    "abs": r"E|z-c|",
}


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """A closed form of KL(q ‖ p).

    Args:
        q, p: the two rows.
        formula: LaTeX.
        how: in words, for the page.
        value: ``(q_params, p_params) -> KL`` in nats, if it is finite.
        condition: the parameters for which it holds, in words; empty for all.
        holds: the condition as a test.

    Example:
        >>> kl = closed_form_kl("gaussian", "gaussian")
        >>> kl({"loc": 1.0, "scale": 1.0}, {"loc": 0.0, "scale": 1.0}).item()
        0.5
        >>> closed_form_kl("student_t", "logistic") is None
        True
    """

    q: Family
    p: Family
    formula: str
    how: str
    value: Callable[[Params, Params], Tensor]
    condition: str = ""
    holds: Callable[[Params, Params], bool] = lambda _q, _p: True

    def __call__(self, q_params: Values, p_params: Values) -> Tensor:
        """KL(q ‖ p) in nats, of the common batch shape; inf if the support of q is not within that
        of p, or a tail of q is too heavy.

        Raises:
            SpecError: for parameters to which the closed form does not apply.
        """
        q, p = _match(self.q.check(q_params), self.p.check(p_params))
        if not self.holds(q, p):
            pair = f"{self.q.name} to {self.p.name}"
            raise SpecError("closed form", pair, f"it holds only for {self.condition}")
        finite = self.q.finite_kl(self.p, q, p)
        # In float64: where q is near p, the parts are far larger than their sum.
        value = self.value(q.wide, p.wide).to(next(iter(q.values())).dtype)
        finite = finite.expand(torch.broadcast_shapes(finite.shape, value.shape))
        return torch.where(finite, value, torch.full_like(value, math.inf))


def _match(q: Params, p: Params) -> tuple[Params, Params]:
    """Both tensors in the wider of the two dtypes."""
    one, other = next(iter(q.values())).dtype, next(iter(p.values())).dtype
    dtype = torch.promote_types(one, other)
    return (
        Params({k: v.to(dtype) for k, v in q.items()}),
        Params({k: v.to(dtype) for k, v in p.items()}),
    )


# -- special closed forms -------------------------------------------------------------------------


def _gaussian(q: Params, p: Params) -> Tensor:
    ratio = q["scale"] / p["scale"]
    shift = (q["loc"] - p["loc"]) / p["scale"]
    return 0.5 * (ratio**2 - 1 + shift**2) - torch.log(ratio)


def _cauchy(q: Params, p: Params) -> Tensor:
    total = (q["scale"] + p["scale"]) ** 2 + (q["loc"] - p["loc"]) ** 2
    return torch.log(total / (4 * q["scale"] * p["scale"]))


def _dirichlet(q: Params, p: Params) -> Tensor:
    a, b = q["concentration"], p["concentration"]
    total = a.sum(-1)
    head = torch.lgamma(total) - torch.lgamma(a).sum(-1)
    head = head - torch.lgamma(b.sum(-1)) + torch.lgamma(b).sum(-1)
    return head + ((a - b) * (digamma(a) - digamma(total).unsqueeze(-1))).sum(-1)


def _elliptical(q: Params, p: Params) -> Tensor:
    whiten = torch.linalg.solve(p["matrix"], q["matrix"])
    shift = torch.linalg.solve(p["matrix"], (q["loc"] - p["loc"]).unsqueeze(-1)).squeeze(-1)
    log_det = torch.linalg.slogdet(whiten)[1]
    d = shift.shape[-1]
    return 0.5 * ((whiten**2).sum((-1, -2)) + (shift**2).sum(-1) - d) - log_det


def _both_gaussian(q: Params, p: Params) -> bool:
    return bool(torch.isinf(q["df"]).all() and torch.isinf(p["df"]).all())


_OWN: dict[tuple[str, str], Callable[[Family, Family], ClosedForm]] = {
    ("gaussian", "gaussian"): lambda q, p: ClosedForm(
        q,
        p,
        r"\tfrac12\left(\tfrac{\sigma_q^2 + (\mu_q-\mu_p)^2}{\sigma_p^2} - 1\right)"
        r" - \log\tfrac{\sigma_q}{\sigma_p}",
        f"same exponential family: {BREGMAN}",
        _gaussian,
    ),
    ("cauchy", "cauchy"): lambda q, p: ClosedForm(
        q,
        p,
        r"\log\frac{(b_q + b_p)^2 + (a_q - a_p)^2}{4 b_q b_p}",
        "closed integral (Chyzak & Nielsen 2019)",
        _cauchy,
    ),
    ("dirichlet", "dirichlet"): lambda q, p: ClosedForm(
        q, p, BREGMAN, "same exponential family, t(z) = log z", _dirichlet
    ),
    ("elliptical", "elliptical"): lambda q, p: ClosedForm(
        q,
        p,
        r"\tfrac12\left(\mathrm{tr}(\Sigma_p^{-1}\Sigma_q)"
        r" + \delta^T\Sigma_p^{-1}\delta - d\right)"
        r" + \tfrac12\log\tfrac{\det\Sigma_p}{\det\Sigma_q}",
        "two Gaussians with full covariance",
        _elliptical,
        "df = inf on both sides (Gaussian members)",
        _both_gaussian,
    ),
}


# -- the table ----------------------------------------------------------------------------------


def _cross_entropy(q: Family, p: Family, q_params: Params, p_params: Params) -> Tensor:
    assert q.entropy_of is not None
    assert p.cross is not None
    bound = {name: functools.partial(q.expected[name], q_params) for name in p.cross.needs}
    return p.cross.value(p_params, bound) - q.entropy_of(q_params)


def _both_gamma(of_q: GammaView, of_p: GammaView, q_params: Params, p_params: Params) -> Tensor:
    return gamma_kl(*of_q(q_params), *of_p(p_params))


def closed_form_kl(q: str | Family, p: str | Family) -> ClosedForm | None:
    """The closed form of KL(q ‖ p), or None if none is known.

    Args:
        q, p: rows, or their names.

    Raises:
        SpecError: for a name that is not in the table.
    """
    q = FAMILIES[q] if isinstance(q, str) else q
    p = FAMILIES[p] if isinstance(p, str) else p
    own = _OWN.get((q.name, p.name))
    if own is not None:
        return own(q, p)
    if not q.may_meet(p) or q.entropy_of is None or p.cross is None:
        return None
    if any(name not in q.expected for name in p.cross.needs):
        return None
    value = functools.partial(_cross_entropy, q, p)
    if q.gamma_of is not None and p.gamma_of is not None:
        value = functools.partial(_both_gamma, q.gamma_of, p.gamma_of)
    statistics = ", ".join(_STATISTICS[name] for name in p.cross.needs)
    if q.natural is not None and p.natural is not None and q.natural.key == p.natural.key:
        formula, how = BREGMAN, f"same exponential family, t(z) = {q.natural.statistics}"
    else:
        formula = r"-H(q) - E_q[\log p(z)]"
        how = f"entropy of q and {statistics}" if statistics else "entropy of q, p is flat"
    return ClosedForm(q, p, formula, how, value)


def bregman_kl(q: Family, q_params: Values, p: Family, p_params: Values) -> Tensor:
    """KL(q ‖ p) = A(η_p) − A(η_q) − (η_p − η_q)·∇A(η_q) with ∇A by automatic differentiation.

    Raises:
        SpecError: if the two are not members of one exponential family.
    """
    if q.natural is None or p.natural is None or q.natural.key != p.natural.key:
        raise SpecError("closed form", f"{q.name} to {p.name}", "not of one exponential family")
    mine, theirs = _match(q.check(q_params), p.check(p_params))
    dtype = next(iter(mine.values())).dtype
    eta_q, eta_p = q.natural.eta(mine.wide), p.natural.eta(theirs.wide)
    with torch.enable_grad():
        if not eta_q.requires_grad:
            eta_q = eta_q.detach().requires_grad_()
        normaliser = q.natural.log_normaliser(eta_q)
        slope = torch.autograd.grad(normaliser.sum(), eta_q, create_graph=True)[0]
        value = p.natural.log_normaliser(eta_p) - normaliser
        value = value - ((eta_p - eta_q) * slope).sum(-1)
    return value.to(dtype)


@dataclass(frozen=True)
class Divergence:
    """KL(q ‖ p) in nats and how it was computed.

    Args:
        value: of the batch shape; differentiable in the parameters.
        standard_error: of the batch shape, zero where the value is exact.
        kind: ``exact`` or ``Monte Carlo``.
        n: how many draws, 0 where exact.
        how: in words.
    """

    value: Tensor
    standard_error: Tensor
    kind: Literal["exact", "Monte Carlo"]
    n: int
    how: str

    def estimate(self) -> Estimate:
        """The number with a 95 % interval, summed over the batch."""
        total = self.value.detach().sum().item()
        half = 1.96 * self.standard_error.square().sum().sqrt().item()
        series = Series("kl", "KL(q ‖ p)", "divergence", "nats", self.kind, self.n)
        return Estimate(total, series, total - half, total + half)


def monte_carlo_kl(
    q: Family,
    q_params: Values,
    p: Family,
    p_params: Values,
    n: int = 10_000,
    generator: torch.Generator | None = None,
) -> Divergence:
    """(1/n) Σ log q(z_i) − log p(z_i), z_i ~ q, with its standard error.

    Args:
        n: how many draws, at least 2.

    Raises:
        SpecError: for parameters out of bounds or fewer than two draws.
    """
    if n < 2:
        raise SpecError("n", n, "at least 2 draws give a standard error")
    mine, theirs = _match(q.check(q_params), p.check(p_params))
    finite = q.finite_kl(p, mine, theirs)
    drawn = q.sample_logs(mine, (n,), generator)
    ratio = q.log_prob_at(mine, drawn) - p.log_prob_at(theirs, drawn)
    value, error = ratio.mean(0), ratio.detach().std(0) / math.sqrt(n)
    value = torch.where(finite, value, torch.full_like(value, math.inf))
    error = torch.where(finite, error, torch.zeros_like(error))
    return Divergence(value, error, "Monte Carlo", n, f"mean of log q − log p over {n} draws of q")


def kl(
    q: Family,
    q_params: Values,
    p: Family,
    p_params: Values,
    n: int = 10_000,
    generator: torch.Generator | None = None,
) -> Divergence:
    """KL(q ‖ p): exact if there is a closed form for these parameters, else Monte Carlo.

    Example:
        >>> from genlab.distributions.families import FAMILIES
        >>> half = kl(FAMILIES["laplace"], {"loc": 0.0, "scale": 1.0},
        ...           FAMILIES["laplace"], {"loc": 0.0, "scale": 2.0})
        >>> half.kind, round(half.value.item(), 4)
        ('exact', 0.1931)
    """
    closed = closed_form_kl(q, p)
    if closed is not None:
        mine, theirs = _match(q.check(q_params), p.check(p_params))
        if closed.holds(mine, theirs):
            value = closed(mine, theirs)
            return Divergence(value, torch.zeros_like(value), "exact", 0, closed.how)
    return monte_carlo_kl(q, q_params, p, p_params, n, generator)


__all__ = [
    "ClosedForm",
    "Divergence",
    "bregman_kl",
    "closed_form_kl",
    "kl",
    "monte_carlo_kl",
]
