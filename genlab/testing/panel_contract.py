"""What every form of pictures must do, as reusable test cases.

A test module subclasses :class:`PanelContract` and gives a fixture ``name`` with the names of the
table.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from importlib import resources
from pathlib import Path

import pytest
from PIL import Image

from genlab.core.folders import LocalFolder
from genlab.core.measure import Picture
from genlab.panels import PANELS, Form, check_picture
from genlab.panels.base import PanelError
from genlab.panels.encoding import to_plain
from genlab.runs.files import RunFiles

STATIC = resources.files("genlab.ui") / "static" / "live"
SPACE = "{http://www.w3.org/2000/svg}"


def example(name: str) -> Picture:
    """The example of a form, with a title that must be escaped."""
    return Picture(name, "Title <b>", PANELS[name].example(), "n = 3")


def live_rows() -> dict[str, str]:
    """The rows of the table in ``forms.js``: the form, and how it is drawn."""
    table = (STATIC / "forms.js").read_text().partition("export const FORMS = {")[2]
    return dict(re.findall(r"^  (\w+): (.*),$", table.partition("\n};")[0], re.MULTILINE))


def exports(source: str, name: str) -> bool:
    """Whether a script exports a function."""
    return re.search(rf"^export (async )?function {name}\b", source, re.MULTILINE) is not None


class PanelContract:
    """The rows of ``PANELS``: their data, their files and their drawings."""

    def test_the_example_has_the_data_of_its_form(self, name: str) -> None:
        assert check_picture(example(name)) is PANELS[name]

    def test_each_required_entry_is_checked(self, name: str) -> None:
        picture, form = example(name), PANELS[name]
        required = [key for key, field in form.fields.items() if field.required]
        assert required
        for key in required:
            payload = {k: v for k, v in picture.payload.items() if k != key}
            with pytest.raises(PanelError, match=f"'{name}' has no '{key}'"):
                form.check(payload)

    def test_the_svg_is_well_formed_and_described(self, name: str) -> None:
        form: type[Form] = PANELS[name]
        root = ElementTree.fromstring(form.svg(example(name), ink="#123456"))
        assert root.tag == f"{SPACE}svg"
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"].startswith("Title <b>")
        assert float(root.attrib["width"]) > 0
        html = form.html(example(name))
        ElementTree.fromstring(re.sub(r"^(<img.*)>$", r"\1/>", html))

    def test_the_thumbnail_is_a_png_that_shows_something(self, name: str) -> None:
        picture = Image.open(io.BytesIO(PANELS[name].thumbnail(example(name))))
        assert (picture.format, picture.size) == ("PNG", (160, 160))
        assert len(set(picture.convert("RGBA").getdata())) > 1

    def test_the_thumbnail_has_no_ground_that_one_theme_would_make_glaring(
        self, name: str
    ) -> None:
        # Images bring their own ground; a plot lies on that of the page.
        if "png" not in PANELS[name].extensions:
            picture = Image.open(io.BytesIO(PANELS[name].thumbnail(example(name)))).convert("RGBA")
            assert picture.getchannel("A").getpixel((1, 1)) == 0

    def test_what_is_stored_is_read_back(self, name: str, tmp_path: Path) -> None:
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
        images = {"x"} if "png" in PANELS[name].extensions else set()
        assert {k: v for k, v in after.items() if k not in images} == {
            k: v for k, v in before.items() if k not in images
        }

    def test_the_live_view_has_a_script_that_draws_it(self, name: str) -> None:
        form = PANELS[name]
        brought = form.javascript()
        if brought is not None:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name), "the script's address has this name"
            for function in ("draw", "table"):
                assert exports(brought, function), f"the script must export {function}()"
            assert name not in live_rows()
            return
        assert isinstance(form.script, tuple)
        module, function = form.script
        assert exports((STATIC / module).read_text(), function)
        assert re.search(rf"\b{function}\b", live_rows()[name])
