"""The models that ship: small, whole, and what their records say."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab import runs
from genlab.core.tables import MODELS
from genlab.models.base import (
    HasCritic,
    HasDecoder,
    HasDiffusionSteps,
    HasEncoder,
    HasLearnedVelocity,
    HasProbabilityPath,
)
from genlab.panels.encoding import sheet
from genlab.probes import sample_diversity
from genlab.probes.base import probes_for, read_probes
from genlab.runs import RunView

FOLDER = Path(__file__).resolve().parents[2] / "checkpoints" / "pretrained"
VIEWS = {view.id.removeprefix("shipped:"): view for view in runs.list_shipped()}


def weight(names: list[str]) -> int:
    return sum(p.stat().st_size for n in names for p in (FOLDER / n).rglob("*") if p.is_file())


def test_each_pair_of_shipped_models_is_under_three_megabytes() -> None:
    models = {name: view.model() for name, view in VIEWS.items()}
    paths = [name for name, m in models.items() if isinstance(m, HasProbabilityPath)]
    others = [name for name in models if name not in paths]
    assert sum(isinstance(models[name], HasDiffusionSteps) for name in paths) == 1
    assert sum(isinstance(models[name], HasLearnedVelocity) for name in paths) == 1
    assert sum(isinstance(models[name], HasEncoder) for name in others) == 1
    assert sum(isinstance(models[name], HasCritic) for name in others) == 1
    assert all(isinstance(m, HasDecoder) for m in models.values())
    for pair in (paths, others):
        assert len(pair) == 2
        assert weight(pair) < 3_000_000


@pytest.mark.own_seed
@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_their_numbers_and_pictures_are_those_of_their_weights(
    view: RunView, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = view.snapshots()[-1]
    model, data = view.model(), view.data()
    counts = {series.name: series.n for series in view.series}
    # The record says over how many samples it is; a look of today may take fewer.
    monkeypatch.setattr(sample_diversity, "image_budget", lambda *_: counts.get("diversity", 2))
    logged: dict[str, float] = {}
    for record in view.read(limit=100_000, kinds={"scalars"}):
        if record.step == step:
            logged.update(record.payload)
    checked = 0
    for probe in probes_for(view.spec, MODELS[view.spec.model], data):
        reading = read_probes(probe, model, step)
        for name, value in reading.values.items():
            # A look that is younger than the run was not there to log.
            if name not in logged:
                continue
            assert counts[name] in {s.n for s in probe.series if s.name == name}, name
            # Another processor sums in another order.
            assert logged[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
            checked += 1
        if "samples" in reading.pictures:
            shown = np.asarray(Image.open(io.BytesIO(view.frame_file("samples", step))))
            again = sheet(reading.pictures["samples"].payload["x"], 8)
            assert np.abs(shown.astype(int) - again.astype(int)).max() <= 2
            checked += 1
    assert checked >= 4
