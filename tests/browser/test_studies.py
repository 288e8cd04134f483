"""A study of two arms and three seeds, from the form to the sentence, by a real supervisor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genlab import runs, studies
from genlab.runs.store import Record
from genlab.testing.pages import choose
from genlab.testing.scripted_run import ScriptedRun
from tests.browser.axe import violations

#: Arms that are made by hand, with the ELBO that their runs reach.
LEVELS = {"above": -20.0, "below": -60.0}
FORM = "studies?model=vae&data=digits&steps=60&hidden=32&batch=64"


def test_from_the_form_to_the_sentence(app: Any, page: Any, shot: Any) -> None:
    page.set_default_timeout(60_000)
    page.goto(f"{app.url}/{FORM}")
    choose(page, "Varied option", "Latent dimensions")
    # The field of the option before it may still stand beside it.
    values = page.get_by_placeholder("1e-3, 1e-4")
    values.fill("1, 8")
    values.press("Enter")
    seeds = page.get_by_label("Seeds of each arm")
    seeds.fill("3")
    seeds.press("Enter")
    page.get_by_role("button", name="Start 6 runs").click()
    page.get_by_text("of 6 runs have ended").wait_for()
    name = page.url.rpartition("study=")[2]
    assert [arm.name for arm in studies.open_study(name).arms] == ["latent = 1", "latent = 8"]
    page.get_by_text("6 of 6 runs have ended").wait_for(timeout=120_000)
    sentence = page.get_by_role("heading", name="3 pairs of seeds and")
    sentence.wait_for(timeout=120_000)
    assert "latent = 8" in sentence.inner_text()
    page.locator(".own-table").nth(1).wait_for()
    page.locator(".gl-band[d^='M']").nth(1).wait_for(state="attached")
    shot("study")
    for size in ((960, 540), (360, 740)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_timeout(800)
        shot(f"study-{size[0]}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0] + 1
    assert not page.console_errors
    rows = [runs.store().get(cell.run) for cell in studies.open_study(name).cells]
    assert [row.attempt for row in rows] == [1] * 6


def test_a_search_from_the_form_to_the_fresh_seeds(app: Any, page: Any, shot: Any) -> None:
    page.set_default_timeout(60_000)
    page.goto(f"{app.url}/{FORM}")
    page.get_by_text("Search a range").click()
    searched = page.get_by_role("combobox", name="Searched options")
    for label in ("Learning rate", "Latent dimensions"):
        searched.fill(label)
        page.get_by_role("option", name=label, exact=True).click()
        # What stands behind an open list has no role.
        page.keyboard.press("Escape")
        page.get_by_role("spinbutton", name=f"{label}: lowest").wait_for()
    fields = (
        ("Latent dimensions: lowest", "1"),
        ("Latent dimensions: highest", "8"),
        ("Trials", "4"),
        ("Fresh seeds at the end", "3"),
    )
    for label, value in fields:
        field = page.get_by_role("spinbutton", name=label)
        field.fill(value)
        field.press("Enter")
    page.get_by_role("button", name="Start 4 trials").wait_for()
    looked_at(page, shot, "search-form")
    page.get_by_role("button", name="Start 4 trials").click()
    page.get_by_text("of 10 runs have ended").wait_for()
    page.get_by_text("10 of 10 runs have ended").wait_for(timeout=180_000)
    sentence = page.get_by_role("heading", name="winner's curse")
    sentence.wait_for()
    page.get_by_role("heading", name="3 pairs of seeds").wait_for(timeout=180_000)
    page.locator(".js-plotly-plot").nth(1).wait_for(timeout=120_000)
    looked_at(page, shot, "search")
    assert not page.console_errors


def looked_at(page: Any, shot: Any, name: str) -> None:
    """Photograph the page in all sizes, light and dark; nothing is too wide or hard to read."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in ((360, 740), (960, 540), (1440, 900)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(800)
            shot(f"{name}-{scheme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
        assert violations(page) == []


def written(seed: int, level: float) -> ScriptedRun:
    """A run that has ended, whose ELBO is ``level - 5 seed`` at its end and less before."""
    made = ScriptedRun(runs.store(), runs.files(), title=f"seed {seed}", seed=seed)
    rows = [
        Record(step, "scalars", {"elbo": level - 5 * seed - 100 * np.exp(-step / 50)})
        for step in range(2, 201, 2)
    ]
    runs.store().append(made.id, rows)
    made.end()
    return made


def test_each_run_of_a_band_is_named(app: Any, page: Any, shot: Any) -> None:
    page.set_default_timeout(60_000)
    made = {arm: [written(s, level) for s in range(4)] for arm, level in LEVELS.items()}
    arms = {arm: [run.id for run in found] for arm, found in made.items()}
    study = studies.from_runs(arms, name="bands", title="bands by hand")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{app.url}/studies?study={study.name}")
    plot = page.locator(".gl-plot > svg")
    plot.wait_for()
    page.locator(".gl-band[d^='M']").nth(1).wait_for(state="attached")
    assert page.locator("path[data-run]").count() == 8
    assert "from the lowest to the highest seed" in page.locator(".gl-note").inner_text()
    # Keys reach every run: those of the upper arm from the top, then those of the lower one.
    plot.focus()
    named = []
    for _ in range(8):
        page.keyboard.press("ArrowDown")
        row = page.locator(".gl-tip-run")
        value = float(row.locator("b").inner_text())
        named.append((row.locator("span").inner_text(), value))
        assert page.locator("path.gl-near").get_attribute("data-run") == named[-1][0]
    last = 100 * np.exp(-200 / 50)
    expected = [
        (f"seed {seed}, {arms[arm][seed]}", level - 5 * seed - last)
        for arm, level in LEVELS.items()
        for seed in range(4)
    ]
    assert [name for name, _ in named] == [name for name, _ in expected]
    assert [value for _, value in named] == pytest.approx([v for _, v in expected], rel=1e-3)
    # The tip has the median of four seeds and the ends of the band, as numpy does.
    words = page.locator(".gl-tip b").first.inner_text()
    ends = [float(word.strip("()")) for word in words.split() if word != "to"]
    level = LEVELS["above"] - last
    assert ends == pytest.approx([level - 7.5, level - 15, level], rel=1e-3)
    box = plot.bounding_box()
    page.keyboard.press("ArrowUp")
    # Above all of them the highest is the nearest.
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 8)
    assert page.locator(".gl-tip-run span").inner_text() == expected[0][0]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in ((1440, 900), (960, 540), (360, 740)):
            page.set_viewport_size({"width": width, "height": height})
            plot.scroll_into_view_if_needed()
            page.wait_for_timeout(1500)
            box = plot.bounding_box()
            page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 25)
            page.locator(".gl-tip-run").wait_for()
            shot(f"bands-{scheme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
    # A band can be hidden, and what is seen can be saved with each run.
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator(".gl-legend button", has_text="above").click()
    assert page.locator(".gl-band[d^='M']").count() == 1
    page.locator(".gl-more").click()
    with page.expect_download() as saved:
        page.locator("[data-take=csv]").click()
    head = saved.value.path().read_text(encoding="utf-8-sig").splitlines()[0]
    assert head.startswith("step,below,")
    assert head.count("seed") == 4
    assert violations(page) == []
    assert not page.console_errors
