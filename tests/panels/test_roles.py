"""One colour and one mark for each role, the same in Python, scripts and style sheets."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from genlab.core.measure import Picture
from genlab.figures.data import points_figure, points_info
from genlab.panels.colours import COLOURS, DARK_ROLES, GREY, NAMES, ROLES, for_page
from genlab.panels.points import Points
from genlab.panels.run_marks import MARK_CSS, RUN_ROLES
from genlab.report.page import STYLE

STATIC = Path(__file__).resolve().parents[2] / "genlab" / "ui" / "static"
ROW = re.compile(r'(\w+): \{ light: "(#\w+)", dark: "(#\w+)", mark: "(\w+)" \}')


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio as WCAG defines it."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_python_and_scripts_have_one_table() -> None:
    text = (STATIC / "shared" / "roles.js").read_text()
    rows = {name: (light, dark, mark) for name, light, dark, mark in ROW.findall(text)}
    assert rows == {name: (one.light, one.dark, one.mark) for name, one in ROLES.items()}
    names = text[text.index("const NAMES") :]
    found = re.findall(r'"?(\w[\w -]*)"?: "(\w+)",', names[: names.index("};")])
    assert dict(found) == NAMES


def test_the_two_models_have_the_first_two_colours_everywhere() -> None:
    css = (STATIC / "live" / "live.css").read_text()
    palettes = re.findall(r"--gl-0: (#\w+);\s*--gl-1: (#\w+);", css)
    pair = ROLES["modelA"], ROLES["modelB"]
    assert [a.upper() for palette in palettes for a in palette] == [
        *(one.light for one in pair),
        *(one.dark for one in pair),
    ]
    assert COLOURS[:2] == tuple(one.light for one in pair)


@pytest.mark.parametrize("name", list(ROLES))
def test_every_role_can_be_seen_in_both_modes(name: str) -> None:
    assert contrast(ROLES[name].light, "#F7F7F5") >= 3
    assert contrast(ROLES[name].dark, "#1A2027") >= 3


def test_the_runs_have_the_same_marks_in_python_and_scripts() -> None:
    text = (STATIC / "shared" / "roles.js").read_text()
    (row,) = re.findall(r"RUN_MARKS = \[(.*?)\]", text)
    assert re.findall(r'"(\w+)"', row) == [role.mark for role in RUN_ROLES]
    css = (STATIC / "live" / "live.css").read_text()
    for i, role in enumerate(RUN_ROLES):
        light, dark = re.findall(rf"--gl-{i}: (#\w+);", css)
        assert (light.upper(), dark.upper()) == (role.light, role.dark.upper())
        assert f".run-mark-{i} " in MARK_CSS
        assert role.mark == "disc" or f'[data-mark="{role.mark}"]' in css


def test_held_out_points_have_their_mark_in_a_file() -> None:
    payload = {
        "x": [[0.0, 0.0], [1.0, 1.0]],
        "label": [0, 1],
        "classes": ["held-out", "generated"],
    }
    drawn = Points.svg(Picture("points", "p", payload), ink="#123456")
    assert drawn.count('stroke="#123456"') >= 2
    assert "m-3.2 0h6.4" in drawn
    assert ROLES["generated"].light in drawn


ROOT = Path(__file__).resolve().parents[2]
#: The two tables. The palettes of style sheets are compared with them.
TABLES = ("genlab/panels/colours.py", "genlab/ui/static/shared/roles.js")
PALETTE = re.compile(r"--(?:gl-\d|st-primary-color): #\w+;")
HEX = re.compile(r"(#[0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?\b")
RGB = re.compile(r"rgba?\((\d+), ?(\d+), ?(\d+)")


def literal_roles(text: str) -> set[str]:
    """The colours of roles that a source names itself."""
    every = (*RUN_ROLES, *ROLES.values())
    roles = {colour.upper() for role in every for colour in (role.light, role.dark)}
    found = {colour.upper() for colour in HEX.findall(PALETTE.sub("", text))}
    found |= {"#" + "".join(f"{int(part):02X}" for part in one) for one in RGB.findall(text)}
    return found & (roles | {GREY})


def test_no_other_source_names_a_colour_of_a_role() -> None:
    assert literal_roles("a { color: #d55E00 }") == {"#D55E00"}
    assert literal_roles('x = "rgba(0, 114, 178, 0.5)"') == {"#0072B2"}
    sources = [
        path
        for folder in ("genlab", "pages")
        for ending in ("py", "js", "css")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    assert len(sources) > 300
    named = {
        str(path.relative_to(ROOT)): found
        for path in sources
        if str(path.relative_to(ROOT)) not in TABLES
        and (found := literal_roles(path.read_text("utf-8")))
    }
    assert named == {}


def test_the_colour_of_buttons_is_that_of_the_first_model() -> None:
    text = (ROOT / ".streamlit" / "config.toml").read_text()
    assert re.findall(r'primaryColor = "(#\w+)"', text)[0] == ROLES["modelA"].light
    replayed = (STATIC / "replay" / "replay.css").read_text()
    first = re.findall(r"--st-primary-color: (#\w+);", replayed)[0]
    assert first.upper() == ROLES["modelA"].light


#: The light or the dark colour of a role, taken alone.
ONE_THEME = re.compile(r"(?:ROLES[\w.\[\]\"']*|[rR]ole(?:\([^)]*\))?)\.(light|dark)\b")
#: Where it may be: the tables, and marks whose rules have both.
BOTH_THEMES = (*TABLES, "genlab/panels/run_marks.py")


def of_one_theme(text: str) -> list[str]:
    """The lines that take a colour for one theme and none for the other."""
    rows = [(line, set(ONE_THEME.findall(line))) for line in text.splitlines()]
    return [line for line, found in rows if len(found) == 1 and not line.strip().startswith("#")]


def test_no_colour_of_a_role_is_that_of_one_theme() -> None:
    assert of_one_theme("const MARKER = ROLES.modelB.light;") != []
    assert of_one_theme('"colour": ROLES["generated"].light,') != []
    assert of_one_theme("dark ? role.dark : role.light") == []
    sources = [
        path
        for folder, ending in (("genlab", "py"), ("genlab/ui/static", "js"), ("pages", "py"))
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    named = {
        name: found
        for path in sources
        if (name := path.relative_to(ROOT).as_posix()) not in BOTH_THEMES
        and (found := of_one_theme(path.read_text("utf-8")))
    }
    assert named == {}


def test_a_picture_on_a_page_has_a_dark_colour_for_every_light_one() -> None:
    for role in (*ROLES.values(), *RUN_ROLES):
        for paint in ("fill", "stroke"):
            assert f'[{paint}="{role.light}"] {{ {paint}: {role.dark}; }}' in DARK_ROLES
    assert DARK_ROLES in STYLE
    payload = {"x": [[0.0, 0.0]], "label": [0], "classes": ["generated"]}
    drawn = for_page(Points.svg(Picture("points", "p", payload)))
    assert drawn.count("<style>") == 1
    ElementTree.fromstring(drawn)


def test_every_picture_of_a_page_follows_its_theme() -> None:
    # What the panels draw as SVG is shown as an image, which no style sheet of the page reaches.
    bare = re.compile(r"(?<!for_page\()\bform\.svg\(")
    assert bare.search("st.image(form.svg(picture))")
    ui = [*(ROOT / "genlab" / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    assert [path.name for path in ui if bare.search(path.read_text("utf-8"))] == []


def test_data_without_classes_are_grey_in_every_figure() -> None:
    cloud = np.random.default_rng(0).normal(size=(9, 3))
    for columns, dim in ((("a", "b", "c"), 3), ((), 2), ((), 1)):
        figure = points_figure(points_info(cloud[:, :dim], columns=columns))
        (data,) = [trace for trace in figure.data if trace.name == "data"]
        colour = data.marker.color
        found = {colour} if isinstance(colour, str) else set(colour)
        assert found == {GREY}
