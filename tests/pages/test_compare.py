"""Compare: the runs of the URL, the pair, and metrics that are those of the model."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from genlab import runs, studies
from genlab.compare import duel
from genlab.core.run_spec import RunSpec
from genlab.metrics.evaluation import evaluate
from genlab.report.tables import METRIC_VALUES, SEED
from genlab.runs.store import job_key


def press(app, label):
    next(button for button in app.button if button.label == label).click()
    return app.run()


def test_without_runs_a_pair_is_offered_and_started_alike(visit, home):
    app = visit("compare")
    assert any("Nothing to compare yet" in text.value for text in app.markdown)
    app.number_input[0].set_value(7)
    app = press(app, "Start a pair")
    rows = {row.id: row.spec for row in runs.store().runs()}
    assert {spec["model"] for spec in rows.values()} == {"vae", "gan"}
    for name in ("data", "seed", "steps", "batch", "latent", "hidden", "layers"):
        assert len({spec[name] for spec in rows.values()}) == 1
    assert {spec["seed"] for spec in rows.values()} == {7}
    assert set(app.query_params["runs"].split(",")) == set(rows)
    assert set(app.multiselect[0].value) == set(rows)
    # What both hold is printed, and is what was counted.
    budgets = [duel.budget(RunSpec.build(**spec)) for spec in rows.values()]
    counts = [table for table in tables(app) if "parameters" in table]
    assert counts
    for table in counts:
        cells = {cell for column in table.values() for cell in column}
        for one in budgets:
            assert {f"{n:,}" for n in one.parts.values()} <= cells
    ratio = f"ratio {duel.ratio(*budgets):.2f}"
    assert any(ratio in text.value for text in app.caption)


def named(app) -> list[str]:
    """What stands beside the marks of the runs."""
    return [re.sub("<[^>]+>", " ", one.proto.body).strip() for one in app.get("html")]


class Tables(HTMLParser):
    """The cells of the tables of a page, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag, attrs) -> None:
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("th", "td")
        if self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag) -> None:
        self.inside = False

    def handle_data(self, data) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def tables(app) -> list[dict[str, list[str]]]:
    """The tables of a page by the titles of their columns."""
    found = []
    for one in app.get("html"):
        if "<table>" in one.proto.body:
            parser = Tables()
            parser.feed(one.proto.body)
            head, *rows = parser.rows
            found.append({title: [row[i] for row in rows] for i, title in enumerate(head)})
    return found


def metric_tables(app) -> list[dict[str, list[str]]]:
    return [table for table in tables(app) if "metric" in table]


def test_the_table_holds_the_metrics_of_the_models(visit, work, shelf):
    # What the tests before this one asked for is none of its jobs.
    work()
    app = visit("compare", runs=f"{shelf['vae']},{shelf['gan']}")
    assert not app.exception
    assert not metric_tables(app)
    assert sum("Real data" in one.proto.body for one in app.get("html")) == 1
    # The metrics of both, and the codes of the real examples for the generator.
    assert work() == 3
    app = app.run()
    differences, table = metric_tables(app)
    assert {"vae", "gan", "metric"} <= set(table)
    view = runs.open_run(shelf["vae"])
    expected = {e.series.title: e for e in evaluate(view.model(), view.data(), 0, 1000)}
    cells = dict(zip(table["metric"], table["vae"], strict=True))
    for title, estimate in expected.items():
        assert float(cells[title].split(" ")[0]) == pytest.approx(estimate.value, rel=2e-3)
    kinds = dict(zip(table["metric"], table["kind of number"], strict=True))
    assert any("lower bound" in text for text in kinds.values())
    assert all(table["95 % interval"])
    # The only metric that a VAE and a GAN share on pictures.
    assert [text.split(" of ")[0] for text in differences["metric"]] == ["energy distance"]
    assert set(differences["difference"]) == {"gan − vae"}
    found = [
        runs.job_result(
            job_key("evaluate", {"run": shelf[run], "step": step, "seed": SEED, **METRIC_VALUES})
        )
        for run, step in (("vae", 40), ("gan", 12))
    ]
    first, second = (one["values.test_energy"] for one in found)
    gap, noise = second - first, sum(one["noise"]["test_energy"] for one in found)
    half = 1.96 * (gap.var(ddof=1) / len(gap) + noise) ** 0.5
    cell = differences["value"][0].replace("[", "").replace("]", "").replace(",", "").split()
    assert [float(one) for one in cell] == pytest.approx(
        [gap.mean(), gap.mean() - half, gap.mean() + half], rel=2e-3, abs=2e-3
    )
    assert "paired" in differences["95 % interval"][0]


