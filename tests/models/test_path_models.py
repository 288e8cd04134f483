"""Models of a path: guidance, the flow as encoder, EDM's preconditioning, reflow, log p."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import models
from genlab.core.random import scope
from genlab.core.registry import SpecError
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.base import HasProbabilityPath
from genlab.models.diffusion import edm_prediction
from genlab.models.flow_matching import PAIRS
from genlab.objectives.flow_matching import FlowMatchingLoss
from genlab.paths import PATHS, SAMPLERS
from genlab.testing.model_contract import METAS, ModelCase

NAMES = ("flow_matching", "ddpm", "edm", "conditional_flow_matching", "conditional_ddpm")


def build(name: str, sort: str = "plane", **values) -> HasProbabilityPath:
    """A model whose net is far from 0 at its start."""
    model = ModelCase(name, METAS[sort], name).build(**values).eval()
    with torch.no_grad():
        model.net.last.weight.mul_(60.0)
    assert isinstance(model, HasProbabilityPath)
    return model


@pytest.mark.parametrize("name", ["conditional_flow_matching", "conditional_ddpm"])
@pytest.mark.parametrize("sort", ["plane", "grey8"])
@torch.no_grad()
def test_guidance(name: str, sort: str) -> None:
    y, t = torch.tensor([0, 1, 1]), torch.tensor([0.2, 0.5, 0.9])
    x = torch.randn(3, *METAS[sort].shape)
    free = build(name, sort).predict(x, t)
    held = {
        w: build(name, sort, guidance=w).condition_on(y).predict(x, t) for w in (0.0, 1.0, 3.0)
    }
    torch.testing.assert_close(held[0.0], free)
    assert float((held[1.0] - free).abs().max()) > 1e-3
    torch.testing.assert_close(held[3.0], free + 3.0 * (held[1.0] - free), rtol=1e-4, atol=1e-4)
    # Each row has its own class, and in training there is no guidance.
    alone = build(name, sort, guidance=1.0).condition_on(y[2:]).predict(x[2:], t[2:])
    torch.testing.assert_close(held[1.0][2:], alone, rtol=1e-4, atol=1e-5)
    training = build(name, sort, guidance=3.0).train()
    with scope(0, "withheld"):
        seen = training.condition_on(y).predict(x, t)
    same = [torch.allclose(s, h, atol=1e-5) for s, h in zip(seen, held[1.0], strict=True)]
    withheld = [torch.allclose(s, f, atol=1e-5) for s, f in zip(seen, free, strict=True)]
    assert all(a or b for a, b in zip(same, withheld, strict=True))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_code_comes_back(name: str) -> None:
    model = build(name, sampler="rk4", sampling_steps=64)
    with scope(1, "z"):
        z = model.prior().sample((20,))
    x = model.decode(z).mean
    back = model.encode(x).mean
    if name in {"ddpm", "conditional_ddpm"}:
        # The last of 64 steps jumps over the 16 last of 1,000; the way back is close to it.
        assert float((model.decode(back).mean - x).abs().mean()) < 0.05
    else:
        torch.testing.assert_close(back, z, rtol=0, atol=5e-2)
    score = model.score(x, torch.full((20,), 0.5))
    clean, noise = model.estimates(x, torch.full((20,), 0.5))
    sigma = float(model.path.sigma(torch.tensor(0.5)))
    torch.testing.assert_close(score, -noise / sigma, rtol=1e-3, atol=1e-3)
    assert clean.shape == x.shape


@torch.no_grad()
def test_samples_follow_the_stochastic_sampler() -> None:
    model = build("ddpm", sampler="ancestral", sampling_steps=20)
    with scope(0, "a"):
        one = model.sample(5)
    with scope(0, "a"):
        z = model.prior().sample((5,))
        assert not torch.allclose(model.decode(z).mean, one)
    assert one.isfinite().all()


@torch.no_grad()
def test_edm_preconditioning() -> None:
    """D = c_skip x + c_out F(c_in x, ¼ ln σ), and the loss is λ(σ)|D − x₁|²."""
    std = 0.7
    model = build("edm", data_std=std)
    sigma = torch.tensor([0.01, 0.5, 20.0], dtype=torch.float64)
    t = 1.0 - sigma / 80.0
    x1, noise = torch.randn(2, 3, 2, dtype=torch.float64)
    x = x1 + sigma[:, None] * noise
    out = model.predict(x.float(), t).double()
    clean, _ = model.prediction.estimates(model.path, out, x, t)
    s2 = sigma.square() + std**2
    skip, scale = std**2 / s2, sigma * std / s2.sqrt()
    torch.testing.assert_close(
        clean, skip[:, None] * x + scale[:, None] * out, rtol=1e-6, atol=1e-7
    )
    target = edm_prediction(std).target(model.path, x1, noise, t)
    loss = (out - target).square().sum(1)
    weight = s2 / (sigma * std).square()
    torch.testing.assert_close(loss, weight * (clean - x1).square().sum(1), rtol=1e-6, atol=1e-6)
    with scope(0, "sigma"):
        drawn = 80.0 * (1.0 - model.path.draw_times(20_000, x))
    log = drawn.log()
    assert float(log.mean()) == pytest.approx(-1.2, abs=4 * 1.2 / math.sqrt(20_000))
    assert float(log.std()) == pytest.approx(1.2, rel=0.02)


def test_density_of_a_net_sums_to_one_in_data_space() -> None:
    meta = DataMeta((1, 1, 2), "unit")
    for name in ("flow_matching", "edm"):
        model = ModelCase(name, meta, name).build(net="mlp", hidden=16, layers=1).eval()
        with torch.no_grad():
            model.net.last.weight.mul_(30.0)
        n, low, high = 60, -2.5, 3.5
        if name == "edm":
            # The data of an untrained EDM net are about as wide as data_std.
            low, high = -1.5, 2.5
        axis = low + (high - low) * (torch.arange(n) + 0.5) / n
        x = torch.cartesian_prod(axis, axis).view(-1, 1, 1, 2)
        found = model.log_prob_ode(x, 40).log_prob
        assert float(found.double().exp().sum()) * ((high - low) / n) ** 2 == pytest.approx(
            1.0, abs=0.03
        )


def test_reflow_makes_its_pairs_once_and_keeps_them() -> None:
    model = ModelCase("flow_matching", METAS["plane"], "reflow").build(reflow_from=5).train()
    objective, x = FlowMatchingLoss(), torch.randn(16, 2)
    with scope(0, "early"):
        assert model.own_pairs(4, 4) is None
        objective.at_step(4).loss("model", model, x)
    assert not bool(model.paired)
    with scope(0, "late"):
        loss = objective.at_step(5).loss("model", model, x)
    assert loss.value.isfinite()
    assert bool(model.paired)
    kept = model.pair_noise.clone()
    with scope(1, "later"):
        noise, point = model.own_pairs(64, 6)
    assert torch.equal(kept, model.pair_noise)
    assert len(kept) == PAIRS
    with torch.no_grad():
        torch.testing.assert_close(model.flow.run(model, noise, 8), point, rtol=1e-4, atol=1e-5)
    other = ModelCase("flow_matching", METAS["plane"], "reflow").build(seed=1, reflow_from=5)
    other.load_state_dict(model.state_dict())
    assert bool(other.paired)
    assert torch.equal(other.pair_noise, kept)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SpecError, match="flow_matching trains it"):
        RunSpec.build(data="ring", model="flow_matching", objective="denoising")
    with pytest.raises(SpecError, match="sampler"):
        RunSpec.build(data="ring", model="edm", sampler="ancestral")
    with pytest.raises(SpecError, match="net"):
        RunSpec.build(data="ring", model="ddpm", net="unet")
    with pytest.raises(SpecError, match="classes"):
        RunSpec.build(data="swiss_roll", model="conditional_flow_matching")
    assert "square" in str(MODELS["edm"].incompatibility(DataMeta((1, 9, 30), "unit")))
    assert RunSpec.build(data="mnist5k", model="flow_matching").model_options.net == "unet"


PATHS_OF = dict.fromkeys(("ddpm", "edm"), ("",)) | {
    name: tuple(n for n in PATHS.names() if not PATHS[n].singular_end)
    for name in ("flow_matching", "conditional_flow_matching")
}


@pytest.mark.parametrize("sampler", SAMPLERS.names())
@pytest.mark.parametrize(("name", "path"), [(n, p) for n, ps in PATHS_OF.items() for p in ps])
def test_a_sampler_is_refused_or_samples(name: str, path: str, sampler: str) -> None:
    given = {"probability_path": path} if path else {}
    given |= {"sampler": sampler, "sampling_steps": 2, "hidden": 4}
    try:
        spec = RunSpec.build(data="ring", model=name, **given)
    except SpecError as error:
        refused = str(error)
    else:
        assert bool(models.build(spec).eval().sample(3).isfinite().all())
        return
    assert SAMPLERS[sampler].variance_preserving
    assert refused.startswith("sampler = ")
    assert "heun" in refused
