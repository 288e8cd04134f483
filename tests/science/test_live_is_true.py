"""What a page shows of a background run is what its snapshots and its seed give offline."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from genlab import runs
from genlab.core.measure import Reading
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS
from genlab.data import Batches
from genlab.panels.encoding import sheet
from genlab.probes.base import probes_for, read_probes
from genlab.runs import RunView, supervisor
from genlab.train.loop import train
from genlab.train.snapshots import restore_state, take
from genlab.ui import main

STEPS = 240
#: The runs are made by another process.
pytestmark = pytest.mark.own_seed

SPECS = {
    "vae": RunSpec.build(model="vae", data="digits", steps=STEPS, seed=3),
    "gan": RunSpec.build(model="gan", data="digits", steps=STEPS, seed=3),
}


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunView]]:
    """A VAE and a GAN, trained by a supervisor in processes of their own."""
    place = tmp_path_factory.mktemp("live")
    runs.configure(f"sqlite:///{place}/genlab.db", place)
    started = {name: runs.start(spec) for name, spec in SPECS.items()}
    until = time.monotonic() + 240
    while any(runs.store().get(run).status != "done" for run in started.values()):
        statuses = {run: runs.store().get(run) for run in started.values()}
        assert time.monotonic() < until, statuses
        time.sleep(0.1)
    yield {name: runs.open_run(run) for name, run in started.items()}
    for child in supervisor._spawned:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            child.wait(timeout=30)
    runs.configure()


def logged(view: RunView, step: int) -> dict[str, float]:
    values: dict[str, float] = {}
    for record in view.read(limit=100_000, kinds={"scalars"}):
        if record.step == step:
            values.update(record.payload)
    return values


def recomputed(view: RunView, step: int) -> Reading:
    """Every probe's reading of the snapshot, in this process."""
    model, data = view.model(step), view.data()
    values: dict[str, float] = {}
    pictures: dict[str, Any] = {}
    for probe in probes_for(view.spec, MODELS[view.spec.model], data):
        reading = read_probes(probe, model, step)
        values.update(reading.values)
        pictures.update(reading.pictures)
    return Reading(values, pictures)


def middle(view: RunView, read_probes: str) -> int:
    """A snapshot half-way, of those at which there was time for a look: its number or picture."""
    seen: dict[str, set[int]] = {"": set(view.snapshots())}
    for record in view.read(limit=100_000, kinds={"scalars", "frame"}):
        names = record.payload["panels"] if record.kind == "frame" else record.payload
        for name in names:
            seen.setdefault(name, set()).add(record.step)
    steps = sorted(seen[""] & seen[read_probes])
    return steps[len(steps) // 2]


@pytest.mark.parametrize("name", SPECS)
def test_the_logged_loss_is_that_of_the_next_step_from_the_snapshot(
    views: dict[str, RunView], name: str
) -> None:
    view = views[name]
    # Only a whole snapshot holds the stream of random numbers.
    whole = [step for step in view.files.whole_steps() if step < STEPS]
    at = whole[len(whole) // 2]
    assert at > 0
    algorithm = ALGORITHMS[view.spec.algorithm](view.spec)
    state = restore_state(algorithm, view.files.snapshot(at), view.data())
    batch = view.data().train.x[Batches(len(view.data().train), 128, 3).index(at)]
    assert len(batch) == 128
    terms = algorithm.step(state, batch)[1].means()
    seen = logged(view, at + 1)
    wanted = {"vae": ("elbo", "reconstruction", "kl"), "gan": ("loss_discriminator", "d_real")}
    for key in wanted[name]:
        assert seen[key] == pytest.approx(terms[key], rel=1e-5), key


@pytest.mark.parametrize(("name", "key"), [("vae", "val_kl"), ("gan", "js_bound")])
def test_the_logged_divergence_is_that_of_the_snapshot(
    views: dict[str, RunView], name: str, key: str
) -> None:
    view = views[name]
    at = middle(view, key)
    assert logged(view, at)[key] == pytest.approx(recomputed(view, at).values[key], rel=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_the_latent_map_is_that_of_the_snapshot(views: dict[str, RunView], name: str) -> None:
    view = views[name]
    at = middle(view, "latent")
    shown = np.array(view.frame("latent", at)["x"])
    again = np.array(recomputed(view, at).pictures["latent"].payload["x"])
    assert shown.shape == again.shape
    assert len(shown) >= 100
    np.testing.assert_allclose(shown, again, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SPECS)
def test_the_thumbnail_is_that_of_the_snapshot(views: dict[str, RunView], name: str) -> None:
    view = views[name]
    at = middle(view, "samples")
    shown = np.asarray(Image.open(io.BytesIO(view.frame_file("samples", at))).convert("L"))
    x = recomputed(view, at).pictures["samples"].payload["x"]
    columns = int(view.frame("samples", at)["columns"])
    again = sheet(x, columns).squeeze()
    assert shown.std() > 1
    np.testing.assert_array_equal(shown, again)


@pytest.mark.parametrize("name", SPECS)
def test_a_run_resumed_from_a_snapshot_meets_the_next_ones_exactly(
    views: dict[str, RunView], name: str
) -> None:
    view = views[name]
    at = max(step for step in view.files.whole_steps() if step <= STEPS - 100)
    assert at > 0
    algorithm = ALGORITHMS[view.spec.algorithm](view.spec)
    state = restore_state(algorithm, view.files.snapshot(at), view.data())
    state, step = train(algorithm, view.data(), state, start=at)
    assert step == STEPS
    mine, theirs = take(algorithm, state, step).tensors, view.files.snapshot(STEPS).tensors
    assert set(mine) == set(theirs)
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def page(name: str, **params: str) -> AppTest:
    """A page of the app in a browser session of its own."""
    app = AppTest.from_file(str(main.SCRIPT), default_timeout=60).run()
    for key in list(app.query_params):
        del app.query_params[key]
    for key, value in params.items():
        app.query_params[key] = value
    return app.switch_page(f"../../pages/{name}.py").run()


def test_a_run_of_the_page_outlives_its_session(
    views: dict[str, RunView], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started on Train; that session is gone, another finds the run on Watch, further on."""
    monkeypatch.setattr(main, "start_background", lambda: None)
    first = page("train", data="digits", model="vae", steps="1000000", seed="9")
    before = {row.id for row in runs.store().runs()}
    first.button(key="train.start").click().run()
    assert not first.exception
    del first
    (run,) = {row.id for row in runs.store().runs()} - before

    def step() -> int:
        return max((r.step for r in runs.open_run(run).read(limit=100_000)), default=0)

    def passes(step_wanted: int) -> int:
        until = time.monotonic() + 120
        while (now := step()) < step_wanted:
            assert time.monotonic() < until, runs.store().get(run)
            time.sleep(0.2)
        return now

    try:
        seen = passes(1)
        second = page("watch", run=run)
        assert not second.exception
        assert not second.error
        assert second.query_params["run"] in (run, [run])
        passes(seen + 50)
        assert runs.store().get(run).status == "running"
        second.button(key="live.stop").click().run()
        until = time.monotonic() + 60
        while runs.store().get(run).status != "stopped":
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        if runs.store().get(run).status in {"queued", "running"}:
            runs.request(run, "stop")
