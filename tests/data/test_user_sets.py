"""Sets of one's own: stored once by content, split by a fixed seed, right in their own units."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import stats
from sklearn.datasets import load_digits, load_iris

import genlab
from genlab import data, runs
from genlab.core import folders
from genlab.core.errors import DataError, SpecError
from genlab.core.run_spec import Combination, RunSpec
from genlab.core.tables import DATASETS
from genlab.data import own_dataset, set_description, user_sets
from genlab.data.readers import Examples, read
from genlab.metrics import evaluation
from genlab.runs import foreground
from genlab.testing.data_contract import DataContract
from tests.data.test_readers import as_csv, as_npz, as_zip, iris_rows, pictures


@pytest.fixture
def place(tmp_path: Path) -> Path:
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    yield tmp_path / "files"
    runs.configure()


@pytest.fixture
def iris(place: Path) -> set_description.Description:
    return user_sets.store(read(as_csv(iris_rows())), "iris")


def greys(levels: int = 255, side: int = 8) -> bytes:
    x = np.random.default_rng(0).integers(0, levels + 1, (60, side, side), dtype=np.uint8)
    x[:20, 0, 0], x[:20, 0, 1] = 0, levels
    return as_npz(x=x, y=np.arange(60) % 3)


class TestOwnSets(DataContract):
    shared = 1  # iris holds one flower twice

    @pytest.fixture(params=["csv", "npz", "zip"])
    def name(self, request: pytest.FixtureRequest, place: Path) -> str:
        content = {
            "csv": lambda: as_csv(iris_rows()),
            "npz": lambda: greys(16),
            "zip": lambda: as_zip(pictures(60)),
        }[request.param]()
        user_sets.store(read(content), f"a {request.param}")
        return "own"

    @pytest.fixture
    def data(self, name: str) -> data.Dataset:
        return DATASETS[name].load(DATASETS[name].Options())


def test_columns_are_standardised_by_the_training_part_alone(
    iris: set_description.Description,
) -> None:
    found = data.load(RunSpec.build(data="own", set="iris", model="vae"))
    assert [len(s) for s in (found.train, found.validation, found.test)] == [90, 30, 30]
    np.testing.assert_allclose(found.train.x.mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(found.train.x.std(0, unbiased=False), 1.0, atol=1e-6)
    back = found.meta.original(
        torch.cat([s.x for s in (found.train, found.validation, found.test)])
    )
    wanted = load_iris().data
    order = np.lexsort(back.numpy().round(1).T)
    np.testing.assert_allclose(back[order], wanted[np.lexsort(wanted.round(1).T)], atol=1e-5)
    whole = data.load(RunSpec.build(data="own", set="iris", model="vae", standardise=False))
    np.testing.assert_allclose(whole.train.x, found.meta.original(found.train.x), atol=1e-5)
    np.testing.assert_allclose(whole.train.x.double().mean(0), iris.shift, atol=1e-5)
    assert whole.meta.scale == ()
    few = data.load(RunSpec.build(data="own", set="iris", model="vae", examples=20))
    assert torch.equal(few.train.x, found.train.x[:20])
    assert torch.equal(few.test.x, found.test.x)


def test_log_density_in_own_units_is_that_by_change_of_variables(
    iris: set_description.Description,
) -> None:
    found = data.load(RunSpec.build(data="own", set="iris", model="vae"))
    x = found.test.x.double()
    law = stats.multivariate_normal(np.zeros(4), np.eye(4))
    shown = law.logpdf(x.numpy())
    # The same law in centimetres, by its own mean and covariance.
    cm = stats.multivariate_normal(iris.shift, np.diag(np.square(iris.scale)))
    np.testing.assert_allclose(
        shown - found.meta.log_volume, cm.logpdf(found.meta.original(x).numpy()), atol=1e-4
    )
    assert found.meta.log_volume == pytest.approx(np.log(iris.scale).sum())
    assert f"own units {abs(found.meta.log_volume):.4g} nats more" in found.meta.unit_note
    assert f"log p shown + {abs(found.meta.log_volume):.4g} nats" in found.meta.note


def test_a_metric_says_of_which_units_its_log_density_is(
    iris: set_description.Description,
) -> None:
    for likelihood, words in (("mixed", "in the columns' own units"), ("gaussian", "of standard")):
        values = {"data": "own", "model": "vae", "steps": 5, "batch": 16}
        view = foreground.train({**values, "likelihood": likelihood})
        found = evaluation.evaluate(view.model(), view.data(), spec=view.spec, n=30)
        named = {estimate.series.name: estimate for estimate in found}
        assert words in named["test_elbo"].series.title


@pytest.mark.parametrize(
    ("content", "likelihood", "words"),
    [
        (as_csv(iris_rows()), "mixed", "Gaussian (Real numbers"),
        (greys(255), "discretised_logistic", "256 whole levels"),
        (greys(16), "continuous_bernoulli", "would not be log-densities"),
        (greys(1), "bernoulli", "mass function on these values"),
        (as_npz(x=np.random.default_rng(0).random((40, 8, 8))), "continuous_bernoulli", "[0, 1]"),
        (as_npz(x=np.random.default_rng(0).integers(0, 2, (40, 5))), "bernoulli", "0 or 1"),
        (as_npz(x=np.random.default_rng(0).poisson(3, (40, 5))), "gaussian_learned", "Poisson"),
    ],
)
def test_the_likelihood_that_suits_is_proposed_and_why(
    place: Path, content: bytes, likelihood: str, words: str
) -> None:
    made = user_sets.store(read(content), "one")
    combination = Combination.of({"data": "own", "set": made.id, "model": "vae"})
    (one,) = combination.meta.proposed
    assert (one.option, one.value) == ("likelihood", likelihood)
    assert words in one.why
    spec = RunSpec.build(data="own", model="vae")
    assert spec.flat()["likelihood"] == likelihood
    assert spec.flat()["set"] == made.id
    # What a person chooses goes before what is proposed.
    other = "gaussian" if likelihood != "bernoulli" else "bernoulli"
    assert RunSpec.build(data="own", model="vae", likelihood=other).flat()["likelihood"] == other


def test_grey_pictures_can_be_made_binary_and_colours_stay(place: Path) -> None:
    user_sets.store(read(greys(255)), "grey")
    spec = RunSpec.build(data="own", set="grey", model="vae", binarise="threshold")
    assert spec.flat()["likelihood"] == "bernoulli"
    assert set(data.load(spec).train.x.unique().tolist()) == {0.0, 1.0}
    made = read(as_zip(pictures(20)), {"colour": "RGB", "side": 8})
    user_sets.store(made, "colours")
    spec = RunSpec.build(data="own", set="colours", model="vae", binarise="threshold")
    assert data.load(spec).meta.support == "unit"
    assert len(data.load(spec).train.x.unique()) > 2


def test_pixels_are_those_of_the_file(place: Path) -> None:
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    made = user_sets.store(read(as_npz(x=images, y=digits.target)), "digits")
    found = data.load(RunSpec.build(data="own", set=made.id, model="vae"))
    parts = (found.train, found.validation, found.test)
    x, y = torch.cat([s.x for s in parts]), torch.cat([s.y for s in parts])
    back = {(row.tobytes(), int(k)) for row, k in zip((x * 16).byte().numpy(), y, strict=True)}
    there = {(row[None].tobytes(), int(k)) for row, k in zip(images, digits.target, strict=True)}
    assert back == there
    assert made.classes == tuple("0123456789")


def test_the_id_is_of_the_content_and_the_same_on_every_machine(place: Path) -> None:
    found = read(as_csv(iris_rows()))
    made = user_sets.store(found, "My Flowers!".replace("!", ""))
    assert user_sets.store(found, made.name) == made
    assert len(user_sets.list_sets()) == 1
    assert made.id.startswith("my-flowers-")
    other = dataclasses.replace(found, columns=("a", "b", "c", "d"))
    assert set_description.describe(other, made.name).id != made.id
    moved = found.x.copy()
    moved[7, 2] += 1e-9
    assert set_description.describe(dataclasses.replace(found, x=moved), made.name).id != made.id
    code = (
        "import sys; from genlab.data import user_sets as own;"
        "from genlab.data.readers import read;"
        "print(own.describe(read(sys.stdin.buffer.read()), 'My Flowers').id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=as_csv(iris_rows()), capture_output=True, timeout=60
    )
    assert done.stdout.decode().strip() == made.id
    with pytest.raises(DataError, match="there already, with other content"):
        user_sets.store(other, "my flowers")
    for name in ("", "../x", "a/b", "x" * 41, "<b>"):
        with pytest.raises(DataError, match="is no name"):
            user_sets.store(other, name)
    assert [one.id for one in user_sets.list_sets()] == [made.id]


def test_a_name_becomes_the_id_and_an_unknown_one_is_refused(
    iris: set_description.Description,
) -> None:
    spec = RunSpec.build(data="own", set="IRIS", model="vae")
    assert spec.flat()["set"] == iris.id
    assert RunSpec.build(**spec.flat()) == spec
    for wrong in ("flowers", "iris-000000000000", "../iris", "iris-" + "0" * 200):
        with pytest.raises(SpecError, match="allowed: iris-"):
            RunSpec.build(data="own", set=wrong, model="vae")


def test_without_a_set_it_is_said_how_to_bring_one(place: Path) -> None:
    spec = RunSpec.build(data="own", model="vae")
    with pytest.raises(DataError, match="Add one under “Upload your own data” on the page Data"):
        data.load(spec)
    view = foreground.train({"data": "own", "model": "vae", "steps": 3})
    assert view.row.status == "failed"
    assert "There is no set of your own yet" in view.row.message
    assert "own" not in data.offline()


def test_a_deleted_set_fails_its_runs_clearly_and_its_snapshots_open(
    iris: set_description.Description,
) -> None:
    values = {"data": "own", "set": iris.id, "model": "vae", "steps": 4, "batch": 16}
    view = foreground.train(values)
    assert view.row.status == "done"
    user_sets.delete(iris.id, forget=False)
    runs.catalog._datasets.clear()
    assert user_sets.list_sets() == ()
    again = foreground.train(values)
    assert again.row.status == "failed"
    assert f"'iris' ({iris.id}) was deleted" in again.row.message
    model = genlab.load(view.id)
    assert model.sample(3).shape == (3, 4)
    with pytest.raises(DataError, match="was deleted"):
        runs.open_run(view.id).data()
    # The same file under the same name brings it back, under the same id.
    assert user_sets.store(read(as_csv(iris_rows())), "iris").id == iris.id
    assert len(runs.open_run(view.id).data().train) == 90
    user_sets.delete(iris.id, forget=True)
    assert user_sets.describe_set(iris.id) is None


def test_a_full_disk_leaves_nothing_behind(
    iris: set_description.Description, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = folders.LocalFolder.write

    def full(self: object, name: str, content: bytes, **more: bool) -> None:
        if name.endswith(".json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, name, content, **more)

    monkeypatch.setattr(folders.LocalFolder, "write", full)
    with pytest.raises(DataError, match=r"The disk is full.*Nothing was stored"):
        user_sets.store(read(greys()), "greys")
    monkeypatch.undo()
    assert sorted(os.listdir(place / "own")) == [f"{iris.id}.json", f"{iris.id}.safetensors"]
    assert [one.id for one in user_sets.list_sets()] == [iris.id]


def test_damaged_files_are_seen(iris: set_description.Description, place: Path) -> None:
    path = place / "own" / f"{iris.id}.safetensors"
    sound = path.read_bytes()
    spec = RunSpec.build(data="own", set="iris", model="vae")
    for content in (sound[:-1], sound[:-8] + bytes(8), b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"is damaged: its checksum is wrong"):
            data.load(spec)
    # Another set's tensors, sound in themselves.
    save_file({"x": torch.zeros(150, 4)}, path)
    with pytest.raises(DataError, match="is damaged"):
        data.load(spec)
    path.write_bytes(sound)
    assert len(data.load(spec).train) == 90
    head = place / "own" / f"{iris.id}.json"
    for text in ("{", "[]", json.dumps({"format": 99}), json.dumps({"id": iris.id})):
        head.write_text(text)
        user_sets._described.cache_clear()
        assert user_sets.list_sets() == ()
        with pytest.raises(SpecError):
            RunSpec.build(data="own", set=iris.id, model="vae")


def test_workers_on_the_same_files_read_the_set(
    iris: set_description.Description, place: Path
) -> None:
    code = (
        "from genlab import data; from genlab.core.run_spec import RunSpec;"
        "d = data.load(RunSpec.build(data='own', set='iris', model='vae'));"
        "print(d.train.x.double().sum().item(), d.meta.axes[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "GENLAB_FILES": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    here = data.load(RunSpec.build(data="own", set="iris", model="vae")).train.x.double().sum()
    number, name = done.stdout.split(" ", 1)
    assert float(number) == float(here)
    assert name.strip() == "sepal length (cm)"


def test_a_set_behind_a_url_is_stored_and_read(tmp_path: Path) -> None:
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", "memory://own-sets")
    try:
        made = user_sets.store(read(greys()), "greys")
        assert user_sets.is_stored(made.id)
        found = data.load(RunSpec.build(data="own", set="greys", model="vae"))
        assert found.train.x.shape == (36, 1, 8, 8)
        user_sets.delete(made.id, forget=True)
        assert user_sets.list_sets() == ()
    finally:
        runs.configure()


def test_too_many_sets_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_sets, "MOST", 2)
    for k in range(2):
        user_sets.store(
            Examples(np.arange(40.0).reshape(20, 2) * (k + 1.5), columns=("a", "b")), f"{k}"
        )
    with pytest.raises(DataError, match="2 sets are stored already"):
        user_sets.store(read(greys()), "third")
    assert len(user_sets.list_sets()) == 2


def test_an_exported_run_opens_where_its_set_is_not(
    iris: set_description.Description, tmp_path: Path
) -> None:
    values = {"data": "own", "set": "iris", "model": "vae", "steps": 4, "batch": 16}
    view = foreground.train(values)
    runs.export(view.id, tmp_path / "exported")
    wanted = {k: v.tolist() for k, v in view.model().state_dict().items()}
    code = (
        "import genlab, json, sys; m = genlab.load(sys.argv[1]);"
        "print(json.dumps({k: v.tolist() for k, v in m.state_dict().items()}), m.meta.axes[3])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "exported")],
        env={**os.environ, "GENLAB_FILES": str(tmp_path / "elsewhere")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    text, _, name = done.stdout.strip().rpartition("} ")
    assert name == "petal width (cm)", done.stderr
    assert json.loads(text + "}") == wanted
    for sidecar in ({}, {"id": "../x"}, {**dataclasses.asdict(iris), "more": 1}):
        with pytest.raises(DataError, match="is damaged"):
            own_dataset.Own.unpack(sidecar)
