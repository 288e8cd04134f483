"""Inference as algorithms of runs, whose state is the posterior.

``exact``: in closed form, each example once; ``em``: expectation-maximisation on the whole set;
``svi``: natural gradients from batches. ``advi`` and ``hmc`` stand in ``log_joint_runs``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genlab import models
from genlab.core.errors import SnapshotError, SpecError
from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, DATASETS, MODELS, OBJECTIVES
from genlab.data.base import Batches, DataMeta, Dataset
from genlab.inference.base import Inference
from genlab.inference.conjugate import (
    BetaBernoulli,
    ConditionallyConjugate,
    Conjugate,
    NormalGamma,
)
from genlab.inference.lda import LDA
from genlab.inference.linear_gaussian import ProbabilisticPCA
from genlab.inference.mixture import EM
from genlab.inference.svi import SVI, BayesianMixture, RobbinsMonro
from genlab.inference.tree import ChowLiu
from genlab.models.base import GenerativeModel, HasLabels
from genlab.models.gaussian_mixture import GaussianMixture
from genlab.models.independent_pixels import IndependentPixels
from genlab.models.linear_gaussian import LinearGaussian
from genlab.models.topics import Topics, words
from genlab.models.tree import ClassTree, Tree, TreeModel
from genlab.objectives.base import Objective
from genlab.objectives.bayes import Bayes
from genlab.objectives.likelihood import Likelihood
from genlab.train import gradient as _gradient  # noqa: F401 - the first row is the default
from genlab.train.algorithm import Algorithm, Info, Packed

#: Training examples used for a start or for a mean over the set.
FIRST = 5000


def flat(_options: Any, x: Tensor) -> Tensor:
    """Examples as rows of float64, (B, *data_shape) -> (B, d)."""
    return x.flatten(1).double()


@dataclass(frozen=True)
class InferenceView:
    """The current result of an inference.

    Args:
        rule: the result of the row's ``make``.
        posterior: the state of the inference.
        first: the first training examples as rows, (n, d).
    """

    rule: Any
    posterior: Any
    first: Tensor


@dataclass(frozen=True)
class Learner:
    """How an algorithm infers one kind of model: a row of that algorithm.

    Args:
        model: the class of the models.
        objective: the class of the objectives.
        make: ``make(options, meta)`` of the model's options: the conjugate model for ``svi``, the
            inference itself for the others.
        show: ``show(model, seen)`` writes the result into the model.
        rows: ``rows(options, x)``: examples in the form that the inference expects.
    """

    model: type[GenerativeModel]
    objective: type[Objective]
    make: Callable[[Any, DataMeta], Any]
    show: Callable[[Any, InferenceView], None]
    rows: Callable[[Any, Tensor], Tensor] = flat


@dataclass
class InferenceState:
    """The state of a run of inference.

    Args:
        posterior: the state of the inference.
        model: the model that holds the current result.
        steps: steps taken.
    """

    posterior: Any
    model: GenerativeModel
    steps: int = 0


class InferenceAlgorithm(Algorithm[InferenceState]):
    """An inference as a run: its state is the posterior, and the model shows the result."""

    #: The models it can infer; ``ALGORITHMS["svi"].learners.append(Learner(...))`` adds one.
    learners: ClassVar[list[Learner]]

    def __init_subclass__(cls) -> None:
        cls.learners = []

    def __init__(self, spec: RunSpec) -> None:
        super().__init__(spec)
        row = self.learner(MODELS[spec.model], OBJECTIVES[spec.objective])
        if row is None:
            raise SpecError("algorithm", self.name, f"it cannot infer {spec.model!r}")
        self.row = row
        self.labelled = issubclass(MODELS[spec.model], HasLabels)
        self.rule = row.make(spec.model_options, DATASETS[spec.data].meta(spec.data_options))
        self.first = torch.empty(0)
        self._inference: Inference[Any, Any] | None = None

    @classmethod
    def learner(cls, model: type[GenerativeModel], objective: type[Objective]) -> Learner | None:
        """The row for this pair, None if there is none."""
        fit = (
            row
            for row in cls.learners
            if issubclass(model, row.model) and issubclass(objective, row.objective)
        )
        return next(fit, None)

    @classmethod
    def incompatibility(
        cls, model: type[GenerativeModel], objective: type[Objective]
    ) -> str | None:
        if cls.learner(model, objective) is None:
            return "it has no rule for such a model with this objective"
        return objective.incompatibility(model)

    @property
    def inference(self) -> Inference[Any, Any]:
        """The inference on the training set, once that is known."""
        if self._inference is None:
            self._inference = self.inference_for(1)
        return self._inference

    def inference_for(self, examples: int) -> Inference[Any, Any]:
        """The inference for a set with this many examples."""
        inference: Inference[Any, Any] = self.rule
        return inference

    def prepare(self, data: Dataset) -> None:
        """Store the training set."""
        self._inference = self.inference_for(len(data.train))
        self.first = self.rows(data.train.x[:FIRST])

    def rows(self, x: Tensor) -> Tensor:
        """Examples in the form that the inference expects, (B, *data_shape) -> (B, d)."""
        return self.row.rows(self.spec.model_options, x)

    @property
    def series(self) -> tuple[Series, ...]:
        return self.inference.series

    def init(self, seed: int, data: Dataset) -> InferenceState:
        self.prepare(data)
        return InferenceState(self.inference.init(seed, self.first), models.build(self.spec))

    def move(
        self, state: InferenceState, batch: Tensor, labels: Tensor | None
    ) -> tuple[Any, Info]:
        """The posterior after a batch, (B, *data_shape), with labels (B,) if there are any.

        Labels are further columns of the rows, one-hot.
        """
        rows = self.rows(batch)
        if labels is not None:
            classes = len(state.model.meta.classes)
            rows = torch.cat([rows, one_hot(labels.long(), classes).to(rows.dtype)], dim=1)
        return self.inference.step(state.posterior, rows)

    def step(
        self, state: InferenceState, batch: Tensor, labels: Tensor | None = None
    ) -> tuple[InferenceState, Info]:
        state.posterior, info = self.move(state, batch, labels)
        state.steps += 1
        return state, info

    def view(self, state: InferenceState) -> InferenceView:
        """The result that is written into the model."""
        return InferenceView(self.rule, state.posterior, self.first)

    def model(self, state: InferenceState) -> GenerativeModel:
        with torch.no_grad():
            self.row.show(state.model, self.view(state))
        return state.model

    def sample(self, state: InferenceState, n: int) -> Tensor:
        with torch.no_grad():
            return self.model(state).sample(n)

    def pack(self, state: InferenceState) -> Packed:
        weights = self.model(state).state_dict()
        posterior = self.inference.pack(state.posterior)
        tensors = {f"{MODEL}{k}": v.detach().clone() for k, v in weights.items()}
        tensors |= {f"{POSTERIOR}{k}": v for k, v in posterior.tensors.items()}
        return Packed(tensors, {"taken": state.steps})

    def adapt_state(
        self, packed: Packed, before: RunSpec, changes: Collection[str]
    ) -> tuple[Packed, tuple[str, ...]]:
        if not _under(POSTERIOR, packed.tensors):
            raise SnapshotError(
                "The snapshot holds only the model, as exports do, and not the posterior that "
                f"{self.name} needs to continue."
            )
        return packed, ()

    def unpack(self, packed: Packed, data: Dataset) -> InferenceState:
        self.prepare(data)
        model, tensors = models.build(self.spec), packed.tensors
        try:
            model.load_state_dict(_under(MODEL, tensors))
        except RuntimeError as error:
            raise SnapshotError(f"the snapshot is of another model: {error}") from None
        posterior = self.inference.unpack(Packed(_under(POSTERIOR, tensors), {}))
        return InferenceState(posterior, model, int(packed.values["taken"]))


MODEL, POSTERIOR = "model/", "posterior/"


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names have a prefix, with the prefix removed."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


@ALGORITHMS.register(
    "exact",
    title="Closed form (exact)",
    summary="The exact posterior, batch by batch. Each example counts once, so one pass is "
    "enough.",
    order=20,
)
class Exact(InferenceAlgorithm):
    """Bayes' rule or maximum likelihood, in closed form from the examples so far.

    After one pass over the training set the state and its reported numbers stay constant, so that
    charts end in a horizontal line.
    """

    #: Other batches would count some examples twice.
    fixed_options = ("batch", "seed")
    last_info = Info()

    def prepare(self, data: Dataset) -> None:
        super().prepare(data)
        self.passes = Batches(len(data.train), self.spec.train.batch, self.spec.train.seed)
        self.last_info = Info()

    def move(
        self, state: InferenceState, batch: Tensor, labels: Tensor | None
    ) -> tuple[Any, Info]:
        if self.passes.epoch(state.steps) > 0:
            return state.posterior, self.last_info
        posterior, self.last_info = super().move(state, batch, labels)
        return posterior, self.last_info


@dataclass(frozen=True)
class EMOptions(Options):
    """Options of EM."""

    floor: float = option(
        1e-6,
        "variance added to the diagonal of each covariance; it prevents a collapse onto single "
        "examples",
        low=1e-12,
        high=1.0,
        log=True,
        advanced=True,
        label="Covariance floor",
    )


@ALGORITHMS.register(
    "em",
    title="Expectation-maximisation",
    summary="Each step uses the whole training set. log p(data) never decreases.",
    order=30,
)
class ExpectationMaximisation(InferenceAlgorithm):
    """E: the exact responsibilities. M: the parameters from the data weighted by them.

    The batch of the loop is not used. Source: Dempster, Laird and Rubin 1977.
    """

    Options = EMOptions

    def inference_for(self, examples: int) -> Inference[Any, Any]:
        o: Any = self.spec.algorithm_options
        return EM(self.rule, o.floor)

    def prepare(self, data: Dataset) -> None:
        super().prepare(data)
        self.whole = self.rows(data.train.x)

    def move(
        self, state: InferenceState, batch: Tensor, labels: Tensor | None
    ) -> tuple[Any, Info]:
        return self.inference.step(state.posterior, self.whole)


@dataclass(frozen=True)
class SVIOptions(Options):
    """Options of stochastic variational inference: its step sizes."""

    forgetting: float = option(
        0.7,
        "forgetting rate κ of the step size ρ_t = (t + τ)^−κ: above 0.5, at most 1",
        low=0.501,
        high=1.0,
        label="Forgetting rate κ",
    )
    delay: float = option(
        1.0,
        "delay τ of the step size, which reduces the first steps",
        low=0.0,
        high=1e4,
        label="Step-size delay τ",
    )


@ALGORITHMS.register(
    "svi",
    title="Stochastic variational inference",
    summary="Natural gradients of the ELBO from batches, with decreasing step sizes.",
    order=40,
)
class StochasticVariational(InferenceAlgorithm):
    """λ ← (1 − ρ_t) λ + ρ_t λ̂ with λ̂ = α + (N / B) Σ_{i in batch} E[t(x_i, z_i)].

    Source: Hoffman, Blei, Wang and Paisley 2013, "Stochastic variational inference".
    """

    Options = SVIOptions
    #: λ of the exact posterior of the training set, if known.
    exact: Tensor | None = None

    def inference_for(self, examples: int) -> Inference[Any, Any]:
        o: Any = self.spec.algorithm_options
        return SVI(self.rule, examples, RobbinsMonro(o.forgetting, o.delay))

    def prepare(self, data: Dataset) -> None:
        super().prepare(data)
        # If batches are binarised anew, there is no fixed set with an exact posterior.
        if isinstance(self.rule, Conjugate) and data.draw is None:
            parts = (self.rows(x) for x in data.train.x.split(FIRST))
            sums = (self.rule.statistics(self.rule.validate(x)).sum(0) for x in parts)
            self.exact = sum(sums, self.rule.prior)

    @property
    def series(self) -> tuple[Series, ...]:
        if not isinstance(self.rule, Conjugate):
            return self.inference.series
        gap = Series(
            "posterior_gap",
            "largest relative distance of λ from the exact posterior's",
            "distance",
            "dimensionless",
            "exact",
            0,
            "lower",
            0.0,
            "exact posterior",
        )
        return (*self.inference.series, gap)

    def move(
        self, state: InferenceState, batch: Tensor, labels: Tensor | None
    ) -> tuple[Any, Info]:
        posterior, info = super().move(state, batch, labels)
        if self.exact is None:
            return posterior, info
        gap = ((posterior.natural - self.exact) / self.exact).abs().max()
        return posterior, Info({**info.terms, "posterior_gap": gap})


# -- what each algorithm learns


def _coins(o: Any, meta: DataMeta) -> Conjugate:
    return BetaBernoulli(o.prior_ones, o.prior_zeros, meta.dim)


def _show_coins(model: IndependentPixels, seen: InferenceView) -> None:
    ones, zeros = seen.posterior.natural.log().unbind(-1)
    model.logits.copy_((ones - zeros).view(model.logits.shape))


def _normals(o: Any, meta: DataMeta) -> ConditionallyConjugate:
    component = NormalGamma(0.0, 0.01, 1.0, o.cluster_sd**2, meta.dim)
    return BayesianMixture(component, o.clusters, o.weight_concentration)


def _show_normals(model: GaussianMixture, seen: InferenceView) -> None:
    """The mixture at E[π], E[μ] and the variances 1 / E[1 / v]."""
    counts, inner = seen.rule.split(seen.posterior.natural)
    mean, _, shape, scale = NormalGamma.parameters(inner)
    model.set_parameters(counts / counts.sum(), mean, torch.diag_embed(scale / shape))


def _clusters(o: Any, _meta: DataMeta) -> int:
    clusters: int = o.clusters
    return clusters


def _show_mixture(model: GaussianMixture, seen: InferenceView) -> None:
    model.set_parameters(seen.posterior.weights, seen.posterior.means, seen.posterior.covariances)


def _lda(o: Any, meta: DataMeta) -> ConditionallyConjugate:
    return LDA(o.topics, meta.dim, o.mixing, o.ink_prior)


def _show_topics(model: Topics, seen: InferenceView) -> None:
    model.set_parameters(seen.posterior.natural, seen.first.sum(1).mean())


def _bag(o: Any, x: Tensor) -> Tensor:
    return words(x, o.grey_levels)


def _principal(o: Any, meta: DataMeta) -> ProbabilisticPCA:
    return ProbabilisticPCA(meta.dim, o.latent, o.sigma**2)


def _show_principal(model: LinearGaussian, seen: InferenceView) -> None:
    # A single example has no covariance: the model stays at its start.
    if float(seen.posterior.count) > 1:
        best = seen.rule.model(seen.posterior)
        model.weight.copy_(best.loadings)
        model.bias.copy_(best.offset)


def _tree(o: Any, meta: DataMeta) -> ChowLiu:
    return ChowLiu(meta.dim, o.tree_prior)


def _class_tree(o: Any, meta: DataMeta) -> ChowLiu:
    return ChowLiu(meta.dim, o.tree_prior, len(meta.classes))


def _show_tree(model: TreeModel[Any], seen: InferenceView) -> None:
    estimate = seen.rule.tree(seen.posterior)
    model.set_parameters(estimate.parents, estimate.tables, estimate.roots, estimate.classes)


COINS = Learner(IndependentPixels, Bayes, _coins, _show_coins)
Exact.learners += [
    COINS,
    Learner(LinearGaussian, Likelihood, _principal, _show_principal),
    Learner(Tree, Bayes, _tree, _show_tree),
    Learner(ClassTree, Bayes, _class_tree, _show_tree),
]
ExpectationMaximisation.learners += [
    Learner(GaussianMixture, Likelihood, _clusters, _show_mixture)
]
StochasticVariational.learners += [
    COINS,
    Learner(GaussianMixture, Bayes, _normals, _show_normals),
    Learner(Topics, Bayes, _lda, _show_topics, _bag),
]
