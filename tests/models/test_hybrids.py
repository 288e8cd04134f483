"""The hybrids against closed forms: the information, the likeness, the games at their optimum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor, nn
from torch.distributions import Normal

from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.distributions.blocks import Blocks
from genlab.models.hybrids import (
    VAEGAN,
    AdversarialAutoencoder,
    BiGAN,
    InfoGAN,
    InfoGANOptions,
)
from genlab.objectives.hybrids import AdversarialPrior, Information, LearnedSimilarity
from genlab.train.loop import train

LINE = DataMeta((1,), "real")
SPREAD, CENTRES = 0.6, (-2.0, 0.0, 1.0)


class Mixture(InfoGAN):
    """x = centre of the category + SPREAD × the noise; Q knows the posterior."""

    def decode(self, z: Tensor) -> Point:
        noise, category, _ = z.split([self.noise, self.categories, self.codes], dim=1)
        centre = category @ torch.tensor(CENTRES)
        return Point((centre + SPREAD * noise[:, 0])[:, None], 1)

    def features(self, x: Tensor) -> Tensor:
        return x


class Posterior(nn.Module):
    """Bayes' rule for the category; the flat law for the code, as a Gaussian that is nearly it."""

    def forward(self, x: Tensor) -> Tensor:
        logits = Normal(torch.tensor(CENTRES), SPREAD).log_prob(x)
        return torch.cat([logits, torch.zeros(len(x), 2)], dim=1)


def informed() -> Mixture:
    options = InfoGANOptions(latent=1, hidden=8, layers=1, categories=3, codes=1)
    model = Mixture(options, LINE)
    model.recogniser = Posterior()
    return model


def test_the_information_of_a_known_posterior_is_that_of_quadrature() -> None:
    model = informed()
    with scope(0, "information"), torch.no_grad():
        terms = Information().losses(model, torch.zeros(200_000, 1))("generator").terms
    found = terms["information_category"]

    def mixture(x: float) -> float:
        return float(np.mean([stats.norm.pdf(x, c, SPREAD) for c in CENTRES]))

    entropy = -integrate.quad(lambda x: mixture(x) * math.log(mixture(x)), -8, 8, limit=200)[0]
    exact = entropy - float(stats.norm(scale=SPREAD).entropy())
    error = float(found.std()) / math.sqrt(len(found))
    assert abs(float(found.mean()) - exact) < 4 * error
    assert 0.0 < exact < math.log(3)
    # The code says nothing of x, and Q is N(0, 1) where U(-1, 1) is the posterior: below zero.
    nothing = math.log(2) - 0.5 * math.log(2 * math.pi) - 1 / 6
    code = terms["information_codes"]
    assert abs(float(code.mean()) - nothing) < 4 * float(code.std()) / math.sqrt(len(code))


def test_a_wrong_recogniser_proves_less() -> None:
    model = informed()

    class Timid(Posterior):
        def forward(self, x: Tensor) -> Tensor:
            return 0.3 * super().forward(x)

    values = []
    for recogniser in (Posterior(), Timid()):
        model.recogniser = recogniser
        with scope(0, "information"), torch.no_grad():
            terms = Information().losses(model, torch.zeros(20_000, 1))("generator").terms
        values.append(float(terms["information_category"].mean()))
    assert values[1] < values[0] - 0.05


def test_the_code_is_noise_one_category_and_codes_in_their_range() -> None:
    options = InfoGANOptions(latent=3, hidden=8, layers=1, categories=4, codes=2)
    model = InfoGAN(options, LINE)
    prior = model.prior()
    assert isinstance(prior, Blocks)
    with scope(0, "prior"):
        z = prior.sample((50_000,))
    noise, category, code = z.split([3, 4, 2], dim=1)
    assert torch.equal(category.sum(dim=1), torch.ones(50_000))
    np.testing.assert_allclose(category.mean(dim=0), 0.25, atol=0.01)
    # Level 1e-5: fewer than 100 such tests raise under 0.1 % false alarms; D > 2.5/√n fails.
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > 1e-5
    assert stats.kstest(code.flatten().numpy(), "uniform", args=(-1, 2)).pvalue > 1e-5
    exact = stats.norm.logpdf(noise[:5]).sum(1) + math.log(0.25) + 2 * math.log(0.5)
    np.testing.assert_allclose(prior.log_prob(z[:5]), exact, rtol=1e-5)


def trained(**values: Any) -> tuple[Any, Any, Any]:
    from genlab import data as datasets

    spec = RunSpec.build(**values)
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    with scope(spec.train.seed, "trained"):
        state, _ = train(algorithm, data, algorithm.init(0, data))
    return state.model.eval(), data, spec


def test_infogan_finds_the_categories_of_the_ring() -> None:
    # One training of five leaves categories on the same modes, at about 1.1 nats.
    found = [information_on_the_ring(seed) for seed in range(3)]
    assert sorted(found)[1] > 1.7


