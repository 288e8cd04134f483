"""Probes of posteriors: components, draws of parameters, the bound of topic models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab import models
from genlab.core.measure import Picture, Reading, Series
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel
from genlab.models.bayesian import HasComponents, HasDraws, Truth
from genlab.models.topics import Topics
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import held_out, histogram, points, round_digits
from genlab.probes.views import SAMPLES

#: Held-out examples in the numbers; pictures in a row.
NUMBERS, COLUMNS = 256, 8
#: Numbers of θ with a curve; draws shown; masses inside the contours.
CURVES, SHOWN, MASSES = 12, 600, (0.5, 0.8, 0.95)
#: Lines of a grid from which a contour is drawn; points of it that are drawn.
FINE, MOST = 150, 1500
#: The half-width of a picture of a posterior, in standard deviations.
REACH = 4.5


def effective_components(shares: Tensor) -> float:
    """The effective number of components: exp of the entropy of their weights.

    Args:
        shares: the weights, (K,), sum 1.

    Example:
        >>> effective_components(torch.tensor([0.5, 0.5, 0.0]))
        2.0
    """
    return float(torch.special.entr(shares.double()).sum().exp())


@PROBES.register("parts", title="Components of the model", order=120)
class Components(Probe):
    """The components or topics with their shares, the largest first."""

    views: ClassVar[Mapping[str, View]] = {
        "shares": View("latent", "The share of the data that each part explains.", "svi", 60),
        "parts": View(
            "latent",
            "The components or topics of the model, the largest first.",
            "svi",
            85,
        ),
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasComponents)

    @property
    def series(self) -> tuple[Series, ...]:
        title = "effective number of parts, exp(entropy of the shares)"
        return (Series("effective_parts", title, "parts", "count", "exact"),)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasComponents)
        parts, shares = model.parts()
        order = shares.argsort(descending=True, stable=True)
        payload = {
            "x": list(range(1, len(order) + 1)),
            "y": round_digits(shares[order]),
            "x_title": "part, the largest first",
            "y_title": "share",
        }
        pictures = {}
        if len(order) > 1:
            note = f"exact for the model as it stands; {len(order)} parts, sum 1"
            pictures["shares"] = Picture("bars", "Shares of the parts", payload, note)
        if self.data.meta.is_image:
            pictures["parts"] = _sheet(parts[order])
        return Reading({"effective_parts": effective_components(shares)}, pictures)


def _sheet(parts: Tensor) -> Picture:
    """The parts as pictures."""
    columns = min(COLUMNS, len(parts))
    note = "the parts of the model in data space, the largest share first"
    return Picture("images", "Components", {"x": parts.clamp(0.0, 1.0), "columns": columns}, note)


@PROBES.register("perplexity", title="Perplexity of held-out bags of words", order=130)
class Perplexity(Probe):
    """A lower bound on log p(word) of held-out images, and its upper bound of the perplexity."""

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


def contour(density: Tensor, axes: Sequence[Tensor], masses: Sequence[float]) -> Tensor:
    """Contours of the highest-density regions with these masses, (n, 2).

    Args:
        density: normalised on the grid, (n, m).
        axes: (n,) and (m,).
        masses: between 0 and 1.
    """
    log_p = density.clamp_min(1e-300).log()
    # A contour is drawn through its crossings with the lines of the grid, so the grid must be
    # fine.
    size = [max(1, round(FINE / len(axis))) * (len(axis) - 1) + 1 for axis in axes]
    fine = torch.nn.functional.interpolate(
        log_p[None, None], size=size, mode="bicubic", align_corners=True
    )[0, 0]
    x, y = (torch.linspace(float(a[0]), float(a[-1]), n) for a, n in zip(axes, size, strict=True))
    ordered = fine.flatten().sort(descending=True).values
    mass = ordered.exp().cumsum(0)
    found = []
    for share in masses:
        level = ordered[int((mass < share * mass[-1]).sum())]
        above = fine - level
        for axis in (0, 1):
            here, there = (
                above.narrow(axis, 0, size[axis] - 1),
                above.narrow(axis, 1, size[axis] - 1),
            )
            i, j = ((here > 0) != (there > 0)).nonzero().unbind(1)
            part = here[i, j] / (here[i, j] - there[i, j])
            first = x[i] + (part * (x[1] - x[0]) if axis == 0 else 0)
            second = y[j] + (part * (y[1] - y[0]) if axis == 1 else 0)
            found.append(torch.stack([first, second], 1))
    return torch.cat(found)


@PROBES.register("posterior", title="Posterior of the parameters", order=140)
class PosteriorDraws(Probe):
    """Mean and spread of each parameter, draws over the exact posterior, and predictions."""

    views: ClassVar[Mapping[str, View]] = {
        "posterior": View(
            "quality",
            "Draws from the posterior of the parameters; lines are the exact posterior where it "
            "is known.",
            "advi",
            95,
        ),
        "samples": SAMPLES,
    }

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        with scope(0, "posterior"):
            model = models.build(spec)
        assert isinstance(model, HasDraws)
        model.observe(data.train.x.flatten(1))
        self.names = tuple(model.numbers())[:CURVES]
        self.truth, self.max_draws = model.truth(), model.max_draws
        self.lines, self.box = self._contours()
        self.n = min(NUMBERS, len(data.validation))
        self.predicts = model.log_predictive(held_out(data, self.n)[0]) is not None

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasDraws)

    @property
    def series(self) -> tuple[Series, ...]:
        rows = []
        for word, group in (("mean", "Posterior means"), ("sd", "Posterior standard deviations")):
            for name in self.names:
                exact = self._known(name, word)
                label = "" if exact is None else f"exact {word} of {name}"
                title = f"{word} of {name}"
                rows.append(
                    Series(
                        f"{word}_{name}",
                        title,
                        group,
                        "parameter units",
                        "Monte Carlo",
                        self.max_draws,
                        "none",
                        exact,
                        label,
                    )
                )
        title = f"draws in these numbers, {self.max_draws:,} at most"
        rows.append(Series("posterior_draws", title, "draws", "count", "exact"))
        if self.predicts:
            title = "log mean_θ p(row | θ), held-out"
            rows.append(
                Series(
                    "val_log_predictive",
                    title,
                    "prediction",
                    "nats",
                    "Monte Carlo",
                    self.n,
                    "higher",
                )
            )
        return tuple(rows)

    def _known(self, name: str, word: str) -> float | None:
        if self.truth is None or name not in self.truth.names:
            return None
        numbers = self.truth.mean if word == "mean" else self.truth.sd
        return numbers[self.truth.names.index(name)]

    def _contours(self) -> tuple[Tensor | None, Tensor | None]:
        """Contours of the exact posterior of the first two parameters, and the box around them."""
        truth = self.truth
        if truth is None or truth.names[:2] != self.names[:2] or len(self.names) < 2:
            return None, None
        axes = truth.axes[:2]
        plane = truth.density
        if plane.dim() > 2:
            plane = plane.sum(2) * (truth.axes[2][1] - truth.axes[2][0])
        mean, sd = torch.tensor(truth.mean[:2]), torch.tensor(truth.sd[:2])
        low, high = (torch.stack([axis[end] for axis in axes]) for end in (0, -1))
        box = torch.stack([(mean - REACH * sd).maximum(low), (mean + REACH * sd).minimum(high)])
        lines = contour(plane, axes, MASSES)
        return lines[:: -(-len(lines) // MOST)], box

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasDraws)
        draws = {name: model.numbers()[name].flatten() for name in self.names}
        values = {f"mean_{name}": float(x.mean()) for name, x in draws.items()}
        values |= {f"sd_{name}": float(x.std()) for name, x in draws.items()}
        values["posterior_draws"] = float(len(next(iter(draws.values()))))
        pictures = {"posterior": self._posterior(draws)}
        if self.predicts:
            found = model.log_predictive(held_out(self.data, self.n)[0])
            assert found is not None
            values["val_log_predictive"] = float(found.mean())
        if len(self.data.meta.columns) > 1:
            with scope(0, "samples"):
                pictures["samples"] = self._predicted(model.sample(SHOWN // 3))
        return Reading(values, pictures)

    def _posterior(self, draws: dict[str, Tensor]) -> Picture:
        some = {name: x[:: -(-len(x) // SHOWN)] for name, x in draws.items()}
        title, truth = "Posterior of the parameters", self.truth
        size = len(next(iter(some.values())))
        note = f"{size} draws; "
        if truth is None:
            note += "the exact posterior is not known"
        else:
            note += "the exact posterior on a grid, all other parameters integrated out"
        if len(self.names) == 1:
            (named,) = some.items()
            return Picture("histogram", title, self._on_the_line(named, truth), note)
        first, second = self.names[:2]
        pair = torch.stack([some[first], some[second]], 1)
        lines, box = torch.zeros(0, 2), self.box
        if self.lines is not None:
            lines = self.lines
            note += f"; lines around {', '.join(f'{share:.0%}' for share in MASSES)}"
        label = [0] * len(lines) + [1] * len(pair)
        payload = points(
            torch.cat([lines.double(), pair.double()]),
            label,
            ["exact posterior", "draws"],
            [first, second],
            box,
        )
        return Picture("points", title, payload, note)

    @staticmethod
    def _on_the_line(named: tuple[str, Tensor], truth: Truth | None) -> dict[str, Any]:
        name, x = named
        if truth is None:
            return histogram({"draws": x}, float(x.min()), float(x.max()), 40, name)
        (axis,), (mean,), (sd,) = truth.axes, truth.mean, truth.sd
        low, high = max(float(axis[0]), mean - REACH * sd), mean + REACH * sd
        payload = histogram({"draws": x}, low, high, 40, name)
        edges = torch.linspace(low, high, 41, dtype=torch.float64)
        cell = torch.bucketize(axis, edges) - 1
        inside = (cell >= 0) & (cell < 40)
        mass = torch.zeros(40, dtype=torch.float64)
        mass.index_add_(0, cell[inside], truth.density[inside])
        exact = round_digits(mass / mass.sum() * len(x))
        return payload | {"counts": {"exact posterior": exact, **payload["counts"]}}

    def _predicted(self, x: Tensor) -> Picture:
        real = held_out(self.data, len(x))[0]
        columns = self.data.meta.columns
        payload = points(
            torch.cat([real, x])[:, [0, -1]],
            [0] * len(real) + [1] * len(x),
            ["data", "predicted"],
            [columns[0], columns[-1]],
        )
        note = (
            f"{len(real)} rows of the validation split; {len(x)} training rows in which what the "
            "model explains is drawn anew, θ from the draws; the same noise at every step"
        )
        return Picture("points", "Predicted rows", payload, note)
