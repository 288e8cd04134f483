"""A game of two players in a real browser: paused, moved one player at a time, in slow motion."""

from __future__ import annotations

import re
import time
from typing import Any

from genlab import runs
from genlab.core.run_spec import RunSpec
from tests.browser.test_live import eventually

#: How many colours are on a canvas.
INK = """canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let k = 0; k < data.length; k += 4)
        seen.add(data[k] << 16 | data[k + 1] << 8 | data[k + 2]);
    return seen.size;
}"""


#: What the pointer reads over the points of a map, from place to place.
READ = """canvas => {
    const box = canvas.getBoundingClientRect(), found = new Set();
    const line = canvas.parentElement.querySelector(".gl-readout");
    for (let x = 0; x < box.width; x += 4)
        for (let y = 0; y < box.height; y += 4) {
            const at = {clientX: box.left + x, clientY: box.top + y, bubbles: true};
            canvas.dispatchEvent(new PointerEvent("pointermove", at));
            found.add(line.textContent);
        }
    return [...found];
}"""


def test_a_game_is_paused_stepped_by_one_player_and_slowed_down(
    app: Any, page: Any, shot: Any
) -> None:
    spec = RunSpec.build(model="gan", data="ring", steps=200_000, seed=0)
    run = runs.start(spec, "GAN on a ring")
    page.goto(f"{app.url}/watch?run={run}&open=learning,quality,critic")
    page.wait_for_selector('[data-panel="gap"] canvas', timeout=60_000)
    page.locator("h1").click()
    page.keyboard.press(" ")
    step = page.get_by_role("button", name="Step discriminator")
    step.wait_for()
    view = runs.open_run(run)
    before = view.snapshots()[-1]
    step.click()
    words = f"step {before + 1:,}"
    eventually(lambda: words in page.locator(".gl-slider output").inner_text(), "no single step")
    eventually(lambda: view.snapshots()[-1] == before + 1, "no snapshot of the single step")
    old, new = (view.files.snapshot(s, prefix="model/").tensors for s in (before, before + 1))
    moved = {name for name in old if not old[name].equal(new[name])}
    model = view.model()
    own = {id(p) for p in model.player("discriminator")}
    mine = {f"model/{name}" for name, p in model.named_parameters() if id(p) in own}
    assert moved
    assert moved <= mine
    eventually(lambda: page.locator(".gl-notes li").count() > 0, "the step is not in the notes")

    canvas = page.locator('[data-panel="gap"] canvas')
    assert canvas.get_attribute("data-maps") == "1"
    share = canvas.evaluate("one => one.clientWidth / one.closest('.gl-card').clientWidth")
    assert share > 0.85, "a single map does not fill its card"
    page.get_by_role("button", name="Side by side").click()
    assert canvas.get_attribute("data-maps") == "3"
    assert canvas.evaluate(INK) > 100
    page.get_by_role("button", name="Warped grid").click()
    words = r"This generated point is pulled [a-z ]+, because D is [0-9.e-]+ (here|; further)"
    said = canvas.evaluate(READ)
    assert any(re.search(words, one) for one in said), said[:5]
    shot("game-light", full_page=True)
    page.locator('[data-panel="ledger"]').scroll_into_view_if_needed()
    rows = page.locator('[data-panel="ledger"] tr[data-row]')
    eventually(lambda: rows.count() >= 12, "the ledger has too few rows")
    page.locator('[data-panel="calibration"]').scroll_into_view_if_needed()
    eventually(
        lambda: "calibration error" in page.locator('[data-panel="calibration"]').inner_text(),
        "no reliability diagram",
    )
    shot("game-ledger")
    page.emulate_media(color_scheme="dark")

    box = page.get_by_placeholder("Slow motion").or_(page.get_by_text("Slow motion")).first
    option = page.get_by_role("option", name="2 steps/s")

    def opened() -> bool:
        # The page's new colours may redraw the list while it opens.
        if not option.is_visible():
            box.click()
            time.sleep(0.5)
        return option.is_visible()

    eventually(opened, "the list of speeds does not open")
    option.click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()
    lit = page.locator(".gl-game .gl-lit")
    parts: set[str] = set()
    until = time.monotonic() + 6
    while not {"G", "D", "z"} <= parts and time.monotonic() < until:
        parts |= set(lit.evaluate_all("all => all.map(one => one.dataset.part)"))
        page.wait_for_timeout(100)
    assert {"G", "D", "z"} <= parts, "the diagram of the game does not light up"
    start, first = time.monotonic(), runs.store().last_step(run)
    time.sleep(4)
    last = runs.store().last_step(run)
    assert 1.2 < (last - first) / (time.monotonic() - start) < 2.8
    shot("game-dark", full_page=True)
    page.set_viewport_size({"width": 360, "height": 800})
    time.sleep(0.5)
    shot("game-dark-360", full_page=True)
    runs.request(run, "stop")
    assert page.console_errors == []
