"""A likelihood, a posterior, a prior and an objective added in one file are trained like all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, Normal

from genlab import data as datasets
from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.random import scope
from genlab.core.run_spec import Combination, RunSpec
from genlab.core.tables import ALGORITHMS, OBJECTIVES
from genlab.distributions import LIKELIHOODS, Likelihood
from genlab.distributions.posteriors import POSTERIORS, Posterior
from genlab.distributions.priors import PRIORS, Prior
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder
from genlab.objectives.base import Loss, Objective, Player
from genlab.objectives.elbo import draw, elbo_series
from genlab.probes.variational import HeldOutELBO


def trained(steps: int = 5, **values: Any) -> tuple[RunSpec, list[float], dict[str, Tensor], Any]:
    """A short run: the spec, the loss shown of each step, what moved, and the model."""
    spec = RunSpec.build(**{"batch": 32, "seed": 3, **values})
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    seen = []
    with scope(3, "run"):
        state = algorithm.init(3, data)
        model = algorithm.model(state)
        before = {k: v.detach().clone() for k, v in model.named_parameters()}
        for k in range(steps):
            state, info = algorithm.step(state, data.train.x[32 * k : 32 * (k + 1)])
            seen.append(float(next(iter(info.terms.values())).mean()))
    moved = {k: (v.detach() - before[k]).abs().sum() for k, v in model.named_parameters()}
    return spec, seen, moved, model


@pytest.fixture
def rows() -> Iterator[None]:
    """The added rows, for one test."""

    @dataclass(frozen=True)
    class PowerOptions(Options):
        power: float = option(2.0, "power of the KL", low=1.0, high=4.0)

    @OBJECTIVES.register("added_objective", title="ELBO with a power of the KL")
    class PowerKL(Objective):
        """Lowers KL^p − E_q log p(x | z)."""

        Options = PowerOptions
        requires = (GenerativeModel, HasDecoder, HasEncoder)

        @property
        def players(self) -> tuple[Player, ...]:
            return (Player("model"),)

        @property
        def series(self) -> tuple[Series, ...]:
            mine = Series("power_loss", "loss", "loss", "nats", "training batch")
            return (mine, *elbo_series())

        def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
            one = draw(model, x)
            lowered = one.kl.clamp_min(0) ** self.options.power - one.reconstruction
            return Loss(lowered.mean(), {"power_loss": lowered, **one.terms})

    @PRIORS.register("added_prior", title="Shifted normal", summary="Its mean is learned.")
    class Shifted(Prior):
        def __init__(self, latent: int, meta: Any, components: int) -> None:
            super().__init__(latent, meta, components)
            self.loc = torch.nn.Parameter(torch.zeros(latent))

        def distribution(
            self, encode: Callable[[Tensor], Distribution], like: Tensor
        ) -> Distribution:
            return Independent(Normal(self.loc, 1.0), 1)

    def laplace(h: Tensor, options: Any) -> Distribution:
        return Independent(Laplace(h[:, 0], h[:, 1].exp()), h.dim() - 2)

    def wide(h: Tensor, latent: int) -> Distribution:
        return Independent(Normal(h, torch.full_like(h, 0.5)), 1)

    LIKELIHOODS.register("added_likelihood", title="Laplace", summary="Real data.")(
        Likelihood(supports=("real", "unit"), densities=("real", "unit"), outputs=2, make=laplace)
    )
    POSTERIORS.register("added_posterior", title="Fixed variance", summary="A mean alone.")(
        Posterior(outputs=lambda latent: latent, make=wide)
    )
    yield
    for table, name in (
        (OBJECTIVES, "added_objective"),
        (PRIORS, "added_prior"),
        (LIKELIHOODS, "added_likelihood"),
        (POSTERIORS, "added_posterior"),
    ):
        table.unregister(name)


ADDED = {
    "likelihood": "added_likelihood",
    "posterior": "added_posterior",
    "prior": "added_prior",
    "objective": "added_objective",
}


@pytest.mark.parametrize("where", [("moons", "vae"), ("digits", "conv_vae")])
def test_rows_of_one_file_are_trained_for_five_steps(rows: None, where: tuple[str, str]) -> None:
    data, model = where
    offered = Combination.of({"data": data, "model": model, "objective": "added_objective"})
    choices = {row.name: row.choices for row in offered.options()["model"]}
    for name in ("likelihood", "posterior", "prior"):
        assert ADDED[name] in (choices[name] or ())
    assert [row.name for row in offered.options()["objective"]] == ["power"]
    spec, seen, moved, net = trained(5, data=data, model=model, power=1.5, **ADDED)
    assert RunSpec.build(**spec.flat()) == spec
    assert len(seen) == 5
    assert all(torch.isfinite(torch.tensor(seen)))
    assert all(float(change) > 0 for change in moved.values())
    assert "prior_net.loc" in moved
    with torch.no_grad():
        assert net.eval().sample(4).isfinite().all()


def test_without_the_rows_they_are_not_there() -> None:
    choices = {
        row.name: row.choices
        for row in Combination.of({"data": "moons", "model": "vae"}).options()["model"]
    }
    assert not set(ADDED.values()) & {c for row in choices.values() for c in row or ()}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, "exact"),
        ({"posterior": "student_t"}, "exact"),
        ({"posterior": "full_gaussian"}, "exact"),
        ({"posterior": "planar"}, "Monte Carlo"),
        ({"prior": "mixture"}, "Monte Carlo"),
        ({"prior": "vamp", "posterior": "laplace"}, "Monte Carlo"),
    ],
)
def test_the_held_out_kl_says_its_kind(values: dict[str, str], kind: str) -> None:
    spec = RunSpec.build(data="moons", model="vae", **values)
    probe = HeldOutELBO(spec, datasets.load(spec))
    assert {s.name: s.kind for s in probe.series}["val_kl"] == kind


@pytest.mark.parametrize(
    "name", ["continuous_bernoulli", "gaussian_learned", "gaussian_shared", "discretised_logistic"]
)
def test_each_grey_likelihood_learns(name: str) -> None:
    _, seen, moved, _ = trained(20, data="digits", model="vae", likelihood=name)
    assert sum(seen[-5:]) > sum(seen[:5])
    assert all(float(change) > 0 for change in moved.values())


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
@pytest.mark.parametrize("posterior", ["full_gaussian", "student_t", "planar"])
def test_a_run_packs_and_goes_on_as_it_was(posterior: str, prior: str) -> None:
    spec = RunSpec.build(data="moons", model="vae", posterior=posterior, prior=prior, batch=32)
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    batches = data.train.x[:96].split(32)
    with scope(0, "start"):
        state = algorithm.init(0, data)
        state, _ = algorithm.step(state, batches[0])
    packed = algorithm.pack(state)
    again = algorithm.unpack(packed, data)
    ends = []
    for one in (state, again):
        with scope(1, "rest"):
            for batch in batches[1:]:
                one, _ = algorithm.step(one, batch)
        ends.append(algorithm.model(one).state_dict())
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
