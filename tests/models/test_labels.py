"""Models held at labels: what p(x | y) makes, bounds given y, views, resuming."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from genlab import data as datasets
from genlab.core import random
from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec, models_for, objectives_for
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches, DataMeta, Dataset
from genlab.latent import codes_of
from genlab.latent.codes import embed, held_out
from genlab.latent.points import point
from genlab.metrics.evaluation import evaluate
from genlab.models.base import GenerativeModel, HasLabels
from genlab.models.cvae import ConditionalVAE
from genlab.models.labels import (
    WITHHELD,
    class_index,
    conditioned_on,
    conditioned_on_class,
    in_columns,
)
from genlab.models.linear_gaussian import LinearGaussian
from genlab.models.vae import VAEOptions
from genlab.objectives.elbo import draw
from genlab.objectives.importance_weights import log_weights
from genlab.probes.base import read_probes
from genlab.probes.samples import Samples
from genlab.probes.variational import HeldOutELBO, Reconstructions
from genlab.train.loop import train

PLANE = DataMeta((2,), "real", ("left", "right"))


def trained(steps: int, **values: Any) -> tuple[GenerativeModel, Dataset, RunSpec]:
    spec = RunSpec.build(steps=steps, **values)
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    before = random.capture()
    random.seed_run(spec.train.seed)
    state, _ = train(algorithm, data, algorithm.init(spec.train.seed, data))
    random.restore(before)
    return algorithm.model(state).eval(), data, spec


@pytest.fixture(scope="module")
def digits() -> tuple[GenerativeModel, Dataset, RunSpec]:
    return trained(700, model="cvae", data="digits", likelihood="bernoulli")


def small(**options: Any) -> ConditionalVAE:
    given = {"latent": 2, "hidden": 8, "likelihood": "gaussian", "sigma": 0.5, **options}
    with scope(0, "small"):
        return ConditionalVAE(VAEOptions.build(given), PLANE).double().eval()


# -- what it learns -----------------------------------------------------------------------------


def test_samples_given_a_class_are_of_that_class(
    digits: tuple[GenerativeModel, Dataset, RunSpec],
) -> None:
    """By a classifier that never saw the model; chance is 0.1."""
    model, data, _ = digits
    assert data.train.y is not None
    assert data.test.y is not None
    referee = LogisticRegression(max_iter=300).fit(data.train.x.flatten(1), data.train.y)
    assert referee.score(data.test.x.flatten(1), data.test.y) > 0.9
    labels = in_columns(model, 50)
    assert labels is not None
    with scope(0, "draws"), torch.no_grad():
        x = conditioned_on(model, labels).sample(len(labels))
        free = model.sample(500)
    right = referee.predict(x.flatten(1)) == labels.numpy()
    assert right.mean() > 0.85
    assert min(right[labels.numpy() == c].mean() for c in range(10)) > 0.5
    # At "unknown" it makes all of the digits.
    assert len(set(referee.predict(free.flatten(1)))) >= 7


def test_samples_given_a_side_lie_on_that_side() -> None:
    model, data, _ = trained(400, model="cvae", data="moons")
    assert data.train.y is not None
    referee = LogisticRegression().fit(data.train.x, data.train.y)
    floor = referee.score(data.test.x, data.test.y)
    for y in range(2):
        with scope(1, "draws"), torch.no_grad():
            x = conditioned_on_class(model, str(y)).sample(500)
        assert (referee.predict(x) == y).mean() > floor - 0.1


# -- bounds -------------------------------------------------------------------------------------


def linear(model: ConditionalVAE, y: int) -> LinearGaussian:
    """The linear Gaussian model that a decoder of one linear layer is at a class."""
    layer: Any = model.decoder[0]  # type: ignore[index]
    weight = layer.weight.detach()
    return LinearGaussian.of(weight[:, :2], layer.bias.detach() + weight[:, 2 + y], 0.5)


def linear_model() -> ConditionalVAE:
    model = small()
    with scope(3, "linear"):
        model.decoder = torch.nn.Sequential(torch.nn.Linear(2 + 2, 2)).double()
    return model


def test_the_elbo_given_a_class_is_below_the_exact_log_likelihood() -> None:
    """log p(x | y) of a linear decoder is that of a Gaussian, by scipy."""
    model = linear_model()
    with scope(1, "data"):
        x = torch.randn(6, 2, dtype=torch.float64)
    gaps = []
    for y in (0, 1):
        exact = linear(model, y)
        weight, mean = exact.weight.detach().numpy(), exact.bias.detach().numpy()
        law = stats.multivariate_normal(mean, weight @ weight.T + 0.25 * torch.eye(2).numpy())
        held = model.condition_on(torch.tensor([y] * 6))
        with scope(2, "draws"), torch.no_grad():
            weights = log_weights(held, x, held.encode(x), 4000)
            one = draw(held, x)
        error = weights.std(0) / math.sqrt(len(weights))
        gap = torch.tensor(law.logpdf(x.numpy())) - weights.mean(0)
        assert bool((gap > 4 * error).all())
        assert one.kl.shape == (6,)
        gaps.append(gap)
    assert float((gaps[0] - gaps[1]).abs().max()) > 0.01


def test_the_bound_is_tight_at_the_posterior_given_the_class() -> None:
    """With q the exact p(z | x, y), every log weight is log p(x | y)."""
    model = linear_model()
    with scope(1, "data"):
        x = torch.randn(6, 2, dtype=torch.float64)
    y = torch.tensor([0, 1, 1, 0, 1, 0])
    both = [linear(model, k) for k in (0, 1)]
    for i, label in enumerate(y.tolist()):
        q = both[label].encode(x[i : i + 1])
        held = model.condition_on(torch.tensor([label]))
        with scope(2, "draws"), torch.no_grad():
            weights = log_weights(held, x[i : i + 1], q, 5)
        expected = both[label].log_prob(x[i : i + 1]).detach()
        torch.testing.assert_close(weights, expected.expand(5, 1), rtol=1e-9, atol=1e-9)


def test_several_draws_of_an_example_keep_its_label() -> None:
    model = small()
    with scope(0, "x"):
        x = torch.randn(3, 2, dtype=torch.float64)
        z = torch.randn(4, 3, 2, dtype=torch.float64)
    y = torch.tensor([0, 1, 1])
    together = model.condition_on(y).decode(z.flatten(0, 1)).mean.view(4, 3, 2)
    for i, label in enumerate(y):
        alone = model.condition_on(label).decode(z[:, i]).mean
        torch.testing.assert_close(together[:, i], alone)
    torch.testing.assert_close(
        model.condition_on(y).encode(x).mean[1:], model.condition_on(y[1:]).encode(x[1:]).mean
    )
    with pytest.raises(ValueError, match="conditioned on 3 labels, asked for 4 rows"):
        model.condition_on(y).decode(z[:, 0])


# -- views --------------------------------------------------------------------------------------


def test_a_view_shares_weights_and_leaves_the_model_as_it_was() -> None:
    model = small()
    view = model.condition_on(torch.tensor(1))
    z = torch.zeros(1, 2, dtype=torch.float64)
    assert not torch.equal(view.decode(z).mean, model.decode(z).mean)
    assert torch.equal(view.condition_on(None).decode(z).mean, model.decode(z).mean)
    assert set(view.state_dict()) == set(model.state_dict())
    with torch.no_grad():
        next(model.decoder.parameters()).mul_(1.5)
    assert next(view.parameters()) is next(model.parameters())
    twin = copy.deepcopy(view)
    assert torch.equal(twin.decode(z).mean, view.decode(z).mean)
    assert next(twin.parameters()) is not next(view.parameters())


def test_a_tenth_of_the_labels_is_withheld_where_that_is_asked_for() -> None:
    model, y = small(), torch.arange(2).repeat(2000)
    for mode in (False, True):
        held = model.train(mode).condition_on(y)
        assert torch.equal(held.codes(4000), torch.eye(2).repeat(2000, 1))
    with scope(0, "withheld"):
        shown = model.withhold(y)
    assert torch.equal(shown[shown >= 0], y[shown >= 0])
    known = model.condition_on(shown).codes(4000).sum(1)
    share = 1 - float(known.mean())
    assert abs(share - WITHHELD) < 4 * math.sqrt(WITHHELD * (1 - WITHHELD) / 4000)
    assert set(known.tolist()) == {0.0, 1.0}


def test_classes_by_name_and_number() -> None:
    assert class_index(PLANE, "right") == class_index(PLANE, "1") == 1
    for wrong in ("up", "2", "-1"):
        with pytest.raises(SpecError, match="allowed: left, right"):
            class_index(PLANE, wrong)
    model = small()
    assert conditioned_on_class(model, None) is model
    z = torch.zeros(1, 2, dtype=torch.float64)
    one, same = (conditioned_on_class(model, name).decode(z).mean for name in ("left", "0"))
    assert torch.equal(one, same)
    plain = LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5)
    assert conditioned_on(plain, torch.tensor([0])) is plain
    assert in_columns(plain, 3) is None
    with pytest.raises(SpecError, match="trained without labels"):
        conditioned_on_class(plain, "left")


def test_it_is_offered_for_data_with_classes_and_for_every_objective_of_the_family() -> None:
    assert "cvae" in models_for("digits")
    assert "cvae" not in models_for("swiss_roll")
    assert {"elbo", "beta", "iwae", "free_bits", "infovae_mmd", "beta_tc"} <= set(
        objectives_for("cvae")
    )
    assert "vq" not in objectives_for("cvae")


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
def test_other_priors_do_not_depend_on_the_label(prior: str) -> None:
    model = small(prior=prior, prior_components=3)
    z = torch.zeros(4, 2, dtype=torch.float64)
    held = model.condition_on(torch.tensor([0, 1, 1, 0]))
    torch.testing.assert_close(held.prior().log_prob(z), model.prior().log_prob(z))
    with scope(0, "x"):
        loss = draw(held, torch.randn(4, 2, dtype=torch.float64))
    assert loss.kl.shape == (4,)


# -- the rest of the system ---------------------------------------------------------------------


def test_codes_and_reconstructions_are_those_given_the_own_class(
    digits: tuple[GenerativeModel, Dataset, RunSpec],
) -> None:
    model, data, spec = digits
    assert isinstance(model, ConditionalVAE)
    codes = codes_of(model, data, "data", 40, seed=0)
    split = held_out(data)
    assert split.y is not None
    rows = torch.from_numpy(codes.index)
    x, y = split.x[rows], split.y[rows]
    with torch.no_grad():
        expected = model.condition_on(y).encode(x).mean
        unknown = embed(model, x)
        back = model.condition_on(y[3:4]).decode(expected[3:4]).mean[0]
    torch.testing.assert_close(torch.from_numpy(codes.code), expected)
    assert float((unknown - expected).abs().max()) > 0.1
    # Whatever the model is held at when a point is looked at.
    shown = point(conditioned_on_class(model, "7"), data, codes, 3)
    torch.testing.assert_close(shown.reconstruction, back, rtol=1e-4, atol=1e-5)
    probe = read_probes(Reconstructions(spec, data), model, 0)
    sheet = probe.pictures["reconstructions"].payload["x"]
    x, y = data.validation.x[:8], data.validation.y
    assert y is not None
    with torch.no_grad():
        held = model.condition_on(y[:8])
        torch.testing.assert_close(
            torch.as_tensor(sheet[8:16]), held.decode(held.encode(x).mean).mean, atol=1e-5, rtol=0
        )


def test_the_numbers_are_given_the_class(
    digits: tuple[GenerativeModel, Dataset, RunSpec],
) -> None:
    model, data, spec = digits
    probe = HeldOutELBO(spec, data)
    with scope(0, "probe"), torch.no_grad():
        told = probe.read(model, 0).values["val_elbo"]
    blind = Dataset(
        data.meta,
        data.train,
        type(data.validation)(data.validation.x),
        data.test,
    )
    with scope(0, "probe"), torch.no_grad():
        untold = HeldOutELBO(spec, blind).read(model, 0).values["val_elbo"]
    assert told > untold + 0.2
    found = {e.series.name: e for e in evaluate(model, data, n=150)}
    assert "given the class" in found["test_elbo"].series.title
    assert found["test_elbo"].value == pytest.approx(told, abs=1.0)


@pytest.mark.parametrize(("model", "line"), [("vae", True), ("cvae", False)])
def test_the_truth_of_p_of_x_is_no_line_for_a_bound_given_the_class(
    model: str, line: bool
) -> None:
    spec = RunSpec.build(model=model, data="two_gaussians")
    series = HeldOutELBO(spec, datasets.load(spec)).series[0]
    assert (series.truth is not None) == line
    assert ("given the class" in series.title) != line


def test_the_sheet_has_a_column_a_class(
    digits: tuple[GenerativeModel, Dataset, RunSpec],
) -> None:
    model, data, spec = digits
    shown = read_probes(Samples(spec, data), model, 0).pictures["samples"]
    assert shown.payload["columns"] == 10
    assert len(shown.payload["x"]) == 80
    referee = LogisticRegression(max_iter=300).fit(data.train.x.flatten(1), data.train.y)
    found = referee.predict(torch.as_tensor(shown.payload["x"]).flatten(1)).reshape(8, 10)
    assert (found == list(range(10))).mean() > 0.8
    assert "a column a class" in shown.note


@pytest.mark.parametrize("model", ["cvae", "conv_cvae"])
def test_a_run_resumes_bit_by_bit(model: str) -> None:
    """The labels that are withheld come from the run's stream, which a snapshot holds."""
    spec = RunSpec.build(model=model, data="digits", batch=32, warmup=6)
    data = datasets.load(spec)
    assert data.train.y is not None
    algorithm = ALGORITHMS[spec.algorithm](spec)
    batches = Batches(len(data.train), 32, 0)

    def go(state: Any, first: int, last: int) -> list[Tensor]:
        seen = []
        for step in range(first, last):
            rows = batches.index(step)
            state, info = algorithm.step(state, data.train.x[rows], data.train.y[rows])  # type: ignore[index]
            seen.append(info.terms["elbo"].clone())
        return seen

    with scope(0, "run"):
        state = algorithm.init(0, data)
        go(state, 0, 3)
        packed, stream = algorithm.pack(state), random.capture()
        rest = go(state, 3, 7)
        again = algorithm.unpack(packed, data)
        random.restore(stream)
        resumed = go(again, 3, 7)
    assert all(torch.equal(a, b) for a, b in zip(rest, resumed, strict=True))
    one, two = algorithm.model(state).state_dict(), algorithm.model(again).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert isinstance(algorithm.model(again), HasLabels)
