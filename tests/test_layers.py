"""Imports point one way: a lower layer never knows a higher one."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lowest first; a package may import from its own line and from those above it in this list.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("accelerate", "panels"),
    ("data", "nets", "distributions", "divergences", "paths"),
    ("models",),
    ("objectives",),
    ("browser", "probes", "latent", "sentinel", "metrics"),
    ("compare",),
    ("inference", "train"),
    ("lessons",),
    ("runs",),
    ("exports",),
    ("figures",),
    ("report",),
    ("studies",),
    ("replay",),
    ("challenges", "classroom"),
    ("serving",),
    ("cli", "commands", "__main__", "__init__"),
    ("ui",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FREE = {"testing"}


def modules() -> list[Path]:
    return sorted(p for p in (ROOT / "genlab").rglob("*.py"))


def part(path: Path) -> str:
    relative = path.relative_to(ROOT / "genlab").parts
    return relative[0] if len(relative) > 1 else path.stem


def imported(path: Path) -> list[tuple[str, bool]]:
    """Every imported module name, and whether the import stands at the top level."""
    tree = ast.parse(path.read_text())
    top = {id(node) for node in tree.body}
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, id(node) in top))
            if node.module == "genlab":
                found += [(f"genlab.{alias.name}", id(node) in top) for alias in node.names]
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    mine = part(path)
    if mine in FREE:
        pytest.skip("the reusable test cases may use any layer")
    assert mine in RANK, f"genlab/{mine} has no place in the layers of this test"
    for name, _ in imported(path):
        words = name.split(".")
        if words[0] != "genlab" or len(words) < 2 or words[1] not in RANK:
            continue
        assert RANK[words[1]] <= RANK[mine], f"{path.name} ({mine}) imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_streamlit_stays_in_ui_and_torch_out_of_what_draws(path: Path) -> None:
    names = {name.split(".")[0] for name, _ in imported(path)}
    if part(path) not in {"ui"}:
        assert "streamlit" not in names
    if part(path) in {"figures", "panels"}:
        assert not names & {"torch", "torchvision"}


def test_the_store_imports_without_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, genlab.runs.store, genlab.runs.sql; "
        "print('torch' in sys.modules, 'streamlit' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_one_module_alone_imports_torchvision() -> None:
    users = [
        str(p.relative_to(ROOT))
        for p in modules()
        if any(name.split(".")[0] == "torchvision" for name, _ in imported(p))
    ]
    assert users == ["genlab/core/vision.py"]


def test_pages_are_thin() -> None:
    long = {
        p.name: n
        for p in (ROOT / "pages").glob("*.py")
        if (n := len(p.read_text().splitlines())) > 80
    }
    assert long == {}
    assert len((ROOT / "app.py").read_text().splitlines()) < 60


def test_no_ring_of_modules_imports_itself_at_once_or_later() -> None:
    """Neither on import nor inside functions; ``make measures`` names the rings."""
    script = ROOT / "scripts" / "measure_house.py"
    done = subprocess.run(
        [sys.executable, str(script), "--json"], capture_output=True, text=True, timeout=120
    )
    found = json.loads(done.stdout)
    assert found["circles"] == []
    assert found["later_circles"] == []
