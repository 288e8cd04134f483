"""Start: a preset creates exactly the runs it says, and the page jumps to them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from genlab import runs
from genlab.core.errors import StoreError
from genlab.core.run_spec import Combination, RunSpec
from genlab.distributions import density_note, is_density, recommended_likelihood
from genlab.runs.store import Record
from genlab.ui.presets import FRAMES, PRESETS
from genlab.ui.routes import static_files


def title(app):
    return app.title[0].value


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_a_preset_queues_its_runs_and_opens_the_page_that_shows_them(visit, home, preset):
    app = visit("start")
    app.button(key=f"preset.{preset.key}").click().run()
    assert not app.exception
    rows = {row.title: row for row in runs.store().runs()}
    wanted = {name: RunSpec.build(**values).flat() for name, values in preset.runs.items()}
    for spec in wanted.values():
        # With more than one, a run is slower where anything else uses the cores: bench/threads.py.
        assert spec["threads"] == 1
    assert {name: dict(row.spec) for name, row in rows.items()} == wanted
    assert {row.status for row in rows.values()} == {"queued"}
    if len(wanted) == 1:
        assert title(app) == "Watch"
        assert app.query_params["run"] == next(iter(rows.values())).id
    else:
        assert title(app) == "Compare"
        assert set(app.query_params["runs"].split(",")) == {row.id for row in rows.values()}


def test_an_empty_store_says_what_to_do_next(visit, home):
    app = visit("start")
    assert any("No run yet" in m.value for m in app.markdown)
    labels = ["Start both" if len(preset.runs) > 1 else "Start" for preset in PRESETS]
    assert [b.label for b in app.button][: len(PRESETS)] == labels


def test_a_preset_takes_less_than_a_minute_to_say():
    words = [word for preset in PRESETS for word in preset.text.split()]
    assert len(PRESETS) == 6
    assert 20 < len(words) < 90


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_a_preset_takes_what_the_app_recommends_for_its_data(preset):
    for values in preset.runs.values():
        combination = Combination.of(values)
        spec, meta = combination.spec(values).flat(), combination.meta
        assert not meta.network, "it can be had without a network"
        if "likelihood" in spec:
            assert is_density(spec["likelihood"], meta), density_note(spec["likelihood"], meta)
            assert spec["likelihood"] == recommended_likelihood(meta)
        for proposal in meta.proposed:
            assert spec.get(proposal.option, proposal.value) == proposal.value
        # The objective is the one that the form offers first for this model.
        offered = {name: value for name, value in values.items() if name != "objective"}
        assert spec["objective"] == Combination.of(offered).objective


def test_the_first_presets_draw_digits_of_28_pixels():
    for preset in (PRESETS[0], next(one for one in PRESETS if one.key == "duel")):
        for values in preset.runs.values():
            assert Combination.of(values).meta.shape == (1, 28, 28)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_each_card_has_a_moving_preview(preset):
    strip = Image.open(io.BytesIO(static_files()[f"cards/{preset.key}.webp"])).convert("RGBA")
    strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
    side = strip.height
    assert strip.width == FRAMES * len(preset.runs) * side
    shots = [
        np.asarray(strip.convert("L").crop((k * w, 0, (k + 1) * w, side)), float)
        for w in (len(preset.runs) * side,)
        for k in range(FRAMES)
    ]
    # It moves from the first picture to the last, and is not empty at its end.
    assert np.abs(shots[0] - shots[-1]).mean() > 2
    assert shots[-1].std() > 10
    assert len(preset.preview) > 20


@pytest.mark.parametrize("key", ["gan", "flow", "table"])
def test_a_preview_that_is_a_plot_lies_on_the_ground_of_its_page(key):
    # A ground of its own would be a light tile on a dark page.
    strip = Image.open(io.BytesIO(static_files()[f"cards/{key}.webp"]))
    assert strip.convert("RGBA").getchannel("A").getpixel((1, 1)) == 0


def test_a_preset_begins_at_its_pace(visit, home):
    preset = next(one for one in PRESETS if one.key == "gan")
    app = visit("start")
    app.button(key="preset.gan").click().run()
    (run,) = runs.store().runs()
    wishes = [(wish.name, dict(wish.values)) for wish in runs.store().pending(run.id)]
    assert wishes == [("pace", dict(preset.pace))]


def test_recent_runs_show_their_state_their_steps_and_their_place_in_the_queue(visit, home):
    store = runs.store()
    spec = RunSpec.build(model="vae", data="digits", steps=200)
    first = store.create(spec.flat(), title="a *bold* name")
    store.claim("host:1")
    store.set_status(first, "running")
    store.heartbeat(first, step=50, speed=120.0)
    store.append(first, [Record(50, "scalars", {"elbo": -1.0})])
    store.create(spec.flat(), title="second")
    store.create(spec.flat(), title="third")
    app = visit("start")
    texts = [p.proto.text for p in app.get("progress")]
    assert any(text.startswith("step 50 of 200") for text in texts)
    assert "queued, position 1" in texts
    assert "queued, position 2" in texts
    assert any(r"a \*bold\* name" in m.value for m in app.markdown)
    app.button(key=f"watch.{first}").click().run()
    assert (title(app), app.query_params["run"]) == ("Watch", first)


def test_a_lost_run_is_resumed_with_one_click(visit, home):
    store = runs.store()
    run = store.create(RunSpec.build(model="vae", data="digits").flat())
    store.claim("host:1")
    store.set_status(run, "lost", message="its worker died")
    app = visit("start")
    assert any("its worker died" in c.value for c in app.caption)
    app.button(key=f"resume.{run}").click().run()
    assert store.get(run).status == "queued"


def test_shipped_models_are_offered_and_open_in_explore(visit, shelf, monkeypatch):
    view = runs.open_run(shelf["vae"])
    monkeypatch.setattr(runs, "list_shipped", lambda: [view])
    app = visit("start")
    app.button(key=f"shipped.{view.id}").click().run()
    assert (title(app), app.query_params["run"]) == ("Explore", view.id)


def test_a_store_that_cannot_be_used_is_a_sentence_on_the_page(visit, home, monkeypatch):
    def broken():
        raise StoreError("the store is newer than this program: update GenLab.")

    monkeypatch.setattr(runs, "store", broken)
    app = visit("start")
    assert "newer than this program" in app.error[0].value
    assert not app.exception


def test_a_mistake_of_ours_is_a_plain_sentence_without_a_traceback(visit, home, monkeypatch):
    def broken():
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(runs, "list_shipped", broken)
    app = visit("start")
    assert "an error in the program" in app.error[0].value
    assert "secret" not in app.error[0].value
    assert not app.exception
