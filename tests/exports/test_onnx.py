"""A decoder as an ONNX file gives what torch gives, as ONNX's own evaluator reads it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from genlab.browser import operations, program_builder
from genlab.browser.decoder_program import Program, export
from genlab.browser.op_tracing import NotExportable
from genlab.core.tables import MODELS
from genlab.exports.onnx_file import WRITERS, onnx_model
from genlab.models.base import HasDecoder
from genlab.testing.model_contract import METAS, ModelCase
from tests.browser_program.decoding import Decoding

onnx = pytest.importorskip("onnx")
from onnx.reference import ReferenceEvaluator  # noqa: E402


def evaluated(model: nn.Module, program: Program) -> tuple[np.ndarray, np.ndarray]:
    """What ONNX and torch make of the same five codes."""
    body = onnx_model(program, {"model": "a test"})
    proto = onnx.load_model_from_string(body)
    onnx.checker.check_model(proto, full_check=True)
    assert {one.key: one.value for one in proto.metadata_props} == {"model": "a test"}
    z = torch.randn(5, model.latent, generator=torch.Generator().manual_seed(3))
    (found,) = ReferenceEvaluator(proto).run(None, {"z": z.numpy()})
    with torch.no_grad():
        return found, model.decode(z).mean.numpy()


def with_export(model: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    return evaluated(model, export(model))


def decoders() -> list[tuple[str, str]]:
    """Each model with a decoder, with the first data of the contract that it fits."""
    found = []
    for row in MODELS.rows():
        if issubclass(row.value, HasDecoder):
            fit = (name for name, meta in METAS.items() if row.value.incompatibility(meta) is None)
            if (name := next(fit, None)) is not None:
                found.append((row.name, name))
    return found


@pytest.mark.parametrize(("name", "meta"), decoders())
def test_the_file_gives_what_the_model_gives(name: str, meta: str) -> None:
    model = ModelCase(name, METAS[meta], name).build().eval()
    try:
        program = export(model)
    except NotExportable:
        pytest.skip("the browser cannot run this decoder either")
    found, exact = evaluated(model, program)
    assert found.shape == exact.shape
    # The rounding of float32 grows with the numbers: an untrained DDPM gives values around 50.
    assert found == pytest.approx(exact, abs=2e-5 * max(1.0, float(np.abs(exact).max())))


def test_a_discretised_logistic_has_its_mean() -> None:
    case = ModelCase("vae", METAS["grey8"], "vae")
    found, exact = with_export(case.build(likelihood="discretised_logistic").eval())
    assert found == pytest.approx(exact, abs=2e-5)


FUNCTIONS = {
    "tanh": lambda z: z.tanh(),
    "exp and log": lambda z: (z.exp() + 1).log(),
    "abs, sqrt and reciprocal": lambda z: (z.abs() + 1).sqrt().reciprocal(),
    "softplus": lambda z: F.softplus(z),
    "leaky": lambda z: F.leaky_relu(z, 0.2),
    "square": lambda z: z**2,
    "clamp": lambda z: z.clamp(-0.5, 0.7),
    "where": lambda z: torch.where(z < 0.1, z * 2, -z),
    "sub, div": lambda z: (1 - z) / (z**2 + 2.0),
    "join": lambda z: torch.cat([z, torch.ones(len(z), 2), z[:, :1]], 1),
    "bilinear": lambda z: F.interpolate(z.view(-1, 1, 2, 2), scale_factor=2, mode="bilinear"),
    "pool": lambda z: F.avg_pool2d(z.view(-1, 1, 2, 2), 2),
    "convolution": lambda z: F.conv2d(
        z.view(-1, 1, 2, 2), torch.arange(18.0).view(2, 1, 3, 3) / 9, torch.ones(2), padding=1
    ),
    "transposed": lambda z: F.conv_transpose2d(
        z.view(-1, 1, 2, 2),
        torch.arange(36.0).view(1, 4, 3, 3) / 9,
        torch.ones(4),
        stride=2,
        padding=1,
        output_padding=1,
    ),
    "norm": lambda z: F.batch_norm(z, torch.zeros(4) + 0.1, torch.ones(4) * 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_operation_is_that_of_torch(name: str) -> None:
    found, exact = with_export(Decoding(FUNCTIONS[name], 4).eval())
    assert found == pytest.approx(exact, abs=2e-5)


def test_every_operation_that_a_program_can_have_is_written() -> None:
    modules = (operations, program_builder)
    source = "\n".join(Path(module.__file__).read_text() for module in modules)
    named = set(
        re.findall(r'(?:(?:b|self)\.add\(|_same_everywhere\(b, x, )\s*"([a-z_]+)"', source)
    )
    assert {"gather", "product", "fold", "affine", "taps", "argmin", "lookup", "join"} <= named
    assert named <= set(WRITERS)
    assert {"tanh", "silu", "add", "logistic_mean"} <= set(WRITERS)
