"""One run in this process: how it ends, and what is kept however it ends."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs
from genlab.core.errors import DataError, RunNotFound, RunStateError, SnapshotError, SpecError
from genlab.core.folders import LocalFolder
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog, foreground
from genlab.runs.files import run_files
from genlab.runs.store import Command
from genlab.train.algorithm import Info
from genlab.train.gradient import GradientAlgorithm
from genlab.train.observers import Observer
from tests.waiting import wait_for

SMALL: dict[str, Any] = {
    "model": "vae",
    "data": "digits",
    "steps": 30,
    "batch": 16,
    "hidden": 16,
    "latent": 2,
    "seed": 4,
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Any:
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", tmp_path)
    yield tmp_path
    runs.configure()


class At(Observer):
    """Does something after a step."""

    def __init__(self, step: int, act: Callable[[], object]) -> None:
        self.step, self.act = step, act

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        if step == self.step:
            self.act()
        return False


def records(view: catalog.RunView, kind: str) -> list[Any]:
    return view.read(limit=100_000, kinds={kind})


def test_a_run_is_done_and_can_be_opened() -> None:
    stream = torch.get_rng_state()
    view = foreground.train(SMALL, title="mine")
    assert torch.equal(torch.get_rng_state(), stream)
    row = view.row
    assert (row.status, row.step, row.steps, row.title, row.message) == (
        "done",
        30,
        30,
        "mine",
        "",
    )
    steps = view.snapshots()
    assert steps[0] == 0
    assert steps[-1] == 30
    terms = [r.step for r in records(view, "scalars") if "elbo" in r.payload]
    assert terms == list(range(1, 31))
    assert [r.step for r in view.read(limit=9999)] == sorted(r.step for r in view.read(limit=9999))
    names = {s.name for s in view.series}
    assert {"elbo"} <= names
    assert {k for r in records(view, "scalars") for k in r.payload} <= names
    model = view.model()
    assert not model.training
    x = model.sample(3)
    assert tuple(x.shape) == (3, 1, 8, 8)
    assert tuple(view.model(0).sample(2).shape) == (2, 1, 8, 8)
    assert repr(view) == f"<run {view.id}: done, step 30 of 30>"
    assert view.spec == RunSpec.build(**SMALL)


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = foreground.train(SMALL), foreground.train(SMALL)
    other = foreground.train({**SMALL, "seed": 5})
    one, two, three = (v.model().state_dict() for v in (first, second, other))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], three[name]) for name in one)


def test_every_snapshot_has_its_probe_values() -> None:
    view = foreground.train(SMALL)
    seen = {r.step for r in records(view, "scalars") if "val_elbo" in r.payload}
    assert set(view.snapshots()) <= seen


def test_numbers_can_be_computed_again_from_a_snapshot() -> None:
    from genlab.probes.base import merge_readings, probes_for, read_probes

    view = foreground.train(SMALL)
    step = view.snapshots()[-2]
    model = view.model(step)
    probes = probes_for(view.spec, type(model), view.data())
    again = merge_readings([read_probes(probe, model, step) for probe in probes]).values
    logged: dict[str, float] = {}
    for record in records(view, "scalars"):
        if record.step == step:
            logged.update(record.payload)
    assert again
    for name, value in again.items():
        assert logged[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


def test_snapshots_and_pictures_are_thinned() -> None:
    view = foreground.train({**SMALL, "snapshots": 4})
    steps = view.snapshots()
    assert len(steps) <= 4
    assert steps[0] == 0
    assert steps[-1] == 30
    for panel, there in view.frames().items():
        assert set(steps) <= set(there), panel
        # Besides those of the snapshots, the pictures of twice as many other steps.
        assert len(there) <= 12, panel
    first = view.files.folder.names(f"runs/{view.id}/snapshots")
    assert len(first) == 2 * len(steps)


def test_a_nan_is_news_and_the_last_good_snapshot_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    real = GradientAlgorithm.step

    def step(self: Any, state: Any, batch: Any) -> Any:
        state, info = real(self, state, batch)
        self.taken = getattr(self, "taken", 0) + 1
        if self.taken == 21:
            with torch.no_grad():
                next(state.model.parameters())[0] = float("nan")
        return state, info

    monkeypatch.setattr(GradientAlgorithm, "step", step)
    view = foreground.train(SMALL)
    row = view.row
    assert row.status == "diverged"
    assert row.step in {21, 22}
    assert f"at step {row.step}" in row.message
    assert "snapshot of step" in row.message
    last = view.snapshots()[-1]
    assert last <= 20
    assert all(bool(torch.isfinite(p).all()) for p in view.model().parameters())
    event = records(view, "event")[-1]
    assert event.payload["level"] == "error"
    assert event.step == row.step


def test_a_full_disk_pauses_the_run_until_there_is_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undisturbed = foreground.train(SMALL).model().state_dict()
    real, store = os.fsync, runs.store()
    calls, full = [0], threading.Event()
    seen: list[tuple[str, str]] = []

    def fsync(handle: int) -> None:
        calls[0] += 1
        if calls[0] == 3:
            full.set()
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    def make_space() -> None:
        full.wait(60)
        run = store.runs()[0].id
        wait_for(lambda: store.get(run).status == "paused")
        seen.append((store.get(run).message, store.get(run).status))
        full.clear()

    monkeypatch.setattr(os, "fsync", fsync)
    thread = threading.Thread(target=make_space)
    thread.start()
    view = foreground.train(SMALL)
    thread.join(timeout=60)
    assert "The disk of the runs' files is full. The run has paused itself" in seen[0][0]
    assert (view.row.status, view.row.step, view.row.attempt) == ("done", 30, 1)
    told = [e.payload["message"] for e in records(view, "event")]
    assert any("nothing could be stored" in words and "No space left" in words for words in told)
    mine = view.model().state_dict()
    assert all(torch.equal(mine[name], undisturbed[name]) for name in mine)
    terms = [r.step for r in records(view, "scalars") if "elbo" in r.payload]
    assert terms == list(range(1, 31))


def test_a_run_on_a_full_disk_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    real, store = os.fsync, runs.store()
    calls = [0]

    def fsync(handle: int) -> None:
        calls[0] += 1
        if calls[0] > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    def stop() -> None:
        wait_for(lambda: bool(store.runs(status={"paused"})))
        store.request(store.runs()[0].id, Command("stop"))

    monkeypatch.setattr(os, "fsync", fsync)
    thread = threading.Thread(target=stop)
    thread.start()
    view = foreground.train(SMALL)
    thread.join(timeout=60)
    monkeypatch.undo()
    assert view.row.status == "stopped"
    kept = view.snapshots()[-1]
    assert f"is full. The snapshot of step {kept} is kept" in view.row.message
    again = foreground.resume(view.id)
    assert (again.row.status, again.row.step, again.row.attempt) == ("done", 30, 2)
    undisturbed = foreground.train(SMALL).model().state_dict()
    resumed = again.model().state_dict()
    assert all(torch.equal(resumed[name], undisturbed[name]) for name in resumed)


def test_a_damaged_last_snapshot_is_said_and_an_older_one_used(place: Path) -> None:
    view = foreground.train({**SMALL, "steps": 12})
    runs.store().set_status(view.id, "lost")
    last = view.snapshots()[-1]
    path = place / "runs" / view.id / "snapshots" / f"{last:09d}.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(SnapshotError, match=f"step {last}"):
        view.model()
    again = foreground.resume(view.id)
    assert again.row.status == "done"
    told = [e.payload["message"] for e in records(again, "event")]
    assert any(f"step {last}" in words and "older one" in words for words in told)
    assert again.model().sample(1).shape == (1, 1, 8, 8)


def test_missing_data_fail_the_run_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> Any:
        raise DataError("The files of mnist are not there; digits needs none.")

    monkeypatch.setattr(catalog, "dataset", gone)
    view = foreground.train(SMALL)
    assert (view.row.status, view.row.message) == (
        "failed",
        "The files of mnist are not there; digits needs none.",
    )


def test_an_error_in_the_program_is_one_line_for_people(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(GradientAlgorithm, "step", broken)
    view = foreground.train(SMALL)
    assert view.row.status == "failed"
    assert "ZeroDivisionError: oh" in view.row.message
    assert "Traceback" not in view.row.message
    assert "Traceback" in capfd.readouterr().err


def test_a_wrong_option_starts_nothing() -> None:
    for wrong in ({"model": "vea"}, {"lr": -1}, {"colour": 3}, {"steps": "many"}):
        with pytest.raises(SpecError, match="Nothing was started"):
            foreground.train({**SMALL, **wrong})
    assert runs.store().runs() == []


def test_wishes_from_outside_are_obeyed() -> None:
    store = runs.store()
    seen: list[str] = []

    def outside() -> None:
        while not (rows := store.runs(status={"running"})):
            time.sleep(0.01)
        run = rows[0].id
        store.request(run, Command("pause"))
        wait_for(lambda: store.get(run).status == "paused")
        at = runs.open_run(run).snapshots()[-1]
        store.request(run, Command("step", {"n": 2}))
        wait_for(lambda: runs.open_run(run).snapshots()[-1] == at + 2)
        seen.append(store.get(run).status)
        runs.resume(run)
        wait_for(lambda: store.get(run).status == "running")
        store.request(run, Command("stop"))

    thread = threading.Thread(target=outside)
    thread.start()
    view = foreground.train({**SMALL, "steps": 1_000_000})
    thread.join(timeout=60)
    assert seen == ["paused"]
    assert view.row.status == "stopped"
    assert 0 < view.row.step < 1_000_000
    assert view.snapshots()[-1] == view.row.step


def test_stopped_and_resumed_is_the_run_in_one() -> None:
    view = foreground.train({**SMALL, "steps": 25})
    whole = view.model().state_dict()
    store = runs.store()
    part = foreground.train(
        {**SMALL, "steps": 25},
        observers=[At(11, lambda: store.request(store.runs()[0].id, Command("stop"))), Slow(0.02)],
    )
    assert part.row.status == "stopped"
    assert 11 <= part.row.step < 25
    done = foreground.resume(part.id)
    assert (done.row.status, done.row.step) == ("done", 25)
    mine = done.model().state_dict()
    assert all(torch.equal(mine[name], whole[name]) for name in whole)
    with pytest.raises(RunStateError, match="done"):
        foreground.resume(part.id)


class Slow(Observer):
    """Makes steps take time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        time.sleep(self.seconds)
        return False


