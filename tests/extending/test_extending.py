"""The code of docs/extending.md: each block is a plugin that meets its contract and trains."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from genlab import data as datasets
from genlab import models
from genlab.core.random import scope
from genlab.core.registry import Registry
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, DATASETS, JOBS, MODELS, OBJECTIVES
from genlab.divergences import F
from genlab.divergences.quadrature import bound_1d, divergence_1d, gaussian
from genlab.lessons.base import LESSONS, lesson
from genlab.metrics import METRICS, evaluate
from genlab.probes.base import PROBES
from genlab.testing.data_contract import DataContract
from genlab.testing.model_contract import ModelCase, ModelContract, model_cases
from genlab.testing.objective_contract import ObjectiveCase, ObjectiveContract, objective_cases
from genlab.ui.explore.tools import TOOLS

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"
TABLES: tuple[Registry[Any], ...] = (
    *(DATASETS, MODELS, OBJECTIVES, ALGORITHMS, JOBS),
    *(F, LESSONS, METRICS, PROBES, TOOLS),
)
BLOCK = re.compile(
    r"^## ★ (?P<title>[^\n]+)\n(?:(?!^## ).)*?^```python\n(?P<code>.*?)^```", re.M | re.S
)
BLOCKS = {found["title"]: found["code"] for found in BLOCK.finditer(GUIDE.read_text())}


@pytest.fixture(scope="module", autouse=True)
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    """Every block as a module that was imported; its rows leave the tables afterwards."""
    before = {id(table): set(table.names()) for table in TABLES}
    loaded = {}
    folder = tmp_path_factory.mktemp("plugins")
    for k, (title, code) in enumerate(BLOCKS.items()):
        path = folder / f"extension_{k}.py"
        path.write_text(code)
        found = importlib.util.spec_from_file_location(path.stem, path)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[path.stem] = module
        found.loader.exec_module(module)
        loaded[title] = module
    yield loaded
    for module in loaded.values():
        sys.modules.pop(module.__name__, None)
    for table in TABLES:
        for name in set(table.names()) - before[id(table)]:
            table.unregister(name)


def train(steps: int, **values: Any) -> tuple[Any, Any, list[dict[str, float]]]:
    """A short training: the spec's data, the model, and the means of each step's terms."""
    spec = RunSpec.build(**{"batch": 64, "seed": 0, **values})
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    seen = []
    with scope(0, "extending"):
        state = algorithm.init(0, data)
        for _ in range(steps):
            batch = data.train.x[torch.randint(len(data.train), (64,))]
            state, info = algorithm.step(state, batch)
            seen.append(info.means())
    return data, algorithm.model(state), seen


def cases(title: str) -> list[Any]:
    """The contract cases of the blocks' rows; made inside a test, when the rows are there."""
    if title in MODELS:
        return model_cases([title])
    return [case for case in objective_cases([title]) if case.model.sort in {"plane", "grey8"}]


def check_contract(contract: type, fixture: str, case: Any) -> int:
    """Run every test of a contract on a case; how many there were."""
    one, count = contract(), 0
    for name in dir(contract):
        if name.startswith("test_"):
            try:
                getattr(one, name)(**{fixture: case})
            except pytest.skip.Exception:
                continue
            count += 1
    return count


def test_the_guide_has_a_block_for_each_kind() -> None:
    assert len(BLOCKS) >= 9
    assert all("register(" in code for code in BLOCKS.values())


@pytest.mark.parametrize("name", ["kl_target", "ls_norm", "my_matching_loss"])
def test_an_added_objective_meets_the_contract_with_every_model_it_is_offered_for(
    name: str,
) -> None:
    found: list[ObjectiveCase] = cases(name)
    assert found
    assert all(check_contract(ObjectiveContract, "pair", case) >= 6 for case in found)


@pytest.mark.parametrize("name", ["my_flow", "my_matching"])
def test_an_added_model_meets_the_contract(name: str) -> None:
    found: list[ModelCase] = cases(name)
    assert found
    assert all(check_contract(ModelContract, "case", case) >= 7 for case in found)


