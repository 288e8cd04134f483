"""Sets that somebody brought: stored with the installation, named by what they hold.

A set is two files, the tensors (safetensors) and, written after them, a JSON file that describes
it: a set without its JSON does not exist, and one without its tensors was deleted. The id ends
with a digest of the content, so that a run names exactly what it learned.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from genlab.core import options
from genlab.core.errors import DataError, SpecError
from genlab.core.folders import Folder, files_url, folder, is_full
from genlab.core.options import Options, option
from genlab.core.tables import DATASETS
from genlab.data import images
from genlab.data.base import DataMeta, Dataset, DataSource, Progress, Proposal, Split
from genlab.data.readers.base import FEWEST, Examples, clean, split_rows
from genlab.data.schema import Column, common, encode, entries, spans
from genlab.data.splits import PARTS, sizes
from genlab.distributions.columns import COLUMN_LIKELIHOODS, chosen_rows

FORMAT, PLACE = 2, "own"
#: Names are shown and typed: letters, digits and a few signs, up to 40 of them.
NAME = re.compile(r"\w[\w .,+()'-]{0,39}")
ID = re.compile(r"[a-z0-9-]{1,24}-[0-9a-f]{12}")
#: Sets of one installation, entries of an encoded example, at most.
MOST, ENTRIES = 100, 2000
#: What descriptions of format 1 lack.
ADDED = {"schema", "parts", "whole_rows", "fill", "logs"}
HOW = "Add one on the page Data, or by `python -m genlab data add FILE --name NAME`."


@dataclass(frozen=True)
class Description:
    """What is known of a stored set without its tensors.

    Args:
        id: what a run names: of the name and the content.
        name: what people call it.
        shape: of one example.
        n: how many examples.
        values: ``binary`` (0 and 1), ``levels`` (256 of them), ``unit`` (in [0, 1]), ``real``,
            or ``counts`` (whole numbers from 0).
        white: the stored value of a picture that means white.
        columns, classes: their names.
        shift, scale: mean and standard deviation of each column of the training part.
        notes: what the reader found, left out and changed.
        size, sha256: of the file of the tensors.
        schema: of a table, its columns as stored: values, or indices of categories, NaN where an
            entry is missing. Empty for pictures and for sets stored before there was one.
        parts: how many examples each part has; empty for sets stored before parts were stored.
        whole_rows: of each part, the rows without a missing entry.
        fill: what stands in for a missing entry of each column: of the training part.
        logs: per entry, the offset c where log(v + c) is standardised; -1 where v is. Empty for
            sets stored before there were any.
        shape, columns, shift, scale: of examples as a model sees them, categories as 0/1 entries.
        created: when, in seconds since 1970.
    """

    id: str
    name: str
    shape: tuple[int, ...]
    n: int
    values: str
    white: int = 1
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    size: int = 0
    sha256: str = ""
    created: float = 0.0
    format: int = FORMAT
    schema: tuple[Column, ...] = ()
    parts: tuple[int, ...] = ()
    whole_rows: tuple[int, ...] = ()
    fill: tuple[float, ...] = ()
    logs: tuple[float, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether its examples are pictures."""
        return len(self.shape) == 3

    @property
    def missing(self) -> bool:
        """Whether entries are missing."""
        return any(column.missing > 0 for column in self.schema)

    @property
    def sizes(self) -> dict[str, int]:
        """How many examples each part has."""
        if self.parts:
            return dict(zip(PARTS, self.parts, strict=True))
        return sizes(self.n)

    @property
    def fills(self) -> bool:
        """Whether ``incomplete=auto`` fills missing entries, since too few rows are whole."""
        return sum(self.whole_rows) < 0.5 * self.n or any(
            k < min(2, n) for k, n in zip(self.whole_rows, self.parts, strict=True)
        )

    @property
    def real(self) -> bool:
        """Whether its columns are real numbers, which may be standardised."""
        return self.values in {"real", "counts"}


def nature(examples: Examples) -> str:
    """What the values are: see :class:`Description`."""
    x = examples.x
    if x.dtype.kind == "f":
        x = encode(x, examples.schema) if examples.schema else x
        x = x[~np.isnan(x)]
        low, high = float(x.min()), float(x.max())
        whole = bool((x == np.rint(x)).all())
        if whole and low >= 0 and high <= 1:
            return "binary"
        if not examples.is_table:
            return "unit"
        return "counts" if whole and low >= 0 else "real"
    return {1: "binary", 255: "levels"}.get(examples.white, "unit")


