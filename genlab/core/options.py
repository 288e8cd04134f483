"""Options of a run: type, default, range, unit and help of each, declared once.

The form on the page, the options of the command line, the keys of the URL and of the JSON are
all made from these declarations, so they cannot differ.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from genlab.core.errors import SpecError
from genlab.core.numbers import plain

Choices = tuple[Any, ...] | Callable[[], tuple[Any, ...]] | None


@dataclass(frozen=True)
class Option:
    """One option of a run: its type, default, range or choices, unit and help.

    Args:
        name: the key in the URL, the JSON and on the command line (``lr``).
        type: ``bool``, ``int``, ``float`` or ``str``.
        default: the value where none is given.
        help: one sentence for users.
        low, high: the range of a number, both ends included; None: open.
        choices: the values that are allowed; None: any in the range.
        unit: of a number, empty where it has none.
        log: whether a slider moves along the logarithm.
        advanced: whether the form hides it at first.
        label: what people read over the field (``Learning rate``); empty: made from the name.
        formerly: names that older records, links and scripts use for it; still read.

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
    label: str = ""
    formerly: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people read over the field.

        Example:
            >>> Option("batch_size", int, 1, "examples a step").title
            'Batch size'
        """
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def allowed(self) -> str:
        """The allowed values as text."""
        if self.choices is not None:
            return "allowed: " + (", ".join(map(str, self.choices)) or "nothing yet")
        if self.type is bool:
            return "allowed: true, false"
        noun = {int: "a whole number", float: "a number", str: "text"}[self.type]
        if self.low is not None and self.high is not None:
            return f"allowed: {noun} from {plain(self.low)} to {plain(self.high)}"
        if self.low is not None:
            return f"allowed: {noun} of at least {plain(self.low)}"
        if self.high is not None:
            return f"allowed: {noun} of at most {plain(self.high)}"
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
                nearest = self.low if self.low is not None and parsed < self.low else self.high
                assert nearest is not None
                raise SpecError(self.name, value, self.allowed, {self.name: self.type(nearest)})
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

    def with_choices(self, choices: tuple[Any, ...]) -> Option:
        """The same option with fewer choices.

        The default moves to the first of them if it fell out.

        Example:
            >>> size = Option("size", int, 8, "pixels", choices=(8, 28, 32))
            >>> size.with_choices((28, 32)).default
            28
        """
        if not choices:
            raise ValueError(f"no choice of the option {self.name} is left")
        default = self.default if self.default in choices else choices[0]
        return dataclasses.replace(self, choices=choices, default=default)


def parse_int(text: str, low: int, high: int) -> int | None:
    """Parse a whole number between ``low`` and ``high``; None for any other text.

    Example:
        >>> parse_int("12", 0, 20), parse_int("-3", -5, 5), parse_int("²", 0, 9)
        (12, -3, None)
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        return None
    number = int(text)
    return number if low <= number <= high else None


def _plain_type(hint: Any) -> Any:
    """The type of an option that may also be None: ``int`` of ``int | None``."""
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else hint


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
    label: str = "",
    formerly: tuple[str, ...] = (),
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
        "label": label,
        "formerly": formerly,
    }
    return field(default=default, metadata={"option": extra})


def translate_former_names(rows: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace former option names by the present ones.

    A value under the present name wins over one under a former name.

    Example:
        >>> rate = Option("ema_decay", float, 0.0, "", formerly=("average",))
        >>> translate_former_names([rate], {"average": 0.9, "seed": 1})
        {'seed': 1, 'ema_decay': 0.9}
    """
    present = {old: row.name for row in rows for old in row.formerly}
    renamed = {name: value for name, value in values.items() if name not in present}
    for old, value in values.items():
        if old in present:
            renamed.setdefault(present[old], value)
    return renamed


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
            rows.append(Option(entry.name, _plain_type(hints[entry.name]), entry.default, **extra))
        return tuple(rows)

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """Make the option set from text or numbers and check each value.

        Raises:
            SpecError: for an unknown name or a value that is not allowed.
        """
        rows = cls.table()
        values = translate_former_names(rows, values)
        table = {row.name: row for row in rows}
        for name in values:
            if name not in table:
                raise SpecError.unknown("option", name, table)
        return cls(**{name: table[name].parse(value) for name, value in values.items()})

    def flat(self) -> dict[str, Any]:
        """The options as a dictionary of plain values."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}
