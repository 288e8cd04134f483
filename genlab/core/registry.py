"""One table a kind: the datasets, models, objectives, algorithms, ... by name.

A class joins its table with the decorator ``@MODELS.register("vae", title=...)`` in its own file;
every module of the kind's packages is imported when the table is first read, and so are the
modules named in the environment variable ``GENLAB_PLUGINS`` (comma-separated).
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import pkgutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from genlab.core.errors import GenlabError, SpecError
from genlab.core.options import Option, Options
from genlab.core.run_spec import KINDS, RunSpec, TrainOptions

T = TypeVar("T")


@dataclass(frozen=True)
class Row(Generic[T]):
    """One entry of a table: the name users type, the title they read, and the thing itself."""

    name: str
    title: str
    summary: str
    value: T


class Registry(Generic[T]):
    """A table from names to things, filled by the modules of its packages.

    Args:
        kind: what the rows are, as in messages (``model``).
        packages: those whose modules fill the table when it is first read, in this order.

    Example:
        >>> colours: Registry[int] = Registry("colour", "genlab.data")
        >>> _ = colours.register("red", title="Red", summary="A warm colour.")(0xFF0000)
        >>> colours["red"], colours.row("red").title
        (16711680, 'Red')
    """

    def __init__(self, kind: str, *packages: str) -> None:
        self.kind, self._packages = kind, packages
        self._rows: dict[str, Row[T]] = {}
        self._loaded = self._loading = False
        self._lock = threading.RLock()

    def register(self, name: str, *, title: str, summary: str = "") -> Callable[[Any], Any]:
        """Decorate a class, or call with a value, to add it as a row."""

        def add(value: Any) -> Any:
            if name in self._rows and self._rows[name].value is not value:
                known = self._rows[name].value
                same_source = getattr(known, "__qualname__", 0) == getattr(
                    value, "__qualname__", 1
                )
                if not same_source:
                    raise ValueError(f"two rows named {name!r} in the table of {self.kind}s")
            text = summary or (getattr(value, "__doc__", "") or "").strip().split("\n")[0]
            self._rows[name] = Row(name, title, text, value)
            if isinstance(value, type):
                value.name = name  # type: ignore[attr-defined]
            return value

        return add

    def unregister(self, name: str) -> None:
        """Remove a row (tests add one and take it away again)."""
        self._rows.pop(name, None)

    def _load(self) -> None:
        """Fill the table, once; other threads wait, and the filling itself may read it."""
        if self._loaded:
            return
        with self._lock:
            if self._loaded or self._loading:
                return
            self._loading = True
            try:
                for name in self._packages:
                    package = importlib.import_module(name)
                    for module in pkgutil.iter_modules(package.__path__):
                        importlib.import_module(f"{name}.{module.name}")
                named = (name.strip() for name in os.environ.get("GENLAB_PLUGINS", "").split(","))
                for plugin in filter(None, named):
                    _plug(plugin)
                self._loaded = True
            finally:
                self._loading = False

    def names(self) -> tuple[str, ...]:
        """The names in the order of registration."""
        self._load()
        return tuple(self._rows)

    def rows(self) -> tuple[Row[T], ...]:
        """All rows in the order of registration."""
        self._load()
        return tuple(self._rows.values())

    def row(self, name: str) -> Row[T]:
        """The row of this name.

        Raises:
            SpecError: if there is none; the message lists the names there are.
        """
        self._load()
        if name not in self._rows:
            raise SpecError.unknown(self.kind, name, self._rows)
        return self._rows[name]

    def __getitem__(self, name: str) -> T:
        return self.row(name).value

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())


def _plug(name: str) -> None:
    """Import a module named in ``GENLAB_PLUGINS``."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise GenlabError(
            f"GENLAB_PLUGINS names {name!r}, which cannot be imported ({error}); nothing was "
            "started; correct the variable or put the module on the path"
        ) from None


DATASETS: Registry[Any] = Registry("data", "genlab.data")
#: A log-joint is a model of what infers it, and stands there.
MODELS: Registry[Any] = Registry("model", "genlab.models", "genlab.inference")
OBJECTIVES: Registry[Any] = Registry("objective", "genlab.objectives")
ALGORITHMS: Registry[Any] = Registry("algorithm", "genlab.train", "genlab.inference")
#: Work off the request path: functions ``(model, data, values, progress) -> dict of arrays``. Who
#: runs the job opens the run named by ``values["run"]`` at ``values["step"]`` and gives its model
#: (evaluation mode) and dataset; ``progress(fraction, message)`` may be called at any time. A
#: worker's ``progress`` (``runs.partial.JobProgress``) also has ``live(arrays) -> bool`` (what
#: there is so far; whether to go on), ``model_at(step)`` and ``result(key)`` of another job.
JOBS: Registry[Any] = Registry("job", "genlab.latent", "genlab.compare", "genlab.report")
TABLES: Mapping[str, Registry[Any]] = {
    "data": DATASETS,
    "model": MODELS,
    "objective": OBJECTIVES,
    "algorithm": ALGORITHMS,
}


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
        why = misfit(model_class, meta)
        if why is not None:
            able = ", ".join(models_for(data, given)) or "none"
            raise SpecError("model", model, f"{why}; models for {data!r}: {able}")
        preferred = model_class.defaults(meta).get("objective")
        asked = str(values.get("objective"))
        objective = cls._pick(
            "objective",
            values,
            objectives_for(model),
            f"model {model!r}",
            preferred,
            OBJECTIVES[asked].fits(model_class) if asked in OBJECTIVES else None,
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
        """What is known of the data before it is loaded (a :class:`genlab.data.DataMeta`)."""
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
            **model.defaults(meta),
            **proposed,
            **objective.defaults(),
            **objective.needs(model),
        }
        narrow = model.choices(meta)
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
                    row = row.narrowed(tuple(narrow[row.name]))
                rows.append(row)
            table[part] = tuple(rows)
        return table

    def declared(self) -> dict[str, Any]:
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


def misfit(model: Any, meta: Any) -> str | None:
    """None if a model can learn such data, else the reason why not.

    Rows of a table are for models that name the columns they explain.
    """
    if meta.columns and not getattr(model, "columns", ()):
        return "it learns the law of points or pictures, and these are rows of a table"
    why: str | None = model.fits(meta)
    return why


def models_for(data: str, values: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The models that can learn this dataset."""
    source = DATASETS[data]
    meta = source.meta(source.Options.build(values or {}))
    return tuple(row.name for row in MODELS.rows() if misfit(row.value, meta) is None)


def objectives_for(model: str) -> tuple[str, ...]:
    """The objectives that can train this model: those whose required capabilities it has."""
    cls = MODELS[model]
    return tuple(row.name for row in OBJECTIVES.rows() if row.value.fits(cls) is None)


def algorithms_for(model: str, objective: str) -> tuple[str, ...]:
    """The algorithms that can run this model with this objective."""
    pair = MODELS[model], OBJECTIVES[objective]
    return tuple(row.name for row in ALGORITHMS.rows() if row.value.fits(*pair) is None)
