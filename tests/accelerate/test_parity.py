"""Every model with every objective: plain autograd and the accelerated step agree.

The combinations and their options are read from the tables, so a new row is held to this at once.
The arithmetic is done in double precision: the two ways then agree to about 1e-12, and the
tolerance leaves no room for a wrong formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab.accelerate import enabled
from genlab.core.errors import SpecError
from genlab.core.random import scope, seed_run
from genlab.core.run_spec import Combination, RunSpec, algorithms_for, models_for, objectives_for
from genlab.core.tables import ALGORITHMS, MODELS
from genlab.models.base import HasFusedMLPs
from genlab.train.gradient import GradientState

BATCH, STEPS = 8, 3
#: Small data: points, grey pictures, black and white pictures.
DATA: dict[str, dict[str, Any]] = {
    "ring": {"data": "ring"},
    "digits": {"data": "digits"},
    "binary digits": {"data": "digits", "binarise": "threshold"},
}
#: Nets as small as they may be; what a model has no such option for is left as it is.
SMALL = {"hidden": 12, "width": 4, "latent": 3, "categories": 3}


def _options(values: dict[str, Any]) -> dict[str, Any]:
    """The values without the name of the data."""
    return {name: value for name, value in values.items() if name != "data"}


def _small(values: dict[str, Any]) -> dict[str, Any]:
    """The values, with small nets."""
    rows = {r.name: r for part in Combination.of(values).options().values() for r in part}
    small = {name: size for name, size in SMALL.items() if name in rows}
    return {**small, "batch": BATCH, "steps": 100, **values}


def pairs() -> Iterator[dict[str, Any]]:
    """Each model with each objective that gradient descent can minimise with it, on small data."""
    for model in MODELS.names():
        fitting = [v for v in DATA.values() if model in models_for(v["data"], _options(v))]
        # Black and white pictures are for those models that take nothing else.
        for values in [v for v in fitting if "binarise" not in v] or fitting[:1]:
            for objective in objectives_for(model):
                if "gradient" in algorithms_for(model, objective):
                    yield {
                        **values,
                        "model": model,
                        "objective": objective,
                        "algorithm": "gradient",
                    }


def variants() -> Iterator[dict[str, Any]]:
    """Each pair; then each other value of a switch or a choice, of the model and the objective.

    An option of a model is varied with the model's first objective. One of an objective is varied
    with the first model that it meets, and with every model whose game has a way without a graph.
    """
    varied: set[tuple[str, str, object]] = set()
    for values in pairs():
        yield values
        parts = Combination.of(values).options()
        own = [("model", values["model"], row) for row in parts["model"]]
        own += [("objective", values["objective"], row) for row in parts["objective"]]
        own += [("algorithm", "gradient", row) for row in parts["algorithm"]]
        for part, name, row in own:
            choices = (False, True) if row.type is bool else row.choices or ()
            for value in choices:
                key = (name + values["data"] if part == "model" else name, row.name, value)
                game = part == "objective" and issubclass(MODELS[values["model"]], HasFusedMLPs)
                if value != row.default and (key not in varied or game):
                    varied.add(key)
                    yield {**values, row.name: value}


def _possible(values: dict[str, Any]) -> bool:
    try:
        RunSpec.build(**_small(values))
    except SpecError:
        return False
    return True


def _label(values: dict[str, Any]) -> str:
    return "-".join(str(v) for k, v in values.items() if k != "algorithm")


VARIANTS = [values for values in variants() if _possible(values)]


def trained(
    values: dict[str, Any], accelerated: bool
) -> tuple[GradientState, list[dict[str, float]]]:
    """The state after a few steps in double precision, and the mean of each term."""
    spec = RunSpec.build(**_small(values))
    data = datasets.load(spec)
    torch.set_default_dtype(torch.float64)
    try:
        with enabled(accelerated):
            seed_run(0)
            algorithm = ALGORITHMS["gradient"](spec)
            state = algorithm.init(0, data)
            state.model.double()
            infos = []
            for step in range(STEPS):
                rows = slice(step * BATCH, (step + 1) * BATCH)
                x: Tensor = data.train.x[rows].double()
                y = data.train.y[rows] if algorithm.labelled else None  # type: ignore[index]
                with scope(step, "parity"):
                    state, info = algorithm.step(state, x, y)
                infos.append(info)
            return state, [info.means() for info in infos]
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("values", VARIANTS, ids=_label)
def test_weights_are_those_of_plain_autograd(values: dict[str, Any]) -> None:
    fast, terms = trained(values, True)
    plain, expected = trained(values, False)
    assert plain.game is None
    pairs = zip(fast.model.named_parameters(), plain.model.parameters(), strict=True)
    for (name, a), b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")
    for one, other in zip(terms, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-7, abs=1e-9)


def test_the_variants_reach_every_model_and_the_way_without_a_graph() -> None:
    reached = {values["model"] for values in VARIANTS}
    able = {
        name
        for name in MODELS.names()
        if any(name in models_for(v["data"], _options(v)) for v in DATA.values())
        and any("gradient" in algorithms_for(name, o) for o in objectives_for(name))
    }
    assert reached == able
    games = {
        values["objective"]
        for values in VARIANTS
        if issubclass(MODELS[values["model"]], HasFusedMLPs)
        and trained(values, True)[0].game is not None
    }
    assert {"nonsaturating", "minimax", "lsgan", "hinge", "fgan"} <= games
