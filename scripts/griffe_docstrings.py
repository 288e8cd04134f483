"""Docstrings as Markdown: what the source writes for ``help()`` becomes links and code blocks.

The documentation is built by a tool that reads Markdown. The project's docstrings hold a few marks
of reStructuredText (:class:`...`, a paragraph that ends in ``::``) and bare doctests; this turns
them into their Markdown counterparts. A reference to a name that does not exist stays a link, so
that the build reports it.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc|obj):`(~?)([^`]+)`")
PROMPT = re.compile(r"^\s*>>> ")
HEADING = re.compile(r"^\s*Examples?:\s*$")


def links(text: str, obj: Any) -> str:
    """Each role as a link to the page of what it names."""

    def link(found: re.Match[str]) -> str:
        short, name = found.groups()
        label = name.rsplit(".", 1)[-1] if short else name
        return f"[`{label}`][{resolved(name, obj)}]"

    return ROLE.sub(link, text)


def resolved(name: str, obj: Any) -> str:
    """The full path of a name as it is meant in an object's docstring."""
    package = obj.package.path
    if name == package or name.startswith(f"{package}."):
        return final(name, obj)
    head, _, tail = name.partition(".")
    scope = obj
    while scope is not None:
        if head in scope.members:
            path = f"{scope.path}.{head}"
            return final(f"{path}.{tail}" if tail else path, obj)
        scope = scope.parent
    return name


def final(path: str, obj: Any) -> str:
    """The path at which an object is defined, for one that is only imported where it is named."""
    try:
        found = obj.package.modules_collection[path]
        return found.target_path if found.is_alias else found.path
    except (KeyError, griffe.GriffeError):
        return path


def fenced(text: str) -> str:
    """Doctests and literal blocks between fences, so that nothing in them is read as a mark."""
    out: list[str] = []
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        line, end = lines[i], i + 1
        if PROMPT.match(line):
            while end < len(lines) and lines[end].strip():
                end += 1
            out += fence(lines[i:end], "pycon")
        elif HEADING.match(line):
            end = block_end(lines, i)
            body = textwrap.dedent("\n".join(lines[i + 1 : end])).strip("\n")
            out += ["**Example**", "", *fenced(body).splitlines(), ""]
        elif line.rstrip().endswith("::"):
            end = block_end(lines, i)
            body = textwrap.dedent("\n".join(lines[i + 1 : end])).strip("\n")
            depth = " " * indent(line)
            out += [line.rstrip()[:-1], *(depth + b for b in fence(body.splitlines(), "python"))]
        else:
            out.append(line)
        i = end
    return "\n".join(out)


def indent(line: str) -> int:
    """How many spaces a line begins with."""
    return len(line) - len(line.lstrip())


def block_end(lines: list[str], start: int) -> int:
    """The line after the block that is indented below a line."""
    end = start + 1
    while end < len(lines) and (
        not lines[end].strip() or indent(lines[end]) > indent(lines[start])
    ):
        end += 1
    return end


def fence(lines: list[str], language: str) -> list[str]:
    """A block of code in Markdown, indented as it stands."""
    depth = " " * indent(lines[0]) if lines else ""
    return ["", f"{depth}```{language}", *lines, f"{depth}```", ""]


class Markdown(griffe.Extension):
    """Rewrites every docstring once the whole package has been read."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Rewrite the docstrings of a package that was loaded."""
        self.visit(pkg)

    def visit(self, obj: Any) -> None:
        """Rewrite the docstring of an object and of all that lies in it."""
        if obj.is_alias:
            return
        if obj.docstring is not None:
            obj.docstring.value = links(fenced(obj.docstring.value), obj)
        for member in obj.members.values():
            self.visit(member)
