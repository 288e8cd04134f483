"""The live view in a real browser: what grows, what stays, what the slider moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from genlab import runs
from genlab.testing.scripted_run import ScriptedRun

CHART = '[data-chart^="loss"] .gl-plot > svg'
SAMPLES = '[data-panel="samples"] img'


def eventually(what: Callable[[], Any], message: str, seconds: float = 15) -> Any:
    """Wait until something is true, for a bounded time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.1)
    pytest.fail(f"{message}, within {seconds} s")


def points(page: Any) -> int:
    return int(page.locator(CHART).get_attribute("data-points"))


def shown(page: Any) -> str:
    return page.locator('[data-panel="samples"] figure').get_attribute("data-step") or ""


def opened(page: Any, app: Any, run: ScriptedRun, query: str = "") -> None:
    page.goto(f"{app.url}/watch?run={run.id}{query}")
    page.wait_for_selector(f"{CHART}[data-points]")
    page.wait_for_selector(SAMPLES)


def scrub(page: Any, step: int) -> None:
    """Move the slider as a hand does: input while it moves, change when it is let go."""
    page.locator("#gl-time").evaluate(
        """(slider, step) => {
            slider.value = step;
            slider.dispatchEvent(new Event("input", {bubbles: true}));
            slider.dispatchEvent(new Event("change", {bubbles: true}));
        }""",
        step,
    )


def drag(page: Any, start: float, stop: float) -> None:
    page.locator(CHART).scroll_into_view_if_needed()
    box = page.locator(CHART).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + stop * box["width"], y, steps=5)
    page.mouse.up()


def test_charts_grow_in_place_and_keep_their_zoom(
    app: Any, page: Any, run: ScriptedRun, shot: Any
) -> None:
    opened(page, app, run)
    page.locator(CHART).evaluate(
        "svg => { svg.tagged = 7; svg.querySelector('path').tagged = 8; }"
    )
    before = points(page)
    drag(page, 0.3, 0.6)
    zoom = page.locator(CHART).get_attribute("data-range")
    low, high = map(float, zoom.split(","))
    assert 0 < low < high < 100
    first = page.locator(SAMPLES).get_attribute("src")

    run.go(100)
    run.look()
    eventually(lambda: points(page) > before, "the curves did not grow")
    eventually(lambda: shown(page) == "200", "the samples did not change")

    assert page.locator(SAMPLES).get_attribute("src") != first
    assert page.locator(CHART).evaluate(
        "svg => [svg.tagged, svg.querySelector('path').tagged]"
    ) == [
        7,
        8,
    ]
    assert page.locator(CHART).get_attribute("data-range") == zoom
    shot("watch-zoomed")
    page.locator('[data-chart^="loss"] button', has_text="Reset zoom").click()
    assert page.locator(CHART).get_attribute("data-range") == ""
    assert page.console_errors == []


def test_the_numbers_drawn_are_those_of_the_run(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run)
    page.locator(CHART).focus()
    page.keyboard.press("ArrowLeft")
    tip = page.locator('[data-chart^="loss"] .gl-tip')
    words = tip.inner_text().split()
    step = int(words[words.index("step") + 1])
    values = [float(b) for b in tip.locator("b").all_inner_texts()]
    assert step == 98
    expected = run.values(step)
    assert values == pytest.approx(
        [expected[name] for name in ("elbo", "reconstruction", "kl")], rel=1e-3
    )


def test_the_slider_goes_back_in_time_and_to_live_again(
    app: Any, page: Any, run: ScriptedRun
) -> None:
    opened(page, app, run)
    eventually(lambda: shown(page) == "100", "the newest samples were not shown")
    newest = page.locator(SAMPLES).get_attribute("src")
    scrub(page, 60)
    eventually(lambda: shown(page) == "0", "the picture did not go back in time")
    assert page.locator(SAMPLES).get_attribute("src") != newest
    assert page.locator(f"{CHART} .gl-time").get_attribute("visibility") == "visible"
    eventually(
        lambda: "step=60" in page.evaluate("location.href"), "the step did not reach the URL"
    )

    run.go(50)
    run.look()
    eventually(lambda: "step 150 of" in page.locator(".gl-state").inner_text(), "no new step")
    assert shown(page) == "0"  # looking back is not disturbed
    page.locator(".gl-live").click()
    eventually(lambda: shown(page) == "150", "the picture did not come back to the newest")
    eventually(lambda: "step=" not in page.evaluate("location.href"), "the URL still names a step")
    assert page.console_errors == []


def test_a_link_with_a_step_opens_at_that_step(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run, "&step=40")
    eventually(lambda: shown(page) == "0", "the step of the link was not shown")
    assert page.locator(".gl-live").get_attribute("aria-pressed") == "false"
    assert "step 40" in page.locator(".gl-slider output").inner_text()


