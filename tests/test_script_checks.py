"""What checks the scripts of the pages is pinned, and its lock file names no host."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "genlab" / "ui" / "static"


def test_every_tool_is_pinned_and_the_lock_agrees() -> None:
    pins = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, version in pins.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert locked[f"node_modules/{name}"]["version"] == version
    assert locked[""]["devDependencies"] == pins


def test_the_lock_has_a_hash_for_each_package_and_no_address() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, package in locked.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


def test_lines_of_scripts_and_styles_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in STATIC.rglob("*.*")
        if path.suffix in {".js", ".css"}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 100
    ]
    assert not long
