"""The routes: strict arguments, small answers, no NaN, errors as JSON."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from genlab import runs
from genlab.exports import export_file, formats_for, most_in_seconds, table
from genlab.figures.live import LIVE_ROWS
from genlab.panels.scripts import static_files, static_version
from genlab.runs import foreground
from genlab.runs.store import Record
from genlab.testing.scripted_run import SERIES, ScriptedRun
from genlab.ui import routes


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        text = gzip.decompress(self.body) if "content-encoding" in self.headers else self.body
        return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


APP = Starlette(routes=routes.ROUTES)


def get(path: str, **headers: str) -> Reply:
    """Ask the application as a server would, without one."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    place, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": place,
        "raw_path": place.encode(),
        "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    asyncio.run(APP(scope, receive, send))
    body = b"".join(m.get("body", b"") for m in sent)
    names = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return Reply(sent[0]["status"], names, body)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ScriptedRun]:
    runs.configure(f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "files")
    yield ScriptedRun(runs.store(), runs.files(), title="one")
    runs.configure()


def test_the_first_answer_says_everything(run: ScriptedRun) -> None:
    run.look()
    run.go(100)
    reply = get(f"/genlab/runs/{run.id}/delta")
    found = reply.json
    assert reply.status == 200
    assert (found["status"], found["step"], found["steps"]) == ("running", 100, 1000)
    assert found["eta"] == 9  # 900 steps at 100 a second
    assert [chart["title"] for chart in found["charts"]] == ["Loss terms", "Divergences"]
    lines = [line["name"] for chart in found["charts"] for line in chart["lines"]]
    assert lines == [series.name for series in SERIES]
    assert found["charts"][0]["lines"][0]["truth"] == -20.0
    batch = next(block for block in found["rows"] if "elbo" in block["v"])
    assert batch["step"] == list(range(2, 101, 2))
    assert batch["v"]["kl"] == pytest.approx(
        [run.values(s)["kl"] for s in batch["step"]], rel=1e-5
    )
    assert found["frames"]["samples"] == [0]


def test_a_live_answer_is_small_and_holds_what_is_new(run: ScriptedRun) -> None:
    run.go(100)
    seq = get(f"/genlab/runs/{run.id}/delta").json["seq"]
    run.go(200)
    run.look()
    reply = get(f"/genlab/runs/{run.id}/delta?since={seq}", accept_encoding="gzip")
    found = reply.json
    batch = next(block for block in found["rows"] if "elbo" in block["v"])
    assert "charts" not in found
    assert found["frames"]["samples"] == [300]
    assert 3 <= len(batch["step"]) <= LIVE_ROWS + 1
    assert min(batch["step"]) > 100
    assert max(batch["step"]) == 300
    assert len(reply.body) + sum(len(k) + len(v) + 4 for k, v in reply.headers.items()) < 1000
    later = get(f"/genlab/runs/{run.id}/delta?since={found['seq']}")
    assert "rows" not in later.json
    assert len(later.body) < 200


