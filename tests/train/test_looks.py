"""A look never ends a training: small sets train with every view, and a failing view is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genlab import runs
from genlab.core.measure import Picture, Reading
from genlab.data import user_sets
from genlab.data.readers import read
from genlab.probes.base import PROBES, Probe
from genlab.runs import foreground
from tests.data.test_readers import as_npz


@pytest.fixture
def place(tmp_path: Path) -> Path:
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    yield tmp_path
    runs.configure()


def told(view: runs.RunView) -> list[str]:
    return [
        r.payload["message"] for r in view.read(kinds={"event"}) if r.payload["level"] != "info"
    ]


@pytest.mark.parametrize("n", [10, 13, 39])
@pytest.mark.parametrize("model", ["vae", "conv_vae", "cvae", "bigan", "vq_vae", "gan"])
def test_ten_to_thirty_nine_pictures_train_with_every_view(
    place: Path, n: int, model: str
) -> None:
    x = np.random.default_rng(n).integers(0, 256, (n, 8, 8), dtype=np.uint8)
    made = user_sets.store(read(as_npz(x=x, y=np.arange(n) % 2)), "few")
    view = foreground.train(
        {"data": "own", "set": made.id, "model": model, "steps": 2, "batch": 8}
    )
    assert view.row.status == "done", view.row.message
    assert told(view) == []
    if model != "gan":
        assert "reconstructions" in view.frames()


@pytest.mark.parametrize("model", ["made", "tree"])
def test_ten_black_and_white_pictures_train_with_every_view(place: Path, model: str) -> None:
    x = np.random.default_rng(0).integers(0, 2, (10, 8, 8)).astype(bool)
    made = user_sets.store(read(as_npz(x=x)), "few")
    view = foreground.train({"data": "own", "set": made.id, "model": model, "steps": 2})
    assert view.row.status == "done", view.row.message
    assert told(view) == []
    assert "surprise" in view.frames()


class Broken(Probe):
    """A view that cannot even be made."""

    @classmethod
    def fits(cls, model: object, data: object) -> bool:
        return True

    def __init__(self, spec: object, data: object) -> None:
        raise IndexError("too few examples")

    def read(self, model: object, step: int) -> Reading:
        raise AssertionError("a probe that could not be made is never read")


class Empty(Probe):
    """A view whose picture cannot be drawn."""

    @classmethod
    def fits(cls, model: object, data: object) -> bool:
        return True

    def read(self, model: object, step: int) -> Reading:
        x = np.zeros((0, 1, 8, 8), np.float32)
        return Reading(pictures={"empty": Picture("images", "Empty", {"x": x, "columns": 8})})


class Raising(Empty):
    """A view that fails when it is read."""

    def read(self, model: object, step: int) -> Reading:
        raise ZeroDivisionError("no examples")


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (Broken, "The view 'failing' was left out: IndexError: too few examples"),
        (Empty, "The picture 'empty' could not be drawn: ValueError"),
        (Raising, "The view 'failing' was left out from here on: ZeroDivisionError"),
    ],
)
def test_a_failing_view_is_told_and_the_training_goes_on(
    place: Path, view: type[Probe], words: str
) -> None:
    PROBES.register("failing", title="Failing")(view)
    try:
        run = foreground.train({"data": "digits", "model": "vae", "steps": 3, "batch": 16})
    finally:
        PROBES.unregister("failing")
    assert run.row.status == "done", run.row.message
    assert any(words in message for message in told(run)), told(run)
    # The other views are there.
    assert {"reconstructions", "samples"} <= set(run.frames())