def test_a_run_that_another_process_took_over_is_let_go() -> None:
    store = runs.store()

    def take() -> None:
        run = store.runs()[0].id
        # The worker's own beat may take the run back between the two: then once more.
        for _ in range(100):
            store.set_status(run, "lost")
            if store.claim("elsewhere:1", run, resume=True) is not None:
                break
        assert store.get(run).worker == "elsewhere:1"

    view = foreground.train({**SMALL, "steps": 100_000}, observers=[At(3, take)])
    assert view.row.worker == "elsewhere:1"
    assert (view.row.status, view.row.attempt) == ("running", 2)


def test_the_record_of_an_older_run_is_read_as_it_was_trained() -> None:
    spec = {"model": "gan", "data": "mixture", "objective": "fgan", "hidden": 8, "steps": 2}
    new = foreground.train(spec)
    assert new.spec.model_options.flat()["critic_activation"] == "tanh"
    older = new.spec.flat()
    del older["critic_activation"]
    run = runs.store().create(older)
    assert runs.open_run(run).spec.model_options.flat()["critic_activation"] == "leaky_relu"


def test_a_run_given_up_while_the_machine_slept_goes_on() -> None:
    store = runs.store()
    view = foreground.train(
        {**SMALL, "steps": 60},
        observers=[At(3, lambda: store.set_status(store.runs()[0].id, "lost")), Slow(0.05)],
    )
    assert (view.row.status, view.row.step) == ("done", 60)


