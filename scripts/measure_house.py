"""Print the size and shape of the code: ``make measures``.

It counts import circles, long files, the lengths of functions, the share of public names with a
docstring, options that are declared more than once, and what mypy finds.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "genlab"
LONG_FILE = 500
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(file: Path, root: Path) -> str:
    """The dotted name of a file's module."""
    words = file.relative_to(root).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def at_module_level(tree: ast.AST, *, functions: bool = False) -> Iterator[ast.AST]:
    """The statements that run when a module is imported; those for type checkers do not.

    Args:
        tree: of the module.
        functions: whether what stands in functions counts too.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.Lambda) and not functions:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from at_module_level(other, functions=functions)
            continue
        yield node
        yield from at_module_level(node, functions=functions)


def imports(
    sources: Mapping[str, ast.Module], packages: set[str], *, later: bool = False
) -> dict[str, set[str]]:
    """Which modules each module imports by name when it is imported itself.

    With ``later``, imports inside functions count as well; those for type checkers never do. The
    packages that Python imports on the way to a module are left out: a package whose ``__init__``
    gathers its own modules is no circle.
    """
    found: dict[str, set[str]] = {}
    for name, tree in sources.items():
        targets: set[str] = set()
        for node in at_module_level(tree, functions=later):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    words = name.split(".")
                    up = words[: len(words) - node.level + (name in packages)]
                    base = ".".join([*up, *filter(None, [base])])
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    targets.add(whole if whole in sources else base)
        found[name] = (targets & sources.keys()) - {name}
    return found


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The sets of modules that reach each other (strongly connected, more than one).

    Tarjan's algorithm (1972), without recursion.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []
    for start in graph:
        if start in index:
            continue
        work = [(start, iter(sorted(graph[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            node, following = work[-1]
            for target in following:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    work.append((target, iter(sorted(graph[target]))))
                    break
                if target in stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    ring, stack[at:] = stack[at:], []
                    if len(ring) > 1:
                        found.append(sorted(ring))
    return sorted(found)


def is_declaration(node: Function) -> bool:
    """Whether a function has no body of its own: an overload, or an abstract method."""
    return any(
        ast.unparse(d).rsplit(".", 1)[-1] in {"overload", "abstractmethod"}
        for d in node.decorator_list
    )


def length(node: Function) -> int:
    """Lines of a function's body, from its first statement to its last, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def public(
    tree: ast.AST, *, within: bool = False
) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """The public functions and classes of a module, and the public methods of those classes."""
    for node in ast.iter_child_nodes(tree):
        # The name of a test of a contract is its sentence.
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith(("_", "test_")):
            kind = (
                "class" if isinstance(node, ast.ClassDef) else "method" if within else "function"
            )
            yield kind, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node, within=True)


