"""The plugins of the tests: the complete modules of docs/extending.md, and how they are loaded."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from genlab.core.registry import Registry
from genlab.core.tables import ALGORITHMS, DATASETS, JOBS, MODELS, OBJECTIVES
from genlab.data.readers import READERS
from genlab.distributions import FAMILIES, LIKELIHOODS
from genlab.distributions.posteriors.base import POSTERIORS
from genlab.distributions.priors.base import PRIORS
from genlab.divergences import F
from genlab.lessons.base import LESSONS
from genlab.metrics import METRICS
from genlab.panels import PANELS
from genlab.paths.base import PATHS
from genlab.paths.couplings import COUPLINGS
from genlab.paths.predictions import PREDICTIONS
from genlab.paths.samplers import SAMPLERS
from genlab.probes.base import PROBES
from genlab.sentinel.base import SYMPTOMS
from genlab.ui.explore.tools import TOOLS

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"
TABLES: tuple[Registry[Any], ...] = (
    *(DATASETS, READERS, MODELS, OBJECTIVES, LIKELIHOODS, POSTERIORS, PRIORS, FAMILIES, F),
    *(PATHS, SAMPLERS, PREDICTIONS, COUPLINGS, ALGORITHMS, PROBES, PANELS, METRICS, SYMPTOMS),
    *(JOBS, LESSONS, TOOLS),
)
BLOCK = re.compile(
    r"^## ★ (?P<title>[^\n]+)\n(?:(?!^## ).)*?^```python\n(?P<code>.*?)^```", re.M | re.S
)
BLOCKS = {found["title"]: found["code"] for found in BLOCK.finditer(GUIDE.read_text())}


@contextlib.contextmanager
def loaded(folder: Path, sources: Iterable[str]) -> Iterator[None]:
    """Import each source as a module; its rows leave the tables afterwards.

    Args:
        folder: where the modules are written.
        sources: of the modules.
    """
    before = {id(table): set(table.names()) for table in TABLES}
    names = []
    try:
        for k, code in enumerate(sources):
            path = folder / f"extension_{k}.py"
            path.write_text(code)
            found = importlib.util.spec_from_file_location(path.stem, path)
            assert found is not None
            assert found.loader is not None
            module = importlib.util.module_from_spec(found)
            sys.modules[path.stem] = module
            names.append(path.stem)
            found.loader.exec_module(module)
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        for table in TABLES:
            for name in set(table.names()) - before[id(table)]:
                table.unregister(name)
