"""The declared state of pages, apart from any page."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from genlab.core.errors import SpecError
from genlab.core.options import Options, option
from genlab.ui import page_states
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.state import PageState, parse_query


@dataclass(frozen=True)
class Declared(Options):
    step: int | None = option(None, "a step", low=0, high=100, formerly=("at",))
    clock: str = option("step", "a clock", choices=("step", "seconds"))
    second: float | None = option(None, "a second", low=0.0)


@pytest.mark.parametrize(
    ("link", "first"),
    [
        ({}, "None step None"),
        ({"step": "12"}, "12 step None"),
        ({"at": "7"}, "7 step None"),
        ({"at": "7", "step": "8"}, "8 step None"),
        ({"clock": "seconds", "second": "2.5"}, "None seconds 2.5"),
        ({"other": "1"}, "None step None"),
    ],
)
def test_the_url_is_read_by_declared_and_former_names(
    link: dict[str, str], first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = PageState("page", Declared)
    monkeypatch.setattr("streamlit.query_params", dict(link))
    found = state.read()
    assert f"{found.step} {found.clock} {found.second}" == first
    assert state.undeclared() == {k: v for k, v in link.items() if k == "other"}


@pytest.mark.parametrize(
    ("name", "text"), [("step", "101"), ("step", "1e1"), ("step", "²"), ("clock", "moon")]
)
def test_an_impossible_value_is_named_and_its_default_taken(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.query_params", {name: text})
    value, why = PageState("page", Declared).value(name)
    assert value == {"step": None, "clock": "step"}[name]
    assert why is not None
    assert name in why
    assert "allowed" in why


def test_only_declared_names_are_written() -> None:
    state = PageState("page", Declared)
    assert state.url(step=3, second=None) == {"step": "3"}
    with pytest.raises(SpecError, match="stop"):
        state.url(stop=3)
    with pytest.raises(SpecError, match="stop"):
        state.option("stop")
    assert PageState("page", Declared, more=True).url(stop=3) == {"stop": "3"}


def test_a_query_is_parsed_by_its_declaration() -> None:
    assert parse_query(Declared, {"step": "4", "unknown": "5"}) == Declared(step=4)
    with pytest.raises(SpecError):
        parse_query(Declared, {"step": "-4"})


def test_every_page_declares_its_state_with_help() -> None:
    names = [*vars(page_states).values(), TOOL_STATE]
    states = [one for one in names if isinstance(one, PageState)]
    pages = {"watch", "compare", "explore", "learn", "data", "train", "studies"}
    assert {one.page for one in states} == pages
    for state in states:
        for row in state.options().values():
            assert row.help
            assert row.type in (int, float, str, bool)
