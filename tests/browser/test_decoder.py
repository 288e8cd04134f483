"""Decoders run by the page's own script: equal to torch for every architecture there is."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from genlab import latent
from genlab.browser.decoder_program import export
from genlab.browser.op_tracing import NotExportable
from genlab.models.base import HasDecoder, HasLabels, HasProbabilityPath
from genlab.testing.model_contract import model_cases

ROOT = Path(__file__).resolve().parents[2]
DECODER = ROOT / "genlab/ui/static/explore/decoder.js"
#: Models that the server decodes: the page has no search among the knots of a spline.
ON_SERVER = {"spline_flow"}
#: Every model on every sort of data that has a decoder, and every likelihood on one of them.
CASES = [
    (case, likelihood)
    for case in model_cases()
    if issubclass(case.cls, HasDecoder) and case.name not in ON_SERVER
    for likelihood in (
        case.cls.choices(case.meta).get("likelihood", (None,))
        if case.label in {"conv_vae-grey8", "vae-plane"}
        else (None,)
    )
]
RUN = """async ([text, program, weights, codes]) => {
  const { load } = window.decoder ??= await import("data:text/javascript;base64," + text);
  const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
  const decode = load(JSON.parse(program), bytes.buffer);
  return codes.map((z) => Array.from(decode(z)));
}"""


def stirred(model):
    """A model as after some training: no weight, no running average at its first value."""
    torch.manual_seed(3)
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, nn.modules.batchnorm._BatchNorm):
                m.running_mean.normal_(0.0, 0.3)
                m.running_var.uniform_(0.5, 2.0)
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return model.eval()


def built(case, likelihood):
    values = {} if likelihood is None else {"likelihood": likelihood}
    # The same layers with fewer units: millions of weights would make only the test slower.
    known = {row.name for row in case.cls.Options.table()}
    small = {"hidden": 32, "width": 8, "sampling_steps": 3, "flow_layers": 2}
    values |= {name: n for name, n in small.items() if name in known}
    model = stirred(case.build(**values))
    if isinstance(model, HasLabels):
        model = model.condition_on(torch.tensor(1))
    return model


@pytest.fixture(scope="module")
def bare(browser):
    """A page without anything on it."""
    page = browser.new_page()
    yield page
    page.close()


def decoded_in(page, program, z):
    """What the page makes of codes, (n, *shape)."""
    found = page.evaluate(
        RUN,
        [
            base64.b64encode(DECODER.read_bytes()).decode(),
            program.text.decode(),
            base64.b64encode(program.weights).decode(),
            z.tolist(),
        ],
    )
    return np.array(found).reshape(len(z), *json.loads(program.text)["shape"])


@pytest.mark.parametrize(
    ("case", "likelihood"), CASES, ids=[f"{case.label}-{like}" for case, like in CASES]
)
def test_the_page_decodes_as_torch_does(bare, case, likelihood):
    model = built(case, likelihood)
    z = latent.prior_sample(model, 3, 5)
    z[1] *= 1.7
    exact = latent.decode_mean(model, z).numpy()
    found = decoded_in(bare, export(model), z)
    assert exact.std() > 0
    # A flow from noise divides by the share of data at its start, so it passes values near 100,
    # whose last digit in single precision is 8e-6; a step adds a few of these.
    atol = 2e-4 if isinstance(model, HasProbabilityPath) else 1e-5
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("case", [c for c in model_cases() if c.name in ON_SERVER], ids=str)
def test_what_the_page_cannot_decode_is_refused_with_the_operation(case):
    with pytest.raises(NotExportable, match=r"no aten\.\w+.*decode on the server"):
        export(built(case, None))


@pytest.mark.parametrize("name", ["flow_matching", "ddpm"])
def test_a_u_net_that_takes_too_long_for_the_page_is_refused_at_once(name):
    case = next(c for c in model_cases() if c.name == name and c.label.endswith("grey28"))
    with pytest.raises(NotExportable, match="million products"):
        export(stirred(case.build(net="unet")))
