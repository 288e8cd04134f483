"""What a net reads of a time that all examples share is computed once, and is the same."""

from __future__ import annotations

import pytest
import torch

from genlab.paths.base import one_time
from genlab.testing.model_contract import METAS, ModelCase


@pytest.mark.parametrize("name", ["flow_matching", "ddpm", "edm"])
@pytest.mark.parametrize("meta", ["plane", "grey8"])
def test_a_shared_time_gives_what_a_time_an_example_gives(name: str, meta: str) -> None:
    model = ModelCase(name, METAS[meta], name).build().double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.2)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, *METAS[meta].shape, dtype=torch.float64, generator=generator)
    for t in (0.0, 0.3, 0.95):
        for _ in range(2):  # The second time it is kept.
            shared = one_time(t, x)
            assert shared.stride(0) == 0
            apart = torch.full((5,), t, dtype=torch.float64)
            for what in (model.predict, model.velocity):
                torch.testing.assert_close(what(x, shared), what(x, apart), rtol=1e-9, atol=1e-9)
