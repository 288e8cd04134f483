"""The report: its numbers are the runs', nothing in it can run or ask for anything."""

from __future__ import annotations

import getpass
import re
import shlex
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from genlab import cli, runs
from genlab.compare import duel
from genlab.core.errors import RunNotFound, SnapshotError, SpecError
from genlab.core.escape import escape_html
from genlab.core.run_spec import RunSpec
from genlab.core.tables import JOBS
from genlab.figures.live import clock
from genlab.metrics.evaluation import evaluate
from genlab.panels.colours import ROLES
from genlab.panels.run_marks import run_mark
from genlab.report.collect import collect
from genlab.report.page import html
from genlab.report.tables import format_value
from genlab.report.time_cursor import TimeCursor, snapshot
from genlab.runs import foreground
from genlab.runs.store import Record

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


class Tags(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    return tags


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A duel on the ring, one of them with a title that means harm, and one on digits."""
    folder = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_STORE", f"sqlite:///{folder / 'genlab.db'}")
        patch.setenv("GENLAB_FILES", str(folder / "files"))
        runs.configure()
        ids = {}
        for data, steps in (("ring", 40), ("digits", 12)):
            for i, spec in enumerate(duel.specs(data, steps=steps).values()):
                title = EVIL if (data, i) == ("ring", 1) else f"{spec.model} {data}"
                ids[f"{data}{i}"] = foreground.train(spec.flat(), title=title).id
        yield ids | {"folder": folder}
        runs.configure()


@pytest.fixture(scope="module")
def ring(place: dict[str, Any]) -> tuple[Any, str]:
    """The report of the duel on the ring, gathered once, and its file."""
    found = collect([place["ring0"], place["ring1"]], TimeCursor())
    return found, html(found)


def test_nothing_in_it_runs_or_asks_for_anything(ring: Any, place: Any) -> None:
    digits = html(collect([place["digits0"], place["digits1"]], TimeCursor("seconds", 0.0)))
    for text in (ring[1], digits):
        tags = parsed(text)
        names = {tag for tag, _ in tags.found}
        assert not names & {"script", "iframe", "object", "embed", "form", "base", "style2"}
        for tag, attributes in tags.found:
            assert not [name for name in attributes if name.startswith("on")], tag
            for name in ("src", "href", "xlink:href", "action"):
                assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
        addresses = set(re.findall(r"https?://[^\"' <>)]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}
        assert "url(" not in text
        assert "@import" not in text
        policies = [a["content"] for t, a in tags.found if a.get("http-equiv")]
        assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
        assert 20_000 < len(text.encode()) < 3_000_000
    assert parsed(digits).found.count(("html", {"lang": "en"})) == 1
    assert any(tag == "img" for tag, _ in parsed(digits).found)


def test_what_a_person_typed_is_text(ring: Any) -> None:
    tags = parsed(ring[1])
    assert "<script>" not in ring[1]
    assert any(EVIL in text for text in tags.text)


def test_nothing_tells_of_the_machine(ring: Any, place: Any) -> None:
    for secret in (str(place["folder"]), socket.gethostname(), str(Path.home()), "/files"):
        if len(secret) > 2:
            assert secret not in ring[1], secret
    assert f"/{getpass.getuser()}" not in ring[1]
    assert "PyTorch" in ring[1]


def test_its_numbers_are_those_of_the_runs(ring: Any, place: Any) -> None:
    found, text = ring
    said = " ".join(parsed(text).text)
    for side, key in zip(found.sides, ("ring0", "ring1"), strict=True):
        view = runs.open_run(place[key])
        assert side.step == view.snapshots()[-1] == 40
        for one in evaluate(view.model(), view.data(), 0, 1000, view.spec):
            cell = f"{format_value(one.value)} [{format_value(one.low)}, {format_value(one.high)}]"
            assert cell in said, one.series.name
        assert f"{side.budget.total:,}" in said
    assert (
        "All runs have the same decoder network: 2 → 64 → 64 → 64 → 2, 8,642 parameters." in said
    )
    assert "the same z, drawn with one seed (2 dimensions)" in said
    assert "Divergence ledger" in said
    assert said.count("Real data") == 1


def test_the_answer_is_first_and_the_parameters_are_last(ring: Any) -> None:
    _, text = ring
    assert text.index('class="lead"') < text.index("<h2>")
    heads = re.findall(r"<h2>(.*?)</h2>", text)
    places = [heads.index(name) for name in ("Side by side", "Curves", "On held-out examples")]
    last = heads.index("What is different and what is alike")
    assert sorted(places) == places
    assert places[-1] < last
    assert text.index('class="lead"') < text.index("<figure>") < text.index("<table>")
    tables = text[text.index(heads[last]) :]
    differ, same = tables[: tables.index("<details>")], tables[tables.index("<details>") :]
    assert "<td>Model</td><td>vae</td><td>gan</td>" in differ
    assert "(seed)" not in differ
    assert "<td>Seed (seed)</td>" in same[: same.index("</details>")]


def test_the_runs_have_one_colour_and_mark_in_pictures_and_curves(ring: Any) -> None:
    found, text = ring
    for i, side in enumerate(found.sides):
        assert f"{run_mark(i)} {escape_html(side.title)}" in text
    assert {one.colour for chart in found.curves for one in chart.traces} == {
        ROLES["modelA"].light,
        ROLES["modelB"].light,
    }
    for role in (ROLES["modelA"], ROLES["modelB"]):
        assert f'[stroke="{role.light}"] {{ stroke: {role.dark}; }}' in text


def test_the_curves_are_the_records(ring: Any, place: Any) -> None:
    view = runs.open_run(place["ring0"])
    rows = {
        record.step: record.payload["elbo"]
        for record in view.read(limit=5000)
        if record.kind == "scalars" and "elbo" in record.payload
    }
    chart = next(one for one in ring[0].curves if one.title.endswith("Loss terms"))
    trace = next(one for one in chart.traces if one.name.startswith("ELBO, training batch"))
    assert list(trace.x) == sorted(rows)
    assert list(trace.y) == pytest.approx([rows[step] for step in sorted(rows)], rel=1e-5)
    shared = next(one for one in ring[0].curves if one.title.startswith("modes reached"))
    assert [one.name for one in shared.traces] == ["vae ring", EVIL]
    assert len({one.colour for one in shared.traces}) == 2


def test_its_commands_make_the_same_runs(ring: Any) -> None:
    for side in ring[0].sides:
        words = shlex.split(side.command)
        assert words[:4] == ["python", "-m", "genlab", "train"]
        given = dict(word.removeprefix("--").split("=", 1) for word in words[4:])
        assert given.pop("title") == side.title
        assert RunSpec.build(**given).flat() == dict(side.spec) | RunSpec.build(**given).flat()
        assert RunSpec.build(**given) == RunSpec.build(**side.spec)
        assert side.why == ""
    assert shlex.split(ring[0].again)[3] == "report"


def test_a_moment_is_the_snapshot_nearest_to_it(place: Any) -> None:
    found = collect([place["ring0"], place["ring1"]], TimeCursor("step", 5))
    for side in found.sides:
        # Which snapshots there are depends on how quick the machine was.
        there = runs.open_run(side.id).snapshots()
        assert abs(side.step - 5) == min(abs(step - 5) for step in there)
    view = runs.open_run(place["ring0"])
    steps, seconds = clock(view.read(limit=5000, kinds={"scalars"}))
    for step in view.snapshots()[1:]:
        second = seconds[steps.index(step)]
        assert snapshot(view, TimeCursor("seconds", second)) == (step, pytest.approx(second))
    assert (
        "--seconds 0"
        in collect([place["ring0"], place["ring1"]], TimeCursor("seconds", 0.0)).again
    )


def test_what_changed_on_the_way_is_said(place: Any) -> None:
    words = "From step 20 on: lr = 0.01."
    runs.store().append(
        place["digits0"], [Record(20, "event", {"level": "info", "message": words})]
    )
    found = collect([place["digits0"], place["digits1"]], TimeCursor("step", 8))
    assert "changed during training" in found.sides[0].why
    assert words in html(found)
    assert found.sides[1].why == ""


def test_wrong_wishes_are_refused_with_a_sentence(place: Any) -> None:
    for refs in ([place["ring0"]], [place["ring0"]] * 2):
        with pytest.raises(SpecError, match="two to 4 different runs"):
            collect(refs, TimeCursor())
    with pytest.raises(RunNotFound):
        collect([place["ring0"], "nobody"], TimeCursor())
    empty = runs.store().create(duel.specs("ring")["VAE on ring"].flat(), title="waits")
    with pytest.raises(SnapshotError, match="no snapshot yet"):
        collect([place["ring0"], empty], TimeCursor())


def test_a_damaged_snapshot_is_named(place: Any, tmp_path: Path) -> None:
    folder = runs.export(place["ring1"], tmp_path / "copy")
    weights = sorted((folder / "snapshots").glob("*.safetensors"))[-1]
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(SnapshotError, match="damaged"):
        collect([place["ring0"], str(folder)], TimeCursor())


def test_the_job_and_the_command_line_write_the_same_file(
    place: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [place["digits0"], place["digits1"]]
    looks: list[float] = []
    values = {"runs": ids, "clock": "step", "at": None, "c2st": False}
    made = JOBS["report"](None, None, values, lambda part, _: looks.append(part))
    assert looks == sorted(looks)
    assert looks[-1] > 0.9
    out = tmp_path / "report.html"
    assert cli.main(["report", *ids, "--out", str(out)]) == 0
    assert f'"bytes": {out.stat().st_size}' in capsys.readouterr().out

    def timeless(text: str) -> str:
        return re.sub(r"made \d{4}-\d\d-\d\d \d\d:\d\d UTC", "", text)

    assert timeless(bytes(made["html"]).decode()) == timeless(out.read_text(encoding="utf-8"))
    assert cli.main(["report", *ids, "--out", str(tmp_path / "report.txt")]) == 2
    assert cli.main(["report", ids[0], "--out", str(out)]) == 2
    assert cli.main(["report", *ids, "--step", "-1", "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") <= 3
