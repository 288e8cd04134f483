"""What a run is, declared once: the options, their ranges, units and help, and :class:`RunSpec`.

The form on the page, the options of the command line, the keys of the URL and of the JSON are
all made from the declarations here, so they cannot differ.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from genlab.core.errors import SpecError

Choices = tuple[Any, ...] | Callable[[], tuple[Any, ...]] | None


@dataclass(frozen=True)
class Option:
    """One option of a run: its type, default, range or choices, unit and help.

    Example:
        >>> Option("lr", float, 1e-3, "learning rate", low=0.0, high=1.0).parse("0.01")
        0.01
    """

    name: str
    type: type
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] | None = None
    unit: str = ""
    log: bool = False
    advanced: bool = False

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices is not None:
            return "allowed: " + (", ".join(map(str, self.choices)) or "nothing yet")
        if self.type is bool:
            return "allowed: true, false"
        noun = {int: "a whole number", float: "a number", str: "text"}[self.type]
        if self.low is not None and self.high is not None:
            return f"allowed: {noun} from {_plain(self.low)} to {_plain(self.high)}"
        if self.low is not None:
            return f"allowed: {noun} of at least {_plain(self.low)}"
        if self.high is not None:
            return f"allowed: {noun} of at most {_plain(self.high)}"
        return f"allowed: {noun}"

    def parse(self, value: Any) -> Any:
        """Convert text or a number to this option's type and check it.

        Raises:
            SpecError: if the value is of the wrong type, out of range or not a choice.
        """
        try:
            parsed = self._convert(value)
        except (TypeError, ValueError, OverflowError):
            raise SpecError(self.name, value, self.allowed) from None
        if self.choices is not None and parsed not in self.choices:
            raise SpecError(self.name, value, self.allowed)
        if self.type in (int, float):
            if not math.isfinite(parsed):
                raise SpecError(self.name, value, self.allowed)
            if (self.low is not None and parsed < self.low) or (
                self.high is not None and parsed > self.high
            ):
                raise SpecError(self.name, value, self.allowed)
        return parsed

    def _convert(self, value: Any) -> Any:
        if value is None:
            raise ValueError(value)
        if self.type is bool:
            if isinstance(value, bool):
                return value
            text = str(value).strip().lower()
            if text in {"true", "1", "yes", "on"}:
                return True
            if text in {"false", "0", "no", "off"}:
                return False
            raise ValueError(value)
        if isinstance(value, bool):
            raise ValueError(value)
        if self.type is int:
            number = float(value)
            if number != int(number):
                raise ValueError(value)
            return int(value) if isinstance(value, int) else int(number)
        if self.type is float:
            return float(value)
        return str(value)

    def narrowed(self, choices: tuple[Any, ...]) -> Option:
        """The same option with fewer choices.

        The default moves to the first of them if it fell out.

        Example:
            >>> size = Option("size", int, 8, "pixels", choices=(8, 28, 32))
            >>> size.narrowed((28, 32)).default
            28
        """
        if not choices:
            raise ValueError(f"no choice of the option {self.name} is left")
        default = self.default if self.default in choices else choices[0]
        return dataclasses.replace(self, choices=choices, default=default)


def parse_int(text: str, low: int, high: int) -> int | None:
    """The whole number from ``low`` to ``high`` that a text is, else None; whatever was typed.

    Example:
        >>> parse_int("12", 0, 20), parse_int("-3", -5, 5), parse_int("²", 0, 9), parse_int("9" * 9999, 0, 9)
        (12, -3, None, None)
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        return None
    number = int(text)
    return number if low <= number <= high else None


def _plain(number: float) -> str:
    """A bound as people write it: all digits of a whole number, else the shortest form."""
    return str(int(number)) if float(number).is_integer() else f"{number:g}"


def option(
    default: Any,
    help: str,  # noqa: A002 - the field's own word for it
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Choices = None,
    unit: str = "",
    log: bool = False,
    advanced: bool = False,
) -> Any:
    """Declare a field of an :class:`Options` class together with its range and help.

    Example:
        >>> @dataclass(frozen=True)
        ... class Coin(Options):
        ...     bias: float = option(0.5, "probability of heads", low=0.0, high=1.0)
        >>> Coin.build({"bias": "0.3"}).bias
        0.3
    """
    extra = {
        "help": help,
        "low": low,
        "high": high,
        "choices": choices,
        "unit": unit,
        "log": log,
        "advanced": advanced,
    }
    return field(default=default, metadata={"option": extra})


@dataclass(frozen=True)
class Options:
    """Base of the option sets of datasets, models, objectives and algorithms."""

    @classmethod
    def table(cls) -> tuple[Option, ...]:
        """The options in the order of their declaration."""
        hints = typing.get_type_hints(cls)
        rows = []
        for entry in fields(cls):
            extra = dict(entry.metadata["option"])
            if callable(extra["choices"]):
                extra["choices"] = extra["choices"]()
            rows.append(Option(entry.name, hints[entry.name], entry.default, **extra))
        return tuple(rows)

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """Make the option set from text or numbers, checking every one.

        Raises:
            SpecError: for an unknown name or a value that is not allowed.
        """
        table = {row.name: row for row in cls.table()}
        for name in values:
            if name not in table:
                raise SpecError.unknown("option", name, table)
        return cls(**{name: table[name].parse(value) for name, value in values.items()})

    def flat(self) -> dict[str, Any]:
        """The options as a dictionary of plain values."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


@dataclass(frozen=True)
class TrainOptions(Options):
    """What every run has, whatever is trained."""

    steps: int = option(2000, "steps of the algorithm", low=1, high=10_000_000, log=True)
    batch: int = option(128, "examples a step", low=1, high=8192, log=True)
    seed: int = option(0, "seed of weights, batches and noise", low=0, high=2**31 - 1)
    threads: int = option(
        1,
        "CPU threads; part of the run, since sums depend on it in the last bits",
        low=1,
        high=64,
        advanced=True,
    )
    snapshots: int = option(
        24, "snapshots kept, log-spaced over the run", low=3, high=200, advanced=True
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
        """Make a spec from flat values; what is not given takes the default of the combination.

        Defaults are taken, the later over the earlier, from the option's declaration, from the
        model for this dataset, and from the objective.

        Raises:
            SpecError: for an unknown name or option, a value out of range, or parts that do not
                fit together (the message says why).
        """
        from genlab.core.run_spec import Combination

        return Combination.of(values).spec(values)

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> RunSpec:
        """The spec of a run from its record.

        An option that the record lacks was not there when it was written. It takes the default of
        its declaration, which is what was done before it existed, and not what a model or an
        objective would propose today.

        Raises:
            SpecError: as :meth:`build`.

        Example:
            >>> old = RunSpec.build(model="gan", data="ring", objective="fgan").flat()
            >>> old.pop("critic_activation")
            'tanh'
            >>> RunSpec.recorded(old).model_options.critic_activation
            'leaky_relu'
        """
        from genlab.core.run_spec import Combination

        combination = Combination.of(values)
        return combination.spec({**combination.declared(), **values})

    def flat(self) -> dict[str, Any]:
        """Every name and option as one flat dictionary: the form of JSON, URL and command line."""
        flat: dict[str, Any] = {kind: getattr(self, kind) for kind in KINDS}
        for part in (*(getattr(self, f"{kind}_options") for kind in KINDS), self.train):
            flat.update(part.flat())
        return flat
