"""Fork in a real browser: the form under its button, then both branches over each other."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from genlab import runs
from genlab.runs import foreground
from tests.browser.test_watch import Tagged


def test_a_fork_begins_at_the_slider_and_lies_over_its_parent(
    app: Any, page: Any, shot: Any
) -> None:
    values = {"model": "gan", "data": "ring", "steps": 40, "batch": 16, "hidden": 8}
    parent = foreground.train(values, title="Trunk")
    page.goto(f"{app.url}/watch?run={parent.id}&step=9")
    page.locator(".gl-chart").first.wait_for()
    page.get_by_role("button", name="Fork", exact=False).click()
    expect(page.get_by_role("spinbutton", name="From step")).to_have_value("9")
    seed = page.get_by_role("spinbutton", name="seed")
    seed.fill("7")
    seed.press("Enter")
    expect(page.get_by_text("seed 0 → 7", exact=True)).to_be_visible()
    shot("fork-form")
    page.get_by_role("button", name="Fork it").click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    fork = next(row for row in runs.store().runs() if row.parent == parent.id)
    assert dict(fork.changes) == {"seed": [0, 7]}
    assert fork.parent_step == max(step for step in parent.snapshots() if step <= 9)
    page.wait_for_function(
        f"location.href.includes('{parent.id}') && location.href.includes('{fork.id}')"
    )
    expect(page.locator(".gl-name").filter(has_text="from step")).to_be_visible()
    expect(page.locator(".gl-event-label").filter(has_text="fork").first).to_be_attached()
    assert page.console_errors == []


def test_a_fork_remounts_no_card_of_its_parent(app: Any, page: Any) -> None:
    values = {"model": "gan", "data": "ring", "steps": 60, "batch": 16, "hidden": 8}
    parent = foreground.train(values, title="Trunk")
    page.goto(f"{app.url}/watch?run={parent.id}&open=quality,latent,critic")
    page.locator(".gl-chart").first.wait_for()
    page.wait_for_timeout(1000)
    tagged = Tagged(page)
    page.get_by_role("button", name="Fork", exact=False).click()
    expect(page.get_by_role("spinbutton", name="From step")).to_be_visible()
    tagged.kept("the form is open")
    page.keyboard.press("Escape")
    runs.fork(parent.id, 20, changes={"seed": 9}, title="Branch")
    page.wait_for_timeout(3000)
    tagged.kept("forked elsewhere")
    assert page.console_errors == []
