"""Maps: seconds of t-SNE beside scikit-learn's at the same divergence; 10,000 points drawn.

``python -m bench.maps`` takes some minutes; ``--n`` makes the t-SNE smaller. The page's part is
``--url http://...``, a running app with a run of at least 10,000 points on its map, once computed:
it prints the seconds from the address to the first drawn map, and the milliseconds of one drawing.
"""

from __future__ import annotations

import argparse
import shutil
import time

import numpy as np


def tsne_seconds(n: int) -> None:
    """Seconds and final KL divergence of both on the codes of a mixture, one thread each."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    from genlab.latent.projections import tsne

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


def drawn(url: str) -> None:
    """Seconds until a computed map is drawn, and what one drawing costs the page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic"],
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
    given = parser.parse_args()
    if given.url:
        drawn(given.url)
    else:
        tsne_seconds(given.n)


if __name__ == "__main__":
    main()
