"""The tables: filled once, told apart, and open to a new row by one decorator."""

from __future__ import annotations

import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import data as datasets
from genlab.core.errors import GenlabError, SpecError
from genlab.core.options import Options, option
from genlab.core.registry import LAST, Registry
from genlab.core.run_spec import (
    KINDS,
    Combination,
    RunSpec,
    TrainOptions,
    algorithms_for,
    models_for,
    objectives_for,
)
from genlab.core.tables import ALGORITHMS, DATASETS, MODELS, OBJECTIVES, TABLES
from genlab.data.base import DataMeta, Dataset, DataSource, Split


@dataclass(frozen=True)
class SquareOptions(Options):
    """Options of a set that only this test knows."""

    edge: float = option(1.0, "length of an edge", low=0.1, high=5.0)


EARLY = (
    "genlab.objectives.wasserstein",
    "genlab.models.tree",
    "genlab.inference.runs",
    "genlab.data.toys",
)


def test_tables_are_in_one_order_whatever_is_imported_first() -> None:
    code = (
        "import importlib, json, sys; importlib.import_module(sys.argv[1]); "
        "from genlab.core.tables import TABLES; "
        "print(json.dumps({k: t.names() for k, t in TABLES.items()}))"
    )
    orders = {
        subprocess.run(
            [sys.executable, "-c", code, early], capture_output=True, text=True, timeout=120
        ).stdout
        for early in EARLY
    }
    assert len(orders) == 1
    assert all(orders)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.kind)
def test_every_row_of_ours_states_its_place(table: Registry[Any]) -> None:
    ours = [row for row in table.rows() if row.value.__module__.startswith("genlab.")]
    places = [row.order for row in ours]
    assert len(set(places)) == len(places)
    assert LAST not in places


def test_a_row_without_a_place_stands_last() -> None:
    table: Registry[int] = Registry("number")
    table.register("none", title="None")(0)
    table.register("second", title="Second", order=20)(2)
    table.register("first", title="First", order=10)(1)
    table.register("also none", title="Also none")(3)
    assert table.names() == ("first", "second", "also none", "none")


@pytest.fixture
def square() -> Iterator[type[DataSource]]:
    @DATASETS.register("square", title="A square", summary="Uniform on a square.")
    class Square(DataSource):
        Options = SquareOptions

        @classmethod
        def meta(cls, options: Any) -> DataMeta:
            return DataMeta((2,), "real", note="Only in a test.")

        @classmethod
        def load(cls, options: Any, progress: Any = None) -> Dataset:
            x = options.edge * torch.rand(30, 2, generator=torch.Generator().manual_seed(0))
            return Dataset(cls.meta(options), *map(Split, x.split(10)))

    yield Square
    DATASETS.unregister("square")


def test_one_decorator_adds_a_dataset_everywhere(square: type[DataSource]) -> None:
    assert square.name == "square"  # type: ignore[attr-defined]
    assert "square" in datasets.names()
    assert "square" in datasets.offline()
    assert DATASETS.row("square").summary == "Uniform on a square."
    assert "gan" in models_for("square")
    options = Combination.of({"data": "square", "model": "gan"}).options()
    assert [row.name for row in options["data"]] == ["edge"]
    spec = RunSpec.build(data="square", model="gan", edge="2.5")
    assert RunSpec.build(**spec.flat()) == spec
    assert datasets.load(spec).train.x.max() > 1
    assert datasets.preview("square", {"edge": 5}).payload["x"].shape == (10, 2)
    with pytest.raises(SpecError, match="did you mean 'square'"):
        RunSpec.build(data="squar", model="gan")


def test_a_row_taken_away_is_gone() -> None:
    assert "square" not in DATASETS
    with pytest.raises(SpecError, match="data = 'square'"):
        DATASETS.row("square")


def test_options_of_the_kinds_have_different_names() -> None:
    """The flat form has one name an option: two datasets may share one, a model may not."""
    names: dict[str, set[str]] = {
        kind: {row.name for entry in table.rows() for row in entry.value.Options.table()}
        for kind, table in TABLES.items()
    }
    names["train"] = {row.name for row in TrainOptions.table()}
    names["kind"] = set(KINDS)
    kinds = list(names)
    for i, first in enumerate(kinds):
        for second in kinds[i + 1 :]:
            assert names[first] & names[second] == set(), f"{first} and {second}"


def test_a_clash_of_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Clash(Options):
        steps: int = option(1, "also in every run")

    monkeypatch.setattr(DATASETS["digits"], "Options", Clash)
    with pytest.raises(GenlabError, match="'steps' is declared by data and by train"):
        Combination("digits", "vae", "elbo", "gradient", {}).options()


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.kind)
def test_every_row_has_a_title_a_summary_and_sound_defaults(table: Registry[Any]) -> None:
    assert len(table) > 0
    for row in table.rows():
        assert row.value.name == row.name
        assert row.title
        assert row.summary.endswith(".")
        for entry in row.value.Options.table():
            assert entry.parse(entry.default) == entry.default
            assert entry.help
            assert entry.low is None or entry.high is None or entry.low < entry.high


