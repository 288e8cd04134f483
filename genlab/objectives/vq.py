"""The objective of the vector-quantised autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genlab.core.measure import Kind, Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel, HasCodebook
from genlab.objectives.base import Loss, Objective, Player


@dataclass(frozen=True)
class VQOptions(Options):
    """Options of the vector-quantised autoencoder's objective."""

    commitment: float = option(
        0.25,
        "weight β of what an encoding pays to be far from its code",
        low=0.0,
        high=100.0,
        label="Commitment weight β",
    )


def perplexity(index: Tensor, size: int) -> Tensor:
    """exp H of the shares in which codes are used: the number that would be used evenly.

    Example:
        >>> round(float(perplexity(torch.tensor([0, 1, 1, 0]), 8)), 3)
        2.0
    """
    share = torch.bincount(index.flatten(), minlength=size).double() / index.numel()
    return torch.exp(-torch.special.xlogy(share, share).sum())


@OBJECTIVES.register("vq", title="VQ-VAE", order=200)
class VQ(Objective):
    """Minimises −ELBO + β |e(x) − sg z_q|², with z_q the nearest codes to e(x).

    ELBO = log p(x | z_q) + log p(z_q), a lower bound of log p(x); log p(z_q) is −m log K for the
    uniform prior, and moves the prior's own weights alone for a learned one. The gradient at z_q
    is passed to e(x) as it is. The codebook follows the encodings by moving averages, or by
    |sg e(x) − z_q|² added where it is learned by gradient. Sums over places and dimensions, mean
    over the batch.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017, "Neural discrete representation learning",
    equation 3.
    """

    Options = VQOptions
    requires = (GenerativeModel, HasCodebook)
    options: Any

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        #: The encodings of the last batch and their codes, for the codebook to follow.
        self._last: tuple[Tensor, Tensor] | None = None

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("model"),)

    @property
    def series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        return (
            Series(
                "vq_loss",
                f"−ELBO + {self.options.commitment:g} |e − z_q|² (+ codebook's): minimised",
                "loss",
                "nats",
                kind,
                direction="lower",
            ),
            Series(
                "elbo",
                "ELBO = log p(x|z_q) + log p(z_q), training batch",
                "loss",
                "nats",
                kind,
                direction="higher",
            ),
            Series(
                "reconstruction",
                "reconstruction log p(x|z_q), training batch",
                "loss",
                "nats",
                kind,
                direction="higher",
            ),
            Series(
                "kl", "KL(q(z|x) ‖ p(z)) = −log p(z_q), training batch", "divergence", "nats", kind
            ),
            Series(
                "code_distance",
                "|e(x) − z_q|², sum over places, training batch",
                "latent",
                "squared code units",
                kind,
                direction="lower",
            ),
            Series(
                "perplexity",
                "perplexity of the codes, training batch",
                "codes",
                "count",
                kind,
                direction="higher",
            ),
            Series("used_codes", "codes in use, training batch", "codes", "count", kind),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasCodebook)
        e = model.encodings(x)
        index = model.nearest(e)
        z_q = model.codebook[index]
        reconstruction = model.decode((e + (z_q - e).detach()).flatten(1)).log_prob(x)
        kl = -model.prior().log_prob(z_q.detach().flatten(1))
        distance = (e - z_q.detach()).square().sum((1, 2))
        loss = self.options.commitment * distance + kl - reconstruction
        if isinstance(model.codebook, nn.Parameter):
            loss = loss + (e.detach() - z_q).square().sum((1, 2))
        self._last = e.detach(), index
        size = len(model.codebook)
        whole = torch.ones_like(reconstruction)
        terms = {
            "vq_loss": loss,
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
            "code_distance": distance,
            "perplexity": perplexity(index, size).to(whole) * whole,
            "used_codes": whole * len(index.unique()),
        }
        return Loss(loss.mean(), terms)

    def after_update(self, player: str, model: GenerativeModel) -> None:
        if self._last is not None and isinstance(model, HasCodebook):
            model.follow(*self._last)
            self._last = None
