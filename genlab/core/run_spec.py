"""The specification of a run: dataset, model, objective and algorithm with their options.

Where a default comes from, the later over the earlier:

1. the declaration of the option (:func:`genlab.core.options.option`);
2. the model, for this dataset (``Model.recommended(meta)``, then ``Model.defaults(meta)``);
3. the objective (``Objective.defaults()`` and ``Objective.needs(model)``).

:meth:`Combination.options` is the one place that puts them together. The record of an older run
is read with the first of them alone (:meth:`RunSpec.from_record`): that is what was done before an
option existed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genlab.core.device import DEVICES
from genlab.core.errors import GenlabError, SpecError
from genlab.core.options import Option, Options, option, translate_former_names
from genlab.core.tables import ALGORITHMS, DATASETS, MODELS, OBJECTIVES, TABLES


@dataclass(frozen=True)
class TrainOptions(Options):
    """The options that every run has."""

    steps: int = option(
        2000, "steps of the algorithm", low=1, high=10_000_000, log=True, label="Training steps"
    )
    batch: int = option(128, "examples a step", low=1, high=8192, log=True, label="Batch size")
    seed: int = option(
        0, "seed of weights, batches and noise", low=0, high=2**31 - 1, label="Seed"
    )
    threads: int = option(
        1,
        "CPU threads; 0: chosen at the start, for images the idle cores of the host. Part of the "
        "run, since sums depend on it in the last bits",
        low=0,
        high=64,
        advanced=True,
        label="CPU threads",
    )
    snapshots: int = option(
        24,
        "snapshots kept, log-spaced over the run",
        low=3,
        high=200,
        advanced=True,
        label="Snapshots kept",
    )
    device: str = option(
        "cpu",
        "where the tensors live; auto: the CPU, the fastest for nets of this size. On any other "
        "device a run is not repeated bit for bit",
        choices=DEVICES,
        advanced=True,
        label="Device",
    )


KINDS = ("data", "model", "objective", "algorithm")


@dataclass(frozen=True)
class RunSpec:
    """A run: dataset + model + objective + algorithm, each with its options.

    Example:
        >>> spec = RunSpec.build(model="vae", data="digits", steps=500)
        >>> spec.train.steps, spec.objective, spec.flat()["seed"]
        (500, 'elbo', 0)
        >>> RunSpec.build(**spec.flat()) == spec
        True
    """

    data: str
    model: str
    objective: str
    algorithm: str
    data_options: Options
    model_options: Options
    objective_options: Options
    algorithm_options: Options
    train: TrainOptions

    @classmethod
    def build(cls, **values: Any) -> RunSpec:
        """Make a spec from a flat dictionary; missing values take the defaults of the combination.

        Defaults are taken, the later over the earlier, from the option's declaration, from the
        model for this dataset, and from the objective.

        Raises:
            SpecError: for an unknown name or option, a value out of range, or parts that do not
                fit together (the message says why).
        """
        return Combination.of(values).spec(values)

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> RunSpec:
        """Make the spec of a run from its stored record.

        An option that the record lacks was not there when it was written. It takes the default of
        its declaration, which is what was done before it existed, and not what a model or an
        objective would propose today.

        Raises:
            SpecError: as :meth:`build`.

        Example:
            >>> old = RunSpec.build(model="gan", data="ring", objective="fgan").flat()
            >>> old.pop("critic_activation")
            'tanh'
            >>> RunSpec.from_record(old).model_options.critic_activation
            'leaky_relu'
        """
        combination = Combination.of(values)
        defaults = combination.declared_defaults()
        rows = [row for part in combination.options().values() for row in part]
        return combination.spec({**defaults, **translate_former_names(rows, values)})

    def flat(self) -> dict[str, Any]:
        """Every name and option as one flat dictionary: the form of JSON, URL and command line."""
        flat: dict[str, Any] = {kind: getattr(self, kind) for kind in KINDS}
        for part in (*(getattr(self, f"{kind}_options") for kind in KINDS), self.train):
            flat.update(part.flat())
        return flat


@dataclass(frozen=True)
class Combination:
    """Four names that fit together, and the options that the combination offers.

    It answers what the form, the command line and the URL all ask: which objectives may follow
    this model, which options are there, with which defaults.

    Example:
        >>> Combination.of({"data": "digits", "model": "vae"}).objective
        'elbo'
    """

    data: str
    model: str
    objective: str
    algorithm: str
    given_data: Mapping[str, Any]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Combination:
        """The combination that these values name; objective and algorithm default to the first
        that fits.

        Raises:
            SpecError: for an unknown name, or for parts that do not fit, saying why.
        """
        for kind in ("data", "model"):
            if values.get(kind) is None:
                raise SpecError.unknown(kind, values.get(kind), TABLES[kind].names())
        data, model = str(values["data"]), str(values["model"])
        source, model_class = DATASETS[data], MODELS[model]
        given = {k: v for k, v in values.items() if k in {o.name for o in source.Options.table()}}
        meta = source.meta(source.Options.build(given))
        why = incompatibility(model_class, meta)
        if why is not None:
            able = ", ".join(models_for(data, given)) or "none"
            repair = _data_repair(source, model_class, given)
            raise SpecError("model", model, f"{why}; models for {data!r}: {able}", repair)
        preferred = model_class.defaults(meta).get("objective")
        asked = str(values.get("objective"))
        objective = cls._pick(
            "objective",
            values,
            objectives_for(model),
            f"model {model!r}",
            preferred,
            OBJECTIVES[asked].incompatibility(model_class) if asked in OBJECTIVES else None,
        )
        algorithm = cls._pick(
            "algorithm", values, algorithms_for(model, objective), f"{model!r} with {objective!r}"
        )
        return cls(data, model, objective, algorithm, given)

    @staticmethod
    def _pick(
        kind: str,
        values: Mapping[str, Any],
        able: tuple[str, ...],
        whom: str,
        preferred: str | None = None,
        reason: str | None = None,
    ) -> str:
        name = values.get(kind)
        if name is None:
            if not able:
                raise SpecError(kind, None, f"none fits {whom}")
            return preferred if preferred in able else able[0]
        _ = TABLES[kind][str(name)]
        if name not in able:
            why = f"{reason}; " if reason else ""
            raise SpecError(kind, name, f"{why}{whom} goes with: {', '.join(able) or 'none'}")
        return str(name)

    @property
    def meta(self) -> Any:
        """The metadata of the dataset, known before it is loaded."""
        source = DATASETS[self.data]
        return source.meta(source.Options.build(self.given_data))

    def classes(self) -> dict[str, type[Options]]:
        """The option set of each part, by the part's name."""
        sets = {kind: TABLES[kind][getattr(self, kind)].Options for kind in KINDS}
        return {**sets, "train": TrainOptions}

    def options(self) -> dict[str, tuple[Option, ...]]:
        """The options of each part with the defaults and choices of this combination.

        Raises:
            GenlabError: if two parts declare an option of the same name, since the flat form of
                a run (URL, command line, JSON) could not tell them apart.
        """
        model, objective = MODELS[self.model], OBJECTIVES[self.objective]
        meta = self.meta
        proposed = {one.option: one.value for one in meta.proposed}
        defaults = {
            **model.recommended(meta),
            **model.defaults(meta),
            **proposed,
            **objective.defaults(),
            **objective.needs(model),
        }
        narrow = {**model.choices(meta), "device": ALGORITHMS[self.algorithm].devices}
        table: dict[str, tuple[Option, ...]] = {}
        owners: dict[str, str] = dict.fromkeys(KINDS, "every run")
        for part, cls in self.classes().items():
            rows = []
            for row in cls.table():
                if row.name in owners:
                    raise GenlabError(
                        f"the option {row.name!r} is declared by {owners[row.name]} and "
                        f"by {part}; nothing was started; one of them must be renamed"
                    )
                owners[row.name] = part
                if row.name in defaults:
                    row = dataclasses.replace(row, default=defaults[row.name])
                if row.name in narrow:
                    row = row.with_choices(tuple(narrow[row.name]))
                rows.append(row)
            table[part] = tuple(rows)
        return table

    def declared_defaults(self) -> dict[str, Any]:
        """The default of each option's declaration, where this combination allows it."""
        allowed = {row.name: row.choices for rows in self.options().values() for row in rows}
        return {
            row.name: row.default
            for cls in self.classes().values()
            for row in cls.table()
            if (choices := allowed[row.name]) is None or row.default in choices
        }

    def spec(self, values: Mapping[str, Any]) -> RunSpec:
        """The spec of this combination with these values over its defaults.

        Raises:
            SpecError: for an option that no part has, or a value that is not allowed.
        """
        table = self.options()
        values = translate_former_names((row for rows in table.values() for row in rows), values)
        known = {row.name for rows in table.values() for row in rows}
        for name in values:
            if name not in known and name not in KINDS:
                raise SpecError.unknown("option", name, {*known, *KINDS})
        built: dict[str, Options] = {}
        for part, cls in self.classes().items():
            picked = {
                row.name: row.parse(values.get(row.name, row.default)) for row in table[part]
            }
            built[part] = cls(**picked)
        meta = DATASETS[self.data].meta(built["data"])
        if (why := incompatibility(MODELS[self.model], meta)) is not None:
            raise SpecError("model", self.model, why)
        MODELS[self.model].check(built["model"], meta)
        objective = OBJECTIVES[self.objective]
        objective.check(MODELS[self.model], built["model"])
        objective(built["objective"]).check_options(built["model"])
        return RunSpec(
            data=self.data,
            model=self.model,
            objective=self.objective,
            algorithm=self.algorithm,
            data_options=built["data"],
            model_options=built["model"],
            objective_options=built["objective"],
            algorithm_options=built["algorithm"],
            train=built["train"],  # type: ignore[arg-type]
        )