def test_a_diverged_run_is_marked_and_polling_stops(app: Any, page: Any, run: ScriptedRun) -> None:
    from genlab.runs.store import Record

    opened(page, app, run)
    bad = [
        Record(101, "scalars", {"elbo": None, "reconstruction": None, "kl": None}),
        Record(101, "event", {"level": "error", "message": "elbo is not finite"}),
    ]
    run.store.append(run.id, bad)
    run.end("diverged", "elbo became NaN at step 101; the snapshot of step 100 is kept.")
    eventually(
        lambda: page.locator(f"{CHART} .gl-event-label", has_text="diverged at step 101").count(),
        "the divergence is not marked",
    )
    page.get_by_text("This run is diverged").wait_for()
    calls: list[str] = []
    page.on(
        "request", lambda request: calls.append(request.url) if "delta" in request.url else None
    )
    time.sleep(1.5)
    calls.clear()
    time.sleep(2.5)
    assert calls == []


def test_a_lost_connection_is_said_and_overcome(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run)
    page.route("**/delta?*", lambda route: route.abort())
    page.locator(".gl-lost", has_text="Connection lost").wait_for()
    page.unroute("**/delta?*")
    run.go(20)
    eventually(lambda: not page.locator(".gl-lost").is_visible(), "the note stays", 20)
    assert "step 120 of" in page.locator(".gl-state").inner_text()


def test_two_runs_lie_over_each_other(app: Any, page: Any, run: ScriptedRun, shot: Any) -> None:
    other = ScriptedRun(runs.store(), runs.files(), title="Second")
    other.look()
    other.go(60)
    page.goto(f"{app.url}/compare?runs={run.id},{other.id}")
    page.wait_for_selector(f"{CHART}[data-points]")
    eventually(lambda: page.locator('[data-panel="samples"] img').count() == 2, "no second sheet")
    ids = page.locator(f"{CHART} path[data-series]").evaluate_all(
        "all => all.map(p => p.dataset.series)"
    )
    assert {one.split("/")[0] for one in ids} == {run.id, other.id}
    # What both have is in one chart, with a line and a name for each run.
    legends = page.locator(".gl-chart").evaluate_all(
        "all => all.map(c => [...c.querySelectorAll('.gl-legend button')].map(b => b.innerText))"
    )
    # Beside each name stands the line's value at the step shown.
    page.locator(".gl-legend b").filter(has_text="=").first.wait_for()
    assert legends
    names = [[text.partition(" = ")[0].strip() for text in one] for one in legends]
    assert all(len(set(one)) == 2 and "Second" in one for one in names), names
    scrub(page, 30)
    for index in range(2):
        figure = page.locator('[data-panel="samples"] figure').nth(index)
        eventually(lambda f=figure: f.get_attribute("data-step") == "0", "a picture stayed")
    shot("compare", full_page=True)
    assert page.console_errors == []
    other.end()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_and_a_narrow_screen(
    app: Any, browser: Any, run: ScriptedRun, scheme: str
) -> None:
    from pathlib import Path

    results = Path(__file__).resolve().parents[2] / "test-results"
    results.mkdir(exist_ok=True)
    context = browser.new_context(viewport={"width": 1280, "height": 1500}, color_scheme=scheme)
    page = context.new_page()
    opened(page, app, run)
    eventually(lambda: shown(page) == "100", "no samples")
    time.sleep(0.5)
    page.screenshot(path=str(results / f"watch-{scheme}.png"))
    ink, back = page.locator(".gl:has(.gl-first)").evaluate(
        """root => {
            const light = (colour) => {
                const pen = document.createElement("canvas").getContext("2d");
                pen.fillStyle = colour;
                pen.fillRect(0, 0, 1, 1);
                const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
                return (0.3 * r + 0.59 * g + 0.11 * b) / 255;
            };
            const style = getComputedStyle(root);
            return [light(style.color), light(style.getPropertyValue("--gl-back"))];
        }"""
    )
    assert abs(ink - back) > 0.6
    assert (back < 0.5) == (scheme == "dark")
    page.set_viewport_size({"width": 360, "height": 800})
    time.sleep(0.7)
    page.screenshot(path=str(results / f"watch-{scheme}-360.png"), full_page=True)
    widths = page.locator(".gl-card").evaluate_all(
        "all => all.map(c => c.getBoundingClientRect().right)"
    )
    assert widths
    assert max(widths) <= 360
    context.close()


def test_a_real_run_is_started_watched_and_stopped(app: Any, page: Any) -> None:
    from genlab.core.run_spec import RunSpec

    spec = RunSpec.build(model="vae", data="digits", steps=200_000, seed=1)
    started = runs.start(spec, "Real VAE")
    page.goto(f"{app.url}/watch?run={started}")
    page.wait_for_selector(f"{CHART}[data-points]", timeout=60_000)
    before = points(page)
    eventually(lambda: points(page) > before, "the curves of a real run did not grow", 30)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    assert runs.store().get(started).status == "paused"
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Delete").wait_for()
    assert runs.store().get(started).status == "stopped"
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete permanently").click()
    eventually(
        lambda: started not in {row.id for row in runs.store().runs()}, "the run was not deleted"
    )
    assert page.console_errors == []
