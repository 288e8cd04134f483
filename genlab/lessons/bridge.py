"""Parts of the lesson from VAE to GAN: the divergences of losses, and a linear VAE on the line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.lessons.game import LOG_2PI

#: The divergences that compare the two fits, and their names on the page.
SEEN = {"kl": "KL(p ‖ q)", "reverse_kl": "KL(q ‖ p)", "js": "2 JS(p, q)"}


@dataclass(frozen=True)
class Goal:
    """The divergence whose gradient equals that of the generator's loss against D*.

    Args:
        name, symbols: the name in words and the formula as LaTeX.
        parts: a factor for each row of the table of f-divergences.
    """

    name: str
    symbols: str
    parts: Mapping[str, float]


#: By the generator's loss; Arjovsky and Bottou 2017 for the second.
GOALS: Mapping[str, Goal] = {
    "minimax": Goal("2 JS(p, q)", r"2\,\mathrm{JS}(p \,\|\, q)", {"js": 1.0}),
    "nonsaturating": Goal(
        "KL(q ‖ p) − 2 JS(p, q)",
        r"\mathrm{KL}(q \,\|\, p) - 2\,\mathrm{JS}(p \,\|\, q)",
        {"reverse_kl": 1.0, "js": -1.0},
    ),
}


@dataclass(frozen=True)
class LinearVAE:
    """p(x | z) = N(az + b, s²), p(z) = N(0, 1), q(z | x) = N(cx + e, v).

    Args:
        theta: (a, b, log s, c, e, log v).
    """

    theta: Tensor

    @property
    def marginal(self) -> Mixture1D:
        """p(x) = N(b, a² + s²), the marginal."""
        a, b, log_s, *_ = self.theta.tolist()
        return gaussian(b, math.sqrt(a * a + math.exp(2 * log_s)))

    @staticmethod
    def terms(theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """E_q log p(x | z) and KL(q(z | x) ‖ p(z)) in nats, (n,) -> (n,) each, closed forms."""
        a, b, log_s, c, e, log_v = theta
        mean = c * x + e
        square = (x - a * mean - b).square() + a * a * log_v.exp()
        reconstruction = -0.5 * LOG_2PI - log_s - 0.5 * square * (-2 * log_s).exp()
        return reconstruction, 0.5 * (mean.square() + log_v.exp() - 1 - log_v)

    def elbo(self, x: Tensor) -> Tensor:
        """The evidence lower bound of each x in nats, (n,) -> (n,)."""
        reconstruction, kl = self.terms(self.theta, x)
        return reconstruction - kl

    def kl_to_posterior(self, x: Tensor) -> Tensor:
        """KL(q(z | x) ‖ p(z | x)) in nats, from the exact posterior, (n,) -> (n,)."""
        a, b, log_s, c, e, log_v = self.theta
        precision = 1 + a * a * (-2 * log_s).exp()
        mean = a * (x - b) * (-2 * log_s).exp() / precision
        v = log_v.exp()
        gap = (c * x + e - mean).square()
        return 0.5 * (precision * (v + gap) - 1 - log_v - precision.log())
