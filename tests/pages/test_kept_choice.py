"""What a browser shows that missed the first run of a script is what the program goes on with."""

from __future__ import annotations

import pytest


def missed(app) -> dict[str, tuple[str, str]]:
    """The choices whose default, which such a browser shows, is another than their value."""
    chosen = {}
    for one in app.selectbox:
        if one.value is not None:
            chosen[one.key] = one.options[one.proto.default], one.format_func(one.value)
    for one in app.get("button_group"):
        if one.value is not None and not isinstance(one.value, list):
            # An icon at the beginning of a label is a field of its own.
            words = one.format_func(one.value).rpartition(": ")[2]
            chosen[one.key] = "".join(one.options[k] for k in one.proto.default), words
    assert chosen
    return {key: pair for key, pair in chosen.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("page", ["train", "data"])
def test_a_form_shows_what_it_starts(visit, home, page: str):
    app = visit(page, data="ring", model="gan")
    key = f"{page}.data" if page == "train" else "data.name"
    assert app.selectbox(key=key).value == "ring"
    app.run()
    assert app.selectbox(key=key).value == "ring"
    assert missed(app) == {}
    assert not app.warning


def test_a_choice_of_a_callback_brings_no_warning(visit, home):
    app = visit("train", data="mnist5k", model="vae")
    app.button(key="group.gan").click().run()
    assert app.selectbox(key="train.model").value == "gan"
    assert not app.warning
    app.run()
    assert missed(app) == {}


@pytest.mark.parametrize("tool", ["pad", "linked", "interpolation"])
def test_explore_shows_the_tool_and_the_choices_of_its_link(visit, shelf, work, tool: str):
    app = visit("explore", run=shelf["vae"], n="100", tool=tool)
    while work():
        app.run()
    app.run()
    assert app.query_params["tool"] in (tool, [tool])
    assert missed(app) == {}
    assert not app.warning