def test_an_exported_run_needs_no_store(tmp_path: Path) -> None:
    view = foreground.train(SMALL)
    path = runs.export(view.id, tmp_path / "out")
    runs.configure("memory:", tmp_path / "nowhere")
    with pytest.raises(RunNotFound):  # a page's URL is no way to the files of the machine
        runs.open_run(str(path))
    back = runs.open_run(str(path), paths=True)
    assert back.id == str(path)
    assert back.snapshots() == view.snapshots()
    assert (back.row.status, back.row.step) == ("done", 30)
    ours, theirs = view.model().state_dict(), back.model().state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert back.frames() == view.frames()
    panel, steps = next(iter(back.frames().items()))
    assert back.frame(panel, steps[-1])["step"] == steps[-1]
    assert [s.name for s in back.series] == [s.name for s in view.series]
    assert len(back.read(limit=5)) == 5
    cursor = back.read(limit=5)[-1].seq
    assert back.read(after=cursor, limit=1)[0].seq > cursor
    with pytest.raises(SnapshotError, match="not an empty folder"):
        catalog.export(back, path)
    small = catalog.export(back, tmp_path / "small", snapshots=1)
    assert catalog.open_exported(small).snapshots() == (30,)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for ref in ("nope", str(tmp_path), "shipped:nope", "./x", str(tmp_path / "gone")):
        with pytest.raises(RunNotFound):
            runs.open_run(ref, paths=True)


def test_deleting_removes_the_files(place: Path) -> None:
    view = foreground.train({**SMALL, "steps": 2})
    assert (place / "runs" / view.id).is_dir()
    runs.delete(view.id)
    assert not (place / "runs" / view.id).exists()
    with pytest.raises(RunNotFound):
        runs.open_run(view.id)


def test_shipped_models_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = foreground.train({**SMALL, "steps": 2})
    runs.export(view.id, tmp_path / "pretrained" / "tiny")
    monkeypatch.setattr(catalog.settings, "pretrained_folder", lambda: tmp_path / "pretrained")
    assert [v.id for v in runs.list_shipped()] == ["shipped:tiny"]
    assert runs.open_run("shipped:tiny").model().sample(1).shape == (1, 1, 8, 8)


def test_files_behind_a_url(tmp_path: Path) -> None:
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", f"memory://{tmp_path.name}")
    view = foreground.train({**SMALL, "steps": 5})
    assert view.row.status == "done"
    assert view.snapshots()[-1] == 5
    assert view.model().sample(1).shape == (1, 1, 8, 8)


def test_a_run_in_a_thread_works_too(place: Path) -> None:
    store = runs.store()
    run = store.create(RunSpec.build(**{**SMALL, "steps": 3}).flat(), worker="here:1")
    from genlab.runs.worker import perform

    thread = threading.Thread(target=perform, args=(store, LocalFolder(place), store.get(run)))
    thread.start()
    thread.join(timeout=60)
    assert store.get(run).status == "done"
    assert run_files(LocalFolder(place), run).steps()[-1] == 3
