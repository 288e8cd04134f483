"""Rows given the values of some columns: against quadrature, closed forms and enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from genlab.core.errors import DataError, SpecError
from genlab.core.random import scope
from genlab.data.base import DataMeta
from genlab.data.schema import Column
from genlab.latent.conditional import sample_conditional
from genlab.models.gan import GAN
from genlab.models.linear_vae import LinearVAE
from genlab.models.vae import VAE

COLOUR = Column("colour", "categorical", categories=("red", "green", "blue"))
SCHEMA = (COLOUR, Column("smoker", "binary", categories=("no", "yes")), Column("bmi"))
NAMES = tuple(name for column in SCHEMA for name in column.entries)
TABLE = DataMeta(
    (5,), "real", axes=NAMES, schema=SCHEMA, shift=(0.0,) * 4 + (25.0,), scale=(1.0,) * 4 + (4.0,)
)


def vae() -> VAE:
    """One code, so that everything about it is integrated."""
    with scope(3, "weights"):
        model = VAE(VAE.Options.build({"latent": 1, "hidden": 16, "likelihood": "mixed"}), TABLE)
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(2.5)
    return model.eval()


def posterior(model: VAE, given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A grid of codes and p(z | x_c) on it."""
    z = torch.linspace(-6, 6, 4001)[:, None]
    with torch.no_grad():
        logs = model.prior().log_prob(z) + model.decode(z).log_prob(given.expand(len(z), -1))
    return z, torch.softmax(logs.double(), 0)


def test_discrete_columns_are_exact_by_rejection() -> None:
    model, n = vae(), 8000
    found = sample_conditional(model, n, {"smoker": "yes"}, seed=1)
    assert found.exact
    assert "by rejection" in found.kind
    assert bool((found.x[:, 3] == 1).all())
    gap = torch.full((1, 5), torch.nan)
    gap[0, 3] = 1.0
    z, weight = posterior(model, gap)
    with torch.no_grad():
        mean = model.decode(z).mean.double()
    wanted = (weight[:, None] * mean).sum(0)
    for k in (0, 1, 2, 4):
        error = float(found.x[:, k].std()) / math.sqrt(n)
        assert abs(float(found.x[:, k].mean()) - float(wanted[k])) < 5 * error + 1e-6


def test_real_columns_are_resampled_and_the_effective_number_is_stated() -> None:
    model, n = vae(), 8000
    with scope(2, "usual"), torch.no_grad():
        usual = model.decode(model.prior().sample(torch.Size((4000,)))).sample()
    # What this untrained model draws often.
    k = int(usual[:, :3].mean(0).argmax())
    bmi = round(float(usual[usual[:, k] == 1, 4].median()), 2)
    given = {"bmi": 25.0 + 4.0 * bmi, "colour": COLOUR.categories[k]}
    found = sample_conditional(model, n, given, seed=2)
    assert not found.exact
    assert f"{found.effective:,.0f} of them effective" in found.kind
    assert found.x[:, 4].tolist() == pytest.approx([bmi] * n, abs=1e-5)
    gap = torch.full((1, 5), torch.nan)
    gap[0, :3], gap[0, 4] = torch.eye(3)[k], bmi
    z, weight = posterior(model, gap)
    with torch.no_grad():
        wanted = float((weight * model.decode(z).mean.double()[:, 3]).sum())
    # Two errors: of the draws, and of the weights.
    error = math.sqrt(0.25 / n + 0.25 / found.effective)
    assert abs(float(found.x[:, 3].mean()) - wanted) < 5 * error


def test_a_linear_vae_is_exact_in_closed_form() -> None:
    schema = tuple(Column(name) for name in "abc")
    meta = DataMeta((3,), "real", axes=("a", "b", "c"), schema=schema)
    model = LinearVAE(LinearVAE.Options.build({"latent": 2}), meta).eval()
    with torch.no_grad():
        model.decoder.weight.copy_(torch.tensor([[1.0, 0.2], [0.5, -0.7], [-0.3, 0.9]]))
        model.decoder.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
        model.log_sigma.copy_(torch.tensor(math.log(0.4)))
    n = 40_000
    found = sample_conditional(model, n, {"a": 1.5}, seed=3)
    assert found.exact
    w = model.decoder.weight.detach().double().numpy()
    cov = w @ w.T + 0.16 * np.eye(3)
    mean = np.array([-0.2, 0.3]) + cov[1:, 0] / cov[0, 0] * (1.5 - 0.1)
    rest = cov[1:, 1:] - np.outer(cov[1:, 0], cov[1:, 0]) / cov[0, 0]
    x = found.x[:, 1:].double().numpy()
    sd = np.sqrt(np.diag(rest))
    assert np.all(np.abs(x.mean(0) - mean) < 5 * sd / math.sqrt(n))
    assert np.all(np.abs(np.cov(x.T) - rest) < 6 * np.outer(sd, sd) * math.sqrt(2 / n))


def test_a_generator_is_sampled_until_a_draw_has_the_value() -> None:
    with scope(5, "weights"):
        options = {"latent": 4, "hidden": 16, "generator_output": "mixed"}
        model = GAN(GAN.Options.build(options), TABLE).eval()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.mul_(3)
        usual = model.sample(2000)
    colour = ("red", "green", "blue")[int(usual[:, :3].mean(0).argmax())]
    found = sample_conditional(model, 300, {"colour": colour}, seed=6)
    assert found.exact
    assert bool((found.x[:, COLOUR.categories.index(colour)] == 1).all())
    value = 25.0 + 4.0 * float(usual[:, 4].median())
    near = sample_conditional(model, 50, {"bmi": value}, seed=6)
    assert not near.exact
    assert "within 0.1 standard deviations" in near.kind
    with pytest.raises(DataError, match="draws of the model"):
        sample_conditional(model, 50, {"bmi": 9_000.0}, seed=6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"height": 1}, "colour"),
        ({"colour": "pink"}, "red"),
        ({"bmi": "tall"}, "a number"),
    ],
)
def test_what_is_no_column_or_value_is_refused(given, words) -> None:
    with pytest.raises(SpecError, match=words):
        sample_conditional(vae(), 5, given, seed=0)
    options = VAE.Options.build({"latent": 1, "likelihood": "gaussian"})
    plain = VAE(options, DataMeta((2,), "real"))
    with pytest.raises(SpecError, match="table of your own"):
        sample_conditional(plain, 5, given, seed=0)


@pytest.mark.parametrize("value", [1e15, -1e30, 1e38])
def test_a_value_that_no_code_explains_is_refused(value: float) -> None:
    """Before, all rows came from the one code that was the least wrong.

    The spread that this untrained decoder predicts is exponential in the code: 1e6 may be within
    it.
    """
    with pytest.raises(DataError, match="far from what the model draws"):
        sample_conditional(vae(), 20, {"bmi": value}, seed=0)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "12,5"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(SpecError, match="allowed: a number"):
        sample_conditional(vae(), 20, {"bmi": value}, seed=0)


def test_a_category_is_named_as_the_file_has_it() -> None:
    pay = Column("pay", "categorical", categories=("20k-40k", "‹ 20k", "› 40k"))
    meta = DataMeta((3,), "real", axes=pay.entries, schema=(pay,))
    with scope(3, "weights"):
        model = VAE(VAE.Options.build({"latent": 1, "hidden": 16, "likelihood": "mixed"}), meta)
    found = sample_conditional(model.eval(), 20, {"pay": "< 20k"}, seed=0)
    assert bool((found.x[:, 1] == 1).all())