def describe(examples: Examples, name: str) -> Description:
    """The description that a set will have once it is stored.

    Raises:
        DataError: for a name that cannot be kept.
    """
    name = name.strip()
    if not NAME.fullmatch(name):
        raise DataError(
            f"{clean(name)!r} is no name: letters, digits, spaces and .,+()'- , 40 at most. "
            "Nothing was stored."
        )
    x, kind = examples.x, nature(examples)
    if len(x) < FEWEST:
        raise DataError(f"A set needs at least {FEWEST} examples; nothing was stored.")
    digest = hashlib.blake2b(digest_size=6)
    head = [str(x.dtype), x.shape, examples.white, examples.columns, examples.classes]
    digest.update(json.dumps(head).encode())
    digest.update(np.ascontiguousarray(x).data)
    if examples.schema:
        # The same numbers may mean other categories.
        flat = [column.flat() for column in examples.schema]
        for one in flat:
            # What was added later: the same file keeps its id.
            one.pop("dispersion")
        digest.update(json.dumps(flat).encode())
    if examples.part is not None:
        digest.update(np.ascontiguousarray(examples.part).data)
    if examples.y is not None:
        digest.update(np.ascontiguousarray(examples.y).data)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower().encode("ascii", "ignore").decode()).strip("-")
    set_id = f"{slug[:24].strip('-') or 'set'}-{digest.hexdigest()}"
    part = examples.part
    if part is None:
        part = split_rows(examples).part
        assert part is not None
    known = Description(
        id=set_id,
        name=name,
        shape=tuple(map(int, x.shape[1:])),
        n=len(x),
        values=kind,
        white=examples.white if x.dtype.kind != "f" else 1,
        columns=examples.columns,
        classes=examples.classes,
        notes=examples.notes,
        parts=tuple(int((part == k).sum()) for k in range(len(PARTS))),
    )
    if examples.schema:
        known = _with_schema(known, examples, part)
    if not known.real:
        return known
    rows = x[part == 0]
    training = encode(rows, examples.schema) if examples.schema else rows
    logs = offsets(encode(x, examples.schema), examples.schema) if examples.schema else ()
    if any(c >= 0 for c in logs):
        training = with_logs(training, logs)
        known = replace(known, logs=logs)
    # A column that the user keeps may be constant in the training part.
    scale = [float(s) if s > 0 else 1.0 for s in np.nanstd(training, axis=0)]
    shift = [float(m) if np.isfinite(m) else 0.0 for m in np.nanmean(training, axis=0)]
    for column, (first, last) in zip(examples.schema, spans(examples.schema), strict=True):
        if column.indicators or (column.type == "binary" and column.categories):
            # What is 0 or 1 stays 0 or 1.
            scale[first:last], shift[first:last] = [1.0] * (last - first), [0.0] * (last - first)
    return replace(known, shift=tuple(shift), scale=tuple(scale))


def offsets(wide: Any, schema: tuple[Column, ...]) -> tuple[float, ...]:
    """The offset c of log(v + c) of each entry of a positive column; -1 where none is taken.

    0 where all values are positive; half of the smallest positive value where some are 0.
    """
    found = []
    for column, (first, last) in zip(schema, spans(schema), strict=True):
        values = wide[:, first]
        if column.type != "positive" or not column.low >= 0 or not (values > 0).any():
            found += [-1.0] * (last - first)
        else:
            some = float(values[values > 0].min())
            found.append(0.0 if column.low > 0 else 0.5 * some)
    return tuple(found)


def with_logs(wide: Any, logs: tuple[float, ...]) -> Any:
    """Encoded rows with logarithms where they are taken."""
    made = np.array(wide, dtype=np.float64)
    for k, c in enumerate(logs):
        if c >= 0:
            made[:, k] = np.log(made[:, k] + c)
    return made


def _with_schema(known: Description, examples: Examples, part: Any) -> Description:
    """The description with columns as stored, and as a model sees them."""
    whole = np.isfinite(examples.x).all(axis=1)
    wide = entries(examples.schema)
    if len(wide) > ENTRIES:
        raise DataError(
            f"Its categories make {len(wide):,} entries of an example; at most {ENTRIES:,} are "
            "learned. Leave out columns with many categories. Nothing was stored."
        )
    return replace(
        known,
        shape=(len(wide),),
        columns=wide,
        schema=tuple(
            replace(column, dispersion=dispersion(examples.x[:, k]))
            if column.type == "count"
            else column
            for k, column in enumerate(examples.schema)
        ),
        whole_rows=tuple(int((whole & (part == k)).sum()) for k in range(len(PARTS))),
        fill=tuple(map(float, common(examples.x[part == 0], examples.schema))),
    )


