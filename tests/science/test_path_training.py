"""Trained flows and diffusions meet the truth: excess loss, modes, log p, and live numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from genlab import data as datasets
from genlab.core.random import scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches, Dataset
from genlab.divergences import mode_coverage
from genlab.models.base import HasDiffusionSteps, HasInverse, HasProbabilityPath
from genlab.paths import SAMPLERS, ExactFields
from genlab.probes import read_probes
from genlab.probes.base import PROBES
from genlab.probes.flow_likelihood import stratified_terms
from genlab.probes.probability_path import excess_loss, straightness
from genlab.testing.mixtures import ring


def trained(steps: int, **values: Any) -> tuple[RunSpec, Dataset, Any]:
    """A run of some steps without looks, in this process."""
    spec = RunSpec.build(steps=steps, **values)
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    with scope(spec.train.seed, "training in a test"):
        seed_run(spec.train.seed)
        state = algorithm.init(spec.train.seed, data)
        batches = Batches(len(data.train), spec.train.batch, spec.train.seed)
        for step in range(steps):
            index = batches.index(step)
            labels = data.train.y[index] if algorithm.labelled else None
            state, _ = algorithm.step(state, data.train.x[index], labels)
    return spec, data, algorithm.model(state).eval()


@torch.no_grad()
def ring_quality(model: HasProbabilityPath, data: Dataset, sampler: str, steps: int) -> Any:
    with scope(0, "quality"):
        z = torch.randn(2000, 2) * model.path.start_scale
    x = SAMPLERS[sampler].run(model, z, steps)
    return mode_coverage(x, data.modes, data.extra["mode_std"])


@torch.no_grad()
def mean_excess(model: HasProbabilityPath, data: Dataset) -> float:
    exact = ExactFields.of(data.density, model.path)
    with scope(0, "excess"):
        x1 = data.test.x[:5000]
        noise, t = torch.randn_like(x1), model.path.draw_times(len(x1), x1)
        return float(excess_loss(model, exact, model.path.interpolate(x1, noise, t), t).mean())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_flow_matching_on_the_ring(seed: int) -> None:
    """With the defaults, at most 40 s of a core; 64 Heun steps."""
    _, data, model = trained(4000, model="flow_matching", data="ring", seed=seed)
    assert mean_excess(model, data) < 0.06
    seen = ring_quality(model, data, "heun", 64)
    assert seen.modes == 8
    assert seen.high_quality >= 0.85
    found = model.log_prob_ode(data.test.x[:500], 64).log_prob
    truth = data.density.log_prob(data.test.x[:500])
    gap = (truth - found).double()
    assert -4 * float(gap.std()) / math.sqrt(500) < float(gap.mean()) < 0.25


@pytest.mark.slow
def test_density_of_a_trained_flow_sums_to_one() -> None:
    _, data, model = trained(1500, model="flow_matching", data="two_gaussians")
    low, high = data.density.box.float() + torch.tensor([[-1.0], [1.0]])
    n = 80
    axes = [low[i] + (high[i] - low[i]) * (torch.arange(n) + 0.5) / n for i in range(2)]
    found = model.log_prob_ode(torch.cartesian_prod(*axes), 48).log_prob.double().exp()
    cell = float((high - low).prod()) / n**2
    assert float(found.sum()) * cell == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddpm", "edm", "conditional_flow_matching"])
def test_others_on_the_ring(name: str) -> None:
    steps = 6000 if name == "ddpm" else 4000
    _, data, model = trained(steps, model=name, data="ring")
    if name == "conditional_flow_matching":
        with scope(0, "z"), torch.no_grad():
            z = model.prior().sample((400,))
            for label in range(8):
                x = model.condition_on(torch.tensor(label)).decode(z).mean
                near = torch.cdist(x.double(), data.modes.double()).argmin(1)
                assert float((near == label).double().mean()) > 0.9
        return
    assert mean_excess(model, data) < 0.06
    seen = ring_quality(model, data, "heun", 64)
    assert seen.modes == 8
    assert seen.high_quality >= 0.8
    if name == "ddpm":
        assert isinstance(model, HasDiffusionSteps)
        with scope(0, "elbo"), torch.no_grad():
            rows = stratified_terms(model, data.test.x[:2000], 500)
        bound = -sum(float(values.mean()) for _, values in rows)
        error = math.sqrt(sum(float(values.var()) for _, values in rows) / 2000)
        truth = float(data.density.log_prob(data.test.x[:2000]).mean())
        assert truth - 1.0 < bound < truth + 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("name", ["realnvp", "maf"])
def test_normalising_flows_on_moons(name: str) -> None:
    """Entropy of the two moons by quadrature: 1.0075848 nats; sd of log p: 0.748."""
    _, data, model = trained(1500, model=name, data="moons")
    assert isinstance(model, HasInverse)
    with torch.no_grad():
        nll = -model.log_prob(data.test.x)
        back = model.decode(model.encode(data.test.x).mean).mean
        axis = (torch.arange(400) + 0.5) / 400 * 8 - 4
        mass = float(model.log_prob(torch.cartesian_prod(axis, axis)).double().exp().sum())
    error = 0.748 / math.sqrt(len(nll))
    assert 1.0075848 - 4 * error <= float(nll.mean()) <= 1.0075848 + 0.25
    assert float((back - data.test.x).abs().max()) < 1e-4
    assert mass * (8 / 400) ** 2 == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
def test_reflow_makes_ways_straight() -> None:
    spec, data, model = trained(1500, model="flow_matching", data="two_gaussians")
    _, _, again = trained(3000, model="flow_matching", data="two_gaussians", reflow_from=1500)
    probe = PROBES["trajectories"](spec, data)
    before, after = (read_probes(probe, m, 0).values["straightness"] for m in (model, again))
    assert after < 0.3 * before


def test_what_is_seen_live_is_true() -> None:
    """Excess and irreducible loss add up to the held-out loss; the zero net has the exact ones."""
    spec = RunSpec.build(model="flow_matching", data="ring")
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = ALGORITHMS["gradient"](spec).init(0, data).model
    with torch.no_grad():
        model.net.last.weight.zero_()
    probe = PROBES["path_excess"](spec, data)
    floor = {s.name: s.truth for s in probe.series}["val_path_loss"]
    values = read_probes(probe, model, 0).values
    # v = 0: excess 1.214390, loss E|x₁ − x₀|² = 3.005; sd of the loss about 3.
    assert floor == pytest.approx(1.790610, rel=1e-5)
    n = 2048
    assert abs(values["excess_loss"] - 1.214390) < 4 * 1.2 / math.sqrt(n)
    assert abs(values["val_path_loss"] - 3.005) < 4 * 3.0 / math.sqrt(n)
    assert read_probes(PROBES["trajectories"](spec, data), model, 0).values["straightness"] == 0.0
    error = read_probes(PROBES["sampler_error"](spec, data), model, 0)
    assert error.values["sampler_error"] == 0.0
    likely = read_probes(PROBES["log_prob_ode"](spec, data), model, 0).values["val_log_prob_ode"]
    x = data.validation.x[:128].double()
    normal = -0.5 * x.square().sum(1) - math.log(2 * math.pi)
    assert likely == pytest.approx(float(normal.mean()), abs=1e-4)


def test_no_exact_field_where_pairs_are_not_independent() -> None:
    for values in ({"coupling": "optimal_transport"}, {"reflow_from": 10}):
        spec = RunSpec.build(model="flow_matching", data="ring", **values)
        probe = PROBES["path_excess"](spec, datasets.load(spec))
        assert probe.series == ()


def test_straightness_of_the_exact_flow() -> None:
    """S = ∫E|u|² dt − E|X₁ − X₀|² = 1.214390 − 0.4708 = 0.7436 on the ring."""
    exact = ring()
    z = torch.randn(3000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    kept: list[tuple[float, torch.Tensor]] = []
    SAMPLERS["rk4"].run(exact, z, 100, each=lambda t, x: kept.append((t, x)))
    assert straightness(exact, kept) == pytest.approx(0.7436, rel=0.05)
