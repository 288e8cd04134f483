"""Every interval that the program prints covers what it says, as often as it says.

400 simulations put the standard error of a coverage of 0.95 at 0.011, so that a right interval
falls outside 0.93 to 0.97 in 7 % of such counts. A count outside is therefore followed by as many
simulations as bring the error below 0.0035 (4,000), and the larger count decides: a right interval
then fails with a probability below 1e-8, and one that covers 0.92 or 0.98 passes with less than
1 %. The seeds are fixed; they may be any others.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import genlab
from tests.science.intervals import TABLE

FEW, MANY = 400, 4000
START = int(os.environ.get("GENLAB_COVERAGE_SEED", "0"))


def coverage(name: str, first: int, count: int) -> float:
    hits = 0
    for seed in range(first, first + count):
        low, high, truth = TABLE[name].once(seed)
        assert low <= high
        hits += low <= truth <= high
    return hits / count


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_the_interval_covers_what_it_says(name: str) -> None:
    one = TABLE[name]
    found = coverage(name, START, FEW)
    if not one.low <= found <= one.high:
        rest = coverage(name, START + FEW, MANY - FEW)
        found = (FEW * found + (MANY - FEW) * rest) / MANY
    assert one.low <= found <= one.high, found


#: Functions that give an interval of another kind, or pass one on.
NOT_STATISTICAL = {
    "genlab.divergences.estimates:estimate": "the helper with which the others are made",
    "genlab.divergences.quadrature:divergences_1d": "numerical error of a quadrature",
    "genlab.divergences.quadrature:bound_1d": "numerical error of a quadrature",
    "genlab.divergences.quadrature:divergences_on_grid": "numerical error of a grid",
    "genlab.divergences.transport:w1_densities": "numerical error of a grid",
    "genlab.inference.log_joint_models:LogJointModel._agreement": "R-hat, without an interval",
}
MAKERS = {"Estimate", "estimate", "mean_estimate", "share_estimate", "ratio_estimate"}


def makers() -> set[str]:
    """The functions of the package in which an estimate is made, as ``module:function``."""
    found = set()
    root = Path(genlab.__file__).parent
    for path in root.rglob("*.py"):
        module = "genlab." + ".".join(path.relative_to(root).with_suffix("").parts)
        stack: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text()), "")]
        while stack:
            node, inside = stack.pop()
            for child in ast.iter_child_nodes(node):
                name = inside
                if isinstance(child, ast.FunctionDef | ast.ClassDef):
                    name = f"{inside}.{child.name}".strip(".")
                called = child.func if isinstance(child, ast.Call) else None
                if isinstance(called, ast.Name) and called.id in MAKERS:
                    found.add(f"{module}:{inside}")
                stack.append((child, name))
    return found


def test_no_interval_is_missing_from_the_table() -> None:
    said = {place for one in TABLE.values() for place in one.prints} | set(NOT_STATISTICAL)
    found = makers()
    # These take the mean, the share or the ratio of a row of the table.
    through = {"genlab.metrics.base:mean_over_examples", "genlab.probes.ledger"}
    missing = {
        place for place in found - said if not any(place.startswith(known) for known in through)
    }
    assert not missing
