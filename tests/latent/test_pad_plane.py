"""The plane of a pad: where it begins, how far it reaches, how likely a code is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genlab.latent import pad
from genlab.latent.codes import Codes, prior_sample
from genlab.testing.model_contract import METAS, ModelCase


def model(name, meta="grey8", **values):
    return ModelCase(name, METAS[meta], name).build(**values).eval()


def codes(z):
    n = len(z)
    none = np.full(n, -1)
    z = np.asarray(z, dtype=np.float32)
    return Codes(z, z, none, none, "posterior mean")


def test_the_prior_of_a_standard_code_is_that_of_scipy():
    z = torch.tensor([0.3, -1.2, 2.0])
    exact = stats.multivariate_normal(np.zeros(3)).logpdf(z.numpy())
    assert pad.log_prior(model("vae", latent=3), z) == pytest.approx(exact, abs=1e-5)


def test_a_learned_mixture_is_summed_over_its_parts():
    vae = model("vae", "plane", latent=2, prior="mixture", prior_components=3)
    prior = vae.prior_net
    z = torch.tensor([0.4, -0.1])
    weights = torch.softmax(prior.logits, 0).detach().numpy()
    parts = [
        w * stats.norm(m, s).pdf(z.numpy()).prod()
        for w, m, s in zip(
            weights,
            prior.loc.detach().numpy(),
            (0.5 * prior.log_variance).exp().detach().numpy(),
            strict=True,
        )
    ]
    assert pad.log_prior(vae, z) == pytest.approx(math.log(sum(parts)), abs=1e-5)


def test_a_pad_begins_where_codes_of_the_prior_are():
    assert pad.start(model("vae", latent=3)).tolist() == [0.0, 0.0, 0.0]
    vae = model("vae", "plane", latent=2, prior="mixture", prior_components=2)
    with torch.no_grad():
        vae.prior_net.loc.copy_(torch.tensor([[-4.0, 0.0], [4.0, 0.0]]))
        vae.prior_net.log_variance.fill_(-4.0)
    # Between its two parts the prior has e^-400 of the density at either.
    assert torch.equal(pad.start(vae, 3), prior_sample(vae, 1, 3)[0])
    assert abs(abs(float(pad.start(vae, 3)[0])) - 4.0) < 1.0


def test_a_code_with_a_category_is_likely_only_where_it_is_one():
    gan = model("infogan", latent=2, categories=4, codes=1)
    z = torch.tensor([0.5, -0.5, 0.0, 1.0, 0.0, 0.0, 0.25])
    exact = stats.norm.logpdf([0.5, -0.5]).sum() + math.log(1 / 4) + math.log(1 / 2)
    assert pad.category(gan) == (2, 4)
    assert pad.log_prior(gan, z) == pytest.approx(exact, abs=1e-5)
    for place, value in ((3, 0.5), (6, 1.5)):
        outside = z.clone()
        outside[place] = value
        assert pad.log_prior(gan, outside) == -math.inf


def test_a_simplex_and_a_codebook_have_an_outside():
    topics = model("topics")
    inside = torch.full((topics.latent,), 1 / topics.latent)
    exact = stats.dirichlet([topics.options.mixing] * topics.latent).logpdf(
        np.full(topics.latent, 1 / topics.latent)
    )
    assert pad.log_prior(topics, inside) == pytest.approx(exact, rel=1e-4)
    assert pad.log_prior(topics, -inside) == -math.inf
    vq = model("vq_vae", code_prior="uniform")
    z = pad.start(vq, 3)
    assert pad.log_prior(vq, z) == pytest.approx(-vq.positions * math.log(64), rel=1e-6)
    assert pad.log_prior(vq, z + 0.1) == -math.inf


def test_it_begins_at_the_mean_with_an_encoder_and_at_a_draw_without():
    assert pad.start(model("vae", latent=3)).tolist() == [0.0, 0.0, 0.0]
    gan = model("gan")
    assert torch.equal(pad.start(gan, 4), prior_sample(gan, 1, 4)[0])
    assert not torch.equal(pad.start(gan, 4), pad.start(gan, 5))


def test_the_dots_are_the_codes_of_the_map_or_draws():
    vae = model("vae", latent=3)
    z = np.random.default_rng(0).normal(size=(50, 3))
    assert np.allclose(pad.dots(vae, codes(z)), z, atol=1e-6)
    z[:] = np.nan
    shown = pad.dots(vae, codes(z), 1)
    assert shown.shape == (pad.DOTS, 3)
    assert abs(shown.std() - 1.0) < 0.05


def test_a_pad_reaches_over_the_codes_and_to_z():
    values = np.linspace(-2.0, 3.0, 5001)
    low, high = pad.span(values, 0.0)
    assert (low, high) == pytest.approx((-1.975 - 0.495, 2.975 + 0.495), abs=1e-3)
    assert pad.span(values, 9.0) == pytest.approx((low, 9.0 + 0.495), abs=1e-3)
    assert pad.category(model("vae")) is None
