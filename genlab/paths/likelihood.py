"""log p along the flow of a velocity field: the instantaneous change of variables."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.paths.base import ProbabilityPath, one_time

LOG_2PI = math.log(2 * math.pi)
#: The largest dimension of which the divergence is computed exactly.
EXACT_UP_TO = 3

Velocity = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LogProbEstimate:
    """log p by the ODE.

    Args:
        log_prob: in nats, (B,).
        error: the standard error of Hutchinson's estimate over its probes, (B,); zero where the
            divergence is exact. What the steps of the ODE lose is not in it.
        noise: the point at t = 0, (B, ...).
    """

    log_prob: Tensor
    error: Tensor
    noise: Tensor


def exact_divergence(velocity: Velocity, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """u and div u by one backward pass an axis, (B, ...) and (B,) -> (B, ...), (B,)."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_(True)
        out = velocity(leaf, t)
        flat = out.flatten(1)
        total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for i in range(flat.shape[1]):
            (slope,) = torch.autograd.grad(flat[:, i].sum(), leaf, retain_graph=True)
            total = total + slope.flatten(1)[:, i]
    return out.detach(), total.detach()


def hutchinson_divergence(
    velocity: Velocity, x: Tensor, t: Tensor, probes: Tensor
) -> tuple[Tensor, Tensor]:
    """u, and εᵀ (∂u/∂x) ε for each of K probes.

    The mean over probes is div u where E εεᵀ = I. For a symmetric Jacobian J and Rademacher
    probes the variance of one is 2 Σ_{i≠j} J_ij².

    Source: Hutchinson 1990; Grathwohl et al. 2019, "FFJORD".

    Args:
        velocity: the field.
        x, t: (B, ...) and (B,).
        probes: (K, B, ...).

    Returns:
        (B, ...) and (K, B).
    """
    found = []
    with torch.enable_grad():
        leaf = x.detach().requires_grad_(True)
        out = velocity(leaf, t)
        for probe in probes:
            (slope,) = torch.autograd.grad(out, leaf, grad_outputs=probe, retain_graph=True)
            found.append((slope * probe).flatten(1).sum(1).detach())
    return out.detach(), torch.stack(found)


def rademacher(k: int, x: Tensor) -> Tensor:
    """K probes of independent signs, from the global stream, (K, B, ...)."""
    return torch.randint(0, 2, (k, *x.shape), device=x.device).to(x.dtype).mul_(2.0).sub_(1.0)


def log_prob_ode(
    velocity: Velocity,
    path: ProbabilityPath,
    x: Tensor,
    steps: int = 64,
    *,
    probes: int = 0,
) -> LogProbEstimate:
    """log p₁(x) = log N(x₀; 0, σ(0)² I) − ∫₀¹ div u_t(x_t) dt by Runge–Kutta 4, backwards.

    Near the data 64 steps suffice to 1e-4 nats on the ring. **Far from the data the integrand is
    stiff near t = 1 and fixed steps overstate log p by tens of nats**: use it for held-out data.

    Sources: Chen et al. 2018, "Neural ordinary differential equations"; Grathwohl et al. 2019,
    "FFJORD: free-form continuous dynamics for scalable reversible generative models".

    Args:
        velocity: the field u(x, t).
        path: its path; the steps are those of :meth:`ProbabilityPath.ode_times`. Where the field
            is singular at t = 1, log p is that of data with the little noise σ(t)/α(t) of the
            last time.
        x: data, (B, ...).
        steps: of the integration.
        probes: Hutchinson's probes, the same along the whole way; 0 for the exact divergence,
            which costs a backward pass an axis.
    """
    times = path.ode_times(steps)
    end = torch.tensor(times[-1], dtype=torch.float64)
    alpha_end = float(path.alpha(end)) if path.singular_end else 1.0
    signs = rademacher(probes, x) if probes else None
    here, total = alpha_end * x.detach(), x.new_zeros((max(1, probes), len(x)))

    def slope(at: Tensor, t: float) -> tuple[Tensor, Tensor]:
        time = one_time(t, at)
        if signs is None:
            u, div = exact_divergence(velocity, at, time)
            return u, div[None]
        return hutchinson_divergence(velocity, at, time, signs)

    for t, s in zip(times[:0:-1], times[-2::-1], strict=True):
        h, middle = s - t, 0.5 * (s + t)
        u1, d1 = slope(here, t)
        u2, d2 = slope(here + 0.5 * h * u1, middle)
        u3, d3 = slope(here + 0.5 * h * u2, middle)
        u4, d4 = slope(here + h * u3, s)
        here = here + h / 6.0 * (u1 + 2.0 * u2 + 2.0 * u3 + u4)
        total = total + h / 6.0 * (d1 + 2.0 * d2 + 2.0 * d3 + d4)
    scale = path.start_scale
    flat = here.flatten(1) / scale
    size = flat.shape[1]
    start = -0.5 * flat.square().sum(1) - size * (0.5 * LOG_2PI + math.log(scale))
    # h is negative on the way back, so ``total`` is −∫ div dt.
    log_prob = start + total.mean(0) + size * math.log(alpha_end)
    error = total.std(0) / math.sqrt(probes) if probes > 1 else torch.zeros_like(start)
    if probes == 1:
        error = torch.full_like(start, torch.nan)
    return LogProbEstimate(log_prob, error, here / scale)
