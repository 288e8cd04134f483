"""The disk: usage, quota, and what is thinned without losing what a run needs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs
from genlab.cli import main
from genlab.core.errors import RunStateError, StoreError
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog, disk, foreground, forks

GAN: dict[str, Any] = {"model": "gan", "data": "digits", "batch": 16, "steps": 48}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    monkeypatch.delenv("GENLAB_DISK_QUOTA", raising=False)
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", tmp_path)
    yield tmp_path
    runs.configure()


def size(run: str) -> int:
    return sum(p.stat().st_size for p in (runs.files().root / "runs" / run).rglob("*.*"))


def test_most_snapshots_hold_the_model_alone_and_a_fork_begins_at_a_whole_one() -> None:
    view = foreground.train(GAN)
    steps, whole = view.snapshots(), view.files.whole_steps()
    assert len(steps) > catalog.WHOLE
    assert len(whole) == catalog.WHOLE
    assert {steps[0], *steps[-2:]} <= set(whole)
    light = [step for step in steps if step not in whole]
    folder = runs.files().root / "runs" / view.id / "snapshots"
    each = {step: (folder / f"{step:09d}.safetensors").stat().st_size for step in steps}
    # The two moments of Adam are two thirds of a snapshot.
    assert each[light[0]] < 0.36 * each[steps[-1]]
    for step in light:
        assert view.model(step).sample(2).shape == (2, 1, 8, 8)
        assert forks.nearest(view, step) == max(s for s in whole if s < step)
    # A fork from a whole one, unchanged, ends as its parent did.
    forked = foreground.fork(view.id, light[-1], title="again")
    assert forked.row.parent_step in whole
    one, two = view.model().state_dict(), forked.model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_run_resumes_bit_for_bit_past_snapshots_of_the_model_alone() -> None:
    straight = foreground.train({**GAN, "seed": 3})
    run = runs.store().create(RunSpec.build(**{**GAN, "seed": 3}).flat(), title="halved")
    view = straight
    runs.store().set_status(run, "stopped")
    target = runs.open_run(run)
    for step in view.snapshots()[:-1]:
        target.files.save(view.files.snapshot(step), whole=step in view.files.whole_steps())
    # The newest of them is no start for a run: the one before it is.
    newest = target.snapshots()[-1]
    target.files.keep_model_alone(newest)
    foreground.resume(run)
    one, two = straight.model().state_dict(), runs.open_run(run).model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_usage_is_what_the_files_take() -> None:
    a = foreground.train({**GAN, "steps": 4}).id
    b = foreground.train({"model": "vae", "data": "digits", "steps": 4, "hidden": 8}).id
    found = disk.usage(runs.files())
    assert list(found.runs) == [a, b]
    assert found.runs == {a: size(a), b: size(b)}
    assert found.total == size(a) + size(b)
    assert found.free
    assert "2 runs take" in found.words()


def test_a_thinned_run_keeps_first_best_and_last() -> None:
    run = foreground.train(GAN).id
    view = runs.open_run(run)
    steps, before = view.snapshots(), size(run)
    best = disk.best_step(runs.store(), view.row)
    freed = disk.thin_run(runs.store(), runs.files(), run)
    after = view.snapshots()
    assert freed == before - size(run) > 0.6 * before
    assert {steps[0], steps[-1]} <= set(after)
    assert len(after) <= 3
    if best is not None:
        assert min(steps, key=lambda step: abs(step - best)) in after
    assert view.files.whole_steps()[-1] == steps[-1]
    assert foreground.fork(run, None, {"steps": 60}).row.status == "done"


def test_pinned_and_active_runs_are_left_alone() -> None:
    run = foreground.train({**GAN, "steps": 6}).id
    runs.edit(run, tags=["pinned"])
    with pytest.raises(RunStateError, match="pinned"):
        disk.thin_run(runs.store(), runs.files(), run)
    waiting = runs.start(RunSpec.build(**GAN))
    with pytest.raises(RunStateError, match="queued"):
        disk.thin_run(runs.store(), runs.files(), waiting)
    assert disk.thin_to(runs.store(), runs.files(), 0) == ([], 0)


def test_the_oldest_are_thinned_first_and_no_more_than_needed() -> None:
    made = [foreground.train({**GAN, "steps": 16, "seed": s}).id for s in range(3)]
    before = disk.usage(runs.files()).total
    thinned, freed = disk.thin_to(runs.store(), runs.files(), before - 1)
    assert thinned == made[:1]
    assert disk.usage(runs.files()).total == before - freed


def test_a_quota_refuses_what_would_exceed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_DISK_QUOTA", "10")
    with pytest.raises(StoreError, match="of the 10 MiB allowed"):
        foreground.train(GAN)
    foreground.train({"model": "vae", "data": "digits", "steps": 4, "hidden": 8})
    monkeypatch.setenv("GENLAB_DISK_QUOTA", "some")
    with pytest.raises(StoreError, match="whole number of MiB"):
        disk.quota()


def test_the_command_line_says_it_and_thins(capsys: pytest.CaptureFixture[str]) -> None:
    run = foreground.train({**GAN, "steps": 16}).id
    assert main(["disk"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == {"run": run, "bytes": size(run)}
    assert rows[-1]["bytes"] == size(run)
    assert main(["disk", "--thin", run]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["freed"] > 0


def test_half_written_files_of_the_dead_are_swept() -> None:
    run = foreground.train({**GAN, "steps": 2}).id
    folder = runs.files().root / "runs" / run / "snapshots"
    old, new = folder / ".000000009.json.1-2.part", folder / ".000000010.json.3-4.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    assert disk.sweep_parts(runs.files()) == 1
    assert not old.exists()
    assert new.exists()
