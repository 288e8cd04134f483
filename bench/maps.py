"""Maps: seconds of t-SNE beside scikit-learn's at the same divergence; frames a second of a map.

``python -m bench.maps`` takes some minutes; ``--n`` makes the t-SNE smaller. ``--fps`` prints the
frames a second of a map of 10,000, 100,000 and 1,000,000 points while it is moved and while the
pointer moves over it, drawn point by point and drawn as pixels. ``--url http://...`` is a running
app with a run of at least 10,000 points on its map, once computed: it prints the seconds from the
address to the first drawn map, and the milliseconds of one drawing.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from genlab.figures.latent import map_bytes

STATIC = Path(__file__).resolve().parents[1] / "genlab" / "ui" / "static"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
#: Draws a map by itself and counts the frames of a second of moving it, and of moving over it.
#: ``asStamps`` draws as the map did before it wrote pixels: a stamp for each point, a search
#: through all points, and everything anew for the ring under the pointer.
FRAMES = """async ([data, asStamps, seconds]) => {
  const { mount } = await import("/explore/map.js");
  const { nearestPoint } = await import("/explore/search.js");
  document.body.replaceChildren();
  const parent = document.body.appendChild(document.createElement("div"));
  const asked = performance.now();
  mount({ data, parentElement: parent, setStateValue() {} });
  const { map } = parent.firstChild;
  while (map.positions.length < 2 * data.n) await new Promise((done) => setTimeout(done, 5));
  map.paint();
  const first = performance.now() - asked;
  if (asStamps) {
    map.mostStamps = Infinity;
    map.nearest = (at) => nearestPoint(map.px, at, 14);
    map.setHover = (row) => { map.hover = row; map.paint(); };
    map.update(data);
  }
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const rate = async (act) => {
    for (let k = 0; k < 3; k++) { await frame(); act(k); }
    const begun = performance.now();
    let frames = 0;
    while (performance.now() - begun < 1000 * seconds || frames < 3) {
      await frame();
      act(frames++);
    }
    return (1000 * frames) / (performance.now() - begun);
  };
  const moved = await rate((k) => { map.view.x = 40 * Math.sin(k / 10); map.paint(); });
  const took = Number(map.canvas.dataset.took);
  const box = map.canvas.getBoundingClientRect();
  const hovered = await rate((k) => map.handleMove({
    clientX: box.left + box.width * (0.5 + 0.3 * Math.sin(k / 7)),
    clientY: box.top + box.height * (0.5 + 0.3 * Math.cos(k / 5)),
  }));
  return [moved, took, hovered, first];
}"""


def tsne_seconds(n: int) -> None:
    """Seconds and final KL divergence of both on the codes of a mixture, one thread each."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    from genlab.latent.projection_methods import tsne

    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 16)) + 5 * rng.normal(size=(10, 16))[rng.integers(10, size=n)]
    tsne(x[:200], 0)
    with threadpool_limits(1):
        begun = time.process_time()
        theirs = TSNE(init="pca", random_state=0, n_jobs=1).fit(x)
        seconds = time.process_time() - begun
    goal, reached = float(theirs.kl_divergence_), []
    begun = time.process_time()

    def watch(*so_far: object) -> bool:
        reached.append(time.process_time() - begun)
        return len(so_far) == 3

    ours = tsne(x, 0, watch=watch)
    spent = time.process_time() - begun
    print(f"n = {n:,}: scikit-learn KL {goal:.4f} in {seconds:.1f} s of CPU")
    print(f"            here KL {ours.loss:.4f} in {spent:.1f} s, ratio {spent / seconds:.2f}")
    print(f"            first seen after {reached[0]:.2f} s")


def map_message(n: int) -> tuple[dict[str, Any], bytes]:
    """A map of n points in ten classes as the app sends one, and the file with its points."""
    rng = np.random.default_rng(0)
    label = rng.integers(10, size=n).astype(np.uint8)
    xy = rng.normal(size=(n, 2)) + 3 * rng.normal(size=(10, 2))[label]
    low, high = xy.min(0), xy.max(0)
    names = [str(k) for k in range(10)]
    content = map_bytes(xy, label.astype(np.int64), names, np.zeros(n, bool))
    message = {
        "id": f"bench-{n}",
        "n": n,
        "dims": 2,
        "low": low.tolist(),
        "high": high.tolist(),
        "binary": f"map-{n}.bin",
        "palette": [f"hsl({36 * k} 70% 45%)" for k in range(10)],
        "names": names,
        "grey": "#888888",
        "words": "a map",
    }
    return message, content


def frames(seconds: float, sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)) -> None:
    """Frames a second of maps of several sizes, both ways in one browser."""
    from playwright.sync_api import Route, sync_playwright

    files: dict[str, bytes] = {}

    def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name in files:
            route.fulfill(body=files[name], content_type="application/octet-stream")
            return
        path = STATIC / route.request.url.removeprefix("http://map.test/")
        if path.is_file():
            route.fulfill(path=path, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><body>", content_type="text/html")

    style = (STATIC / "explore/map.css").read_text()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 800, "height": 700})
        page.route("http://map.test/**", serve)
        page.goto("http://map.test/")
        page.add_style_tag(content=style)
        print("frames a second       moved   (ms of script)   pointer over it   first seen (s)")
        for n in sizes:
            message, files[f"map-{n}.bin"] = map_message(n)
            # A million stamps take seconds each.
            for as_stamps in (True, False) if n <= 100_000 else (False,):
                found = page.evaluate(FRAMES, [message, as_stamps, seconds])
                way = "stamps" if as_stamps else "pixels"
                print(
                    f"{n:>9,} as {way} {found[0]:>9.1f} {found[1]:>12.1f} {found[2]:>17.1f}"
                    f" {found[3] / 1000:>16.2f}",
                    flush=True,
                )
        browser.close()


def drawn(url: str) -> None:
    """Seconds until a computed map is drawn, and what one drawing costs the page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=FLAGS,
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        # The first visit warms the server; the second one is a reader's.
        for visit in ("first visit", "again"):
            begun = time.perf_counter()
            page.goto(url)
            page.get_by_role("heading", name="Explore").wait_for()
            there = time.perf_counter()
            canvas = page.locator("canvas.gl-scatter[data-points]").first
            canvas.wait_for(timeout=120_000)
            took, points = canvas.get_attribute("data-took"), canvas.get_attribute("data-points")
            seconds = time.perf_counter() - begun
            after = time.perf_counter() - there
            print(f"{visit}: {points} points drawn {seconds:.2f} s after the address,")
            print(f"    {after:.2f} s after the page's heading; one drawing takes {took} ms")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--url")
    parser.add_argument("--fps", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each measurement")
    given = parser.parse_args()
    if given.url:
        drawn(given.url)
    elif given.fps:
        frames(given.seconds)
    else:
        tsne_seconds(given.n)


if __name__ == "__main__":
    main()
