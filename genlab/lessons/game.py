"""A GAN small enough to be played by hand, with known densities.

The generator is x = m + L z, so q is a Gaussian and D* = p/(p + q) is known. Nothing is sampled: D
sees both densities on one grid, so it cannot exceed D*. G sees D at the nodes of a Gauss-Hermite
rule. The same step always gives the same result.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from genlab.core.gaussians import mixture_log_joint
from genlab.core.random import generator
from genlab.objectives.adversarial import AdversarialLoss

LOG_2PI = math.log(2 * math.pi)
#: Nodes per axis, by the number of dimensions.
ORDER = {1: 48, 2: 16}
#: Constants of Adam, the optimiser of the discriminator.
BETA1, BETA2, TINY = 0.9, 0.99, 1e-8


def nodes(order: int, dim: int) -> tuple[Tensor, Tensor]:
    """Points z, (order^d, d), and weights, (order^d,), with Σ w f(z) ≈ E f(z), z from N(0, I).

    Example:
        >>> z, w = nodes(4, 1)
        >>> round(float((w * z[:, 0] ** 4).sum()), 9)
        3.0
    """
    points, shares = np.polynomial.hermite_e.hermegauss(order)
    axis, weight = torch.from_numpy(points), torch.from_numpy(shares / shares.sum())
    if dim == 1:
        return axis[:, None], weight
    z = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    return z, (weight[:, None] * weight).reshape(-1)


@dataclass(frozen=True)
class Target:
    """p, a mixture of round Gaussians in one or two dimensions.

    Args:
        weights: (k,), summing to 1.
        means: (k, d).
        stds: (k,).
    """

    weights: tuple[float, ...]
    means: tuple[tuple[float, ...], ...]
    stds: tuple[float, ...]

    @property
    def dim(self) -> int:
        """1 or 2."""
        return len(self.means[0])

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n, d) -> (n,)."""
        weights, means, stds = (x.new_tensor(row) for row in (self.weights, self.means, self.stds))
        factors = stds[:, None, None] * torch.eye(self.dim, dtype=x.dtype)
        return mixture_log_joint(x, weights.log(), means, factors).logsumexp(1)


@dataclass(frozen=True)
class Critic:
    """The form of the discriminator's logit l(x); its parameters are one flat vector.

    Args:
        kind: ``linear``: w·x + b; ``quadratic``: with squares and products too; ``net``: two
            hidden layers of tanh units.
        dim: of x.
        hidden: units of a hidden layer of the net.
    """

    kind: str
    dim: int
    hidden: int = 16

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of each layer."""
        squares = self.dim * (self.dim + 1) // 2
        if self.kind == "net":
            return tuple(itertools.pairwise((self.dim, self.hidden, self.hidden, 1)))
        return ((self.dim + (squares if self.kind == "quadratic" else 0), 1),)

    def start(self, seed: int) -> Tensor:
        """Random hidden layers and a last layer of zeros: D is ½ everywhere."""
        source = generator(seed, "discriminator")
        parts = []
        for k, (wide, narrow) in enumerate(self.shapes):
            scale = 0.0 if k == len(self.shapes) - 1 else 1.0 / math.sqrt(wide)
            parts.append(scale * torch.randn(wide * narrow, generator=source, dtype=torch.float64))
            parts.append(scale * torch.randn(narrow, generator=source, dtype=torch.float64))
        return torch.cat(parts)

    def logit(self, theta: Tensor, x: Tensor) -> Tensor:
        """l(x), (n, d) -> (n,)."""
        h, at = self._features(x), 0
        for k, (wide, narrow) in enumerate(self.shapes):
            weight = theta[at : at + wide * narrow].view(wide, narrow)
            at += wide * narrow
            h = torch.addmm(theta[at : at + narrow], h, weight)
            at += narrow
            if k < len(self.shapes) - 1:
                h = h.tanh()
        return h[:, 0]

    def _features(self, x: Tensor) -> Tensor:
        if self.kind != "quadratic":
            return x
        pairs = itertools.combinations_with_replacement(range(self.dim), 2)
        return torch.stack([*x.T, *(x[:, i] * x[:, j] for i, j in pairs)], 1)


@dataclass(frozen=True)
class Field:
    """A grid of points x, (n, d), with equal cell volumes: sums over it are integrals."""

    x: Tensor
    volume: float
    axes: tuple[Tensor, ...]

    def values(self, logit: Tensor, log_p: Tensor, log_q: Tensor) -> Tensor:
        """V(D) = ∫ p log D + q log(1 − D), (..., n) -> (...)."""
        p, q = log_p.exp(), log_q.exp()
        terms = p * torch.nn.functional.logsigmoid(logit)
        terms = terms + q * torch.nn.functional.logsigmoid(-logit)
        return terms.sum(-1) * self.volume


def grid(low: tuple[float, ...], high: tuple[float, ...], count: int) -> Field:
    """A grid of ``count`` cells per axis, with a point in the middle of each cell."""
    steps = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    axes = tuple(a + (b - a) * steps for a, b in zip(low, high, strict=True))
    volume = math.prod((b - a) / count for a, b in zip(low, high, strict=True))
    if len(axes) == 1:
        return Field(axes[0][:, None], volume, axes)
    # The second axis is the slow one, as a picture's rows are.
    y, x = torch.meshgrid(axes[1], axes[0], indexing="ij")
    return Field(torch.stack([x, y], -1).reshape(-1, 2), volume, axes)


@dataclass(frozen=True)
class State:
    """The state of both players: D's parameters with Adam's two averages, and G's parameters."""

    theta: Tensor
    first: Tensor
    second: Tensor
    count: int
    phi: Tensor


