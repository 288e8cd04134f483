"""Samples of a run: draws in the units and by the names of the file, by every way out."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from genlab import cli, runs
from genlab.data import user_sets
from genlab.data.readers import read
from genlab.runs import foreground
from genlab.runs.catalog import RunView

N = 20_000


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunView]:
    place = tmp_path_factory.mktemp("samples")
    runs.configure(f"sqlite:///{place / 'genlab.db'}", place / "files")
    rng = np.random.default_rng(3)
    mass = rng.normal(4200.0, 800.0, 400)
    flipper = 200.0 + 0.012 * (mass - 4200.0) + rng.normal(0, 6.0, 400)
    noise = rng.normal(0.0, 1e-3, 400)
    rows = zip(mass, flipper, noise, strict=True)
    content = "body mass,flipper,trace\n" + "\n".join(
        f"{a:.3f},{b:.4f},{c:.7f}" for a, b, c in rows
    )
    known = user_sets.store(read(content.encode()), "birds")
    yield foreground.train(
        {"model": "linear_vae", "data": "own", "set": known.id, "steps": 400, "latent": 1}
    )
    runs.configure()


def test_drawn_moments_are_those_of_the_model_in_the_units_of_the_file(
    view, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.csv"
    assert cli.main(["sample", view.id, "-n", str(N), "--out", str(out)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"] == "draws of the model"
    assert said["columns"] == ["body mass", "flipper", "trace"]
    lines = list(csv.reader(io.StringIO(out.read_text())))
    assert lines[0] == said["columns"]
    x = np.array(lines[1:], dtype=np.float64)
    # The model's law is N(b, W Wᵀ + σ² I) of standardised columns.
    model = view.model()
    w = model.decoder.weight.detach().double().numpy()
    scale, shift = np.array(model.meta.scale), np.array(model.meta.shift)
    mean = shift + scale * model.decoder.bias.detach().double().numpy()
    sigma = float(model.sigma.detach())
    cov = (w @ w.T + sigma**2 * np.eye(3)) * np.outer(scale, scale)
    sd = np.sqrt(np.diag(cov))
    assert np.all(np.abs(x.mean(0) - mean) < 5 * sd / math.sqrt(N))
    assert np.all(np.abs(x.std(0) / sd - 1) < 5 / math.sqrt(2 * N))
    rho = cov[0, 1] / (sd[0] * sd[1])
    assert abs(np.corrcoef(x.T)[0, 1] - rho) < 5 * (1 - rho**2) / math.sqrt(N)
    # And near the data: not -1.6..3.1 for 2,700..6,300.
    assert abs(x[:, 0].mean() - 4200) < 200
    assert 0.5 < x[:, 0].std() / 800 < 1.5


def test_means_have_less_spread_and_are_said_to_be_means(view) -> None:
    draws, means = view.sample(5000, seed=1), view.sample(5000, seed=1, means=True)
    assert (draws.kind, means.kind[:5]) == ("draws of the model", "means")
    w = view.model().decoder.weight.detach().double()
    scale = torch.tensor(view.model().meta.scale)
    wanted = (w @ w.T).diagonal().sqrt() * scale
    found = means.rows.values.std(0)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=5 / math.sqrt(10_000))
    assert np.all(found < draws.rows.values.std(0))


def test_page_interface_and_terminal_give_the_same_rows(view, tmp_path: Path) -> None:
    out = tmp_path / "rows.npz"
    assert cli.main(["sample", view.id, "-n", "50", "--seed", "4", "--out", str(out)]) == 0
    rows = view.sample(50, seed=4).rows
    with np.load(out, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["x"], rows.values)
        assert file["x"].dtype == np.float64
        assert file["columns"].tolist() == ["body mass", "flipper", "trace"]
    assert cli.main(["sample", view.id, "-n", "5", "--out", str(tmp_path / "a.png")]) == 2
    assert runs.open_run(view.id).sample(50, seed=4).csv() == view.sample(50, seed=4).csv()
