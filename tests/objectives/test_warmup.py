"""KL warm-up: its schedule, what is lowered and what is shown, resuming in the middle."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genlab import data as datasets
from genlab.core import random
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, OBJECTIVES
from genlab.data.base import DataMeta
from genlab.models.vae import VAE, VAEOptions
from genlab.objectives.base import Objective
from genlab.objectives.elbo import WarmedUp, draw
from genlab.objectives.free_bits import grouped_kl

WARMED = [row.name for row in OBJECTIVES.rows() if issubclass(row.value, WarmedUp)]


def small() -> tuple[VAE, torch.Tensor]:
    with scope(0, "small"):
        model = VAE(VAEOptions(latent=3, hidden=16), DataMeta((1, 4, 4), "binary")).double()
        return model, torch.rand(12, 1, 4, 4, dtype=torch.float64).round()


def build(name: str, **values: Any) -> Objective:
    cls = OBJECTIVES[name]
    return cls(cls.Options.build(values))


def loss_at(objective: Objective, step: int) -> Any:
    model, x = small()
    with scope(1, "loss"):
        return objective.at_step(step).loss("model", model, x)


def test_which_objectives_are_warmed_up() -> None:
    assert set(WARMED) == {"elbo", "beta", "free_bits"}


@pytest.mark.parametrize("name", WARMED)
@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.0), (1, 0.02), (25, 0.5), (50, 1.0), (900, 1.0)]
)
def test_the_share_rises_in_a_line_to_one(name: str, step: int, share: float) -> None:
    objective = build(name, warmup=50)
    loss = loss_at(objective, step)
    torch.testing.assert_close(
        loss.terms["kl_share"], torch.full((12,), share, dtype=torch.float64)
    )
    names = {series.name for series in objective.series}
    assert set(loss.terms) == names
    assert next(s.kind for s in objective.series if s.name == "kl_share") == "exact"


@pytest.mark.parametrize("name", WARMED)
def test_what_is_lowered_has_the_share_and_the_elbo_has_not(name: str) -> None:
    model, x = small()
    with scope(1, "loss"):
        one = draw(model, x)
    charged = {
        "elbo": one.kl,
        "beta": 4.0 * one.kl,
        "free_bits": grouped_kl(one).mean(0).clamp_min(0.1).sum(),
    }[name]
    objective = build(name, warmup=10, **({"beta": 4.0} if name == "beta" else {}))
    for step in (0, 3, 10):
        loss = loss_at(objective, step)
        expected = (step / 10 * charged - one.reconstruction).mean()
        torch.testing.assert_close(loss.value, expected)
        torch.testing.assert_close(loss.terms["elbo"], one.reconstruction - one.kl)


@pytest.mark.parametrize("name", WARMED)
def test_off_by_default_and_then_the_same_numbers(name: str) -> None:
    plain, over = build(name), build(name, warmup=5)
    assert plain.at_step(0) is plain
    assert "kl_share" not in {series.name for series in plain.series}
    one, two = loss_at(plain, 0), loss_at(over, 5)
    assert float(one.value.detach()) == float(two.value.detach())
    assert set(two.terms) - set(one.terms) <= {"kl_share", "warmup_loss"}
    assert all(torch.equal(one.terms[key], two.terms[key]) for key in one.terms)


@pytest.mark.parametrize("name", WARMED)
def test_a_run_resumed_in_the_middle_goes_on_as_it_was(name: str) -> None:
    spec = RunSpec.build(model="vae", data="moons", objective=name, batch=32, warmup=8)
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    batches = data.train.x[:224].split(32)
    with scope(0, "run"):
        state = algorithm.init(0, data)
        for batch in batches[:3]:
            state, _ = algorithm.step(state, batch)
        packed, stream = algorithm.pack(state), random.capture()
        ends, shares = [], []
        for one in (state, algorithm.unpack(packed, data)):
            random.restore(stream)
            for batch in batches[3:]:
                one, info = algorithm.step(one, batch)
                shares.append(info.means()["kl_share"])
            ends.append(algorithm.model(one).state_dict())
    assert shares[:4] == shares[4:] == [3 / 8, 4 / 8, 5 / 8, 6 / 8]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
