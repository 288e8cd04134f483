"""Decoders as programs for the page: what is written, what is refused. The numbers that the page
makes of them are compared with torch in tests/browser/test_decoder.py."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from genlab.browser.decoder_program import export
from genlab.browser.op_tracing import NotExportable
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.linear_gaussian import LinearGaussian
from genlab.testing.model_contract import METAS, ModelCase
from tests.browser_program.decoding import Decoding


def program_of(model):
    program = export(model)
    return json.loads(program.text), program.weights


def model(name, meta="grey8", **values):
    return ModelCase(name, METAS[meta], name).build(**values).eval()


def test_a_linear_decoder_is_one_product_with_its_weights():
    weight = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    program, weights = program_of(LinearGaussian.of(weight, torch.tensor([7.0, 8.0]), 0.5))
    product = next(op for op in program["ops"] if op["op"] == "product")
    assert product["w"]["inline"] == weight.t().flatten().tolist()
    assert (product["rows"], product["n"], product["m"]) == (1, 3, 2)
    constant = next(op for op in program["ops"] if op["op"] == "constant")
    assert constant["w"]["inline"] == [7.0, 8.0]
    assert (program["inputs"], program["shape"], weights) == (3, [2], b"")


def test_the_numbers_are_those_of_the_nets_and_little_more():
    net = model("conv_vae", "grey28")
    program, weights = program_of(net)
    numbers = sum(p.numel() for p in net.decoder.parameters())
    assert 4 * numbers < len(weights) < 4.3 * numbers
    assert program["bytes"] == len(weights)
    kinds = Counter(op["op"] for op in program["ops"])
    wanted = {"input": 1, "product": 3, "relu": 2, "gather": 1, "fold": 2, "add": 1, "sigmoid": 1}
    assert kinds == wanted
    first = next(op for op in program["ops"] if op["op"] == "product")
    at, count = first["w"]["at"]
    read = np.frombuffer(weights, "<f4", count, 4 * at).reshape(first["n"], first["m"])
    assert np.array_equal(read, net.decoder[0].weight.detach().numpy().T)


def test_the_same_weights_give_the_same_bytes_and_others_do_not():
    one, same = (export(model("dcgan")) for _ in range(2))
    assert (one.text, one.weights, one.version) == (same.text, same.weights, same.version)
    other = model("dcgan")
    with torch.no_grad():
        next(other.generator.parameters()).add_(0.1)
    assert export(other).version != one.version


@pytest.mark.parametrize("name", ["cvae", "conv_cvae", "cgan", "cdcgan"])
def test_classes_share_the_numbers_and_differ_in_the_program(name):
    net = model(name)
    programs = [export(net.condition_on(torch.tensor(k))) for k in (2, 7)]
    assert programs[0].weights == programs[1].weights
    first, second = (json.loads(one.text)["ops"] for one in programs)
    different = [(p, q) for p, q in zip(first, second, strict=True) if p != q]
    assert len(different) == 1
    codes = [op["w"]["inline"] for op in different[0]]
    assert [code.index(1.0) for code in codes] == [2, 7]


def test_what_the_mean_does_not_need_is_left_out():
    # The eigenvalues of its covariances belong to the likelihood; the page cannot compute them.
    program, _ = program_of(model("gaussian_mixture", "plane"))
    assert {op["op"] for op in program["ops"]} <= {"input", "product", "gather", "constant"}


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda z: z.cumsum(1), "aten.cumsum"),
        (lambda z: z @ z.t() @ z, "both depend on z"),
        (lambda z: z if bool(z.sum() > 0) else -z, "depends on the value of z"),
        (lambda z: (z[:, :2].relu_(), z)[1], "in place"),
        (lambda z: z + torch.rand(1, 3), "differ from the model"),
        (lambda z: torch.ones(1, 3), "does not depend on z"),
        (lambda z: z * torch.tensor([1.0, float("nan"), 1.0]), "not finite|differ from the model"),
        (lambda z: nn.functional.softplus(z, beta=2.0), "another beta or threshold"),
    ],
)
def test_a_decoder_that_the_page_cannot_do_is_refused_with_the_reason(function, why):
    torch.manual_seed(0)
    with pytest.raises(NotExportable, match=why) as caught:
        export(Decoding(function, 3))
    assert "Nothing was changed" in str(caught.value)


def test_a_model_without_a_decoder_is_refused():
    model = MODELS["made"](MODELS["made"].Options(), DataMeta((1, 8, 8), "binary"))
    with pytest.raises(NotExportable, match="this model has no decoder"):
        export(model)
