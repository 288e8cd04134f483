"""A stranger's garbage: no 5xx and no traceback. ``bench/hostile.py`` is the long form."""

from __future__ import annotations

from pathlib import Path

from bench.hostile import GROWTH, campaign
from genlab.testing.served import serving


def test_garbage_is_answered_without_a_traceback_and_with_flat_memory(tmp_path: Path) -> None:
    with serving(tmp_path) as app:
        result = campaign(app, 700)
    assert not result.bad, "\n".join(result.bad)
    assert result.tracebacks == 0, app.log.read_text(errors="replace")[-6000:]
    assert result.growth < GROWTH
    # It reached what it should: pages and refusals of every kind.
    assert {200, 400, 403, 404, 405, 421} <= set(result.statuses)
