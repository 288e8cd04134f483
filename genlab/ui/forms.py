"""The form of a run, made from the declared options; the URL stores its values."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from genlab import runs
from genlab.core.errors import DataError, SpecError
from genlab.core.escape import escape_markdown
from genlab.core.numbers import decimals, plain
from genlab.core.options import Option, translate_former_names
from genlab.core.run_spec import (
    KINDS,
    Combination,
    RunSpec,
    algorithms_for,
    incompatibility,
    models_for,
    objectives_for,
)
from genlab.core.tables import DATASETS, TABLES
from genlab.runs.bounds import check_start
from genlab.ui.choice_titles import choice_title
from genlab.ui.draw_density import draw_density
from genlab.ui.kept_choice import keep_index
from genlab.ui.model_groups import choose_group
from genlab.ui.page_states import DATA, TRAIN
from genlab.ui.pictures import PREVIEWED, cached_preview

PREFIX = "train."
PARTS: Mapping[str, tuple[str, ...]] = {
    "Model": ("model",),
    "Objective and optimiser": ("objective", "algorithm"),
    "Run": ("train",),
}
#: Widgets above the widget of a dataset's option; they may set its value.
EDITORS: Mapping[tuple[str, str], Callable[[str], None]] = {("drawn", "drawing"): draw_density}
#: The largest number of positions of a slider; an option with more gets a number field.
SLIDER_POSITIONS = 400


def label(option: Option) -> str:
    """The label of a widget: the option's title and unit."""
    return f"{option.title} ({option.unit})" if option.unit else option.title


def help_text(option: Option) -> str:
    """The help text of an option, with its allowed values and code name."""
    return f"{option.help} — {option.allowed}; `{option.name}` in links and on the command line"


def ladder(option: Option, *also: float) -> tuple[float, ...]:
    """The values of a logarithmic slider: 1, 2, 5, 10, ... within the range, and its given values.

    Example:
        >>> ladder(Option("lr", float, 0.001, "", low=0.001, high=0.01, log=True), 0.003)
        (0.001, 0.002, 0.003, 0.005, 0.01)
    """
    low = option.low if option.low is not None and option.low > 0 else 1e-6
    high = option.high if option.high is not None else 1e6
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = {float(f"{m}e{e}") for e in exponents for m in (1, 2, 5)}
    extra = {float(value) for value in (option.default, *also)}
    return tuple(sorted({v for v in steps if low <= v <= high} | extra))


def widget(option: Option, key: str, value: Any, *, as_written: bool = False) -> Any:
    """Draw the widget that suits an option and return its value.

    Args:
        option: the declared option.
        key: the widget's key.
        value: the first value; must be allowed.
        as_written: show the choices unchanged, because they are names from a user's file.
    """
    name, text = label(option), help_text(option)
    fresh = key not in st.session_state
    if option.type is bool:
        return st.toggle(name, value=bool(value), key=key, help=text)
    if option.choices is not None:
        choices = list(option.choices)
        # Values that are accepted but not offered: a name for an id, a dataset that was deleted.
        if value not in choices and value in option.choices and (value or not choices):
            choices.append(value)
        index = choices.index(value) if value in choices else 0
        return st.selectbox(
            name,
            choices,
            index=index,
            key=key,
            help=text,
            format_func=str if as_written else functools.partial(choice_title, option),
        )
    if option.type is str:
        return st.text_input(name, value=str(value), key=key, help=text)
    if option.type is float and option.log:
        seen = st.session_state.setdefault(f"{key}.ladder", float(value))
        values = ladder(option, seen)
        first = float(value) if fresh else st.session_state[key]
        return st.select_slider(
            name,
            values,
            value=first if first in values else seen,
            key=key,
            help=text,
            format_func=plain,
        )
    number: Any = int if option.type is int else float
    low = None if option.low is None else number(option.low)
    high = None if option.high is None else number(option.high)
    if low is not None and high is not None and not option.log:
        if number is int and high - low <= SLIDER_POSITIONS:
            return st.slider(name, low, high, int(value), key=key, help=text)
        if number is float and high - low <= 10:
            step = 10.0 ** (math.floor(math.log10(high - low)) - 2)
            aligned = math.isclose(value / step, round(value / step), abs_tol=1e-9)
            if aligned:
                shown = f"%.{decimals(low, high, step)}f"
                return st.slider(name, low, high, float(value), step, shown, key=key, help=text)
    fmt: str | None = None
    if number is float:
        # Six digits, or all digits where six would show another number.
        current = float(st.session_state.get(key, value))
        fmt = "%g" if float(f"{current:g}") == current else f"%.{decimals(current)}f"
    return st.number_input(name, low, high, number(value), key=key, help=text, format=fmt)


