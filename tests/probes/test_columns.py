"""Tables on Watch: W1 is scipy's, the plane scikit-learn's, the names those of the file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from sklearn.decomposition import PCA

from genlab import data, models
from genlab.core.run_spec import RunSpec
from genlab.data.base import DataMeta, Dataset, Split
from genlab.probes.base import probes_for, read_probes
from genlab.probes.columns import PROBES, principal_plane, wasserstein_line


def table(d: int, names: tuple[str, ...] = ()) -> Dataset:
    x = torch.randn(300, d, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, d + 1)
    meta = DataMeta((d,), "real", axes=names, shift=(1.0,) * d, scale=(2.0,) * d)
    return Dataset(meta, Split(x[:200]), Split(x[200:250]), Split(x[250:]))


@pytest.mark.parametrize(("n", "m"), [(30, 30), (7, 50), (64, 3), (1, 1)])
def test_w1_of_each_column_is_scipys(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(n, 4)), rng.normal(0.5, 2.0, size=(m, 4))
    wanted = [wasserstein_distance(a[:, k], b[:, k]) for k in range(4)]
    found = wasserstein_line(torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_the_plane_is_scikit_learns() -> None:
    found = table(5)
    place, share = principal_plane(found)
    known = PCA(2).fit(found.train.x.double().numpy())
    wanted = known.transform(found.validation.x.double().numpy())
    mine = place(found.validation.x).numpy()
    np.testing.assert_allclose(np.abs(mine), np.abs(wanted), atol=1e-4)
    assert share == pytest.approx(known.explained_variance_ratio_.sum(), rel=1e-6)


def test_a_wide_table_has_samples_reconstructions_and_the_distance_of_each_column() -> None:
    names = ("a", "b", "c")
    made = table(3, names)
    spec = RunSpec.build(data="gaussian", model="vae", likelihood="gaussian_learned")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = models.MODELS["vae"](spec.model_options, made.meta)
    probes = {probe.name: probe for probe in probes_for(spec, type(model), made)}
    assert {"table", "table_reconstructions"} <= set(probes)
    assert "samples" not in probes
    assert "reconstructions" not in probes
    seen = read_probes(probes["table"], model, 0).pictures
    assert seen["columns"].payload["x"] == list(names)
    assert len(seen["columns"].payload["y"]) == 3
    assert "standard deviations" in seen["columns"].payload["y_title"]
    assert np.shape(seen["samples"].payload["x"]) == (250, 2)
    assert read_probes(probes["table"], model, 9).pictures["columns"] == seen["columns"]
    back = read_probes(probes["table_reconstructions"], model, 0).pictures["reconstructions"]
    assert np.shape(back.payload["x"]) == (100, 2)
    long = tuple(f"a long name of column {k}" for k in range(3))
    numbered = PROBES["table"](spec, table(3, long))
    shown = read_probes(numbered, model, 0).pictures["columns"]
    assert shown.payload["x"] == ["1", "2", "3"]
    assert "2: a long name of column 1" in shown.note


def test_points_in_the_plane_are_shown_in_their_own_units() -> None:
    made = table(2, ("age", "income"))
    spec = RunSpec.build(data="gaussian", model="vae", likelihood="gaussian_learned")
    model = models.MODELS["vae"](spec.model_options, made.meta)
    shown = read_probes(PROBES["samples"](spec, made), model, 0).pictures["samples"].payload
    assert shown["axes"] == ["age", "income"]
    wanted = 1.0 + 2.0 * made.validation.x
    np.testing.assert_allclose(shown["x"][:50], wanted, rtol=1e-4)
    plain = data.load(RunSpec.build(data="moons", model="vae"))
    shown = read_probes(PROBES["samples"](spec, plain), model, 0).pictures["samples"].payload
    assert shown["axes"] == ["x₁", "x₂"]
