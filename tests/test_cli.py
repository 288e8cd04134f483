"""The command line: JSON on standard output, one line on standard error, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab import cli, runs
from genlab.core.random import scope

ROOT = Path(__file__).resolve().parents[1]
SMALL = [
    "--model",
    "vae",
    "--data",
    "digits",
    "--batch",
    "16",
    "--hidden",
    "16",
    "--latent",
    "2",
    "--quiet",
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GENLAB_STORE", f"sqlite:///{tmp_path}/genlab.db")
    monkeypatch.setenv("GENLAB_FILES", str(tmp_path))
    runs.configure()
    yield tmp_path
    runs.configure()


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Any], str]:
    """Exit status, the JSON lines of the answer, and what was said to people."""
    code = cli.main(list(words))
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> str:
    code, answer, _ = call(capsys, "train", *SMALL, "--steps", "12", "--seed", "3")
    assert code == 0
    return answer[-1]["run"]


def test_train_ends_with_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, err = call(capsys, "train", *SMALL, "--steps", "9", "--title", "tiny")
    assert code == 0
    assert len(answer) == 1
    (row,) = answer
    assert (row["status"], row["step"], row["steps"], row["title"]) == ("done", 9, 9, "tiny")
    assert abs(row["last"]["elbo"]) < 200
    assert err == ""


def test_list_and_show(capsys: pytest.CaptureFixture[str], run: str) -> None:
    code, answer, _ = call(capsys, "list")
    assert code == 0
    own = [row for row in answer if not row["run"].startswith("shipped:")]
    assert [(row["run"], row["status"]) for row in own] == [(run, "done")]
    shipped = [view.id for view in runs.list_shipped()]
    assert [row["run"] for row in answer if row not in own] == shipped
    assert call(capsys, "list", "--status", "lost")[1] == []


def test_runs_are_tagged_renamed_and_listed_by_tag(
    capsys: pytest.CaptureFixture[str], run: str
) -> None:
    assert call(capsys, "list", "--tag", "good")[1] == []
    code, (edited,), _ = call(capsys, "edit", run, "--title", "Mine", "--tag", "good")
    assert (code, edited["title"], edited["tags"]) == (0, "Mine", ["good"])
    code, answer, _ = call(capsys, "list", "--tag", "good", "--sort", "elbo")
    assert [row["run"] for row in answer] == [run]
    assert isinstance(answer[0]["elbo"], float)
    assert [row["run"] for row in call(capsys, "list", "--search", "MINE")[1]] == [run]
    code, _, said = call(capsys, "edit", run, "--tag", "a|b")
    assert code == 2
    assert "without a comma" in said
    code, (edited,), _ = call(capsys, "edit", run, "--untag", "good")
    assert edited["tags"] == []


def test_show_tells_of_a_run(capsys: pytest.CaptureFixture[str], run: str) -> None:
    code, (shown,), _ = call(capsys, "show", run)
    assert code == 0
    assert shown["spec"]["seed"] == 3
    assert shown["snapshots"][-1] == 12
    assert {"elbo"} <= {s["name"] for s in shown["series"]}


def test_samples_are_repeatable(
    capsys: pytest.CaptureFixture[str], run: str, tmp_path: Path
) -> None:
    def draw(name: str, seed: int) -> np.ndarray:
        out = str(tmp_path / name)
        code, (row,), _ = call(capsys, "sample", run, "-n", "5", "--seed", str(seed), "--out", out)
        assert code == 0
        assert row["shape"] == [5, 1, 8, 8]
        with np.load(out, allow_pickle=False) as file:
            return file["x"]

    assert np.array_equal(draw("a.npz", 1), draw("b.npz", 1))
    assert not np.array_equal(draw("a.npz", 1), draw("c.npz", 2))
    assert call(capsys, "sample", run, "-n", "5", "--out", str(tmp_path / "a.png"))[0] == 0
    assert Image.open(tmp_path / "a.png").size == (24, 16)


def test_samples_of_one_class(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["cvae" if word == "vae" else word for word in SMALL]
    code, (row,), _ = call(capsys, "train", *words, "--steps", "12")
    assert code == 0

    def draw(*label: str) -> np.ndarray:
        out = str(tmp_path / "x.npz")
        code, (said,), _ = call(capsys, "sample", row["run"], "-n", "4", "--out", out, *label)
        assert code == 0
        assert said.get("label") == (label[1] if label else None)
        with np.load(out, allow_pickle=False) as file:
            return file["x"]

    seven, unknown = draw("--label", "7"), draw()
    assert not np.array_equal(seven, unknown)
    assert not np.array_equal(seven, draw("--label", "1"))
    held = genlab.load(row["run"], label="7")
    with torch.no_grad(), scope(0, "sample"):
        np.testing.assert_allclose(held.sample(4).numpy(), seven, atol=1e-6)
    for label in ("11", "-1", "seven"):
        code, answer, err = call(
            capsys, "sample", row["run"], "--out", str(tmp_path / "y.npz"), "--label", label
        )
        assert (code, answer) == (2, [])
        assert "allowed: 0, 1, 2" in err


def test_a_label_is_refused_by_a_model_without(
    capsys: pytest.CaptureFixture[str], run: str, tmp_path: Path
) -> None:
    out = tmp_path / "x.npz"
    code, answer, err = call(capsys, "sample", run, "--out", str(out), "--label", "7")
    assert (code, answer) == (2, [])
    assert "trained without labels" in err
    assert not out.exists()


def test_evaluate_says_what_each_number_is(capsys: pytest.CaptureFixture[str], run: str) -> None:
    code, (row,), err = call(capsys, "evaluate", run, "--seed", "0")
    assert (code, err) == (0, "")
    assert row["step"] == 12
    assert row["metrics"]
    for estimate in row["metrics"].values():
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
        assert estimate["kind"]
        assert estimate["unit"]
    assert call(capsys, "evaluate", run, "--seed", "0")[1] == [row]
    code, (judged,), err = call(capsys, "evaluate", run, "--seed", "0", "--c2st")
    assert code == 0
    assert set(judged["metrics"]) - set(row["metrics"]) == {
        f"c2st_{name}" for name in ("js", "kl", "reverse_kl", "accuracy", "p")
    }
    assert judged["metrics"]["c2st_js"]["kind"] == "lower bound"


def test_export_makes_a_folder_that_stands_alone(
    capsys: pytest.CaptureFixture[str], run: str, tmp_path: Path
) -> None:
    code, (row,), _ = call(capsys, "export", run, "--to", str(tmp_path / "out"))
    assert code == 0
    assert row["to"] == str(tmp_path / "out")
    code, (shown,), _ = call(capsys, "show", str(tmp_path / "out"))
    assert code == 0
    assert shown["snapshots"][-1] == 12
    code, _, err = call(capsys, "export", run, "--to", str(tmp_path / "out"))
    assert code == 2
    assert "not an empty folder" in err


def test_a_fork_goes_on_with_what_was_given_and_says_where_it_is_from(
    capsys: pytest.CaptureFixture[str], run: str, tmp_path: Path
) -> None:
    words = ("fork", run, "--step", "1", "--quiet")
    code, (row,), err = call(capsys, *words, "--lr", "1e-4", "--steps", "14")
    assert (code, row["status"], row["step"], row["steps"]) == (0, "done", 14, 14)
    assert (row["parent"], row["parent_step"]) == (run, 1)
    assert row["changes"] == {"lr": [0.002, 1e-4], "steps": [12, 14]}
    assert "from step 1: lr 0.002 → 0.0001" in row["title"]
    assert err == ""
    code, (same,), _ = call(capsys, *words, "--title", "again")
    assert (code, same["changes"], same["title"]) == (0, {}, "again")
    one, two = (genlab.load(name).state_dict() for name in (run, same["run"]))
    assert all(torch.equal(one[name], two[name]) for name in one)
    path = str(runs.export(run, tmp_path / "out"))
    code, (row,), _ = call(capsys, "fork", path, "--step", "1", "--quiet")
    assert (code, row["status"], row["parent"]) == (0, "done", path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--latent 3", "weights of this very model"),
        ("--data ring", "data that it has seen"),
        ("--steps many", "whole number"),
        ("--lr 7", "from 1e-07 to 1"),
        ("--colour red", "--colour"),
        ("", "more than that"),
        ("--step -1", "no snapshot"),
    ],
)
def test_a_wrong_fork_is_one_line(
    capsys: pytest.CaptureFixture[str], run: str, words: str, said: str
) -> None:
    code, answer, err = call(capsys, "fork", run, *words.split())
    assert (code, answer) == (2, [])
    assert said in err
    assert len(err.splitlines()) == 1
    assert [row.id for row in runs.store().runs()] == [run]


def test_deleting_asks_twice(capsys: pytest.CaptureFixture[str], run: str) -> None:
    code, _, err = call(capsys, "delete", run)
    assert code == 2
    assert "--yes" in err
    assert call(capsys, "delete", run, "--yes")[1] == [{"run": run, "deleted": True}]
    left = [row["run"] for row in call(capsys, "list")[1]]
    assert all(name.startswith("shipped:") for name in left)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train --model vea --data digits", "did you mean 'vae'"),
        ("train --model vae --data digit", "did you mean 'digits'"),
        ("train --model vae", "data"),
        ("train --model vae --data digits --lr 7", "from 1e-07 to 1"),
        ("train --model vae --data digits --steps many", "whole number"),
        ("train --model vae --data digits --colour red", "--colour"),
        ("train --model vae --data digits --objective minimax", "elbo"),
        ("train --model dcgan --data ring", "ring"),
        ("show nope", "no run 'nope'"),
        ("stop nope", "no run 'nope'"),
        ("resume nope", "no run 'nope'"),
        ("sample nope --out x.npz", "no run 'nope'"),
        ("sample nope --out x.pickle", ".csv, .npz or .png"),
        ("sample nope", "--out"),
        ("show shipped:nope", "ships with"),
        ("evaluate /nowhere/at/all", "no exported run"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_wrong_request_is_one_line(
    capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    code, answer, err = call(capsys, *words.split())
    assert code == 2
    assert answer == []
    assert said in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert runs.store().runs() == []


def test_a_damaged_store_is_one_line(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "genlab.db").write_text("no database " * 100)
    code, _, err = call(capsys, "list")
    assert code == 2
    assert "damaged" in err
    assert len(err.splitlines()) == 1


def test_wishes_need_an_active_run(capsys: pytest.CaptureFixture[str], run: str) -> None:
    for words in (["stop", run], ["pause", run], ["step", run], ["resume", run]):
        code, _, err = call(capsys, *words)
        assert code == 2
        assert "done" in err


def terminal(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "genlab", *words],
        cwd=ROOT,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_stops_with_a_snapshot_and_resume_goes_on(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    words = [word for word in SMALL if word != "--quiet"]
    process = terminal("train", *words, "--steps", "1000000")
    store = runs.store()
    until = time.monotonic() + 60
    while not (store.runs() and store.last_step(store.runs()[0].id) > 0):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    (row,) = [json.loads(line) for line in out.splitlines()]
    assert row["status"] == "stopped"
    assert 0 < row["step"] < 1_000_000
    assert "step/s" in err
    assert "Traceback" not in err
    view = runs.open_run(row["run"])
    assert view.snapshots()[-1] == row["step"]
    assert view.model().sample(1).shape == (1, 1, 8, 8)


def test_the_package_imports_quickly_and_offers_its_parts() -> None:
    code = (
        "import sys, genlab; print('torch' in sys.modules, 'sqlalchemy' in sys.modules);"
        "print('vae' in genlab.models.names(), 'digits' in genlab.data.names(),"
        " 'elbo' in genlab.objectives.names(), callable(genlab.train), callable(genlab.load))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False", *["True"] * 5], done.stderr


def test_the_python_surface(place: Path) -> None:
    code = (
        "import genlab;"
        "run = genlab.train(model='vae', data='digits', steps=4, batch=16, hidden=16);"
        "again = genlab.train(model='vae', data='digits', steps=4, batch=16, hidden=16);"
        "a, b = genlab.load(run.id), genlab.load(again.id);"
        "import torch; torch.manual_seed(0); x = a.sample(2); torch.manual_seed(0);"
        "print(run.row.status, tuple(x.shape), bool((x == b.sample(2)).all()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ},
    )
    assert done.stdout.strip() == "done (2, 1, 8, 8) True", done.stderr


def test_a_formula_that_begins_with_a_minus_is_said_how_to_write(
    capsys: pytest.CaptureFixture[str],
) -> None:
    game = ("train", "--data", "ring", "--model", "gan", "--objective", "fgan")
    code, _, told = call(capsys, *game, "--formula", "-log(u)")
    assert code != 0
    assert "--formula=-log(u)" in told
    code, _, told = call(capsys, *game, "--formula=-(u-1)^2")
    assert code != 0
    assert "must be convex" in told


def test_own_data_are_added_trained_on_listed_and_deleted(capsys, tmp_path) -> None:
    rows = [
        "a;b;kind",
        *(f"{k / 7:.3f};{k % 5};{'uv'[k % 2]}".replace(".", ",") for k in range(40)),
    ]
    path = tmp_path / "my table.csv"
    path.write_text("\n".join(rows))
    code, (added,), _ = call(capsys, "data", "add", str(path), "--with", "label=kind")
    assert code == 0
    assert (added["name"], added["n"], added["shape"]) == ("my table", 40, [2])
    assert (added["classes"], added["likelihood"]) == (["u", "v"], "mixed")
    small = ["--model", "vae", "--data", "own", "--steps", "5", "--batch", "8", "--quiet"]
    code, (answer,), _ = call(capsys, "train", *small, "--set", "my table")
    assert (code, answer["status"]) == (0, "done")
    assert runs.open_run(answer["run"]).spec.flat()["set"] == added["set"]
    assert call(capsys, "data", "list")[1][0]["set"] == added["set"]
    code, (gone,), _ = call(capsys, "data", "delete", "my table")
    assert gone == {"set": added["set"], "deleted": True, "runs": [answer["run"]]}
    assert genlab.load(answer["run"]).sample(2).shape == (2, 2)
    for words, said in (
        (("data", "delete", "my table"), "allowed: nothing yet"),
        (("data", "add", str(tmp_path / "none.csv")), "No such file"),
        (("data", "add", str(path), "--with", "side=28"), "allowed: column, columns"),
        (("data", "add", str(path), "--name", "../x"), "is no name"),
    ):
        code, out, error = call(capsys, *words)
        assert (code, out) == (2, [])
        assert said in error


def test_serve_runs_the_pages_of_the_package_on_the_port_that_was_asked_for(monkeypatch):
    called = []
    monkeypatch.setattr(os, "execv", lambda program, words: called.append((program, words)))
    cli.main(["serve", "--port", "9001", "--address", "0.0.0.0"])
    program, words = called[0]
    assert program == sys.executable
    assert words[1:5] == ("-m", "streamlit", "run", str(ROOT / "app.py"))
    assert words[5:] == ("--server.port", "9001", "--server.address", "0.0.0.0")


@pytest.mark.parametrize("port", ["0", "70000"])
def test_a_port_that_is_none_is_refused(port, capsys, monkeypatch):
    monkeypatch.setattr(os, "execv", None)
    assert cli.main(["serve", "--port", port]) == 2
    assert "65535" in capsys.readouterr().err


def test_nothing_is_created_where_there_is_nothing_to_read(tmp_path, capsys):
    from genlab import runs

    runs.configure(f"sqlite:///{tmp_path / 'deep' / 'genlab.db'}", tmp_path / "deep" / "files")
    try:
        assert cli.main(["list"]) == 0
        assert cli.main(["stop", "nope"]) == 2
        assert cli.main(["show", "nope"]) == 2
        assert "no run 'nope'" in capsys.readouterr().err
    finally:
        runs.configure()
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_tells_its_repair(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = call(capsys, "train", "--data", "digits", "--model", "made", "--steps", "3")
    assert code == 2
    assert "possible with --binarise=threshold" in said


def test_evaluate_with_samples_names_the_features(
    capsys: pytest.CaptureFixture[str], run: str
) -> None:
    code, answer, _ = call(capsys, "evaluate", run, "--samples")
    assert code == 0
    assert len(answer[0]["features"]["hash"]) == 64
    assert {"quality_frechet", "quality_coverage", "test_elbo"} <= set(answer[0]["metrics"])
