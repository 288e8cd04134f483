"""LDA against scikit-learn's online LDA, planted topics, enumeration, and its own full batch."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln
from sklearn.decomposition import LatentDirichletAllocation

from genlab.core.errors import SpecError
from genlab.inference.lda import LDA
from genlab.inference.svi import SVI, RobbinsMonro, Search
from genlab.models.topics import document_bound, expected_log, proportions, word_shares

KAPPA, TAU, ALPHA, ETA, K, V = 0.7, 10.0, 0.2, 0.3, 4, 16


def planted(documents: int = 400, length: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Topics that are the rows of a 4 x 4 square, and documents of a few of them."""
    source = np.random.default_rng(0)
    topics = np.full((K, V), 0.002)
    for k in range(K):
        topics[k, 4 * k : 4 * k + 4] += 0.25
    topics /= topics.sum(1, keepdims=True)
    theta = source.dirichlet(np.full(K, ALPHA), documents)
    counts = np.stack([source.multinomial(length, p) for p in theta @ topics])
    return torch.tensor(counts, dtype=torch.float64), torch.tensor(topics)


def theirs(batch: int, total: int, alpha: float) -> LatentDirichletAllocation:
    return LatentDirichletAllocation(
        K,
        doc_topic_prior=alpha,
        topic_word_prior=ETA,
        learning_method="online",
        learning_decay=KAPPA,
        learning_offset=TAU,
        batch_size=batch,
        total_samples=total,
        mean_change_tol=1e-12,
        max_doc_update_iter=5000,
        random_state=0,
    )


def mine(alpha: float = ALPHA) -> LDA:
    return LDA(K, V, alpha, ETA, tolerance=1e-12, sweeps=5000)


def test_three_updates_are_those_of_scikit_learn() -> None:
    # α = 1: a small α leaves documents several local optima, and their starts are random.
    alpha = 1.0
    x, _ = planted()
    model = theirs(25, len(x), alpha)
    model.partial_fit(x[:25].numpy())
    # Their first update gives both the same start: λ after t = 1.
    svi = SVI(mine(alpha), len(x), RobbinsMonro(KAPPA, TAU))
    state = Search(torch.tensor(model.components_), torch.ones((), dtype=torch.int64))
    for k in range(1, 4):
        part = x[25 * k : 25 * k + 25]
        model.partial_fit(part.numpy())
        state, _ = svi.step(state, part)
        assert state.natural.numpy() == pytest.approx(model.components_, rel=1e-8, abs=1e-8)
    # And so are the bound and the proportions of documents.
    lda = mine(alpha)
    held = x[300:]
    assert float(lda.elbo(state.natural, held)) == pytest.approx(
        model.score(held.numpy()), rel=1e-9
    )
    gamma = lda.proportions(state.natural, held)
    share = (gamma / gamma.sum(1, keepdim=True)).numpy()
    assert share == pytest.approx(model.transform(held.numpy()), abs=1e-8)


def test_planted_topics_are_found() -> None:
    x, topics = planted(800)
    svi = SVI(LDA(K, V, ALPHA, ETA), len(x), RobbinsMonro(KAPPA, TAU))
    source = torch.Generator().manual_seed(0)
    ends = []
    for start in range(6):
        state = svi.init(start, x)
        for _ in range(150):
            state, _ = svi.step(state, x[torch.randint(len(x), (64,), generator=source)])
        ends.append((float(svi.model.elbo(state.natural, x)), state))
    # Some starts end with two topics in one; the bound tells which do not.
    state = max(ends, key=lambda end: end[0])[1]
    found = state.natural / state.natural.sum(1, keepdim=True)
    # Half the sum of differences: the total variation, 0 for the same and 1 for disjoint topics.
    apart = 0.5 * torch.cdist(found, topics, p=1).numpy()
    rows, columns = linear_sum_assignment(apart)
    assert apart[rows, columns].max() < 0.05
    assert apart[np.ix_(rows, columns)][~np.eye(K, dtype=bool)].min() > 0.8
    # One topic alone would need about log 16 nats a word; these four need far less.
    lda = svi.model
    assert isinstance(lda, LDA)
    assert 4.0 < lda.perplexity(state.natural, planted(100)[0]) < 9.0
    assert lda.perplexity(svi.init(1, x).natural, x) > 16.0