def test_the_url_names_a_moment_and_the_snapshots_nearest_to_it_are_shown(visit, shelf):
    # Both have an encoder: nothing is sought by inversion at these steps.
    pair = f"{shelf['vae']},{shelf['cvae']}"
    app = visit("compare", runs=pair, step="9")
    assert not app.exception
    said = [text.value for text in app.caption]
    for run in ("vae", "cvae"):
        # Which snapshots there are depends on how quick the machine was.
        there = runs.open_run(shelf[run]).snapshots()
        near = min(there, key=lambda step: (abs(step - 9), step))
        assert f"{run} snapshot of step {near}" in named(app)
    assert any("same z, drawn with one seed (3 dimensions)" in text for text in said)
    assert app.query_params["step"] == "9"
    app = visit("compare", runs=pair, clock="seconds", second="0")
    assert not app.exception
    assert "cvae snapshot of step 0" in named(app)
    assert app.query_params["clock"] == "seconds"
    app = visit("compare", runs=f"{shelf['vae']},{shelf['gan']}", clock="moon", step="1e9")
    assert not app.exception
    said = [text.value for text in app.caption]
    assert "gan snapshot of step 12" in named(app)
    assert any("codes are not the same z" in text and "gan: 64" in text for text in said)


def test_a_run_that_goes_on_is_looked_at_anew_only_when_asked(visit, shelf, monkeypatch):
    from genlab.runs.catalog import RunView
    from genlab.ui.live import side_by_side

    there = runs.open_run(shelf["vae"]).snapshots()
    known = {"n": 1}
    monkeypatch.setattr(side_by_side, "ACTIVE", {"done"})
    monkeypatch.setattr(RunView, "snapshots", lambda self: self.files.steps()[: known["n"]])
    app = visit("compare", runs=f"{shelf['vae']},{shelf['cvae']}")
    assert "vae snapshot of step 0" in named(app)
    known["n"] = len(there)
    app = app.run()
    assert "vae snapshot of step 0" in named(app)
    app = press(app, "Renew")
    assert not app.exception
    assert f"vae snapshot of step {there[-1]}" in named(app)


def test_runs_of_other_data_and_without_codes_say_so(visit, shelf):
    app = visit("compare", runs=f"{shelf['ring']},{shelf['made']}")
    assert not app.exception
    said = " ".join(text.value for text in app.caption)
    assert "the runs have different data" in said
    assert "no latent code" in said


def test_the_two_sample_test_runs_on_request(visit, work, shelf):
    app = visit("compare", runs=f"{shelf['vae']},{shelf['gan']}")
    work()
    app = app.run()
    titles = set(metric_tables(app)[1]["metric"])
    app.toggle[0].set_value(True)
    app = app.run()
    assert not app.exception
    assert work() == 2
    app = app.run()
    table = metric_tables(app)[1]
    added = set(table["metric"]) - titles
    assert len(added) == 5
    assert all("C2ST" in title for title in added)
    place = table["metric"].index("JS(held-out ‖ generated) ≥, by C2ST")
    bound = {title: column[place] for title, column in table.items()}
    for run in ("vae", "gan"):
        value, low = (float(text.strip("[,")) for text in bound[run].split(" ")[:2])
        assert low <= value < 0.75
    assert "lower bound" in bound["kind of number"]


def test_the_report_is_made_off_the_request_path_and_downloaded(visit, work, shelf):
    app = visit("compare", runs=f"{shelf['vae']},{shelf['gan']}")
    work()
    app = app.run()
    assert not app.get("download_button")
    app = press(app, "Make the report")
    assert not app.exception
    assert work() == 1
    app = app.run()
    assert not app.exception
    (button,) = app.get("download_button")
    assert button.proto.label.startswith("Download the report")
    (job,) = [row for row in runs.store().jobs() if row.kind == "report"]
    text = bytes(runs.job_result(job.key)["html"]).decode()
    assert "<h1>vae against gan</h1>" in text
    assert len(text) < 3_000_000


