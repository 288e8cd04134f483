"""The state of a page is its URL: what was asked for, what is there, what is written back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from genlab.core.errors import SpecError
from genlab.core.options import parse_int


def params() -> dict[str, str]:
    """The URL's parameters, the last of each name."""
    return {name: st.query_params[name] for name in st.query_params}


def write(values: Mapping[str, Any]) -> None:
    """Make the URL say exactly this; None is left out. Nothing is sent where nothing changed."""
    wanted = {name: str(value) for name, value in values.items() if value is not None}
    if params() != wanted:
        st.query_params.from_dict(wanted)


def settle(
    page: str,
    values: Mapping[str, Any],
    wrong: str | None,
    written: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> None:
    """Keep the URL in step with a form, but leave a wrong one as it came until the form changes.

    Args:
        page: whose state it is.
        values: what the form shows now.
        wrong: what is wrong with the URL, None where nothing is.
        written: from the form's values to the URL's.
    """
    key = f"{page}.wrong"
    if wrong is not None:
        before = st.session_state.setdefault(key, dict(values))
        if before == dict(values):
            return
    st.session_state.pop(key, None)
    write(written(values))


def url_problem(page: str) -> bool:
    """Whether the URL of this page was wrong and the form has not been touched since."""
    return f"{page}.wrong" in st.session_state


def choice(name: str, allowed: Sequence[Any], default: Any) -> tuple[Any, str | None]:
    """One parameter of the URL as one of the allowed values, and what is wrong with it.

    Args:
        name: of the parameter.
        allowed: the values, of one type.
        default: taken where the URL says nothing, or something impossible.
    """
    text = st.query_params.get(name)
    if text is None:
        return default, None
    for value in allowed:
        if str(value) == text:
            return value, None
    shown = ", ".join(map(str, allowed[:12])) + (", ..." if len(allowed) > 12 else "")
    error = SpecError(name, text, f"allowed: {shown}" if allowed else "there is nothing to choose")
    return default, str(error)


def url_number(name: str, default: int, low: int, high: int) -> tuple[int, str | None]:
    """One parameter of the URL as a whole number of a range, and what is wrong with it."""
    text = st.query_params.get(name)
    if text is None:
        return default, None
    found = parse_int(text, low, high)
    if found is not None:
        return found, None
    return default, str(SpecError(name, text, f"allowed: a whole number from {low} to {high}"))
