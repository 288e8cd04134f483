"""Fully visible nets learn: on binarised 8 x 8 digits each beats independent pixels."""

from __future__ import annotations

import pytest
import torch

from genlab import data, models
from genlab.core.errors import SpecError
from genlab.core.random import seed_run
from genlab.core.run_spec import Combination, RunSpec, models_for
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches, Dataset
from genlab.inference.conjugate import BetaBernoulli
from genlab.models.visible import FullyVisible


def trained(steps: int, **values: object) -> tuple[FullyVisible, Dataset]:
    spec = RunSpec.build(data="digits", binarise="threshold", steps=steps, **values)
    loaded = data.load(spec)
    seed_run(spec.train.seed)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    state = algorithm.init(spec.train.seed, loaded)
    batches = Batches(len(loaded.train), spec.train.batch, spec.train.seed)
    for step in range(steps):
        state, _ = algorithm.step(state, loaded.train.x[batches.index(step)])
    model = algorithm.model(state).eval()
    assert isinstance(model, FullyVisible)
    return model, loaded


def independent_pixels(loaded: Dataset) -> float:
    """The mean log-probability of held-out images under Beta(1, 1)-Bernoulli pixels, in nats."""
    pixels = BetaBernoulli(1, 1, dim=64)
    state, _ = pixels.step(pixels.init(), loaded.train.x.flatten(1))
    return float(pixels.log_predictive(state, loaded.validation.x.flatten(1)).mean())


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        (150, {"model": "fvbn", "lr": 0.02}),
        (150, {"model": "nade", "lr": 0.01, "hidden": 64}),
        (150, {"model": "made", "lr": 0.005, "hidden": 128}),
        (150, {"model": "made", "lr": 0.005, "hidden": 128, "ordering": "random", "masks": 4}),
        (200, {"model": "pixelcnn", "lr": 0.02, "width": 8, "layers": 3, "batch": 64}),
    ],
    ids=["fvbn", "nade", "made", "made-masks", "pixelcnn"],
)
def test_it_beats_independent_pixels(steps: int, values: dict[str, object]) -> None:
    """Independent pixels reach -24.2 nats; three and a half better is 0.08 bits a pixel."""
    model, loaded = trained(steps, **values)
    base = independent_pixels(loaded)
    assert base == pytest.approx(-24.18, abs=0.05)
    with torch.no_grad():
        reached = float(model.log_prob(loaded.validation.x).mean())
    assert base + 3.5 < reached < base + 10.0


def test_the_combinations_offered() -> None:
    binary = {"binarise": "threshold"}
    assert {"fvbn", "nade", "made", "pixelcnn"} <= set(models_for("digits", binary))
    assert not {"fvbn", "nade", "made", "pixelcnn"} & set(models_for("digits"))
    offered = Combination.of({"data": "digits", "model": "made", **binary})
    assert (offered.objective, offered.algorithm) == ("likelihood", "gradient")
    with pytest.raises(SpecError, match="binarise=threshold or binarise=dynamic"):
        RunSpec.build(data="digits", model="made")
    with pytest.raises(SpecError, match="binary pixels"):
        RunSpec.build(data="moons", model="nade")
    with pytest.raises(SpecError, match="natural, random"):
        RunSpec.build(data="digits", model="made", ordering="spiral", **binary)


@pytest.mark.parametrize("name", ["fvbn", "nade", "made", "pixelcnn"])
def test_options_alone_rebuild_the_order_and_the_masks(name: str) -> None:
    """A snapshot holds weights only: order and masks must follow from the spec."""
    extra = {} if name == "pixelcnn" else {"ordering": "random", "order_seed": 3}
    spec = RunSpec.build(data="digits", model=name, binarise="threshold", **extra)
    torch.manual_seed(0)
    first = models.build(spec).eval()
    torch.manual_seed(1)
    second = models.build(spec).eval()
    second.load_state_dict(first.state_dict())
    x = data.load(spec).validation.x[:4]
    assert isinstance(first, FullyVisible)
    assert isinstance(second, FullyVisible)
    assert torch.equal(first.log_prob(x), second.log_prob(x))
