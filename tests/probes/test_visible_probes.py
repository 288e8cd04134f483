"""The looks at fully visible nets show what the models themselves say."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import data, models
from genlab.core.random import capture
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.models.visible import FullyVisible
from genlab.probes.base import PROBES, probes_for, read_probes

SPEC = RunSpec.build(data="digits", model="made", binarise="dynamic", ordering="random")


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return data.load(SPEC)


@pytest.fixture(scope="module")
def model() -> FullyVisible:
    torch.manual_seed(0)
    made = models.build(SPEC)
    assert isinstance(made, FullyVisible)
    return made


def test_they_are_offered_to_fully_visible_nets_alone(loaded: Dataset) -> None:
    mine = {"bits", "surprise", "completion"}
    assert mine <= {p.name for p in probes_for(SPEC, type(models.build(SPEC)), loaded)}
    other = RunSpec.build(data="digits", model="vae")
    names = {p.name for p in probes_for(other, type(models.build(other)), data.load(other))}
    assert not mine & names


def test_bits_are_those_of_the_model(model: FullyVisible, loaded: Dataset) -> None:
    probe = PROBES["bits"](SPEC, loaded)
    x = loaded.validation.x
    with torch.no_grad():
        exact = -float(model.eval().log_prob(x).mean()) / (64 * math.log(2))
    assert read_probes(probe, model, 0).values == {
        "val_bits_per_dim": pytest.approx(exact, rel=1e-6)
    }
    (series,) = probe.series
    assert (series.kind, series.unit, series.n) == ("exact", "bits/dim", len(x))


def test_surprise_maps_are_the_conditionals(model: FullyVisible, loaded: Dataset) -> None:
    picture = read_probes(PROBES["surprise"](SPEC, loaded), model, 0).pictures["surprise"]
    sheet = picture.payload["x"]
    assert sheet.shape == (48, 1, 8, 8)
    assert picture.payload["columns"] == 8
    x = loaded.validation.x
    with torch.no_grad():
        bits = -model.eval().conditionals(x[8:16]) / math.log(2)
    assert torch.equal(sheet[16:24], x[8:16])
    torch.testing.assert_close(sheet[24:32], (bits / 5).clamp(0, 1))
    assert "white 5 bits" in picture.note


def test_completions_keep_the_known_half(model: FullyVisible, loaded: Dataset) -> None:
    probe = PROBES["completion"](SPEC, loaded)
    before = capture()
    picture = read_probes(probe, model, 0).pictures["completion"]
    assert torch.equal(capture(), before)
    sheet = picture.payload["x"].unflatten(0, (4, 8))
    known = model.prefix(32)
    assert int(known.sum()) == 32
    assert torch.equal(sheet[0], loaded.validation.x[:8])
    assert bool((sheet[1][:, ~known] == 0.5).all())
    for row in (1, 2, 3):
        assert torch.equal(sheet[row][:, known], sheet[0][:, known])
    assert not torch.equal(sheet[2], sheet[3])
    again = read_probes(probe, model, 5).pictures["completion"].payload["x"]
    assert torch.equal(again, picture.payload["x"])