def test_nothing_new_is_a_304(run: ScriptedRun) -> None:
    first = get(f"/genlab/runs/{run.id}/delta?since=0")
    again = get(f"/genlab/runs/{run.id}/delta?since=0", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_a_nan_is_an_event_and_never_in_the_json(run: ScriptedRun) -> None:
    run.go(10)
    run.store.append(run.id, [Record(11, "scalars", {"elbo": None, "kl": None})])
    found = get(f"/genlab/runs/{run.id}/delta").json
    broken = next(block for block in found["rows"] if 11 in block["step"])
    assert broken["v"]["elbo"][-1] is None
    assert broken["v"]["kl"][-1] is None
    assert found["events"] == [{"step": 11, "level": "error", "message": "elbo is not finite"}]


def test_a_resumed_run_shows_each_step_once(run: ScriptedRun) -> None:
    run.go(20)
    rows = [Record(s, "scalars", run.values(s)) for s in range(12, 31, 2)]
    run.store.append(run.id, rows)
    found = get(f"/genlab/runs/{run.id}/delta").json
    batch = next(block for block in found["rows"] if "elbo" in block["v"])
    assert batch["step"] == list(range(2, 31, 2))


def test_the_clock_says_when_a_run_was_where(run: ScriptedRun) -> None:
    assert get(f"/genlab/runs/{run.id}/clock").json == {"step": [], "seconds": []}
    times = {step: 1e9 + 0.5 * step for step in range(1, 1001)}
    rows = [Record(step, "scalars", {"elbo": 0.0}, time=time) for step, time in times.items()]
    runs.store().append(run.id, rows)
    found = get(f"/genlab/runs/{run.id}/clock").json
    assert found["step"][0] == 0
    assert found["step"][-1] == 1000
    assert len(found["step"]) <= 600
    assert found["seconds"] == pytest.approx([0.5 * step for step in found["step"]], abs=0.01)
    assert get("/genlab/runs/nobody/clock").status == 404
    assert get("/genlab/runs/..%2F/clock").status == 404


def test_frames_are_kept_for_ever(run: ScriptedRun) -> None:
    run.look()
    png = get(f"/genlab/runs/{run.id}/frame/samples/0.png")
    about = get(f"/genlab/runs/{run.id}/frame/samples/0.json")
    assert png.body.startswith(b"\x89PNG")
    assert "immutable" in png.headers["cache-control"]
    assert (about.json["form"], about.json["n"], about.json["columns"]) == ("images", 64, 8)
    assert about.headers["content-type"] == "application/json"


def test_a_live_answer_is_not_behind_its_own_numbers(run: ScriptedRun) -> None:
    run.go(10)
    seq = get(f"/genlab/runs/{run.id}/delta").json["seq"]
    run.store.append(run.id, [Record(11, "event", {"level": "info", "message": "slower"})])
    found = get(f"/genlab/runs/{run.id}/delta?since={seq}").json
    assert (run.store.get(run.id).step, found["step"]) == (10, 11)
    assert found["events"] == [{"step": 11, "level": "info", "message": "slower"}]


def test_the_thumbnail_is_the_newest_sheet(run: ScriptedRun) -> None:
    from PIL import Image

    empty = get(f"/genlab/thumb/{run.id}.png")
    run.look()
    full = get(f"/genlab/thumb/{run.id}.png")
    picture = Image.open(io.BytesIO(full.body))
    assert empty.status == full.status == 200
    assert empty.headers["etag"] != full.headers["etag"]
    assert picture.size == (160, 160)
    # The corner is a quarter of the sheet: its first row of images is the darkest one.
    assert picture.getpixel((5, 5))[0] < picture.getpixel((155, 155))[0]


@pytest.mark.parametrize(
    "path",
    [
        "/genlab/runs/nobody/delta",
        "/genlab/runs/..%2F..%2Fetc/delta",
        "/genlab/runs/a b/delta",
        "/genlab/runs/shipped:nobody/delta",
        "/genlab/thumb/nobody.png",
        "/genlab/runs/{run}/frame/samples/7.png",
        "/genlab/runs/{run}/frame/samples/0.exe",
        "/genlab/runs/{run}/frame/sam%00ples/0.png",
        "/genlab/runs/{run}/frame/../0.png",
        "/genlab/static/x/passwd",
        "/genlab/static/x/live.py",
        "/genlab/static/x/live/wire.d.ts",
        "/genlab/static/x/../routes.py",
    ],
)
def test_what_is_not_there_is_404(run: ScriptedRun, path: str) -> None:
    run.look()
    reply = get(path.format(run=run.id))
    assert reply.status == 404
    assert b"Traceback" not in reply.body


def test_a_wrong_cursor_is_refused(run: ScriptedRun) -> None:
    reply = get(f"/genlab/runs/{run.id}/delta?since=-1")
    assert reply.status == 400
    assert "since" in reply.json["error"]


def test_an_unexpected_error_is_a_sentence(
    run: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(routes.runs, "open_run", broken)
    reply = get(f"/genlab/runs/{run.id}/delta")
    assert reply.status == 500
    assert b"secret" not in reply.body


def test_our_scripts_are_cached_by_their_hash() -> None:
    assert {"live/live.js", "live/live.css", "explore/map.js"} <= set(static_files())
    for name in static_files():
        reply = get(f"/genlab/static/{static_version()}/{name}", accept_encoding="gzip")
        assert reply.status == 200
        assert "immutable" in reply.headers["cache-control"]
    old = get("/genlab/static/0123/live/live.js")
    assert old.headers["cache-control"] == "no-cache"
    assert old.headers["content-type"].startswith("text/javascript")


def test_what_a_script_imports_is_served() -> None:
    files = static_files()
    imports = re.compile(r'^(?:import|export)[^;]*? from "([^"]+)";', re.MULTILINE)
    found = 0
    for name, body in files.items():
        for target in imports.findall(body.decode()) if name.endswith(".js") else ():
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) in files
            found += 1
    assert found > 40


def test_a_link_asks_a_slow_decoder_for_few_samples(
    run: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"data": "digits", "net": "unet", "width": 4, "sampling_steps": 2, "steps": 2}
    made = foreground.train({"model": "flow_matching", **small})
    monkeypatch.setattr(table, "_seconds_each", lambda *_: 2.0)
    place = f"/genlab/runs/{made.id}/export"
    reply = get(f"{place}/samples.npz?n=6")
    assert reply.status == 400
    assert "at most 5" in reply.json["error"]
    for query, count in (("?n=5", 5), ("", 5), ("?n=2", 2)):
        reply = get(f"{place}/samples.npz{query}")
        body = gzip.decompress(reply.body) if "content-encoding" in reply.headers else reply.body
        assert body == export_file(made, "samples.npz", n=count)
    assert get(f"{place}/curves.csv?n=9").status == 200
    # Two are computed at a time; the next one is told to wait.
    monkeypatch.setattr(routes, "EXPORT_WAIT", 0.01)
    for _ in range(2):
        assert routes.EXPORTING.acquire()
    try:
        reply = get(f"{place}/samples.npz")
        assert (reply.status, "Try again" in reply.json["error"]) == (503, True)
    finally:
        routes.EXPORTING.release(2)
    assert get(f"{place}/samples.npz").status == 200


def test_the_seconds_of_a_sample_are_those_of_the_decoder(run: ScriptedRun) -> None:
    small = {"data": "digits", "net": "unet", "width": 4, "steps": 2}
    few, many = (
        foreground.train({"model": "ddpm", **small, "sampling_steps": steps}) for steps in (4, 200)
    )
    vae = foreground.train({"model": "vae", "data": "digits", "steps": 2})
    assert most_in_seconds(vae, "samples.npz") == 100_000
    assert most_in_seconds(many, "curves.csv") == 100_000
    counts = [most_in_seconds(view, "samples.npz") for view in (few, many)]
    assert 1 <= counts[1] < counts[0] / 5


def test_a_browser_takes_parts_of_a_run_along(run: ScriptedRun) -> None:
    made = foreground.train({"model": "vae", "data": "digits", "latent": 2, "steps": 3})
    for name, why in formats_for(made).items():
        reply = get(f"/genlab/runs/{made.id}/export/{name}?n=4&seed=2")
        if why:
            assert reply.status == 400
            assert why in reply.json["error"]
            continue
        assert reply.status == 200
        assert reply.headers["content-disposition"].endswith(f'{made.id}-{name}"')
        body = gzip.decompress(reply.body) if "content-encoding" in reply.headers else reply.body
        known = export_file(made, name, n=4, seed=2)
        # The order of the notes in a file of weights is not fixed.
        assert len(body) == len(known)
        assert body == known or name == "weights.safetensors"
    for bad, status in (
        (f"{made.id}/export/weights.exe", 404),
        (f"{made.id}/export/weights.safetensors?n=0", 400),
        (f"{made.id}/export/samples.npz?n=10000000", 400),
        ("nothing-there/export/weights.safetensors", 404),
        (f"{made.id}/export/weights.safetensors?step=2999", 404),
    ):
        assert get(f"/genlab/runs/{bad}").status == status, bad
