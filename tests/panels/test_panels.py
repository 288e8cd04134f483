"""The contract of the table PANELS: what every form of pictures must do."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from genlab.core.folders import LocalFolder
from genlab.core.measure import Picture
from genlab.panels import PANELS, check_picture, form_of
from genlab.panels.base import PanelError
from genlab.panels.encoding import sheet, unsheet
from genlab.runs.files import RunFiles
from genlab.testing.panel_contract import STATIC, PanelContract, live_rows

FORMS = list(PANELS)


class TestPanels(PanelContract):
    """Every form of the table."""

    @pytest.fixture(params=FORMS)
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


def test_the_live_view_has_no_other_form_and_the_same_wide_ones() -> None:
    own = {name for name in FORMS if PANELS[name].javascript() is None}
    assert set(live_rows()) == own
    wide = re.search(r"const WIDE = new Set\((.*?)\)", (STATIC / "forms.js").read_text())
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
        ("histogram", {"counts": [1]}, "not of the kind mapping"),
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
    assert len(ElementTree.fromstring(check_picture(empty).svg(empty)))
    assert check_picture(empty).thumbnail(empty).startswith(b"\x89PNG")


def test_a_sheet_is_cut_back_into_its_images() -> None:
    x = (np.arange(5 * 3 * 2 * 4).reshape(5, 3, 2, 4) % 256 / 255).astype(np.float32)
    assert np.array_equal(unsheet(sheet(x, 3), 5, 3, (3, 2, 4)), x)


def test_the_example_of_an_older_version_is_drawn() -> None:
    """The forms that the store of 0.1.0 holds are all in the table."""
    root = Path(__file__).resolve().parent.parent / "compat" / "v0_1_0" / "exported"
    files = RunFiles(LocalFolder(root))
    frames = files.frames()
    assert len(frames) >= 3
    for panel, steps in frames.items():
        picture = files.picture(panel, steps[-1])
        drawn = ElementTree.fromstring(check_picture(picture).svg(picture))
        assert len(drawn), panel
