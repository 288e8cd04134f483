"""A run branches off a snapshot of another: the same steps again, or with one thing changed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs
from genlab.core.errors import RunNotFound, SnapshotError, SpecError, StoreError
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog, foreground, forks
from genlab.runs.store import Command
from genlab.train.algorithm import Info
from genlab.train.ledger import Ledger
from genlab.train.observers import Observer

VAE: dict[str, Any] = {
    "model": "vae",
    "data": "digits",
    "steps": 20,
    "batch": 16,
    "hidden": 16,
    "latent": 2,
    "seed": 4,
}
GAN: dict[str, Any] = {"model": "gan", "data": "ring", "steps": 20, "batch": 32, "hidden": 16}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    # A busy machine allows fewer looks; here there are snapshots of steps 1, 2, 4, 8, 16 for sure.
    monkeypatch.setattr(Ledger, "affords", lambda *_: True)
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", tmp_path)
    yield tmp_path
    runs.configure()


def done(run: str) -> catalog.RunView:
    """Run what is queued."""
    return foreground.resume(run)


def told(view: catalog.RunView) -> list[str]:
    return [r.payload["message"] for r in view.read(limit=9999, kinds={"event"})]


def curve(view: catalog.RunView, name: str) -> dict[int, float]:
    rows = view.read(limit=9999, kinds={"scalars"})
    return {r.step: r.payload[name] for r in rows if name in r.payload}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(VAE, id="vae"),
        pytest.param({**GAN, "ema_decay": 0.9, "lr_final_ratio": 0.1}, id="gan"),
        pytest.param({**GAN, "objective": "wgan", "data": "digits", "steps": 9}, id="wgan"),
        pytest.param(
            {"model": "dcgan", "data": "digits", "steps": 6, "batch": 16, "width": 8}, id="dcgan"
        ),
        pytest.param(
            {"model": "gaussian_mixture", "data": "ring", "objective": "bayes", "steps": 12},
            id="svi",
        ),
        pytest.param(
            {
                "model": "independent_pixels",
                "data": "digits",
                "binarise": "threshold",
                "objective": "bayes",
                "algorithm": "exact",
                "steps": 12,
            },
            id="exact",
        ),
    ],
)
def test_a_fork_without_changes_takes_the_steps_of_its_parent(values: dict[str, Any]) -> None:
    parent = foreground.train(values)
    assert (parent.row.status, parent.row.message) == ("done", "")
    run = runs.fork(parent.id, 4)
    row = runs.store().get(run)
    assert (row.status, row.parent, row.parent_step, row.step) == ("queued", parent.id, 4, 4)
    assert dict(row.spec) == dict(parent.row.spec)
    assert dict(row.changes) == {}
    fork = done(run)
    assert (fork.row.status, fork.row.message, fork.row.attempt) == ("done", "", 1)
    assert fork.snapshots()[0] == 4
    last = values["steps"]
    mine, its = fork.files.snapshot(last), parent.files.snapshot(last)
    assert set(mine.tensors) == set(its.tensors)
    assert "rng" in mine.tensors
    for name, tensor in its.tensors.items():
        assert torch.equal(mine.tensors[name], tensor), name
    assert dict(mine.values) == dict(its.values)
    for series in ("elbo", "generator_loss", "log_likelihood"):
        there = curve(parent, series)
        both = {step: value for step, value in there.items() if step > 4}
        assert {k: v for k, v in curve(fork, series).items() if k > 4} == both


def test_a_change_takes_effect_at_the_first_step_of_the_fork() -> None:
    parent = foreground.train(VAE)
    fork = done(runs.fork(parent.id, 9, {"lr": "1e-7"}))
    assert dict(fork.row.changes) == {"lr": [0.002, 1e-07]}
    assert fork.row.title == f"vae on digits, from step {fork.row.parent_step}: lr 0.002 → 1e-07"
    first = fork.row.parent_step
    assert first in parent.snapshots()
    assert first <= 9
    begun = parent.model(first).state_dict()
    still, moved = fork.model().state_dict(), parent.model().state_dict()
    for name, tensor in begun.items():
        if tensor.is_floating_point():
            # Adam moves a weight by about its learning rate a step.
            assert float((still[name] - tensor).abs().max()) < 1e-7 * 20 * 3
            assert float((moved[name] - tensor).abs().max()) > 1e-3
    assert any(f"Forked from {parent.id} at step {first}: lr 0.002" in t for t in told(fork))
    assert min(curve(fork, "elbo")) == first + 1
    # What is looked at, is looked at from the branching point on, where both branches agree.
    assert curve(fork, "val_elbo")[first] == curve(parent, "val_elbo")[first]
    assert fork.frames()["samples"][0] == first


def test_the_nearest_snapshot_before_is_taken() -> None:
    parent = foreground.train({**VAE, "snapshots": 4})
    steps = parent.snapshots()
    between = next(s for s in range(20) if s not in steps)
    row = runs.store().get(runs.fork(parent.id, between))
    assert row.parent_step == max(s for s in steps if s <= between)
    again = runs.store().get(runs.fork(parent.id, changes={"steps": 25}))
    assert (again.parent_step, again.step, again.steps) == (20, 20, 25)
    fork = done(again.id)
    assert (fork.row.status, fork.row.step) == ("done", 25)
    whole = foreground.train({**VAE, "steps": 25}).model().state_dict()
    assert all(torch.equal(whole[k], v) for k, v in fork.model().state_dict().items())


def test_another_objective_keeps_what_fits_and_says_what_starts_anew() -> None:
    parent = foreground.train(GAN)
    run = runs.fork(parent.id, 8, {"objective": "wgan_gp"})
    row = runs.store().get(run)
    assert {k: list(v) for k, v in row.changes.items()} == {
        "objective": ["nonsaturating", "wgan_gp"]
    }
    assert row.spec["lr"] == parent.row.spec["lr"]
    fork = done(run)
    assert (fork.row.status, fork.row.message) == ("done", "")
    assert not any("optimiser" in line for line in told(fork))

    ali = foreground.train({**GAN, "model": "infogan", "objective": "infogan", "steps": 10})
    fork = done(runs.fork(ali.id, 4, {"objective": "nonsaturating"}))
    assert (fork.row.status, fork.row.message) == ("done", "")
    names = set(fork.files.snapshot(10).tensors)
    assert any(name.startswith("optimiser/generator/") for name in names)
    assert not any(name.startswith("optimiser/recogniser/") for name in names)
    back = done(runs.fork(fork.id, 8, {"objective": "infogan", "steps": 12}))
    assert back.row.status == "done"
    assert "The optimiser of the recogniser starts anew" in " ".join(told(back))


def test_another_seed_is_other_batches_and_other_noise() -> None:
    parent = foreground.train(VAE)
    fork = done(runs.fork(parent.id, 8, {"seed": 5}))
    assert any("new seed" in line for line in told(fork))
    first = fork.row.parent_step
    one, two = parent.files.snapshot(first), fork.files.snapshot(first)
    assert all(torch.equal(one.tensors[k], v) for k, v in two.tensors.items())
    assert curve(fork, "elbo")[first + 1] != curve(parent, "elbo")[first + 1]


@pytest.mark.parametrize(
    ("changes", "option", "said"),
    [
        ({"latent": 3}, "latent", "weights of this very model"),
        ({"lr": 1e-4, "hidden": 32}, "hidden", "Vary"),
        ({"model": "gan"}, "model", "weights of this very model"),
        ({"data": "ring"}, "data", "data that it has seen"),
        ({"binarise": "threshold"}, "binarise", "data that it has seen"),
        ({"algorithm": "exact"}, "algorithm", "another state"),
        ({"objective": "minimax"}, "objective", "goes with"),
        ({"lr": 7}, "lr", "from 1e-07 to 1"),
        ({"colour": 3}, "option", "allowed"),
        ({"steps": 8}, "steps", "more than that"),
    ],
)
def test_what_a_snapshot_does_not_allow_is_refused_before_anything_starts(
    place: Path, changes: dict[str, Any], option: str, said: str
) -> None:
    parent = foreground.train(VAE)
    before = sorted(path.name for path in (place / "runs").iterdir())
    with pytest.raises(SpecError, match="Nothing was started") as error:
        runs.fork(parent.id, 8, changes)
    assert error.value.option == option
    assert said in str(error.value)
    assert [row.id for row in runs.store().runs()] == [parent.id]
    assert sorted(path.name for path in (place / "runs").iterdir()) == before


def test_an_objective_that_this_model_cannot_have_is_refused_with_the_reason() -> None:
    spec = RunSpec.build(model="dcgan", data="digits", width=8)
    with pytest.raises(SpecError, match=r"batch normalisation.*very model.*Vary") as error:
        forks.change_spec(spec, {"objective": "wgan_gp"})
    assert error.value.option == "spectral"


def test_the_same_value_is_no_change() -> None:
    parent = foreground.train(VAE)
    row = runs.store().get(runs.fork(parent.id, 8, {**parent.row.spec, "latent": "2"}))
    assert dict(row.changes) == {}
    with pytest.raises(SpecError, match="more than that"):
        runs.fork(parent.id)


def test_what_was_found_so_far_may_rest_on_an_option() -> None:
    spec = RunSpec.build(
        model="independent_pixels",
        data="digits",
        binarise="threshold",
        objective="bayes",
        algorithm="exact",
    )
    names = {row.name for row in forks.changeable(spec)}
    assert "steps" in names
    assert not names & {"batch", "seed", "prior_ones", "binarise"}
    with pytest.raises(SpecError, match="rests on it"):
        forks.change_spec(spec, {"batch": 7})


@pytest.mark.parametrize("damage", ["cut", "no tensors", "gone"])
def test_a_bad_snapshot_of_the_parent_is_said_and_nothing_is_queued(
    place: Path, damage: str
) -> None:
    parent = foreground.train(VAE)
    folder = place / "runs" / parent.id / "snapshots"
    file = folder / f"{8:09d}.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-7])
    elif damage == "no tensors":
        file.unlink()
    else:
        for each in folder.iterdir():
            each.unlink()
    with pytest.raises(SnapshotError, match="Nothing was started"):
        runs.fork(parent.id, 8)
    assert [row.id for row in runs.store().runs()] == [parent.id]
    with pytest.raises(RunNotFound):
        runs.fork("nobody", 8)


def test_a_full_disk_leaves_no_half_fork(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = foreground.train(VAE)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SnapshotError, match=r"full.*Nothing was started"):
        runs.fork(parent.id, 8)
    assert [row.id for row in runs.store().runs()] == [parent.id]
    assert [path.name for path in (place / "runs").iterdir()] == [parent.id]


def test_a_locked_store_leaves_no_half_fork(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = foreground.train(VAE)
    store = runs.store()

    def locked(*_: object, **__: object) -> Any:
        raise StoreError("The run store is locked by another program.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "create", locked)
        with pytest.raises(StoreError, match="locked"):
            runs.fork(parent.id, 8)
    assert [path.name for path in (place / "runs").iterdir()] == [parent.id]
    with monkeypatch.context() as patch:
        patch.setattr(store, "append", locked)
        run = runs.fork(parent.id, 8)
    assert done(run).row.status == "done"


def test_a_fork_outlives_its_parent() -> None:
    parent = foreground.train(VAE)
    weights = parent.model().state_dict()
    run = runs.fork(parent.id, 8)
    runs.delete(parent.id)
    fork = done(run)
    assert (fork.row.status, fork.row.parent) == ("done", parent.id)
    assert all(torch.equal(weights[k], v) for k, v in fork.model().state_dict().items())


def test_a_fork_whose_first_snapshot_is_bad_fails_and_does_not_begin_from_nothing(
    place: Path,
) -> None:
    parent = foreground.train(VAE)
    run = runs.fork(parent.id, 8)
    (file,) = (place / "runs" / run / "snapshots").glob("*.safetensors")
    file.write_bytes(b"")
    fork = done(run)
    assert fork.row.status == "failed"
    assert "no good snapshot left" in fork.row.message
    assert parent.id in fork.row.message
    assert fork.row.step == 8


class Killed(BaseException):
    """Stands in for SIGKILL: nothing after it is done."""


class DieAt(Observer):
    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        if step == self.step:
            raise Killed
        return False


@pytest.mark.parametrize("step", [9, 15])
def test_a_fork_whose_worker_was_killed_is_resumed(step: int) -> None:
    parent = foreground.train(VAE)
    run = runs.fork(parent.id, 8)
    with pytest.raises(Killed):
        foreground.resume(run, observers=[DieAt(step)])
    runs.store().set_status(run, "lost")
    fork = done(run)
    assert (fork.row.status, fork.row.attempt) == ("done", 2)
    ours = fork.files.snapshot(20).tensors
    its = parent.files.snapshot(20).tensors
    assert all(torch.equal(ours[name], tensor) for name, tensor in its.items())
    steps = [r.step for r in fork.read(limit=9999, kinds={"scalars"}) if "elbo" in r.payload]
    assert sorted(steps) == list(range(9, 21))


def test_a_learning_rate_that_was_changed_by_hand_is_that_of_the_fork() -> None:
    store = runs.store()

    class Hand(Observer):
        """Changes the rate after step 3, as Watch does."""

        def __call__(self, step: int, state: Any, info: Info) -> bool:
            if step == 3:
                for optimiser in state.optimisers.values():
                    optimiser.param_groups[0]["lr"] = 1e-5
            return False

    parent = foreground.train(VAE, observers=[Hand()])
    before, after = (store.get(runs.fork(parent.id, step)) for step in (2, 8))
    assert (before.spec["lr"], after.spec["lr"]) == (0.002, 1e-5)
    assert dict(before.changes) == dict(after.changes) == {}
    again = done(runs.fork(parent.id, 8)).files.snapshot(20).tensors
    its = parent.files.snapshot(20).tensors
    assert all(torch.equal(again[name], tensor) for name, tensor in its.items())
    back = store.get(runs.fork(parent.id, 8, {"lr": 0.002}))
    assert dict(back.changes) == {"lr": [1e-5, 0.002]}
    assert done(back.id).files.snapshot(20).values["lr"] == {"model": 0.002}


def test_a_diverged_run_and_one_that_goes_on_can_be_forked() -> None:
    store = runs.store()
    seen: list[str] = []

    class Fork(Observer):
        def __call__(self, step: int, state: Any, info: Info) -> bool:
            if step == 15:
                seen.append(runs.fork(store.runs()[0].id, changes={"lr": 1e-4}))
                store.request(store.runs()[1].id, Command("stop"))
            return False

    parent = foreground.train({**VAE, "steps": 100_000}, observers=[Fork()])
    assert parent.row.status == "stopped"
    row = store.get(seen[0])
    assert (row.parent, 0 < row.parent_step <= 15) == (parent.id, True)
    store.set_status(parent.id, "diverged")
    assert store.get(runs.fork(parent.id, 8)).parent_step == 8


def test_an_exported_run_is_forked_with_a_new_optimiser(tmp_path: Path) -> None:
    parent = foreground.train(VAE)
    path = runs.export(parent.id, tmp_path / "out")
    fork = foreground.fork(str(path), 8, {"lr": 1e-4})
    assert fork.row.status == "done"
    words = " ".join(told(fork))
    assert "optimiser of the model starts anew" in words
    assert "random stream starts anew" in words
    exact = foreground.train(
        {"model": "gaussian_mixture", "data": "ring", "objective": "bayes", "steps": 3}
    )
    path = runs.export(exact.id, tmp_path / "posterior")
    with pytest.raises(SnapshotError, match=r"not the posterior.*Nothing was started"):
        foreground.fork(str(path), 2)


def test_a_shipped_model_can_be_forked() -> None:
    view = runs.open_run("shipped:vae-mnist5k")
    row = runs.store().get(runs.fork(view.id, changes={"steps": view.row.step + 1}))
    assert (row.parent, row.step, row.steps) == (view.id, view.row.step, view.row.step + 1)