def information_on_the_ring(seed: int) -> float:
    """Nats of information between an InfoGAN's category and the nearest mode, at most log 8."""
    model, data, _ = trained(model="infogan", data="ring", steps=1500, seed=seed)
    assert data.modes is not None
    with scope(1, "look"), torch.no_grad():
        z = model.prior().sample((4000,))
        x = model.decode(z).mean
    category = z[:, model.noise : model.noise + model.categories].argmax(dim=1)
    mode = torch.cdist(x, data.modes).argmin(dim=1)
    table = torch.zeros(8, 8).index_put((category, mode), torch.ones(4000), accumulate=True)
    p = table / table.sum()
    outer = p.sum(1, keepdim=True) * p.sum(0, keepdim=True)
    return float(torch.where(p > 0, p * (p / outer).log(), p).sum())


def test_the_encoder_of_bigan_inverts_its_generator() -> None:
    model, data, _ = trained(
        model="bigan", data="two_gaussians", steps=2500, lr_final_ratio=0.0, seed=0
    )
    x = data.validation.x[:1000]
    with torch.no_grad(), scope(2, "again"):
        again = model.decode(model.encode(x).mean).mean
    blind = (x - x.mean(dim=0)).square().sum(dim=1).mean()
    assert float((x - again).square().sum(dim=1).mean()) < 0.3 * float(blind)


def test_the_codes_of_an_adversarial_autoencoder_come_to_the_prior() -> None:
    # At a constant rate the codes go on circling about the prior.
    model, data, _ = trained(
        model="aae", data="two_gaussians", steps=1500, lr_final_ratio=0.0, seed=0
    )
    with torch.no_grad(), scope(3, "codes"):
        z = model.encode(data.validation.x).sample()
    assert float(z.mean(dim=0).abs().max()) < 0.3
    assert 0.6 < float(z.std(dim=0).min()) <= float(z.std(dim=0).max()) < 1.4


def test_a_critic_that_cannot_tell_costs_log_4() -> None:
    options = AdversarialAutoencoder.Options(likelihood="gaussian", latent=2, hidden=8, layers=1)
    model = AdversarialAutoencoder(options, DataMeta((2,), "real"))
    for weight in model.critic.parameters():
        nn.init.zeros_(weight)
    with scope(0, "blind"):
        x = torch.randn(64, 2)
        critic = AdversarialPrior().loss("discriminator", model, x)
        encoder = AdversarialPrior().loss("encoder", model, x)
    assert float(critic.value.detach()) == pytest.approx(math.log(4), abs=1e-6)
    assert float(encoder.value.detach()) == pytest.approx(math.log(2), abs=1e-6)


def test_the_likeness_is_a_unit_gaussian_in_the_features() -> None:
    options = VAEGAN.Options(likelihood="gaussian", latent=2, hidden=8, layers=1)
    model = VAEGAN(options, DataMeta((2,), "real"))
    with scope(0, "likeness"), torch.no_grad():
        x = torch.randn(16, 2)
    with scope(1, "loss"):
        terms = LearnedSimilarity().loss("encoder", model, x).terms
    with scope(1, "loss"), torch.no_grad():
        again = model.decode(model.encode(x).rsample()).mean
        exact = Normal(model.features(again), 1.0).log_prob(model.features(x)).sum(dim=1)
    torch.testing.assert_close(terms["likeness"].detach(), exact, rtol=1e-5, atol=1e-5)


def test_the_decoder_weighs_the_likeness_by_its_option() -> None:
    options = VAEGAN.Options(likelihood="gaussian", latent=2, hidden=8, layers=1)
    model = VAEGAN(options, DataMeta((2,), "real"))
    with scope(0, "likeness"), torch.no_grad():
        x = torch.randn(16, 2)
    values = {}
    for gamma in (1e-5, 0.03, 2.0):
        objective = LearnedSimilarity(LearnedSimilarity.Options(likeness=gamma))
        with scope(1, "loss"):
            values[gamma] = objective.loss("generator", model, x).terms["loss_generator"].detach()
    with scope(1, "loss"), torch.no_grad():
        again = model.decode(model.encode(x).rsample()).mean
        likeness = Normal(model.features(again), 1.0).log_prob(model.features(x)).sum(dim=1)
        made = model.decode(model.prior().sample(torch.Size((16,)))).mean
        game = nn.functional.softplus(-model.score(again))
        game = game + nn.functional.softplus(-model.score(made))
    for gamma, found in values.items():
        torch.testing.assert_close(found, game - gamma * likeness, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("objective", ["elbo", "iwae", "beta"])
def test_a_generator_with_an_encoder_has_no_elbo(objective: str) -> None:
    why = OBJECTIVES[objective].incompatibility(BiGAN)
    assert why is not None
    assert "HasLikelihood" in why
    assert OBJECTIVES["ali"].incompatibility(MODELS["vae"]) is not None
