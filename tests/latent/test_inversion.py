"""Inversion against linear algebra, and of what a trained generator made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genlab import runs
from genlab.core.errors import GenlabError, SpecError
from genlab.core.random import scope
from genlab.latent.codes import decode_mean, prior_sample
from genlab.latent.inversion import CANDIDATES, RANDOM, WEIGHT, invert, invert_job, peak, psnr
from genlab.models.linear_gaussian import LinearGaussian
from genlab.testing.model_contract import METAS, ModelCase


def test_psnr_is_its_definition() -> None:
    with scope(0, "psnr"):
        x, y = torch.rand(3, 5, 4), torch.rand(3, 5, 4)
    exact = 10 * np.log10(255**2 / ((255 * x - 255 * y).double().numpy() ** 2).mean(axis=(1, 2)))
    np.testing.assert_allclose(psnr(x, y), exact, rtol=1e-6)
    np.testing.assert_allclose(psnr(10 * x, 10 * y, 10.0), exact, rtol=1e-6)
    assert torch.isinf(psnr(x, x)).all()


def test_of_a_linear_decoder_it_is_the_ridge_regression() -> None:
    with scope(0, "linear"):
        weight, bias, x = torch.randn(7, 3), torch.randn(7), 2 * torch.randn(7)
    model = LinearGaussian.of(weight, bias, 0.5)
    range_ = 40.0  # a large one, so that the prior's term matters
    found = invert(model, x, range_=range_, seed=5)
    pool = prior_sample(model, CANDIDATES + RANDOM, 5)[:CANDIDATES].double()
    m, s = pool.mean(0), pool.std(0)
    w, b, target = weight.double(), bias.double(), x.double()
    left = 2 / (7 * range_**2) * w.mT @ w + torch.diag(WEIGHT / (3 * s**2))
    right = 2 / (7 * range_**2) * w.mT @ (target - b) + WEIGHT / (3 * s**2) * m
    exact = torch.linalg.solve(left, right)
    torch.testing.assert_close(found.z[found.best].double(), exact, atol=2e-3, rtol=0)
    # The prior's term moved it away from least squares by more than that.
    free = torch.linalg.lstsq(w, (target - b)[:, None]).solution[:, 0]
    assert float((free - exact).norm()) > 0.02
    assert found.names[0] == "encoder"
    assert len(found.names) == len(found.z)


@pytest.fixture(scope="module")
def dcgan() -> Any:
    view = runs.open_run("shipped:dcgan-mnist5k")
    return view.model(), view.data()


def test_what_a_generator_made_is_recovered(dcgan: Any) -> None:
    model, data = dcgan
    z = prior_sample(model, 3, 2026)
    x = decode_mean(model, z)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    for k in range(3):
        found = invert(model, x[k], seed=1)
        assert float(found.psnr.max()) > 25.0
        # A draw of the prior, even the nearest of two thousand, is far from that.
        assert float(found.first.max()) < 20.0
        torch.testing.assert_close(
            found.psnr, psnr(decode_mean(model, found.z), x[k][None]), rtol=1e-6, atol=1e-4
        )
        assert float(found.z[found.best].square().mean().sqrt()) < 2.0
    assert peak(data) == 1.0
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())


def test_it_works_for_a_vae_s_decoder_and_never_ends_below_its_start() -> None:
    view = runs.open_run("shipped:vae-mnist5k")
    model, data = view.model(), view.data()
    x = decode_mean(model, prior_sample(model, 1, 7))[0]
    assert float(invert(model, x, seed=0, steps=150).psnr.max()) > 25.0
    real = data.test.x[0]
    found = invert(model, real, seed=0, steps=100)
    assert bool((found.psnr >= found.first - 0.5).all())
    with torch.no_grad():
        own = psnr(model.decode(model.encode(real[None]).mean).mean, real[None])
    assert float(found.psnr.max()) > float(own)


def test_the_job_tells_its_progress_and_repeats_itself(dcgan: Any) -> None:
    data = runs.open_run("shipped:dcgan-mnist5k").data()
    grey: Any = ModelCase("dcgan", METAS["grey28"], "dcgan").build().eval()
    x = data.test.x[3].flatten().tolist()
    told: list[tuple[float, str]] = []
    values = {"x": x, "seed": 4, "label": None}
    with torch.no_grad():
        a = invert_job(grey, data, values, lambda f, words: told.append((f, words)))
        b = invert_job(grey, data, values, lambda f, words: None)
    assert torch.equal(a["z"], b["z"])
    assert a["names"][0] == "near draw 1"
    fractions = [f for f, _ in told]
    assert fractions == sorted(fractions)
    assert "best of 9 starts" in told[-1][1]
    assert a["psnr"][a["best"]] == a["psnr"].max()
    early = invert(grey, data.test.x[3], seed=4, look=lambda step, z, db: step < 50)
    assert len(early.trace) < len(a["trace"])
    # Up to rounding: a net without training is nearly flat, and both may be at its best code.
    assert float(early.psnr.max()) <= float(a["psnr"].max()) + 1e-3
    with pytest.raises(SpecError, match="784 entries"):
        invert_job(grey, data, {**values, "x": [0.0, 1.0]}, lambda f, words: None)


def test_codes_of_a_table_are_not_inverted() -> None:
    model = ModelCase("vq_vae", METAS["grey8"], "vq").build().eval()
    with pytest.raises(GenlabError, match="discrete"):
        invert(model, torch.zeros(1, 8, 8))


@pytest.mark.parametrize("name", ["gan", "cgan", "infogan", "bigan", "vae"])
def test_points_and_every_prior_are_inverted(name: str) -> None:
    case = ModelCase(name, METAS["plane" if name == "gan" else "grey8"], name)
    model: Any = case.build().eval()
    x = decode_mean(model, prior_sample(model, 1, 3))[0]
    found = invert(model, x, seed=0, steps=120, range_=1.0)
    assert float(found.psnr.max()) > 25.0