def dispersion(values: Any) -> float:
    """Variance by mean of what is there; 0 where there is no mean.

    Example:
        >>> dispersion(np.array([1.0, 3.0, np.nan]))
        0.5
    """
    there = values[np.isfinite(values)]
    return float(there.var() / there.mean()) if len(there) and there.mean() > 0 else 0.0


def _parts(known: Description, part: Tensor | None) -> dict[str, Tensor]:
    """The examples of each part: as stored, or for older sets by a fixed permutation."""
    if part is not None:
        return {name: (part == k).nonzero()[:, 0] for k, name in enumerate(PARTS)}
    split_sizes = sizes(known.n)
    pieces = images.order(known.n, known.id, "split").split(list(split_sizes.values()))
    return dict(zip(split_sizes, pieces, strict=True))


def sets_folder() -> Folder:
    """Where the sets lie: beside the runs, so that their workers find them."""
    return folder(files_url())


def require_answers(examples: Examples) -> None:
    """Refuse a file whose form must be told.

    Raises:
        DataError: with the questions and the options that answer them.
    """
    questions = examples.reading.questions if examples.reading else ()
    if not questions:
        return
    words = []
    for one in questions:
        flag = one.option.replace("_", "-")
        words.append(f"{one.question} Answer by the option {one.option} (--{flag} ...).")
    raise DataError(f"This cannot be decided from the file: {' '.join(words)} Nothing was stored.")


def store(examples: Examples, name: str) -> Description:
    """Store a set under a name; the same content under the same name is stored once.

    Raises:
        DataError: for a name that is taken or cannot be kept, too many sets, or a full disk;
            nothing was stored then.
    """
    require_answers(examples)
    description, there = describe(examples, name), list_sets()
    for known in there:
        if known.id == description.id:
            return known
        if known.name.lower() == description.name.lower():
            raise DataError(
                f"A set called {known.name!r} is there already, with other content. Nothing was "
                "stored. Choose another name, or delete that one first."
            )
    if len(there) >= MOST:
        raise DataError(f"{MOST} sets are stored already. Delete one; nothing was stored.")
    tensors = {"x": torch.from_numpy(np.ascontiguousarray(examples.x))}
    if examples.y is not None:
        tensors["y"] = torch.from_numpy(np.ascontiguousarray(examples.y, dtype=np.int64))
    part = examples.part if examples.part is not None else split_rows(examples).part
    tensors["part"] = torch.from_numpy(np.ascontiguousarray(part, dtype=np.int8))
    content = save_tensors(tensors)
    sha256 = hashlib.sha256(content).hexdigest()
    description = replace(description, size=len(content), sha256=sha256, created=time.time())
    files = sets_folder()
    files.sweep(PLACE)
    try:
        files.write(f"{PLACE}/{description.id}.safetensors", content, durable=True)
        files.write(
            f"{PLACE}/{description.id}.json",
            json.dumps(asdict(description)).encode(),
            durable=True,
        )
    except OSError as error:
        _undo(files, description.id)
        why = "The disk is full" if is_full(error) else f"The files cannot be written ({error})"
        raise DataError(
            f"{why}: {len(content) / 2**20:.1f} MB are needed. Nothing was stored; other sets and "
            "runs are unaffected. Free some space and save it again."
        ) from None
    _described.cache_clear()
    return description


def _undo(files: Folder, name: str) -> None:
    for ext in ("json", "safetensors"):
        try:
            files.remove(f"{PLACE}/{name}.{ext}")
        except OSError:
            continue


@functools.lru_cache(maxsize=4 * MOST)
def _described(url: str, name: str) -> Description:
    return _checked(name, json.loads(folder(url).read(f"{PLACE}/{name}.json")))


#: Descriptions that exported runs brought along; their tensors are elsewhere.
_guests: dict[str, Description] = {}


def _checked(name: str, values: Any) -> Description:
    kinds = {entry.name: entry.type for entry in fields(Description)}
    if not isinstance(values, dict):
        raise TypeError(name)
    needed = set(kinds) - ADDED
    if values.get("format", 0) > FORMAT or not needed <= set(values) <= set(kinds):
        raise ValueError(name)
    if values["id"] != name:
        raise ValueError(name)
    checked: dict[str, Any] = {
        k: tuple(v) if str(kinds[k]).startswith("tuple") else v for k, v in values.items()
    }
    checked["schema"] = tuple(Column.of(one) for one in checked.get("schema", ()))
    return Description(**checked)


