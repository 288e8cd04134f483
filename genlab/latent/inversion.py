"""GAN inversion: the code whose decoded example is nearest to a given one, by optimisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import GenlabError, SpecError
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.codes import decode_mean, prior_sample
from genlab.latent.neighbours import nearest
from genlab.models.base import HasCodebook, HasDecoder, HasEncoder
from genlab.models.labels import conditioned_on_class

#: Draws of the prior among which the nearest starts are sought; starts taken of them, and at
#: random.
CANDIDATES, NEAR, RANDOM = 2048, 6, 3
#: Of Adam; then the best start is polished by L-BFGS.
STEPS, RATE, POLISH = 300, 0.08, 40
#: Weight of the prior's term.
WEIGHT = 1e-4
#: How far apart the looks at the progress are, in steps.
EVERY = 25


def peak(data: Dataset) -> float:
    """The range of the data that PSNR is relative to: 1 for pictures, max − min of points."""
    if data.meta.support != "real":
        return 1.0
    return float(data.train.x.max() - data.train.x.min())


def psnr(x: Tensor, y: Tensor, range_: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio, 10 log₁₀(range² / mean (x − y)²), in dB.

    Args:
        x, y: (B, ...) or one of them (1, ...).
        range_: of the data; 1 for pictures in [0, 1].

    Returns:
        (B,), infinite where both are equal.

    Example:
        >>> round(float(psnr(torch.zeros(1, 4), torch.full((1, 4), 0.1))), 4)
        20.0
    """
    error = (x - y).flatten(1).double().square().mean(dim=1)
    return 10.0 * torch.log10(range_**2 / error)


@dataclass(frozen=True)
class Inversion:
    """Codes found for one example, one a start.

    Args:
        z: (S, latent).
        psnr: (S,) in dB, of G(z) against the example.
        first: (S,) what it was at the start.
        names: where each start came from.
        trace: (looks, S) PSNR after every 25 steps.
    """

    z: Tensor
    psnr: Tensor
    first: Tensor
    names: tuple[str, ...]
    trace: Tensor

    @property
    def best(self) -> int:
        """The start that came nearest."""
        return int(self.psnr.argmax())


def starts(
    model: Any, x: Tensor, seed: int, given: Mapping[str, Tensor] | None = None
) -> tuple[Tensor, tuple[str, ...], Tensor]:
    """The starts of an inversion: given codes, near draws, and random draws.

    Args:
        model: with a decoder.
        x: (*data_shape), the example.
        seed: of the draws.
        given: codes by name (that of an encoder).

    Returns:
        The codes (S, latent), their names, and the draws of the prior (2048, latent).
    """
    z = prior_sample(model, CANDIDATES + RANDOM, seed)
    pool, some = z[:CANDIDATES], z[CANDIDATES:]
    _, rows = nearest(x[None], decode_mean(model, pool), NEAR)
    known = dict(given or {})
    if isinstance(model, HasEncoder) and "encoder" not in known:
        with torch.no_grad():
            known["encoder"] = model.encode(x[None]).mean[0]
    names = (
        *known,
        *(f"near draw {k + 1}" for k in range(NEAR)),
        *(f"random {k + 1}" for k in range(RANDOM)),
    )
    return torch.cat([*(c[None] for c in known.values()), pool[rows[0]], some]), names, pool


def invert(
    model: Any,
    x: Tensor,
    *,
    range_: float = 1.0,
    seed: int = 0,
    steps: int = STEPS,
    given: Mapping[str, Tensor] | None = None,
    look: Callable[[int, Tensor, Tensor], bool] | None = None,
) -> Inversion:
    """Find z with G(z) near x, from several starts at once.

        min_z mean (x − G(z))² / range² + w mean ((z − m)/s)² / 2,   w = 1e-4,

    where m and s are the prior's mean and standard deviation, by dimension, of 2,048 draws: for
    N(0, I) the second term is −log p(z) up to scale and constant. Adam with a cosine schedule
    moves all starts; L-BFGS polishes the best. All starts stay in the result: their spread tells
    whether the minimum is reliable.

    Source: Zhu et al. 2016, "Generative visual manipulation on the natural image manifold";
    Creswell and Bharath 2018, "Inverting the generator of a generative adversarial network".

    Args:
        model: with a decoder through which gradients flow, in evaluation mode.
        x: (*data_shape).
        range_: of the data, see :func:`psnr`.
        seed: of the starts.
        steps: of Adam.
        given: codes to start from too, by name.
        look: called every 25 steps with the step, the codes (S, latent) and their PSNR (S,); says
            whether to go on.

    Raises:
        GenlabError: if there is no decoder, or its codes are entries of a table.
    """
    if not isinstance(model, HasDecoder):
        raise GenlabError("this model has no decoder, so there is nothing to invert.")
    if isinstance(model, HasCodebook):
        raise GenlabError(
            "the codes of this model are discrete, so they have no gradient: use its encoder."
        )
    x = x.float()
    z0, names, pool = starts(model, x, seed, given)
    middle, spread = pool.mean(dim=0), pool.std(dim=0).clamp(min=1e-6)
    frozen = [p for p in model.parameters() if p.requires_grad]  # type: ignore[attr-defined]
    for p in frozen:
        p.requires_grad_(False)

    def losses(z: Tensor) -> Tensor:
        wide = (model.decode(z).mean - x).flatten(1).square().mean(dim=1) / range_**2
        return wide + 0.5 * WEIGHT * ((z - middle) / spread).square().mean(dim=1)

    @torch.no_grad()
    def judged(z: Tensor) -> Tensor:
        return psnr(decode_mean(model, z), x[None], range_)

    try:
        with torch.enable_grad():
            best_z, trace = _adam(losses, judged, z0, steps, look)
            best = int(judged(best_z).argmax())
            best_z[best] = _polished(losses, best_z[best])
    finally:
        for p in frozen:
            p.requires_grad_(True)
    found = judged(best_z)
    if look is not None:
        look(steps, best_z, found)
    return Inversion(best_z, found, trace[0], names, torch.stack([*trace, found]))


