"""The vector-quantised autoencoder: nearest codes, gradients, moving averages, the bound."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab import data as datasets
from genlab.core import random
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.data.base import DataMeta
from genlab.distributions.codebook import AutoregressiveCodes, OneCode, UniformCodes
from genlab.divergences import closed_form_kl
from genlab.latent import codes_of, decode_mean
from genlab.models.vq_vae import LEARNED, PRIORS, RARE, VQVAE, VQVAEOptions
from genlab.objectives.elbo import elbo_terms
from genlab.objectives.vq import VQ, VQOptions, perplexity
from genlab.probes.variational import HeldOutELBO

BINARY = DataMeta((1, 8, 8), "binary")


def small(**options: Any) -> tuple[VQVAE, Tensor]:
    given = {"codebook_size": 3, "code_size": 2, "width": 4, **options}
    with scope(0, "small"):
        model = VQVAE(VQVAEOptions.build(given), BINARY).double()
        x = torch.rand(5, *BINARY.shape, dtype=torch.float64).round()
        with torch.no_grad():
            e = model.encodings(x).flatten(0, 1)
            model.codebook.copy_(e.mean(0) + e.std(0) * torch.randn(model.codebook.shape))
        # As it is looked at: in training the prior's net leaves codes and units out.
        return model.eval(), x


def objective(model: VQVAE, x: Tensor, **options: Any) -> tuple[VQ, Any]:
    made = VQ(VQOptions.build(options))
    return made, made.loss("model", model, x)


def test_the_nearest_code_is_that_of_brute_force() -> None:
    model, x = small(codebook_size=17, code_size=3)
    e = model.encodings(x).detach().numpy()
    distance = ((e[:, :, None] - model.codebook.numpy()) ** 2).sum(-1)
    index = model.nearest(model.encodings(x))
    assert e.shape == (5, 4, 3)
    assert len(index.unique()) > 1
    np.testing.assert_array_equal(index, distance.argmin(-1))
    expected = model.codebook[index].flatten(1)
    torch.testing.assert_close(model.quantise(torch.tensor(e).flatten(1)), expected)
    assert torch.equal(model.encode(x).mean, expected)


def test_the_gradient_at_the_codes_is_passed_to_the_encodings_as_it_is() -> None:
    model, x = small()
    e = model.encodings(x).detach().flatten(1).requires_grad_()
    z_q = model.encode(x).mean.detach().requires_grad_()
    (at_e,) = torch.autograd.grad(model.decode(e).log_prob(x).sum(), e)
    grid = z_q.view(5, 2, 2, 2).permute(0, 3, 1, 2)
    logits = model.decoder(grid).view(5, 1, 8, 8)
    alone = -nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    (at_codes,) = torch.autograd.grad(alone, z_q)
    assert float(at_codes.abs().min()) > 0
    torch.testing.assert_close(at_e, at_codes, rtol=1e-9, atol=1e-12)


def test_what_is_lowered_is_the_stated_sum() -> None:
    model, x = small(codebook_by="gradient")
    e, z_q = model.encodings(x), model.encode(x).mean.view(5, 4, 2)
    distance = (e - z_q).square().sum((1, 2))
    kl = -model.prior().log_prob(z_q.flatten(1))
    reconstruction = model.decode(z_q.flatten(1)).log_prob(x)
    _, loss = objective(model, x, commitment=0.7)
    expected = (1 + 0.7) * distance + kl - reconstruction
    torch.testing.assert_close(loss.terms["vq_loss"], expected)
    torch.testing.assert_close(loss.terms["elbo"], reconstruction - kl)
    (gradient,) = torch.autograd.grad(loss.value, model.codebook)
    # The codes are pulled to their encodings, and by nothing else.
    index, mine = model.nearest(e), torch.zeros_like(model.codebook)
    for row, k in zip(e.detach().flatten(0, 1), index.flatten(), strict=True):
        mine[k] += 2 * (model.codebook.detach()[k] - row) / 5
    torch.testing.assert_close(gradient, mine)


def test_the_commitment_pulls_the_encodings_to_their_codes() -> None:
    model, x = small()
    weights = list(model.encoder.parameters())
    slopes = []
    for commitment in (0.0, 2.0):
        _, loss = objective(model, x, commitment=commitment)
        slopes.append(torch.autograd.grad(loss.value, weights, retain_graph=True))
    e = model.encodings(x)
    z_q = model.codebook[model.nearest(e)].detach()
    pull = torch.autograd.grad(2.0 * (e - z_q).square().sum() / len(x), weights)
    assert max(float(part.abs().max()) for part in pull) > 1e-3
    for without, with_it, mine in zip(*slopes, pull, strict=True):
        torch.testing.assert_close(with_it - without, mine, rtol=1e-7, atol=1e-10)


def test_perplexity_counts_codes_as_if_used_evenly() -> None:
    for used in (1, 3, 8):
        assert float(perplexity(torch.arange(used).repeat(5), 8)) == pytest.approx(used, rel=1e-12)
    share = np.array([0.5, 0.25, 0.25])
    uneven = torch.tensor([0, 0, 1, 2])
    exact = math.exp(-float((share * np.log(share)).sum()))
    assert float(perplexity(uneven, 4)) == pytest.approx(exact, rel=1e-12)


def test_moving_averages_follow_their_formula() -> None:
    model, x = small(decay=0.9)
    with scope(5, "start"):
        model.count.copy_(torch.tensor([4.0, 5.0, 6.0]))
        model.total.copy_(torch.randn(3, 2))
    count, total = model.count.clone(), model.total.clone()
    made, _ = objective(model, x)
    e = model.encodings(x).detach().flatten(0, 1)
    index = model.nearest(e)
    made.after_update("model", model)
    for k in range(3):
        mine = e[index == k]
        n = 0.9 * count[k] + 0.1 * len(mine)
        s = 0.9 * total[k] + 0.1 * mine.sum(0)
        torch.testing.assert_close(model.count[k], n)
        torch.testing.assert_close(model.codebook[k], s / n)
    before = model.codebook.clone()
    made.after_update("model", model)
    assert torch.equal(model.codebook, before), "a batch counts once"


def test_codes_hardly_used_begin_anew_at_an_encoding() -> None:
    model, x = small(decay=0.5)
    with torch.no_grad():
        model.codebook[2] = 1e3
    made, _ = objective(model, x)
    model.count.fill_(1.0)
    model.count[2] = 1e-3
    with scope(0, "restart"):
        made.after_update("model", model)
    e = model.encodings(x).detach().flatten(0, 1)
    assert float((e - model.codebook[2]).abs().sum(1).min()) < 1e-9
    assert float(model.count.min()) >= RARE * float(model.count.mean())


@pytest.mark.parametrize("prior", PRIORS)
def test_the_bound_is_below_the_sum_over_all_grids_of_codes(prior: str) -> None:
    """3⁴ = 81 grids: p(x) = Σ_c p(c) p(x | c)."""
    model, x = small(code_prior=prior)
    grids = torch.tensor(list(itertools.product(range(3), repeat=4)))
    z = model.codebook[grids].flatten(1)
    with torch.no_grad():
        log_prior = model.prior().log_prob(z)
        assert float(log_prior.exp().sum()) == pytest.approx(1.0, abs=1e-9)
        each = torch.stack([model.decode(z).log_prob(one.expand(81, 1, 8, 8)) for one in x])
        exact = torch.logsumexp(each + log_prior, dim=1)
        _, terms = elbo_terms(model, x)
        _, loss = objective(model, x)
    torch.testing.assert_close(loss.terms["elbo"], terms["elbo"])
    torch.testing.assert_close(loss.terms["kl"], terms["kl"])
    gap = exact - terms["elbo"]
    assert bool((gap > 0).all())
    # The gap is −log of the posterior probability of the one grid.
    row = (grids[None] == model.nearest(model.encodings(x))[:, None]).all(-1).int().argmax(1)
    posterior = (each + log_prior - exact[:, None])[torch.arange(5), row]
    torch.testing.assert_close(gap, -posterior)
    if prior == "uniform":
        torch.testing.assert_close(terms["kl"], torch.full_like(gap, 4 * math.log(3)))
        assert float(loss.terms["kl"][0]) == pytest.approx(4.394449, abs=1e-6)


def test_the_autoregressive_prior_draws_from_its_own_law() -> None:
    model, _ = small(codebook_size=2)
    with torch.no_grad():
        for weight in model.prior_net.parameters():  # type: ignore[union-attr]
            weight.mul_(3)
    law = model.prior()
    assert isinstance(law, AutoregressiveCodes)
    with scope(0, "draws"):
        z = law.sample((20_000,))
    index, made = law.index_of(z)
    assert bool(made.all())
    counts = torch.bincount((index * torch.tensor([8, 4, 2, 1])).sum(1), minlength=16).double()
    grids = torch.tensor(list(itertools.product(range(2), repeat=4)))
    with torch.no_grad():
        expected = law.log_prob(model.codebook[grids].flatten(1)).exp() * 20_000
    assert float(expected.max() / expected.min()) > 1.5
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    assert chi_squared < 37.7, "the 99.9 % point of chi² with 15 degrees of freedom"


def test_the_prior_learns_without_some_codes_and_is_looked_at_with_all() -> None:
    model, x = small(codebook_size=5)
    z = model.encode(x).mean
    before = model.prior().log_prob(z).detach()
    assert torch.equal(before, model.prior().log_prob(z).detach())
    model.train()
    with scope(0, "left out"):
        seen = torch.stack([model.prior().log_prob(z).detach() for _ in range(50)])
    assert float(seen.std(0).min()) > 1e-3
    assert torch.equal(model.eval().prior().log_prob(z).detach(), before)
    whole, _ = small(codebook_size=5, code_dropout=0.0)
    whole.load_state_dict(model.state_dict())
    torch.testing.assert_close(whole.train().prior().log_prob(z).detach(), before)


def test_laws_over_codes() -> None:
    codebook = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    prior, q = UniformCodes(codebook, 2), OneCode(codebook, torch.tensor([[0, 2], [1, 1]]))
    assert q.mean.tolist() == [[0.0, 0.0, 0.0, 2.0], [1.0, 0.0, 1.0, 0.0]]
    assert torch.equal(q.log_prob(q.rsample()), torch.zeros(2))
    assert q.log_prob(q.mean.flip(0)).tolist() == [-math.inf, -math.inf]
    kl = closed_form_kl(q, prior)
    assert kl is not None
    torch.testing.assert_close(kl, torch.full((2,), 2 * math.log(3)))
    assert prior.log_prob(q.mean + 0.3).tolist() == [-math.inf, -math.inf]
    with scope(0, "draws"):
        z = prior.sample((30_000,))
    torch.testing.assert_close(z.mean(0), prior.mean, atol=0.03, rtol=0)
    torch.testing.assert_close(z.var(0), prior.variance, atol=0.03, rtol=0)


def test_only_its_own_objective_trains_it() -> None:
    fits = {
        n for n in OBJECTIVES.names() if OBJECTIVES[n].incompatibility(MODELS["vq_vae"]) is None
    }
    assert fits == {"vq"}
    assert "codebook" in str(OBJECTIVES["elbo"].incompatibility(MODELS["vq_vae"]))
    assert OBJECTIVES["vq"].incompatibility(MODELS["vae"]) == "the model lacks HasCodebook"


@pytest.mark.parametrize("learned", LEARNED)
def test_it_learns_uses_its_codes_and_resumes_bit_by_bit(learned: str) -> None:
    spec = RunSpec.build(model="vq_vae", data="digits", codebook_size=16, codebook_by=learned)
    assert spec.objective == "vq"
    data = datasets.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    batches = data.train.x[:1024].split(128)
    seen: list[dict[str, float]] = []
    with scope(0, "run"):
        state = algorithm.init(0, data)
        for step in range(150):
            state, info = algorithm.step(state, batches[step % 8])
            seen.append(info.means())
        packed, stream = algorithm.pack(state), random.capture()
        ends = []
        for one in (state, algorithm.unpack(packed, data)):
            random.restore(stream)
            for batch in batches[:3]:
                one, _ = algorithm.step(one, batch)
            ends.append(algorithm.model(one).state_dict())
    assert seen[-1]["elbo"] > seen[0]["elbo"] + 5
    assert seen[-1]["used_codes"] >= 2
    assert 1 <= seen[-1]["perplexity"] <= seen[-1]["used_codes"] + 1e-6
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    assert {"codebook", "prior_net.out.weight"} <= set(ends[0])
    model = algorithm.model(state).eval()
    with torch.no_grad():
        held = HeldOutELBO(spec, data)
        assert held.read(model, 0).values["val_elbo"] > seen[0]["elbo"]
    codes_series = next(s for s in held.series if s.name == "val_kl")
    assert codes_series.kind == "exact"
    assert "−log p(codes), held-out" in codes_series.title
    codes = codes_of(model, data, "both", 20, seed=0)
    assert codes.z.shape == (20, 4 * 8)
    z = torch.from_numpy(codes.z)
    assert model.prior().log_prob(z).isfinite().all()  # type: ignore[attr-defined]
    # What lies between the codes is decoded as the codes nearest to it.
    nudged = z + 1e-4 * float(model.codebook.std())  # type: ignore[attr-defined]
    torch.testing.assert_close(
        decode_mean(model, nudged), decode_mean(model, z), rtol=1e-3, atol=1e-4
    )
