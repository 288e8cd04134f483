"""The numbers of the lesson on VAEs: a linear VAE on Gaussian data, trained, and its optimum."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import xlogy

from genlab.core.options import Options, option
from genlab.core.random import generator, scope
from genlab.divergences import gaussian_kl
from genlab.lessons.base import Lesson
from genlab.lessons.linear_autoencoder import Autoencoder, Parts, gradients, optimum, parts
from genlab.lessons.panels import Array, array
from genlab.models.linear_gaussian import LinearGaussian
from genlab.probes.variational import ACTIVE

#: Variances of the data distribution along its principal axes.
SPREAD = (4.0, 1.5, 0.5, 0.25)
DIM = len(SPREAD)
#: Draws of the code per example in the Monte Carlo check.
DRAWS = 20


@dataclass(frozen=True)
class VAELessonOptions(Options):
    """Options of the lesson."""

    latent: int = option(2, "size of the latent code z", choices=(1, 2), label="Latent dimensions")
    beta: float = option(
        1.0, "weight β of the KL", low=0.1, high=20.0, log=True, label="KL weight β"
    )
    noise: float = option(
        0.3, "variance σ² of the decoder's noise", low=0.05, high=2.0, label="Noise variance σ²"
    )
    examples: int = option(300, "examples N", low=50, high=1000, label="Examples N")
    steps: int = option(1000, "steps of training", low=1, high=2000, label="Optimisation steps")
    seed: int = option(0, "seed of data and first weights", low=0, high=2**31 - 1, label="Seed")


class LinearVAENumbers(Lesson):
    """The data, the trained autoencoder, and the exact optimum beside it."""

    Options = VAELessonOptions

    @functools.cached_property
    def data(self) -> Array:
        """The examples, (N, 4)."""
        o = self.options
        source = generator(o.seed, "vae lesson")
        turn, _ = torch.linalg.qr(torch.randn(DIM, DIM, generator=source, dtype=torch.float64))
        draws = torch.randn(o.examples, DIM, generator=source, dtype=torch.float64)
        x: Array = (draws * torch.tensor(SPREAD, dtype=torch.float64).sqrt() @ turn.mT).numpy()
        return x

    @functools.cached_property
    def centred(self) -> Array:
        """The examples minus their mean, which is the best b."""
        return self.data - self.data.mean(0)

    @functools.cached_property
    def covariance(self) -> Array:
        """S = (1/N) Σ (x − b)(x − b)ᵀ."""
        return array(self.centred.T @ self.centred / len(self.data))

    @functools.cached_property
    def eigenvalues(self) -> Array:
        """Eigenvalues and eigenvectors of S, largest first."""
        return array(np.linalg.eigvalsh(self.covariance)[::-1])

    @property
    def tau(self) -> float:
        """βσ²: the variance that a unit must exceed to be active at the optimum."""
        return float(self.options.beta * self.options.noise)

    @functools.cached_property
    def best(self) -> Autoencoder:
        """The optimum."""
        o = self.options
        return optimum(self.covariance, o.latent, o.noise, o.beta)

    @functools.cached_property
    def training(self) -> tuple[Autoencoder, Array, Array]:
        """The net after the last step, and objective and ELBO at every step.

        Adam on the closed form with all data in each step and a cosine step size down to 0.
        """
        o = self.options
        source = np.random.default_rng(o.seed)
        at = [
            0.1 * source.standard_normal((DIM, o.latent)),
            0.1 * source.standard_normal((o.latent, DIM)),
            np.zeros(o.latent),
        ]
        first = [np.zeros_like(p) for p in at]
        second = [np.zeros_like(p) for p in at]
        losses, elbo = [], []
        for t in range(1, o.steps + 1):
            net = Autoencoder(*at)
            now = parts(net, self.covariance, o.noise)
            losses.append(now.reconstruction - o.beta * now.kl)
            elbo.append(now.elbo)
            rate = 0.025 * (1 + math.cos(math.pi * t / o.steps))
            for i, g in enumerate(gradients(net, self.covariance, o.noise, o.beta)):
                first[i] = 0.9 * first[i] + 0.1 * g
                second[i] = 0.99 * second[i] + 0.01 * g * g
                step = first[i] / (1 - 0.9**t)
                at[i] = at[i] + rate * step / (np.sqrt(second[i] / (1 - 0.99**t)) + 1e-8)
        net = Autoencoder(*at)
        now = parts(net, self.covariance, o.noise)
        losses.append(now.reconstruction - o.beta * now.kl)
        elbo.append(now.elbo)
        return net, np.array(losses), np.array(elbo)

    @property
    def net(self) -> Autoencoder:
        """The trained autoencoder."""
        return self.training[0]

    @functools.cached_property
    def now(self) -> Parts:
        """The trained autoencoder's bound."""
        return parts(self.net, self.covariance, self.options.noise)

    @functools.cached_property
    def means(self) -> Array:
        """Posterior means of all examples, (N, k)."""
        return array(self.centred @ self.net.v.T)

    @property
    def active(self) -> int:
        """Units with Var_x E_q[z] > 0.01."""
        return int((self.means.var(0) > ACTIVE).sum())

    @property
    def worth(self) -> int:
        """Units that are active at the optimum."""
        values = self.eigenvalues[: self.options.latent]
        return int((1 - self.tau / values > ACTIVE).sum())

    def water_filling(self, beta: float) -> tuple[float, float]:
        """Reconstruction and KL at the optimum for a weight, from the eigenvalues alone.

        A unit with λ > τ = βσ² costs ½ log(λ/τ) nats and leaves a squared error of τ; any other
        axis leaves λ. Source: Cover and Thomas 2006, section 10.3.3.
        """
        o = self.options
        tau = beta * o.noise
        used = np.zeros(DIM, dtype=bool)
        used[: o.latent] = self.eigenvalues[: o.latent] > tau
        kl = 0.5 * float(np.log(self.eigenvalues[used] / tau).sum())
        square = float(np.where(used, tau, self.eigenvalues).sum())
        constant = 0.5 * DIM * math.log(2 * math.pi * o.noise)
        return -constant - square / (2 * o.noise), kl

    def by_evidence(self) -> float:
        """The objective's maximum from the mean log p(x) of PPCA with noise variance βσ²."""
        o = self.options
        with scope(0, "vae lesson"):  # a new module draws initial weights, which are then replaced
            model = LinearGaussian.of(
                torch.tensor(self.best.w), torch.tensor(self.data.mean(0)), math.sqrt(self.tau)
            )
        with torch.no_grad():
            log_p = float(model.log_prob(torch.tensor(self.data)).mean())
        both = o.beta * math.log(2 * math.pi * self.tau) - math.log(2 * math.pi * o.noise)
        return o.beta * log_p + 0.5 * DIM * both

    @functools.cached_property
    def by_draws(self) -> tuple[float, float]:
        """The mean ELBO of the trained nets by reparametrised draws, and its standard error."""
        o = self.options
        with scope(0, "vae lesson"):
            model = LinearGaussian.of(
                torch.tensor(self.net.w), torch.tensor(self.data.mean(0)), math.sqrt(o.noise)
            )
        source = generator(o.seed, "vae lesson", "draws")
        mean, x = torch.tensor(self.means), torch.tensor(self.data)
        noise = torch.randn(DRAWS, *mean.shape, generator=source, dtype=torch.float64)
        z = mean + torch.tensor(self.net.s2).sqrt() * noise
        with torch.no_grad():
            flat = model.decode(z.flatten(0, 1)).log_prob(x.repeat(DRAWS, 1)).view(DRAWS, -1)
        cov = torch.diag(torch.tensor(self.net.s2))
        zero, eye = torch.zeros(o.latent).double(), torch.eye(o.latent).double()
        kl = gaussian_kl(mean, cov, zero, eye)
        # Only the draws are random: both sides use the same examples.
        each = (flat - kl).mean(1)
        error = (flat.var(0) / DRAWS).sum().sqrt() / flat.shape[1]
        return float(each.mean()), float(error)

    @functools.cached_property
    def aggregate(self) -> tuple[list[Array], Array]:
        """The axes of a grid and the density q(z) = (1/N) Σ_i q(z | x_i) on the grid."""
        axes, tables = [], []
        for mean, s2 in zip(self.means.T, self.net.s2, strict=True):
            reach = max(float(np.abs(mean).max()) + 8 * math.sqrt(s2), 4.0)
            count = int(min(1201, max(161, 2 * reach / (0.25 * math.sqrt(s2)))))
            z = np.linspace(-reach, reach, count)
            gap = (z[:, None] - mean) ** 2 / s2
            tables.append(np.exp(-0.5 * gap) / math.sqrt(2 * math.pi * s2))
            axes.append(z)
        if len(axes) == 1:
            return axes, tables[0].mean(1)
        return axes, tables[0] @ tables[1].T / len(self.means)

    @functools.cached_property
    def split(self) -> tuple[float, float]:
        """I_q(x; z) and KL(q(z) ‖ p(z)) by the grid."""
        axes, density = self.aggregate
        cell = math.prod(float(z[1] - z[0]) for z in axes)
        square = sum(g**2 for g in np.meshgrid(*axes, indexing="ij"))
        log_prior = -0.5 * square - 0.5 * len(axes) * math.log(2 * math.pi)
        minus_entropy = float(xlogy(density, density).sum()) * cell
        cross = float((density * log_prior).sum()) * cell
        own = 0.5 * float((1 + math.log(2 * math.pi) + self.net.log_s2).sum())
        return -minus_entropy - own, minus_entropy - cross