def _adam(
    losses: Callable[[Tensor], Tensor],
    judged: Callable[[Tensor], Tensor],
    z0: Tensor,
    steps: int,
    look: Callable[[int, Tensor, Tensor], bool] | None,
) -> tuple[Tensor, list[Tensor]]:
    z = z0.clone().requires_grad_(True)
    best_z, least = z0.clone(), torch.full((len(z0),), math.inf)
    adam = torch.optim.Adam([z], lr=RATE)
    trace = [judged(z0)]
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = RATE * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * step / steps)))
        adam.zero_grad(set_to_none=True)
        each = losses(z)
        each.sum().backward()
        better = each.detach() < least
        best_z[better], least[better] = z.detach()[better], each.detach()[better]
        adam.step()
        if (step + 1) % EVERY == 0:
            trace.append(judged(best_z))
            if look is not None and not look(step + 1, best_z, trace[-1]):
                break
    return best_z, trace


def _polished(losses: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """The local minimum by L-BFGS; the start if that is not better."""
    free = z.clone()[None].requires_grad_(True)
    solver = torch.optim.LBFGS(
        [free], max_iter=POLISH, line_search_fn="strong_wolfe", tolerance_change=1e-10
    )

    def closure() -> Tensor:
        solver.zero_grad()
        value = losses(free).sum()
        value.backward()
        return value

    solver.step(closure)
    with torch.no_grad():
        lower = bool(losses(free).sum() < losses(z[None]).sum())
    return free.detach()[0] if lower else z


@JOBS.register("invert", title="Inversion of a generator")
def invert_job(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """:func:`invert` of one example, with its progress.

    Args:
        model: in evaluation mode.
        data: the run's dataset, for the range of PSNR.
        values: ``x``, the example's entries as a flat list (four decimals are enough for bytes);
            ``seed``; ``label``, the class at which to decode, or None.
        progress: called with a fraction and a sentence.

    Returns:
        ``z`` (S, latent), ``psnr`` (S,), ``first`` (S,), ``trace`` (looks, S), ``names``,
        ``best``, ``x`` (*data_shape) and ``made`` (S, *data_shape), ``range``.

    Raises:
        SpecError: if the example is not of the data's shape.
    """
    label = values.get("label")
    model = conditioned_on_class(model, None if label is None else str(label))
    flat = torch.tensor(values["x"], dtype=torch.float32)
    if flat.numel() != data.meta.dim:
        raise SpecError("x", flat.numel(), f"an example here has {data.meta.dim} entries")
    x = flat.view(data.meta.shape)
    live = getattr(progress, "live", None)

    def look(step: int, z: Tensor, db: Tensor) -> bool:
        progress(
            0.05 + 0.9 * step / STEPS,
            f"step {step} of {STEPS}: best of {len(z)} starts {float(db.max()):.1f} dB",
        )
        best = decode_mean(model, z[db.argmax()][None])[0]
        return live is None or bool(live({"made": best.numpy()}))

    progress(0.02, f"the nearest of {CANDIDATES:,} draws of the prior")
    wide = peak(data)
    found = invert(model, x, range_=wide, seed=int(values["seed"]), look=look)
    return {
        "z": found.z,
        "psnr": found.psnr.clamp(max=120.0),
        "first": found.first.clamp(max=120.0),
        "trace": found.trace.clamp(max=120.0),
        "names": list(found.names),
        "best": found.best,
        "x": x,
        "made": decode_mean(model, found.z),
        "range": wide,
    }
