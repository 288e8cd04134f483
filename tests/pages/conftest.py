"""The pages, driven without a browser, on a store of their own and without a supervisor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from genlab import runs
from genlab.ui import main
from genlab.ui.main import SCRIPT


def without_supervisor() -> None:
    """Stands in for ``runs.ensure_supervisor``: what is queued stays queued."""


@pytest.fixture(scope="session", autouse=True)
def cold() -> Iterator[None]:
    """No warming up beside the tests: its thread would outlive a test and start a supervisor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "start_background", lambda: None)
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty store."""
    monkeypatch.setattr(runs, "ensure_supervisor", without_supervisor)
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    yield tmp_path
    runs.configure()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A small trained VAE and GAN on digits, and a GAN on a ring, in a store of their own."""
    from genlab.runs import foreground

    folder = tmp_path_factory.mktemp("library")
    where = {"store": f"sqlite:///{folder / 'genlab.db'}", "files": str(folder / "files")}
    runs.configure(where["store"], where["files"])
    made = {
        "vae": {"model": "vae", "data": "digits", "latent": 3, "steps": 40},
        "gan": {"model": "gan", "data": "digits", "steps": 12},
        "ring": {"model": "gan", "data": "ring", "steps": 12},
        "cvae": {"model": "cvae", "data": "digits", "latent": 3, "steps": 40},
        "vq": {"model": "vq_vae", "data": "digits", "steps": 12},
        "class_tree": {
            "model": "class_tree",
            "data": "digits",
            "binarise": "threshold",
            "steps": 40,
        },
        "made": {"model": "made", "data": "digits", "binarise": "threshold", "steps": 5},
    }
    ids = {name: foreground.train(values, title=name).id for name, values in made.items()}
    runs.configure()
    return where | ids


@pytest.fixture
def shelf(library: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The store with the trained runs, in use."""
    monkeypatch.setattr(runs, "ensure_supervisor", without_supervisor)
    runs.configure(library["store"], library["files"])
    yield library
    runs.configure()


@pytest.fixture
def visit() -> Callable[..., AppTest]:
    """Open a page of the app at a URL: ``visit("train", data="ring")``."""

    def go(page: str, **params: str) -> AppTest:
        app = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
        for name in list(app.query_params):
            del app.query_params[name]
        for name, value in params.items():
            app.query_params[name] = value
        return app.switch_page(f"../../pages/{page}.py").run()

    return go


@pytest.fixture
def work() -> Callable[[], int]:
    """Do the queued jobs, as a worker would; how many there were."""

    def go() -> int:
        from genlab.runs.worker import perform_job

        count = 0
        while (row := runs.store().claim_job("test:1")) is not None:
            perform_job(runs.store(), runs.files(), row)
            count += 1
        return count

    return go
