"""The vector-quantised autoencoder: an image is encoded as a grid of codes from a codebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from genlab.core.options import option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions import (
    LIKELIHOODS,
    LikelihoodOptions,
    likelihood_choices,
    propose_likelihood,
)
from genlab.distributions.codebook import AutoregressiveCodes, OneCode, UniformCodes, nearest
from genlab.models.base import GenerativeModel, HasCodebook
from genlab.models.latent import StandardPrior
from genlab.models.vae import picture_of_known_size
from genlab.nets import SIZES, downsampler, upsampler

#: A code that is used less than this share of the mean use is moved to an encoding.
RARE = 0.03
LEARNED = ("moving averages", "gradient")
PRIORS = ("autoregressive", "uniform")


class CodePrior(nn.Module):
    """A gated recurrent net over the grid positions: logits of each code given earlier codes.

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder".

    Args:
        size: codes K.
        code_size: numbers d in a code.
        positions: m.
        dropout: dropout rate of previous codes and of hidden units in training.
    """

    def __init__(
        self, size: int, code_size: int, positions: int, dropout: float = 0.0, hidden: int = 64
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.place = nn.Embedding(positions, 16)
        self.cell = nn.GRU(code_size + 16, hidden, batch_first=True)
        self.out = nn.Linear(hidden, size)

    def forward(self, previous: Tensor, position: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Logits (B, n, K) after the previous codes (B, n, d) at positions (n,), and the state."""
        where = self.place(position).expand(len(previous), -1, -1)
        if self.training and self.dropout:
            # Whole codes are dropped: the remaining entries would reveal a code.
            mask = torch.rand_like(previous[..., :1]) >= self.dropout
            previous = previous * mask
        h, state = self.cell(torch.cat([previous, where], dim=-1), state)
        return self.out(functional.dropout(h, self.dropout, self.training)), state


@dataclass(frozen=True)
class VQVAEOptions(LikelihoodOptions):
    """Options of the vector-quantised autoencoder."""

    codebook_size: int = option(
        64, "codes K in the codebook", low=2, high=8192, log=True, label="Codes in the codebook"
    )
    code_size: int = option(8, "numbers d in a code", low=1, high=256, label="Code dimensions")
    codebook_by: str = option(
        LEARNED[0],
        "how the codebook is learned",
        choices=LEARNED,
        advanced=True,
        label="Codebook update",
    )
    code_prior: str = option(
        PRIORS[0],
        "prior of the codes; the bound of the paper uses the uniform one",
        choices=PRIORS,
        label="Prior of the codes",
    )
    code_dropout: float = option(
        0.3,
        "dropout rate of codes and hidden units in the autoregressive prior",
        low=0.0,
        high=0.9,
        advanced=True,
        label="Code dropout",
    )
    decay: float = option(
        0.95,
        "decay γ of the moving averages",
        low=0.0,
        high=0.9999,
        advanced=True,
        label="Moving-average decay γ",
    )
    width: int = option(
        32,
        "channels of the largest hidden map; each halving doubles them",
        low=4,
        high=256,
        label="Channels",
    )


