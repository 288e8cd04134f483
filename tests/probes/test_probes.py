"""Probes: what they read is recomputed here by hand; they are seeded and leave no trace."""

from __future__ import annotations

import base64
import functools
import json
import math

import pytest
import torch

from genlab import data as datasets
from genlab import models
from genlab.core.measure import Picture
from genlab.core.random import capture, scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel
from genlab.panels import check_picture
from genlab.panels.base import PANELS as FORMS
from genlab.probes import probes_for, read_probes
from genlab.probes.base import PROBES
from genlab.probes.common import draw, principal

SPECS = {
    "vae-digits": {"model": "vae", "data": "digits", "likelihood": "bernoulli"},
    "conv_vae-binary": {"model": "conv_vae", "data": "digits", "binarise": "dynamic"},
    "vae-ring": {"model": "vae", "data": "ring"},
    "gan-ring": {"model": "gan", "data": "ring"},
    "gan-line": {"model": "gan", "data": "two_gaussians", "dim": 1},
    "gan-moons": {"model": "gan", "data": "swiss_roll"},
    "dcgan-digits": {"model": "dcgan", "data": "digits"},
    "linear_gaussian": {"model": "linear_gaussian", "data": "gaussian"},
    "bigan-digits": {"model": "bigan", "data": "digits"},
    "made": {"model": "made", "data": "digits", "binarise": "threshold"},
    "flow_matching-ring": {"model": "flow_matching", "data": "ring", "hidden": 16, "layers": 1},
    "ddpm-line": {
        "model": "ddpm",
        "data": "two_gaussians",
        "dim": 1,
        "hidden": 16,
        "layers": 1,
        "sampling_steps": 8,
    },
    "edm-digits": {"model": "edm", "data": "digits", "width": 4, "sampling_steps": 4},
    "realnvp-ring": {"model": "realnvp", "data": "ring", "flow_layers": 2},
}
PANELS = {
    "vae-digits": {"samples", "reconstructions", "latent", "kl_per_dim"},
    "conv_vae-binary": {"samples", "reconstructions", "latent", "kl_per_dim"},
    "vae-ring": {"samples", "reconstructions", "latent", "kl_per_dim", "ledger"},
    "gan-ring": {"samples", "confidence", "latent", "gap", "ledger", "calibration"},
    "gan-line": {"samples", "confidence", "latent", "line", "ledger", "calibration"},
    "gan-moons": {"samples", "confidence", "latent"},
    "dcgan-digits": {"samples", "confidence", "latent", "calibration"},
    "linear_gaussian": {"samples", "reconstructions", "latent"},
    "bigan-digits": {"samples", "reconstructions", "latent"},
    "made": {"samples"},
    "flow_matching-ring": {
        "samples",
        "reconstructions",
        "latent",
        "ledger",
        "excess_by_time",
        "flow_field",
        "trajectories",
        "sampler_error",
    },
    "ddpm-line": {"samples", "latent", "line", "ledger", "excess_by_time", "elbo_terms"},
    "edm-digits": {"samples", "reconstructions", "latent"},
    "realnvp-ring": {"samples", "reconstructions", "latent", "ledger"},
}


@functools.cache
def case(label: str) -> tuple[RunSpec, Dataset, GenerativeModel]:
    spec = RunSpec.build(**SPECS[label])
    data = datasets.load(spec)
    with scope(0, "weights"):
        seed_run(0)
        model = models.build(spec).train()
    return spec, data, model


@functools.cache
def readings(label: str) -> dict[str, object]:
    spec, data, model = case(label)
    found: dict[str, object] = {}
    for probe in probes_for(spec, type(model), data):
        reading = read_probes(probe, model, 0)
        assert set(reading.values) == {series.name for series in probe.series}
        assert not set(found) & {*reading.values, *reading.pictures}
        found |= reading.values | reading.pictures
    return found


