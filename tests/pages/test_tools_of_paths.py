"""Every tool of Explore on models whose decoder takes many evaluations of a U-Net."""

from __future__ import annotations

import pytest

from genlab import runs
from genlab.runs import foreground
from genlab.ui.explore.tools import TOOLS

SMALL = {"data": "digits", "net": "unet", "width": 8, "steps": 8, "batch": 32, "sampling_steps": 2}


@pytest.mark.parametrize("model", ["flow_matching", "conditional_ddpm"])
def test_every_tool_answers(visit, home, work, model):
    run = foreground.train({"model": model, **SMALL}).id
    view = runs.open_run(run)
    kind, meta = type(view.model()), view.data().meta
    drawn = []
    for row in TOOLS.rows():
        if not row.value.fits(kind, meta):
            continue
        link = {"run": run, "tool": row.name, "n": "200", "a": "3", "b": "8"}
        app = visit("explore", **link)
        while work():
            app = app.run()
        assert not app.exception, row.name
        assert not app.error, (row.name, app.error[0].value)
        drawn.append(row.name)
    assert {"directions", "interpolation", "pad", "picture", "travel"} <= set(drawn)
    assert {job.status for job in runs.store().jobs()} == {"done"}
