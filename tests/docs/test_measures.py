"""The measures of the code, counted in sources small enough to count by hand."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def house() -> types.ModuleType:
    path = ROOT / "scripts" / "measure_house.py"
    found = importlib.util.spec_from_file_location("measure_house", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["measure_house"] = module
    found.loader.exec_module(module)
    return module


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("from toy.a import Base\n")
    (package / "a.py").write_text(
        "from toy import b\n\n"
        "class Base:\n"
        '    """A class."""\n\n'
        "    size: int = option(1, 'how many')\n\n"
        "    def look(self):\n"
        '        """Look."""\n'
        "        x = 1\n"
        "        return x\n\n"
        "    def _own(self):\n"
        "        return 2\n"
    )
    (package / "b.py").write_text(
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from toy.d import e\n\n"
        "import toy.c\nfrom toy import a as first\n\n"
        "class Other(first.Base):\n"
        "    size: int = option(2, 'how many')\n\n"
        "    def look(self):\n        return 3\n"
    )
    (package / "c.py").write_text("def late():\n    from toy import d\n\n    return d\n")
    (package / "d.py").write_text("import toy.c\n\ne = 1\n")
    (package / "long.py").write_text("x = 1\n" * 501)
    return tmp_path


def test_the_measures_of_a_toy_package(house: types.ModuleType, toy: Path) -> None:
    found = house.measure(toy, "toy")
    assert found.circles == [["toy.a", "toy.b"]]
    assert found.later_circles == [["toy.a", "toy.b"], ["toy.c", "toy.d"]]
    assert found.long_files == {"toy/long.py": 501}
    # Lines of the bodies: look 2, _own 1, look 1, late 3.
    assert (found.functions, found.median) == (4, 1.5)
    assert found.documented == {"function": (0, 1), "class": (1, 2), "method": (1, 2)}
    assert found.overriding == 1
    # The method that overrides a documented one inherits its docstring.
    assert found.share == pytest.approx(3 / 5)
    assert found.declared_again == {"size": ["Base", "Other"]}
    assert any("60.0 %" in line for line in house.report(found))


def test_a_ring_of_three_is_one_circle_and_a_chain_none(house: types.ModuleType) -> None:
    assert house.circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert house.circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_project_is_measured(house: types.ModuleType) -> None:
    found = house.measure()
    assert found.circles == []
    assert found.later_circles == []
    assert 0 < found.median < found.p95
    assert 0.5 < found.share <= 1.0
