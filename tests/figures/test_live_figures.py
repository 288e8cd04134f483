"""Charts and columns of the live view."""

from __future__ import annotations

import itertools

from genlab.core.measure import Series
from genlab.figures.live import blocks, charts, thin_rows
from genlab.runs.store import Record


def test_thinning_chooses_the_same_rows_whatever_was_asked_before() -> None:
    rows = [Record(step, "scalars", {"a": 1.0}) for step in range(0, 4000, 4)]
    whole = thin_rows(rows, 100, every=4)
    part = thin_rows(rows[:900], 100, every=4)
    assert len(whole) <= 101
    assert {row.step for row in part[:-1]} <= {row.step for row in whole}
    assert whole[-1].step == 3996
    steps = [row.step for row in whole[:-1]]
    assert {b - a for a, b in itertools.pairwise(steps)} == {64}


def test_a_group_with_two_units_is_two_charts() -> None:
    rows = [
        Series("a", "A", "latent", "count", "exact").flat(),
        Series("b", "B", "latent", "nats", "exact").flat(),
        Series("c", "C", "loss", "nats", "training batch", 64).flat(),
    ]
    found = charts(rows)
    assert [chart["title"] for chart in found] == [
        "Latent code (count)",
        "Latent code (nats)",
        "Loss terms",
    ]
    assert found[2]["note"] == "nats, training batch, n = 64"


def test_what_is_at_most_log_2_is_not_drawn_beside_what_has_no_bound() -> None:
    rows = [
        Series("js", "JS", "js", "nats", "grid", 2000, "lower", 0.01, "perfect sampler").flat(),
        Series("kl", "KL", "divergence", "nats", "grid", 2000, "lower", 0.2, "perfect").flat(),
        Series("w1", "W1", "distance", "data units", "grid").flat(),
    ]
    found = {chart["title"]: [line["truth"] for line in chart["lines"]] for chart in charts(rows)}
    assert found == {
        "Jensen-Shannon divergence": [0.01],
        "Divergences": [0.2],
        "Distances": [None],
    }


def test_series_written_apart_keep_their_own_steps() -> None:
    rows = [
        Record(0, "scalars", {"val": 1.0}),
        Record(1, "scalars", {"loss": 3.0}),
        Record(2, "scalars", {"loss": 2.123456789}),
        Record(2, "scalars", {"val": 0.5}),
        Record(2, "frame", {"panels": ["samples"]}),
    ]
    assert blocks(rows, most=100) == [
        {"step": [0, 2], "v": {"val": [1.0, 0.5]}},
        {"step": [1, 2], "v": {"loss": [3.0, 2.12346]}},
    ]
