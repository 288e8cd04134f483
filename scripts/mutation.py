"""Mutation testing: single lines of the mathematics are changed, and the tests must notice.

    python scripts/mutation.py --minutes 10 --seed 0                 # a sample over all packages
    python scripts/mutation.py --files genlab/divergences/f.py       # one file

Each mutant changes one operator, comparison, number or sign in a copy of the project, in which the
tests that name its module run until the first fails. One that lives is printed with its line: read
it, and write the test that kills it, or say why the change means nothing (a tolerance, a bound of
an iteration, the size of a chunk). The last line is the share that lived, with Wilson's interval.

It is a script of its own because a mutant here is worth running only against the tests of its
module: the whole suite takes minutes, and libraries run one command for all mutants.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("objectives", "divergences", "distributions", "metrics", "inference")
#: Seconds after which a mutant counts as noticed: most such loops never end.
PATIENCE = 180
#: Test files that run first for a module, the smallest.
MOST = 4
BINARY = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.FloorDiv: "*",
}  # fmt: skip
COMPARE = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
}  # fmt: skip
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"} | {
    ast.FloorDiv: "//", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """Bytes ``start`` to ``end`` of a file replaced by ``text``."""

    path: Path
    line: int
    start: int
    end: int
    text: str
    what: str


def _sites(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module outside annotations, declarations of options and messages."""
    for node in ast.iter_child_nodes(tree):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "id", getattr(called, "attr", ""))
        quiet = {"option", "Series", "Picture", "Latex", "SpecError", "DataError"}
        if name in quiet or isinstance(node, ast.JoinedStr | ast.Raise | ast.arguments):
            continue
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                yield node.value
                yield from _sites(node.value)
            continue
        yield node
        yield from _sites(node)


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of a file."""
    source = path.read_bytes()
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))

    def place(row: int, column: int) -> int:
        return offsets[row - 1] + column

    found = []

    def between(left: ast.expr, right: ast.expr, kind: type, text: str) -> None:
        start = place(left.end_lineno or 0, left.end_col_offset or 0)
        end = place(right.lineno, right.col_offset)
        old, gap = SIGNS[kind].encode(), source[start:end]
        if gap.count(old) == 1:
            at = start + gap.index(old)
            what = f"{old.decode()} -> {text}"
            found.append(Mutant(path, left.end_lineno or 0, at, at + len(old), text, what))

    for node in _sites(ast.parse(source)):
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            if not any(isinstance(side, ast.Constant) and isinstance(side.value, str)
                       for side in (node.left, node.right)):  # fmt: skip
                between(node.left, node.right, type(node.op), BINARY[type(node.op)])
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
            between(node.left, node.comparators[0], type(node.ops[0]), COMPARE[type(node.ops[0])])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            at = place(node.lineno, node.col_offset)
            found.append(Mutant(path, node.lineno, at, at + 1, "+", "- -> +"))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            start = place(node.lineno, node.col_offset)
            end = place(node.end_lineno or 0, node.end_col_offset or 0)
            new = node.value + 1 if isinstance(node.value, int) else 2.0 * node.value + 0.1
            what = f"{node.value!r} -> {new!r}"
            found.append(Mutant(path, node.lineno, start, end, repr(new), what))
    return found


def tests_of(path: Path, root: Path, most: int | None) -> list[str]:
    """The test files that name a module, or else those of its package; and its own doctests."""
    dotted = ".".join(path.relative_to(root).with_suffix("").parts)
    package, _, name = dotted.rpartition(".")
    wanted = (f"{dotted} ", f"{dotted}\n", f"{dotted}.", f"from {package} import {name}")
    files = [f for f in (root / "tests").rglob("test_*.py") if "browser" not in f.parts]
    hits = [f for f in files if any(text in f.read_text() for text in wanted)]
    if not hits:
        hits = [f for f in files if f.parent.name == dotted.split(".")[1]]
    return [str(f) for f in sorted(hits, key=lambda f: f.stat().st_size)[:most]] + [str(path)]


def _child(root: Path, arguments: list[str]) -> int:
    """Run pytest in a copy of this process, which has the heavy libraries but not genlab."""
    os.chdir(root)
    sys.path.insert(0, str(root))
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    import pytest

    return int(pytest.main(arguments))


def lives(mutant: Mutant | None, path: Path, root: Path, most: int | None = MOST) -> bool:
    """Whether the tests of a file pass with a mutant in place (or as it is).

    Args:
        most: how many test files run, the smallest first; all that there are for None.
    """
    source = path.read_bytes()
    if mutant is not None:
        text = mutant.text.encode()
        path.write_bytes(source[: mutant.start] + text + source[mutant.end :])
    arguments = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow and not browser"]
    try:
        child = os.fork()
        if child == 0:
            os._exit(_child(root, [*arguments, *tests_of(path, root, most)]))
        until = time.monotonic() + PATIENCE * (1 if most else 4)
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.2)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False
    finally:
        path.write_bytes(source)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z2, share = 1.96**2, hits / n
    centre, half = (
        share + z2 / (2 * n),
        1.96 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)),
    )
    return (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)


def main() -> None:
    """Run a sample of mutants until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="*", default=[])
    asked = parser.parse_args()
    os.nice(10)
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.dont_write_bytecode = True
    for name in ("torch", "scipy.stats", "sklearn.ensemble", "pytest"):
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("genlab", "tests"):
            skip = shutil.ignore_patterns("__pycache__", "browser")
            shutil.copytree(ROOT / name, root / name, ignore=skip)
        shutil.copy(ROOT / "pyproject.toml", root)
        paths = [root / file for file in asked.files] or [
            p for name in PACKAGES for p in sorted((root / "genlab" / name).rglob("*.py"))
        ]
        every = [mutant for path in paths for mutant in mutants(path)]
        random.Random(asked.seed).shuffle(every)
        until, tried, left = time.monotonic() + 60 * asked.minutes, 0, 0
        good: dict[Path, bool] = {}
        for mutant in every:
            if time.monotonic() > until:
                break
            path = mutant.path
            if path not in good:
                good[path] = lives(None, path, root)
            if not good[path]:
                print(f"its tests fail or take too long as it is: {path.relative_to(root)}")
                continue
            # Whoever passes the smallest files meets all of them.
            alive = lives(mutant, path, root) and lives(mutant, path, root, None)
            tried, left = tried + 1, left + alive
            word = "LIVES" if alive else "noticed"
            print(f"{word:8s} {path.relative_to(root)}:{mutant.line}  {mutant.what}", flush=True)
        if tried:
            low, high = wilson(left, tried)
            print(
                f"{left} of {tried} mutants live ({left / tried:.0%}; 95 %: {low:.0%} to "
                f"{high:.0%}), of {len(every):,} there are"
            )


if __name__ == "__main__":
    main()
