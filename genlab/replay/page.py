"""The HTML of a hand-out: the text around the live view, the data, and the scripts.

Whatever a person typed is escaped where it enters. The policy of the file allows its own script
and style sheet, by their hashes, and nothing from anywhere else.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genlab.core.escape import escape_html
from genlab.core.run_spec import KINDS
from genlab.core.tables import TABLES
from genlab.lessons import LESSONS
from genlab.panels.scripts import static_files
from genlab.replay.bundle import bundle
from genlab.replay.thinning import Item
from genlab.runs.store import RunRow

ENTRY = "replay/replay.js"
STYLES = ("live/live.css", "explore/pad.css", "replay/replay.css")
#: The element in which :mod:`genlab.replay.site` finds what a file is about.
META = "genlab-replay"
FORMAT = 1


@dataclass(frozen=True)
class Text:
    """What a reader is told beside the pictures.

    Args:
        heading: title of the file.
        rows: the runs.
        titles: what they are called.
        commands: for each run the command that makes it anew, and why that may not suffice.
        versions: of the programs that made the file.
        created: when the file was made, UTC.
        left_out: sentences on what is not in the file.
        lessons: names of the lessons that its cards link to.
        thumbnail: of the file in a list, a ``data:`` address.
    """

    heading: str
    rows: Sequence[RunRow]
    titles: Sequence[str]
    commands: Sequence[tuple[str, str]]
    versions: Mapping[str, str]
    created: str
    left_out: Sequence[str]
    lessons: Sequence[str]
    thumbnail: str


def packed(items: Iterable[Item]) -> str:
    """Items as base64 of gzip: the length of a JSON head, the head, and the bodies in its order.

    The head is a list of pairs: what the scripts ask for, and how many bytes answer it.
    """
    listed = list(items)
    head = json.dumps([[i.path, len(i.body)] for i in listed], separators=(",", ":")).encode()
    content = len(head).to_bytes(4, "little") + head + b"".join(i.body for i in listed)
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def for_script(values: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element: it holds no ``<``."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page(text: Text, items: Iterable[Item]) -> bytes:
    """The file.

    Args:
        text: what a reader is told.
        items: the answers that the scripts ask for.
    """
    script = bundle(ENTRY)
    style = "\n".join(static_files()[name].decode() for name in STYLES)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape_html(text.heading)}</title><style>{style}</style></head><body>",
        '<header class="top"><div>',
        f"<h1>{escape_html(text.heading)}</h1>",
        f"<p>{escape_html(_about(text))}</p></div>",
        '<button type="button" id="theme" hidden></button></header>',
        '<main><p id="problem" role="status">This file replays by a script; allow scripts for it '
        "to see more than its text.</p>",
        '<div id="live"></div><div id="pads"></div>',
        _facts(text),
        _lessons(text.lessons),
        _origin(text),
        "</main>",
        f'<script type="application/json" id="{META}">{for_script(_meta(text))}</script>',
        f'<script type="application/octet-stream" id="data">{packed(items)}</script>',
        f"<script>{script}</script></body></html>\n",
    ]
    return "\n".join(parts).encode()


def _title_of(kind: str, name: str) -> str:
    return TABLES[kind].row(name).title if name in TABLES[kind] else name


def _summary(row: RunRow) -> str:
    model, data = (_title_of(k, str(row.spec.get(k, "?"))) for k in ("model", "data"))
    return f"{model} on {data}, step {row.step:,} of {row.steps:,} ({row.status})"


def _about(text: Text) -> str:
    runs = "; ".join(_summary(row) for row in text.rows)
    return f"{runs}. Move the slider: every picture shows that step."


def _meta(text: Text) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "title": text.heading,
        "about": [_summary(row) for row in text.rows],
        "made": text.created,
        "thumbnail": text.thumbnail,
    }


def _facts(text: Text) -> str:
    """The options of the runs, side by side."""
    names = dict.fromkeys(name for row in text.rows for name in row.spec)
    head = "".join(f'<th scope="col">{escape_html(title)}</th>' for title in text.titles)
    rows = []
    for name in names:
        values = [row.spec.get(name) for row in text.rows]
        cells = [
            "" if v is None else _title_of(name, str(v)) if name in KINDS else str(v)
            for v in values
        ]
        mark = ' class="differs"' if len({str(v) for v in values}) > 1 else ""
        inner = "".join(f"<td>{escape_html(cell)}</td>" for cell in cells)
        rows.append(f'<tr{mark}><th scope="row">{escape_html(name)}</th>{inner}</tr>')
    return (
        "<details><summary><h2>What is trained, on what, and how</h2></summary>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Options of the runs"><table>'
        f'<thead><tr><th scope="col">option</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def prose(text: str) -> str:
    """A lesson's Markdown as HTML: paragraphs and bold words, the rest as it stands.

    Example:
        >>> prose("Any **weights** & a < b.")
        '<p>Any <strong>weights</strong> &amp; a &lt; b.</p>'
    """
    paragraphs = (escape_html(part.strip()) for part in text.split("\n\n"))
    strong = (re.sub(r"[*][*](.+?)[*][*]", r"<strong>\1</strong>", one) for one in paragraphs)
    return "".join(f"<p>{one}</p>" for one in strong if one)


def _lessons(names: Sequence[str]) -> str:
    """The idea of each lesson, where the links of the cards lead."""
    known = [LESSONS.row(name) for name in names if name in LESSONS]
    known.sort(key=lambda row: row.value.chapter)
    parts = [
        f'<section id="lesson-{row.name}" tabindex="-1"><h3>{escape_html(row.title)}</h3>'
        f'{prose(row.value.idea)}<p class="soft">{escape_html(row.value.source)}</p></section>'
        for row in known
    ]
    return "<h2>The theory in short</h2>" + "".join(parts) if parts else ""


def _origin(text: Text) -> str:
    """How the file was made, what it lacks, and how its runs are made anew."""
    parts = ["<h2>About this file</h2>"]
    made = ", ".join(f"{name} {version}" for name, version in text.versions.items())
    parts.append(
        f"<p>Made {escape_html(text.created)} by {escape_html(made)}. It asks no network.</p>"
    )
    if text.left_out:
        items = "".join(f"<li>{escape_html(one)}</li>" for one in text.left_out)
        parts.append(f'<p>What is not in it:</p><ul id="left-out">{items}</ul>')
    for title, (command, why) in zip(text.titles, text.commands, strict=True):
        parts.append(f"<h3>{escape_html(title)}, made anew</h3><pre>{escape_html(command)}</pre>")
        if why:
            parts.append(
                f'<p class="soft">This command alone is not the run: {escape_html(why)}.</p>'
            )
    return "".join(parts)
