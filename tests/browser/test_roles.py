"""A teacher and viewers in browsers of their own: who looks, and who changes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from genlab import runs
from genlab.runs.access import Actor, acting_as
from genlab.serving import identity
from genlab.testing.scripted_run import ScriptedRun
from genlab.testing.served import App, serving

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
        page.set_default_timeout(30_000)
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
        while not over.wait(3.0):
            run.store.beat(run.id, step=run.step, speed=1.0)

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
    viewer.get_by_text("You are looking at somebody else's run").wait_for()
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
