"""How soon the page answers an action while a VAE and a GAN both train, against an idle machine.

A real browser (chromium) opens Explore on the VAE that ships and asks for a random z again and
again; an answer is the decoded picture in the page. First on an idle server, then with both
trainings under way. Prints the medians, the 95th percentiles and their ratio; under 1 s is wanted.
Skips, and says so, where there is no chromium.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from genlab.testing.served import FLAGS, chromium, serving

ACTIONS = 30
PICTURE = "[data-testid=stImage] img >> nth=-1"


def answers(page: Any) -> list[float]:
    """Seconds from each click to the new picture."""
    button = page.get_by_role("button", name="Random z")
    took = []
    for _ in range(ACTIONS):
        before = page.locator(PICTURE).get_attribute("src")
        begun = time.perf_counter()
        button.click()
        while page.locator(PICTURE).get_attribute("src") == before:
            if time.perf_counter() - begun > 20:
                raise SystemExit("the page gave no answer within 20 s")
            time.sleep(0.005)
        took.append(time.perf_counter() - begun)
        time.sleep(0.2)
    return sorted(took)


def say(name: str, took: list[float]) -> float:
    """Print one row; the 95th percentile."""
    late = took[int(0.95 * len(took))]
    print(f"{name}: median {statistics.median(took):.3f} s, p95 {late:.3f} s, n = {len(took)}")
    return late


def main() -> int:
    """Measure; 1 where the target is missed."""
    program = chromium()
    if program is None:
        print("skipped: there is no chromium on the path")
        return 0
    from playwright.sync_api import sync_playwright

    from genlab import runs
    from genlab.core.run_spec import RunSpec

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), {"GENLAB_WORKERS": "2"}) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page()
        page.goto(f"{app.url}/explore?run=shipped:vae-mnist5k&tool=own")
        page.get_by_role("button", name="Random z").wait_for(timeout=120_000)
        page.locator(PICTURE).wait_for(timeout=60_000)
        idle = say("idle", answers(page))
        started = [
            runs.start(RunSpec.build(model=model, data="mnist5k", steps=1_000_000))
            for model in ("vae", "gan")
        ]
        until = time.monotonic() + 120
        while any(runs.store().get(run).step < 20 for run in started):
            if time.monotonic() > until:
                raise SystemExit("the runs did not start within two minutes")
            time.sleep(0.2)
        busy = say("a VAE and a GAN training", answers(page))
        browser.close()
        for run in started:
            runs.request(run, "stop")
    print(f"p95 with both training / idle: {busy / idle:.1f}x")
    return int(busy > 1.0)


if __name__ == "__main__":
    sys.exit(main())
