"""Photograph every page with real content, in each size, in light and in dark.

    PYTHONPATH=. python scripts/make_screenshots.py --out screens

The app is served on a store of its own. A VAE and two GANs are trained for it and a study of six
short runs. A real browser then opens each address of :mod:`genlab.testing.pages`, brings a table,
opens a room and asks it a question, and saves the first sight of each page and the whole of it.
What can be seen to be wrong (see ``faults``), and any error of a script, is printed. ``--keep``
renews the pictures that the README and the guides show. A ``chromium`` on the path is needed.
``--folder`` names a folder whose trained runs are used again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from genlab import runs, studies
from genlab.runs import foreground
from genlab.runs.rooms import end_room
from genlab.runs.store import ACTIVE
from genlab.testing.pages import ADDRESSES, faults, show_page
from genlab.testing.served import FLAGS, ROOT, App, chromium, serving
from genlab.ui.presets import PRESETS

#: Width and height of each screen.
SIZES = {"1440": (1440, 900), "960": (960, 540), "360": (360, 740)}
SCHEMES = ("light", "dark")
#: What is trained: the pair of the preset, so that Compare has something to say, and a small game.
PAIR = next(one for one in PRESETS if one.key == "duel")
TRAINED: dict[str, dict[str, Any]] = {
    **dict(zip(("vae", "digits"), map(dict, PAIR.runs.values()), strict=True)),
    "gan": {"model": "gan", "data": "ring", "steps": 2000},
}
TITLES = {"vae": "VAE on digits", "digits": "GAN on digits", "gan": "GAN on a ring"}
STUDY = "does-batch-matter"
#: The pictures of the README and the guides: page, size and scheme of each.
KEPT = {
    "start": ("start", "1440", "light"),
    "compare": ("compare", "1440", "light"),
    "explore": ("explore", "1440", "light"),
    "watch-phone": ("watch", "360", "dark"),
}
KEPT_HEIGHT, KEPT_WIDTH = 900, 1200
#: A page is photographed to this height at most.
MOST_HEIGHT = 9000
HEIGHT = "document.querySelector('[data-testid=stMain]').scrollHeight"


def trained_runs(folder: Path) -> dict[str, str]:
    """The ids of the runs by their names; trained where the folder does not know them."""
    known = folder / "trained.json"
    if known.exists():
        return dict(json.loads(known.read_text()))
    made = {
        name: foreground.train({**values, "seed": 0}, title=TITLES[name]).id
        for name, values in TRAINED.items()
    }
    base = {"model": "gan", "data": "ring", "steps": 150}
    studies.create(base, {"batch": [32, 128]}, 3, name=STUDY, title="Does the batch size matter?")
    known.write_text(json.dumps({**made, "study": STUDY}))
    return {**made, "study": STUDY}


def wait_for_study(name: str) -> None:
    """Wait until the runs of the study are done."""
    runs.ensure_supervisor()
    store, cells = runs.store(), studies.open_study(name).cells
    while any(store.get(cell.run).status in ACTIVE for cell in cells):
        time.sleep(1.0)


def end_rooms() -> None:
    """End the rooms that an earlier picture needed."""
    for item in runs.store().items("room"):
        end_room(runs.store(), item.id)


def open_tab(context: Any) -> Any:
    """A tab of a browser that prints what goes wrong in it."""
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: print(f"   error: {error}"))
    page.on("response", report)
    return page


def report(response: Any) -> None:
    """Print an answer that is an error; Streamlit first asks for its own below the page's name."""
    if response.status >= 400 and "/_stcore/" not in response.url:
        print(f"   {response.status}: {response.url}")


def photograph(page: Any, size: tuple[int, int]) -> tuple[bytes, bytes]:
    """The first sight of a page, and the whole of it."""
    first = page.screenshot()
    for _ in range(3):
        height = min(MOST_HEIGHT, max(size[1], page.evaluate(HEIGHT) + 1))
        page.set_viewport_size({"width": size[0], "height": height})
        page.wait_for_timeout(900)
        if page.evaluate(HEIGHT) <= height:
            break
    whole = page.screenshot()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    return first, whole


def visit(
    browser: Any,
    app: App,
    made: dict[str, str],
    out: Path,
    names: Sequence[str],
    sizes: Sequence[str],
    schemes: Sequence[str],
) -> None:
    """Save the pictures of all pages."""
    for scheme in schemes:
        for label in sizes:
            width, height = size = SIZES[label]
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            for name in names:
                end_rooms()
                page = open_tab(context)
                show_page(page, app.url, name, made)
                first, whole = photograph(page, size)
                (out / f"{name}-{label}-{scheme}.png").write_bytes(whole)
                (out / f"{name}-{label}-{scheme}-first.png").write_bytes(first)
                print(f"{name} {label} {scheme}", *faults(page), sep="\n   ")
                page.close()
            context.close()


def keep(out: Path) -> None:
    """Renew the pictures of the README and the guides."""
    for target, (name, label, scheme) in KEPT.items():
        picture = Image.open(io.BytesIO((out / f"{name}-{label}-{scheme}-first.png").read_bytes()))
        picture = picture.convert("RGB")
        if picture.width > KEPT_WIDTH:
            height = round(picture.height * KEPT_WIDTH / picture.width)
            picture = picture.resize((KEPT_WIDTH, height), Image.Resampling.LANCZOS)
        picture.save(ROOT / "docs" / "images" / f"{target}.webp", quality=85, method=6)


def main() -> None:
    """Train, serve, photograph."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("screens"))
    parser.add_argument("--folder", type=Path, help="of the store; a fresh one where not given")
    parser.add_argument("--pages", nargs="*", default=list(ADDRESSES), choices=list(ADDRESSES))
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--schemes", nargs="*", default=SCHEMES, choices=SCHEMES)
    parser.add_argument("--keep", action="store_true", help="renew docs/images")
    values = parser.parse_args()
    path = chromium()
    if path is None:
        raise SystemExit("no chromium on this machine; install it first")
    values.out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = values.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        app = stack.enter_context(serving(folder))
        made = trained_runs(folder)
        wait_for_study(made["study"])
        play = stack.enter_context(sync_playwright())
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        visit(browser, app, made, values.out, values.pages, values.sizes, values.schemes)
        browser.close()
    if values.keep:
        keep(values.out)


if __name__ == "__main__":
    main()
