"""Your own data on the pages: sent, looked at, saved, trained on, explored, deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.data import user_sets
from genlab.data.readers import read
from genlab.latent.codes import held_out
from genlab.runs import foreground
from genlab.ui import user_data
from genlab.ui.explore.tools import TOOLS
from tests.data.test_readers import as_csv, as_zip, iris_rows, pictures


def texts(app: AppTest, *kinds: str) -> str:
    return "\n".join(e.value for kind in kinds for e in app.get(kind))


def test_a_table_is_sent_looked_at_named_and_saved(visit, home) -> None:
    app = visit("data", data="own")
    assert "Add one under “Upload your own data” on the page Data" in texts(app, "info")
    assert not [b for b in app.button if b.label == "Train on this"]
    app.file_uploader[0].upload("My iris!.csv", as_csv(iris_rows()), "text/csv").run()
    assert not app.exception
    assert not app.error
    assert "150 rows of 5 columns separated by commas" in texts(app, "markdown")
    assert "setosa (50), versicolor (50), virginica (50)" in texts(app, "markdown")
    assert "likelihood = mixed" in texts(app, "info")
    _, rows, columns = (frame.value for frame in app.dataframe[:3])
    assert rows.iloc[0].tolist() == [5.1, 3.5, 1.4, 0.2, "setosa"]
    assert columns["mean"][0] == pytest.approx(5.8433, abs=1e-4)
    assert sum(columns["histogram"][0]) == 150
    assert not user_sets.list_sets()
    name = next(w for w in app.text_input if w.label == "Name")
    assert name.value == "My iris"
    name.set_value("iris")
    next(b for b in app.button if b.label == "Save").click().run()
    assert not app.exception
    (known,) = user_sets.list_sets()
    assert known.name == "iris"
    assert f"stored as {known.id}: 150 examples" in texts(app, "success")
    assert app.query_params["data"] == "own"
    assert len(app.get("plotly_chart")) == 1
    app.button(key=f"own.go.{known.id}").click().run()
    assert app.title[0].value == "Train"
    likelihood = next(w for w in app.selectbox if w.label.lower().startswith("likelihood"))
    assert likelihood.value == "mixed"
    assert "Proposed" in texts(app, "info")
    visit("train", data="own", set=known.id).button(key="train.start").click().run()
    (row,) = runs.store().runs()
    assert (row.spec["set"], row.spec["likelihood"]) == (known.id, "mixed")


def test_the_options_of_a_reader_change_what_is_read(visit, home) -> None:
    app = visit("data", data="own")
    app.file_uploader[0].upload("iris.csv", as_csv(iris_rows()), "text/csv").run()
    label = next(w for w in app.selectbox if w.label.lower().startswith("label"))
    assert list(label.options) == ["auto", "none", "species"]
    label.set_value("none").run()
    assert "setosa (50)" not in texts(app, "markdown")
    columns = next(w for w in app.text_input if w.label.lower().startswith("columns"))
    columns.set_value("petal width (cm), petal length (cm)").run()
    assert sorted(app.dataframe[1].value.columns) == ["petal length (cm)", "petal width (cm)"]
    columns = next(w for w in app.text_input if w.label.lower().startswith("columns"))
    columns.set_value("petals").run()
    assert "no column of numbers or categories 'petals'" in texts(app, "error")
    assert not app.exception


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<svg onload='alert(1)'/>", "an SVG"),
        (b"a,b\n1,2\n", "at least 10 are needed"),
        (as_zip({"../x.png": b"x"}), "leads out of it"),
    ],
)
def test_a_refusal_is_shown_and_nothing_is_stored(visit, home, content, words) -> None:
    app = visit("data", data="own")
    app.file_uploader[0].upload("data.csv", content, "text/csv").run()
    assert words in texts(app, "error")
    assert "Nothing was stored" in texts(app, "error")
    assert not [b for b in app.button if b.label == "Save"]
    assert not user_sets.list_sets()


def test_a_name_that_is_taken_keeps_the_preview(visit, home) -> None:
    user_sets.store(read(as_zip(pictures(20))), "iris")
    app = visit("data", data="own")
    app.file_uploader[0].upload("iris.csv", as_csv(iris_rows()), "text/csv").run()
    next(b for b in app.button if b.label == "Save").click().run()
    assert "there already, with other content" in texts(app, "error")
    assert len(app.dataframe) == 3
    assert len(user_sets.list_sets()) == 1


def test_a_set_is_deleted_with_words_on_its_runs(visit, home) -> None:
    known = user_sets.store(read(as_csv(iris_rows())), "iris")
    spec = RunSpec.build(data="own", set="iris", model="vae")
    waiting = runs.store().create(spec.flat(), title="x")
    app = visit("data", data="own", set=known.id)
    assert "1 run on this dataset: queued, running or paused" in texts(app, "markdown")
    assert not [b for b in app.button if b.key == f"own.delete.{known.id}"]
    runs.store().set_status(waiting, "failed")
    app = app.run()
    assert "1 run used this dataset. Snapshots are kept" in texts(app, "markdown")
    app.button(key=f"own.delete.{known.id}").click().run()
    assert not app.exception
    assert not user_sets.list_sets()
    assert user_sets.describe_set(known.id) == known
    # A link to it says what happened.
    app = visit("data", data="own", set=known.id)
    assert "was deleted" in texts(app, "info")
    app = visit("train", data="own", set=known.id, model="vae")
    assert not app.exception
    assert app.button(key="train.start").disabled


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A VAE and a GAN on a table of four columns, and on one of two, in a store of their own."""
    folder: Path = tmp_path_factory.mktemp("own")
    where = {"store": f"sqlite:///{folder / 'genlab.db'}", "files": str(folder / "files")}
    runs.configure(where["store"], where["files"])
    user_sets.store(read(as_csv(iris_rows())), "iris")
    flat = [[row[2], row[3]] for row in iris_rows()]
    user_sets.store(read(as_csv(flat)), "petals")
    made = {
        f"{name}-{model}": {"data": "own", "set": name, "model": model, "steps": 12, "batch": 32}
        for name in ("iris", "petals")
        for model in ("vae", "gan")
    }
    ids = {title: foreground.train(values, title=title).id for title, values in made.items()}
    runs.configure()
    return where | ids


