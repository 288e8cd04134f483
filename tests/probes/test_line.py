"""Laws on the line against closed forms: N(0, 1) and N(2, 1), by a generator and by a decoder."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab import models
from genlab.core.measure import Reading
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel
from genlab.models.gan import GAN
from genlab.models.vae import VAE
from genlab.probes import read_probes
from genlab.probes.ledger import Ledger
from genlab.probes.line import DensitiesOnTheLine
from genlab.probes.toys import fine_grid_of
from genlab.probes.truth import LineDistance, log_density, log_masses, pushforward

#: Between N(0, 1) and N(2, 1), as published to eight digits.
JS, KL, W1 = 0.33683082, 2.0, 2.0


class Affine(torch.nn.Module):
    def __init__(self, weight: float, bias: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.bias = torch.nn.Parameter(torch.tensor(bias))

    def forward(self, z: Tensor) -> Tensor:
        return self.weight * z[:, :1] + self.bias


def shifted(
    by: float = 2.0, latent: int = 1, **values: Any
) -> tuple[RunSpec, Dataset, GenerativeModel]:
    """Data N(0, 1), generated N(by, 1), the critic 2 − 2x: log p/q where by is 2."""
    spec = RunSpec.build(data="gaussian", dim=1, model="gan", latent=latent, **values)
    with scope(0, "weights"):
        model = models.build(spec).eval()
    assert isinstance(model, GAN)
    model.generator = torch.nn.Sequential(Affine(1.0, by))
    model.body, model.head = torch.nn.Sequential(), Affine(-2.0, 2.0)
    return spec, datasets.load(spec), model


def seen(spec: RunSpec, data: Dataset, model: GenerativeModel) -> Reading:
    probe = DensitiesOnTheLine(spec, data)
    found = read_probes(probe, model, 0)
    assert set(found.values) == {series.name for series in probe.series}
    payload = found.pictures["line"].payload
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload
    return found


def line(found: Reading, name: str) -> Tensor:
    y = found.pictures["line"].payload["lines"][name]["y"]
    return torch.tensor([math.nan if v is None else v for v in y], dtype=torch.float64)


def test_a_generator_of_one_code_is_integrated() -> None:
    found = seen(*shifted())
    values, payload = found.values, found.pictures["line"].payload
    assert payload["n"] == 0
    # Cells lower a divergence by a share of their squared width.
    assert values["line_js"] == pytest.approx(JS, abs=5e-4)
    # Two per cent of the generated mass are outside the box, where the data have 1e-9.
    assert values["line_kl"] == pytest.approx(KL, abs=2e-3)
    assert values["line_kl_reverse"] == pytest.approx(KL, abs=5e-3)
    assert values["line_w1"] == pytest.approx(W1, abs=1e-4)
    x = torch.tensor(payload["x"], dtype=torch.float64)
    for name, mean in (("p", 0.0), ("q", 2.0)):
        exact = (-0.5 * (x - mean) ** 2).exp() / math.sqrt(2 * math.pi)
        torch.testing.assert_close(line(found, name), exact, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(line(found, "d"), (2 - 2 * x).sigmoid(), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        line(found, "truth"), (2 - 2 * x).sigmoid(), atol=2e-3, rtol=0, equal_nan=True
    )
    distance = next(value for title, value, _ in payload["told"] if title.startswith("mean"))
    assert distance < 2e-3


def test_one_of_two_codes_is_counted_and_says_so() -> None:
    found = seen(*shifted(latent=2))
    assert found.pictures["line"].payload["n"] == 20_000
    assert "20,000" in found.pictures["line"].note
    assert found.values["line_js"] == pytest.approx(JS, abs=0.012)
    assert found.values["line_w1"] == pytest.approx(W1, abs=4 / math.sqrt(20_000))
    floors = {s.name: s.truth for s in DensitiesOnTheLine(*shifted(latent=2)[:2]).series}
    same = seen(*shifted(0.0, latent=2))
    assert same.values["line_js"] == pytest.approx(floors["line_js"], rel=0.6)
    assert 0 < floors["line_w1"] < 0.03


def test_arrows_are_minus_the_gradient_of_the_generators_loss() -> None:
    payload = seen(*shifted()).pictures["line"].payload
    fake = torch.tensor(payload["fake"])[:64]
    force = -2.0 * (1 - (2 - 2 * fake).sigmoid())  # of softplus(−l), l′ = −2
    arrows = torch.tensor(payload["arrows"])
    assert payload["push"] == pytest.approx(float(force.abs().max()), rel=1e-2)
    torch.testing.assert_close(
        arrows, 0.08 * 12.0 * force / force.abs().max(), atol=0.01, rtol=0.02
    )


@pytest.mark.parametrize(
    ("objective", "best"),
    [
        ("lsgan", lambda log_r: log_r.sigmoid()),
        ("hinge", torch.sign),
        # V* of KL is 1 + log r, and of reverse KL log r: its T* = −1/r is −e^(−V).
        ("kl", lambda log_r: 1.0 + log_r),
        ("reverse_kl", lambda log_r: log_r),
    ],
)
def test_the_best_critic_of_other_losses(objective: str, best: Any) -> None:
    known = {"kl", "reverse_kl"}
    values = (
        {"objective": "fgan", "divergence": objective}
        if objective in known
        else {"objective": objective}
    )
    found = seen(*shifted(**values))
    x = torch.tensor(found.pictures["line"].payload["x"], dtype=torch.float64)
    truth, exact = line(found, "truth"), best(2 - 2 * x)
    here = ((x - 1.0).abs() < 2.0) & ((x - 1.0).abs() > 0.05)
    torch.testing.assert_close(truth[here], exact[here], atol=0.02, rtol=0.01)


def test_a_critic_without_a_best_is_drawn_alone_and_no_critic_not_at_all() -> None:
    assert set(seen(*shifted(objective="wgan_gp")).pictures["line"].payload["lines"]) == {
        "p",
        "q",
        "c",
    }
    spec = RunSpec.build(data="gaussian", dim=1, model="vae", latent=1)
    with scope(0, "weights"):
        model = models.build(spec).eval()
    found = seen(spec, datasets.load(spec), model)
    assert set(found.pictures["line"].payload["lines"]) == {"p", "q"}


def decoder_of(weight: float, bias: float, sigma: float) -> tuple[RunSpec, Dataset, VAE]:
    """x = weight z + bias + sigma ε, so q = N(bias, weight² + sigma²)."""
    spec = RunSpec.build(
        data="gaussian", dim=1, model="vae", latent=1, likelihood="gaussian", sigma=sigma
    )
    with scope(0, "weights"):
        model = models.build(spec).eval()
    assert isinstance(model, VAE)
    model.decoder = torch.nn.Sequential(Affine(weight, bias))
    return spec, datasets.load(spec), model


def test_a_decoder_of_one_code_is_integrated_over_it() -> None:
    _, _, model = decoder_of(0.8, 1.0, 0.6)
    x = torch.linspace(-4, 5, 50)[:, None]
    with torch.no_grad():
        log_q = log_density(model)
        assert log_q is not None
        exact = torch.distributions.Normal(1.0, 1.0).log_prob(x[:, 0])
        torch.testing.assert_close(log_q(x).float(), exact, atol=1e-3, rtol=0)
        assert pushforward(model) is None
    values = seen(*decoder_of(0.8, 2.0, 0.6)).values
    assert values["line_js"] == pytest.approx(JS, abs=5e-4)
    assert values["line_w1"] == pytest.approx(W1, abs=1e-3)


def test_a_law_far_outside_the_box_keeps_its_distance() -> None:
    for far in (shifted(30.0), shifted(30.0, latent=2), decoder_of(0.8, 30.0, 0.6)):
        assert seen(*far).values["line_w1"] == pytest.approx(30.0, rel=2e-3)


def test_folds_and_flats_of_a_generator_are_seen() -> None:
    class Fold(torch.nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z.abs()

    _, data, model = shifted()
    model.generator = torch.nn.Sequential(Fold())
    law = pushforward(model)
    assert law is not None
    edges = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])
    exact = [0.0, 0.0, *(math.erf(e / math.sqrt(2)) for e in (0.5, 1.0, 2.0))]
    assert law.below(edges).tolist() == pytest.approx(exact, abs=2e-3)
    model.generator = torch.nn.Sequential(Affine(0.0, 1.0))
    flat = pushforward(model)
    assert flat is not None
    assert flat.below(torch.tensor([0.9, 1.1])).tolist() == pytest.approx([0.0, 1.0])
    with torch.no_grad():
        distance = LineDistance(fine_grid_of(data)).w1(model, torch.ones(5, 1))
    assert distance == pytest.approx(
        # E|x − 1| for x from N(0, 1): √(2/π) e^(−1/2) + 2 Φ(1) − 1.
        math.sqrt(2 / math.pi) * math.exp(-0.5) + math.erf(1 / math.sqrt(2)),
        abs=2e-3,
    )


def test_models_of_the_plane_and_of_labels_are_not_integrated() -> None:
    ring = RunSpec.build(data="ring", model="gan", latent=1)
    told = RunSpec.build(data="two_gaussians", dim=1, model="cgan", latent=1)
    for spec in (ring, told):
        data = datasets.load(spec)
        with scope(0, "weights"), torch.no_grad():
            model = models.build(spec).eval()
            assert log_masses(model, fine_grid_of(data)) is None


def test_the_ledger_integrates_too() -> None:
    spec, data, model = shifted()
    rows = {
        row["name"]: row
        for row in read_probes(Ledger(spec, data), model, 0).pictures["ledger"].payload["rows"]
    }
    assert (rows["js"]["n"], rows["js"]["error"], rows["w1"]["n"]) == (0, 0.0, 0)
    # The row of the table is twice JS; 64 cells lower it by about half a per cent.
    assert rows["js"]["value"] == pytest.approx(2 * JS, rel=0.01)
    assert rows["w1"]["value"] == pytest.approx(W1, abs=1e-3)
    assert rows["w1"]["floor"] == 0.0
