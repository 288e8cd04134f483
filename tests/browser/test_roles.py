"""A teacher and viewers in browsers of their own: who looks, and who changes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.runs.access import Actor, acting_as
from genlab.runs.rooms import led_by
from genlab.serving import identity
from genlab.testing.scripted_run import ScriptedRun
from genlab.testing.served import App, serve, serving
from tests.browser.axe import violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app as a class uses it: it answers to another name too, so nobody is the machine."""
    with serving(tmp_path_factory.mktemp("shared"), {"GENLAB_HOSTS": "lab.test"}) as app:
        yield app


@pytest.fixture
def person(browser: Any, shared: App) -> Iterator[Callable[..., Any]]:
    """A page of a new person, in a context of their own."""
    contexts = []

    def make(**values: Any) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **values)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(150_000)  # a busy machine
        page.goto(shared.url)
        page.get_by_role("heading", name="GenLab").wait_for()
        return page

    yield make
    for context in contexts:
        context.close()


def id_of(page: Any, app: App) -> str:
    """The identity of a page's browser, as the server reads it."""
    key = identity.key_of(app.store)
    header = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    found = identity.identity_in(key, header)
    assert found is not None
    return found.id


@contextlib.contextmanager
def beating(run: ScriptedRun) -> Iterator[None]:
    """Keep a run alive: whose heart is still counts as lost after some seconds."""
    over = threading.Event()

    def beat() -> None:
        with contextlib.suppress(RunNotFound):  # deleted by the test
            while not over.wait(3.0):
                run.store.heartbeat(run.id, step=run.step, speed=1.0)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def lesson(person, shared: App) -> Iterator[tuple[Any, ScriptedRun]]:
    """A teacher's page, and a run of hers."""
    teacher = person()
    with acting_as(Actor(id_of(teacher, shared), machine=True)):
        run = ScriptedRun(runs.store(), runs.files(), title="The teacher's run")
    run.look()
    run.go(100)
    run.look()
    with beating(run):
        yield teacher, run
    with contextlib.suppress(Exception):
        run.end("stopped")
        runs.delete(run.id)


def watch(page: Any, app: App, run: str) -> None:
    page.goto(f"{app.url}/watch?run={run}")
    page.get_by_role("slider").first.wait_for()


def test_a_viewer_looks_and_the_owner_changes(
    lesson: tuple[Any, ScriptedRun], person, shared: App
) -> None:
    teacher, run = lesson
    viewer = person()
    for page in (teacher, viewer):
        watch(page, shared, run.id)
    teacher.get_by_role("button", name="Pause").wait_for()
    viewer.get_by_text("This run belongs to somebody else").wait_for()
    for name in ("Pause", "Stop", "Delete"):
        assert viewer.get_by_role("button", name=name, exact=True).count() == 0
    for name in ("Fork", "Explore", "Compare", "Vary"):
        assert viewer.get_by_role("button", name=name).first.is_visible()
    viewer.mouse.click(5, 300)
    for key in (" ", "ArrowLeft", "ArrowRight", "Enter", "Delete"):
        viewer.keyboard.press(key)
    viewer.mouse.dblclick(5, 300)
    viewer.wait_for_timeout(1500)
    assert runs.store().pending(run.id) == []
    assert runs.store().get(run.id).status == "running"
    teacher.mouse.click(5, 300)
    teacher.keyboard.press(" ")
    teacher.wait_for_timeout(1500)
    assert [wish.name for wish in runs.store().pending(run.id)] == ["pause"]


def open_room(teacher: Any, app: App) -> str:
    """Open a room on the page Class; its code."""
    teacher.goto(f"{app.url}/room")
    teacher.get_by_role("button", name="Open a room").click()
    teacher.get_by_role("button", name="End the room").wait_for()
    room = led_by(runs.store(), id_of(teacher, app))
    assert room is not None
    assert teacher.get_by_text(room.code, exact=True).first.is_visible()
    return room.code


def join_room(page: Any, app: App, code: str) -> None:
    """Join by typing the code."""
    page.goto(f"{app.url}/join")
    page.get_by_label("Code").fill(code.lower())
    page.get_by_role("button", name="Join").click()
    bar(page).wait_for()


def open_room_with(teacher: Any, viewers: Iterable[Any], app: App) -> str:
    """Open a room and let the viewers join it; its code."""
    code = open_room(teacher, app)
    for viewer in viewers:
        join_room(viewer, app, code)
    return code


