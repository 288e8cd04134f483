"""The linear autoencoder on Gaussian data: its bound, its gradient and its optimum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from genlab.lessons.panels import Array


@dataclass(frozen=True)
class Autoencoder:
    """A linear autoencoder: p(x | z) = N(Wz + b, σ²I), q(z | x) = N(V(x − b), diag s²).

    Args:
        w: W, (d, k). v: V, (k, d). log_s2: log s², (k,).
    """

    w: Array
    v: Array
    log_s2: Array

    @property
    def s2(self) -> Array:
        """The variances of q, (k,)."""
        return np.exp(self.log_s2)


@dataclass(frozen=True)
class Parts:
    """The terms of the bound, means over the data in nats."""

    reconstruction: float
    kl: float

    @property
    def elbo(self) -> float:
        """Reconstruction minus KL."""
        return self.reconstruction - self.kl


def parts(net: Autoencoder, covariance: Array, noise: float) -> Parts:
    """The mean ELBO's two parts in closed form from the covariance of the data.

    E_q log p(x | z) = −(d/2) log 2πσ² − (tr S − 2 tr WVS + tr WᵀW(VSVᵀ + diag s²)) / 2σ².
    """
    spread = net.v @ covariance @ net.v.T
    square = (
        np.trace(covariance)
        - 2 * np.trace(net.w @ net.v @ covariance)
        + np.trace(net.w.T @ net.w @ (spread + np.diag(net.s2)))
    )
    constant = 0.5 * len(covariance) * math.log(2 * math.pi * noise)
    kl = 0.5 * (np.trace(spread) + net.s2.sum() - len(net.s2) - net.log_s2.sum())
    return Parts(float(-constant - square / (2 * noise)), float(kl))


def gradients(net: Autoencoder, covariance: Array, noise: float, beta: float) -> list[Array]:
    """∂/∂(W, V, log s²) of the reconstruction minus β times the KL."""
    vs = net.v @ covariance
    inner = net.w.T @ net.w
    return [
        (vs.T - net.w @ (vs @ net.v.T + np.diag(net.s2))) / noise,
        (net.w.T @ covariance - inner @ vs) / noise - beta * vs,
        -0.5 * np.diag(inner) * net.s2 / noise - 0.5 * beta * (net.s2 - 1),
    ]


def optimum(covariance: Array, latent: int, noise: float, beta: float) -> Autoencoder:
    """The maximum of reconstruction − β KL: PPCA with the noise variance τ = βσ².

    W = U (Λ − τI)₊^½ on the leading axes U, V = Wᵀ(WWᵀ + τI)⁻¹, s² = τ / max(λ, τ).

    Source: Tipping and Bishop 1999, equation 7; Lucas, Tucker, Grosse and Norouzi 2019, "Don't
    blame the ELBO!", theorem 1.
    """
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:latent], vectors[:, ::-1][:, :latent]
    tau = beta * noise
    loadings = np.sqrt(np.clip(values - tau, 0.0, None))
    top = np.maximum(values, tau)
    return Autoencoder(vectors * loadings, (vectors * (loadings / top)).T, np.log(tau / top))