def choose(kind: str, names: Sequence[str], wanted: Any, container: Any = st) -> str:
    """Choose a dataset, model, objective or algorithm among those that fit."""
    table, key = TABLES[kind], f"{PREFIX}{kind}"
    index = keep_index(key, names, str(wanted))
    picked = container.selectbox(
        kind.capitalize(),
        list(names),
        index=index,
        key=key,
        format_func=lambda name: table.row(name).title,
        help=table.row(st.session_state[key]).summary or None,
    )
    return str(picked)


def part(
    combination: Combination,
    kinds: Sequence[str],
    given: Mapping[str, Any],
    *,
    advanced: bool = False,
) -> dict[str, Any]:
    """Draw the plain or the advanced options of some parts of a run; their values."""
    table = combination.options()
    rows = [row for kind in kinds for row in table.get(kind, ()) if row.advanced == advanced]
    values: dict[str, Any] = {}
    if rows:
        columns = st.columns(min(3, len(rows)))
        for k, row in enumerate(rows):
            with columns[k % len(columns)]:
                values[row.name] = option_widget(combination, row, given)
    return values


def option_widget(combination: Combination, row: Option, given: Mapping[str, Any]) -> Any:
    """Draw one option's widget; it starts at the URL's value, or at the combination's default."""
    try:
        first = row.parse(translate_former_names([row], given).get(row.name, row.default))
    except SpecError:
        first = row.default
    names = (getattr(combination, kind) for kind in KINDS)
    # Another combination has other defaults, so its widgets have other keys.
    return widget(row, f"{PREFIX}{'.'.join(names)}.{row.name}", first)


def read_url() -> tuple[dict[str, str], str | None]:
    """The values in the URL, and the message of an error in them (None if there is none)."""
    given = TRAIN.undeclared()
    if not given:
        return {}, None
    try:
        RunSpec.build(**{"data": "digits", "model": first_fitting_model(given), **given})
    except SpecError as error:
        return given, str(error)
    return given, None


def first_fitting_model(given: Mapping[str, str]) -> str:
    """The first model that fits the URL's dataset, for a URL without a model."""
    data = given.get("data", "digits")
    able = models_for(data) if data in DATASETS else ()
    return able[0] if able else ""


def changed_options(values: Mapping[str, Any]) -> dict[str, str]:
    """The URL's parameters: the four names and the options that differ from their defaults."""
    table = Combination.of(values).options()
    defaults = {row.name: row.default for rows in table.values() for row in rows}
    changed = {k: v for k, v in values.items() if k in KINDS or v != defaults.get(k, v)}
    return {k: str(v) for k, v in changed.items()}


def run_form(preview: Callable[[Combination, Mapping[str, Any]], None]) -> dict[str, Any]:
    """Draw the whole form; returns the flat values of the run.

    Args:
        preview: draws the dataset under its options.

    The form offers only compatible choices. A URL with an impossible option shows the error, and
    the form keeps the options that are possible.
    """
    given, wrong = read_url()
    message = st.empty()
    left, right = st.columns([2, 3], gap="large")
    with left:
        data = choose("data", DATASETS.names(), given.get("data", "digits"))
        seen = {k: v for k, v in given.items() if k in option_names(data)}
        data_values = data_part(data, seen)
        able = models_for(data, data_values)
        group = choose_group(able, f"{PREFIX}model", given.get("model"), right)
        slot, aside = right.columns([3, 2], vertical_alignment="bottom")
        model = choose("model", group, given.get("model"), slot)
        with aside:
            unfit_models(data, data_values)
        combination = Combination.of({"data": data, "model": model, **data_values})
        preview(combination, data_values)
    with right:
        values = {"data": data, "model": model, **data_values}
        a, b = st.columns(2)
        default = combination.objective
        picked = choose("objective", objectives_for(model), given.get("objective", default), a)
        values["objective"] = picked
        methods = algorithms_for(model, picked)
        values["algorithm"] = choose("algorithm", methods, given.get("algorithm"), b)
        combination = Combination.of(values)
        for title, kinds in PARTS.items():
            if any(not row.advanced for kind in kinds for row in combination.options()[kind]):
                st.markdown(f"**{title}**")
                values.update(part(combination, kinds, given))
        with st.expander("Advanced", icon=":material/tune:"):
            everything = tuple(kind for kinds in PARTS.values() for kind in kinds)
            values.update(part(combination, everything, given, advanced=True))
    # An impossible run is not written to the URL: a link opens the last possible form.
    if wrong is not None or not invalid_combination(values):
        TRAIN.settle(values, wrong, changed_options)
    if wrong is not None and TRAIN.has_problem():
        with message.container():
            st.error(
                f"{escape_markdown(wrong)} The form shows the remaining options of the link.",
                icon=":material/error:",
            )
            repair_button({"data": "digits", "model": first_fitting_model(given), **given})
    return values


