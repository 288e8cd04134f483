"""Batch normalisation held at a reference batch: a function of one example, and no trace left."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genlab import data, models
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.nets.norms import has_batch_norm, normalised_by
from genlab.probes.common import frozen_batchnorm


def test_the_averages_are_those_of_the_reference_batch() -> None:
    norm = nn.BatchNorm1d(3, affine=False).eval()
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 4 + 2
    with normalised_by(norm, lambda: norm(x)):
        y = norm(x)
        one = norm(x[:1])
    torch.testing.assert_close(y, (x - x.mean(0)) / (x.var(0) + norm.eps).sqrt())
    torch.testing.assert_close(one, y[:1])


def test_everything_is_as_before() -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)).train()
    net(torch.randn(8, 2))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with (
        pytest.raises(ValueError, match="on purpose"),
        normalised_by(net, lambda: net(torch.randn(8, 2))),
    ):
        raise ValueError("on purpose")
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert net[1].momentum == 0.1
    assert net[1].training


def test_a_critic_scores_one_example_as_it_does_in_company() -> None:
    spec = RunSpec.build(model="dcgan", data="digits")
    with scope(0, "norms"):
        model = models.build(spec).eval()
    loaded = data.load(spec)
    assert has_batch_norm(model)
    x = loaded.validation.x[:6]
    outside = model.score(x)
    with scope(0, "reference"), frozen_batchnorm(model, loaded), torch.no_grad():
        together = model.score(x)
        alone = torch.cat([model.score(x[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(together, outside)
    torch.testing.assert_close(model.score(x), outside)


def test_a_net_without_it_is_left_alone() -> None:
    calls: list[int] = []
    with normalised_by(nn.Linear(2, 2), lambda: calls.append(1)):
        pass
    assert calls == []