def test_every_combination_offers_known_options_with_allowed_defaults() -> None:
    seen = 0
    for data in DATASETS.names():
        meta = DATASETS[data].meta(DATASETS[data].Options())
        for model in models_for(data):
            wanted = set(MODELS[model].defaults(meta)) - {"objective"}
            for objective in objectives_for(model):
                whole = Combination.of({"data": data, "model": model, "objective": objective})
                rows = [row for part in whole.options().values() for row in part]
                # A default of the preferred loss's own option is there with that loss.
                if objective == MODELS[model].defaults(meta).get("objective", objective):
                    assert wanted <= {row.name for row in rows}, (data, model)
                assert set(MODELS[model].choices(meta)) <= {row.name for row in rows}
                assert all(row.parse(row.default) == row.default for row in rows)
                assert algorithms_for(model, objective)
                seen += 1
    assert seen >= len(DATASETS)


def test_only_fitting_pairs_are_offered() -> None:
    assert set(objectives_for("vae")).isdisjoint(objectives_for("gan"))
    assert "dcgan" in models_for("mnist5k")
    assert "dcgan" not in models_for("ring")
    assert "conv_vae" not in models_for("moons")
    assert {"vae", "gan"} <= set(models_for("ring", {"modes": 3}))


def test_a_table_is_filled_once_and_whole_for_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "slow_rows"
    package.mkdir()
    (package / "__init__.py").write_text("")
    table: Registry[int] = Registry("thing", "slow_rows")
    holder = types.ModuleType("slow_rows_table")
    holder.table = table  # type: ignore[attr-defined]
    holder.filled = []  # type: ignore[attr-defined]
    for name in ("first", "second", "third"):
        (package / f"{name}.py").write_text(
            "import time\nfrom slow_rows_table import filled, table\n"
            f"filled.append({name!r})\ntime.sleep(0.05)\n"
            f"table.register({name!r}, title='T', summary='S.')(1)\n"
            "assert table.names()  # reading while filling gives what is there\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "slow_rows_table", holder)
    seen: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: seen.append(table.names())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == [("first", "second", "third")] * 5
    assert holder.filled == ["first", "second", "third"]  # type: ignore[attr-defined]


def test_a_table_may_be_filled_by_several_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("later_rows", "former_rows")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "only.py").write_text(
            f"from both_rows_table import table\ntable.register({name!r}, title='T')(1)\n"
        )
    table: Registry[int] = Registry("thing", *names)
    holder = types.ModuleType("both_rows_table")
    holder.table = table  # type: ignore[attr-defined]
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "both_rows_table", holder)
    assert table.names() == tuple(sorted(names))


def test_a_table_that_could_not_be_filled_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "broken_rows"
    package.mkdir()
    (package / "__init__.py").write_text("")
    module = package / "only.py"
    module.write_text("raise RuntimeError('not yet')")
    monkeypatch.syspath_prepend(str(tmp_path))
    table: Registry[int] = Registry("thing", "broken_rows")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="not yet"):
            table.names()
    module.write_text("")
    sys.modules.pop("broken_rows.only", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import importlib

    importlib.invalidate_caches()
    assert table.names() == ()


def test_plugins_are_imported_and_a_missing_one_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "genlab_test_plugin.py").write_text("LOADED = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("GENLAB_PLUGINS", "genlab_test_plugin, ")
    monkeypatch.delitem(sys.modules, "genlab_test_plugin", raising=False)
    assert Registry("thing", "genlab.data").names() == ()
    assert sys.modules["genlab_test_plugin"].LOADED
    monkeypatch.setenv("GENLAB_PLUGINS", "no_such_plugin")
    with pytest.raises(GenlabError, match="GENLAB_PLUGINS names 'no_such_plugin'"):
        Registry("thing", "genlab.data").names()


def test_two_things_of_one_name_are_refused() -> None:
    table: Registry[Any] = Registry("thing", "genlab.data")
    table.register("one", title="One", summary="S.")(1)
    with pytest.raises(ValueError, match="two rows named 'one' in the table of things"):
        table.register("one", title="Another", summary="S.")(2)
    assert table["one"] == 1
    assert list(table) == ["one"]
    assert "two" not in table


def test_the_four_tables_are_the_kinds() -> None:
    assert tuple(TABLES) == KINDS
    assert [t.kind for t in (DATASETS, MODELS, OBJECTIVES, ALGORITHMS)] == list(KINDS)


@pytest.mark.parametrize("early", ["genlab.models.topics", "genlab.models.made"])
def test_forms_start_at_the_same_model_whatever_is_imported_first(early: str) -> None:
    code = f"import {early}; from genlab.core.tables import MODELS; print(*MODELS.names()[:4])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["vae", "conv_vae", "gan", "dcgan"]
