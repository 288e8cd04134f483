"""A folder of hand-outs with an index: a static site that any web server can publish."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from genlab import runs
from genlab.core.errors import SpecError
from genlab.core.escape import escape_html
from genlab.data.base import Progress
from genlab.replay.handout import LIMIT, handout
from genlab.replay.page import FORMAT, META
from genlab.report import name_of

INDEX = "index.html"
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
THUMBNAIL = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]{0,200000}")
STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --back: #fff; --card: #f4f5f7; --soft: #555;
  --link: #005a8c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --back: #0f1419; --card: #1a2027;
  --soft: #a9b0b8; --link: #7cc7f2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 20px 48px; max-width: 1100px; color: var(--ink);
  background: var(--back); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0 0 4px; font-size: 28px; line-height: 1.25; }
p { margin: 4px 0; } .soft { color: var(--soft); font-size: 14px; }
ul { list-style: none; margin: 20px 0 0; padding: 0; display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 280px), 1fr)); }
li { padding: 12px; background: var(--card); border-radius: 10px; min-width: 0; }
a { display: block; min-height: 44px; color: var(--link); font-weight: 600; }
a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
img { display: block; width: 100%; max-width: 220px; height: auto; image-rendering: pixelated;
  border-radius: 6px; margin-bottom: 6px; }
"""


@dataclass(frozen=True)
class Site:
    """A site that was written.

    Args:
        index: its first page.
        handouts: names of the files that it lists.
        notes: sentences on what was passed over.
    """

    index: Path
    handouts: Sequence[str]
    notes: Sequence[str]


class _Meta(HTMLParser):
    """Finds the element that says what a hand-out is about."""

    def __init__(self) -> None:
        super().__init__()
        self.text: str | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and self.text is None and dict(attrs).get("id") == META

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text = (self.text or "") + data


def read_meta(path: Path) -> dict[str, Any] | None:
    """What a hand-out says of itself; None where the file is no hand-out.

    A file may be from anyone: what it says is checked, and escaped where it is shown.
    """
    parser = _Meta()
    try:
        parser.feed(path.read_text(encoding="utf-8"))
        found = json.loads(parser.text or "null")
    except (OSError, ValueError):
        return None
    if not isinstance(found, Mapping) or found.get("format") != FORMAT:
        return None
    about, thumbnail = found.get("about"), str(found.get("thumbnail", ""))
    return {
        "title": str(found.get("title", path.stem))[:300],
        "about": [str(one)[:300] for one in about[:8]] if isinstance(about, list) else [],
        "made": str(found.get("made", ""))[:40],
        "thumbnail": thumbnail if THUMBNAIL.fullmatch(thumbnail) else "",
    }


def file_name(title: str, run: str) -> str:
    """A name for a hand-out that every file system and every server takes.

    Example:
        >>> file_name("VAE: <b>on</b> digits", "r1"), file_name("…", "shipped:vae")
        ('vae-b-on-b-digits-r1.html', 'run-shipped-vae.html')
    """

    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

    return f"{plain(title)[:60].strip('-') or 'run'}-{plain(run)[-40:]}.html"


def write_site(
    folder: Path,
    refs: Sequence[str] = (),
    *,
    title: str = "",
    limit: int = LIMIT,
    progress: Progress | None = None,
) -> Site:
    """Write hand-outs and an index of all hand-outs of a folder.

    Exported runs in the folder become hand-outs too. Nothing else in the folder is changed.

    Args:
        folder: where to; made where there is none.
        refs: runs to add.
        title: of the index.
        limit: bytes of each hand-out at most.
        progress: called with a fraction and a sentence.

    Raises:
        SpecError: if there is nothing to publish, or another page is in the way.
        GenlabError: if a run cannot be written; hand-outs before it stay.
    """
    tell = progress or (lambda *_: None)
    index = folder / INDEX
    if index.exists() and POLICY not in index.read_text(encoding="utf-8", errors="replace"):
        raise SpecError(
            "folder", str(folder), f"its {INDEX} is not of this program; choose another"
        )
    folder.mkdir(parents=True, exist_ok=True)
    exported = sorted(str(path.parent) for path in folder.glob("*/run.json"))
    wanted = list(dict.fromkeys([*exported, *refs]))
    for i, ref in enumerate(wanted):

        def part(share: float, words: str, i: int = i) -> None:
            tell((i + share) / len(wanted), words)

        view = runs.open_run(ref, paths=True)
        found = handout([ref], limit=limit, progress=part)
        name = file_name(name_of(view.row), Path(view.id).name)
        (folder / name).write_bytes(found.html)
    listed: dict[str, dict[str, Any]] = {}
    notes = []
    for path in sorted(folder.glob("*.html")):
        if path.name == INDEX:
            continue
        meta = read_meta(path)
        if meta is None:
            notes.append(f"{path.name} is no hand-out of this program, so it is not listed.")
        else:
            listed[path.name] = meta
    if not listed:
        raise SpecError("folder", str(folder), "it holds no hand-out; name a run to publish")
    index.write_text(_index(title or "Runs to take home", listed), encoding="utf-8")
    return Site(index, list(listed), notes)


def _index(title: str, listed: Mapping[str, Mapping[str, Any]]) -> str:
    items = []
    for name, meta in listed.items():
        image = f'<img src="{escape_html(meta["thumbnail"])}" alt="">' if meta["thumbnail"] else ""
        about = "".join(f"<p>{escape_html(one)}</p>" for one in meta["about"])
        items.append(
            f'<li>{image}<a href="{quote(name)}">{escape_html(meta["title"])}</a>{about}'
            f'<p class="soft">{escape_html(meta["made"])}</p></li>'
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape_html(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape_html(title)}</h1>"
        "<p>Each page replays by itself, with or without a network.</p>"
        f"<ul>{''.join(items)}</ul></main></body></html>\n"
    )
