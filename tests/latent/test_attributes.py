"""Attributes, votes and probes against scikit-learn and planted truths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.data.base import DataMeta, Dataset, Split
from genlab.distributions import Point
from genlab.distributions.priors import standard_normal
from genlab.latent.attributes import accuracy, attributes, labelled_codes, probe, vote
from genlab.latent.directions import attribute_directions
from genlab.models.base import HasDecoder

SKLEARN = {
    "logistic": lambda: LogisticRegression(max_iter=1000),
    "lda": lambda: LinearDiscriminantAnalysis(),
}


def test_attributes_are_classes_and_halves_of_the_other_factors() -> None:
    meta = DataMeta((1,), "real", ("disc", "bar"), factors=(("shape", 2), ("size", 4), ("x", 3)))
    factors = torch.tensor([[0, 0, 0], [1, 1, 1], [0, 2, 2], [1, 3, 1]])
    names, table, classes = attributes(meta, Split(torch.zeros(4, 1), factors[:, 0], factors))
    assert names == ("class disc", "class bar", "size, upper half", "x, upper half")
    assert classes == 2
    expected = [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 1], [0, 1, 1, 0]]
    assert table.astype(int).tolist() == expected


def test_data_without_labels_have_no_attributes() -> None:
    assert attributes(DataMeta((2,), "real"), Split(torch.zeros(3, 2)))[0] == ()
    assert attributes(DataMeta((2,), "real"), Split(torch.zeros(3, 2)))[1].shape == (3, 0)


def blobs(n: int, seed: int) -> tuple[Tensor, Tensor]:
    with scope(seed, "blobs"):
        y = torch.randint(0, 4, (n,))
        return torch.randn(n, 6) + 1.5 * torch.eye(6)[y], y


def test_the_vote_is_that_of_nearest_neighbours() -> None:
    (x, y), (x_told, y_test) = blobs(600, 0), blobs(300, 1)
    table = y.numpy()[:, None] == np.arange(4)
    found = vote(x_told.view(-1, 2, 3), x.view(-1, 2, 3), table, 4)
    theirs = KNeighborsClassifier(5).fit(x.numpy(), y.numpy()).predict(x_told.numpy())
    assert np.array_equal(found.argmax(axis=1), theirs)
    assert (found.sum(axis=1) == 1).all()
    right = accuracy(found, y_test.numpy()[:, None] == np.arange(4), 4)
    assert right == pytest.approx(float((theirs == y_test.numpy()).mean()))
    alone = vote(x_told, x, table[:, :1], 0)
    single = KNeighborsClassifier(5).fit(x.numpy(), table[:, 0]).predict(x_told.numpy())
    assert np.array_equal(alone[:, 0], single)


@pytest.mark.parametrize("kind", sorted(SKLEARN))
def test_the_accuracy_of_a_probe_is_scikit_learns(kind: str) -> None:
    x, y = load_digits(return_X_y=True)
    x, y = x / 16.0, y == 3
    # One pixel at the rim is always 0, on which a discriminant would stumble.
    x = x[:, x.std(axis=0) > 0.1]
    one = probe(x[:1200], y[:1200], x[1200:], y[1200:], kind)
    theirs = SKLEARN[kind]().fit(x[:1200], y[:1200])
    assert one is not None
    assert one.accuracy == pytest.approx(theirs.score(x[1200:], y[1200:]), abs=1e-12)
    told = balanced_accuracy_score(y[1200:], theirs.predict(x[1200:]))
    assert one.balanced == pytest.approx(told, abs=1e-12)
    assert one.base == pytest.approx(float(1 - y[1200:].mean()))
    assert one.n == len(y) - 1200
    np.testing.assert_allclose(
        x[1200:] @ one.weight + one.bias, theirs.decision_function(x[1200:]), atol=1e-9
    )
    assert one.accuracy > 0.95


def test_a_probe_needs_both_answers_and_codes_to_be_told_on() -> None:
    z, y = np.eye(4), np.zeros(4, dtype=bool)
    assert probe(z, y, z, y) is None
    assert probe(z, ~y, z, y) is None
    assert probe(z, [True, True, False, False], z[:0], y[:0]) is None
    with pytest.raises(SpecError, match="logistic"):
        probe(z, y, z, y, "logstic")


class Turned(nn.Module, HasDecoder):
    """g(z) = Q z with Q orthogonal: no encoder, so its codes have no labels of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = 6
        with scope(3, "turned"):
            self.q = nn.Parameter(torch.linalg.qr(torch.randn(6, 6))[0])

    def prior(self) -> Any:
        return standard_normal(6, self.q)

    def decode(self, z: Tensor) -> Point:
        return Point(z @ self.q.mT, 1)


def halves(n: int, seed: int) -> Split:
    """Normal points; the class tells on which side of x₀ = 0 they lie."""
    with scope(seed, "halves"):
        x = torch.randn(n, 6)
    return Split(x, (x[:, 0] > 0).long())


@pytest.fixture(scope="module")
def sided() -> Dataset:
    meta = DataMeta((6,), "real", ("left", "right"))
    return Dataset(meta, halves(4000, 1), halves(500, 2), halves(500, 3))


@pytest.mark.parametrize("kind", sorted(SKLEARN))
def test_a_planted_factor_is_found_through_guessed_labels(sided: Dataset, kind: str) -> None:
    model = Turned()
    known = labelled_codes(model, sided)
    assert known is not None
    assert known.z.shape == (3000, 6)
    assert known.names == ("class left", "class right")
    # The side of a draw is known here: the guess is as good as it says.
    x = known.z @ model.q.detach().double().numpy().T
    truth = (x[:, 0] > 0).astype(int)
    right = float((known.table[:, 1] == truth).mean())
    assert known.accuracy > 0.8
    assert right == pytest.approx(known.accuracy, abs=0.05)
    assert f"{known.accuracy:.1%}" in known.note
    (left, up) = attribute_directions(known, kind)
    planted = model.q.detach().double().numpy().T @ np.eye(6)[0]
    assert float(up.vector @ planted) > 0.95
    assert float(left.vector @ planted) < -0.95
    assert float(np.linalg.norm(up.vector)) == pytest.approx(1.0)
    assert up.accuracy > 0.85
    assert f"{up.accuracy:.1%}" in up.note
    assert up.n == 1000


def test_no_labels_no_codes_with_labels() -> None:
    part = Split(torch.zeros(20, 6))
    data = Dataset(DataMeta((6,), "real"), part, part, part)
    assert labelled_codes(Turned(), data) is None
