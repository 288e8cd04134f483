"""The table of formats in which a part of a run is written to a file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genlab.core.errors import SpecError
from genlab.core.registry import Registry
from genlab.core.tables import MODELS
from genlab.models.base import HasProbabilityPath

if TYPE_CHECKING:
    from genlab.runs.catalog import RunView


def _always(_view: RunView) -> str:
    return ""


@dataclass(frozen=True)
class Export:
    """A part of a run in a format.

    Args:
        part: what is written: ``weights``, ``samples``, ``codes``, ``curves``.
        suffix: the end of the file's name.
        media: the type of the content, for a browser.
        write: the content of the file for a run, a snapshot's step, a number of examples and a
            seed.
        unavailable: why a run has no such file; empty where it has.
    """

    part: str
    suffix: str
    media: str
    write: Callable[[RunView, int, int, int], bytes]
    unavailable: Callable[[RunView], str] = _always

    @property
    def file_name(self) -> str:
        """The end of a file's name."""
        return f"{self.part}.{self.suffix}"


#: Samples or codes of a file where no number is given, at most, and the seconds that a page or a
#: link may take to compute them.
USUAL, MOST, SECONDS = 1000, 100_000, 10.0
EXPORTS: Registry[Export] = Registry("export", "genlab.exports")


def formats_for(view: RunView) -> dict[str, str]:
    """For each row of the table why a run has no such file; empty where it has."""
    return {row.name: row.value.unavailable(view) for row in EXPORTS.rows()}


@functools.lru_cache(maxsize=64)
def _seconds_each(run: str, created: float, step: int) -> float:  # noqa: ARG001 - part of the key
    from genlab import runs
    from genlab.latent.decoding import MEASURED, decode_seconds

    model: Any = runs.open_run(run, paths=True).model(step)
    return decode_seconds(model, MEASURED) / MEASURED


def most_in_seconds(view: RunView, name: str, step: int | None = None) -> int:
    """How many samples or codes a page or a link may ask for, from 1 to 100,000.

    As many as this host computes in 10 s, for a model whose decoder takes many evaluations of a
    net; all for the others.
    """
    kind = MODELS[view.spec.model]
    if EXPORTS[name].part not in {"samples", "codes"} or not issubclass(kind, HasProbabilityPath):
        return MOST
    at = step or view.snapshots()[-1]
    return max(1, min(MOST, int(SECONDS / _seconds_each(view.id, view.row.created, at))))


def export_file(
    view: RunView, name: str, *, step: int | None = None, n: int = USUAL, seed: int = 0
) -> bytes:
    """The content of a file with a part of a run.

    Args:
        view: the run.
        name: a row of :data:`EXPORTS` (``samples.csv``).
        step: of the snapshot; None: the last one.
        n: samples or codes, from 1 to 100,000.
        seed: of their draw.

    Raises:
        SpecError: for an unknown format, one that the run does not have, or another number.
        SnapshotError: if there is no such snapshot.
    """
    row = EXPORTS[name]
    if not 1 <= n <= MOST:
        raise SpecError("n", n, f"allowed: a whole number from 1 to {MOST}")
    why = row.unavailable(view)
    if why:
        able = [name for name, reason in formats_for(view).items() if not reason]
        raise SpecError("format", name, f"{why}; formats of this run: {', '.join(able)}")
    steps: Mapping[int, int] = dict(enumerate(view.snapshots()))
    last = steps[len(steps) - 1] if steps else 0
    return row.write(view, last if step is None else step, n, seed)
