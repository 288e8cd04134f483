"""The dataset ``own``: a stored set of your own, as a model sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core import options
from genlab.core.errors import DataError, SpecError
from genlab.core.options import Options, option
from genlab.core.tables import DATASETS
from genlab.data import images
from genlab.data.base import DataMeta, Dataset, DataSource, Progress, Proposal, Split
from genlab.data.schema import encode
from genlab.data.set_description import Description, description_from_record, with_logs
from genlab.data.splits import PARTS, sizes
from genlab.data.user_sets import (
    describe_set,
    list_sets,
    remember_description,
    resolve_set_id,
    tensors_of,
)
from genlab.distributions.columns import COLUMN_LIKELIHOODS, chosen_rows

HOW = (
    "Add one under “Upload your own data” on the page Data, or by “python -m genlab data add FILE "
    "--name NAME”."
)


def rows_of_parts(known: Description, part: Tensor | None) -> dict[str, Tensor]:
    """The examples of each part: as stored, or for older sets by a fixed permutation."""
    if part is not None:
        return {name: (part == k).nonzero()[:, 0] for k, name in enumerate(PARTS)}
    split_sizes = sizes(known.n)
    pieces = images.order(known.n, known.id, "split").split(list(split_sizes.values()))
    return dict(zip(split_sizes, pieces, strict=True))


class Sets(tuple[str, ...]):
    """The ids of the sets there are; their names, and ids of deleted sets, are taken as well."""

    def __contains__(self, value: object) -> bool:
        if super().__contains__(value) or not isinstance(value, str):
            return super().__contains__(value)
        return not value or describe_set(resolve_set_id(value)) is not None


@dataclass(frozen=True)
class SetOptions(Options):
    """Which set, and in which units."""

    set: str = option(
        "",
        "which of your own sets, by name or id; the newest if none is named",
        choices=lambda: Sets(one.id for one in list_sets()),
        label="Own dataset",
    )
    standardise: bool = option(
        True,
        "of columns of real numbers: each minus its training mean, by its standard deviation",
        label="Standardise columns",
    )
    incomplete: str = option(
        "auto",
        "rows with missing entries: learn from the present entries (models with the likelihood "
        "mixed), fill missing ones with the training part's mean or commonest category, drop "
        "such rows, or auto: "
        "drop them where at least half of the rows are whole, else fill",
        choices=("auto", "learn", "fill", "drop"),
        label="Rows with missing entries",
    )

    def __post_init__(self) -> None:
        # A run names the content, whatever name was typed.
        object.__setattr__(self, "set", resolve_set_id(self.set))


@dataclass(frozen=True)
class OwnOptions(images.GreyOptions, SetOptions):
    """Which set, and how it is seen."""


def propose_likelihood(known: Description, support: str) -> Proposal:
    """The likelihood that suits a set, and why."""
    if support == "binary":
        why = (
            "All values are 0 or 1. The Bernoulli likelihood is a mass function on these values, "
            "so that its numbers are log-probabilities."
        )
        return Proposal("likelihood", "bernoulli", why)
    if known.values == "levels":
        why = (
            "The pixels are 256 whole levels: the discretised logistic is a mass function over "
            "just these, so its numbers are log-probabilities. A density of grey levels could "
            "grow without bound on pixels that never change, and Bernoulli is for 0 and 1 alone."
        )
        return Proposal("likelihood", "discretised_logistic", why)
    if known.is_image:
        why = (
            "The grey levels lie between 0 and 1, and the continuous Bernoulli is a density on "
            "[0, 1]. The Bernoulli likelihood is defined for 0 and 1 only; for grey levels it "
            "lacks the normaliser, so that its numbers would not be log-densities."
        )
        return Proposal("likelihood", "continuous_bernoulli", why)
    why = (
        "The columns are real numbers: a Gaussian whose variances are learned, since the code "
        "determines some columns better than others."
    )
    if known.values == "counts":
        why += (
            " All values are whole numbers from 0, like counts. There is no likelihood for "
            "counts here (Poisson, negative binomial). The Gaussian is a continuous "
            "approximation; its numbers are densities, not probabilities of counts."
        )
    return Proposal("likelihood", "gaussian_learned", why)


def propose_columns(meta: DataMeta) -> Proposal:
    """A likelihood for each column, grouped by the reason."""
    alike: dict[tuple[str, str], list[str]] = {}
    for part, row, why in chosen_rows(meta):
        title = COLUMN_LIKELIHOODS.row(row).title
        alike.setdefault((title, why), []).append(part.column.name)
    lines = []
    for (title, why), names in alike.items():
        more = f" and {len(names) - 6:,} more" if len(names) > 6 else ""
        lines.append(f"{', '.join(names[:6])}{more}: {title} ({why.rstrip('.')})")
    why = "Each column has the likelihood that suits it. " + "; ".join(lines) + "."
    return Proposal("likelihood", "mixed", why)


def is_grey(known: Description) -> bool:
    """Whether the examples are grey images, which can be binarised."""
    return known.is_image and known.shape[0] == 1 and known.values in {"levels", "unit"}


def meta_of(known: Description, options: Any) -> DataMeta:
    """What a set is under these options."""
    binary = known.values == "binary" or (is_grey(known) and options.binarise != "none")
    support = "binary" if binary else "real" if known.real else "unit"
    turned = known.real and options.standardise
    what = "pictures" if known.is_image else "rows"
    note = f"Your own set {known.name!r}: {known.n:,} {what}. No density in closed form is known."
    if turned:
        size = sum(map(math.log, known.scale))
        note += " Columns are standardised by the training part"
        if any(c >= 0 for c in known.logs):
            note += ", those of positive numbers as logarithms."
        else:
            sign = "−" if size >= 0 else "+"
            note += f"; log p in their own units is log p shown {sign} {abs(size):.4g} nats."
    if known.missing:
        gaps = known.n - sum(known.whole_rows)
        if learns_gaps(known, options):
            note += f" The model learns from {gaps:,} rows with missing entries as they are."
        elif filled(known, options):
            note += (
                f" {gaps:,} rows with missing entries are filled with the training part's mean or "
                "commonest category."
            )
        else:
            note += f" {gaps:,} rows with missing entries are not used."
    meta = DataMeta(
        shape=known.shape,
        support=support,  # type: ignore[arg-type]
        classes=known.classes,
        note=note,
        axes=known.columns,
        shift=known.shift if turned else (),
        scale=known.scale if turned else (),
        logs=known.logs if turned else (),
        gaps=learns_gaps(known, options),
        schema=known.schema,
    )
    one = propose_columns(meta) if meta.schema else propose_likelihood(known, support)
    return replace(meta, proposed=(one,))


def filled(known: Description, options: Any) -> bool:
    """Whether missing entries are filled, else their rows are not used."""
    how = getattr(options, "incomplete", "auto")
    return known.fills if how == "auto" else how in {"fill", "learn"}


def learns_gaps(known: Description, options: Any) -> bool:
    """Whether a model learns from rows with missing entries without filling them."""
    return known.missing and getattr(options, "incomplete", "auto") == "learn"


@DATASETS.register(
    "own",
    title="Your own data",
    summary="A CSV, an npz or a ZIP of images from page Data.",
    order=130,
)
class Own(DataSource):
    """A set that somebody brought, by its id."""

    Options: ClassVar[type[options.Options]] = OwnOptions
    user_supplied = True

    @classmethod
    def meta(cls, options: Any) -> DataMeta:
        if not options.set:
            return DataMeta((2,), "real", note=f"No set of your own is chosen. {HOW}")
        known = describe_set(options.set)
        if known is None:
            raise SpecError.unknown("set", options.set, (one.id for one in list_sets()))
        return meta_of(known, options)

    @classmethod
    def is_available(cls) -> bool:
        return bool(list_sets())

    @classmethod
    def sidecar(cls, options: Any) -> Mapping[str, Any] | None:
        known = describe_set(options.set)
        return None if known is None else asdict(known)

    @classmethod
    def unpack(cls, sidecar: Mapping[str, Any]) -> None:
        try:
            known = description_from_record(str(sidecar["id"]), dict(sidecar))
        except (ValueError, KeyError, TypeError):
            raise DataError("The description of the run's data is damaged.") from None
        remember_description(known)

    @classmethod
    def unused_options(cls, values: Mapping[str, Any]) -> frozenset[str]:
        name = resolve_set_id(str(values.get("set") or ""))
        known = describe_set(name)
        if known is None:
            # Without a set there is nothing to choose.
            return frozenset() if name else frozenset(row.name for row in cls.Options.table())
        able = {
            "standardise": known.real,
            "binarise": is_grey(known),
            "incomplete": known.missing,
        }
        return frozenset(name for name, may in able.items() if not may)

    @classmethod
    def load(cls, options: Any, progress: Progress | None = None) -> Dataset:
        meta = cls.meta(options)
        if not options.set:
            raise DataError(f"There is no set of your own yet. {HOW}")
        known = describe_set(options.set)
        assert known is not None
        x, y, part = tensors_of(known)
        if progress is not None:
            progress(1.0, f"{len(x):,} examples read")
        return dataset(known, meta, options, x, y, part)


def dataset(
    known: Description,
    meta: DataMeta,
    options: Any,
    x: Tensor,
    y: Tensor | None,
    part: Tensor | None = None,
) -> Dataset:
    """The three parts of a set as a model sees them."""
    if known.schema:
        return _table(known, meta, options, x, y, part)
    parts = {
        name: (x[rows], None if y is None else y[rows])
        for name, rows in rows_of_parts(known, part).items()
    }
    if known.is_image:
        seen = options if meta.support == "binary" else replace(options, binarise="none")
        return images.dataset(meta, seen, parts, known.white, known.id)
    shift, scale = (torch.tensor(v or 0.0, dtype=torch.float64) for v in (meta.shift, meta.scale))
    splits = {}
    for name, (rows, label) in parts.items():
        first = options.examples or len(rows) if name == "train" else len(rows)
        values = (rows - shift) / scale if meta.scale else rows
        splits[name] = Split(values[:first].float(), None if label is None else label[:first])
    return Dataset(meta, splits["train"], splits["validation"], splits["test"])


def _table(
    known: Description,
    meta: DataMeta,
    options: Any,
    x: Tensor,
    y: Tensor | None,
    part: Tensor | None,
) -> Dataset:
    """The three parts of a table: categories as 0/1 entries, missing entries filled or dropped."""
    raw = x.numpy()
    there = np.isfinite(raw)
    if filled(known, options):
        rows_used = torch.ones(len(x), dtype=torch.bool)
        complete = np.where(there, raw, np.array(known.fill))
    else:
        rows_used = torch.from_numpy(there.all(axis=1))
        complete = raw
    values = encode(complete, known.schema)
    if meta.logs:
        values = with_logs(values, meta.logs)
    seen = np.concatenate(
        [
            np.repeat(there[:, k : k + 1], len(column.entries), axis=1)
            for k, column in enumerate(known.schema)
        ],
        axis=1,
    )
    if meta.scale:
        values = (values - np.array(meta.shift)) / np.array(meta.scale)
    examples, observed = torch.from_numpy(values).float(), torch.from_numpy(seen)
    splits = {}
    for name, index in rows_of_parts(known, part).items():
        rows = index[rows_used[index]]
        if name == "train" and options.examples:
            rows = rows[: options.examples]
        mask = observed[rows]
        splits[name] = Split(
            examples[rows],
            None if y is None else y[rows],
            observed=None if bool(mask.all()) else mask,
        )
    return Dataset(meta, splits["train"], splits["validation"], splits["test"])
