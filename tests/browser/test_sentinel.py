"""The sentinel in a real browser: a failure appears on the page while the run goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from genlab import runs
from genlab.core.measure import Series
from genlab.runs.store import Record
from genlab.testing.scripted_run import SERIES, ScriptedRun

LOOKS = (
    Series("val_kl", "KL, held-out", "divergence", "nats", "exact", 256),
    Series("active_units", "active units", "latent", "count", "Monte Carlo", 256),
)


@pytest.fixture
def run(app: Any) -> Iterator[ScriptedRun]:
    made = ScriptedRun(runs.store(), runs.files(), title="Falls silent")
    made.store.describe(made.id, [series.flat() for series in (*SERIES, *LOOKS)])
    yield made
    with contextlib.suppress(Exception):
        made.end("stopped")
        runs.delete(made.id)


def see(run: ScriptedRun, kl: float, active: int) -> None:
    """A hundred steps, and a look at the end of them."""
    run.go(100)
    values = {"val_kl": kl, "active_units": float(active)}
    run.store.append(run.id, [Record(run.step, "scalars", values)])


def test_a_failure_appears_while_the_run_goes_on(page: Any, app: Any, run: ScriptedRun) -> None:
    see(run, 5.0, 3)
    page.goto(f"{app.url}/watch?run={run.id}")
    expect(page.get_by_text("No problem found so far")).to_be_visible()
    for _ in range(4):
        see(run, 1e-4, 0)
    expect(page.get_by_text("Posterior collapse since step 200")).to_be_visible()
    expect(page.get_by_text("No problem found so far")).to_have_count(0)
    expect(page.get_by_text("KL(q(z|x) ‖ p(z)) = 0.0001 nats in all")).to_be_visible()
    see(run, 5.0, 3)
    expect(page.get_by_text("No problem found so far")).to_be_visible()
    assert page.console_errors == []
