"""Arithmetic of codes on a decoder where it is exact."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab.core.errors import GenlabError, SpecError
from genlab.core.random import scope
from genlab.distributions import Point
from genlab.distributions.priors import standard_normal
from genlab.latent.arithmetic import arithmetic, mean_of, parse_rows, typical_length
from genlab.models.base import HasDecoder


class Affine(nn.Module, HasDecoder):
    """g(z) = W z + b."""

    def __init__(self, latent: int = 4, dim: int = 7) -> None:
        super().__init__()
        self.latent = latent
        with scope(0, "affine"):
            self.net = nn.Linear(latent, dim)

    def prior(self) -> Any:
        return standard_normal(self.latent, self.net.weight)

    def decode(self, z: Tensor) -> Point:
        return Point(self.net(z), 1)


def test_of_an_affine_decoder_it_is_exact() -> None:
    model = Affine()
    with scope(1, "sets"):
        sets = [torch.randn(n, 4) + n for n in (3, 5, 2)]
    a, b, c = (mean_of(name, z) for name, z in zip("abc", sets, strict=True))
    z = arithmetic(a, b, c)
    x = model.decode(torch.stack([a.z, b.z, c.z, z])).mean
    by_hand = sum(sets[0]) / 3 - sum(sets[1]) / 5 + sum(sets[2]) / 2
    torch.testing.assert_close(z, by_hand, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(x[3], x[0] - x[1] + x[2], atol=1e-5, rtol=1e-5)
    exact = sets[0] @ model.net.weight.mT + model.net.bias
    torch.testing.assert_close(x[0], exact.mean(dim=0), atol=1e-5, rtol=1e-5)
    assert [one.n for one in (a, b, c)] == [3, 5, 2]


def test_a_stretched_code_keeps_its_direction() -> None:
    a, b, c = (mean_of(name, torch.eye(4)[k : k + 1]) for k, name in enumerate("abc"))
    z = arithmetic(a, b, c, length=2.0)
    expected = torch.tensor([1.0, -1.0, 1.0, 0.0]) * 2.0 / math.sqrt(3.0)
    torch.testing.assert_close(z, expected)


@pytest.mark.parametrize("latent", [1, 64])
def test_a_typical_draw_is_about_as_long_as_the_root_of_the_size(latent: int) -> None:
    length = typical_length(Affine(latent), n=4096)
    # The mean square of n·d normals has the standard error sqrt(2 / (n d)).
    assert length**2 / latent == pytest.approx(1.0, abs=4 * math.sqrt(2 / (4096 * latent)))


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(GenlabError, match="contains no codes"):
        mean_of("none", torch.zeros(0, 3))


@pytest.mark.parametrize(
    ("text", "rows"), [("3", [3]), ("3, 9 3", [3, 9]), (" 0,1,,2 ", [0, 1, 2])]
)
def test_typed_points_are_read(text: str, rows: list[int]) -> None:
    assert parse_rows(text, 10) == rows


@pytest.mark.parametrize("text", ["", "  ", "10", "-1", "two", "1.5", "3;4"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="numbers of points from 0 to 9"):
        parse_rows(text, 10)
