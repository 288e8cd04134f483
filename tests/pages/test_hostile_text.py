"""Text that a user gave is shown as text: no page makes markup of a title, a tag or a name.

Every element that a page sends to the browser is read, whatever draws it. Each of its strings that
holds the text of the attacker must be of a kind that is known: Markdown and HTML in which it is
escaped, plotly labels in which it is escaped, or what the browser shows as plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from genlab import runs, studies
from genlab.data import user_sets
from genlab.data.readers import read
from genlab.runs import foreground
from genlab.ui.explore.tools import TOOLS
from tests.data.test_readers import as_csv, as_zip, encoded, grey

#: An image of another server, a tag, and emphasis: short enough for a tag of a run.
HOSTILE = "![q](http://evil.test/q)<b>*q*</b>"
MARK = "evil.test"
#: Shown by the browser as text: (message, field).
PLAIN = {
    ("TextInput", "default"),
    ("TextInput", "value"),
    ("TextArea", "default"),
    ("TextArea", "value"),
    ("Selectbox", "options"),
    ("Selectbox", "raw_value"),
    ("MultiSelect", "options"),
    ("MultiSelect", "raw_values"),
    ("Code", "code_text"),
    # An attribute of the element.
    ("Image", "alt"),
    ("BidiComponent", "json"),
    ("MixedData", "json"),
    ("Dataframe", "columns"),
}
#: Read as Markdown: the fields of these names, in any message.
MARKDOWN = {"body", "label", "help", "text", "caption", "options", "content", "alt", "title"}


def nodes(block: Any) -> Iterator[Any]:
    """Every element and block of a page."""
    yield block
    for child in getattr(block, "children", {}).values():
        yield from nodes(child)


def strings(message: Message) -> Iterator[tuple[str, str, str]]:
    """Each string of a message: the name of what holds it, that of its field, and itself."""
    for field, value in message.ListFields():
        many = value if field.is_repeated else [value]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            many = list(value.values())
        for one in many:
            if isinstance(one, str):
                yield message.DESCRIPTOR.name, field.name, one
            elif isinstance(one, Message):
                yield from strings(one)


def raw_markdown(text: str) -> bool:
    return re.search(r"(?<!\\)(?:\\\\)*(\]\(|\[q|<b|\*q|:/)", text) is not None


def raw_html(text: str) -> bool:
    return "<b>" in text


def findings(app: AppTest) -> tuple[list[str], int]:
    """What of a page is wrong, and how often the text of the attacker is on it."""
    wrong, seen = [], 0
    assert not app.exception, app.exception
    for node in nodes(app._tree):
        proto = getattr(node, "proto", None)
        for message, field, text in strings(proto) if isinstance(proto, Message) else ():
            if MARK not in text:
                continue
            seen += 1
            where = f"{message}.{field}: {text[:300]}"
            if (message, field) in PLAIN:
                continue
            if message == "PlotlyChart":
                bad = any("<b>" in one for one in leaves(json.loads(text)))
            elif message == "Html":
                bad = raw_html(text)
            elif field in MARKDOWN:
                bad = raw_markdown(text)
            else:
                bad, where = True, f"of unknown kind: {where}"
            if bad:
                wrong.append(where)
    return wrong, seen


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if type(value) is list else ():
        yield from leaves(one)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A store in which everything that a user can name has a hostile name."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "ensure_supervisor", lambda: None)
        runs.configure(f"sqlite:///{folder / 'genlab.db'}", folder / "files")
        yield fill()
        runs.configure()


def fill() -> dict[str, str]:
    classes = [f"{HOSTILE}{k}" for k in "abc"]
    rows = [[float(k % 7), k * 0.31 % 5, classes[k % 3], classes[k % 2]] for k in range(90)]
    head = [f"{HOSTILE}{k}" for k in ("1", "2", "kind", "label")]
    table = user_sets.store(read(as_csv([head, *rows])), f"www.{MARK}")
    folders = [f"![q]({MARK})<b>{k}" for k in "xy"]
    files = {f"{name}/{k}.png": encoded(grey(k), "PNG") for k in range(20) for name in folders}
    images = user_sets.store(read(as_zip(files)), f"www.{MARK} images")
    made = {}
    wanted = {
        "table": {"model": "vae", "data": "own", "set": table.id},
        "images": {"model": "vae", "data": "own", "set": images.id, "latent": 2},
        "points": {"model": "gan", "data": "ring"},
        "tree": {"model": "class_tree", "data": "digits", "binarise": "threshold"},
    }
    for name, values in wanted.items():
        view = foreground.train({**values, "steps": 6, "batch": 16}, title=HOSTILE)
        runs.edit(view.id, title=HOSTILE, tags=[HOSTILE])
        made[name] = view.id
    made["fork"] = runs.fork(made["points"], None, {"steps": 12})
    runs.edit(made["fork"], title=f"{HOSTILE} fork")
    store = runs.store()
    store.set_status(made["fork"], "running")
    store.set_status(made["fork"], "failed", message=f"It broke: {HOSTILE}")
    study = studies.from_runs({HOSTILE: [made["points"]]}, name="hostile", title=HOSTILE)
    return made | {"study": study.name, "set": table.id, "image_set": images.id}


PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "start": ("start", {}),
    "train": ("train", {"data": "own", "model": "vae", "set": "{set}"}),
    "train-images": ("train", {"data": "own", "model": "cvae", "set": "{image_set}"}),
    "train-wrong": ("train", {"data": "own", "model": HOSTILE}),
    "train-wrong-option": ("train", {"data": "ring", "model": "gan", HOSTILE: HOSTILE}),
    "watch": ("watch", {"run": "{table}"}),
    "watch-fork": ("watch", {"run": "{fork}"}),
    "watch-wrong": ("watch", {"run": HOSTILE, "step": HOSTILE}),
    "compare": ("compare", {"runs": "{table},{points}"}),
    "compare-same": ("compare", {"runs": "{points},{fork}"}),
    "compare-wrong": ("compare", {"runs": HOSTILE}),
    "compare-empty": ("compare", {}),
    "studies": ("studies", {"study": "{study}"}),
    "studies-wrong": ("studies", {"study": HOSTILE}),
    "data": ("data", {"data": "own", "set": "{set}"}),
    "data-images": ("data", {"data": "own", "set": "{image_set}"}),
    "data-wrong": ("data", {"data": HOSTILE}),
    "learn": ("learn", {"lesson": HOSTILE}),
    "explore-wrong": ("explore", {"run": HOSTILE, "tool": HOSTILE, "label": HOSTILE}),
    "explore-wrong-tool": ("explore", {"run": "{images}", "tool": HOSTILE}),
    "explore-wrong-label": ("explore", {"run": "{images}", "label": HOSTILE}),
    "room": ("room", {}),
}


@pytest.mark.parametrize("case", PAGES)
def test_no_page_makes_markup_of_a_name(visit, hostile, case) -> None:
    page, query = PAGES[case]
    names = {k: hostile.get(text.strip("{}"), text) for k, text in query.items()}
    if "{" in query.get("runs", ""):
        names["runs"] = query["runs"].format(**hostile)
    wrong, seen = findings(visit(page, **names))
    assert not wrong, "\n".join(wrong)
    assert seen or case in {"learn", "room", "data-wrong", "explore-wrong"}


@pytest.mark.parametrize("tool", TOOLS.names())
@pytest.mark.parametrize("run", ["table", "images", "points", "tree"])
def test_no_tool_of_explore_makes_markup_of_a_name(visit, hostile, run, tool) -> None:
    app = visit("explore", run=hostile[run], tool=tool)
    wrong, seen = findings(app)
    assert not wrong, "\n".join(wrong)
    assert seen


def test_no_result_of_a_job_makes_markup_of_a_name(visit, hostile, work) -> None:
    names = {"runs": f"{hostile['table']},{hostile['points']}"}
    visit("compare", **names)
    assert work()
    wrong, seen = findings(visit("compare", **names))
    assert not wrong, "\n".join(wrong)
    assert seen
