"""The contract of the table PANELS: what every form of pictures must do."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab.core.folders import LocalFolder
from genlab.core.measure import Picture
from genlab.panels import PANELS, Form, check_picture, form_of
from genlab.panels.base import PanelError
from genlab.panels.encoding import sheet, to_plain, unsheet
from genlab.runs.files import RunFiles

FORMS = list(PANELS)
STATIC = resources.files("genlab.ui") / "static" / "live"
SPACE = "{http://www.w3.org/2000/svg}"


def example(name: str) -> Picture:
    return Picture(name, "Title <b>", PANELS[name].example(), "n = 3")


@pytest.mark.parametrize("name", FORMS)
def test_the_example_has_the_data_of_its_form(name: str) -> None:
    assert check_picture(example(name)) is PANELS[name]


@pytest.mark.parametrize("name", FORMS)
def test_each_required_entry_is_checked(name: str) -> None:
    picture, form = example(name), PANELS[name]
    required = [key for key, field in form.fields.items() if field.required]
    assert required
    for key in required:
        payload = {k: v for k, v in picture.payload.items() if k != key}
        with pytest.raises(PanelError, match=f"'{name}' has no '{key}'"):
            form.check(payload)


@pytest.mark.parametrize("name", FORMS)
def test_the_svg_is_well_formed_and_described(name: str) -> None:
    form: type[Form] = PANELS[name]
    root = ElementTree.fromstring(form.svg(example(name), ink="#8A8A8A"))
    assert root.tag == f"{SPACE}svg"
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].startswith("Title <b>")
    assert float(root.attrib["width"]) > 0
    html = form.html(example(name))
    ElementTree.fromstring(re.sub(r"^(<img.*)>$", r"\1/>", html))


@pytest.mark.parametrize("name", FORMS)
def test_the_thumbnail_is_a_png_that_shows_something(name: str) -> None:
    picture = Image.open(io.BytesIO(PANELS[name].thumbnail(example(name))))
    assert (picture.format, picture.size) == ("PNG", (160, 160))
    assert len(set(picture.convert("RGB").getdata())) > 1


@pytest.mark.parametrize("name", FORMS)
def test_what_is_stored_is_read_back(name: str, tmp_path: Path) -> None:
    files, picture = RunFiles(LocalFolder(tmp_path)), example(name)
    files.save_frame(7, {"panel": picture})
    assert sorted(p.suffix[1:] for p in (tmp_path / "frames").iterdir()) == sorted(
        [*PANELS[name].extensions, "json"]
    )
    found = files.picture("panel", 7)
    assert (found.form, found.title, found.note) == (name, picture.title, picture.note)
    check_picture(found)
    assert PANELS[name].thumbnail(found) == PANELS[name].thumbnail(picture)
    before, after = to_plain(picture.payload), to_plain(found.payload)
    assert {k: v for k, v in after.items() if k != "x"} == {
        k: v for k, v in before.items() if k != "x"
    }


def rows_of_the_live_view() -> dict[str, str]:
    """The rows of the table in forms.js: the form, and how it is drawn."""
    table = (STATIC / "forms.js").read_text().partition("export const FORMS = {")[2]
    return dict(re.findall(r"^  (\w+): (.*),$", table.partition("\n};")[0], re.MULTILINE))


@pytest.mark.parametrize("name", FORMS)
def test_the_live_view_has_the_function_that_the_row_names(name: str) -> None:
    module, function = PANELS[name].script
    source = (STATIC / module).read_text()
    assert re.search(rf"export (async )?function {function}\b", source)
    assert re.search(rf"\b{function}\b", rows_of_the_live_view()[name])


def test_the_live_view_has_no_other_form_and_the_same_wide_ones() -> None:
    own = {name for name in FORMS if PANELS[name].__module__.startswith("genlab.")}
    assert set(rows_of_the_live_view()) == own
    wide = re.search(r"const WIDE = new Set\((.*?)\)", (STATIC / "panel.js").read_text())
    assert wide is not None
    assert set(json.loads(wide[1])) == {name for name in own if PANELS[name].wide}


def test_an_unknown_form_is_an_error_and_nothing_is_stored(tmp_path: Path) -> None:
    files = RunFiles(LocalFolder(tmp_path))
    with pytest.raises(PanelError, match=r"no form of pictures named 'hexagons'.*points"):
        files.save_frame(0, {"panel": Picture("hexagons", "Title", {})})
    assert files.frames() == {}
    for about in ({"form": "hexagons"}, {"form": None}, {}):
        with pytest.raises(PanelError):
            form_of(about)


def test_a_stored_picture_of_an_unknown_form_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    about = {"form": "hologram", "title": "D", "note": "", "step": 0}
    (tmp_path / "frames" / "d@000000000.json").write_text(json.dumps(about))
    with pytest.raises(PanelError, match="'hologram'"):
        RunFiles(LocalFolder(tmp_path)).picture("d", 0)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("points", {"label": [0]}, r"label of shape \(1,\); expected \(3\)"),
        ("points", {"x": [[0.0, 1.0], [1.0]]}, "x of shape None"),
        ("points", {"box": [[0.0, 0.0]]}, "box of shape"),
        ("histogram", {"counts": {"a": [1, 2, 3]}}, "3 counts of 'a' in 2 bins"),
        ("histogram", {"counts": [1]}, "no mapping"),
        ("bars", {"y": [1.0]}, "y of shape"),
        ("images", {"x": np.zeros((2, 3))}, "x of shape"),
        ("gap", {"cells": 3}, "9 cells"),
        ("ledger", {"rows": [{"title": "KL"}]}, "without 'value'"),
        ("calibration", {"bins": [{"low": 0.0}]}, "without 'high'"),
        ("line", {"x": [0.0]}, "'p'"),
    ],
)
def test_a_wrong_payload_is_named(name: str, change: dict[str, object], message: str) -> None:
    with pytest.raises(PanelError, match=message):
        PANELS[name].check(PANELS[name].example() | change)


def test_points_without_any_point_have_their_axes() -> None:
    empty = Picture("points", "None", {"x": [], "label": [], "classes": []})
    ElementTree.fromstring(check_picture(empty).svg(empty))
    assert check_picture(empty).thumbnail(empty).startswith(b"\x89PNG")


def test_a_sheet_is_cut_back_into_its_images() -> None:
    x = (np.arange(5 * 3 * 2 * 4).reshape(5, 3, 2, 4) % 256 / 255).astype(np.float32)
    assert np.array_equal(unsheet(sheet(x, 3), 5, 3, (3, 2, 4)), x)


def test_the_example_of_an_older_version_is_drawn() -> None:
    """The forms that the store of 0.1.0 holds are all in the table."""
    root = Path(__file__).resolve().parent.parent / "compat" / "v0_1_0" / "exported"
    files = RunFiles(LocalFolder(root))
    for panel, steps in files.frames().items():
        picture = files.picture(panel, steps[-1])
        ElementTree.fromstring(check_picture(picture).svg(picture))
