"""Looks at models that stand at a posterior: their parts, and the bound of a topic model."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.data.base import Dataset
from genlab.evaluate.base import PROBES, Probe
from genlab.evaluate.common import held_out, short
from genlab.measure import Picture, Reading, Series
from genlab.models.base import GenerativeModel
from genlab.models.bayesian import HasParts
from genlab.models.topics import Topics

#: Held-out examples in the numbers; pictures in a row.
NUMBERS, COLUMNS = 256, 8


def effective(shares: Tensor) -> float:
    """How many parts of equal share would be as mixed: exp of the entropy of the shares.

    Args:
        shares: (K,), sum 1.

    Example:
        >>> effective(torch.tensor([0.5, 0.5, 0.0]))
        2.0
    """
    return float(torch.special.entr(shares.double()).sum().exp())


@PROBES.register("parts", title="Parts of the model")
class Parts(Probe):
    """The components or topics with their shares, the largest first."""

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasParts)

    @property
    def series(self) -> tuple[Series, ...]:
        title = "effective number of parts, exp(entropy of the shares)"
        return (Series("effective_parts", title, "parts", "count", "exact"),)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasParts)
        parts, shares = model.parts()
        order = shares.argsort(descending=True, stable=True)
        payload = {
            "x": list(range(1, len(order) + 1)),
            "y": short(shares[order]),
            "x_title": "part, the largest first",
            "y_title": "share",
        }
        pictures = {}
        if len(order) > 1:
            note = f"exact for the model as it stands; {len(order)} parts, sum 1"
            pictures["shares"] = Picture("bars", "Shares of the parts", payload, note)
        if self.data.meta.is_image:
            pictures["parts"] = _sheet(parts[order])
        return Reading({"effective_parts": effective(shares)}, pictures)


def _sheet(parts: Tensor) -> Picture:
    """The parts as pictures, the rows filled up with black."""
    columns = min(COLUMNS, len(parts))
    missing = -len(parts) % columns
    filled = torch.cat([parts, torch.zeros(missing, *parts.shape[1:])]).clamp(0.0, 1.0)
    note = "the parts of the model in data space, the largest share first"
    return Picture("images", "Parts", {"x": filled, "columns": columns}, note)


@PROBES.register("perplexity", title="Perplexity of held-out bags of words")
class Perplexity(Probe):
    """A lower bound on log p(word) of held-out pictures, and the perplexity that it allows."""

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, Topics)

    @property
    def series(self) -> tuple[Series, ...]:
        n = min(NUMBERS, len(self.data.validation))
        return (
            Series(
                "val_word_bound",
                "log p(word) ≥, held-out",
                "words",
                "nats/word",
                "lower bound",
                n,
                "higher",
            ),
            Series(
                "val_perplexity",
                f"perplexity ≤, held-out; of {self.data.meta.dim} pixels",
                "perplexity",
                "words",
                "upper bound",
                n,
                "lower",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, Topics)
        x, _ = held_out(self.data, NUMBERS)
        total = float(model.words(x).sum())
        bound = float(model.bound(x).sum()) / max(total, 1.0)
        return Reading({"val_word_bound": bound, "val_perplexity": math.exp(-bound)})
