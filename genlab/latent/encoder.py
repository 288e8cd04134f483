"""An encoder for a trained generator without one, learned with the generator frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load as unpacked
from safetensors.torch import save as packed
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genlab.core.errors import GenlabError, SnapshotError, SpecError
from genlab.core.random import scope
from genlab.core.tables import JOBS
from genlab.data.base import Batches, DataMeta, Dataset, Progress
from genlab.latent.codes import decode_mean, held_out
from genlab.latent.inversion import peak, psnr
from genlab.models.base import GenerativeModel, HasCodebook, HasCritic, HasDecoder, HasEncoder
from genlab.nets.conv import SIZES, downsampler
from genlab.nets.mlp import mlp
from genlab.probes.common import frozen_batchnorm

BATCH, RATE = 64, 1e-3
WIDTH, HIDDEN = 24, 192
#: Weights of the two reconstruction terms, relative to that of the codes.
PIXEL, FEATURE = 10.0, 1.0
#: The number of held-out examples for evaluating the encoder.
JUDGED = 512


class Encoder(nn.Module):
    """E maps data to codes and has an error scale s, so that q(z | x) = N(E(x), s²).

    Args:
        meta: of the data.
        latent: size of the code.
    """

    spread: Tensor
    middle: Tensor
    scale: Tensor

    def __init__(self, meta: DataMeta, latent: int) -> None:
        super().__init__()
        shape = meta.shape
        self.picture = meta.is_image and shape[1] == shape[2] and shape[1] in SIZES
        self.net: nn.Module
        if self.picture:
            body, features = downsampler(shape, WIDTH)
            self.net = nn.Sequential(
                body,
                nn.Flatten(),
                nn.Linear(features, HIDDEN),
                nn.ReLU(),
                nn.Linear(HIDDEN, latent),
            )
        else:
            self.net = nn.Sequential(*mlp([meta.dim, HIDDEN, HIDDEN, latent]))
        self.register_buffer("spread", torch.ones(latent))
        self.register_buffer("middle", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """E(x), (B, *data_shape) -> (B, latent)."""
        ready = (x - self.middle) / self.scale
        out: Tensor = self.net(ready if self.picture else ready.flatten(1))
        return out


class Encoded(HasEncoder):
    """A model with an encoder that was learned afterwards."""

    learned: Encoder

    def encode(self, x: Tensor) -> Distribution:
        """q(z | x) = N(E(x), s²), s the error of E on generated examples of known codes."""
        z = self.learned(x)
        spread = self.learned.spread.expand_as(z)
        return Independent(Normal(z, spread, validate_args=False), 1, validate_args=False)


def fits(model: type[GenerativeModel]) -> bool:
    """Whether an encoder can be learned for such a model: it has a decoder and no encoder."""
    return issubclass(model, HasDecoder) and not issubclass(model, (HasEncoder, HasCodebook))


def learn(
    model: Any,
    data: Dataset,
    *,
    steps: int = 1500,
    seed: int = 0,
    progress: Progress | None = None,
) -> Encoder:
    """Learn E with the generator G frozen.

        E ‖(z − E(G(z)))/s‖²/d + 10 E mean (x − G(E(x)))²/range² + E ‖h(x) − h(G(E(x)))‖²/E ‖h(x)‖²

    in means over entries, z from the prior, x of the training data, s the prior's standard
    deviation and h the critic's last hidden layer, where there is one. The first term makes E the
    inverse on what G can make; the others ask that real examples, which G may not reach, come back
    as near as G allows.

    Source: the latent regressor of Donahue, Krähenbühl and Darrell 2017, "Adversarial feature
    learning", joined with reconstruction as in Zhu et al. 2020, "In-domain GAN inversion".

    Args:
        model: with a decoder, in evaluation mode; its weights stay as they are.
        data: the run's dataset; the training split is used.
        steps: of Adam, 64 generated and 64 real examples each.
        seed: of weights and batches.
        progress: called with a fraction and a sentence.

    Raises:
        GenlabError: if the model has no decoder, or its codes are entries of a table.
    """
    if not isinstance(model, HasDecoder) or isinstance(model, HasCodebook):
        raise GenlabError("an encoder can only be learned for a model with continuous codes.")
    x, batches, range_ = data.train.x, Batches(len(data.train), BATCH, seed), peak(data)
    weights = [p for p in model.parameters() if p.requires_grad]  # type: ignore[attr-defined]
    for p in weights:
        p.requires_grad_(False)
    try:
        with scope(seed, "encoder"), frozen_batchnorm(model, data), torch.enable_grad():  # type: ignore[arg-type]
            found = Encoder(data.meta, model.latent)
            found.middle, found.scale = x.mean().float(), x.std().float().clamp(min=1e-6)
            spread = model.prior().sample((1024,)).std(dim=0).clamp(min=1e-6)
            adam = torch.optim.Adam(found.parameters(), lr=RATE)
            decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps, 0.02 * RATE)
            for step in range(steps):
                z = model.prior().sample((BATCH,)).float()
                with torch.no_grad():
                    fake = model.decode(z).mean
                real = x[batches.index(step)].float()
                code = found(torch.cat([fake, real]))
                own, asked = code[: len(fake)], code[len(fake) :]
                back = model.decode(asked).mean
                of_codes = ((own - z) / spread).square().mean()
                of_data = (back - real).square().mean() / range_**2
                loss = of_codes + PIXEL * of_data
                if isinstance(model, HasCritic):
                    h = model.features(torch.cat([real, back])).flatten(1)
                    target = h[: len(real)].detach()
                    far = (h[len(real) :] - target).square().mean()
                    loss = loss + FEATURE * far / target.square().mean().clamp(min=1e-12)
                adam.zero_grad(set_to_none=True)
                loss.backward()
                adam.step()
                decay.step()
                if progress is not None and step % 20 == 0:
                    progress(
                        0.02 + 0.93 * step / steps,
                        f"step {step:,} of {steps:,}: codes off by "
                        f"{of_codes.item() ** 0.5:.2f} of their spread, data by "
                        f"{of_data.item() ** 0.5:.3f} of their range",
                    )
            with torch.no_grad():
                z = model.prior().sample((JUDGED,)).float()
                error = z - torch.cat([found(decode_mean(model, part)) for part in z.split(128)])
                found.spread = error.square().mean(dim=0).sqrt().clamp(min=1e-4)
    finally:
        for p in weights:
            p.requires_grad_(True)
    return found.eval().requires_grad_(False)


def with_encoder(model: Any, encoder: Encoder) -> Any:
    """The model, with the same weights, as one that can encode: every tool takes it as such.

    Args:
        model: with a decoder and without an encoder; left as it is.
        encoder: of its codes.
    """
    if isinstance(model, HasEncoder):
        return model
    kind = _with_encoder_type(type(model))
    view = kind.__new__(kind)
    # As a shallow copy is made: the state of the model, and one more part.
    view.__setstate__({**vars(model), "_modules": {**model._modules, "learned": encoder}})
    return view


_TYPES: dict[type, Any] = {}


def _with_encoder_type(cls: type) -> Any:
    """The class of such models with an encoder: it has the capabilities of both."""
    if cls not in _TYPES:
        _TYPES[cls] = type(f"Encoded{cls.__name__}", (cls, Encoded), {})
    return _TYPES[cls]


def load_learned_encoder(result: Mapping[str, Any], model: Any) -> Encoder:
    """The encoder in the result of the job ``encoder``.

    Raises:
        SnapshotError: if the weights there are damaged or of another model.
    """
    encoder = Encoder(model.meta, model.latent)
    try:
        encoder.load_state_dict(unpacked(bytes(result["weights"])))
    except Exception as error:
        raise SnapshotError(
            f"The learned encoder cannot be read ({type(error).__name__}); the model itself is "
            "unaffected; learn the encoder again."
        ) from None
    return encoder.eval().requires_grad_(False)


def evaluate_encoder(model: Any, encoder: Encoder, data: Dataset, seed: int = 0) -> dict[str, Any]:
    """What an encoder is worth, on examples that it never saw.

    Args:
        model: that it belongs to.
        encoder: E.
        data: the run's dataset; its held-out examples are used.
        seed: of the generated examples.

    Returns:
        ``code_r2``: 1 − E(z − E(G(z)))²/Var z, the mean over dimensions; ``generated_psnr`` and
        ``real_psnr``: means over examples of the PSNR of G(E(x)), in dB; ``generated_floor`` and
        ``real_floor``: the same of the nearest of 512 draws of the prior, which is what no encoder
        at all would do; ``n`` of each.
    """
    n, range_ = min(JUDGED, len(held_out(data))), peak(data)
    with torch.no_grad(), scope(seed, "encoder", "judged"):
        z = model.prior().sample((n,)).float()
        pool = decode_mean(model, model.prior().sample((512,)).float())
        decoded, real = decode_mean(model, z), held_out(data).x[:n].float()
        code = encoder(decoded)
        table = {
            "code_r2": float((1.0 - (code - z).square().mean(0) / z.var(dim=0)).mean()),
            "generated_psnr": float(psnr(decode_mean(model, code), decoded, range_).mean()),
            "real_psnr": float(psnr(decode_mean(model, encoder(real)), real, range_).mean()),
            "n": n,
        }
        for name, x in (("generated", decoded), ("real", real)):
            row = torch.cdist(x.flatten(1), pool.flatten(1)).argmin(dim=1)
            table[f"{name}_floor"] = float(psnr(pool[row], x, range_).mean())
    return table


@JOBS.register("encoder", title="An encoder for a generator")
def encoder_job(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """:func:`learn` an encoder, once for a run, a step and a seed.

    Args:
        model: in evaluation mode, with a decoder and without an encoder.
        data: the run's dataset.
        values: ``steps`` of the training, ``seed``.
        progress: called with a fraction and a sentence.

    Returns:
        ``weights``, the bytes of a safetensors file, and what :func:`evaluate_encoder` says.

    Raises:
        SpecError: for fewer than one or more than 20,000 steps.
    """
    steps, seed = int(values["steps"]), int(values["seed"])
    if not 0 < steps <= 20_000:
        raise SpecError("steps", steps, "allowed: 1 to 20000")
    if not fits(type(model)):
        raise GenlabError("this model already has an encoder, or its codes are discrete.")
    found = learn(model, data, steps=steps, seed=seed, progress=progress)
    progress(0.97, "judged on held-out examples")
    table = evaluate_encoder(model, found, data, seed)
    tensors = {name: value.contiguous() for name, value in found.state_dict().items()}
    weights = torch.frombuffer(bytearray(packed(tensors)), dtype=torch.uint8)
    return {"weights": weights, **table}
