"""Directions against linear algebra: SeFa, principal components, what is saved, every model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from genlab.core.errors import GenlabError
from genlab.core.random import scope
from genlab.data.base import DataMeta, Dataset, Split
from genlab.distributions import Point
from genlab.distributions.priors import standard_normal
from genlab.latent import attributes
from genlab.latent.codes import Codes, codes_of
from genlab.latent.directions import (
    first_layer,
    named_directions,
    principal,
    saved_directions,
    sefa,
    unit,
)
from genlab.models.base import HasDecoder, HasEncoder
from genlab.testing.model_contract import METAS, ModelCase, model_cases


def jacobian_of_first(model: Any, name: str) -> Tensor:
    """d(what the net has after its first layer)/dz, by automatic differentiation."""
    net = getattr(model, name)

    def first(z: Tensor) -> Tensor:
        extra = 0 if not hasattr(model, "codes") else model.classes
        z = torch.cat([z, z.new_zeros(extra)])[None]
        for layer in net:
            z = layer(z)
            if any(True for _ in layer.parameters()):
                break
        return z.flatten()

    found = torch.autograd.functional.jacobian(first, torch.zeros(model.latent))
    return found.double()  # type: ignore[union-attr,return-value]


@pytest.mark.parametrize(
    ("name", "net", "meta"),
    [
        ("dcgan", "generator", "grey8"),
        ("dcgan", "generator", "colour32"),
        ("cdcgan", "generator", "grey8"),
        ("conv_vae", "decoder", "grey8"),
        ("cvae", "decoder", "grey8"),
        ("resgan", "generator", "grey8"),
        ("gan", "generator", "plane"),
    ],
)
def test_sefa_is_the_singular_vectors_of_the_first_layer(name: str, net: str, meta: str) -> None:
    model: Any = ModelCase(name, METAS[meta], name).build().eval()
    slope = jacobian_of_first(model, net).numpy()
    weight = first_layer(model)
    assert weight is not None
    assert weight.shape[1] == model.latent
    found = sefa(model, 4)
    assert len(found) == min(4, model.latent)
    values, vectors = np.linalg.eigh(weight.numpy().T @ weight.numpy())
    _, singular, right = np.linalg.svd(slope, full_matrices=False)
    np.testing.assert_allclose(np.sqrt(values[::-1]), singular, rtol=1e-5)
    for j, one in enumerate(found):
        assert abs(float(one.vector @ vectors[:, -1 - j])) == pytest.approx(1.0, abs=1e-9)
        assert abs(float(one.vector @ right[j])) == pytest.approx(1.0, abs=1e-4)
        assert one.vector[np.abs(one.vector).argmax()] > 0
        share = singular[j] ** 2 / (singular**2).sum()
        assert f"{share:.1%}" in one.note


def test_no_other_direction_changes_the_first_layer_more() -> None:
    model = ModelCase("dcgan", METAS["grey8"], "dcgan").build().eval()
    weight = first_layer(model)
    assert weight is not None
    best = float((weight @ torch.from_numpy(sefa(model)[0].vector)).norm())
    with scope(0, "others"):
        others = torch.nn.functional.normalize(torch.randn(weight.shape[1], 500).double(), dim=0)
    assert float((weight @ others).norm(dim=0).max()) < best


def test_a_code_that_is_read_through_a_codebook_has_no_first_layer() -> None:
    model = ModelCase("vq_vae", METAS["grey8"], "vq").build().eval()
    assert first_layer(model) is None
    assert sefa(model) == []


class Linear(nn.Module, HasDecoder):
    """g(z) = W z."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = 4
        with scope(0, "linear"):
            frame = torch.linalg.qr(torch.randn(9, 4))[0]
            turn = torch.linalg.qr(torch.randn(4, 4))[0]
        self.sizes = torch.tensor([4.0, 2.0, 1.0, 0.5])
        self.turn = turn
        self.weight = nn.Parameter((frame * self.sizes) @ turn.mT)

    def prior(self) -> Any:
        return standard_normal(4, self.weight)

    def decode(self, z: Tensor) -> Point:
        return Point(z @ self.weight.mT, 1)


class Encoded(Linear, HasEncoder):
    """With posterior means of our choice."""

    def encode(self, x: Tensor) -> Any:
        return Independent(Normal(x[:, :4], torch.ones(4)), 1)


def codes(z: np.ndarray) -> Codes:
    none = np.full(len(z), -1)
    return Codes(z.astype(np.float32), z.astype(np.float32), none, none, "posterior mean")


