"""The numbers of the lesson on f-GANs: the best Gaussians, their divergences, a trained f-GAN."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genlab.core.options import Option, Options, option
from genlab.core.random import generator, scope
from genlab.divergences.f import F, FDivergence
from genlab.divergences.gaussian_fits import GaussianFit
from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.divergences.quadrature import (
    bound_from_samples,
    divergence_1d,
)
from genlab.lessons.base import Lesson, Progress
from genlab.lessons.fgan_fits import (
    BATCH,
    FRESH,
    PIECE,
    LineGAN,
    Trained,
    fitted,
    measured,
    row_key,
)
from genlab.objectives.fgan import FAMILIES, FGAN, FGANOptions

#: Row of the table -> the option of the objective that is its parameter.
FAMILIES_BACK: Mapping[str, str] = {family: name for name, family in FAMILIES.items()}


@dataclass(frozen=True)
class FGANLessonOptions(Options):
    """Options of the lesson."""

    divergence: str = option(
        "js", "the f-divergence D(data ‖ model)", choices=F.names, label="f-divergence"
    )
    weight: float = option(
        0.33, "share of the first bump", low=0.02, high=0.98, label="Weight of the first bump"
    )
    mean1: float = option(-1.0, "mean of the first bump", low=-5.0, high=5.0, label="Mean 1")
    sd1: float = option(
        0.255,
        "standard deviation of the first bump",
        low=0.1,
        high=3.0,
        label="Standard deviation 1",
    )
    mean2: float = option(2.0, "mean of the second bump", low=-5.0, high=5.0, label="Mean 2")
    sd2: float = option(
        1.414,
        "standard deviation of the second bump",
        low=0.1,
        high=3.0,
        label="Standard deviation 2",
    )
    train: int = option(
        0,
        "steps of a real f-GAN, 0 for none",
        low=0,
        high=3000,
        label="f-GAN training steps (0 = none)",
    )
    seed: int = option(0, "seed of its weights and draws", low=0, high=2**31 - 1, label="Seed")


class FGANNumbers(Lesson):
    """The data, the best Gaussian under each divergence, and the f-GAN that was trained."""

    Options = FGANLessonOptions
    options: FGANLessonOptions

    def __init__(self, options: Any, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(options, extra)
        # A parameter that the family excludes is refused here, before anything is computed.
        _ = self.row

    @classmethod
    def more(cls, options: FGANLessonOptions) -> tuple[Option, ...]:
        part = F[options.divergence].parameter
        if part is None:
            return ()
        return (Option(part.name, float, part.value, part.help, part.low, part.high),)

    @functools.cached_property
    def row(self) -> FDivergence:
        """The chosen row, with its parameter."""
        row: FDivergence = F[self.options.divergence]
        if row.parameter is None:
            return row
        return row.with_parameter(self.extra[row.parameter.name])

    @functools.cached_property
    def p(self) -> Mixture1D:
        """The data."""
        o = self.options
        return Mixture1D((o.weight, 1 - o.weight), (o.mean1, o.mean2), (o.sd1, o.sd2))

    @functools.cached_property
    def rows(self) -> tuple[FDivergence, ...]:
        """The rows that are compared: those with D(P ‖ P) = 0, the chosen one as it is chosen."""
        all_rows = (self.row if name == self.row.name else F[name] for name in F.names())
        return tuple(row for row in all_rows if row.at_one == 0.0)

    def _fit(self, row: FDivergence) -> GaussianFit:
        return fitted(*row_key(row), self.p)

    _trained: Trained | None = None

    def prepare(self, progress: Progress) -> None:
        share = 1.0 if not self.options.train else 0.2
        for k, row in enumerate(self.rows):
            progress(share * k / len(self.rows), f"Searching the best Gaussian: {row.title}")
            measured(tuple(map(row_key, self.rows)), row_key(row), self.p)
        if self.options.train and self._trained is None:
            self._trained = self._train(lambda f, s: progress(0.2 + 0.8 * f, s))

    @functools.cached_property
    def fits(self) -> tuple[GaussianFit, ...]:
        """The best Gaussian under each of the rows."""
        return tuple(self._fit(row) for row in self.rows)

    @functools.cached_property
    def best(self) -> GaussianFit:
        """The best Gaussian under the chosen row."""
        return self._fit(self.row)

    @functools.cached_property
    def cross(self) -> np.ndarray[Any, Any]:
        """Fitted under the row, measured by the column."""
        keys = tuple(map(row_key, self.rows))
        return np.array([measured(keys, key, self.p) for key in keys])

    @property
    def trained(self) -> Trained | None:
        """What the f-GAN reached, None where it was not asked for."""
        if self.options.train and self._trained is None:
            self._trained = self._train(lambda _part, _says: None)
        return self._trained

    def _train(self, progress: Progress) -> Trained:
        steps, seed = self.options.train, self.options.seed
        part = self.row.parameter
        given = {} if part is None else {FAMILIES_BACK[self.row.name]: part.value}
        asked = {"divergence": self.row.name, "output_activation": "centred", **given}
        objective = FGAN(FGANOptions.build(asked))
        with scope(seed, "f-gan weights"):
            model = LineGAN()
        moved = {
            who: torch.optim.Adam(list(model.player(who)), lr=0.01, betas=(0.5, 0.99))
            for who in ("discriminator", "generator")
        }
        path = []
        for piece in range(0, steps, PIECE):
            progress(piece / steps, f"Training the f-GAN: step {piece} of {steps}")
            # A piece at a time: the draws of other viewers wait for no longer.
            with scope(seed, "f-gan", piece), torch.enable_grad():
                source = generator(seed, "f-gan data", piece)
                count = min(PIECE, steps - piece)
                x = self.p.sample(BATCH * count, source).float().view(count, BATCH, 1)
                for batch in x:
                    of = objective.losses(model, batch)
                    bound = math.nan
                    for who, optimiser in moved.items():
                        optimiser.zero_grad()
                        loss = of(who)
                        loss.value.backward()
                        optimiser.step()
                        if who == "discriminator":
                            bound = -float(loss.value.detach())
            parameters = model.parameters_of_q.detach()
            mean, std = float(parameters[0]), float(parameters[1].exp())
            path.append((float(piece + count), mean, std, bound))
        model.requires_grad_(False)
        z = torch.randn(FRESH, 1, generator=generator(seed, "fresh z"))
        x = self.p.sample(FRESH, generator(seed, "fresh x")).float()[:, None]
        scores = [model.score(at) for at in (x, model.decode(z).mean)]
        fair = bound_from_samples(self.row, scores[0], scores[1], score=True)
        exact = divergence_1d(self.row, self.p, gaussian(mean, std)).value
        return Trained(tuple(path), mean, std, fair, exact, model)