@MODELS.register(
    "vq_vae",
    title="VQ-VAE",
    summary="An autoencoder whose code is a grid of codebook entries, for images of 8, 28, 32 "
    "or 64 pixels.",
    order=260,
)
class VQVAE(StandardPrior, GenerativeModel[VQVAEOptions], HasCodebook):
    """z_q = the codes nearest to the encoder's grid e(x); p(x | z_q) by the decoder.

    With all mass of q(z | x) at z_q(x), the bound is

        log p(x) ≥ log p(x | z_q(x)) + log p(z_q(x)),

    where log p(z_q) = −m log K for the uniform prior over the Kᵐ grids of codes, or that of an
    autoregressive net, which is trained at the same time and does not affect the other parts. That
    net has many weights for few images, so it is trained with dropout. The decoder first quantises
    any vector to the nearest grid of codes, with a straight-through gradient.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017, "Neural discrete representation learning";
    rarely used codes are reset as in Dhariwal et al. 2020, "Jukebox", section 3.1.
    """

    Options = VQVAEOptions
    codebook: Tensor
    count: Tensor
    total: Tensor

    def __init__(self, options: VQVAEOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.likelihood = LIKELIHOODS[options.likelihood]
        self.side = SIZES[meta.shape[1]][0]
        self.positions = self.side**2
        self.latent = self.positions * options.code_size
        body, features = downsampler(meta.shape, options.width)
        channels = features // self.positions
        # The nets of the other autoencoders without the linear layer between map and vector.
        self.encoder = nn.Sequential(body[:-1], nn.Conv2d(channels, options.code_size, 1))
        outputs = (self.likelihood.outputs * meta.shape[0], *meta.shape[1:])
        self.decoder = nn.Sequential(
            nn.Conv2d(options.code_size, channels, 1),
            nn.ReLU(inplace=True),
            upsampler(1, outputs, options.width)[3:],
        )
        bound = 1 / options.codebook_size
        codes = torch.empty(options.codebook_size, options.code_size).uniform_(-bound, bound)
        if options.codebook_by == "gradient":
            self.codebook = nn.Parameter(codes)
        else:
            self.register_buffer("codebook", codes)
            self.register_buffer("count", torch.zeros(len(codes)))
            self.register_buffer("total", torch.zeros_like(codes))

        self.prior_net = (
            CodePrior(
                options.codebook_size, options.code_size, self.positions, options.code_dropout
            )
            if options.code_prior == "autoregressive"
            else None
        )

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return picture_of_known_size(meta)

    @classmethod
    def choices(cls, meta: DataMeta) -> dict[str, tuple[Any, ...]]:
        return {"likelihood": likelihood_choices(meta)}

    @classmethod
    def recommended(cls, meta: DataMeta) -> dict[str, Any]:
        return propose_likelihood(meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        small = meta.dim < 256
        return {
            "objective": "vq",
            "codebook_size": 64 if small else 128,
            "width": 16 if small else 32,
            "lr": 2e-3 if small else 1e-3,
        }

    def encodings(self, x: Tensor) -> Tensor:
        grid = self.encoder(x)
        result: Tensor = grid.permute(0, 2, 3, 1).reshape(len(x), self.positions, -1)
        return result

    def nearest(self, e: Tensor) -> Tensor:
        return nearest(self.codebook, e)

    def encode(self, x: Tensor) -> OneCode:
        return OneCode(self.codebook, self.nearest(self.encodings(x)))

    def prior(self) -> UniformCodes | AutoregressiveCodes:
        if self.prior_net is None:
            return UniformCodes(self.codebook, self.positions)
        return AutoregressiveCodes(self.codebook, self.positions, self.prior_net)

    def quantise(self, z: Tensor) -> Tensor:
        """The nearest grid of codes, (B, latent), with a straight-through gradient."""
        codes = self.codebook[self.nearest(z.view(len(z), self.positions, -1))].flatten(1)
        return z + (codes - z).detach()

    def decode(self, z: Tensor) -> Any:
        grid = self.quantise(z).view(len(z), self.side, self.side, -1).permute(0, 3, 1, 2)
        h = self.decoder(grid)
        return self.likelihood.make(
            h.reshape(len(z), self.likelihood.outputs, *self.data_shape), self.options
        )

    @torch.no_grad()
    def follow(self, e: Tensor, index: Tensor) -> None:
        """Update the codebook's moving averages with the encodings of a batch.

        N_k ← γ N_k + (1 − γ) n_k, s_k ← γ s_k + (1 − γ) Σ_{i: index_i = k} e_i, c_k ← s_k / N_k.
        A code whose N_k is below 3 % of the mean use is reset to a random encoding of the batch,
        with the mean use.

        Source: van den Oord et al. 2017, appendix A.1.
        """
        if isinstance(self.codebook, nn.Parameter):
            return
        gamma, e, index = self.options.decay, e.flatten(0, 1), index.flatten()
        n = torch.bincount(index, minlength=len(self.codebook)).to(e.dtype)
        total = torch.zeros_like(self.total).index_add_(0, index, e)
        self.count.mul_(gamma).add_(n, alpha=1 - gamma)
        self.total.mul_(gamma).add_(total, alpha=1 - gamma)
        even = float(self.count.sum()) / len(self.count)
        rare = self.count < RARE * even
        if bool(rare.any()):
            drawn = e[torch.randint(len(e), (int(rare.sum()),))]
            self.count[rare] = even
            self.total[rare] = even * drawn
        self.codebook.copy_(self.total / self.count[:, None])