@pytest.mark.parametrize("label", SPECS)
def test_panels_and_payloads(label: str) -> None:
    found = readings(label)
    pictures = {k: v for k, v in found.items() if isinstance(v, Picture)}
    assert PANELS[label] <= set(pictures)
    for picture in pictures.values():
        payload = picture.payload
        assert picture.note
        check_picture(picture)
        if picture.form == "images":
            x = payload["x"]
            assert x.dim() == 4
            assert len(x) % payload["columns"] == 0
            assert float(x.min()) >= 0.0
            assert float(x.max()) <= 1.0
            continue
        # Velocities at eleven times weigh more than one field.
        most = 36_000 if picture.form == "flow_field" else 20_000
        assert len(json.dumps(payload)) < most
        if picture.form == "points":
            assert len(payload["x"]) == len(payload["label"]) <= 400
            assert max(payload["label"]) < max(1, len(payload["classes"]))
            assert len(payload["axes"]) == 2
        elif picture.form == "histogram":
            bins = len(payload["edges"]) - 1
            assert all(len(c) == bins for c in payload["counts"].values())
        elif picture.form in {"ledger", "calibration"}:
            assert len(payload["rows" if picture.form == "ledger" else "bins"]) >= 10
        elif picture.form == "gap":
            cells = payload["cells"] ** 2
            assert all(len(base64.b64decode(f["z"])) == cells for f in payload["fields"].values())
            assert len(payload["arrows"]) <= len(payload["fake"]) <= 100
        elif picture.form == "line":
            assert {len(row["y"]) for row in payload["lines"].values()} == {len(payload["x"])}
        elif picture.form == "field":
            rows, columns = len(payload["y"]), len(payload["x"])
            assert [len(row) for row in payload["z"]] == [columns] * rows
        elif picture.form == "flow_field":
            assert payload
        elif isinstance(FORMS[picture.form].script, tuple):
            # A form that a plugin brings is tested by its own contract.
            assert picture.form == "bars"
            assert len(payload["x"]) == len(payload["y"])


@pytest.mark.parametrize("label", SPECS)
def test_a_look_is_repeatable_and_leaves_no_trace(label: str) -> None:
    spec, data, model = case(label)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    stream = capture()
    first = {p.name: read_probes(p, model, 0) for p in probes_for(spec, type(model), data)}
    again = {p.name: read_probes(p, model, 50) for p in probes_for(spec, type(model), data)}
    assert torch.equal(stream, capture())
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    for name in first:
        assert first[name].values == again[name].values
        for panel, picture in first[name].pictures.items():
            other = again[name].pictures[panel].payload
            for key, value in picture.payload.items():
                same = (
                    torch.equal(value, other[key])
                    if key == "x" and isinstance(value, torch.Tensor)
                    else value == other[key]
                )
                assert same, (panel, key)


def test_names_of_series_are_unique_over_all_probes() -> None:
    for label in SPECS:
        spec, data, model = case(label)
        names = [s.name for p in probes_for(spec, type(model), data) for s in p.series]
        assert len(names) == len(set(names))
    assert {"elbo", "critic", "samples", "grid"} <= set(PROBES.names())


def test_elbo_of_held_out_data_by_hand() -> None:
    spec, data, model = case("vae-digits")
    x = data.validation.x[:256].flatten(1)
    state = {k: v.double() for k, v in model.state_dict().items()}
    h = torch.relu(x.double() @ state["encoder.1.weight"].T + state["encoder.1.bias"])
    out = h @ state["encoder.3.weight"].T + state["encoder.3.bias"]
    mean, log_variance = out.chunk(2, dim=1)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
    found = readings("vae-digits")
    assert found["val_kl"] == pytest.approx(float(kl), rel=1e-4)
    total = found["val_reconstruction"] - found["val_kl"]
    assert found["val_elbo"] == pytest.approx(total, rel=1e-5)
    assert found["active_units"] == float((mean.var(0) > 0.01).sum())
    bars = found["kl_per_dim"].payload["y"]
    assert sum(bars) == pytest.approx(float(kl), rel=1e-2)
    series = {s.name: s for p in probes_for(spec, type(model), data) for s in p.series}
    assert series["val_kl"].kind == "exact"
    assert "not a density" in series["val_elbo"].title
    assert series["val_elbo"].n == len(x)


