"""A critic's lower bound of an f-divergence on examples it has not seen."""

from __future__ import annotations

from genlab.core.measure import Reading, Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.data.base import Dataset
from genlab.divergences.f import FDivergence
from genlab.divergences.quadrature import bound_from_samples
from genlab.models.base import GenerativeModel, HasCritic
from genlab.probes.adversarial import NUMBERS, is_adversarial
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import frozen_batchnorm, held_out


@PROBES.register("f_bound", title="f-divergence, bound by the critic on held-out data", order=30)
class FBound(Probe):
    """E_P[T] − E_Q[f*(T)] ≤ D_f(P‖Q) on held-out and fresh generated examples.

    For objectives that have a ``divergence``; the others have no such bound.
    """

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        objective = OBJECTIVES[spec.objective](spec.objective_options)
        self.row: FDivergence | None = objective.critic_divergence
        # A critic of packs bounds a divergence of packs, not of examples.
        if getattr(spec.model_options, "pack", 1) > 1:
            self.row = None
        self.n = min(NUMBERS, len(data.validation))

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return is_adversarial(model)

    @property
    def series(self) -> tuple[Series, ...]:
        if self.row is None:
            return ()
        return (
            Series(
                "val_f_bound",
                f"{self.row.title}(data ‖ generated) ≥ E T(x) − E f*(T(G(z))), held-out",
                "divergence",
                self.row.unit,
                "lower bound",
                self.n,
                "lower",
                self.row.at_one,
                f"P = Q: {self.row.at_one:.3g}",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        if self.row is None:
            return Reading()
        assert isinstance(model, HasCritic)
        with frozen_batchnorm(model, self.data):
            real = model.score(held_out(self.data, self.n)[0])
            fake = model.score(model.sample(self.n))
        bound = bound_from_samples(self.row, real, fake, score=True)
        return Reading({"val_f_bound": bound.value})
