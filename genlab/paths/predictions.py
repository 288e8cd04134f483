"""Prediction targets on a path, and the clean point and noise that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from genlab.core.registry import Registry
from genlab.paths.base import ProbabilityPath, over

PREDICTIONS: Registry[Prediction] = Registry("prediction", "genlab.paths")

Coefficients = Callable[[ProbabilityPath, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Prediction:
    """A quantity a x₁ + b ε that a net predicts from x_t = α x₁ + σ ε.

    With the net's output o, the estimates are D = (σ o − b x)/(aσ − bα) of the clean point and
    ε̂ = (a x − α o)/(aσ − bα) of the noise.

    Args:
        coefficients: ``(path, t) -> (a, b)``, each of the shape of t.
    """

    coefficients: Coefficients

    def target(self, path: ProbabilityPath, x1: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """a x₁ + b ε, (B, ...) each and t (B,)."""
        a, b = self.coefficients(path, t)
        return over(a, x1) * x1 + over(b, x1) * noise

    def estimates(
        self, path: ProbabilityPath, output: Tensor, x: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(D, ε̂) from the net's output at x_t, (B, ...) each and t (B,)."""
        a, b = self.coefficients(path, t)
        alpha, sigma = path.alpha(t), path.sigma(t)
        scale = a * sigma - b * alpha
        clean = over(sigma / scale, x) * output - over(b / scale, x) * x
        noise = over(a / scale, x) * x - over(alpha / scale, x) * output
        return clean, noise

    def loss_factor(self, path: ProbabilityPath, t: Tensor) -> Tensor:
        """c with E|target − E[target|x_t]|² = c² · mmse/σ², c = aσ − bα; of the shape of t."""
        a, b = self.coefficients(path, t)
        return a * path.sigma(t) - b * path.alpha(t)


PREDICTIONS.register(
    "velocity",
    title="Velocity",
    summary="dx/dt = α' x₁ + σ' ε, the target of flow matching.",
    order=10,
)(Prediction(lambda path, t: (path.d_alpha(t), path.d_sigma(t))))
PREDICTIONS.register("noise", title="Noise", summary="ε, the target of DDPM.", order=20)(
    Prediction(lambda _, t: (t.new_zeros(t.shape), t.new_ones(t.shape)))
)
PREDICTIONS.register(
    "v",
    title="v",
    summary="v = α ε − σ x₁, well scaled at both ends of the path.",
    order=30,
)(Prediction(lambda path, t: (-path.sigma(t), path.alpha(t))))
