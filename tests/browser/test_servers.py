"""Watch where a department has its runs: the store on PostgreSQL, the files on S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.testing.served import App, serving
from genlab.testing.servers import empty_bucket, empty_database
from tests.browser.test_live import SAMPLES, eventually, shown

STEPS = 300


@pytest.fixture
def department(tmp_path: Path) -> Iterator[App]:
    """The app on both servers; without them the test is skipped, and fails on CI."""
    with empty_database() as store, empty_bucket() as files:
        named = {"GENLAB_STORE": store, "GENLAB_FILES": files}
        with serving(tmp_path, named) as app:
            assert (app.store, app.files) == (store, files)
            yield app


def test_a_run_is_watched_to_its_end_and_back(department: App, page: Any, shot: Any) -> None:
    page.set_default_timeout(60_000)
    run = runs.start(RunSpec.build(model="vae", data="digits", steps=STEPS), "On two servers")
    page.goto(f"{department.url}/watch?run={run}")
    state = page.locator(".gl-state b")
    eventually(lambda: state.count() and state.inner_text() == "done", "not done", seconds=150)
    eventually(lambda: shown(page) == str(STEPS), "the last picture is not there")
    box = page.locator(SAMPLES).bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 100
    shot("watch-on-servers")
    # A picture of an earlier step comes from the bucket, too.
    page.locator("#gl-time").focus()
    page.keyboard.press("Home")
    eventually(lambda: shown(page) == "0", "the first picture is not there")
