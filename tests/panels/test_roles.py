"""One colour and one mark for each role, the same in Python, scripts and style sheets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genlab.core.measure import Picture
from genlab.panels.colours import COLOURS, NAMES, ROLES
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
