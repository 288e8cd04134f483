"""The code of docs/extending.md: each block is a plugin that meets its contract and trains."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import data as datasets
from genlab import models
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.divergences import F
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import bound_1d, divergence_1d
from genlab.lessons.base import lesson
from genlab.metrics import METRICS, evaluate
from genlab.panels import PANELS, form_of
from genlab.probes.base import probes_for, read_probes
from genlab.testing.data_contract import DataContract
from genlab.testing.model_contract import ModelCase, ModelContract, model_cases
from genlab.testing.objective_contract import ObjectiveCase, ObjectiveContract, objective_cases
from genlab.testing.panel_contract import PanelContract
from genlab.ui.explore.tools import TOOLS
from tests.extending.plugins import BLOCKS, loaded

#: Draws a payload with the script of its form as the live view does, on a context that writes SVG.
NODE = """
import { FORMS, loadForm } from "./live/forms.js";
import { SvgContext } from "./live/svg_context.js";
import { frameTable } from "./live/tables.js";
import { PlotAxes } from "./shared/axes.js";

console.warn = () => {};
const unknown = await loadForm("hologram").catch((error) => error.message);
await loadForm("quantiles");
const frame = { form: "quantiles", ...JSON.parse(process.argv[2]) };
const context = new SvgContext();
let legend = [];
const cell = {
  clearedAxes: (height) => new PlotAxes(context, 400, height(400, 300), "black"),
  colours: () => ["#00f"],
  describe: () => {},
  setLegend: (entries) => (legend = entries),
  side: 300,
};
FORMS.quantiles(cell)(frame, 0);
const svg = context.file(400, 300, "#fff");
console.log(JSON.stringify({ svg, legend, table: frameTable(frame), unknown }));
"""


@pytest.fixture(scope="module", autouse=True)
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every block is imported; its rows leave the tables afterwards."""
    with loaded(tmp_path_factory.mktemp("plugins"), BLOCKS.values()):
        yield


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
    assert len(BLOCKS) >= 10
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
    fitting = {
        name for name in MODELS if OBJECTIVES["ls_norm"].incompatibility(MODELS[name]) is None
    }
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
        name
        for name in OBJECTIVES
        if OBJECTIVES[name].incompatibility(MODELS["my_matching"]) is None
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


class TestQuantiles(PanelContract):
    """The form of picture of the guide under the contract of forms."""

    @pytest.fixture
    def name(self) -> str:
        return "quantiles"


def test_an_added_probe_makes_pictures_of_an_added_form() -> None:
    spec = RunSpec.build(model="vae", data="digits", hidden=16)
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec)
    found = {probe.name: probe for probe in probes_for(spec, type(model), data)}
    reading = read_probes(found["code_quantiles"], model, 0)
    picture = reading.pictures["code_quantiles"]
    assert form_of(picture) is PANELS["quantiles"]
    x, y = (torch.tensor(picture.payload[key], dtype=torch.float64) for key in "xy")
    # P(Z < x_k) = (k + ½)/100: the quantiles of the normal distribution by its own function.
    levels = torch.special.ndtr(x)
    torch.testing.assert_close(levels, (torch.arange(100.0).double() + 0.5) / 100)
    assert (y.diff() >= 0).all()


def test_the_script_of_an_added_form_draws_in_node(tmp_path: Path) -> None:
    """The form's own script, loaded as the live view loads it, draws each point of the example."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    static = Path(str(resources.files("genlab.ui") / "static"))
    for folder in ("live", "shared"):
        shutil.copytree(static / folder, tmp_path / folder)
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "quantiles.js").write_text(PANELS["quantiles"].javascript() or "")
    (tmp_path / "check.mjs").write_text(NODE)
    done = subprocess.run(
        ["node", str(tmp_path / "check.mjs"), json.dumps(PANELS["quantiles"].example())],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    # Two of the three points are known; the legend has a colour for each line of it.
    assert out["svg"].count("<path") + out["svg"].count("<circle") >= 2
    assert "quantiles of the codes" in out["svg"]
    assert [text for text, _ in out["legend"]] == ["codes", "where both are equal"]
    assert out["table"] == [
        ["normal quantile", "code quantile"],
        *([x, y] for x, y in zip([-1, 0, 1], [-2, 0, None], strict=True)),
    ]
    assert "hologram" in out["unknown"]


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
