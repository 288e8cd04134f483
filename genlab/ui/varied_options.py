"""Fields of the options that a study varies or a search explores, under their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from genlab.core.options import Option
from genlab.core.run_spec import Combination, algorithms_for, models_for, objectives_for
from genlab.core.tables import TABLES
from genlab.studies.search import MOST_DIMENSIONS
from genlab.ui import forms
from genlab.ui.choice_titles import choice_title

HELP = "Type to search. With two options, every combination of their values is an arm."


@dataclass(frozen=True)
class VariedOptions:
    """What may vary between the runs of a study.

    Args:
        labels: of each option, by its name; of the objective, algorithm and model too.
        choices: titles of the possible values of an option by the value as text, where it has
            such a list.
        rows: the declared options by name.
    """

    labels: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, Option]

    @classmethod
    def of(cls, combination: Combination) -> VariedOptions:
        """The options of a combination but its seed."""
        tables = {
            "objective": objectives_for(combination.model),
            "algorithm": algorithms_for(combination.model, combination.objective),
            "model": models_for(combination.data),
        }
        rows = {
            row.name: row
            for part in combination.options().values()
            for row in part
            if row.name != "seed"
        }
        labels = {kind: kind.capitalize() for kind in tables}
        choices = {
            kind: {name: TABLES[kind].row(name).title for name in names}
            for kind, names in tables.items()
        }
        for name, row in rows.items():
            labels[name] = forms.label(row)
            if row.choices:
                choices[name] = {str(c): choice_title(row, c) for c in row.choices}
            elif row.type is bool:
                choices[name] = {"True": "Yes", "False": "No"}
        return cls(labels, choices, rows)

    def label(self, name: str) -> str:
        """The label of an option, or its name where the combination does not have it."""
        return self.labels.get(name, name)

    def ask_varied(self, title: str, first: str | None, without: str = "") -> dict[str, list[str]]:
        """Ask for an option and its values; the values by the option, or nothing without values.

        Args:
            title: the label of the field.
            first: the option that is chosen at first, None for none.
            without: an option that is not offered.
        """
        names = [name for name in self.labels if name != without]
        left, right = st.columns([2, 3], vertical_alignment="bottom")
        option = left.selectbox(
            title,
            names,
            index=None if first is None else names.index(first),
            format_func=self.label,
            placeholder="none",
            help=HELP,
        )
        if option is None:
            return {}
        values = self._values(right, option, "Values", f"studies.values.{option}")
        return {option: values} if values else {}

    def ask_searched(self, base: Mapping[str, str]) -> dict[str, str]:
        """Ask for options and their ranges or values.

        They are those of :func:`genlab.studies.search.parse_space`.

        Args:
            base: flat options of the run, in the middle of the first ranges.
        """
        names = st.multiselect(
            "Searched options",
            list(self.labels),
            format_func=self.label,
            max_selections=MOST_DIMENSIONS,
            placeholder="choose",
            key="studies.searched",
        )
        space = {}
        for name in names:
            row = self.rows.get(name)
            if row is not None and row.type in (int, float) and not row.choices:
                space[name] = self._range(row, base.get(name, row.default))
            else:
                title = f"{self.label(name)}: values"
                values = self._values(st, name, title, f"studies.searched.{name}")
                if values:
                    space[name] = ",".join(values)
        return space

    def _values(self, container: Any, name: str, title: str, key: str) -> list[str]:
        """Ask for several values: by their titles where they are known, else as text."""
        known = self.choices.get(name)
        if known:
            picked = container.multiselect(
                title, list(known), key=key, format_func=known.__getitem__, placeholder="choose"
            )
            return list(picked)
        text = container.text_input(
            f"{title}, separated by commas", key=key, placeholder="1e-3, 1e-4"
        )
        return [value.strip() for value in text.split(",") if value.strip()]

    def _range(self, row: Option, middle: Any) -> str:
        """Ask for the two ends of a range and its scale."""
        key, label = f"studies.searched.{row.name}", self.label(row.name)
        first = first_range(row, middle)
        columns = st.columns([2, 2, 2], vertical_alignment="bottom")
        low, high = (None if end is None else row.type(end) for end in (row.low, row.high))
        ends: list[Any] = []
        for column, end, value in zip(columns, ("lowest", "highest"), first, strict=False):
            ends.append(
                column.number_input(
                    f"{label}: {end}",
                    low,
                    high,
                    value,
                    key=f"{key}.{end}",
                    help=row.help,
                    format="%d" if row.type is int else "%g",
                )
            )
        log = columns[2].toggle(
            "Logarithmic scale",
            row.log,
            key=f"{key}.log",
            help="Trials are spread evenly over the logarithm of the value.",
        )
        return f"{ends[0]!r}..{ends[1]!r}:{'log' if log else 'linear'}"


def first_range(row: Option, middle: Any) -> tuple[Any, Any]:
    """The range that the form proposes around a value, inside the option's own range.

    It goes from a tenth to ten times the value on a logarithmic scale, else from half to twice.

    Example:
        >>> first_range(Option("lr", float, 1e-3, "", low=0.0, high=1.0, log=True), 1e-3)
        (0.0001, 0.01)
        >>> first_range(Option("latent", int, 2, "", low=1, high=64), "8")
        (4, 16)
        >>> first_range(Option("momentum", float, 0.0, "", low=0.0, high=0.9), 0.0)
        (0.0, 0.9)
    """
    value = row.type(float(middle))
    factor = 10 if row.log else 2
    low, high = row.type(value / factor), row.type(value * factor)
    if not low < high:
        low, high = value, row.type(value + 1)
    if row.low is not None:
        low = max(low, row.type(row.low))
    if row.high is not None:
        high = min(high, row.type(row.high))
    if not low < high:
        low = row.type(row.low) if row.low is not None else row.type(high - 1)
    return (float(f"{low:.6g}"), float(f"{high:.6g}")) if row.type is float else (low, high)