def overrides(trees: Iterable[ast.AST]) -> int:
    """How many public methods without a docstring override one of the package that has it."""
    known: dict[str, tuple[list[str], set[str], set[str]]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = [
                    re.split(r"[\[.]", ast.unparse(b).partition("[")[0])[-1] for b in node.bases
                ]
                methods = [n for n in node.body if isinstance(n, Function)]
                documented_names = {n.name for n in methods if ast.get_docstring(n) is not None}
                known[node.name] = (
                    bases,
                    documented_names,
                    {n.name for n in methods} - documented_names,
                )

    def documented(owner: str, name: str, seen: frozenset[str]) -> bool:
        if owner not in known or owner in seen:
            return False
        bases, documented_names, _ = known[owner]
        return name in documented_names or any(documented(b, name, seen | {owner}) for b in bases)

    return sum(
        any(documented(base, name, frozenset({owner})) for base in bases)
        for owner, (bases, _, silent) in known.items()
        for name in silent
        if not owner.startswith("_") and not name.startswith(("_", "test_"))
    )


def options(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The options that a module declares: class and name, of ``name: type = option(...)``."""
    for owner in ast.walk(tree):
        if not isinstance(owner, ast.ClassDef):
            continue
        for node in owner.body:
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and isinstance(node.value, ast.Call)
                and ast.unparse(node.value.func).rsplit(".", 1)[-1] == "option"
            ):
                yield owner.name, node.target.id


@dataclass(frozen=True)
class Measures:
    """What was counted.

    Args:
        modules, lines: of the package.
        circles: sets of modules that import each other at module level.
        later_circles: the same, with imports inside functions.
        long_files: those above 500 lines, with their lines.
        functions: how many have a body; ``median`` and ``p95`` are lines of their bodies.
        documented: by kind, how many public names have a docstring, and how many there are.
        overriding: methods without a docstring that override a documented one.
        declared_again: options of the same name in several classes, with the classes.
    """

    modules: int
    lines: int
    circles: list[list[str]]
    later_circles: list[list[str]]
    long_files: dict[str, int]
    functions: int
    median: float
    p95: float
    documented: dict[str, tuple[int, int]]
    overriding: int = 0
    declared_again: dict[str, list[str]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of public names with a docstring, inherited ones included."""
        own = sum(a for a, _ in self.documented.values())
        return (own + self.overriding) / max(1, sum(b for _, b in self.documented.values()))


def measure(root: Path = ROOT, package: str = PACKAGE) -> Measures:
    """Count in the source files of a package."""
    texts = {file: file.read_text() for file in sorted((root / package).rglob("*.py"))}
    trees = {file: ast.parse(text) for file, text in texts.items()}
    packages = {module_name(f, root) for f in trees if f.name == "__init__.py"}
    sources = {module_name(file, root): tree for file, tree in trees.items()}
    lengths, documented = [], {"function": [0, 0], "class": [0, 0], "method": [0, 0]}
    owners: dict[str, list[str]] = {}
    for tree in trees.values():
        nodes = [n for n in ast.walk(tree) if isinstance(n, Function) and not is_declaration(n)]
        lengths += [length(node) for node in nodes]
        for kind, node in public(tree):
            documented[kind][0] += ast.get_docstring(node) is not None
            documented[kind][1] += 1
        for owner, name in options(tree):
            owners.setdefault(name, []).append(owner)
    counts = {str(f.relative_to(root)): len(text.splitlines()) for f, text in texts.items()}
    cuts = statistics.quantiles(lengths, n=20, method="inclusive") if len(lengths) > 1 else [0]
    return Measures(
        modules=len(texts),
        lines=sum(counts.values()),
        circles=circles(imports(sources, packages)),
        later_circles=circles(imports(sources, packages, later=True)),
        long_files={name: n for name, n in counts.items() if n > LONG_FILE},
        functions=len(lengths),
        median=statistics.median(lengths) if lengths else 0,
        p95=cuts[-1],
        documented={kind: (a, b) for kind, (a, b) in documented.items()},
        overriding=overrides(trees.values()),
        declared_again={name: found for name, found in owners.items() if len(found) > 1},
    )


def type_errors(*, strict: bool) -> dict[str, int]:
    """The errors that mypy finds, by the first folder of the package."""
    words = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-color-output"]
    done = subprocess.run(
        [*words, *(["--strict"] if strict else []), PACKAGE],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    found: dict[str, int] = {}
    for line in done.stdout.splitlines():
        if match := re.match(rf"{PACKAGE}/([^:]+):\d+.*: error:", line):
            part = Path(match[1]).parts[0].removesuffix(".py")
            found[part] = found.get(part, 0) + 1
    if done.returncode not in {0, 1}:
        raise SystemExit(done.stdout + done.stderr)
    return dict(sorted(found.items(), key=lambda row: -row[1]))


def report(found: Measures) -> Iterator[str]:
    """The measures in words, one a line."""
    yield f"modules {found.modules}, lines {found.lines:,}"
    yield f"import circles (module level): {len(found.circles)}"
    yield from ("  " + " <-> ".join(ring) for ring in found.circles)
    yield f"with imports inside functions: {len(found.later_circles)}"
    yield from ("  " + ", ".join(ring) for ring in found.later_circles)
    yield f"files over {LONG_FILE} lines: {len(found.long_files)}"
    yield from (f"  {n} {name}" for name, n in sorted(found.long_files.items()))
    yield f"functions {found.functions:,}: median {found.median:g} lines, p95 {found.p95:g}"
    for kind, (a, b) in found.documented.items():
        yield f"public {kind} documented: {a} of {b} ({100 * a / max(1, b):.1f} %)"
    yield f"public names documented, with inherited docstrings: {100 * found.share:.1f} %"
    yield f"methods without a docstring that override a documented one: {found.overriding}"
    yield f"options declared in more than one class: {len(found.declared_again)}"
    for name, owners in sorted(found.declared_again.items()):
        yield f"  {name}: {', '.join(owners)}"


def main() -> None:
    """Print the measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--types", action="store_true", help="count mypy's errors too (a minute)")
    parser.add_argument("--strict", action="store_true", help="those of mypy --strict, by package")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    asked = parser.parse_args()
    found = measure()
    types: dict[str, dict[str, int]] = {}
    if asked.types:
        types["mypy errors"] = type_errors(strict=False)
    if asked.strict:
        types["mypy --strict errors"] = type_errors(strict=True)
    if asked.json:
        print(json.dumps({**vars(found), "share": found.share, **types}))
        return
    print("\n".join(report(found)))
    for title, errors in types.items():
        print(f"{title}: {sum(errors.values())}")
        for part, n in errors.items():
            print(f"  {n} {part}")


if __name__ == "__main__":
    main()
