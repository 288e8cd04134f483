"""ADVI and HMC as algorithms of runs, for any log-joint."""

from __future__ import annotations

import abc
import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.tables import ALGORITHMS, DATASETS, MODELS
from genlab.data.base import DataMeta, Dataset
from genlab.inference.advi import ADVI, ETAS, FAMILIES
from genlab.inference.base import Inference
from genlab.inference.log_joint_models import MAX_DRAWS, LogJointModel
from genlab.inference.log_joints import Diverged, LogJoint
from genlab.inference.mcmc import HMCWithHistory
from genlab.inference.runs import InferenceAlgorithm, InferenceState, InferenceView, Learner
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Objective
from genlab.objectives.bayes import Bayes
from genlab.train.algorithm import Info


class LogJointAlgorithm(InferenceAlgorithm):
    """An algorithm that needs only a log-joint, so it can fit any such model."""

    @classmethod
    def learner(cls, model: type[GenerativeModel], objective: type[Objective]) -> Learner | None:
        if not (issubclass(model, LogJointModel) and issubclass(objective, Bayes)):
            return None

        def make(options: Any, _meta: DataMeta) -> Any:
            return functools.partial(model.log_joint, options)

        return Learner(model, Bayes, make, _show_draws)

    @property
    def of(self) -> type[LogJointModel[Any]]:
        """The class of the model."""
        found: type[LogJointModel[Any]] = MODELS[self.spec.model]
        return found

    @abc.abstractmethod
    def make_inference(self, target: LogJoint) -> Inference[Any, Any]:
        """The inference for a log-joint of all rows."""

    @abc.abstractmethod
    def zeta(self, posterior: Any) -> Tensor:
        """Draws of ζ, (n, chains, K)."""

    def inference_for(self, examples: int) -> Inference[Any, Any]:
        rows = self.first
        if not len(rows):
            width = DATASETS[self.spec.data].meta(self.spec.data_options).dim
            rows = torch.ones(8, width, dtype=torch.float64)
        return self.make_inference(self.rule(rows))

    def prepare(self, data: Dataset) -> None:
        self.first = self.rows(data.train.x)
        self._inference = self.inference_for(len(data.train))

    def view(self, state: InferenceState) -> InferenceView:
        return InferenceView(self, state.posterior, self.first)

    def move(
        self, state: InferenceState, batch: Tensor, labels: Tensor | None
    ) -> tuple[Any, Info]:
        return self.inference.step(state.posterior, None)


def _show_draws(model: LogJointModel[Any], seen: InferenceView) -> None:
    model.set_draws(seen.rule.zeta(seen.posterior), seen.first)


@dataclass(frozen=True)
class ADVIOptions(Options):
    """Options of automatic differentiation variational inference."""

    q_covariance: str = option(
        "full-rank",
        "q(ζ): independent numbers (mean-field), or a Gaussian with all correlations (full-rank)",
        choices=tuple(FAMILIES),
        label="Covariance of q",
    )
    elbo_draws: int = option(
        10, "draws of q in each step, M", low=1, high=1000, log=True, label="ELBO samples M"
    )
    eta: float = option(
        0.0,
        f"scale η of the step sizes; 0: the best of {', '.join(f'{eta:g}' for eta in ETAS)} in a "
        "short search",
        low=0.0,
        high=1000.0,
        label="Step-size scale η",
    )


@ALGORITHMS.register(
    "advi",
    title="Automatic differentiation VI (ADVI)",
    summary="Fits a Gaussian over the unconstrained parameters by gradient ascent on the ELBO.",
    order=50,
)
class AutomaticVariational(LogJointAlgorithm):
    """The state is q(ζ); the likelihood of a batch smaller than the table is scaled up.

    Source: Kucukelbir et al. 2017, "Automatic differentiation variational inference".
    """

    Options = ADVIOptions
    fixed_options = ("q_covariance", "eta")

    def make_inference(self, target: LogJoint) -> ADVI:
        o: Any = self.spec.algorithm_options
        return ADVI(target, o.q_covariance, o.elbo_draws, o.eta or None)

    def zeta(self, posterior: Any) -> Tensor:
        advi = self.inference
        assert isinstance(advi, ADVI)
        return advi.zeta(posterior, MAX_DRAWS, self.spec.train.seed)

    @property
    def series(self) -> tuple[Series, ...]:
        elbo, *others = self.inference.series
        truth = self.of.truth_of(self.spec.model_options, self.first) if len(self.first) else None
        if truth is None:
            return (elbo, *others)
        how = "closed form" if truth.kind == "exact" else "quadrature on a grid"
        label = f"log p(data), {how}"
        known = dataclasses.replace(elbo, truth=truth.log_evidence, truth_label=label)
        return (known, *others)

    def move(
        self, state: InferenceState, batch: Tensor, labels: Tensor | None
    ) -> tuple[Any, Info]:
        advi = self.inference
        assert isinstance(advi, ADVI)
        part = len(batch) < advi.target.examples
        try:
            return advi.step(state.posterior, self.of.split(self.rows(batch)) if part else None)
        except Diverged:
            # The posterior stays the last finite one; NaN marks the run as diverged.
            nan = torch.tensor(torch.nan)
            return state.posterior, Info({"elbo": nan, "step_size": nan})


@dataclass(frozen=True)
class HMCOptions(Options):
    """Options of Hamiltonian Monte Carlo."""

    chains: int = option(8, "number of parallel chains", low=2, high=100, label="Chains")
    hmc_warmup: int = option(
        300,
        "warm-up steps, which adapt step size and mass; their draws are discarded",
        low=20,
        high=100_000,
        label="Warm-up steps",
    )
    path: float = option(
        1.5,
        "mean length of a trajectory",
        low=0.1,
        high=10.0,
        unit="posterior standard deviations",
        advanced=True,
        label="Trajectory length",
    )
    accept: float = option(
        0.8,
        "target acceptance probability",
        low=0.05,
        high=0.99,
        advanced=True,
        label="Target acceptance rate",
    )


@ALGORITHMS.register(
    "hmc",
    title="Hamiltonian Monte Carlo",
    summary="Chains that sample the posterior itself: slow, but asymptotically exact.",
    order=60,
)
class HamiltonianMonteCarlo(LogJointAlgorithm):
    """The state holds the chains and their last draws; each step is one trajectory on all rows.

    Source: Neal 2011, "MCMC using Hamiltonian dynamics".
    """

    Options = HMCOptions
    fixed_options = ("chains", "hmc_warmup", "accept")

    def make_inference(self, target: LogJoint) -> HMCWithHistory:
        o: Any = self.spec.algorithm_options
        return HMCWithHistory(
            target,
            MAX_DRAWS // o.chains,
            chains=o.chains,
            warmup=o.hmc_warmup,
            path=o.path,
            accept=o.accept,
        )

    def zeta(self, posterior: Any) -> Tensor:
        hmc = self.inference
        assert isinstance(hmc, HMCWithHistory)
        return hmc.zeta(posterior)