def describe_set(name: str) -> Description | None:
    """What is known of a set by its id, also of a deleted one; None where nothing is."""
    if not ID.fullmatch(name):
        return None
    try:
        return _described(files_url(), name)
    except (OSError, ValueError, KeyError, TypeError):
        return _guests.get(name)


def list_sets() -> tuple[Description, ...]:
    """The sets there are, the newest first; one whose description is damaged does not count."""
    there = set(sets_folder().names(PLACE))
    names = (file.removesuffix(".safetensors") for file in there if file.endswith(".safetensors"))
    found = [known for name in names if (known := describe_set(name)) is not None]
    return tuple(sorted(found, key=lambda known: (-known.created, known.id)))


def is_stored(name: str) -> bool:
    """Whether the tensors of a set are there."""
    return f"{name}.safetensors" in sets_folder().names(PLACE)


def delete(name: str, *, forget: bool) -> None:
    """Remove a set.

    Args:
        name: its id.
        forget: also its description, without which no model that learned it can be built: only
            where no run names the set.
    """
    files = sets_folder()
    files.remove(f"{PLACE}/{name}.safetensors")
    if forget:
        files.remove(f"{PLACE}/{name}.json")
    _described.cache_clear()


def resolve_set_id(text: str) -> str:
    """The id that a name or an id means, the newest for none; the text itself where none fits."""
    if ID.fullmatch(text) and describe_set(text) is not None:
        return text
    known = list_sets()
    if not text:
        return known[0].id if known else ""
    named = [one.id for one in known if one.name.lower() == text.strip().lower()]
    return named[0] if named else text


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
        "rows with missing entries: learn from what is there (models with the likelihood mixed), "
        "fill them with the training part's mean or commonest category, drop such rows, or auto: "
        "drop them where at least half of the rows are whole, else fill",
        choices=("auto", "learn", "fill", "drop"),
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
        "The columns are real numbers: a Gaussian whose variances are learned, since some columns "
        "are told by the code better than others."
    )
    if known.values == "counts":
        why += (
            " All values are whole numbers from 0, like counts. There is no likelihood for "
            "counts here (Poisson, negative binomial). The Gaussian is a continuous "
            "approximation; its numbers are densities, not probabilities of counts."
        )
    return Proposal("likelihood", "gaussian_learned", why)


def propose_columns(meta: DataMeta) -> Proposal:
    """A likelihood for each column, with the reasons, those of one reason together."""
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
    """Whether the examples are pictures of grey levels, which may be made 0 and 1."""
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
            note += f" {gaps:,} rows with missing entries are learned from by what is there."
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
    """Whether a model learns from rows with missing entries as they are."""
    return known.missing and getattr(options, "incomplete", "auto") == "learn"


@DATASETS.register(
    "own",
    title="Your own data",
    summary="A CSV, an npz or a ZIP of pictures from page Data.",
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
            known = _checked(str(sidecar["id"]), dict(sidecar))
        except (ValueError, KeyError, TypeError):
            raise DataError("The description of the run's data is damaged.") from None
        _guests[known.id] = known

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
            raise DataError(f"There is no set of your own yet; nothing was started. {HOW}")
        known = describe_set(options.set)
        assert known is not None
        x, y, part = tensors_of(known)
        if progress is not None:
            progress(1.0, f"{len(x):,} examples read")
        return dataset(known, meta, options, x, y, part)


def tensors_of(known: Description) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The stored examples, labels and parts, checked.

    Raises:
        DataError: if the set was deleted, or its file is damaged.
    """
    try:
        content = sets_folder().read(f"{PLACE}/{known.id}.safetensors")
    except FileNotFoundError:
        raise DataError(
            f"The set {known.name!r} ({known.id}) was deleted, or lies in other files. Snapshots "
            "of runs that learned it are kept and can be explored as far as that needs no data. "
            "Add the same file again on the page Data, under the same name."
        ) from None
    except OSError as error:
        raise DataError(f"The set {known.name!r} cannot be read ({error}); try again.") from None
    wrong = hashlib.sha256(content).hexdigest() != known.sha256
    try:
        found = {} if wrong else load_tensors(content)
    except SafetensorError:
        found = {}
    shape = (len(known.schema),) if known.schema else known.shape
    if "x" not in found or tuple(found["x"].shape) != (known.n, *shape):
        raise DataError(
            f"The file of the set {known.name!r} ({known.id}) is damaged: its checksum is wrong. "
            "Delete the set on the page Data and add it again; runs and snapshots are kept."
        )
    return found["x"], found.get("y"), found.get("part")


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
        for name, rows in _parts(known, part).items()
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
    for name, index in _parts(known, part).items():
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