def unfit_models(data: str, values: Mapping[str, Any]) -> None:
    """Draw the models that do not fit these data, each with its reason."""
    source = DATASETS[data]
    meta = source.meta(source.Options.build(values))
    reasons = {row.title: incompatibility(row.value, meta) for row in TABLES["model"].rows()}
    with st.popover("Other models", icon=":material/help:", width="stretch"):
        st.markdown("**These models do not fit the data:**")
        lines = [
            f"- {escape_markdown(title)}: {escape_markdown(why)}"
            for title, why in reasons.items()
            if why
        ]
        st.markdown("\n".join(lines) or "Every model can learn these data.")


def invalid_combination(values: Mapping[str, Any]) -> str | None:
    """Why the options are not compatible; None where they are."""
    try:
        RunSpec.build(**values)
    except SpecError as error:
        return f"{error.option} = {error.value!r} is not possible: {error.allowed}."
    return None


def repair_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A change of options that makes the run possible; empty where none is known."""
    try:
        check_start(RunSpec.build(**values), runs.files())
    except SpecError as error:
        return error.repair
    return {}


def apply_repair(values: Mapping[str, Any], repair: Mapping[str, Any]) -> None:
    """Fill the form again with the values and the change."""
    for key in [key for key in st.session_state if str(key).startswith(PREFIX)]:
        if key != f"{PREFIX}title":
            del st.session_state[key]
    TRAIN.forget_problem()
    st.query_params.from_dict({name: str(value) for name, value in {**values, **repair}.items()})


def repair_button(values: Mapping[str, Any]) -> None:
    """Draw a button that makes an impossible run possible, where such a change is known."""
    repair = repair_of(values)
    if repair:
        words = ", ".join(f"{name} = {value}" for name, value in repair.items())
        st.button(
            f"Use {words}",
            key="repair",
            icon=":material/build:",
            on_click=apply_repair,
            args=(dict(values), dict(repair)),
        )


def obstacle(values: Mapping[str, Any]) -> str | None:
    """Why a run with these values cannot start; None where it can."""
    if (why := invalid_combination(values)) or values.get("download"):
        return why
    data = values["data"]
    own = sorted((option_names(data) - {"download"}) & set(values))
    try:
        cached_preview(data, tuple((name, values[name]) for name in own), PREVIEWED)
    except DataError as error:
        if not Combination.of(values).meta.network:
            return str(error)
        return "The files of this dataset are missing. Fetch them on the left first."
    try:
        check_start(RunSpec.build(**values), runs.files())
    except SpecError as error:
        return f"{error.option} = {error.value!r} is not possible: {error.allowed}."
    return None


def option_names(data: str) -> set[str]:
    """The names of a dataset's own options."""
    return {row.name for row in DATASETS[data].Options.table()}


def given_data(data: str) -> dict[str, str]:
    """The values in the URL of a dataset's own options."""
    return {name: text for name, text in DATA.undeclared().items() if name in option_names(data)}


def data_options_of(data: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The options of a dataset that differ from their defaults, as the URL holds them."""
    defaults = {row.name: row.default for row in DATASETS[data].Options.table()}
    return {name: str(value) for name, value in values.items() if value != defaults.get(name)}


def data_part(data: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Draw a dataset's own options; their values."""
    values: dict[str, Any] = {}
    for row in DATASETS[data].Options.table():
        try:
            first = row.parse(translate_former_names([row], given).get(row.name, row.default))
        except SpecError:
            first = row.default
        if row.name not in DATASETS[data].unused_options({**given, **values}):
            key = f"{PREFIX}data.{data}.{row.name}"
            if editor := EDITORS.get((data, row.name)):
                editor(key)
            values[row.name] = widget(row, key, first)
    return values
