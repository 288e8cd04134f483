"""log p of a flow and the ELBO of a diffusion, term by term."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading, Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import (
    GenerativeModel,
    HasDiffusionSteps,
    HasProbabilityPath,
)
from genlab.models.dequantise import log_density_kind, log_density_title
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import held_out

#: Held-out examples of the log-density, and of the ELBO with the draws of each.
LIKELY, BOUNDED, STRATA = 128, 256, 20
#: On the ring 16 steps of the exact field are 0.014 nats off, less than the choice of examples.
SMALL_STEPS = 16
PICTURES_LIKELY, PICTURE_STEPS, PICTURE_PROBES = 8, 16, 2


def mean_log_density(data: Dataset, n: int) -> tuple[float | None, str]:
    """The truth line of log p: its mean over n held-out examples, and what it is.

    Args:
        data: with its density; without one there is no line.
        n: examples.

    Returns:
        nats and a label; ``(None, "")`` if the density is not known.
    """
    if data.density is None:
        return None, ""
    x, _ = held_out(data, n)
    return float(data.density.log_prob(x).mean()), "mean log-density of the truth"


@PROBES.register("log_prob_ode", title="Log-density along the flow", order=180)
class FlowLogProb(Probe):
    """log p of held-out examples by the instantaneous change of variables."""

    share: ClassVar[float] = 0.006

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.small = data.meta.dim <= 3
        self.n = min(LIKELY if self.small else PICTURES_LIKELY, len(data.validation))

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasProbabilityPath)

    @property
    def series(self) -> tuple[Series, ...]:
        model, meta = MODELS[self.spec.model], self.data.meta
        truth, label = mean_log_density(self.data, self.n)
        how = (
            f"exact divergence, {SMALL_STEPS} steps"
            if self.small
            else f"{PICTURE_PROBES} Hutchinson probes"
        )
        title = f"log p(x) by the ODE, {how}, held-out"
        return (
            Series(
                "val_log_prob_ode",
                log_density_title(title, model, meta),
                "loss",
                "nats",
                log_density_kind("Monte Carlo", model, meta),
                self.n,
                "higher",
                truth,
                label,
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasProbabilityPath)
        x, _ = held_out(self.data, self.n)
        if self.small:
            found = model.log_prob_ode(x, SMALL_STEPS)
        else:
            found = model.log_prob_ode(x, PICTURE_STEPS, PICTURE_PROBES)
        return Reading({"val_log_prob_ode": float(found.log_prob.mean())})


@PROBES.register("diffusion_elbo", title="The ELBO of a diffusion, term by term", order=190)
class DiffusionTerms(Probe):
    """The ELBO of T + 1 terms on held-out examples, and the steps with the largest loss."""

    views: ClassVar[Mapping[str, View]] = {
        "elbo_terms": View(
            "learning", "The loss of the bound at each step between data and noise.", "diffusion"
        ),
    }

    share: ClassVar[float] = 0.004

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.n = min(BOUNDED if data.meta.dim <= 3 else 16, len(data.validation))

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasDiffusionSteps)

    @property
    def series(self) -> tuple[Series, ...]:
        truth, label = mean_log_density(self.data, self.n)
        title = f"ELBO, {STRATA + 2} drawn terms an example, held-out"
        return (
            Series(
                "val_diffusion_elbo",
                log_density_title(title, MODELS[self.spec.model], self.data.meta),
                "loss",
                "nats",
                "lower bound",
                self.n,
                "higher",
                truth,
                label,
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasDiffusionSteps)
        x, _ = held_out(self.data, self.n)
        rows = stratified_terms(model, x, STRATA)
        total = -sum(float(values.mean()) for _, values in rows)
        payload = {
            "x": [name for name, _ in rows],
            "y": [float(f"{float(values.mean()):.4g}") for _, values in rows],
            "x_title": "up to step i (T + 1: KL to the prior)",
            "y_title": "nats",
        }
        note = (
            f"terms of −ELBO, Monte Carlo, nats, n = {self.n} held-out; the first is −log p(x|x₁)"
        )
        picture = Picture("bars", "Terms of the ELBO", payload, note)
        return Reading({"val_diffusion_elbo": total}, {"elbo_terms": picture})


def stratified_terms(model: HasDiffusionSteps, x: Tensor, strata: int) -> list[tuple[int, Tensor]]:
    """−ELBO in parts: step 1, strata of the steps 2 to T with one draw an example, step T + 1.

    Returns:
        For each part its last step, and an estimate without bias of its sum, (B,) in nats.
    """
    total = model.diffusion_steps
    edges = [1 + round((total - 1) * i / strata) for i in range(strata + 1)]
    first = model.elbo_terms(x, torch.ones(len(x), dtype=torch.long))
    rows = [(1, first)]
    for low, high in itertools.pairwise(edges):
        steps = torch.randint(low + 1, high + 1, (len(x),))
        rows.append((high, (high - low) * model.elbo_terms(x, steps)))
    rows.append((total + 1, model.elbo_terms(x, torch.full((len(x),), total + 1))))
    return rows
