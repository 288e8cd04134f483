"""The state of a page: declared as options, read from and written to the URL and the session.

A page declares its state once, as an :class:`~genlab.core.options.Options` class
(:mod:`genlab.ui.page_states`), and reads and writes it through its :class:`PageState`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import streamlit as st

from genlab.core.errors import SpecError
from genlab.core.options import Option, Options, parse_int, translate_former_names
from genlab.ui.presenting import PARAMETER

S = TypeVar("S", bound=Options)
#: Marks a missing argument: the declared default is used.
DECLARED: Any = object()


def parse_text(option: Option, text: str) -> Any:
    """Convert text from a URL to an option's value.

    A whole number consists of digits: ``1e3`` is refused.

    Raises:
        SpecError: if the text is not a value of the option.

    Example:
        >>> parse_text(Option("step", int, 0, "a step", low=0), "12")
        12
    """
    if option.type is int:
        bounds = (option.low, option.high)
        low, high = (
            int(end) if end is not None else limit
            for end, limit in zip(bounds, (-(10**18), 10**18), strict=True)
        )
        if parse_int(text, low, high) is None:
            raise SpecError(option.name, text, option.allowed)
    return option.parse(text)


def parse_query(declared: type[S], values: Mapping[str, str]) -> S:
    """The options of a route's query; parameters that are not declared are ignored.

    Raises:
        SpecError: if a declared parameter has a value that is not allowed.
    """
    rows = {row.name: row for row in declared.table()}
    values = translate_former_names(rows.values(), values)
    return declared(
        **{name: parse_text(row, values[name]) for name, row in rows.items() if name in values}
    )


class PageState(Generic[S]):
    """The state of one page.

    Args:
        page: the name of the page, which is also the prefix of its session keys.
        declared: its options.
        prefix: prefix of the option names in the URL (``t.``).
        also: further option classes, of tools that plugins add.
        more: whether the URL may hold undeclared parameters: options of the run, lesson or dataset
            that the page shows.
    """

    def __init__(
        self,
        page: str,
        declared: type[S],
        *,
        prefix: str = "",
        more: bool = False,
        also: Callable[[], Iterable[type[Options]]] = tuple,
    ) -> None:
        self._also = also
        self.page, self.declared, self.prefix, self.more = page, declared, prefix, more

    def options(self) -> dict[str, Option]:
        """The declared options by name."""
        kinds: tuple[type[Options], ...] = (self.declared, *self._also())
        return {row.name: row for kind in kinds for row in _table(kind)}

    def option(self, name: str) -> Option:
        """One declared option.

        Raises:
            SpecError: if the page does not declare it.
        """
        rows = self.options()
        if name not in rows:
            raise SpecError.unknown(f"the state of {self.page}", name, rows)
        return rows[name]

    # -- the URL -----------------------------------------------------------------------------

    def parameters(self) -> dict[str, str]:
        """The declared parameters that the URL holds, by their present names."""
        parameters = {
            name.removeprefix(self.prefix): st.query_params[name]
            for name in st.query_params
            if name.startswith(self.prefix)
        }
        rows = self.options()
        present = translate_former_names(rows.values(), parameters)
        return {name: text for name, text in present.items() if name in rows}

    def undeclared(self) -> dict[str, str]:
        """The parameters of the URL that this page does not declare itself."""
        known = {PARAMETER} | {
            old for row in self.options().values() for old in (row.name, *row.formerly)
        }
        return {name: st.query_params[name] for name in st.query_params if name not in known}

    def value(
        self, name: str, *, default: Any = DECLARED, choices: Sequence[Any] | None = None
    ) -> tuple[Any, str | None]:
        """The value of an option in the URL, and the message of an error in it.

        Args:
            name: of the option.
            default: the value if the URL has none or an impossible one.
            choices: the values allowed at present, of one type; None for the declared range.

        Returns:
            The value, and an error message or None.
        """
        row = self.option(name)
        default = row.default if default is DECLARED else default
        text = self.parameters().get(name)
        if text is None:
            return default, None
        if choices is not None:
            for choice in choices:
                if str(choice) == text:
                    return choice, None
            return default, str(SpecError(name, text, _allowed(choices)))
        try:
            return parse_text(row, text), None
        except SpecError as error:
            return default, str(error)

    def read(self) -> S:
        """All options with the URL's values; impossible values become the defaults."""
        names = [row.name for row in _table(self.declared)]
        return self.declared(**{name: self.value(name)[0] for name in names})

    def url(self, **values: Any) -> dict[str, str]:
        """The parameters of a URL that opens the page in this state; None is left out.

        Raises:
            SpecError: if a name is not declared.
        """
        if not self.more:
            for name in values:
                self.option(name)
        return {
            f"{self.prefix}{name}": str(value)
            for name, value in values.items()
            if value is not None
        }

    def write(self, **values: Any) -> None:
        """Make the URL hold exactly these values; None is left out.

        Nothing is sent if nothing changed.
        """
        _replace(self.url(**values))

    def write_one(self, name: str, value: str | None) -> None:
        """Change one parameter of the URL, or remove it; the others stay."""
        key = f"{self.prefix}{self.option(name).name}"
        if value is None:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != value:
            st.query_params[key] = value

    # -- a URL that was wrong ------------------------------------------------------------------

    def settle(
        self,
        values: Mapping[str, Any],
        problem: str | None,
        as_parameters: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> None:
        """Write a form's values to the URL; a wrong URL stays until the form changes.

        Args:
            values: what the form shows now.
            problem: what is wrong with the URL, None where nothing is.
            as_parameters: converts the form's values to the URL's parameters.
        """
        key = f"{self.page}.wrong"
        if problem is not None:
            before = st.session_state.setdefault(key, dict(values))
            if before == dict(values):
                return
        self.forget_problem()
        _replace(as_parameters(values))

    def has_problem(self) -> bool:
        """Whether the URL was wrong and the form has not been changed since."""
        return f"{self.page}.wrong" in st.session_state

    def forget_problem(self) -> None:
        """Make the next :meth:`settle` write the URL."""
        st.session_state.pop(f"{self.page}.wrong", None)

    # -- the session and the URL -----------------------------------------------------------------

    def session_key(self, name: str) -> str:
        """The key of an option in the session."""
        return f"{self.page}.{self.prefix}{self.option(name).name}"

    def remember(self, **values: Any) -> None:
        """Keep values in the session and in the URL; None removes one.

        Raises:
            SpecError: if a name is not declared.
        """
        for name, value in values.items():
            st.session_state[self.session_key(name)] = value
            self.write_one(name, None if value is None else str(value))

    def recall(self, name: str, default: str = "") -> str:
        """A remembered value as text; the default if there is none or an impossible one."""
        # The browser's URL may be older than the removal of a value in this session.
        key = self.session_key(name)
        value = st.session_state[key] if key in st.session_state else self.parameters().get(name)
        if value in (None, ""):
            return default
        try:
            parse_text(self.option(name), str(value))
        except SpecError:
            return default
        return str(value)

    def remembered(self) -> dict[str, Any]:
        """The remembered parameters as the URL holds them; None for one that was removed."""
        parameters = self.parameters()
        names = {
            *parameters,
            *(n for n in self.options() if self.session_key(n) in st.session_state),
        }
        return {
            f"{self.prefix}{name}": st.session_state.get(
                self.session_key(name), parameters.get(name)
            )
            for name in sorted(names)
        }


#: Reading the type hints of a class takes longer than all the rest of a read.
_TABLES: dict[type[Options], tuple[Option, ...]] = {}


def _table(declared: type[Options]) -> tuple[Option, ...]:
    if declared not in _TABLES:
        _TABLES[declared] = declared.table()
    return _TABLES[declared]


def _replace(values: Mapping[str, Any]) -> None:
    """Make the URL hold exactly these parameters."""
    wanted = {name: str(value) for name, value in values.items() if value is not None}
    if PARAMETER in st.query_params:
        wanted[PARAMETER] = st.query_params[PARAMETER]
    if {name: st.query_params[name] for name in st.query_params} != wanted:
        st.query_params.from_dict(wanted)


def _allowed(choices: Sequence[Any]) -> str:
    shown = ", ".join(map(str, choices[:12])) + (", ..." if len(choices) > 12 else "")
    return f"allowed: {shown}" if choices else "there is nothing to choose"
