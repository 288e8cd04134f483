"""A flow or a diffusion of a user's table: each page and each tool of Explore opens with it."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.data import user_sets
from genlab.data.readers import read
from genlab.runs import foreground
from genlab.ui.explore.tools import TOOLS
from tests.models.test_mixed_tables import with_gaps

MODELS = ("realnvp", "maf", "flow_matching", "ddpm", "edm")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short run of each model on a table with categories and missing entries."""
    folder = tmp_path_factory.mktemp("tables")
    where = {"store": f"sqlite:///{folder / 'genlab.db'}", "files": str(folder / "files")}
    runs.configure(where["store"], where["files"])
    known = user_sets.store(read(with_gaps()), "survey")
    short = {"data": "own", "set": known.id, "steps": 3, "batch": 16, "hidden": 8}
    ids = {name: foreground.train({**short, "model": name}).id for name in MODELS}
    runs.configure()
    return where | ids | {"set": known.id}


@pytest.fixture
def table(trained, monkeypatch):
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    runs.configure(trained["store"], trained["files"])
    yield trained
    runs.configure()


@pytest.mark.parametrize("name", MODELS)
def test_train_watch_and_compare_open(visit, table, name):
    pages = {
        "train": {"data": "own", "model": name, "set": table["set"]},
        "watch": {"run": table[name]},
        "compare": {"runs": f"{table[name]},{table['realnvp']}"},
    }
    for page, params in pages.items():
        app = visit(page, **params)
        assert not app.exception, page
        assert [e.value for e in app.error] == [], page


@pytest.mark.parametrize("name", ["maf", "ddpm"])
def test_each_tool_of_explore_opens_and_its_jobs_succeed(visit, work, table, name):
    view = runs.open_run(table[name])
    fitting = [row for row in TOOLS.rows() if row.value.fits(type(view.model()), view.data().meta)]
    assert {"pad", "travel"} <= {row.name for row in fitting}
    for row in fitting:
        app = visit("explore", run=table[name], n="200", tool=row.name, a="1", b="2")
        while work():
            app = app.run()
        assert not app.exception, row.name
        assert [e.value for e in app.error] == [], row.name
        assert app.query_params["tool"] == row.name
