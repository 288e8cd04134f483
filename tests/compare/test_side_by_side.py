"""Side by side: the same z where it can be, the same examples, and why a part is missing."""

from __future__ import annotations

import pytest
import torch

from genlab import data as datasets
from genlab import models
from genlab.compare import duel
from genlab.compare.side_by_side import (
    TITLES,
    SideBySide,
    build_side_by_side,
    needs_inversion,
    real_examples,
    shared_real,
)
from genlab.core.random import capture, scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import JOBS
from genlab.latent.inversion import psnr


def made(spec: RunSpec, seed: int = 0, codes: torch.Tensor | None = None) -> SideBySide:
    with scope(0, "weights"):
        model = models.build(spec).eval()
    return build_side_by_side(model, datasets.load(spec), seed, codes)


@pytest.mark.parametrize("data", ["digits", "ring"])
def test_a_duel_has_the_same_z_and_the_same_examples(data: str) -> None:
    vae, gan = (made(spec) for spec in duel.specs(data, steps=10).values())
    assert torch.equal(vae.z, gan.z)
    assert vae.examples == gan.examples
    assert list(vae.pictures) == ["samples", "path_z", "reconstructions", "path_x"]
    assert list(gan.pictures) == ["samples", "path_z"]
    assert all("inversion" in why for why in gan.missing.values())
    other = made(duel.specs(data, steps=10)[f"GAN on {data}"], seed=1)
    assert not torch.equal(gan.z, other.z)


def test_samples_and_paths_are_those_of_the_codes() -> None:
    spec = duel.specs("digits", steps=10)["GAN on digits"]
    with scope(0, "weights"):
        model = models.build(spec).eval()
    data = datasets.load(spec)
    before = capture()
    codes = torch.zeros(8, 16)
    shown = build_side_by_side(model, data, 0, codes)
    assert torch.equal(before, capture())
    expected = model.decode(shown.z).mean.detach()
    assert shown.pictures["samples"].payload["x"] == pytest.approx(expected.clamp(0, 1))
    path = shown.pictures["path_z"].payload
    ends = path["x"].view(3, path["columns"], -1)
    assert torch.allclose(ends[:, 0], expected[0:6:2].flatten(1), atol=1e-5)
    assert torch.allclose(ends[:, -1], expected[1:6:2].flatten(1), atol=1e-5)
    x, _ = real_examples(data)
    back = model.decode(codes).mean.detach()
    assert shown.psnr == pytest.approx(psnr(back, x), rel=1e-6)
    assert torch.equal(shown.pictures["reconstructions"].payload["x"][: len(x)], x)


def test_inversion_finds_codes_that_come_nearer_than_chance() -> None:
    spec = duel.specs("ring", steps=10)["GAN on ring"]
    with scope(0, "weights"):
        model = models.build(spec).eval()
    data = datasets.load(spec)
    assert needs_inversion(model, data)
    looks: list[float] = []
    values = {"seed": 0}
    found = JOBS["inversions"](model, data, values, lambda part, words: looks.append(part))
    assert found["z"].shape == (len(real_examples(data)[0]), 2)
    near = build_side_by_side(model, data, 0, found["z"])
    chance = build_side_by_side(model, data, 0, torch.randn(found["z"].shape))
    assert float(near.psnr.mean()) > float(chance.psnr.mean())
    assert looks == sorted(looks)
    assert len(looks) == len(found["z"])


@pytest.mark.parametrize(
    ("values", "there", "why"),
    [
        ({"model": "made", "data": "digits", "binarise": "threshold"}, ["samples"], "no latent"),
        ({"model": "vq_vae", "data": "digits"}, ["samples", "reconstructions"], "discrete"),
        ({"model": "gan", "data": "gaussian"}, ["samples", "path_z"], "inversion"),
    ],
)
def test_what_a_model_cannot_show_is_said(values, there, why) -> None:
    shown = made(RunSpec.build(**values))
    assert list(shown.pictures) == there
    assert {*shown.pictures, *shown.missing} == set(TITLES)
    assert any(why in reason for reason in shown.missing.values())


@pytest.mark.parametrize("data", ["digits", "ring", "mixture"])
def test_the_real_data_stand_beside_a_duel_as_samples_do(data: str) -> None:
    vae, gan = (made(spec) for spec in duel.specs(data, steps=10).values())
    shared = shared_real([vae, gan])
    assert list(shared) == ["samples"]
    picture, drawn = shared["samples"], gan.pictures["samples"]
    assert picture.form == drawn.form
    assert "held-out" in picture.note
    test = datasets.load(duel.specs(data, steps=10)[f"GAN on {data}"]).test.x
    if drawn.form == "images":
        assert torch.equal(torch.as_tensor(picture.payload["x"]), test[:32])
    elif drawn.form == "points":
        assert picture.payload["box"] == drawn.payload["box"]


def test_runs_of_other_data_share_no_real_data() -> None:
    ring, line = (
        made(duel.specs(data, steps=10)[f"GAN on {data}"]) for data in ("ring", "digits")
    )
    assert shared_real([ring, line]) == {}
