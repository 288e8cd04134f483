"""The quality of samples as a metric of a study."""

from __future__ import annotations

import pytest

from genlab import cli, runs, studies
from genlab.compare.over_seeds import paired_seeds
from genlab.core.errors import SpecError
from genlab.metrics.feature_quality import measure_quality
from genlab.runs import foreground
from genlab.studies.measure import measured_here, stored_result
from genlab.studies.study import Study
from genlab.studies.summary import summarise
from genlab.studies.tables import TABLES, start_table

BASE = {"model": "vae", "data": "digits", "steps": 8, "batch": 16, "hidden": 16, "latent": 2}


def test_a_difference_of_quality_is_that_of_the_runs_measured_one_by_one() -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 2, name="looks", quality=True)
    assert studies.open_study("looks").quality
    for cell in study.cells:
        foreground.resume(cell.run)
    stand = studies.state(study)
    assert studies.collect_metrics(study, stand, stored_result) == {}
    found = studies.collect_metrics(study, stand, measured_here)
    rows = {row.name: row for row in summarise(study, stand, found).rows}
    assert {"test_elbo", "quality_frechet", "quality_recall"} <= set(rows)
    alone = dict[tuple[int, int], float]()
    for cell in study.cells:
        view = runs.open_run(cell.run)
        values, _ = measure_quality(view.model(), view.data(), seed=0)
        alone[cell.arm, cell.seed] = next(
            one.estimate.value for one in values if one.estimate.series.name == "quality_frechet"
        )
    row = rows["quality_frechet"]
    assert row.second.values == pytest.approx([alone[1, 0], alone[1, 1]], rel=1e-4)
    by_hand = paired_seeds([alone[0, 0], alone[0, 1]], [alone[1, 0], alone[1, 1]])
    assert row.difference.value == pytest.approx(by_hand.value, rel=1e-3)
    # Held-out images and the classifier are the same for all runs: the interval is over seeds.
    assert row.difference.examples == 0


def test_a_run_counts_once_all_of_its_results_are_there() -> None:
    study = studies.create(BASE, {"latent": [2]}, 1, name="half", quality=True)
    foreground.resume(study.cells[0].run)
    half = studies.collect_metrics(
        study,
        studies.state(study),
        lambda kind, values: {"metrics": []} if kind == "evaluate" else None,
    )
    assert half == {}


@pytest.mark.parametrize(
    "base", [{"model": "gan", "data": "ring"}, {"model": "vae", "data": "moons"}]
)
def test_data_without_images_of_classes_are_refused(base: dict[str, str]) -> None:
    with pytest.raises(SpecError, match="images with classes"):
        studies.create({**base, "steps": 5}, {"batch": [16, 32]}, 2, quality=True)
    assert not runs.store().queue()


@pytest.mark.parametrize(
    "words",
    [
        ["--vary", "latent=2,4"],
        ["--search", "latent=2..4", "--trials=2"],
        ["--duel", "two"],
        ["--table", "families-digits"],
    ],
    ids=lambda words: words[0],
)
def test_every_way_of_the_command_takes_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    base = {"--duel": ["--data=digits"], "--table": []}.get(
        words[0], [f"--{name}={value}" for name, value in BASE.items() if name != "latent"]
    )
    assert cli.main(["study", "asked", *base, *words, "--seeds=1", "--quality"]) == 0
    assert studies.open_study("asked").quality
    capsys.readouterr()
    # Where there are no images with classes it is refused, and nothing is queued.
    waiting = runs.store().queue()
    ring = {"--duel": ["--data=ring"], "--table": []}.get(words[0], ["--model=vae", "--data=ring"])
    other = ["--table", "ring"] if words[0] == "--table" else words
    assert cli.main(["study", "not", *ring, *other, "--seeds=1", "--quality"]) != 0
    assert "images with classes" in capsys.readouterr().err
    assert runs.store().queue() == waiting


def test_the_record_of_an_older_study_has_none() -> None:
    values = studies.create(BASE, {"latent": [2]}, 1, name="older").values()
    del values["quality"]
    assert not Study.of("older", values).quality


def test_a_table_whose_metric_is_a_quality_measures_it() -> None:
    asked = {name: start_table(name, 1).quality for name in TABLES}
    assert asked["samples"]
    assert asked["families-digits"]
    assert not asked["ring"]
    assert asked == {name: row.metric.startswith("quality") for name, row in TABLES.items()}
