"""Write the list of modules of ``docs/guide/layout.md`` from the first lines of their docstrings.

Run it after adding, renaming or removing a module::

    PYTHONPATH=. .venv/bin/python scripts/list_modules.py

``tests/docs/test_layout.py`` fails if the list is out of date.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "guide" / "layout.md"
#: The list stands between these two lines of the page.
START, END = "<!-- modules: start -->", "<!-- modules: end -->"


def first_line(path: Path) -> str:
    """The first paragraph of a module's docstring on one line, fit for a cell of a table."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def packages() -> list[Path]:
    """The folders of the package that hold Python modules, sorted."""
    return sorted({path.parent for path in (ROOT / "genlab").rglob("*.py")})


def module_list() -> str:
    """The list: a heading for each package and a table row for each of its modules."""
    parts = []
    for folder in packages():
        name = folder.relative_to(ROOT).as_posix()
        parts += [f"### `{name}/`", ""]
        package = folder / "__init__.py"
        if package.exists() and (words := first_line(package)):
            parts += [words, ""]
        rows = [
            f"| `{path.name}` | {first_line(path)} |"
            for path in sorted(folder.glob("*.py"))
            if path.name != "__init__.py"
        ]
        if rows:
            parts += ["| module | what |", "|---|---|", *rows, ""]
    return "\n".join(parts).rstrip()


def updated(page: str) -> str:
    """The page with the list as it should be."""
    head, rest = page.split(START, 1)
    tail = rest.split(END, 1)[1]
    return f"{head}{START}\n\n{module_list()}\n\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
