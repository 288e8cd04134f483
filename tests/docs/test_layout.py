"""The list of modules in docs/guide/layout.md is complete and up to date."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
HINT = "run: PYTHONPATH=. .venv/bin/python scripts/list_modules.py"


def script() -> ModuleType:
    path = ROOT / "scripts" / "list_modules.py"
    found = importlib.util.spec_from_file_location("list_modules", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_page_lists_every_module_with_its_first_sentence() -> None:
    one = script()
    page = one.PAGE.read_text(encoding="utf-8")
    assert page == one.updated(page), HINT


def test_every_module_says_what_it_is() -> None:
    one = script()
    modules = [path for path in (ROOT / "genlab").rglob("*.py") if path.name != "__main__.py"]
    assert [path for path in modules if not one.first_line(path)] == []


def test_the_guide_names_every_package() -> None:
    page = script().PAGE.read_text(encoding="utf-8").split("## Every module")[0]
    names = {p.parent.name for p in (ROOT / "genlab").glob("*/__init__.py")}
    assert {name for name in names if f"{name}/`" not in page} == set()
