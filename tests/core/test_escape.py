"""The escape of what a user gave, and that nothing shows such text without it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab.core.escape import escape_html, escape_markdown, escape_plotly
from genlab.core.folders import ROOT

PAGES = sorted([*(ROOT / "genlab" / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")])
#: Functions of Streamlit whose first argument is Markdown.
MARKDOWN = {
    *("badge", "button", "caption", "checkbox", "chat_message", "download_button", "error"),
    *("expander", "feedback", "file_uploader", "header", "info", "link_button", "markdown"),
    *("metric", "multiselect", "number_input", "page_link", "pills", "popover", "radio"),
    *("segmented_control", "select_slider", "selectbox", "slider", "spinner", "status"),
    *("subheader", "success", "tabs", "text_area", "text_input", "title", "toast", "toggle"),
    *("warning", "write"),
}
#: Arguments that are Markdown wherever they stand.
NAMED = {"label", "help", "text", "caption", "body"}
#: Functions that give text that a user may have given, and attributes that are such text.
CALLS = {"name", "name_of", "run_labels", "plain", "repr"}
ATTRIBUTES = {"message", "tags", "classes", "columns"}
#: Of these the title or name may be a user's: rows of runs, studies, sets, columns.
OWNERS = {"row", "study", "known", "stored", "column", "side", "run", "arm", "view", "finding"}
SAFE = {"escape_markdown", "plain_sentence", "len", "join_escaped", "escape_html"}


def called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def unescaped(node: ast.AST) -> Iterator[ast.AST]:
    """What of a Markdown argument a user may have given, outside of any escape."""
    if isinstance(node, ast.Call):
        if called(node) in SAFE:
            return
        if called(node) in CALLS:
            yield node
    if isinstance(node, ast.Attribute):
        owner = getattr(node.value, "id", "")
        if node.attr in ATTRIBUTES or (node.attr in {"title", "name"} and owner in OWNERS):
            yield node
    if isinstance(node, ast.FormattedValue) and node.conversion in (ord("r"), ord("a")):
        yield node
    for child in ast.iter_child_nodes(node):
        # Whether there are classes is no text of theirs.
        if not isinstance(child, ast.Lambda) and child is not getattr(node, "test", None):
            yield from unescaped(child)


def violations(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and called(node) in MARKDOWN):
            continue
        arguments = node.args[:1] + [k.value for k in node.keywords if k.arg in NAMED]
        for argument in arguments:
            # A bare list of labels and such is found too; a name alone hides its origin.
            found += [
                f"{node.lineno}: {called(node)}(... {ast.unparse(one)} ...)"
                for one in unescaped(argument)
            ]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_shows_text_of_a_user_unescaped(path: Path) -> None:
    assert not violations(path.read_text())


def test_the_search_finds_what_it_should() -> None:
    assert violations('st.markdown(f"**{row.title}**")')
    assert violations("st.caption(row.message)")
    assert violations('st.button("Go", help=cards.name(row))')
    assert violations('st.error(f"There is no {asked!r}")')
    assert not violations('st.markdown(f"**{escape_markdown(row.title)}**")')


def test_there_is_one_escape() -> None:
    for path in (ROOT / "genlab").rglob("*.py"):
        if path.name != "escape.py":
            text = path.read_text()
            assert "from html import" not in text, path
            assert "\nimport html\n" not in text, path


@pytest.mark.parametrize(
    "text",
    [
        *("![](http://evil.test/x.png)", "[a](b)", "<img src=x>", "`a`", "$x$", ":red[a]", "# a"),
        *("> a", "- a", "1. a", "&lt;b>", ":material/home:", "~~a~~", "__a__", "\\[a](b)"),
    ],
)
def test_markdown_keeps_no_sign_that_it_would_read(text: str) -> None:
    escaped = escape_markdown(text)
    assert escaped != text
    # A reader who takes each backslash with what follows it as that sign has the text again.
    signs = iter(escaped)
    assert "".join(next(signs) if sign == "\\" else sign for sign in signs) == text


def test_plain_words_stay_as_they_are() -> None:
    for text in (
        "two_gaussians",
        "VAE on digits: first try",
        "p(x|z), |z| = 3",
        "10. Mai",
        "a & b",
    ):
        assert escape_markdown(text).replace("\\", "") == text
    assert escape_markdown("two_gaussians, try 3") == "two_gaussians, try 3"


def test_html_and_plotly() -> None:
    assert (
        escape_html("<a href=\"x\" b='y'>&") == "&lt;a href=&quot;x&quot; b=&#x27;y&#x27;&gt;&amp;"
    )
    assert "<" not in escape_plotly("<a href='http://evil.test'>x</a>")
