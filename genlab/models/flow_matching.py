"""Flow matching and rectified flow: a net learns the velocity of a probability path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.options import option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.base import HasLearnedVelocity
from genlab.models.probability_path import GuidanceOptions, Guided, PathModel, PathOptions
from genlab.paths import PATHS, PREDICTIONS, SAMPLERS

#: The number of pairs (noise, generated point) in a reflow step, for points and for images.
PAIRS, PICTURE_PAIRS = 8192, 1024


@dataclass(frozen=True)
class VelocityOptions(PathOptions):
    """Options of a model of the velocity."""

    probability_path: str = option(
        "linear",
        "path from noise to data",
        choices=lambda: tuple(n for n in PATHS.names() if not PATHS[n].singular_end),
        label="Probability path",
    )


@dataclass(frozen=True)
class FlowMatchingOptions(VelocityOptions):
    """Options of the row ``flow_matching``."""

    reflow_from: int = option(
        0,
        "training step from which the model learns from pairs of noise and its own sample, "
        "which straightens the paths (reflow); 0: never",
        low=0,
        high=1_000_000,
        advanced=True,
        label="First step of reflow",
    )


@dataclass(frozen=True)
class ConditionalFlowMatchingOptions(VelocityOptions, GuidanceOptions):
    """Options of the row ``conditional_flow_matching``."""


class VelocityModel(PathModel[Any], HasLearnedVelocity):
    """A net v(x, t) for the marginal velocity u_t(x) = E[α' x₁ + σ' ε | x_t = x].

    Sources: Lipman et al. 2023, "Flow matching for generative modeling"; Liu, Gong and Liu 2023,
    "Flow straight and fast: learning to generate and transfer data with rectified flow".
    """

    def __init__(self, options: Any, meta: DataMeta) -> None:
        self_path = PATHS[options.probability_path]
        super().__init__(options, meta)
        self.path = self_path
        self.prediction = PREDICTIONS["velocity"]

    @classmethod
    def check(cls, options: Any, meta: DataMeta) -> None:
        sampler, path = SAMPLERS[options.sampler], PATHS[options.probability_path]
        if sampler.variance_preserving and not path.variance_preserving:
            able = ", ".join(n for n in SAMPLERS.names() if not SAMPLERS[n].variance_preserving)
            raise SpecError(
                "sampler",
                options.sampler,
                f"it needs a path with α² + σ² = 1, and {options.probability_path} is none; "
                f"allowed: {able}",
            )
        super().check(options, meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return super().defaults(meta) | {"objective": "flow_matching"}


@MODELS.register(
    "flow_matching",
    order=420,
    title="Flow matching",
    summary="Learns the velocity field that transports noise to data; with straight paths, "
    "rectified flow.",
)
class FlowMatching(VelocityModel):
    """Flow matching, with one optional reflow step.

    From step ``reflow_from`` on, the pairs (ε, x₁) are noise and its image under the model's own
    flow, computed once. The flow of such a coupling is straighter, so fewer sampler steps are
    enough.
    """

    Options = FlowMatchingOptions
    pair_noise: Tensor
    pair_point: Tensor
    paired: Tensor

    def __init__(self, options: FlowMatchingOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.reflow_from = options.reflow_from
        if self.reflow_from:
            size = PICTURE_PAIRS if meta.is_image else PAIRS
            self.register_buffer("pair_noise", torch.zeros(size, *meta.shape))
            self.register_buffer("pair_point", torch.zeros(size, *meta.shape))
            self.register_buffer("paired", torch.zeros((), dtype=torch.bool))

    def own_pairs(self, n: int, step: int) -> tuple[Tensor, Tensor] | None:
        if not self.reflow_from or step < self.reflow_from:
            return None
        if not bool(self.paired):
            with torch.no_grad():
                self.pair_noise.normal_()
                parts = [self.flow.run(self, z, self._steps) for z in self.pair_noise.split(1024)]
                self.pair_point.copy_(torch.cat(parts))
                self.paired.fill_(True)
        index = torch.randint(len(self.pair_noise), (n,))
        return self.pair_noise[index], self.pair_point[index]


@MODELS.register(
    "conditional_flow_matching",
    order=430,
    title="Conditional flow matching",
    summary="Flow matching conditioned on the class, with classifier-free guidance; for "
    "labelled data.",
)
class ConditionalFlowMatching(Guided, VelocityModel):
    """Flow matching of p(x | y), and of p(x) if the class is withheld."""

    Options = ConditionalFlowMatchingOptions

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return cls.needs_labels(meta) or super().incompatibility(meta)
