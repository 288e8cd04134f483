"""A panel of a plugin in a real browser: one module adds the form, its script and its probe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from genlab import runs
from genlab.core.measure import Picture
from genlab.panels import PANELS
from genlab.runs.store import Record
from genlab.testing.scripted_run import ScriptedRun
from genlab.testing.served import App, serving
from tests.extending.plugins import BLOCKS, loaded

CELL = '[data-panel="code_quantiles"] figure'


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app with the panel of the guide as a plugin; this process has it too."""
    folder = tmp_path_factory.mktemp("plugged")
    (folder / "my_panel.py").write_text(BLOCKS["A panel"])
    environment = {"GENLAB_PLUGINS": "my_panel", "PYTHONPATH": str(folder)}
    with loaded(folder, [BLOCKS["A panel"]]), serving(folder, environment) as app:
        yield app


def test_the_picture_of_a_plugin_is_drawn_by_its_own_script(
    plugged: App, page: Any, shot: Any
) -> None:
    run = ScriptedRun(runs.store(), runs.files(), title="With a panel")
    run.go(100)
    picture = Picture("quantiles", "Codes", PANELS["quantiles"].example(), "n = 3")
    run.files.save_frame(run.step, {"code_quantiles": picture})
    run.store.append(run.id, [Record(run.step, "frame", {"panels": ["code_quantiles"]})])
    run.end()
    page.goto(f"{plugged.url}/watch?run={run.id}")
    page.wait_for_selector(f"{CELL} canvas")
    assert "codes" in page.locator(f"{CELL} .gl-keys").inner_text()
    # Both points have the first colour of the palette; the square canvas is as high as it is wide.
    drawn = page.locator(f"{CELL} canvas").evaluate(
        """(canvas) => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            const style = getComputedStyle(canvas).getPropertyValue("--gl-0").trim();
            const at = (k) => parseInt(style.slice(1 + 2 * k, 3 + 2 * k), 16);
            const colour = [at(0), at(1), at(2)];
            let count = 0;
            for (let i = 0; i < data.length; i += 4) {
                if (colour.every((value, k) => data[i + k] === value)) count++;
            }
            return { count, ratio: height / width };
        }"""
    )
    assert drawn["count"] > 10
    assert 0.5 < drawn["ratio"] <= 1.01
    shot("plugin-panel")
    assert not page.console_errors