@pytest.mark.parametrize("run", ["iris-vae", "iris-gan", "petals-vae", "petals-gan"])
def test_every_tool_of_explore_works_on_a_table(visit, work, wide, monkeypatch, run) -> None:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    runs.configure(wide["store"], wide["files"])
    try:
        view = runs.open_run(wide[run])
        assert view.row.status == "done"
        model, meta = type(view.model()), view.data().meta
        assert "samples" in view.frames()
        for name in [row.name for row in TOOLS.rows() if row.value.fits(model, meta)]:
            app = visit("explore", run=wide[run], tool=name, n="200", a="3", b="7")
            work()
            app = app.run()
            work()
            app = app.run()
            assert not app.exception, (name, app.exception)
            # The operands of a - b + c are typed by the reader where there are no classes.
            wrong = [e.value for e in app.error if not e.value.startswith("points = ''")]
            assert not wrong, (name, wrong)
        app = visit("explore", run=wide[run], tool="picture", n="200")
        typed = [w for w in app.number_input if w.label in meta.axes]
        # A row is typed in the columns' own units: that of the first held-out flower.
        wanted = meta.original(held_out(view.data()).x[0]).round(decimals=2)
        assert [w.value for w in typed] == pytest.approx(wanted.tolist(), abs=1e-6)
        for page, params in (("watch", {"run": wide[run]}), ("start", {})):
            app = visit(page, **params)
            assert not app.exception, page
            assert not app.error, page
    finally:
        runs.configure()


def test_compare_puts_two_models_of_a_table_side_by_side(visit, wide, monkeypatch) -> None:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    runs.configure(wide["store"], wide["files"])
    try:
        app = visit("compare", runs=f"{wide['iris-vae']},{wide['iris-gan']}")
        assert not app.exception
        assert not app.error
    finally:
        runs.configure()


