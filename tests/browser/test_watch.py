"""Watch at first sight: few panels, closed groups, and nothing that a run can do remounts them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.testing.scripted_run import ScriptedRun
from tests.browser.test_live import CHART, SAMPLES, drag, eventually, opened, scrub, shown

#: Every card that is drawn, whatever group it stands in.
VISIBLE = "all => all.filter(c => c.getClientRects().length).map(c => c.dataset.card)"
TAG = "all => all.forEach((c, i) => { c.tagged = i + 1; })"
TAGGED = "all => all.filter(c => c.tagged && c.isConnected).length"


def cards(page: Any) -> list[str]:
    return page.locator(".gl-card[data-card]").evaluate_all(VISIBLE)


def test_at_first_sight_there_are_at_most_four_panels(
    app: Any, page: Any, run: ScriptedRun
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, app, run)
    page.wait_for_timeout(800)
    seen = cards(page)
    assert seen[0] == "panel:samples"
    assert 2 <= len(seen) <= 4
    assert page.locator(".gl-main").count() == 1
    large = page.locator(".gl-main").bounding_box()
    others = page.locator(".gl-first > .gl-card:not(.gl-main)")
    assert all(
        large["width"] > others.nth(k).bounding_box()["width"] for k in range(others.count())
    )
    closed = page.locator(".gl-group:visible button[aria-expanded=false]")
    assert closed.count() >= 1
    # What stands in a closed group is not asked for.
    panels = {url.split("/frame/")[1].split("/")[0] for url in asked if "/frame/" in url}
    assert panels == {one.split(":")[1] for one in seen if one.startswith("panel:")}
    page.locator('[data-group="quality"] h2 button').click()
    eventually(
        lambda: page.locator('[data-panel="kl"] figure').get_attribute("data-step") == "100",
        "the open group does not load its pictures",
    )
    eventually(lambda: "open=quality" in page.evaluate("location.href"), "not in the link")
    assert page.console_errors == []


def test_every_panel_says_what_one_sees_and_names_its_lesson(
    app: Any, page: Any, run: ScriptedRun
) -> None:
    opened(page, app, run)
    for name in ("samples", "loss/nats"):
        card = page.locator(f'[data-card$=":{name}"]')
        assert len(card.locator(".gl-sees").inner_text()) > 30
        assert "learn?lesson=" in card.locator("a.gl-lesson").get_attribute("href")


class Tagged:
    """The cards of a page, each with a mark that a new element would not have.

    Args:
        page: with the live view, whose first chart is zoomed and has a hidden line from now on.
    """

    def __init__(self, page: Any) -> None:
        self.page, self.every = page, page.locator(".gl-card")
        page.locator(CHART).scroll_into_view_if_needed()
        drag(page, 0.3, 0.7)
        self.zoom = page.locator(CHART).get_attribute("data-range")
        assert self.zoom
        page.locator('[data-chart^="loss"] .gl-legend button').nth(1).click()
        self.every.evaluate_all(TAG)
        self.count = self.every.evaluate_all(TAGGED)
        assert self.count >= 5

    def kept(self, what: str) -> None:
        """Check that all of it is still there, after the page has had time to draw."""
        self.page.wait_for_timeout(700)
        assert self.every.evaluate_all(TAGGED) == self.count, what
        assert self.page.locator(CHART).get_attribute("data-range") == self.zoom, what
        hidden = self.page.locator('[data-chart^="loss"] .gl-legend button[aria-pressed=false]')
        assert hidden.count() == 1, what


@pytest.mark.parametrize("end", ["stopped", "diverged", "failed", "lost", "done"])
def test_no_end_of_a_run_remounts_the_cards(
    app: Any, page: Any, run: ScriptedRun, end: str
) -> None:
    opened(page, app, run, "&open=quality,latent")
    eventually(lambda: len(cards(page)) >= 5, "the groups are not open")
    tagged = Tagged(page)
    words = page.locator(".gl-state b")
    for status in ("paused", "running", end):
        run.store.set_status(run.id, status, message="bad" if status == "failed" else "")
        eventually(lambda s=status: words.inner_text() == s, f"the page does not say {status}")
        tagged.kept(status)
    if end != "done":
        page.get_by_text(f"This run is {end}").wait_for()
    page.get_by_role("button", name="Delete").wait_for()
    tagged.kept(f"{end}, said")
    assert len(cards(page)) >= 5
    assert page.console_errors == []


def test_no_button_of_a_run_remounts_the_cards(app: Any, page: Any) -> None:
    spec = RunSpec.build(model="gan", data="ring", steps=200_000, seed=1)
    run = runs.start(spec, "GAN on a ring")
    page.goto(f"{app.url}/watch?run={run}&open=quality,latent,critic")
    page.wait_for_selector('[data-panel="gap"] canvas', timeout=60_000)
    page.locator('[data-panel="ledger"]').scroll_into_view_if_needed()
    page.wait_for_selector('[data-panel="ledger"] tr[data-row]', timeout=60_000)
    assert page.locator(".gl-main").get_attribute("data-card") == "panel:gap"
    page.locator('[data-panel="gap"]').get_by_role("button", name="Warped grid").click()
    tagged = Tagged(page)
    layer = page.locator('[data-panel="gap"] .gl-choose button[aria-pressed=true]')
    names = layer.all_inner_texts()
    for press, then in (
        ("Pause", "Resume"),
        ("One step", "Resume"),
        ("Resume", "Pause"),
        ("Stop", "Delete"),
        ("Resume", "Pause"),
    ):
        page.get_by_role("button", name=press, exact=True).click()
        page.get_by_role("button", name=then, exact=True).first.wait_for(timeout=60_000)
        tagged.kept(press)
        assert layer.all_inner_texts() == names, press
    runs.request(run, "stop")
    assert page.console_errors == []


#: The tops of what can be pressed beside the choice of the run.
TOPS = """() => [...document.querySelectorAll('.st-key-watch_actions button')]
    .filter(n => n.getClientRects().length && !n.closest('.stSelectbox'))
    .map(n => [n.textContent, Math.round(n.getBoundingClientRect().top)])"""


def test_the_buttons_of_a_running_run_stand_in_one_row(app: Any, page: Any) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    spec = RunSpec.build(model="gan", data="ring", steps=200_000, seed=1)
    run = runs.start(spec, "GAN on a ring of eight Gaussians")
    page.goto(f"{app.url}/watch?run={run}")
    page.get_by_role("button", name="Pause", exact=True).wait_for(timeout=60_000)
    page.get_by_role("button", name="Vary").wait_for()
    page.wait_for_timeout(800)
    tops = dict(page.evaluate(TOPS))
    runs.request(run, "stop")
    assert len(tops) >= 8
    assert max(tops.values()) - min(tops.values()) <= 2, tops


#: Pixels from the middle of a line's icon down to that of its text.
OFF_THE_LINE = """() => [...document.querySelectorAll('.stMain p > [role=img]')].map(icon => {
    const line = document.createRange(), box = icon.getBoundingClientRect();
    line.selectNode([...icon.parentElement.childNodes].find(n => n.nodeType === 3));
    const text = line.getBoundingClientRect();
    return Math.abs(box.top + box.bottom - text.top - text.bottom) / 2; })"""


def test_an_icon_stands_in_the_line_of_its_text_on_a_phone(
    app: Any, page: Any, run: ScriptedRun
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    opened(page, app, run)
    page.get_by_text("No problem found").wait_for()
    off = page.evaluate(OFF_THE_LINE)
    assert off
    assert max(off) < 3


def test_a_panel_fills_the_window_and_gives_the_focus_back(
    app: Any, page: Any, run: ScriptedRun
) -> None:
    opened(page, app, run)
    card = page.locator('[data-card="panel:samples"]')
    card.evaluate("c => { c.tagged = 1; }")
    button = card.get_by_role("button", name="Enlarge: Samples")
    button.focus()
    page.keyboard.press("Enter")
    size = page.viewport_size
    box = card.bounding_box()
    assert (box["width"], box["height"]) == (size["width"], size["height"])
    eventually(lambda: "enlarged=panel" in page.evaluate("location.href"), "not in the link")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert card.evaluate("c => c.contains(c.getRootNode().activeElement)")
    page.keyboard.press("Escape")
    assert card.bounding_box()["width"] < size["width"]
    assert button.evaluate("b => b.getRootNode().activeElement === b")
    assert card.evaluate("c => c.tagged") == 1
    eventually(lambda: "enlarged" not in page.evaluate("location.href"), "still in the link")
    assert page.console_errors == []


def test_what_a_panel_shows_can_be_saved(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run, "&open=quality,latent,learning,critic")
    eventually(lambda: shown(page) == "100", "no samples")

    def saved(card: str, kind: str) -> bytes:
        box = page.locator(f'[data-card="{card}"]')
        box.scroll_into_view_if_needed()
        if box.locator("figure").count():
            box.locator("figure[data-step]").wait_for()
        box.locator(".gl-more").click()
        with page.expect_download() as found:
            box.locator(f'[data-take="{kind}"]').click()
        assert found.value.suggested_filename.endswith(f".{kind}")
        with open(found.value.path(), "rb") as file:
            return file.read()

    for card in ("panel:samples", "panel:codes", "panel:kl", "chart:loss/nats"):
        assert saved(card, "png").startswith(b"\x89PNG"), card
        svg = saved(card, "svg").decode()
        assert svg.startswith("<svg"), card
        assert "var(--" not in svg, card
    # The numbers of the chart are those of the run.
    rows = list(csv.reader(io.StringIO(saved("chart:loss/nats", "csv").decode())))
    assert rows[0] == ["step", "ELBO", "Reconstruction", "KL to the prior"]
    for row in rows[1:]:
        expected = run.values(int(row[0]))
        numbers = [expected[name] for name in ("elbo", "reconstruction", "kl")]
        assert [float(x) for x in row[1:]] == pytest.approx(numbers, rel=1e-5)
    # The pixels are those of the sheet: 64 images of 8 x 8, grey.
    rows = list(csv.reader(io.StringIO(saved("panel:samples", "csv").decode())))
    assert len(rows) == 65
    assert len(rows[1]) == 65
    assert abs(int(rows[1 + 32][1]) / 255 - (32 / 63 + 0.1) % 1) < 0.01
    rows = list(csv.reader(io.StringIO(saved("panel:codes", "csv").decode())))
    assert len(rows) == 401
    assert page.console_errors == []


def test_the_link_holds_how_the_page_is_looked_at(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run)
    log = page.locator('[data-chart^="divergence"] .gl-log')
    drag(page, 0.25, 0.75)
    zoom = page.locator(CHART).get_attribute("data-range")
    log.click()
    page.locator('[data-group="latent"]:visible, [data-group="quality"]:visible').first.locator(
        "h2 button"
    ).click()
    for word in ("zoom=", "log=divergence", "open="):
        eventually(lambda w=word: w in page.evaluate("location.href"), f"no {word} in the link")
    link = page.evaluate("location.href")
    other = page.context.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    other.goto(link)
    other.wait_for_selector(f"{CHART}[data-points]")
    again = other.locator(CHART).get_attribute("data-range")
    assert [float(x) for x in again.split(",")] == pytest.approx(
        [float(x) for x in zoom.split(",")], rel=1e-4
    )
    assert other.locator('[data-chart^="divergence"] .gl-log[aria-pressed=true]').count() == 1
    assert other.locator(".gl-group button[aria-expanded=true]").count() == 1
    other.context.close()
    # In this browser the open group stays open without the link.
    opened(page, app, run)
    eventually(
        lambda: page.locator(".gl-group button[aria-expanded=true]").count() == 1,
        "the open group is forgotten",
    )
    assert page.console_errors == []


def test_the_order_is_kept_in_this_browser(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run)
    card = page.locator('[data-card="chart:loss/nats"]')
    card.locator(".gl-more").click()
    card.get_by_role("button", name="Show it large at the top").click()
    assert page.locator(".gl-main").get_attribute("data-card") == "chart:loss/nats"
    opened(page, app, run)
    assert page.locator(".gl-main").get_attribute("data-card") == "chart:loss/nats"


def test_a_stale_panel_says_which_step_it_shows(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run)
    eventually(lambda: shown(page) == "100", "no samples")
    words = page.locator('[data-panel="samples"] .gl-at')
    assert words.inner_text() == "step 100"
    scrub(page, 60)
    eventually(
        lambda: words.inner_text() == "step 0, the newest before 60", "nothing says it is stale"
    )
    assert words.evaluate("node => Number(getComputedStyle(node).fontWeight)") >= 600
    scrub(page, 100)
    eventually(lambda: words.inner_text() == "step 100", "it is not stale any more")


def test_labels_of_reference_lines_stand_outside_the_curves(
    app: Any, page: Any, run: ScriptedRun
) -> None:
    opened(page, app, run)
    page.wait_for_timeout(400)
    found = page.locator(".gl-chart:visible .gl-plot > svg").evaluate_all(
        """all => all.map(svg => ({
            right: Math.max(...[...svg.querySelectorAll(".gl-line")]
                .filter(p => p.getAttribute("d"))
                .map(p => p.getBoundingClientRect().right)),
            lines: svg.querySelectorAll(".gl-truth").length,
            labels: [...svg.querySelectorAll(".gl-truth-label")]
                .map(t => t.getBoundingClientRect().left),
            below: svg.closest(".gl-card").querySelectorAll(".gl-references span").length,
        }))"""
    )
    assert any(one["lines"] for one in found)
    for one in found:
        if one["lines"]:
            assert len(one["labels"]) + one["below"] >= 1
        assert all(left >= one["right"] - 1 for left in one["labels"]), one


def test_no_text_is_smaller_than_13_pixels(app: Any, page: Any, run: ScriptedRun) -> None:
    page.add_init_script(
        """window.fonts = new Set();
        const write = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (...words) {
            window.fonts.add(parseFloat(this.font.match(/([\\d.]+)px/)[1]));
            return write.apply(this, words);
        };"""
    )
    opened(page, app, run, "&open=learning,quality,latent,critic")
    page.wait_for_timeout(1000)
    sizes = page.locator(".gl *").evaluate_all(
        """all => all.filter(n => n.getClientRects().length &&
                [...n.childNodes].some(c => c.nodeType === 3 && c.data.trim()))
            .map(n => parseFloat(getComputedStyle(n).fontSize))"""
    )
    assert sizes
    assert min(sizes) >= 13
    drawn = page.evaluate("[...window.fonts]")
    assert drawn
    assert min(drawn) >= 13


FOCUSED = """() => {
    let node = document.activeElement;
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
    return node?.id ?? "";
}"""


def test_the_slider_is_within_ten_presses_of_tab(app: Any, page: Any, run: ScriptedRun) -> None:
    opened(page, app, run)
    page.evaluate("document.activeElement.blur()")
    presses = 0
    while page.evaluate(FOCUSED) != "gl-time":
        page.keyboard.press("Tab")
        presses += 1
        assert presses <= 10
    outline = page.locator("#gl-time").evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline != "none"
    page.keyboard.press("ArrowLeft")
    eventually(lambda: shown(page) == "0", "the arrow key does not move the slider")


def test_a_phone_has_large_targets_and_nothing_is_too_wide(
    app: Any, browser: Any, run: ScriptedRun
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    opened(page, app, run, "&open=learning,quality,latent,critic")
    page.wait_for_timeout(800)
    wide = page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth"
    )
    assert wide <= 0
    rights = page.locator(".gl *").evaluate_all(
        """all => all.filter(n => !n.closest("svg") && !n.closest(".gl-scroll"))
            .map(n => n.getBoundingClientRect().right)"""
    )
    assert max(rights) <= 360.5
    small = page.locator(".stMain :is(button, a, input)").evaluate_all(
        """all => all.filter(n => n.getClientRects().length && n.tabIndex >= 0)
            .map(n => [n.textContent || n.ariaLabel || n.outerHTML.slice(0, 90),
                       n.getBoundingClientRect().width, n.getBoundingClientRect().height])
            .filter(([, w, h]) => w < 44 || h < 44)"""
    )
    assert small == []
    context.close()


def test_reduced_motion_is_respected(app: Any, browser: Any, run: ScriptedRun) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    opened(page, app, run)
    moving = page.locator(".gl *").evaluate_all(
        """all => all.filter(n => {
            const style = getComputedStyle(n);
            return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none";
        }).length"""
    )
    assert moving == 0
    assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    context.close()


def test_the_samples_are_seen(app: Any, page: Any, run: ScriptedRun, shot: Any) -> None:
    opened(page, app, run)
    samples = page.locator(SAMPLES)
    samples.wait_for()
    box = samples.bounding_box()
    shot("watch-first-sight")
    # The large picture is seen without scrolling, and has pixels.
    assert box is not None
    assert box["y"] < page.viewport_size["height"]
    assert min(box["width"], box["height"]) > 100
