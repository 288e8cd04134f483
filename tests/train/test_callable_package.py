"""``genlab.train`` is a function for scripts and a package for imports, in every order."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types

import pytest

import genlab
from genlab.core.errors import SpecError

#: What a fresh process does first.
ORDERS = (
    "import genlab; import genlab.train.loop",
    "import genlab.train.loop; import genlab",
    "import genlab.train.loop as loop",
    "from genlab.train import loop, observers",
    "from genlab import train; import genlab.train.ema",
    "import importlib; importlib.import_module('genlab.train.gradient')",
)


@pytest.mark.parametrize("first", ORDERS)
def test_it_is_callable_and_a_package_whatever_is_imported_first(first: str) -> None:
    rest = (
        "import genlab, genlab.train.loop, types; assert callable(genlab.train);"
        "assert isinstance(genlab.train, types.ModuleType);"
        "assert genlab.train.loop.__name__ == 'genlab.train.loop'"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{first}; {rest}"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_it_says_what_it_takes_and_refuses_before_anything_starts() -> None:
    assert isinstance(genlab.train, types.ModuleType)
    parameters = inspect.signature(genlab.train).parameters
    assert list(parameters) == ["title", "options"]
    assert "Raises" in (inspect.getdoc(type(genlab.train).__call__) or "")
    with pytest.raises(SpecError, match="perceptron"):
        genlab.train(model="perceptron", data="ring")


def test_the_package_itself_is_imported_without_torch() -> None:
    code = "import sys, genlab; assert callable(genlab.train); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
