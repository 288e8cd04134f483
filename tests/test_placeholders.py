"""No sentence shows a placeholder in braces instead of its value, because an ``f`` was lost."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: A name, an attribute or a call with or without a format: what an f-string would put in.
PLACEHOLDER = re.compile(r"(?<!%)\{([A-Za-z_]\w*)((?:\.\w+)*)(?:\([^{}\\]*\))*(?::[^{}\\ ]*)?\}")
#: Neither raw, which is LaTeX, nor with an f, nor of three quotes, nor a route.
PLAIN = re.compile(r"""[uU]?(["'])(?!/|\1\1)""")


def lost(source: str) -> list[str]:
    """The placeholders of plain strings that name what the source itself has."""
    tree = ast.parse(source)
    names = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.STRING and PLAIN.match(token.string):
            holes = PLACEHOLDER.finditer(token.string)
            found += [f"{token.start[0]}: {one[0]}" for one in holes if one[1] in names]
    return found


def test_a_lost_f_is_seen() -> None:
    assert lost('mean = 1.0\nsays = "At x = " + "{mean:.3g}:"') == ["2: {mean:.3g}"]
    assert lost('says = f"{says:.3g}" r"{says}" "/run/{says}" "{other}" "%{says}"') == []


def test_no_sentence_shows_a_placeholder() -> None:
    sources = [*(ROOT / "genlab").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    assert len(sources) > 300
    found = {
        str(path.relative_to(ROOT)): holes
        for path in sources
        if (holes := lost(path.read_text("utf-8")))
    }
    assert found == {}
