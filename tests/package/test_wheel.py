"""The wheel in an environment of its own, outside the checkout: commands, pages, a preset."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import genlab
from genlab.testing.served import App, free_port

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """An environment with the package installed from its wheel.

    Args:
        wheel: the file it was installed from.
        programs: the environment's ``bin``.
    """

    wheel: Path
    programs: Path

    def environment(self) -> dict[str, str]:
        """The variables of a shell that knows nothing of the checkout."""
        own = ("GENLAB_", "PYTHON", "VIRTUAL_ENV", "STREAMLIT_")
        return {k: v for k, v in os.environ.items() if not k.startswith(own)} | {
            "OMP_NUM_THREADS": "1"
        }

    def run(self, program: str, *words: str, folder: Path) -> str:
        """What a program of the environment prints, called in a folder."""
        done = subprocess.run(
            [self.programs / program, *words],
            cwd=folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this checkout, in an environment that borrows nothing but its dependencies."""
    folder = tmp_path_factory.mktemp("package")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, *build, "--wheel-dir", folder, ROOT], check=True, timeout=300)
    (wheel,) = folder.glob("genlab-*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=120)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = venv / "bin" / "python"
    words = ["install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel]
    subprocess.run([*pip, "--python", python, *words], check=True, timeout=300)
    return Installed(wheel, venv / "bin")


@pytest.fixture
def served(installed: Installed, tmp_path: Path) -> Iterator[App]:
    """``genlab serve`` in an empty folder, until it is well."""
    folder, port = tmp_path / "empty", free_port()
    folder.mkdir()
    log = tmp_path / "server.log"
    with open(log, "ab") as out:
        process = subprocess.Popen(
            [installed.programs / "genlab", "serve", "--port", str(port)],
            cwd=folder,
            env=installed.environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    files = folder / "checkpoints"
    store = f"sqlite:///{files / 'genlab.db'}"
    app = App(f"http://127.0.0.1:{port}", port, store, str(files), log, process)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{app.url}/_stcore/health"):
                break
            time.sleep(0.1)
        else:
            raise AssertionError(log.read_text()[-3000:])
        yield app
    finally:
        app.stop()
        app.end_supervisor()


def test_the_wheel_holds_code_pages_models_and_no_leftovers(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    app = "genlab/_app/"
    assert {"genlab/py.typed", app + "app.py", app + ".streamlit/config.toml"} <= names
    tracked = {f"pages/{file.name}" for file in (ROOT / "pages").glob("*.py")}
    assert {app + name for name in tracked} <= names
    shipped = [p for p in (ROOT / "checkpoints" / "pretrained").rglob("*") if p.is_file()]
    assert {app + p.relative_to(ROOT).as_posix() for p in shipped} <= names
    package = {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "genlab").rglob("*")
        if p.suffix in {".py", ".js", ".css", ".svg"}
    }
    assert package <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".db")]
    assert f"-{genlab.__version__}-" in installed.wheel.name
    # Four shipped models and the classifiers of sample quality are most of it.
    assert installed.wheel.stat().st_size < 7e6


def own_runs(listed: str) -> list[str]:
    """The ids of the runs that a list names, without the models that ship."""
    ids = [json.loads(line)["run"] for line in listed.splitlines()]
    return [name for name in ids if not name.startswith("shipped:")]


def test_commands_that_only_read_leave_an_empty_folder_empty(
    installed: Installed, tmp_path: Path
) -> None:
    assert own_runs(installed.run("genlab", "list", folder=tmp_path)) == []
    assert installed.run("genlab", "data", "list", folder=tmp_path) == ""
    shown = json.loads(installed.run("genlab", "show", "shipped:vae-mnist5k", folder=tmp_path))
    assert shown["status"] == "done"
    assert list(tmp_path.iterdir()) == []


def test_the_program_and_the_module_are_the_same(installed: Installed, tmp_path: Path) -> None:
    version = f"genlab {genlab.__version__}\n"
    assert installed.run("genlab", "--version", folder=tmp_path) == version
    assert installed.run("python", "-m", "genlab", "--version", folder=tmp_path) == version
    where = installed.run("python", "-c", "print(__import__('genlab').__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.programs.parent)


def test_a_run_is_stored_in_the_current_folder(installed: Installed, tmp_path: Path) -> None:
    words = ("--model", "vae", "--data", "digits", "--steps", "20", "--quiet")
    run = json.loads(installed.run("genlab", "train", *words, folder=tmp_path))
    assert (run["status"], run["step"]) == ("done", 20)
    assert own_runs(installed.run("genlab", "list", folder=tmp_path)) == [run["run"]]
    assert (tmp_path / "checkpoints" / "genlab.db").is_file()


#: Opens Start as the server does, and clicks a preset: the run is queued in the server's store.
CLICK = """
from streamlit.testing.v1 import AppTest
from genlab.ui.main import SCRIPT
app = AppTest.from_file(str(SCRIPT), default_timeout=120).run()
app.button(key="preset.gan").click().run()
assert not app.exception, app.exception
print(app.query_params["run"][0] if isinstance(app.query_params["run"], list)
      else app.query_params["run"])
"""


def test_the_pages_are_served_from_any_folder_and_a_preset_trains(
    installed: Installed, served: App, tmp_path: Path
) -> None:
    with urllib.request.urlopen(f"{served.url}/", timeout=30) as reply:
        assert reply.status == 200
        assert b"<html" in reply.read().lower()
    folder = tmp_path / "empty"
    run = installed.run("python", "-c", CLICK, folder=folder).split()[-1]
    until = time.monotonic() + 120
    while time.monotonic() < until:
        row = json.loads(installed.run("genlab", "show", run, folder=folder))
        if row["step"] > 100 or row["status"] not in {"queued", "running"}:
            break
        time.sleep(1)
    assert row["status"] in {"running", "done"}, row["message"]
    assert row["step"] > 100
    # The live charts ask the server for the very same run.
    with urllib.request.urlopen(f"{served.url}/genlab/runs/{run}/delta?since=0") as reply:
        assert json.load(reply)["step"] > 0
    installed.run("genlab", "stop", run, folder=folder)
    assert {path.name for path in folder.iterdir()} == {"checkpoints"}
