"""The lesson on SVI with topics: its numbers by another way, and checks that can fail."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import LatentDirichletAllocation

from genlab.core.errors import SpecError
from genlab.lessons import lesson
from genlab.lessons.panels import Curves, Matrix
from genlab.lessons.svi import HELD, INK, MIXING, Bags

VALUES = {"model": "topics", "examples": 200, "steps": 40, "topics": 4}


@pytest.fixture(scope="module")
def made() -> Bags:
    found = lesson("svi", VALUES)
    assert isinstance(found, Bags)
    return found


def test_the_checks_hold(made: Bags) -> None:
    checks = made.check()
    assert len(checks) == 3
    for check in checks:
        assert check.holds, check
    # scikit-learn's score stands beside the bound, number by number.
    assert checks[1].left == pytest.approx(checks[1].right, rel=1e-6)
    assert checks[1].right < -1000


def test_a_wrong_bound_is_caught() -> None:
    made = lesson("svi", VALUES)
    assert isinstance(made, Bags)
    mine, theirs, bound, score = made.by_scikit_learn
    made.by_scikit_learn = (mine * 1.01, theirs, bound + 1.0, score)
    assert [check.holds for check in made.check()] == [False, False, True]


def test_the_bags_are_the_digits(made: Bags) -> None:
    x, held = made.bags
    assert x.shape == (200, 64)
    assert held.shape == (HELD, 64)
    assert float(x.max()) == 16.0
    known = {tuple(row) for row in load_digits().data.tolist()}
    assert {tuple(row) for row in x.tolist()} <= known
    assert not {tuple(row) for row in x.tolist()} & {tuple(row) for row in held.tolist()}


def test_more_pictures_make_a_better_bound_as_good_as_scikit_learns(made: Bags) -> None:
    _, seen, bound, elbo = made.noisy
    assert seen[-1] == 400
    assert len(elbo) == 40
    assert bound[-1] > bound[0] + 0.5
    x, held = (part.numpy() for part in made.bags)
    theirs = LatentDirichletAllocation(
        4,
        doc_topic_prior=MIXING,
        topic_word_prior=INK,
        learning_method="online",
        learning_offset=1.0,
        batch_size=10,
        max_iter=2,
        random_state=0,
    ).fit(x)
    # Its bound counts the topics' own divergence as well; ours holds them at q(β).
    lam = torch.tensor(theirs.components_)
    assert bound[-1] == pytest.approx(made.lda.per_word(lam, torch.tensor(held)), abs=0.05)
    full = made.sweeps[1]
    assert np.all(np.diff(full) > -0.01)


def test_the_panels_show_the_topics(made: Bags) -> None:
    topics, held, noisy = made.panels()
    assert isinstance(topics, Matrix)
    assert topics.values.shape == (len(topics.rows), len(topics.columns)) == (8, 35)
    share = made.noisy[0] / made.noisy[0].amax(1, keepdim=True)
    first = share[made.noisy[0].sum(1).argmax()].view(8, 8).numpy()
    assert topics.values[:, :8] == pytest.approx(first)
    assert isinstance(held, Curves)
    assert isinstance(noisy, Curves)
    assert "lower bound" in held.note
    assert len(made.equations()) == 4


def test_topics_are_an_option_of_that_model_alone() -> None:
    with pytest.raises(SpecError, match="topics"):
        lesson("svi", {"topics": 4})
    with pytest.raises(SpecError, match="20"):
        lesson("svi", {"model": "topics", "topics": 21})
    assert not isinstance(lesson("svi", {"steps": 2}), Bags)
