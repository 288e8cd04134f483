"""The table of mode coverage: its rows can be run, its verdict is that of known numbers."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import modes
from genlab import data as datasets
from genlab.core.random import scope
from genlab.divergences import Coverage, mode_coverage


@pytest.mark.parametrize("data", modes.DATA)
@pytest.mark.parametrize("name", modes.ROWS)
def test_every_row_is_a_run_of_the_app(name: str, data: str) -> None:
    spec = modes.spec_of(modes.ROWS[name], data, 3, {"steps": 7})
    flat = spec.flat()
    assert (flat["seed"], flat["steps"], flat["data"]) == (3, 7, data)
    assert all(flat[k] == v for k, v in modes.ROWS[name].settings.items())


@pytest.mark.parametrize(("data", "k"), [("ring", 8), ("grid", 25)])
def test_the_data_themselves_score_the_ceiling(data: str, k: int) -> None:
    """2,500 draws of the law: all modes, 98.89 % within 3 standard errors, KL at its floor."""
    spec = modes.spec_of(modes.ROWS["minimax"], data, 0, {})
    source = datasets.load(spec)
    with scope(0, "law"):
        x = source.train.x[torch.randperm(len(source.train))[: modes.SAMPLES]]
    assert source.modes is not None
    seen = mode_coverage(x, source.modes, source.extra["mode_std"])
    error = (0.9889 * 0.0111 / modes.SAMPLES) ** 0.5
    assert seen.modes == k
    assert seen.high_quality == pytest.approx(0.9889, abs=3 * error)
    assert 0.2 * seen.kl_floor < seen.kl < 3.0 * seen.kl_floor
    assert seen.kl_floor == pytest.approx((k - 1) / (2 * modes.SAMPLES), rel=0.03)


def planted(modes_seen: int, quality: float) -> Coverage:
    return Coverage(modes_seen, quality, 0.01, 0.001)


def test_the_verdict_counts_seeds_with_all_modes_and_quality(
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = [modes.Result("lsgan", "ring", s, 10.0, 9, planted(8, 0.95)) for s in range(4)]
    bad = modes.Result("lsgan", "ring", 4, 10.0, 9, planted(7, 0.97))
    left_out = modes.Result("r3gan", "ring", 0, skipped="no such option")
    assert modes.report([*good, bad, left_out], "ring")
    told = capsys.readouterr().out
    assert "4/5" in told
    assert "7.8" in told
    assert "no such option" in told
    assert "holds" in told
    poor = modes.Result("lsgan", "ring", 3, 10.0, 9, planted(8, 0.89))
    assert not modes.report([*good[:3], poor, bad], "ring")
    slow = modes.Result("lsgan", "ring", 4, 121.0, 9, planted(8, 0.95))
    assert not modes.report([*good, slow], "ring")


def test_a_row_whose_option_is_unknown_is_skipped_with_its_reason() -> None:
    found = modes.one(("minimax", "ring", 0, {"no_such_option": 1}))
    assert found.coverage is None
    assert "no_such_option" in found.skipped


def test_a_short_run_is_looked_at() -> None:
    found = modes.one(("nonsaturating", "ring", 0, {"steps": 2, "batch": 16}))
    assert found.coverage is not None
    assert 0.0 <= found.coverage.high_quality <= 1.0
    assert found.steps == 2


def test_runs_of_the_same_settings_are_not_repeated(tmp_path: Path) -> None:
    """What a file holds comes back as it was, unless its settings are no longer the row's."""
    out = tmp_path / "runs.json"
    assert modes.known(out, {}) == []
    settings = modes.spec_of(modes.ROWS["lsgan"], "ring", 1, {}).flat()
    run = modes.Result("lsgan", "ring", 1, 9.0, 5, planted(8, 0.9), settings=settings)
    left_out = modes.Result("r3gan", "ring", 0, skipped="no such option")
    out.write_text(json.dumps([asdict(run), asdict(left_out)]))
    assert modes.known(out, {}) == [run]
    assert modes.known(out, {"lr": 0.5}) == []
