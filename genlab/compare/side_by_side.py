"""The pictures of a comparison: samples of the same z, the same real examples, the same paths.

Codes are drawn from the prior by one side stream, so that models of one latent size and one prior
get the same z; this is checked on the codes themselves. Real examples are the first of
the test split. Between two codes the path is spherical (see :mod:`genlab.latent.paths`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from genlab.core.measure import Picture
from genlab.core.random import scope
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.codes import decode_mean, prior_sample
from genlab.latent.inversion import invert, peak, psnr
from genlab.latent.paths import spherical
from genlab.models.base import GenerativeModel, HasCodebook, HasDecoder, HasEncoder, HasLabels
from genlab.models.labels import conditioned_on
from genlab.probes.common import box_of, histogram, points
from genlab.probes.table_panels import TablePictures

#: Samples shown: images, points in the plane, numbers on the line.
SHEET, CLOUD, CROWD = 32, 400, 2000
#: Real examples that are reconstructed: images, points; paths, and points along a path.
PICTURES, DOTS, PATHS, KNOTS, FINE = 8, 12, 3, 8, 40
#: Steps of Adam for one example, if there is no encoder.
STEPS = 150
#: The parts in the order in which they are shown.
TITLES: Mapping[str, str] = {
    "samples": "Samples",
    "path_z": "Between the same two z",
    "reconstructions": "The same real examples, reconstructed",
    "path_x": "Between the same two real examples",
}


@dataclass(frozen=True)
class SideBySide:
    """The pictures of one model.

    Args:
        pictures: by part, in the order of :data:`TITLES`; of a table, by column and pair.
        missing: the reason for each part without a picture.
        z: codes of the samples, (n, latent); None without a decoder.
        examples: a digest of the real examples.
        psnr: of the reconstructions in dB, (n,); None without reconstructions.
        real: the held-out data by part, drawn in the same way.
    """

    pictures: Mapping[str, Picture]
    missing: Mapping[str, str]
    z: Tensor | None
    examples: str
    psnr: Tensor | None
    real: Mapping[str, Picture] = field(default_factory=dict)


def shared_real(found: Sequence[SideBySide]) -> Mapping[str, Picture]:
    """The pictures of the real data, if all models learn the same data; otherwise empty.

    Args:
        found: of each run.
    """
    if len({one.examples for one in found}) != 1:
        return {}
    return found[0].real


#: The reason why a run lacks a part that another run has.
NO_PART = "its data have no such column or pair"


def titles_of(found: Iterable[SideBySide]) -> dict[str, str]:
    """The parts of a comparison with their titles: of tables, one for each column and pair."""
    titles: dict[str, str] = {}
    for one in found:
        shown = {**one.missing, **one.pictures}
        titles |= {part: title for part, title in TITLES.items() if part in shown}
        titles |= {
            part: picture.title for part, picture in one.pictures.items() if part not in TITLES
        }
    return titles


def digest(x: Tensor) -> str:
    """A digest of examples: equal examples have equal digests.

    Example:
        >>> digest(torch.zeros(2)) == digest(torch.zeros(2)), len(digest(torch.ones(1)))
        (True, 16)
    """
    return hashlib.blake2b(x.detach().contiguous().numpy().tobytes(), digest_size=8).hexdigest()


def real_examples(data: Dataset) -> tuple[Tensor, Tensor | None]:
    """The real examples and their labels."""
    n = PICTURES if data.meta.is_image else DOTS
    split = data.test if len(data.test) else data.validation
    return split.x[:n].float(), None if split.y is None else split.y[:n]


def needs_inversion(model: GenerativeModel | type[GenerativeModel], data: Dataset) -> bool:
    """Whether codes of real examples need inversion by optimisation; rows of a table need none."""
    cls = model if isinstance(model, type) else type(model)
    inverted = issubclass(cls, HasDecoder) and not issubclass(cls, HasEncoder | HasCodebook)
    return inverted and not data.meta.schema


def can_be_drawn(data: Dataset) -> bool:
    """Whether these data can be drawn: images, and points of one or two coordinates."""
    return data.meta.is_image or (data.meta.shape in {(1,), (2,)} and len(data.meta.columns) < 2)


@torch.no_grad()
def build_side_by_side(
    model: Any, data: Dataset, seed: int = 0, codes: Tensor | None = None
) -> SideBySide:
    """Draw all parts of one model.

    Args:
        model: in evaluation mode.
        data: its dataset.
        seed: of the codes.
        codes: of the real examples, (n, latent), for a model without an encoder; without them
            the parts that need them are missing.
    """
    x, y = real_examples(data)
    pictures: dict[str, Picture] = {}
    missing: dict[str, str] = {}
    z: Tensor | None = None
    db: Tensor | None = None
    if data.meta.schema:
        shown = TablePictures(data, data.test if len(data.test) else data.validation).draw(model)
        return SideBySide(shown, {}, None, digest(x), None)
    if not can_be_drawn(data):
        why = "these data are neither images nor points in a plane"
        return SideBySide({}, dict.fromkeys(TITLES, why), None, digest(x), None)
    n = SHEET if data.meta.is_image else CLOUD if data.meta.dim == 2 else CROWD
    conditioned = _classes(model, n)
    with scope(seed, "beside"):
        if isinstance(model, HasDecoder):
            z = prior_sample(model, n, seed)
            samples = (
                decode_mean(conditioned, z)
                if data.meta.is_image
                else conditioned.decode(z).sample()
            )
        else:
            samples = conditioned.sample(n)
    pictures["samples"] = _samples(samples, data, model)
    real = {"samples": _real_samples(data, n)}
    if z is None:
        why = "this model has no latent code"
        missing = dict.fromkeys(list(TITLES)[1:], why)
        return SideBySide(pictures, missing, None, digest(x), None, real)
    path = _no_path(model, data)
    if path:
        missing["path_z"] = missing["path_x"] = path
    else:
        pictures["path_z"] = _paths("path_z", model, data, z[: 2 * PATHS])
    if isinstance(model, HasEncoder):
        codes, how = _condition(model, y).encode(x).mean, "by its encoder, at the posterior mean"
    elif codes is not None:
        how = f"by inversion: {STEPS} steps of Adam on z from nine starts"
    if codes is None:
        why = (
            "its codes are discrete"
            if isinstance(model, HasCodebook)
            else "it has no encoder; its codes are computed by inversion"
        )
        missing["reconstructions"] = why
        missing.setdefault("path_x", why)
    else:
        back = decode_mean(conditioned_on(model, y), codes)
        db = psnr(back, x, peak(data))
        pictures["reconstructions"] = _pairs(x, back, db, data, how)
        if not path:
            ends = None if y is None else y[0 : 2 * PATHS : 2]
            pictures["path_x"] = _paths("path_x", model, data, codes[: 2 * PATHS], ends)
    return SideBySide(pictures, missing, z, digest(x), db, real)


def _classes(model: Any, n: int) -> Any:
    if not isinstance(model, HasLabels):
        return model
    return _condition(model, torch.arange(n) % model.classes)


def _condition(model: Any, y: Tensor | None) -> Any:
    return conditioned_on(model, y)


def _no_path(model: Any, data: Dataset) -> str:
    if isinstance(model, HasCodebook):
        return "its codes are discrete, so there is no path between them"
    if not data.meta.is_image and data.meta.dim == 1:
        return "one-dimensional data have no picture of a path"
    return ""


def _plane(x: Tensor, label: list[int], names: list[str], data: Dataset) -> dict[str, Any]:
    """Points by their first two entries, in the units and by the names of the columns."""
    meta = data.meta
    box = meta.original(box_of(data))
    return points(meta.original(x)[:, :2], label, names, [meta.axis(0), meta.axis(1)], box[:, :2])


def _samples(samples: Tensor, data: Dataset, model: Any) -> Picture:
    fixed = "seeded z" if isinstance(model, HasDecoder) else "its own random numbers"
    suffix = "; classes in turn" if isinstance(model, HasLabels) else ""
    note = f"n = {len(samples)}, {fixed}{suffix}"
    if data.meta.is_image:
        payload = {"x": samples.clamp(0.0, 1.0), "columns": 8}
        return Picture("images", TITLES["samples"], payload, note)
    x = (data.test if len(data.test) else data.validation).x[: len(samples)]
    if data.meta.dim == 1:
        low, high = (float(v) for v in box_of(data).flatten())
        payload = histogram({"held-out": x, "generated": samples}, low, high, 60, "x")
        return Picture("histogram", TITLES["samples"], payload, note)
    label = [0] * len(x) + [1] * len(samples)
    payload = _plane(torch.cat([x, samples]), label, ["held-out", "generated"], data)
    return Picture("points", TITLES["samples"], payload, note)


def _real_samples(data: Dataset, n: int) -> Picture:
    """Held-out examples drawn like samples: the same number, box and bins."""
    x = (data.test if len(data.test) else data.validation).x[:n].float()
    note = f"n = {len(x)}, held-out examples, never seen in training"
    title = "Real data"
    if data.meta.is_image:
        return Picture("images", title, {"x": x.clamp(0.0, 1.0), "columns": 8}, note)
    if data.meta.dim == 1:
        low, high = (float(v) for v in box_of(data).flatten())
        return Picture("histogram", title, histogram({"held-out": x}, low, high, 60, "x"), note)
    payload = _plane(x, [0] * len(x), ["held-out"], data)
    return Picture("points", title, payload, note)


def _paths(part: str, model: Any, data: Dataset, ends: Tensor, y: Tensor | None = None) -> Picture:
    """Paths from the first to the second end, from the third to the fourth, and so on."""
    knots = KNOTS if data.meta.is_image else FINE
    t = torch.linspace(0.0, 1.0, knots)
    lines = [spherical(a, b, t) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    conditioned = conditioned_on(model, None if y is None else y.repeat_interleave(knots))
    x = decode_mean(conditioned, torch.cat(lines))
    title = TITLES[part]
    suffix = "; decoded as the class of the first end" if conditioned is not model else ""
    note = f"{len(lines)} spherical paths of {knots} points{suffix}"
    if data.meta.is_image:
        return Picture("images", title, {"x": x.clamp(0.0, 1.0), "columns": knots}, note)
    held_out = (data.test if len(data.test) else data.validation).x[:CLOUD]
    label = [0] * len(held_out) + [i + 1 for i in range(len(lines)) for _ in range(knots)]
    names = ["held-out", *(f"path {i + 1}" for i in range(len(lines)))]
    payload = _plane(torch.cat([held_out, x]), label, names, data)
    return Picture("points", title, payload, note)


def _pairs(x: Tensor, back: Tensor, db: Tensor, data: Dataset, how: str) -> Picture:
    note = f"{how}; PSNR {float(db.mean()):.1f} dB, mean of n = {len(x)}"
    title = TITLES["reconstructions"]
    if data.meta.is_image:
        sheet = torch.cat([x, back]).clamp(0.0, 1.0)
        return Picture(
            "images",
            title,
            {"x": sheet, "columns": len(x)},
            f"top: real examples; bottom: reconstructions; {note}",
        )
    if data.meta.dim == 1:
        low, high = (float(v) for v in box_of(data).flatten())
        payload = histogram({"held-out": x, "reconstruction": back}, low, high, 60, "x")
        return Picture("histogram", title, payload, note)
    label = [0] * len(x) + [1] * len(back)
    names = ["held-out", "reconstruction"]
    payload = _plane(torch.cat([x, back]), label, names, data)
    return Picture("points", title, payload, note)


@JOBS.register("inversions", title="Codes of real examples by inversion")
def inversions_job(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Codes of the :func:`real_examples` for a model without an encoder.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        values: ``seed`` of the starts.
        progress: called with a fraction and a sentence.

    Returns:
        ``z`` (n, latent).

    Raises:
        GenlabError: if the model has no decoder, or its codes are entries of a table.
    """
    x, y = real_examples(data)
    found = []
    for i, one in enumerate(x):
        progress(i / len(x), f"inverting real example {i + 1} of {len(x)}")
        conditioned = conditioned_on(model, None if y is None else y[i])
        best = invert(conditioned, one, range_=peak(data), seed=int(values["seed"]), steps=STEPS)
        found.append(best.z[best.best])
    return {"z": torch.stack(found)}
