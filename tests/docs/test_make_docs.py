"""The documentation: made from whatever modules there are, with nothing fetched from elsewhere."""

from __future__ import annotations

import importlib.util
import re
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What a document says of the repository's files: links, and paths between backticks.
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/guide/*.md")]


def script(name: str) -> types.ModuleType:
    """A script of the repository as a module."""
    found = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


docs = script("make_docs")


def test_the_reference_has_a_page_for_each_public_module(tmp_path: Path) -> None:
    pages = docs.reference(tmp_path)
    names = [
        name for section in pages for rows in section.values() for row in rows for name in row
    ]
    assert sorted(names) == docs.public_modules()
    assert {"genlab", "genlab.runs", "genlab.data"} <= set(names)
    assert not [name for name in names if "._" in name]
    assert {f"{name}.md" for name in names} == {p.name for p in tmp_path.glob("reference/*")}


def test_a_percent_script_becomes_a_page() -> None:
    text = "# %% [markdown]\n# # Title\n#\n# Words.\n\n# %%\nx = 1  # why\n"
    assert docs.example_page(text) == "# Title\n\nWords.\n\n```python\nx = 1  # why\n```"


def test_links_between_files_become_links_between_pages(tmp_path: Path) -> None:
    home, guide = tmp_path / "README.md", tmp_path / "docs" / "guide" / "server.md"
    pages = {home: "index.md", guide: "guide/server.md"}
    text = "[a](docs/guide/server.md#b) [c](https://x.org) [code](genlab/cli.py)"
    assert docs.relinked(text, home, pages, tmp_path) == (
        "[a](guide/server.md#b) [c](https://x.org) code (`genlab/cli.py`)"
    )
    assert docs.relinked("[up](../../README.md)", guide, pages, tmp_path) == "[up](../index.md)"


def test_what_a_page_would_fetch_is_found_and_a_link_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="https://fine.org">x</a><script src="https://one.org/a.js"></script>'
        '<link rel="stylesheet" href="//two.org/a.css"><img src="images/a.png">'
        '<p style="background: url(https://three.org/x.png)"></p>'
    )
    (tmp_path / "a.css").write_text("@import 'https://four.org/f.css'; a { color: red }")
    hosts = [re.search(r"//(\w+)\.org", line)[1] for line in docs.foreign(tmp_path)]
    assert hosts == ["one", "two", "three", "four"]


def test_docstrings_become_markdown() -> None:
    pytest.importorskip("griffe", reason="requirements-docs.txt is not installed")
    marks = script("griffe_docstrings")
    text = "It works::\n\n    run(1)\n\nExample:\n    >>> f[0]\n    1\n"
    words = " ".join(marks.fenced(text).split())
    assert words == "It works: ```python run(1) ``` **Example** ```pycon >>> f[0] 1 ```"


def test_references_in_docstrings_are_found_where_they_are_meant(tmp_path: Path) -> None:
    griffe = pytest.importorskip("griffe", reason="requirements-docs.txt is not installed")
    marks = script("griffe_docstrings")
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("from toy.inner import Thing\n")
    (package / "inner.py").write_text(
        '"""See :func:`make`, :class:`~toy.Thing` and :func:`gone`."""\n\n'
        "def make():\n    pass\n\nclass Thing:\n    pass\n"
    )
    found = griffe.load("toy", search_paths=[tmp_path], resolve_aliases=True)
    inner = found["inner"]
    assert marks.links(inner.docstring.value, inner) == (
        "See [`make`][toy.inner.make], [`Thing`][toy.inner.Thing] and [`gone`][gone]."
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    lost = [
        address
        for _, address, _ in docs.LINK.findall(document.read_text())
        if "://" not in address and address[0] != "#"
        if not (document.parent / address.partition("#")[0]).exists()
    ]
    assert lost == []


def test_the_first_screens_of_the_readme_stay_short() -> None:
    text = (ROOT / "README.md").read_text()
    first = text.partition("\n## Reference")[0].splitlines()
    assert len(first) < len(text.splitlines())
    assert len(first) <= 100
