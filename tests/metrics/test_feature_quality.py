"""The classifiers that ship or are trained, and what is measured in their features."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest
import torch

from genlab import data as datasets
from genlab import models
from genlab.core.errors import DataError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import JOBS
from genlab.data.base import Dataset
from genlab.metrics import features
from genlab.metrics.feature_quality import BLIND, SETS, _distances, measure_quality
from genlab.metrics.features import SHIPPED, features_of, fingerprint


def load(name: str, **values: object) -> Dataset:
    return datasets.load(RunSpec.build(model="vae", data=name, **values))


@pytest.mark.parametrize("name", ["digits", "mnist5k"])
def test_the_shipped_classifiers_are_what_they_say(name: str) -> None:
    data = load(name)
    found = features_of(data)
    assert found.shipped
    y = data.test.y
    assert y is not None
    right = float((found.net(data.test.x).argmax(1) == y).double().mean())
    # Another processor rounds otherwise: at most one test image in a thousand flips.
    assert found.accuracy == pytest.approx(right, abs=2e-3)
    assert found.accuracy > 0.96
    assert found.tested == len(data.test)
    hidden = found(data.train.x[:2000])
    assert hidden.dtype == torch.float64
    assert hidden.std(0) == pytest.approx(1.0, abs=0.1)
    assert len(found.hash) == 64


def test_a_damaged_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "digits.safetensors"
    shutil.copy(SHIPPED / "digits.safetensors", copy)
    raw = bytearray(copy.read_bytes())
    raw[-3] ^= 0xFF
    copy.write_bytes(bytes(raw))
    (tmp_path / "cut.safetensors").write_bytes(bytes(raw[:100]))
    monkeypatch.setattr(features, "SHIPPED", tmp_path)
    features._shipped.cache_clear()
    try:
        with pytest.raises(DataError, match="does not have the hash"):
            features_of(load("digits"))
    finally:
        features._shipped.cache_clear()


def test_another_set_gets_a_classifier_of_its_own_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_FILES", str(tmp_path))
    real = features.train_features
    monkeypatch.setattr(features, "train_features", functools.partial(real, steps=60))
    data = load("digits")
    # The same images with other classes: nothing that ships is for it.
    assert data.train.y is not None
    assert data.test.y is not None
    halves = Dataset(
        data.meta.__class__(data.meta.shape, "unit", ("even", "odd")),
        data.train.__class__(data.train.x, data.train.y % 2),
        data.validation,
        data.test.__class__(data.test.x, data.test.y % 2),
    )
    told: list[str] = []
    first = features_of(halves, lambda _, words: told.append(words))
    assert told
    assert not first.shipped
    assert first.accuracy > 0.7
    told.clear()
    again = features_of(halves, lambda _, words: told.append(words))
    assert not told
    assert again.hash == first.hash
    assert again.accuracy == pytest.approx(first.accuracy, abs=1e-6)


def test_the_key_tells_classes_and_shape_apart_and_refuses_what_has_none() -> None:
    assert fingerprint(load("digits")) != fingerprint(load("mnist5k"))
    with pytest.raises(DataError, match="not images"):
        fingerprint(load("ring"))
    data = load("digits")
    bare = Dataset(data.meta, data.train.__class__(data.train.x), data.validation, data.test)
    with pytest.raises(DataError, match="no classes"):
        fingerprint(bare)


def test_held_out_images_are_near_each_other_and_noise_is_far() -> None:
    data = load("mnist5k")
    found = features_of(data)
    real, other = found(data.test.x), found(data.validation.x)
    for one in _distances(real, other, found, "images", 0):
        assert one.estimate.low <= 0.0 <= one.estimate.high
    with scope(0, "noise"):
        noise = found(torch.rand_like(data.validation.x))
    for one in _distances(real, noise, found, "images", 0):
        assert one.estimate.low > 1.0


def test_the_job_measures_six_numbers_and_says_what_each_cannot_see() -> None:
    spec = RunSpec.build(model="dcgan", data="digits")
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    told: list[float] = []
    result = JOBS["sample_quality"](model, data, {"seed": 1}, lambda share, _: told.append(share))
    assert told == sorted(told)
    rows = {row["name"]: row for row in result["metrics"]}
    assert set(rows) == set(BLIND)
    for row in rows.values():
        assert row["low"] <= row["value"] <= row["high"]
        assert row["blind"]
        assert row["how"]
        assert result["features"]["hash"][:6] in row["title"]
    assert rows["quality_frechet"]["low"] > 0.0
    assert rows["quality_coverage"]["value"] < 0.5
    assert rows["quality_density"]["equal"] == 1.0
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    same, _ = measure_quality(model, data, 1)
    assert [one.estimate.value for one in same] == [row["value"] for row in rows.values()]
    assert str(SETS) in rows["quality_recall"]["how"]