def test_a_question_is_answered_by_a_button_before_the_table_can_be_saved(visit, home) -> None:
    rows = "\n".join(f"{12 + k}.{(137 * k) % 900 + 100};{k % 7}" for k in range(30))
    app = visit("data", data="own")
    app.file_uploader[0].upload("sales.csv", f"sales;n\n{rows}\n".encode(), "text/csv").run()
    assert "fifty-one thousand" in texts(app, "warning")
    assert not [b for b in app.button if b.label == "Save"]
    assert not user_sets.list_sets()
    next(b for b in app.button if b.label == "Decimal point").click().run()
    assert not app.exception
    assert "fifty-one thousand" not in texts(app, "warning")
    assert app.dataframe[0].value["as read"][0].startswith("12.1")
    next(b for b in app.button if b.label == "Save").click().run()
    (known,) = user_sets.list_sets()
    assert known.schema[0].type == "numeric"


def test_the_columns_are_shown_as_written_and_as_read_and_can_be_changed(visit, home) -> None:
    rows = "\n".join(f'{k % 5},{"red" if k % 3 else "blue"},"{k},5",{k % 4}' for k in range(40))
    app = visit("data", data="own")
    app.file_uploader[0].upload("t.csv", f"n,colour,x,k\n{rows}\n".encode(), "text/csv").run()
    assert not app.exception
    shown = app.dataframe[0].value
    assert list(shown["column"]) == ["n", "colour", "x", "k"]
    assert list(shown["type"]) == ["count", "binary", "numeric", "count"]
    assert shown["in the file"][2].startswith("0,5 · 1,5")
    assert shown["as read"][2].startswith("0.5 · 1.5")
    (file,) = app.session_state["own.columns"]
    # What the editor writes is what the flag says.
    app.session_state["own.columns"] = {
        file: {"n": {"role": "leave out"}, "k": {"type": "ordinal"}}
    }
    app.run()
    shown = app.dataframe[0].value
    assert list(shown["role"]) == ["leave out", "feature", "feature", "feature"]
    assert shown["type"][3] == "ordinal"
    assert list(app.dataframe[1].value.columns) == ["colour", "x", "k"]
    assert list(app.dataframe[1].value["colour"][:2]) == ["blue", "red"]


def test_sampled_rows_are_in_the_file_s_units_and_may_be_given_a_value(visit, work, home) -> None:
    rows = "\n".join(f"{k % 5},{'red' if k % 3 else 'blue'},{40 + k % 7}.5" for k in range(60))
    known = user_sets.store(read(f"n,colour,height\n{rows}\n".encode()), "rows")
    values = {"data": "own", "set": known.id, "model": "vae", "hidden": 8, "batch": 16}
    view = foreground.train({**values, "steps": 30})
    names = [column.name for column in view.model().meta.schema]
    app = visit("explore", run=view.id, tool="rows", n="200")
    while work():
        app = app.run()
    assert not app.exception
    shown = next(f.value for f in app.dataframe if list(f.value.columns) == names)
    assert set(shown["colour"]) <= {"red", "blue"}
    assert len(shown) == 20
    app.selectbox(key="explore.rows.given").select("colour").run()
    app.selectbox(key="explore.rows.given.colour").select("blue").run()
    assert not app.exception
    shown = next(f.value for f in app.dataframe if list(f.value.columns) == names)
    assert set(shown["colour"]) == {"blue"}
    assert "exact draws by rejection" in texts(app, "caption")


def test_a_large_file_has_a_process_of_its_own_once(visit, home, monkeypatch) -> None:
    """What was read within its bounds is read at once when a choice changes; a new file is not."""
    apart: list[int] = []

    def read_in_subprocess(*arguments: object):
        apart.append(1)
        return read(*arguments)

    monkeypatch.setattr(user_data, "AT_ONCE", 10)
    monkeypatch.setattr(user_data, "read_in_subprocess", read_in_subprocess)
    app = visit("data", data="own")
    app.file_uploader[0].upload("a.csv", as_csv(iris_rows()), "text/csv").run()
    assert len(apart) == 1
    assert "setosa (50)" in texts(app, "markdown")
    next(w for w in app.selectbox if w.label.lower().startswith("label")).set_value("none").run()
    assert not app.exception
    assert "setosa (50)" not in texts(app, "markdown")
    assert len(apart) == 1
    app.file_uploader[0].upload("b.csv", as_csv(iris_rows()[:90]), "text/csv").run()
    assert len(apart) == 2