def test_sweeps_raise_the_bound() -> None:
    x, _ = planted(80)
    # With a small α a document may find a worse optimum of γ than in the sweep before.
    svi = SVI(mine(1.0), len(x), rate=None)
    state, curve = svi.init(3, x), []
    for _ in range(25):
        state, info = svi.step(state, x)
        curve.append(info.means()["elbo"])
    assert min(np.diff(curve)) > -1e-7
    assert curve[-1] > curve[0] + 100


def test_targets_average_to_the_full_batch_over_a_partition() -> None:
    x, _ = planted(100)
    lda = mine()
    lam = lda.start(0, x)
    parts = [lda.target(lam, part, 10.0) for part in x.split(10)]
    torch.testing.assert_close(torch.stack(parts).mean(0), lda.target(lam, x), rtol=0, atol=1e-8)


def test_every_word_is_given_out_once() -> None:
    x, _ = planted(20)
    lda = mine()
    lam = lda.start(0, x)
    log_topics = expected_log(lam)
    # Two topics that are alike exchange words slowly.
    gamma = proportions(x, log_topics, ALPHA, 1e-12, 50_000)
    shares = word_shares(x, gamma, log_topics)
    torch.testing.assert_close(shares.sum(1), x, rtol=0, atol=1e-9)
    # γ is where it is best: the prior and the words of each topic.
    torch.testing.assert_close(gamma, ALPHA + shares.sum(2), rtol=0, atol=1e-5)


def test_the_bound_of_a_document_is_below_its_evidence() -> None:
    """Three words, two known topics: log p by summing over the topics of the words."""
    topics = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], dtype=torch.float64)
    document, alpha = [0, 2, 2], 0.8
    total = 0.0
    for z in itertools.product((0, 1), repeat=3):
        sizes = [z.count(0), z.count(1)]
        prior = gammaln(2 * alpha) - gammaln(2 * alpha + 3)
        prior += sum(gammaln(alpha + n) - gammaln(alpha) for n in sizes)
        total += math.exp(prior) * math.prod(
            float(topics[k, w]) for k, w in zip(z, document, strict=True)
        )
    counts = torch.tensor([[1.0, 0.0, 2.0]], dtype=torch.float64)
    gamma = proportions(counts, topics.log(), alpha, 1e-13, 5000)
    bound = float(document_bound(counts, gamma, topics.log(), alpha))
    assert math.log(total) - 0.35 < bound < math.log(total)
    for other in ([[1.0, 1.0]], [[0.5, 4.0]], [[3.0, 1.0]]):
        worse = document_bound(counts, torch.tensor(other).double(), topics.log(), alpha)
        assert float(worse) < bound


def test_mean_parameters_and_natural_gradient() -> None:
    x, _ = planted(30)
    lda = mine()
    lam = lda.start(5, x)
    assert float(lam.mean()) == pytest.approx(1.0, abs=0.05)
    exact = torch.func.grad(lda.log_normaliser)(lam)
    torch.testing.assert_close(lda.mean_parameters(lam), exact, rtol=1e-10, atol=1e-10)
    # With the local variables at their best the gradient of the ELBO is F (λ̂ − λ).
    toward = torch.randn(lam.shape, generator=torch.Generator().manual_seed(0)).double()
    step = 1e-4
    slope = float(lda.elbo(lam + step * toward, x) - lda.elbo(lam - step * toward, x)) / (2 * step)
    natural = (lda.target(lam, x) - lam).flatten()
    assert slope == pytest.approx(float(toward.flatten() @ lda.fisher(lam) @ natural), rel=1e-4)


def test_bad_input_is_said_clearly() -> None:
    lda = LDA(2, 3)
    for bad, words in (
        (torch.ones(2, 4), "counts of 3 words"),
        (torch.tensor([[1.0, -1.0, 0.0]]), "counts from 0"),
        (torch.full((1, 3), math.nan), "finite"),
    ):
        with pytest.raises(SpecError, match=words):
            lda.elbo(lda.start(0, None), bad)
    with pytest.raises(SpecError, match="above 0"):
        LDA(2, 3, alpha=0.0)
    with pytest.raises(SpecError, match="from 1"):
        LDA(0, 3)


def test_the_perplexity_of_even_words_is_their_number() -> None:
    # One topic, known to be even: log p(word) = −log V exactly, and the perplexity V.
    model = LDA(1, V)
    natural = torch.full((1, V), 1e9, dtype=torch.float64)
    x, _ = planted(50)
    assert model.per_word(natural, x) == pytest.approx(-math.log(V), abs=1e-6)
    assert model.perplexity(natural, x) == pytest.approx(V, rel=1e-6)