def test_an_added_vae_objective_pulls_the_kl_to_its_target() -> None:
    _, _, seen = train(300, model="vae", data="digits", objective="kl_target", kl_target=3.0)
    late = [row["kl"] for row in seen[-50:]]
    assert abs(sum(late) / len(late) - 3.0) < 0.5


def test_an_added_penalty_is_not_offered_for_a_batch_normalised_critic() -> None:
    fitting = {name for name in MODELS if OBJECTIVES["ls_norm"].fits(MODELS[name]) is None}
    assert "gan" in fitting
    spec = RunSpec.build(model="dcgan", data="mnist5k", objective="ls_norm")
    assert spec.model_options.spectral
    _, _, seen = train(60, model="gan", data="ring", objective="ls_norm", norm_weight=10.0)
    assert abs(seen[-1]["norm_real"] - 1.0) < 0.5


def test_an_added_divergence_is_exact_and_its_bound_is_tight() -> None:
    row = F["triangular"]
    u = torch.linspace(0.05, 20.0, 400, dtype=torch.float64)
    t = row.f_prime(u)
    torch.testing.assert_close(row.conjugate(t), u * t - row.f(u), rtol=1e-9, atol=1e-9)
    p, q = gaussian(0.0, 1.0), gaussian(0.7, 1.3)
    value = divergence_1d(row, p, q).value
    best = bound_1d(row, lambda x: row.score(p(x) - q(x)), p, q, score=True)
    assert best.value == pytest.approx(value, abs=1e-5)
    _, _, seen = train(20, model="gan", data="mixture", objective="fgan", divergence="triangular")
    assert all(math.isfinite(value) for step in seen for value in step.values())


class TestHeart(DataContract):
    """The dataset of the guide under the contract of datasets."""

    @pytest.fixture
    def name(self) -> str:
        return "heart"


def test_an_added_flow_learns_the_data() -> None:
    data, model, seen = train(400, model="my_flow", data="two_gaussians", batch=64, lr=3e-3)
    with torch.no_grad():
        held_out = float(model.log_prob(data.test.x).mean())
        exact = float(data.density.log_prob(data.test.x).mean())
    assert exact - 0.5 < held_out < exact + 0.2
    assert seen[-1] != seen[0]


def test_an_added_flow_matching_model_learns_the_data() -> None:
    data, model, _ = train(600, model="my_matching", data="two_gaussians", lr=3e-3)
    assert {"elbo", "nonsaturating"}.isdisjoint(
        name for name in OBJECTIVES if OBJECTIVES[name].fits(MODELS["my_matching"]) is None
    )
    with scope(0, "look"), torch.no_grad():
        x = model.sample(2000)
    real = data.test.x
    assert float((x.mean(0) - real.mean(0)).norm()) < 0.3
    assert float((x.std(0) / real.std(0) - 1).abs().max()) < 0.25


def test_an_added_metric_is_measured_and_leaves_the_others_as_they_were() -> None:
    spec = RunSpec.build(model="vae", data="digits", hidden=16)
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec)
    found = {one.series.name: one for one in evaluate(model, data, n=200)}
    assert found["nearest_test"].low < found["nearest_test"].value < found["nearest_test"].high
    METRICS_ROW = METRICS.row("nearest_test")
    METRICS.unregister("nearest_test")
    try:
        without = {one.series.name: one for one in evaluate(model, data, n=200)}
    finally:
        METRICS.register("nearest_test", title=METRICS_ROW.title)(METRICS_ROW.value)
    assert {k: v.value for k, v in found.items() if k != "nearest_test"} == {
        k: v.value for k, v in without.items()
    }


def test_an_added_lesson_opens_and_its_checks_hold() -> None:
    one = lesson("jensen", {"spread": "7.5"})
    assert one.equations()[1].values[0].text.startswith("E log w = ")
    assert one.panels()
    assert all(check.holds for check in one.check())


def test_an_added_tool_is_offered_by_capability() -> None:
    row = TOOLS["variety"]
    meta = datasets.load(RunSpec.build(model="vae", data="ring")).meta
    assert row.fits(MODELS["vae"], meta)
    assert not row.fits(MODELS["my_flow"], meta)