def test_a_report_that_cannot_be_made_says_why(visit, work, shelf, monkeypatch):
    from genlab.report import job as report_job

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_job, "collect", full)
    app = visit("compare", runs=f"{shelf['vae']},{shelf['ring']}")
    app = press(app, "Make the report")
    work()
    app = app.run()
    assert not app.exception
    assert any("No space left" in error.value for error in app.error)
    assert not app.get("download_button")


def test_unknown_and_too_many_runs_are_said(visit, shelf):
    names = [shelf[key] for key in ("vae", "gan", "ring", "made")]
    app = visit("compare", runs=",".join([*names, "nobody"]))
    assert "nobody" in app.error[0].value
    assert app.multiselect[0].value == names


def test_the_result_is_said_first_and_the_options_last(visit, work, shelf):
    work()
    app = visit("compare", runs=f"{shelf['vae']},{shelf['gan']}")
    work()
    app = app.run()
    (said,) = [one.proto.body for one in app.get("html") if 'class="answer"' in one.proto.body]
    assert "energy distance" in said
    assert "95 % interval" in said
    n = len(runs.open_run(shelf["vae"]).data().test.x)
    assert f"over the same {n} test examples" in said
    assert "one training of each; another seed may say otherwise" in said
    order = [one.value for one in app.header]
    assert order == [
        "On the same z and the same real examples",
        "Curves",
        "On held-out examples",
        "Options",
        "Report",
    ]
    head = [next(iter(table)) for table in tables(app)]
    assert head[:2] == ["metric", "metric"]
    assert head.index("option") < head.index("parameters")
    options = next(table for table in tables(app) if "option" in table)
    assert "Model" in set(options["option"])
    assert not any("(seed)" in one for one in options["option"])


def test_runs_on_other_data_are_not_ranked(visit, work, shelf):
    work()
    app = visit("compare", runs=f"{shelf['vae']},{shelf['ring']}")
    work()
    app = app.run()
    (said,) = [one.proto.body for one in app.get("html") if 'class="answer"' in one.proto.body]
    assert "different data" in said
    assert "better" not in said


def test_longer_measurements_are_offered_where_they_fit(visit, shelf):
    both = f"{shelf['vae']},{shelf['gan']}"
    app = visit("compare", runs=both)
    labels = {one.label: one.key for one in app.toggle}
    assert labels["Sample quality"] == "metrics.sample_quality"
    assert labels["log p(x) by annealing"] == "metrics.annealed"
    app.toggle(key="metrics.annealed").set_value(True)
    app.toggle(key="metrics.sample_quality").set_value(True).run()
    assert not app.exception
    jobs = [(job.kind, job.values["run"]) for job in runs.store().jobs()]
    assert sorted(run for kind, run in jobs if kind == "sample_quality") == sorted(both.split(","))
    # The GAN has no likelihood.
    assert [run for kind, run in jobs if kind == "annealed"] == [shelf["vae"]]


def test_a_duel_of_four_starts_four_runs_of_like_size(visit, home):
    app = visit("compare")
    app.segmented_control(key="pair.sides").set_value("four").run()
    assert not app.exception
    app = press(app, "Start all four")
    assert not app.exception
    found = [row.spec for row in runs.store().runs()]
    assert sorted(spec["model"] for spec in found) == ["ddpm", "gan", "realnvp", "vae"]
    totals = [duel.budget(RunSpec.build(**spec)).total for spec in found]
    assert max(totals) < 1.3 * min(totals)


def test_a_duel_with_seeds_is_a_study(visit, home):
    app = visit("compare")
    app.selectbox(key="pair.data").set_value("ring")
    app.number_input(key="pair.steps").set_value(20)
    app.number_input(key="pair.seeds").set_value(3).run()
    assert not app.exception
    app = press(app, "Start a study of 6 runs")
    assert not app.exception
    (study,) = studies.list_studies()
    assert study.seeds == (0, 1, 2)
    assert [arm.name for arm in study.arms] == ["VAE on ring", "GAN on ring"]
    assert len(runs.store().runs()) == 6
