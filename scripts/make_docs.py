"""Build the documentation, offline: ``make docs`` writes ``build/docs/site/index.html``.

The guides are Markdown files of this repository, the worked examples are scripts, and the API
reference is made from the docstrings of whatever public modules the package has. The build fails
on any warning, and on any page that would fetch something from another host.
"""

from __future__ import annotations

import argparse
import html.parser
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "genlab"
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
#: Attributes by which a page fetches something by itself; ``href`` of a link waits for a click.
FETCHES = {"src", "srcset", "poster", "data", "action"}
RELATIONS = {"stylesheet", "icon", "preconnect", "dns-prefetch", "preload", "modulepreload"}


def public_modules(root: Path = ROOT) -> list[str]:
    """The dotted names of the public modules, packages before what lies in them."""
    found = []
    for file in (root / PACKAGE).rglob("*.py"):
        words = file.relative_to(root).with_suffix("").parts
        words = words[:-1] if words[-1] == "__init__" else words
        if not any(word.startswith("_") for word in words):
            found.append(".".join(words))
    return sorted(found)


def example_page(script: str) -> str:
    """A percent script as Markdown: text cells as text, code cells as code."""
    parts = []
    for cell in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        head, _, body = cell.partition("\n")
        body = body.strip("\n")
        if "[markdown]" in head:
            parts.append("\n".join(line.removeprefix("#")[1:] for line in body.splitlines()))
        elif body:
            parts.append(f"```python\n{body}\n```")
    return "\n\n".join(parts)


def relinked(text: str, here: Path, pages: dict[Path, str], root: Path) -> str:
    """Markdown with its links to files of the repository changed to links between pages.

    Args:
        text: of the page.
        here: the file it stands in.
        pages: the page of each file that has one, as a path below the documentation's folder.
        root: of the repository.
    """
    own = Path(pages[here])

    def target(found: re.Match[str]) -> str:
        before, address, after = found.groups()
        name, mark, anchor = address.partition("#")
        if "://" in address or not name:
            return found.group(0)
        file = (here.parent / name).resolve()
        if file in pages:
            up = "../" * (len(own.parts) - 1)
            return f"{before}{up}{pages[file]}{mark}{anchor}{after}"
        if file.is_relative_to(root):
            label = before.lstrip("!")[1:-2]
            return f"{label} (`{file.relative_to(root)}`)" if label != name else f"`{name}`"
        return found.group(0)

    return LINK.sub(target, text)


def title_of(text: str, fallback: str) -> str:
    """The first heading of a page."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else fallback


def collect(source: Path) -> list[dict[str, object]]:
    """Write every page below a folder; the navigation."""
    docs = ROOT / "docs"
    guides = sorted(docs.glob("*.md")) + sorted(docs.glob("guide/*.md"))
    examples = sorted(docs.glob("examples/*.py"))
    project = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    pages = {ROOT / "README.md": "index.md"}
    pages |= {file: str(file.relative_to(docs)) for file in guides}
    pages |= {file: f"examples/{file.stem}.md" for file in examples}
    pages |= {file: f"project/{file.stem.lower()}.md" for file in project}
    images = [file for file in sorted((docs / "images").glob("*")) if file.is_file()]
    pages |= {file: str(file.relative_to(docs)) for file in images}
    titles: dict[Path, str] = {}
    for file, name in pages.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if file in images:
            shutil.copyfile(file, source / name)
            continue
        text = file.read_text()
        text = example_page(text) if file.suffix == ".py" else text
        titles[file] = title_of(text, file.stem)
        (source / name).write_text(relinked(text, file, pages, ROOT))

    def section(title: str, files: list[Path]) -> dict[str, object]:
        return {title: [{titles[file]: pages[file]} for file in files]}

    return [
        {"GenLab": "index.md"},
        section("Guides", guides),
        section("Examples", examples),
        section("Project", project),
        {"API reference": reference(source)},
    ]


def reference(source: Path) -> list[dict[str, object]]:
    """Write a page for each public module; their navigation, a section for each package."""
    sections: dict[str, list[object]] = {}
    for name in public_modules():
        page = f"reference/{name}.md"
        (source / page).parent.mkdir(exist_ok=True)
        (source / page).write_text(f"::: {name}\n")
        words = name.split(".")
        is_package = (ROOT / Path(*words) / "__init__.py").is_file()
        group = words[1] if len(words) > 2 or (len(words) == 2 and is_package) else PACKAGE
        sections.setdefault(group, []).append({name: page})
    return [{title: pages} for title, pages in sections.items()]


def settings(navigation: list[dict[str, object]]) -> dict[str, object]:
    """The configuration of the build: the repository's ``mkdocs.yml`` with what is made here."""
    import yaml

    known = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    handler = next(p for p in known["plugins"] if "mkdocstrings" in p)["mkdocstrings"]["handlers"]
    handler["python"]["paths"] = [str(ROOT)]
    extension = ROOT / "scripts" / "griffe_docstrings.py"
    handler["python"]["options"]["extensions"] = [str(extension)]
    return known | {"nav": navigation, "docs_dir": "source", "site_dir": "site"}


class Fetched(html.parser.HTMLParser):
    """Collects the addresses on other hosts that a page would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes of a tag."""
        values = {name: value or "" for name, value in attrs}
        wanted = [values[name] for name in FETCHES & values.keys()]
        if tag == "link" and RELATIONS & set(values.get("rel", "").split()):
            wanted.append(values.get("href", ""))
        wanted += re.findall(r"url\(([^)]*)\)", values.get("style", ""))
        self.found += [w for w in wanted if re.match(r"\s*['\"]?(?:\w+:)?//", w)]


def foreign(site: Path) -> Iterator[str]:
    """What the pages and styles of a site would fetch from other hosts, each with its file."""
    for file in sorted(site.rglob("*.html")):
        parser = Fetched()
        parser.feed(file.read_text())
        yield from (f"{file.relative_to(site)}: {address}" for address in parser.found)
    for file in sorted(site.rglob("*.css")):
        text = file.read_text()
        for address in re.findall(r"(?:@import|url\()\s*['\"]?((?:https?:)?//[^'\")\s]+)", text):
            yield f"{file.relative_to(site)}: {address}"


def main() -> int:
    """Build the site; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    out = parser.parse_args().out.resolve()
    source, site = out / "source", out / "site"
    shutil.rmtree(out, ignore_errors=True)
    source.mkdir(parents=True)
    navigation = collect(source)
    config = out / "mkdocs.yml"
    config.write_text(json.dumps(settings(navigation), indent=1))
    words = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(config)]
    done = subprocess.run(words, cwd=out, capture_output=True, text=True)
    output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    warnings = [
        line for line in output.splitlines() if re.match(r"\s*(warning|error)\b", line, re.I)
    ]
    if done.returncode or warnings:
        print("\n".join(warnings) or output, file=sys.stderr)
        print(f"The documentation has {len(warnings)} warnings; mend them.", file=sys.stderr)
        return 1
    if fetched := list(foreign(site)):
        print("\n".join(fetched), file=sys.stderr)
        print("These pages would ask another host; the documentation is for offline use.")
        return 1
    count = len(list(site.rglob("*.html")))
    print(f"{count} pages, no warning, nothing fetched from elsewhere: {site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
