"""The report opened from the disk, and Compare by seconds, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.compare import duel
from genlab.testing.scripted_run import ScriptedRun

EVIL = "<script>document.title = 'owned'</script>"
LOOK = """() => {
    const light = (colour) => {
        const pen = document.createElement("canvas").getContext("2d");
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
        return (0.3 * r + 0.59 * g + 0.11 * b) / 255;
    };
    const style = getComputedStyle(document.body);
    return {
        ink: light(style.color),
        back: light(style.backgroundColor),
        width: document.documentElement.scrollWidth,
        images: [...document.images].map((image) => image.complete && image.naturalWidth > 0),
        charts: [...document.querySelectorAll("svg[role=img]")].map((chart) => chart.clientWidth),
    };
}"""


@pytest.fixture(scope="module")
def file(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A report on two small runs, as the command line writes it; the store is the app's."""
    from genlab import cli
    from genlab.runs import foreground

    spec = duel.specs("digits", steps=12)["VAE on digits"].flat()
    ids = [
        foreground.train(spec | {"seed": seed}, title=title).id
        for seed, title in enumerate((EVIL, "Other seed"))
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert cli.main(["report", *ids, "--out", str(path)]) == 0
    yield path
    for run in ids:
        runs.delete(run)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_the_report_opens_from_the_disk_and_asks_for_nothing(
    file: Path, browser: Any, scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    page.get_by_role("heading", name="What to bear in mind").wait_for()
    found = page.evaluate(LOOK)
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert said == []
    assert page.title() != "owned"
    assert EVIL in page.get_by_role("heading", level=1).inner_text()
    assert found["images"]
    assert all(found["images"])
    assert found["charts"]
    assert all(0 < chart <= width for chart in found["charts"])
    assert found["width"] <= width
    assert abs(found["ink"] - found["back"]) > 0.6
    assert (found["back"] < 0.5) == (scheme == "dark")
    context.close()


def test_compare_goes_by_seconds_and_the_url_says_so(app: Any, page: Any) -> None:
    from playwright.sync_api import expect

    made = [ScriptedRun(runs.store(), runs.files(), title=title) for title in ("One", "Two")]
    for run in made:
        run.look()
        run.go(100)
        run.look()
        run.end("done")
    page.goto(f"{app.url}/compare?runs={made[0].id},{made[1].id}&step=40")
    clocks = page.get_by_role("group", name="What the slider and the charts count")
    seconds = clocks.get_by_role("button", name="seconds")
    expect(page.locator("output[for=gl-time]")).to_have_text("step 40")
    seconds.click()
    expect(seconds).to_have_attribute("aria-pressed", "true")
    expect(page.locator("output[for=gl-time]")).to_have_text("0.0 s")
    expect(
        page.locator(".gl-chart .gl-grid text", has_text="seconds of training").first
    ).to_be_visible()
    page.wait_for_function("() => location.href.includes('clock=seconds')")
    clocks.get_by_role("button", name="steps").click()
    expect(page.locator(".gl-chart .gl-grid text", has_text="seconds of training")).to_have_count(
        0
    )
    page.wait_for_function("() => !location.href.includes('clock=seconds')")
    assert page.console_errors == []
    for run in made:
        runs.delete(run.id)
