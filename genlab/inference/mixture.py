"""Finite Gaussian mixtures: exact responsibilities, and EM."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.gaussians import draw_mixture, mixture_log_joint
from genlab.core.measure import Series
from genlab.core.random import generator
from genlab.inference.base import Inference, finite, positive, probabilities
from genlab.inference.conjugate import as_rows
from genlab.train.algorithm import Info


@dataclass(frozen=True)
class Mixture:
    """p(x) = Σ_k weights_k N(x; means_k, covariances_k).

    Args:
        weights: (K,), sum 1.
        means: (K, d).
        covariances: (K, d, d), symmetric and positive definite.

    Raises:
        SpecError: if the weights do not sum to 1, shapes differ, or a covariance is not positive
            definite.

    Example:
        >>> mixture = Mixture([0.5, 0.5], [[-1.0], [1.0]], [[[1.0]], [[1.0]]])
        >>> mixture.responsibilities([[0.0]]).tolist()
        [[0.5, 0.5]]
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def __post_init__(self) -> None:
        for name, check in (
            ("weights", probabilities),
            ("means", finite),
            ("covariances", finite),
        ):
            object.__setattr__(self, name, check(name, getattr(self, name)))
        k, d = len(self.weights), self.means.shape[-1]
        if self.means.shape != (k, d) or self.covariances.shape != (k, d, d):
            raise SpecError(
                "means",
                f"{tuple(self.means.shape)} with covariances {tuple(self.covariances.shape)}",
                f"allowed: ({k}, d) with ({k}, d, d) for {k} weights",
            )
        symmetric = torch.allclose(self.covariances, self.covariances.mT, rtol=1e-8, atol=1e-10)
        if not symmetric or int(torch.linalg.cholesky_ex(self.covariances).info.max()) > 0:
            raise SpecError(
                "covariances",
                "a matrix that is not positive definite",
                "allowed: symmetric, positive definite",
            )

    def log_joint(self, x: Tensor) -> Tensor:
        """log weights_k + log N(x; k) in nats, (B, d) -> (B, K)."""
        rows = as_rows(x, self.means.shape[1])
        factors = torch.linalg.cholesky(self.covariances)
        return mixture_log_joint(rows, self.weights.log(), self.means, factors)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x), exact, in nats, (B, d) -> (B,)."""
        return self.log_joint(x).logsumexp(1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """p(k | x) by Bayes' rule, exact, (B, d) -> (B, K)."""
        return self.log_joint(x).softmax(1)

    def sample(self, n: int) -> Tensor:
        """Draw from the global stream, (n, d)."""
        factors = torch.linalg.cholesky(self.covariances)
        return draw_mixture(n, self.weights, self.means, factors)[0]


def far_apart(x: Tensor, k: int, source: torch.Generator) -> Tensor:
    """k examples, each drawn with probability proportional to its squared distance from earlier
    ones.

    Source: Arthur and Vassilvitskii 2007, "k-means++: the advantages of careful seeding".

    Args:
        x: (n, d), n of at least k.
        k: how many.
        source: of the draws.

    Returns:
        (k, d).
    """
    chosen = [int(torch.randint(len(x), (), generator=source))]
    for _ in range(1, k):
        far = torch.cdist(x, x[chosen]).min(1).values.square()
        weights = far if float(far.sum()) > 0 else torch.ones_like(far)
        chosen.append(int(torch.multinomial(weights, 1, generator=source)))
    return x[chosen]


class EM(Inference[Mixture, Tensor]):
    """Expectation-maximisation on the whole data set: log p(x_1..n) never decreases.

    E: r_nk = p(k | x_n). M: weights, means and covariances from the data weighted by r.

    Source: Dempster, Laird and Rubin 1977, "Maximum likelihood from incomplete data via the EM
    algorithm".

    Args:
        components: K, at least 1.
        floor: a variance added to the diagonal of each covariance; without it the likelihood is
            unbounded, because a component may collapse onto one example.

    Raises:
        SpecError: if a number is out of range.
    """

    state_class = Mixture

    def __init__(self, components: int, floor: float = 1e-6) -> None:
        if components < 1:
            raise SpecError("components", components, "allowed: a whole number from 1")
        self.components, self.floor = components, positive("floor", floor)

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series("log_likelihood", "log p(x) before the step", "loss", "nats", "training batch"),
        )

    def init(self, seed: int = 0, data: Tensor | None = None) -> Mixture:
        """Equal weights, the covariance of the data, and K distant examples as means.

        Raises:
            SpecError: if there are fewer examples than components.
        """
        if data is None or len(data) < max(2, self.components):
            raise SpecError(
                "data",
                "no data" if data is None else f"{len(data)} examples",
                f"allowed: at least {max(2, self.components)} examples to start from",
            )
        x = finite("data", data)
        x = x[:, None] if x.dim() == 1 else x
        means = far_apart(x, self.components, generator(seed, "em"))
        covariance = torch.cov(x.T).view(x.shape[1], x.shape[1])
        covariance = covariance + self.floor * torch.eye(x.shape[1], dtype=torch.float64)
        equal = torch.full((self.components,), 1 / self.components, dtype=torch.float64)
        return Mixture(equal, means, covariance.repeat(self.components, 1, 1))

    def step(self, state: Mixture, batch: Tensor) -> tuple[Mixture, Info]:
        """One E and one M step; the batch is the whole data set, (n, d)."""
        x = as_rows(batch, state.means.shape[1])
        log_joint = state.log_joint(x)
        r = log_joint.softmax(1)
        # A component without examples stays, with a tiny weight.
        counts = r.sum(0).clamp_min(1e-10)
        means = r.T @ x / counts[:, None]
        apart = x[None] - means[:, None]
        covariances = (r.T[:, :, None] * apart).mT @ apart / counts[:, None, None]
        eye = torch.eye(x.shape[1], dtype=torch.float64)
        covariances = (covariances + covariances.mT) / 2 + self.floor * eye
        new = Mixture(counts / counts.sum(), means, covariances)
        return new, Info({"log_likelihood": log_joint.logsumexp(1)})
