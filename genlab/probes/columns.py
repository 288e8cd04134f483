"""Tables of more than two columns: their principal plane, and each column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder
from genlab.models.labels import conditioned_on
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import draw, held_out, points, round_digits
from genlab.probes.views import RECONSTRUCTIONS, SAMPLES

CLOUD, CROWD, SHOWN, LETTERS = 200, 2000, 24, 40


def is_wide(data: Dataset) -> bool:
    """Whether examples are rows of more than two columns, all of them learned."""
    meta = data.meta
    return not meta.is_image and not meta.columns and meta.dim > 2


def principal_plane(data: Dataset, n: int = 5000) -> tuple[Callable[[Tensor], Tensor], float]:
    """The plane of the first two principal components of the training data.

    Returns:
        From examples (B, d) to their coordinates (B, 2), and the share of the variance seen. The
        sign of an axis is fixed: its entry of largest size is positive.
    """
    x = data.train.x[:n].double()
    mean = x.mean(dim=0)
    values, vectors = torch.linalg.eigh((x - mean).mT @ (x - mean))
    basis = vectors[:, -2:].flip(1)
    basis = basis * basis.gather(0, basis.abs().argmax(dim=0, keepdim=True)).sign()
    share = float(values[-2:].sum() / values.sum().clamp(min=1e-300))
    return (lambda rows: ((rows.double() - mean) @ basis).float()), share


def wasserstein_line(a: Tensor, b: Tensor) -> Tensor:
    """W₁ of two samples of each column, (n, d) and (m, d) -> (d,).

    W₁ = ∫₀¹ |F⁻¹(u) − G⁻¹(u)| du, exact for the two empirical distributions.

    Example:
        >>> wasserstein_line(torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])).item()
        2.0
    """
    n, m = len(a), len(b)
    a, b = a.double().sort(dim=0).values, b.double().sort(dim=0).values
    # Both quantile functions are constant between two neighbouring steps.
    steps = torch.cat([torch.arange(n + 1) * m, torch.arange(m + 1) * n]).unique()
    width = steps.diff().double() / (n * m)
    i, j = steps[:-1] // m, steps[:-1] // n
    return (width[:, None] * (a[i] - b[j]).abs()).sum(dim=0)


class TableProbe(Probe):
    """Base of the probes that show a table in its principal plane."""

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.project, self.variance_share = principal_plane(data)
        both = self.project(torch.cat([data.train.x[:5000], data.validation.x]))
        low, high = both.amin(dim=0), both.amax(dim=0)
        self.box = torch.stack([low - 0.1 * (high - low), high + 0.1 * (high - low)])

    def cloud(self, first: Tensor, second: Tensor, names: list[str], title: str) -> Picture:
        """Two sets of rows in the plane."""
        payload = points(
            self.project(torch.cat([first, second])),
            [0] * len(first) + [1] * len(second),
            names,
            ["component 1", "component 2"],
            self.box,
        )
        note = (
            f"n = {len(first)} held-out, {len(second)} {names[1]}; PCA of the training data, "
            f"{self.variance_share:.0%} of its variance"
        )
        return Picture("points", title, payload, note)


@PROBES.register(
    "table", title="Samples of a table", summary="Generated rows among the data.", order=70
)
class TableSamples(TableProbe):
    """Generated rows beside held-out ones, and each column's distance from the data in W₁.

    The same random numbers at every step; noise of the likelihood included.
    """

    views: ClassVar[Mapping[str, View]] = {
        "samples": SAMPLES,
        "columns": View(
            "quality",
            "How far the distribution of each column is from that of the data; shorter bars are "
            "better.",
            "wgan",
            40,
        ),
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return is_wide(data)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        with scope(0, "samples"):
            x = draw(model, CROWD, self.data)
        real = self.data.validation.x[:CROWD]
        far = wasserstein_line(real, x)
        meta, shown = self.data.meta, slice(SHOWN)
        unit = "standard deviations" if meta.scale else "data units"
        names = [meta.axis(k) for k in range(meta.dim)][shown]
        # Long names would overlap: numbers replace them, and the note explains the numbers.
        long = sum(map(len, names)) > LETTERS
        bars = {
            "x": [str(k) for k in range(1, len(names) + 1)] if long else names,
            "y": round_digits(far[shown]),
            "x_title": "",
            "y_title": f"W₁ ({unit})",
        }
        note = f"W₁ of {len(real)} held-out and {len(x)} generated rows, each column by itself"
        if long:
            note += ". " + ", ".join(f"{k}: {name}" for k, name in enumerate(names, 1))
        if meta.dim > SHOWN:
            note += f"; the first {SHOWN} of {meta.dim} columns"
        return Reading(
            pictures={
                "samples": self.cloud(real[:CLOUD], x[:CLOUD], ["data", "generated"], "Samples"),
                "columns": Picture("bars", "Distance of each column", bars, note),
            }
        )


@PROBES.register("table_reconstructions", title="Reconstructions of a table", order=80)
class TableReconstructions(TableProbe):
    """Held-out rows beside the decoder's mean at their posterior means."""

    views: ClassVar[Mapping[str, View]] = {
        "reconstructions": RECONSTRUCTIONS,
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return is_wide(data) and issubclass(model, HasEncoder) and issubclass(model, HasDecoder)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        x, y = held_out(self.data, CLOUD)
        model = conditioned_on(model, y)
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        back = model.decode(model.encode(x).mean).mean
        names = ["held-out", "reconstruction"]
        x = self.data.validation.x[:CLOUD]
        return Reading(pictures={"reconstructions": self.cloud(x, back, names, "Reconstructions")})