@dataclass(frozen=True)
class Game:
    """The rules: the target, the form of D, the losses and the step sizes.

    Args:
        target: p.
        critic: the form of D.
        loss: the losses of both players, as functions of logits.
        field: the points at which D is trained; they must cover nearly all of p and q.
        rate_d: step size of D, for Adam.
        rate_g: step size of G, for plain gradient descent.
    """

    target: Target
    critic: Critic
    loss: AdversarialLoss
    field: Field
    rate_d: float
    rate_g: float

    @property
    def dim(self) -> int:
        """1 or 2."""
        return self.target.dim

    @cached_property
    def noise(self) -> tuple[Tensor, Tensor]:
        """The nodes of z and their weights."""
        return nodes(ORDER[self.dim], self.dim)

    def start(self, seed: int, mean: tuple[float, ...], std: float) -> State:
        """Both players before the first move; G is round."""
        theta = self.critic.start(seed)
        zero = torch.zeros_like(theta)
        log_std = [math.log(std)] * self.dim
        phi = torch.tensor([*mean, *log_std, *([0.0] * (self.dim - 1))], dtype=torch.float64)
        return State(theta, zero, zero, 0, phi)

    def generate(self, phi: Tensor, z: Tensor) -> Tensor:
        """x = m + L z, (n, d) -> (n, d)."""
        d = self.dim
        x = phi[:d] + phi[d : 2 * d].exp() * z
        if d == 1:
            return x
        return torch.stack([x[:, 0], x[:, 1] + phi[4] * z[:, 0]], 1)

    def log_q(self, phi: Tensor, x: Tensor) -> Tensor:
        """log q(x) in nats, the exact density of G's output, (n, d) -> (n,)."""
        d = self.dim
        first = (x[:, 0] - phi[0]) * (-phi[d]).exp()
        parts = [first]
        if d == 2:
            parts.append((x[:, 1] - phi[1] - phi[4] * first) * (-phi[3]).exp())
        square = torch.stack(parts).square().sum(0)
        return -0.5 * square - phi[d : 2 * d].sum() - d * LOG_2PI / 2

    def moments(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (d,) and covariance (d, d) of q."""
        d = self.dim
        lower = torch.diag(phi[d : 2 * d].exp())
        if d == 2:
            lower[1, 0] = phi[4]
        return phi[:d], lower @ lower.T

    def log_ratio(self, phi: Tensor, x: Tensor) -> Tensor:
        """log p(x) − log q(x): the logit of D*, (n, d) -> (n,)."""
        return self.target.log_prob(x) - self.log_q(phi, x)

    def loss_d(self, theta: Tensor, phi: Tensor) -> Tensor:
        """The loss of D."""
        logit = self.critic.logit(theta, self.field.x)
        real, fake = self.p @ self.loss.real(logit), self.q(phi) @ self.loss.fake(logit)
        return (real + fake) * self.field.volume

    @cached_property
    def p(self) -> Tensor:
        """p at the points at which D is trained, (n,)."""
        return self.target.log_prob(self.field.x).exp()

    def q(self, phi: Tensor) -> Tensor:
        """q at the points at which D is trained, (n,)."""
        return self.log_q(phi, self.field.x).exp()

    def loss_g(self, theta: Tensor, phi: Tensor) -> Tensor:
        """The loss of G."""
        z, v = self.noise
        return (v * self.loss.generator(self.critic.logit(theta, self.generate(phi, z)))).sum()

    def step_d(self, state: State) -> State:
        """Take one step of Adam with the discriminator."""
        gradient = _gradient(lambda t: self.loss_d(t, state.phi), state.theta)
        count = state.count + 1
        first = BETA1 * state.first + (1 - BETA1) * gradient
        second = BETA2 * state.second + (1 - BETA2) * gradient.square()
        size = (second / (1 - BETA2**count)).sqrt() + TINY
        theta = state.theta - self.rate_d * first / (1 - BETA1**count) / size
        return State(theta, first, second, count, state.phi)

    def step_g(self, state: State) -> State:
        """Take one step of gradient descent with the generator."""
        gradient = _gradient(lambda f: self.loss_g(state.theta, f), state.phi)
        return replace(state, phi=state.phi - self.rate_g * gradient)

    def slope(self, state: State, x: Tensor) -> Tensor:
        """The negative gradient of G's loss at generated points x, (n, d)."""
        return -_gradient(
            lambda at: self.loss.generator(self.critic.logit(state.theta, at)).sum(), x
        )


def _gradient(value: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    leaf = at.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(value(leaf), leaf)
    return gradient