def test_elbo_on_binary_data_is_not_flagged_and_knows_its_truth_on_toys() -> None:
    for label, flagged in (("vae-digits", True), ("conv_vae-binary", False)):
        spec, data, model = case(label)
        series = {s.name: s for p in probes_for(spec, type(model), data) for s in p.series}
        assert ("not a density" in series["val_elbo"].title) is flagged
    spec, data, model = case("linear_gaussian")
    series = {s.name: s for p in probes_for(spec, type(model), data) for s in p.series}
    exact = -0.5 * float((data.validation.x[:256] ** 2).sum(1).mean()) - math.log(2 * math.pi)
    assert series["val_elbo"].truth == pytest.approx(exact, abs=1e-4)
    found = readings("linear_gaussian")
    # The encoder is the exact posterior, so the mean of the ELBO is near the evidence.
    assert found["val_elbo"] == pytest.approx(found["val_log_prob"], abs=0.2)


def test_critic_by_hand() -> None:
    _spec, data, model = case("gan-ring")
    found = readings("gan-ring")
    with torch.no_grad():
        d = model.score(data.validation.x[:256]).sigmoid()
        seen = model.score(data.train.x[:256]).sigmoid()
    assert found["val_d_real"] == pytest.approx(float(d.mean()), rel=1e-5)
    assert found["val_d_train"] == pytest.approx(float(seen.mean()), rel=1e-5)
    counts = found["confidence"].payload["counts"]
    assert {sum(c) for c in counts.values()} == {256}
    assert found["js_bound"] < math.log(2)
    assert set(counts) == {"training", "held-out", "generated"}


def test_a_batch_norm_critic_is_a_fixed_function_in_the_bound() -> None:
    """Looked at one by one or together, each picture gets the same score."""
    _spec, data, model = case("dcgan-digits")
    model.eval()
    x = data.validation.x[:8]
    with torch.no_grad():
        together, alone = model.score(x), torch.cat([model.score(one[None]) for one in x])
    model.train()
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_samples_are_the_models_own() -> None:
    _spec, data, model = case("gan-ring")
    payload = readings("gan-ring")["samples"].payload
    with scope(0, "samples"), torch.no_grad():
        x = model.eval().sample(200)
    model.train()
    shown = torch.tensor(payload["x"])[torch.tensor(payload["label"]) == 1]
    torch.testing.assert_close(shown, x, rtol=1e-3, atol=1e-3)
    box = torch.tensor(payload["box"])
    torch.testing.assert_close(box, data.density.box.float(), rtol=1e-3, atol=1e-3)


def test_a_conditional_model_is_drawn_with_the_classes_of_the_data() -> None:
    spec = RunSpec.build(model="cgan", data="mixture", points=400)
    data = datasets.load(spec)
    model = models.build(spec).eval()
    assert data.train.y is not None
    with scope(0, "drawn"), torch.no_grad():
        x = draw(model, 500, data)
    y = torch.cat([data.train.y, data.train.y[:100]])
    with scope(0, "drawn"), torch.no_grad():
        torch.testing.assert_close(x, model.condition_on(y).sample(500))
    with scope(0, "drawn"), torch.no_grad():
        unknown = draw(model, 500)
    assert not torch.allclose(x, unknown)


@pytest.mark.parametrize("parts", [1, 2])
def test_principal_components_are_those_of_the_svd(parts: int) -> None:
    with scope(0, "pca"):
        x = torch.randn(40, 7) * torch.linspace(3, 0.1, 7)
    scores = principal(x, parts)
    centred = x - x.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    torch.testing.assert_close(scores.abs(), (u * s)[:, :parts].abs(), rtol=1e-3, atol=1e-3)
    peak = scores.gather(0, scores.abs().argmax(0, keepdim=True))
    assert (peak > 0).all()
    torch.testing.assert_close(principal(-x, parts).abs(), scores.abs(), rtol=1e-3, atol=1e-3)