def bar(page: Any) -> Any:
    return page.get_by_role("region", name="Room")


def shown_step(page: Any) -> str:
    return page.locator("output[for=gl-time]").inner_text()


def within(page: Any, seconds: float, what: Callable[[], bool]) -> float:
    """Wait until something holds; how long it took."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if what():
            return time.monotonic() - start
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {seconds} s")


def test_three_viewers_follow_the_teacher_and_come_back(
    lesson: tuple[Any, ScriptedRun], person, shared: App
) -> None:
    teacher, run = lesson
    code = open_room(teacher, shared)
    viewers = [person() for _ in range(3)]
    for viewer in viewers:
        join_room(viewer, shared, code)
    within(teacher, 10, lambda: "3 people here" in bar(teacher).inner_text())
    watch(teacher, shared, run.id)
    for viewer in viewers:
        viewer.wait_for_url(f"**/watch?run={run.id}*")
        viewer.get_by_role("slider").first.wait_for()
    # The slider moves: every viewer's own follows, without a page of its own.
    slider = teacher.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    for viewer in viewers:
        within(viewer, 10, lambda v=viewer: shown_step(v) == "step 0")
    # One looks around freely.
    free = viewers[0]
    free.get_by_role("button", name="Look around freely").click()
    free.goto(f"{shared.url}/learn")
    free.get_by_role("heading", name="Learn").first.wait_for()
    teacher.get_by_role("link", name="Data").click()
    for viewer in viewers[1:]:
        viewer.wait_for_url("**/data*")
    assert "/learn" in free.url
    free.get_by_role("button", name="Return to the teacher").click()
    free.wait_for_url("**/data*")
    # Another lesson of the same page, and its options.
    for lesson_, option in (("elbo", ""), ("bayes", ""), ("bayes", "")):
        teacher.goto(f"{shared.url}/learn?lesson={lesson_}{option}")
        for viewer in viewers:
            viewer.wait_for_url(f"**/learn?lesson={lesson_}*")
    # The teacher ends the room: everybody stays where they are.
    teacher.get_by_role("link", name="Class").click()
    teacher.get_by_role("button", name="End the room").click()
    for viewer in viewers:
        within(viewer, 10, lambda v=viewer: "has ended" in bar(v).inner_text())
        assert "/learn" in viewer.url


def follower(lesson: tuple[Any, ScriptedRun], person: Any, shared: App) -> tuple[Any, ScriptedRun]:
    """A viewer who has followed the teacher to Watch, and the run there."""
    teacher, run = lesson
    code = open_room(teacher, shared)
    viewer = person()
    watch(teacher, shared, run.id)
    join_room(viewer, shared, code)
    viewer.wait_for_url(f"**/watch?run={run.id}*")
    return viewer, run


def test_opening_another_page_by_oneself_is_looking_around(
    lesson: tuple[Any, ScriptedRun], person, shared: App
) -> None:
    viewer, run = follower(lesson, person, shared)
    viewer.get_by_role("slider").first.wait_for()
    viewer.wait_for_timeout(1000)
    viewer.get_by_role("link", name="Learn").click()
    viewer.get_by_role("button", name="Return to the teacher").wait_for()
    viewer.get_by_role("heading", name="Learn").first.wait_for()
    viewer.wait_for_timeout(2000)
    assert "/learn" in viewer.url
    viewer.get_by_role("button", name="Return to the teacher").click()
    viewer.wait_for_url(f"**/watch?run={run.id}*")


def test_moving_the_slider_by_oneself_is_looking_around(
    lesson: tuple[Any, ScriptedRun], person, shared: App
) -> None:
    viewer, _ = follower(lesson, person, shared)
    slider = viewer.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    viewer.get_by_role("button", name="Return to the teacher").click()
    within(viewer, 10, lambda: shown_step(viewer) == "step 100")
    assert viewer.get_by_role("button", name="Look around freely").is_visible()


#: The smallest size of a text on the page, in pixels as they are drawn; links that only a
#: keyboard brings into sight do not count.
SMALLEST = """() => {
  let least = Infinity;
  const walk = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) walk(node.shadowRoot);
      const isText = [...node.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim());
      const box = node.getBoundingClientRect();
      if (!isText || box.width < 2 || box.bottom < 0) continue;
      const size = parseFloat(getComputedStyle(node).fontSize) * (node.currentCSSZoom ?? 1);
      least = Math.min(least, size);
    }
  };
  walk(document);
  return least;
}"""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_presentation_is_one_panel_in_large_type(
    lesson: tuple[Any, ScriptedRun], person, shared: App, colours: str, tmp_path: Path
) -> None:
    _, run = lesson
    page = person(color_scheme=colours)
    page.set_viewport_size({"width": 960, "height": 540})
    page.goto(f"{shared.url}/watch?run={run.id}&present=1")
    page.get_by_role("slider").first.wait_for()
    cards = page.locator(".gl-card")
    first = cards.locator("visible=true")
    within(page, 10, lambda: first.count() == 1)
    titles = [first.get_attribute("aria-label")]
    assert page.get_by_role("button").locator("visible=true").all_inner_texts() == ["Live"]
    assert page.get_by_role("link", name="Learn").locator("visible=true").count() == 0
    for key in ("PageDown", "PageDown", "PageUp"):
        page.keyboard.press(key)
        page.wait_for_timeout(600)
        assert first.count() == 1
        titles.append(first.get_attribute("aria-label"))
        assert page.evaluate(SMALLEST) >= 18
        assert page.evaluate("document.documentElement.scrollWidth") == 960
    assert len(set(titles)) == 3
    assert titles[3] == titles[1]
    page.screenshot(path=str(tmp_path / f"present-{colours}.png"))
    # The address holds the panel; the slider works; Escape ends it.
    page.reload()
    page.get_by_role("slider").first.wait_for()
    within(page, 10, lambda: first.count() == 1 and first.get_attribute("aria-label") == titles[3])
    page.get_by_role("slider").first.focus()
    page.keyboard.press("Home")
    within(page, 5, lambda: shown_step(page) == "step 0")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Learn").first.wait_for()
    assert "present" not in page.url


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_room_on_a_phone_breaks_no_rule(person, shared: App, colours: str) -> None:
    teacher = person(color_scheme=colours, reduced_motion="reduce", bypass_csp=True)
    code = open_room(teacher, shared)
    assert violations(teacher) == []
    viewer = person(color_scheme=colours, reduced_motion="reduce", bypass_csp=True)
    viewer.set_viewport_size({"width": 360, "height": 640})
    viewer.goto(f"{shared.url}/join")
    assert violations(viewer) == []
    join_room(viewer, shared, code)
    viewer.wait_for_timeout(1500)
    assert violations(viewer) == []
    assert viewer.evaluate("document.documentElement.scrollWidth") == 360
    for button in bar(viewer).get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44
    teacher.get_by_role("button", name="End the room").click()
    teacher.get_by_role("button", name="Open a room").wait_for()


def test_a_claim_link_passes_the_run_to_another_browser(
    lesson: tuple[Any, ScriptedRun], person, shared: App
) -> None:
    teacher, run = lesson
    other = person()
    watch(teacher, shared, run.id)
    teacher.get_by_role("button", name="Share").click()
    teacher.get_by_role("button", name="Make a claim link").click()
    link = teacher.locator("code", has_text="/claim/").inner_text()
    other.goto(link)
    other.get_by_role("button", name="Take it over").click()
    other.wait_for_url(f"**/watch?run={run.id}*")
    other.get_by_role("button", name="Pause").wait_for()
    assert runs.store().get(run.id).owner == id_of(other, shared)
    watch(teacher, shared, run.id)
    teacher.get_by_text("This run belongs to somebody else").wait_for()
    teacher.goto(link)
    assert "used already" in teacher.get_by_role("alert").inner_text()


def test_a_private_server_is_entered_with_its_secret(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"GENLAB_ACCESS": "private", "GENLAB_SECRET": "correct horse"}
    app = serve(tmp_path_factory.mktemp("private"), settings)
    try:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{app.url}/watch")
        assert page.url == f"{app.url}/enter"
        page.get_by_label("Secret").fill("wrong horse")
        page.get_by_role("button", name="Enter").click()
        assert "not the secret" in page.get_by_role("alert").inner_text()
        page.get_by_label("Secret").fill("correct horse")
        page.get_by_role("button", name="Enter").click()
        page.get_by_role("heading", name="GenLab").wait_for()
        context.close()
    finally:
        app.stop()
        app.end_supervisor()
