"""Each transform against its inverse, the autograd Jacobian, and values written out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.errors import SpecError
from genlab.inference import constraints as c

ROWS = {
    "real": (c.Real(), (3,)),
    "lower": (c.Lower(-1.5), (3,)),
    "positive": (c.Lower(), ()),
    "softplus": (c.SoftplusLower(), (3,)),
    "softplus from 2": (c.SoftplusLower(2.0), (2, 2)),
    "upper": (c.Upper(0.7), (3,)),
    "interval": (c.Interval(-2.0, 5.0), (3,)),
    "probit": (c.ProbitInterval(-2.0, 5.0), (3,)),
    "simplex": (c.Simplex(), (4,)),
    "simplexes": (c.Simplex(), (2, 3)),
    "ordered": (c.Ordered(), (4,)),
    "correlation": (c.CorrelationCholesky(), (4, 4)),
    "covariance": (c.CovarianceCholesky(), (3, 3)),
}


def zetas(row: c.Constraint, shape: tuple[int, ...], n: int = 6) -> torch.Tensor:
    source = torch.Generator().manual_seed(4)
    free = row.free_shape(shape)
    return 1.5 * torch.randn((n, *free), generator=source, dtype=torch.float64)


def free_numbers(row: c.Constraint, value: torch.Tensor) -> torch.Tensor:
    # The coordinates in which a density over the support is written.
    if isinstance(row, c.Simplex):
        return value[..., :-1].flatten()
    if row.event_dim == 2:
        side = value.shape[-1]
        offset = -1 if isinstance(row, c.CorrelationCholesky) else 0
        i, j = torch.tril_indices(side, side, offset)
        return value[..., i, j].flatten()
    return value.flatten()


@pytest.mark.parametrize("name", ROWS)
def test_there_and_back(name: str) -> None:
    row, shape = ROWS[name]
    zeta = zetas(row, shape)
    value = row.inverse(zeta)
    assert value.shape[1:] == shape
    assert bool(row.contains(value).all())
    torch.testing.assert_close(row.forward(value), zeta, rtol=1e-9, atol=1e-9)
    assert float((row.inverse(row.forward(value)) - value).abs().max()) < 1e-12


@pytest.mark.parametrize("name", ROWS)
def test_log_det_is_that_of_the_autograd_jacobian(name: str) -> None:
    row, shape = ROWS[name]
    for zeta in zetas(row, shape):
        free = zeta.flatten()

        def numbers(flat: torch.Tensor, like: torch.Tensor = zeta) -> torch.Tensor:
            return free_numbers(row, row.inverse(flat.reshape(like.shape)))

        jacobian = torch.autograd.functional.jacobian(numbers, free)
        truth = torch.linalg.slogdet(torch.atleast_2d(jacobian)).logabsdet
        assert float(row.log_det(zeta).sum()) == pytest.approx(float(truth), abs=1e-9)


@pytest.mark.parametrize("name", ROWS)
def test_log_det_has_one_number_an_event(name: str) -> None:
    row, shape = ROWS[name]
    zeta = zetas(row, shape)
    batch = (len(zeta), *shape[: len(shape) - row.event_dim])
    assert row.log_det(zeta).shape == batch
    assert row.contains(row.inverse(zeta)).shape == batch


@pytest.mark.parametrize("name", ROWS)
def test_vmap_gives_what_a_batch_gives(name: str) -> None:
    row, shape = ROWS[name]
    zeta = zetas(row, shape)
    torch.testing.assert_close(torch.func.vmap(row.inverse)(zeta), row.inverse(zeta))
    torch.testing.assert_close(torch.func.vmap(row.log_det)(zeta), row.log_det(zeta))
    assert bool(row.log_det(zeta).isfinite().all())


def test_values_by_hand() -> None:
    one = torch.tensor(1.0, dtype=torch.float64)
    assert float(c.Lower(2).inverse(one)) == pytest.approx(2 + math.e)
    assert float(c.Upper(2).inverse(one)) == pytest.approx(2 - math.e)
    assert float(c.Interval(1, 3).inverse(one)) == pytest.approx(1 + 2 / (1 + math.exp(-1)))
    assert float(c.SoftplusLower().inverse(one)) == pytest.approx(math.log(1 + math.e))
    assert float(c.SoftplusLower().log_det(one)) == pytest.approx(-math.log(1 + math.exp(-1)))
    assert float(c.ProbitInterval(1, 3).inverse(one)) == pytest.approx(1 + 2 * 0.8413447460685429)
    assert float(c.ProbitInterval(1, 3).log_det(one)) == pytest.approx(
        math.log(2) - 0.5 - 0.5 * math.log(2 * math.pi)
    )
    # The volume of the simplex at its centre in the stick's first step: s = 1/3, s(1 - s).
    third = c.Simplex().log_det(torch.zeros(2, dtype=torch.float64))
    assert float(third) == pytest.approx(math.log(2 / 9) + math.log(1 / 4 * 2 / 3))


def test_correlations_have_a_unit_diagonal_and_are_positive_definite() -> None:
    row = c.CorrelationCholesky()
    factor = row.inverse(zetas(row, (5, 5)))
    correlation = factor @ factor.mT
    ones = torch.ones(6, 5, dtype=torch.float64)
    torch.testing.assert_close(correlation.diagonal(dim1=-2, dim2=-1), ones)
    assert float(torch.linalg.eigvalsh(correlation).min()) > 0


@pytest.mark.parametrize("size", [-60.0, 60.0, 500.0])
@pytest.mark.parametrize("name", ["softplus", "interval", "probit", "simplex", "correlation"])
def test_far_out_stays_finite(name: str, size: float) -> None:
    row, shape = ROWS[name]
    zeta = torch.full(row.free_shape(shape), size, dtype=torch.float64, requires_grad=True)
    total = row.log_det(zeta).sum()
    total.backward()
    assert math.isfinite(total.item())
    assert zeta.grad is not None
    assert bool(zeta.grad.isfinite().all())


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (c.Real(), float("nan")),
        (c.Lower(1), 1.0),
        (c.SoftplusLower(), -0.1),
        (c.Upper(1), 1.5),
        (c.Interval(0, 1), 1.0),
        (c.ProbitInterval(0, 1), 0.0),
        (c.Simplex(), [0.5, 0.6]),
        (c.Ordered(), [1.0, 1.0]),
        (c.CorrelationCholesky(), [[1.0, 0.0], [0.9, 0.9]]),
        (c.CovarianceCholesky(), [[1.0, 0.2], [0.0, 1.0]]),
    ],
)
def test_outside_is_outside(row: c.Constraint, value: object) -> None:
    assert not bool(row.contains(torch.as_tensor(value, dtype=torch.float64)).any())


def test_two_transforms_of_one_support_have_the_same_words() -> None:
    assert c.Lower(0).support == c.SoftplusLower(0).support
    assert c.Lower(0).transform != c.SoftplusLower(0).transform
    assert all(make().support for make in c.CONSTRAINTS.values())


def test_what_can_stand_for_a_support_is_found_by_its_words() -> None:
    assert set(c.transforms(c.Interval())) == {"logit", "probit"}
    assert set(c.transforms(c.SoftplusLower())) == {"log", "inverse softplus"}
    assert c.transforms(c.Lower(2.0)) == {}


def test_a_value_never_reaches_the_border() -> None:
    far = torch.tensor([-60.0, -9.0, 9.0, 60.0], dtype=torch.float64)
    assert bool(c.ProbitInterval().contains(c.ProbitInterval().inverse(far)).all())


def test_bad_rows_are_refused() -> None:
    with pytest.raises(SpecError, match="above low = 2"):
        c.Interval(2, 1)
    with pytest.raises(SpecError, match="finite number"):
        c.Lower(float("inf"))
    with pytest.raises(SpecError, match="at least 2"):
        c.Simplex().free_shape((1,))
    with pytest.raises(SpecError, match="equal last axes"):
        c.CovarianceCholesky().free_shape((2, 3))
    assert c.CorrelationCholesky().free_shape((7, 3, 3)) == (7, 3)
