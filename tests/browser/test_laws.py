"""A GAN on the line in a real browser: its law and its critic as lines beside what is true."""

from __future__ import annotations

from typing import Any

from genlab import runs
from genlab.core.run_spec import RunSpec
from tests.browser.test_game import INK
from tests.browser.test_live import eventually


def test_the_laws_on_the_line_are_drawn_and_read(app: Any, page: Any, shot: Any) -> None:
    spec = RunSpec.build(model="gan", data="mixture", steps=400, lr_final_ratio=0.0)
    run = runs.start(spec, "GAN on the line")
    page.goto(f"{app.url}/watch?run={run}")
    panel = page.locator('[data-panel="line"]')
    canvas = panel.locator("canvas")
    canvas.wait_for(timeout=60_000)
    eventually(lambda: runs.open_run(run).row.status == "done", "the run does not end")
    view = runs.open_run(run)
    last = view.frames()["line"][-1]
    eventually(lambda: panel.locator(f'[data-step="{last}"]').count() == 1, "no last picture")
    assert canvas.get_attribute("data-lines") == "4"
    assert canvas.evaluate(INK) > 20
    told = {title: value for title, value, _ in view.frame("line", last)["told"]}
    words = panel.locator(".gl-readout").inner_text()
    assert f"JS = {told['JS']:.3}"[:9] in words
    assert "q integrated" in words
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 60)
    eventually(
        lambda: "exact D*(x):" in panel.locator(".gl-readout").inner_text(), "nothing is read"
    )
    shot("laws")
    assert page.console_errors == []