def test_the_principal_directions_of_codes_are_scikit_learns() -> None:
    z = np.random.default_rng(0).normal(size=(300, 4)) @ np.diag([3.0, 1.0, 0.5, 0.1]) + 2.0
    found = principal(Encoded(), codes(z), 3)
    theirs = PCA(3).fit(z)
    assert [one.name for one in found] == ["principal 1", "principal 2", "principal 3"]
    for one, row, share, variance in zip(
        found,
        theirs.components_,
        theirs.explained_variance_ratio_,
        theirs.explained_variance_,
        strict=True,
    ):
        assert abs(float(one.vector @ row)) == pytest.approx(1.0, abs=1e-6)
        assert f"{share:.1%}" in one.note
        assert one.spread == pytest.approx(np.sqrt(variance * 299 / 300), rel=1e-5)
        assert one.n == 300


def test_without_an_encoder_they_are_brought_back_by_least_squares() -> None:
    model = Linear().eval()
    z = np.random.default_rng(1).normal(size=(2000, 4))
    found = principal(model, codes(z), 3)
    x = z.astype(np.float32) @ model.weight.detach().numpy().T
    scores = PCA(3).fit_transform(x)
    back = np.linalg.lstsq(scores, z - z.mean(axis=0), rcond=None)[0]
    for j, one in enumerate(found):
        assert abs(float(one.vector @ unit(back[j]))) == pytest.approx(1.0, abs=1e-5)
        # Of a linear decoder they are its right singular vectors, up to the draws.
        assert abs(float(one.vector @ model.turn[:, j].numpy())) > 0.98


def test_a_map_without_generated_points_draws_its_own() -> None:
    known = Codes(
        np.zeros((5, 2), np.float32),
        np.full((5, 4), np.nan, np.float32),
        np.full(5, -1),
        np.arange(5),
        "critic feature",
    )
    found = principal(Linear().eval(), known, 1)
    assert found[0].n == 1024
    assert abs(float(found[0].vector @ Linear().turn[:, 0].numpy())) > 0.98


def test_of_what_is_saved_only_directions_of_this_space_are_offered() -> None:
    good = {"name": "smile", "kind": "direction", "vector": [3.0, 4.0], "n": 7, "note": "mine"}
    bad = [
        {**good, "kind": "set"},
        {**good, "vector": [1.0, 0.0, 0.0]},
        {**good, "vector": [0.0, 0.0]},
        {**good, "vector": [float("nan"), 1.0]},
    ]
    (one,) = saved_directions([good, *bad], 2)
    assert one.vector.tolist() == [0.6, 0.8]
    assert (one.name, one.kind, one.n, one.note) == ("smile", "saved", 7, "mine")
    with pytest.raises(GenlabError, match="length 0"):
        unit([0.0, 0.0])


def dataset(case: ModelCase) -> Dataset:
    """Random examples of such data, with labels where there are classes."""
    meta = DataMeta(case.meta.shape, case.meta.support, case.meta.classes)

    def part(n: int, seed: int) -> Split:
        y = torch.arange(n) % len(meta.classes) if meta.classes else None
        return Split(case.batch(n, seed), y)

    return Dataset(meta, part(120, 0), part(60, 1), part(60, 2))


SMALL = [
    case
    for case in model_cases()
    if issubclass(case.cls, HasDecoder) and case.label.endswith(("plane", "grey8", "binary8"))
]


#: Every net that a model can have: the default one, and the others.
NETS = [(case, None) for case in SMALL] + [
    (case, net)
    for case in SMALL
    for row in case.cls.Options.table()
    if row.name == "net"
    for net in case.cls.choices(case.meta).get("net", row.choices)
]


@pytest.mark.parametrize(("case", "net"), NETS, ids=lambda one: getattr(one, "label", one))
def test_every_decoder_has_named_directions(
    case: ModelCase, net: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("PROBE_TRAIN", "PROBE_TEST", "KNOWN"):
        monkeypatch.setattr(attributes, word, 60)
    model: Any = (case.build(net=net) if net else case.build()).eval()
    data = dataset(case)
    with torch.no_grad():
        looked = codes_of(model, data, "prior", 60, 0)
        saved = {"name": "mine", "kind": "direction", "vector": [1.0] * model.latent, "n": 3}
        twin = {**saved, "name": "principal 1"}
        found = named_directions(model, data, looked, [twin, saved])
    names = [one.name for one in found]
    assert names[-1] == "mine"
    assert names[-2] == ("saved: principal 1" if "principal 1" in names[:-2] else "principal 1")
    assert len(set(names)) == len(names)
    for one in found:
        assert one.vector.shape == (model.latent,)
        assert float(np.linalg.norm(one.vector)) == pytest.approx(1.0)
        assert one.spread > 0
