"""Samples of a run in the units and by the names of its data, for every way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.data.base import DataMeta
from genlab.data.table_rows import TableRows, to_rows
from genlab.latent.conditional import sample_conditional
from genlab.models.base import GenerativeModel, HasProbabilityPath
from genlab.models.labels import class_index, conditioned_on_class
from genlab.probes.common import draw

if TYPE_CHECKING:
    from genlab.runs.catalog import RunView

#: Samples of one request, at most; drawn so many at a time.
MOST, PIECE = 100_000, 5_000
DRAWS, MEANS = "draws of the model", "means of p(x | z) at draws of z"


@dataclass(frozen=True)
class Samples:
    """Samples of one model.

    Args:
        x: as the model sees them, (n, *shape).
        meta: of the data.
        kind: their description, in words.
        label: the class at which a conditional model was held; empty if none.
    """

    x: Tensor
    meta: DataMeta
    kind: str
    label: str = ""

    @property
    def rows(self) -> TableRows:
        """In the file's own units and names.

        Raises:
            ValueError: for images.
        """
        return to_rows(self.meta, self.x)

    def csv(self) -> str:
        """The rows as CSV with a header, and a column of the class if classes were requested."""
        rows = self.rows
        extra = {("class" if "class" not in rows.names else "the class"): self.label}
        return rows.csv(extra if self.label else {})

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """What an npz holds: of rows what :meth:`TableRows.arrays` says, of images ``x``."""
        return {"x": self.x.numpy()} if self.meta.is_image else self.rows.arrays()


def draw_samples(model: GenerativeModel, n: int, seed: int, *, means: bool | None) -> Tensor:
    """Samples as the model sees them, (n, *shape).

    Args:
        model: what draws.
        n: how many.
        seed: of the draw.
        means: whether the means of p(x | z) are taken instead of draws; None: for images alone,
            as they are shown.
    """
    shown = model.meta.is_image if means is None else means
    # A U-Net holds its maps of a whole piece at once.
    large = isinstance(model, HasProbabilityPath) and model.meta.is_image
    sizes = [len(part) for part in torch.empty(n).split(PIECE // 20 if large else PIECE)]
    with torch.no_grad(), scope(seed, "sample"):
        return torch.cat([model.sample(k) if shown else draw(model, k) for k in sizes])


def sample_run(
    view: RunView,
    n: int,
    *,
    seed: int = 0,
    step: int | None = None,
    label: str | None = None,
    means: bool | None = None,
    given: Mapping[str, Any] | None = None,
) -> Samples:
    """Samples of a run.

    Args:
        view: the run.
        n: how many, from 1 to 100,000.
        seed: of the draw: the same seed gives the same samples.
        step: of which snapshot; None: the last one.
        label: the class at which a conditional model is held, by name or number.
        means: see :func:`draw_samples`.
        given: values of columns that all rows have, by name; see
            :func:`genlab.latent.conditional.sample_conditional`.

    Raises:
        SpecError: for a number of samples that is not allowed, or a class that there is not.
        SnapshotError: if the snapshot is missing or damaged.
    """
    if not 1 <= n <= MOST:
        raise SpecError("n", n, f"allowed: a whole number from 1 to {MOST}")
    model = conditioned_on_class(view.model(step), label)
    if given:
        if means:
            raise SpecError("means", means, "rows with given values are draws; leave it out")
        found = sample_conditional(model, n, given, seed)
        return Samples(found.x, model.meta, found.kind, label or "")
    x = draw_samples(model, n, seed, means=means)
    shown = model.meta.is_image if means is None else means
    classes = model.meta.classes
    name = "" if label is None else classes[class_index(model.meta, label)]
    return Samples(x, model.meta, MEANS if shown else DRAWS, name)
