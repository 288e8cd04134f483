"""GenLab: small generative models, trained in the background, watched live, explored, compared.

A run = a dataset + a model + an objective + an algorithm::

    import genlab
    run = genlab.train(model="vae", data="digits", steps=500, seed=0)
    model = genlab.load(run.id)
    x = model.sample(16)
"""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from genlab.models.base import GenerativeModel
    from genlab.runs.catalog import RunView as Run

__version__ = "0.1.0"

# Imported on first use: `import genlab` itself must be quick, and most of these need torch.
_PARTS = frozenset(
    {
        "accelerate",
        "core",
        "data",
        "distributions",
        "divergences",
        "figures",
        "inference",
        "latent",
        "lessons",
        "metrics",
        "models",
        "nets",
        "objectives",
        "probes",
        "runs",
        "sentinel",
        "testing",
    }
)


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"genlab.{name}")
    if name == "Run":
        from genlab.runs.catalog import RunView

        return RunView
    raise AttributeError(f"module 'genlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS, "Run"})


class _Train(types.ModuleType):
    """The package :mod:`genlab.train`, which scripts also call: ``genlab.train(model=...)``."""

    def __call__(self, *, title: str = "", **options: Any) -> Run:
        """Train in the foreground and return the run; it is kept in the store like any other.

        Args:
            title: what lists show.
            **options: ``model``, ``data`` and any option of :class:`genlab.core.run_spec.RunSpec`.

        Raises:
            SpecError: for an unknown name or a value that is not allowed; nothing was started.
        """
        from genlab.runs.foreground import train

        return train(options, title=title)


# `genlab.train(...)` and `import genlab.train.loop` are both public. A function of this name would
# be replaced by the package as soon as anything imports that, and a package cannot define
# __call__; to set the class of the module is what Python's data model names for such a case
# ("Customizing module attribute access").
importlib.import_module("genlab.train").__class__ = _Train


def load(ref: str | Path, step: int | None = None, label: str | None = None) -> GenerativeModel:
    """The model of a run, ready to be used.

    Args:
        ref: a run id, the path of an exported folder, or ``shipped:<name>``.
        step: of which snapshot; None: the last one.
        label: the class at which a conditional model is held, by name or number; None: at none.

    Raises:
        RunNotFound: if there is no such run.
        SpecError: if the model knows no labels, or not this one.
        SnapshotError: if the snapshot is missing or damaged.
    """
    from genlab.models.labels import conditioned_on_class
    from genlab.runs import open_run

    return conditioned_on_class(open_run(str(ref), paths=True).model(step), label)
