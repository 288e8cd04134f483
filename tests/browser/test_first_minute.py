"""The first minute: from Start to a readable digit, and what a newcomer sees on the way."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.report.time_cursor import run_clock
from genlab.runs import catalog
from genlab.ui.presets import FRAMES, PRESETS

#: Seconds of training until digits are readable, and seconds until the picture has changed.
READABLE, CHANGE = 60.0, 2.0


def share_read(images: np.ndarray, train: Any, least: float = 0.8) -> tuple[float, int]:
    """The share of images whose five nearest real digits nearly all say the same, and how many
    digits are among them.

    Args:
        images: (n, 784).
        train: real digits with their labels.
        least: the share of the five that must agree.
    """
    from sklearn.neighbors import KNeighborsClassifier

    judge = KNeighborsClassifier(5).fit(train.x.flatten(1).numpy(), train.y.numpy())
    belief = judge.predict_proba(images)
    read = belief.max(1) >= least
    return float(read.mean()), len(set(belief.argmax(1)[read]))


def test_from_start_to_a_readable_digit(app: Any, page: Any) -> None:
    page.goto(app.url)
    page.locator(".st-key-preset-vae button").wait_for()
    previews = page.locator(".preview")
    previews.first.wait_for()
    assert previews.count() == len(PRESETS)
    page.locator(".st-key-preset-vae button").click()
    page.wait_for_url("**/watch?*run=*")
    run = page.url.partition("run=")[2].partition("&")[0]
    page.wait_for_selector(".gl-main figure[data-step]", timeout=60_000)
    seen = {page.locator(".gl-main figure").get_attribute("data-step"): time.monotonic()}
    until = time.monotonic() + 60
    while len(seen) < 2 and time.monotonic() < until:
        step = page.locator(".gl-main figure").get_attribute("data-step")
        seen.setdefault(step, time.monotonic())
        page.wait_for_timeout(50)
    first, second = list(seen.values())[:2]
    assert second - first <= CHANGE, "the picture does not change within two seconds"
    visible = page.locator(".gl-card[data-card]").evaluate_all(
        "all => all.filter(c => c.getClientRects().length).length"
    )
    assert visible <= 4
    assert page.locator(".gl-main").count() == 1
    assert page.locator(".gl-main").get_attribute("data-card") == "panel:samples"
    # Wait for a minute's worth of training at most, by the run's own clock.
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        row = runs.store().get(run)
        if row.status not in {"queued", "running"}:
            break
        page.wait_for_timeout(1000)
    assert row.status == "done", row.message
    view = runs.open_run(run)
    steps, seconds = run_clock(view)
    data = catalog.dataset(view.spec)
    within = [s for s in view.snapshots() if np.interp(s, steps, seconds) <= READABLE]
    model = view.model(within[-1])
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        drawn = model.sample(300).flatten(1).numpy()
    real, _ = share_read(data.validation.x.flatten(1).numpy(), data.train)
    share, digits = share_read(drawn, data.train)
    assert share >= 0.6 * real, f"{share:.0%} are readable, of real digits {real:.0%}"
    assert digits >= 9
    assert page.console_errors == []


def test_the_ring_is_seen_from_its_first_step_on(app: Any, page: Any) -> None:
    preset = next(one for one in PRESETS if one.key == "gan")
    (values,) = preset.runs.values()
    run = runs.start(RunSpec.build(**{**values, "steps": 600}), "ring, followed")
    runs.request(run, "pace", **preset.pace)
    page.goto(f"{app.url}/watch?run={run}")
    page.wait_for_selector(".gl-main figure[data-step]", timeout=60_000)
    until = time.monotonic() + 120
    while runs.store().get(run).status in {"queued", "running"} and time.monotonic() < until:
        page.wait_for_timeout(500)
    frames = runs.open_run(run).frames()
    assert frames["gap"][0] == 0
    early = [step for step in frames["gap"] if step <= 100]
    assert len(early) >= 8, f"only {early}"
    # The store stays bounded: three pictured steps for each snapshot that is kept.
    limit = 3 * RunSpec.build(**values).train.snapshots
    assert all(len(steps) <= limit for steps in frames.values())
    assert page.console_errors == []


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_previews_move_once_and_respect_reduced_motion(
    app: Any, browser: Any, motion: str
) -> None:
    context = browser.new_context(reduced_motion=motion)
    page = context.new_page()
    page.goto(app.url)
    page.locator(".preview.playing").first.wait_for(timeout=60_000)
    looks = page.locator(".preview").first.evaluate(
        """node => {
            const style = getComputedStyle(node);
            return [style.animationName, style.animationDuration, style.animationIterationCount,
                node.getAttribute("role"), node.getAttribute("aria-label")];
        }"""
    )
    if motion == "reduce":
        assert looks[0] == "none"
    else:
        assert looks[:3] == ["preview", "4s", "1"]
    assert looks[3] == "img"
    assert looks[4] == PRESETS[0].preview
    assert FRAMES > 8
    context.close()


def test_a_run_deleted_elsewhere_leaves_this_browser_without_resume(app: Any, page: Any) -> None:
    made = [
        runs.store().create(RunSpec.build(model="vae", data="digits", steps=10).flat(), title=name)
        for name in ("stays", "goes")
    ]
    for run in made:
        runs.store().set_status(run, "stopped")
    page.goto(f"{app.url}/watch?run={made[1]}")
    page.get_by_role("button", name="Resume").wait_for()
    runs.delete(made[1])
    page.get_by_text("was deleted").wait_for(timeout=30_000)
    assert page.locator("[data-testid=stAlertContentError]").count() == 0
    runs.delete(made[0])
