"""A learned encoder against the inverse of a linear generator, and against having none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genlab import latent, runs
from genlab.core.errors import GenlabError, SnapshotError, SpecError
from genlab.core.random import capture, scope
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta, Dataset, Split
from genlab.latent.codes import codes_of, space
from genlab.latent.encoder import (
    Encoder,
    encoder_job,
    evaluate_encoder,
    fits,
    learn,
    load_learned_encoder,
    with_encoder,
)
from genlab.models.base import HasCritic, HasDecoder, HasEncoder
from genlab.models.linear_gaussian import LinearGaussian
from genlab.testing.model_contract import METAS, ModelCase


@pytest.fixture(scope="module")
def plane() -> tuple[Any, Dataset]:
    """An invertible linear map of the plane, and data of its own law."""
    model = LinearGaussian.of(
        torch.tensor([[2.0, 1.0], [0.0, 0.5]]), torch.tensor([1.0, -1.0]), 0.1
    )
    with scope(0, "plane"):
        x = torch.randn(1600, 2) @ model.weight.detach().mT + model.bias.detach()
    parts = [Split(part) for part in x.split([1000, 300, 300])]
    return model.eval(), Dataset(DataMeta((2,), "real"), *parts)


def test_of_an_invertible_generator_it_is_the_inverse(plane: Any) -> None:
    model, data = plane
    before = capture()
    found = learn(model, data, steps=500, seed=0)
    assert torch.equal(capture(), before)
    assert all(p.requires_grad for p in model.parameters())
    x = data.test.x
    exact = torch.linalg.solve(model.weight.detach(), (x - model.bias.detach()).mT).mT
    # Judged where there is mass: the net has no reason to be linear beyond it.
    inner = exact.norm(dim=1) < 2.0
    error = (found(x) - exact)[inner]
    assert float(error.square().mean().sqrt()) < 0.1
    table = evaluate_encoder(model, found, data)
    assert 0.97 < table["code_r2"] <= 1.0
    assert table["real_psnr"] > 30.0
    # The spread of q is the error that E makes, whose tails are heavy: a factor is what one knows.
    with scope(3, "fresh"):
        z = model.prior().sample((2000,))
    with torch.no_grad():
        made = model.decode(z).mean
        ratio = ((z - found(made)) / found.spread).square().mean()
    assert 0.2 < float(ratio) < 5.0
    assert 0.0 < float(found.spread.max()) < 0.3


def test_the_same_seed_gives_the_same_encoder_and_it_survives_its_file(plane: Any) -> None:
    model = ModelCase("gan", METAS["plane"], "gan").build().eval()
    data = plane[1]
    told: list[float] = []
    with torch.no_grad():
        a = encoder_job(model, data, {"steps": 40, "seed": 5}, lambda f, _: told.append(f))
        b = encoder_job(model, data, {"steps": 40, "seed": 5}, lambda f, _: None)
    assert torch.equal(a["weights"], b["weights"])
    assert told == sorted(told)
    raw = a["weights"].numpy()
    encoder = load_learned_encoder({"weights": raw}, model)
    assert evaluate_encoder(model, encoder, data, 5)["code_r2"] == pytest.approx(
        a["code_r2"], abs=1e-6
    )
    assert b"pickle" not in raw.tobytes()
    for wrong in (raw[:100], np.zeros(64, np.uint8)):
        with pytest.raises(SnapshotError, match="learn the encoder again"):
            load_learned_encoder({"weights": wrong}, model)
    with pytest.raises(SpecError, match="1 to 20000"):
        encoder_job(model, data, {"steps": 0, "seed": 0}, lambda f, _: None)


def test_a_gan_with_it_is_taken_by_every_tool_that_needs_codes() -> None:
    view = runs.open_run("shipped:dcgan-mnist5k")
    model, data = view.model(), view.data()
    encoder = learn(model, data, steps=120, seed=0)
    table = evaluate_encoder(model, encoder, data)
    # After so few steps it is already worth more than the nearest of 512 draws of the prior.
    assert table["generated_psnr"] > table["generated_floor"] + 1.0
    assert table["real_psnr"] > table["real_floor"] + 1.0
    both = with_encoder(model, encoder)
    assert isinstance(both, HasEncoder)
    assert isinstance(both, HasCritic)
    assert not isinstance(model, HasEncoder)
    assert space(both) == "posterior mean"
    assert with_encoder(both, encoder) is both
    x = data.test.x[:5]
    q = both.encode(x)
    assert q.event_shape == (model.latent,)
    torch.testing.assert_close(q.mean, encoder(x))
    codes = codes_of(both, data, "data", 50, 0)
    np.testing.assert_allclose(codes.code, encoder(data.test.x[codes.index]).numpy(), atol=1e-4)
    torch.testing.assert_close(
        latent.decode_mean(both, q.mean), model.decode(encoder(x)).mean, atol=1e-5, rtol=0
    )


def test_who_needs_one_is_decided_by_what_a_model_can_do() -> None:
    for row in MODELS.rows():
        needs = issubclass(row.value, HasDecoder) and not issubclass(row.value, HasEncoder)
        assert fits(row.value) == needs, row.name
    vq = ModelCase("vq_vae", METAS["grey8"], "vq").build()
    with pytest.raises(GenlabError, match="continuous codes"):
        learn(vq, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", list(METAS))
def test_any_shape_of_data_has_one(label: str) -> None:
    meta = METAS[label]
    case = ModelCase("gan", meta, label)
    encoder = Encoder(meta, 5)
    assert encoder(case.batch(3)).shape == (3, 5)
