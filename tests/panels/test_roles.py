"""One colour and one mark for each role, the same in Python, scripts and style sheets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genlab.core.measure import Picture
from genlab.panels.colours import COLOURS, GREY, NAMES, ROLES
from genlab.panels.points import Points
from genlab.panels.run_marks import MARK_CSS, RUN_ROLES

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


def test_generated_points_have_their_colour_on_the_map_of_explore() -> None:
    for name in ("figures/latent.py", "ui/explore/movie.py", "ui/explore/scene.py"):
        text = (ROOT / "genlab" / name).read_text()
        assert re.findall(r'"generatedColour": ROLES\["(\w+)"\]\.light', text) == ["generated"]
