"""The numbers of the lesson from VAE to GAN: one decoder, fitted by an ELBO and in a game."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.divergences.f import F
from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.divergences.quadrature import divergences_1d, integrate
from genlab.lessons.base import Lesson, Progress
from genlab.lessons.bridge import SEEN, LinearVAE
from genlab.lessons.game import ORDER, Critic, Field, Game, State, Target, grid, nodes
from genlab.objectives.adversarial import ROWS

LOSSES = {row.name: row for row in ROWS if row.logit}
#: Steps of the generator, each against the optimal discriminator.
ROUNDS = 400


@dataclass(frozen=True)
class BridgeOptions(Options):
    """Options of the lesson."""

    gap: float = option(
        3.0,
        "distance between the two bumps of the data",
        low=0.0,
        high=6.0,
        label="Distance between bumps",
    )
    weight: float = option(
        0.3, "share of the left bump", low=0.05, high=0.95, label="Weight of the first bump"
    )
    left: float = option(
        0.5,
        "standard deviation of the left bump",
        low=0.3,
        high=1.5,
        label="Left standard deviation",
    )
    right: float = option(
        0.8,
        "standard deviation of the right bump",
        low=0.3,
        high=1.5,
        label="Right standard deviation",
    )
    loss: str = option(
        "nonsaturating", "the loss of the generator", choices=tuple(LOSSES), label="Loss"
    )
    d_steps: int = option(
        400,
        "steps of the discriminator that is learned",
        low=0,
        high=1500,
        label="Discriminator steps",
    )
    seed: int = option(0, "seed of its first weights", low=0, high=2**31 - 1, label="Seed")


class BridgeNumbers(Lesson):
    """The data, the fitted VAE, the fitted generator, and the learned discriminator."""

    Options = BridgeOptions
    options: BridgeOptions

    @functools.cached_property
    def p(self) -> Mixture1D:
        """The data."""
        o = self.options
        return Mixture1D((o.weight, 1 - o.weight), (-o.gap / 2, o.gap / 2), (o.left, o.right))

    @functools.cached_property
    def game(self) -> Game:
        """The players; the expectations are sums over nodes."""
        p = self.p
        target = Target(p.weights, tuple((m,) for m in p.means), p.stds)
        field = grid((-12.0,), (12.0,), 400)
        return Game(target, Critic("net", 1), LOSSES[self.options.loss], field, 0.02, 0.2)

    @functools.cached_property
    def field(self) -> Field:
        """Points of the sums for V(D)."""
        return grid((-20.0,), (20.0,), 2500)

    def prepare(self, progress: Progress) -> None:
        progress(0.0, "Fitting the VAE")
        _ = self.vae
        progress(0.2, "Fitting the generator")
        _ = self.generator
        progress(0.5, "Teaching the discriminator")
        _ = self.learned

    @functools.cached_property
    def rule(self) -> tuple[Tensor, Tensor]:
        """Points, (n,), and weights, (n,), of expectations over the data."""
        z, w = nodes(ORDER[1], 1)
        rows = list(zip(self.p.weights, self.p.means, self.p.stds, strict=True))
        points = torch.cat([m + s * z[:, 0] for _, m, s in rows])
        return points, torch.cat([share * w for share, _, _ in rows])

    @functools.cached_property
    def vae(self) -> LinearVAE:
        """The VAE with the largest E_p ELBO, by a quasi-Newton search over all six parameters."""
        x, w = self.rule
        theta = torch.tensor([1.0, 0.0, 0.0, 0.3, 0.0, -0.5], dtype=torch.float64)
        theta.requires_grad_()
        search = torch.optim.LBFGS(
            [theta],
            max_iter=200,
            tolerance_grad=1e-10,
            tolerance_change=1e-14,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            search.zero_grad()
            reconstruction, kl = LinearVAE.terms(theta, x)
            loss = -(w * (reconstruction - kl)).sum()
            loss.backward()
            return loss

        with torch.enable_grad():
            search.step(closure)
        return LinearVAE(theta.detach())

    @functools.cached_property
    def generator(self) -> tuple[State, tuple[tuple[float, float], ...]]:
        """G after descent against D*, by Adam with a falling rate; and its (mean, std) path."""
        game = self.game
        state = game.start(self.options.seed, (self.p.mean,), math.sqrt(self.p.variance))
        z, v = nodes(120, 1)
        path, first, second = [], torch.zeros(2).double(), torch.zeros(2).double()
        for k in range(ROUNDS):
            leaf = state.phi.clone().requires_grad_()
            x = game.generate(leaf, z)
            # D* is a fixed function of x while G takes its step.
            logit = game.log_ratio(state.phi, x)
            (slope,) = torch.autograd.grad((v * game.loss.generator(logit)).sum(), leaf)
            first, second = 0.8 * first + 0.2 * slope, 0.95 * second + 0.05 * slope.square()
            way = first / (1 - 0.8 ** (k + 1)) / ((second / (1 - 0.95 ** (k + 1))).sqrt() + 1e-9)
            state = replace(state, phi=state.phi - 0.1 * (1 - k / ROUNDS) ** 2 * way)
            path.append((float(state.phi[0]), float(state.phi[1].exp())))
        return state, tuple(path)

    @functools.cached_property
    def q(self) -> Mixture1D:
        """The distribution of the generator's samples."""
        phi = self.generator[0].phi
        return gaussian(float(phi[0]), float(phi[1].exp()))

    @functools.cached_property
    def learned(self) -> tuple[State, tuple[tuple[float, float], ...]]:
        """D trained against the fitted generator, and (steps, V(D)) during training."""
        state, seen = self.generator[0], []
        every = max(1, self.options.d_steps // 60)
        for k in range(self.options.d_steps + 1):
            if k % every == 0 or k == self.options.d_steps:
                seen.append((float(k), self._value(state)))
            if k < self.options.d_steps:
                state = self.game.step_d(state)
        return state, tuple(seen)

    def _value(self, state: State | None) -> float:
        """V(D) on the grid; of D* for None."""
        x, phi = self.field.x, self.generator[0].phi
        with torch.no_grad():
            log_p, log_q = self.game.target.log_prob(x), self.game.log_q(phi, x)
            logit = log_p - log_q if state is None else self.game.critic.logit(state.theta, x)
            return float(self.field.values(logit, log_p, log_q))

    @functools.cached_property
    def apart(self) -> dict[str, tuple[float, float]]:
        """The divergences of :data:`SEEN` from the data to (the VAE, the GAN), by quadrature."""
        rows = [F[name] for name in SEEN]
        both = [divergences_1d(rows, self.p, density) for density in (self.vae.marginal, self.q)]
        return {
            name: (a.value, b.value) for name, a, b in zip(SEEN, both[0], both[1], strict=True)
        }

    @functools.cached_property
    def averages(self) -> tuple[float, float, float, float]:
        """E_p of: the reconstruction, KL(q(z|x) ‖ p(z)), KL(q(z|x) ‖ p(z|x)), −log p_data."""
        x, w = self.rule
        reconstruction, kl = self.vae.terms(self.vae.theta, x)
        rest = self.vae.kl_to_posterior(x)
        entropy = integrate(
            lambda t: -(self.p(t).exp() * self.p(t))[None], breaks=self.p.breaks
        ).value
        parts = [float((w * part).sum()) for part in (reconstruction, kl, rest)]
        return parts[0], parts[1], parts[2], float(entropy)
