"""A run with very many records: thinned on the server, with every extreme, and quickly opened."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from genlab import runs
from genlab.core.condense import FULL_ROWS, condense
from genlab.figures.live import blocks, events
from genlab.report import answers
from genlab.report.answers import delta_values
from genlab.runs import ladder
from genlab.runs.sql import SqlStore
from genlab.runs.store import Record
from genlab.testing.scripted_run import ScriptedRun

MANY = 100_000
PEAK, HOLE, BROKEN = 61_803, 27_182, 31_415


def values(step: int) -> dict[str, float | None]:
    elbo = -100 - math.sin(step / 500) + 40 * (step == PEAK) - 50 * (step == HOLE)
    return {"elbo": elbo, "kl": None if step == BROKEN else step / 1e5}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedRun]:
    folder = tmp_path_factory.mktemp("long")
    runs.configure(f"sqlite:///{folder}/genlab.db", folder)
    made = ScriptedRun(runs.store(), runs.files(), steps=2 * MANY)
    for first in range(0, MANY, 5000):
        steps = range(first, first + 5000)
        runs.store().append(made.id, [Record(s, "scalars", values(s)) for s in steps])
    yield made
    runs.configure()


def test_every_extreme_is_sent_and_no_more_rows_than_a_chart_shows(run: ScriptedRun) -> None:
    answer = delta_values(runs.open_run(run.id))
    (block,) = answer["rows"]
    assert len(block["step"]) <= FULL_ROWS + 2
    assert block["step"] == sorted(set(block["step"]))
    assert {PEAK, HOLE, MANY - 1} <= set(block["step"])
    found = [v for v in block["v"]["elbo"] if v is not None]
    whole = [values(step)["elbo"] or 0.0 for step in range(MANY)]
    assert max(found) == pytest.approx(max(whole), abs=1e-3)
    assert min(found) == pytest.approx(min(whole), abs=1e-3)
    assert [e["step"] for e in answer["events"]] == [BROKEN]


def test_who_opens_it_first_reads_the_ladder_and_what_is_new(
    run: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers._KEPT.clear()
    whole = delta_values(runs.open_run(run.id))
    view = runs.open_run(run.id)
    ladder.extend_ladder(view.files, view.read)
    read: list[int] = []
    plain = SqlStore.read

    def counted(*words: Any, **values: Any) -> list[Record]:
        found = plain(*words, **values)
        read.append(len(found))
        return found

    monkeypatch.setattr(SqlStore, "read", counted)
    answers._KEPT.clear()
    assert delta_values(runs.open_run(run.id)) == whole
    assert sum(read) == 1
    runs.store().append(run.id, [Record(MANY, "event", {"level": "info", "message": "m"})])
    answers._KEPT.clear()
    assert delta_values(runs.open_run(run.id))["events"][-1]["message"] == "m"
    assert sum(read) == 3


@pytest.mark.parametrize("wrong", ["step", "time", "text", "later"])
def test_a_ladder_of_another_store_is_passed_over(run: ScriptedRun, wrong: str) -> None:
    answers._KEPT.clear()
    view = runs.open_run(run.id)
    ladder.extend_ladder(view.files, view.read)
    path = view.files.path(ladder.FILE)
    good = view.files.folder.read(path)
    values = json.loads(good)
    if wrong == "later":
        values["last"][3] += 10**9
    elif wrong != "text":
        values["last"][{"step": 0, "time": 4}[wrong]] += 1
    values["records"] = values["records"][:10]
    bad = b"[" if wrong == "text" else json.dumps(values).encode()
    view.files.folder.write(path, bad)
    assert view.ladder() == (0, [])
    assert len(delta_values(view)["rows"][0]["step"]) > 500
    view.files.folder.write(path, good)
    assert len(view.ladder()[1]) > 500


def test_what_comes_later_is_there_and_the_rest_is_as_before(run: ScriptedRun) -> None:
    before = delta_values(runs.open_run(run.id))
    runs.store().append(run.id, [Record(MANY, "scalars", {"elbo": 7.0, "kl": 1.0})])
    after = delta_values(runs.open_run(run.id))
    assert after["seq"] > before["seq"]
    assert after["rows"][0]["step"][-1] == MANY
    assert after["rows"][0]["v"]["elbo"][-1] == 7.0
    assert set(before["rows"][0]["step"]) <= set(after["rows"][0]["step"])
    # Another process, which has kept nothing, sees the same.
    answers._KEPT.clear()
    anew = delta_values(runs.open_run(run.id))
    assert {PEAK, HOLE, MANY} <= set(anew["rows"][0]["step"])


def test_few_records_stay_as_they_are_and_condensing_changes_no_answer() -> None:
    few = [Record(s, "scalars", values(s)) for s in range(100)]
    assert condense(few) == few
    many = [Record(s, "scalars", values(s), seq=s) for s in range(40_000)]
    many.insert(20_000, Record(20_000, "event", {"level": "info", "message": "m"}))
    short = condense(many)
    assert len(short) < 2 * FULL_ROWS
    assert events(short) == events(many)
    assert blocks(short, most=FULL_ROWS)[0]["step"][-1] == 39_999


def test_steps_that_a_resumed_run_repeated_are_there_once() -> None:
    rows = [Record(s, "scalars", {"a": 0.0}) for s in range(20_000)]
    rows += [Record(s, "scalars", {"a": 1.0}) for s in range(15_000, 30_000)]
    found = condense(rows)
    steps = [record.step for record in found]
    assert steps == sorted(set(steps))
    assert all(record.payload["a"] == (record.step >= 15_000) for record in found)
