"""A hand-out holds the answers of the server, escapes what a person typed, and keeps its bound."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import cli, runs
from genlab.core.errors import SnapshotError, SpecError
from genlab.replay import handout
from genlab.replay.site import file_name, read_meta, write_site
from genlab.replay.thinning import TooLarge
from genlab.report.answers import clock_values, delta_values
from genlab.testing.scripted_run import ScriptedRun

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def answers(html: bytes) -> dict[str, bytes]:
    """What the file holds, by path."""
    match = re.search(rb'id="data">([^<]*)<', html)
    assert match is not None
    content = gzip.decompress(base64.b64decode(match[1]))
    size = int.from_bytes(content[:4], "little")
    at, found = 4 + size, {}
    for path, length in json.loads(content[4 : 4 + size]):
        found[path] = content[at : at + length]
        at += length
    assert at == len(content)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    runs.configure(f"sqlite:///{folder / 'genlab.db'}", folder / "files")
    yield folder
    runs.configure()


@pytest.fixture(scope="module")
def trained(home: Path) -> dict[str, str]:
    """A small VAE with a hostile title, and a GAN on a ring."""
    from genlab.runs import foreground

    small = {"hidden": 16, "batch": 16, "steps": 12}
    specs: dict[str, dict[str, Any]] = {
        "vae": {"model": "vae", "data": "digits", "latent": 3, **small},
        "ring": {"model": "gan", "data": "ring", "layers": 1, **small},
    }
    titles = {"vae": EVIL, "ring": "Ring"}
    return {name: foreground.train(spec, title=titles[name]).id for name, spec in specs.items()}


def test_the_file_holds_what_the_server_would_answer(trained: dict[str, str]) -> None:
    run = trained["ring"]
    view, found = runs.open_run(run), answers(handout([run]).html)
    delta = json.loads(found[f"genlab/runs/{run}/delta"])
    expected = delta_values(view)
    assert delta == json.loads(json.dumps(expected | {"active": False}))
    assert json.loads(found[f"genlab/runs/{run}/clock"]) == clock_values(view)
    for panel, steps in view.frames().items():
        for step in steps:
            path = f"genlab/runs/{run}/frame/{panel}/{step}.json"
            assert found[path] == view.frame_file(panel, step, "json")
    last = view.snapshots()[-1]
    assert f"genlab/decoder/{run}/{last}.bin" in found
    assert json.loads(found["pads.json"])["pads"][0]["steps"][-1] == last


def test_what_a_person_typed_is_text(trained: dict[str, str], tmp_path: Path) -> None:
    found = handout([trained["vae"], trained["ring"]])
    html = found.html.decode()
    assert EVIL in found.title
    # Everything but the data, our own script and our own style sheet.
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", html, flags=re.DOTALL)
    assert "<img" not in text
    assert "alert(1)</script>" not in text
    assert html.count("<script") == html.count("</script>") == 3
    path = tmp_path / "a.html"
    path.write_bytes(found.html)
    meta = read_meta(path)
    assert meta is not None
    assert meta["title"] == found.title


def test_the_policy_allows_nothing_but_the_file(trained: dict[str, str]) -> None:
    html = handout([trained["ring"]]).html.decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]


def test_a_small_bound_thins_the_pictures_and_says_so(home: Path) -> None:
    run = ScriptedRun(runs.store(), runs.files(), title="many pictures", steps=400)
    for _ in range(40):
        run.look()
        run.go(10)
    run.end()
    whole = handout([run.id])
    assert whole.left_out == ["many pictures has no snapshot, so there is no pad."]
    data = re.search(rb'id="data">([^<]*)<', whole.html)
    assert data is not None
    bound = len(whole.html) - len(data[1]) // 2
    less = handout([run.id], limit=bound)
    assert len(less.html) <= bound
    assert any("of 40 steps are in this file" in one for one in less.left_out)
    assert all(sentence in less.html.decode() for sentence in less.left_out)
    delta = json.loads(answers(less.html)[f"genlab/runs/{run.id}/delta"])
    for panel, steps in delta["frames"].items():
        paths = {f"genlab/runs/{run.id}/frame/{panel}/{step}.json" for step in steps}
        assert paths <= set(answers(less.html))
        assert (steps[0], steps[-1]) == (0, 390)
    with pytest.raises(TooLarge, match="choose a larger bound"):
        handout([run.id], limit=200_000)
    runs.delete(run.id)


def test_a_run_that_goes_on_is_a_recording(home: Path) -> None:
    run = ScriptedRun(runs.store(), runs.files(), title="goes on")
    run.look()
    run.go(50)
    found = answers(handout([run.id]).html)
    delta = json.loads(found[f"genlab/runs/{run.id}/delta"])
    assert (delta["status"], delta["active"], delta["step"]) == ("recorded", False, 50)
    run.end("stopped")
    runs.delete(run.id)


def test_wrong_requests(home: Path, trained: dict[str, str]) -> None:
    with pytest.raises(SpecError, match="one to 4"):
        handout([])
    with pytest.raises(SpecError, match="different"):
        handout([trained["ring"], trained["ring"]])
    empty = ScriptedRun(runs.store(), runs.files(), title="empty")
    with pytest.raises(SnapshotError, match="nothing was written"):
        handout([empty.id])
    runs.store().set_status(empty.id, "stopped")
    runs.delete(empty.id)


@pytest.mark.parametrize("name", ["vae-mnist5k", "dcgan-mnist5k"])
def test_shipped_models_fit_into_five_megabytes(name: str) -> None:
    found = handout([f"shipped:{name}"])
    assert len(found.html) < 5_000_000
    assert found.left_out == []


def test_the_command_writes_the_file(
    trained: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ring.html"
    assert cli.main(["replay", trained["ring"], "--out", str(out), "--title", "For you"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "title": "For you",
        "out": str(out),
        "bytes": out.stat().st_size,
        "left_out": [],
    }
    assert cli.main(["replay", trained["ring"], "--out", "ring.txt"]) == 2
    assert ".html" in capsys.readouterr().err
    assert cli.main(["replay", trained["ring"], "--out", str(out), "--limit", "0"]) == 2


def test_a_site_lists_hand_outs_and_leaves_the_rest(
    trained: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "site"
    assert cli.main(["site", str(folder), trained["ring"], "--title", "Class 7 <b>"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["handouts"] == [file_name("Ring", trained["ring"])]
    (folder / "other.html").write_text("<p>not ours</p>")
    (folder / "forged.html").write_text(
        '<script type="application/json" id="genlab-replay">{"format": 1, "title": '
        '"<b>x</b>", "about": ["<i>"], "thumbnail": "https://evil.test/x.png"}</script>'
    )
    runs.export(trained["vae"], folder / "exported")
    site = write_site(folder)
    assert len(site.handouts) == 3
    assert site.notes == ["other.html is no hand-out of this program, so it is not listed."]
    html = site.index.read_text()
    assert "evil.test" not in html
    assert "<b>x" not in html
    assert "&lt;b&gt;x" in html
    assert html.count("<li>") == 3
    # Again: the same files, no second copies.
    assert write_site(folder).handouts == site.handouts


def test_a_site_does_not_overwrite_a_page_of_someone_else(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>My home page</h1>")
    with pytest.raises(SpecError, match="not of this program"):
        write_site(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<h1>My home page</h1>"
    with pytest.raises(SpecError, match="name a run"):
        write_site(tmp_path / "new")
