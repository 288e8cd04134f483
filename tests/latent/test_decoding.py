"""Decoding as a job: its codes are those of the decoder, and its cost is known beforehand."""

from __future__ import annotations

import pytest
import torch

from genlab import models
from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.latent.codes import decode_mean
from genlab.latent.decoding import decode_job, decode_seconds
from genlab.models.probability_path import PathModel
from genlab.runs import catalog

KINDS = {
    "flow_matching": {"sampler": "rk4", "sampling_steps": 3},
    "ddpm": {"sampler": "ddim", "sampling_steps": 7},
    "edm": {"sampler": "heun", "sampling_steps": 4},
    "conditional_ddpm": {"sampler": "ancestral", "sampling_steps": 5},
    "vae": {},
}


def built(name):
    spec = RunSpec.build(model=name, data="ring", hidden=8, **KINDS[name])
    with scope(0, "weights"):
        return models.build(spec).eval(), spec


@pytest.mark.parametrize("name", KINDS)
def test_the_job_decodes_as_the_page_does_and_tells_how_far_it_is(name):
    model, spec = built(name)
    told = []
    z = torch.tensor([[0.3, -1.2]])
    with torch.no_grad():
        found = decode_job(
            model, catalog.dataset(spec), {"z": z.tolist()}, lambda f, text: told.append((f, text))
        )
        torch.testing.assert_close(found["x"], decode_mean(model, z))
    fractions = [f for f, _ in told]
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] <= fractions[-1] <= 1.0
    if isinstance(model, PathModel):
        assert fractions[0] == 0.0
        assert fractions[-1] == 1.0
        assert len(told) == KINDS[name]["sampling_steps"] + 1


@pytest.mark.parametrize("name", [name for name in KINDS if name != "vae"])
def test_the_evaluations_of_a_decoder_are_counted(name, monkeypatch):
    model, _ = built(name)
    seen = []
    estimates = type(model).predict

    def counted(self, x, t):
        seen.append(len(x))
        return estimates(self, x, t)

    monkeypatch.setattr(type(model), "predict", counted)
    decode_mean(model, torch.zeros(1, 2))
    assert len(seen) == model.decoder_evaluations


def test_more_steps_are_expected_to_take_longer():
    spec = RunSpec.build(model="ddpm", data="ring", hidden=8)
    few, many = (
        models.build(RunSpec.build(**{**spec.flat(), "sampling_steps": n})).eval()
        for n in (10, 1000)
    )
    assert 20 < decode_seconds(many) / decode_seconds(few) < 500


def test_codes_of_another_size_are_refused():
    model, spec = built("vae")
    with pytest.raises(SpecError, match="a code here has"):
        decode_job(model, catalog.dataset(spec), {"z": [[1.0]]}, lambda f, text: None)