def _data_repair(source: Any, model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The first other choice of one option of a dataset with which a model fits it."""
    for row in source.Options.table():
        for choice in row.choices or ():
            values = {**given, row.name: choice}
            try:
                if incompatibility(model, source.meta(source.Options.build(values))) is None:
                    return {row.name: choice}
            except GenlabError:
                continue
    return {}


def incompatibility(model: Any, meta: Any) -> str | None:
    """None if a model can learn such data, else the reason why not.

    Rows of a table are for models that name the columns they explain.
    """
    if meta.columns and not getattr(model, "columns", ()):
        return "it learns the distribution of points or images, and these are rows of a table"
    if meta.gaps and not model.learns_gaps:
        return (
            "it learns whole rows alone, and entries are missing; choose incomplete = fill or drop"
        )
    why: str | None = model.incompatibility(meta)
    return why


def models_for(data: str, values: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The models that can learn this dataset."""
    source = DATASETS[data]
    meta = source.meta(source.Options.build(values or {}))
    return tuple(row.name for row in MODELS.rows() if incompatibility(row.value, meta) is None)


def objectives_for(model: str) -> tuple[str, ...]:
    """The objectives that can train this model: those whose required capabilities it has."""
    cls = MODELS[model]
    return tuple(row.name for row in OBJECTIVES.rows() if row.value.incompatibility(cls) is None)


def algorithms_for(model: str, objective: str) -> tuple[str, ...]:
    """The algorithms that can run this model with this objective."""
    pair = MODELS[model], OBJECTIVES[objective]
    return tuple(row.name for row in ALGORITHMS.rows() if row.value.incompatibility(*pair) is None)
