"""The sentences of a result say what the numbers say, and over what their interval is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genlab.compare.answer import ONE_TRAINING, answer
from genlab.compare.difference import paired_difference


def side(rows: dict[str, tuple[float, str, str]], **more: Any) -> dict[str, Any]:
    """What the job ``evaluate`` gives: by name a value, its kind and its direction."""
    metrics = [
        {
            "name": name,
            "title": name,
            "value": value,
            "low": value - 0.5,
            "high": value + 0.5,
            "unit": "nats",
            "kind": kind,
            "n": 50,
            "direction": direction,
            "how": "mean ± 1.96 SE over test examples",
        }
        for name, (value, kind, direction) in rows.items()
    ]
    return {"metrics": metrics, "examples": "x", **more}


def pair(gap: float) -> dict[str, dict[str, Any]]:
    draw = np.random.default_rng(0)
    a = draw.normal(2.0, 1.0, 200)
    b = a + draw.normal(gap, 0.5, 200)
    rows = [{"d": (float(x.mean()), "Monte Carlo", "lower")} for x in (a, b)]
    return {
        title: side(row, **{"values.d": x})
        for title, row, x in zip("AB", rows, (a, b), strict=True)
    }


@pytest.mark.parametrize(("gap", "words"), [(1.0, "A is better than B"), (-1.0, "B is better")])
def test_the_better_run_is_named_with_the_paired_interval(gap: float, words: str) -> None:
    found = pair(gap)
    said = answer(found)
    assert said.headline[0].startswith(words)
    known = paired_difference(found["A"]["values.d"], found["B"]["values.d"])
    for value in (known.value, known.low, known.high):
        assert f"{value:.4g}" in said.interval
    assert "over the same 200 test examples" in said.interval
    assert said.interval.endswith(ONE_TRAINING)


def test_no_difference_is_no_verdict() -> None:
    said = answer(pair(0.0))
    assert said.headline[0].startswith("No difference of A and B is shown by d")
    assert "better than" not in said.headline[0]


def test_a_number_over_the_same_examples_comes_before_a_bound_and_before_others() -> None:
    found = pair(1.0)
    for one in found.values():
        extra = side({"bound": (1.0, "lower bound", "higher"), "loose": (9.0, "grid", "lower")})
        one["metrics"] = extra["metrics"] + one["metrics"]
        one["values.bound"] = one["values.d"] + np.arange(200) * 1e-3
    assert "by d:" in answer(found).headline[0]
    assert answer(found).more[0].startswith("Of 3 numbers that A and B share")


def test_a_difference_that_holm_takes_back_says_so() -> None:
    names = [f"m{i}" for i in range(20)]
    a = side(dict.fromkeys(names, (0.0, "grid", "lower")))
    b = side({name: (0.75 if name == "m0" else 0.0, "grid", "lower") for name in names})
    assert (
        "but not after the correction for several numbers" in answer({"A": a, "B": b}).headline[0]
    )


def test_other_data_are_not_compared_and_nothing_shared_is_said() -> None:
    said = answer(pair(1.0), [{"data": "ring"}, {"data": "grid"}])
    assert "different data" in said.headline[0]
    assert said.interval == ""
    none = answer({"A": side({"p": (1.0, "grid", "none")}), "B": side({})})
    assert "share no number" in none.headline[0]
    assert answer({"A": side({})}, missing="later").headline == ["later"]


def test_other_test_examples_are_said() -> None:
    a, b = side({"d": (1.0, "grid", "lower")}), side({"d": (3.0, "grid", "lower")})
    assert "not the same" in answer({"A": a, "B": b | {"examples": "y"}}).interval
    assert "not the same" not in answer({"A": a, "B": b}).interval
    assert answer({"A": a, "B": b, "C": a}).headline[1].startswith("No difference of A and C")
