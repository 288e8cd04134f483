"""Every picture and every chart says where it stands and what one sees in it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from genlab.core.views import CHARTS, SECTIONS, View, chart_group
from genlab.lessons import chapters
from genlab.probes import PROBES
from genlab.probes.views import panel_views

ROOT = Path(__file__).resolve().parents[2] / "genlab"


def declared() -> list[tuple[str, View]]:
    charts = [(f"chart {name}", group.view) for name, group in CHARTS.items()]
    return [*((f"panel {name}", view) for name, view in panel_views().items()), *charts]


@pytest.mark.parametrize(("name", "view"), declared(), ids=lambda one: str(one)[:30])
def test_a_view_has_a_sentence_and_a_lesson_that_is_there(name: str, view: View) -> None:
    assert view.section in SECTIONS
    assert view.sees.endswith(".")
    assert len(view.sees) > 20
    assert view.lesson in {"", *chapters()}, name


def test_every_picture_of_a_probe_has_a_view() -> None:
    """A probe that makes a ``Picture`` (read from its source) declares its view."""
    for row in PROBES.rows():
        tree = ast.parse(inspect.getsource(inspect.getmodule(row.value)))
        node = next(n for n in tree.body if getattr(n, "name", "") == row.value.__name__)
        if any(getattr(n, "id", "") == "Picture" for n in ast.walk(node)):
            assert row.value.views, row.name


def test_every_group_of_series_has_a_chart() -> None:
    for folder in ("objectives", "inference", "probes", "models", "train"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Series":
                    group = node.args[2] if len(node.args) > 2 else None
                    if isinstance(group, ast.Constant):
                        assert group.value in CHARTS, (path.name, group.value)


def test_an_unknown_section_is_refused_and_an_unknown_group_has_a_place() -> None:
    with pytest.raises(ValueError, match="allowed: learning"):
        View("somewhere")
    assert chart_group("temperature").view.section == "learning"
