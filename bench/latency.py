"""How soon the page answers an action while a VAE and a GAN both train, against an idle machine.

A real browser (chromium) opens Explore on the VAE that ships and asks for a random z again and
again; an answer is the decoded picture in the page. First on an idle server, then with both
trainings under way. Prints the medians, the 95th percentiles and their ratio; under 1 s is wanted.
Skips, and says so, where there is no chromium.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ACTIONS = 30
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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
    chromium = shutil.which("chromium")
    if chromium is None:
        print("skipped: there is no chromium on the path")
        return 0
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "GENLAB_STORE": f"sqlite:///{folder}/genlab.db",
            "GENLAB_FILES": folder,
            "GENLAB_WORKERS": "2",
        }
        from genlab import runs
        from genlab.spec import RunSpec

        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
        server = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started: list[str] = []
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                page = browser.new_page()
                address = f"http://127.0.0.1:{port}/explore?run=shipped:vae-mnist5k&tool=own"
                for _ in range(100):
                    try:
                        page.goto(address)
                        break
                    except Exception:
                        time.sleep(0.2)
                page.get_by_role("button", name="Random z").wait_for(timeout=120_000)
                page.locator(PICTURE).wait_for(timeout=60_000)
                idle = say("idle", answers(page))
                for model in ("vae", "gan"):
                    spec = RunSpec.build(model=model, data="mnist5k", steps=1_000_000)
                    started.append(runs.start(spec))
                until = time.monotonic() + 120
                while any(runs.store().get(run).step < 20 for run in started):
                    if time.monotonic() > until:
                        raise SystemExit("the runs did not start within two minutes")
                    time.sleep(0.2)
                busy = say("a VAE and a GAN training", answers(page))
                browser.close()
            print(f"p95 with both training / idle: {busy / idle:.1f}x")
            return int(busy > 1.0)
        finally:
            for run in started:
                runs.request(run, "stop")
            until = time.monotonic() + 20
            while runs.store().runs(status={"running"}) and time.monotonic() < until:
                time.sleep(0.1)
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    sys.exit(main())
