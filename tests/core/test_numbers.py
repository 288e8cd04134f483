"""Numbers are printed as the numbers they are."""

from __future__ import annotations

import math
import random

import pytest

from genlab.core.numbers import decimals, plain, significant
from genlab.core.options import Option
from genlab.core.run_spec import TrainOptions
from genlab.core.tables import TABLES


def values() -> list[float]:
    """Numbers of all sizes, those near whole ones among them."""
    draw = random.Random(7)
    found = [0.999, 0.9999, 0.99999, 0.001, 1e-5, 1.0, 0.0, -0.0, 123456.75, 1e300, 5e-324]
    for _ in range(2000):
        size = 10.0 ** draw.uniform(-12, 12)
        found += [draw.gauss(0.0, 1.0) * size, draw.randint(-99, 99) + size * 1e-12]
    return found


def test_a_chosen_number_reads_back_as_itself() -> None:
    assert all(float(plain(value)) == value for value in values())
    assert plain(0.999) == "0.999"


def test_a_measured_number_is_near_and_never_becomes_a_whole_one() -> None:
    for value in values():
        text = significant(value)
        read = float(text)
        assert read == pytest.approx(value, rel=5e-4, abs=0.0)
        if abs(value) < 1000 and read.is_integer():
            assert read == value
        if 0 < value < 1:
            assert 0 < read < 1
    assert significant(math.nan) == significant(None) == "not finite"


def test_as_many_decimals_as_the_numbers_need() -> None:
    for value in (0.999, 0.0001, 0.999999, 2.5, 3.0):
        assert float(f"{value:.{decimals(value)}f}") == value


def options() -> list[Option]:
    sets = [row.value.Options for table in TABLES.values() for row in table.rows()]
    return [row for one in (*sets, TrainOptions) for row in one.table()]


def test_every_default_and_bound_of_an_option_is_printed_in_full() -> None:
    for row in options():
        if row.type not in (int, float) or row.choices is not None:
            continue
        for value in (row.low, row.high, row.default):
            if value is not None:
                assert float(plain(value)) == value
        if row.type is float and row.low is not None and row.high is not None:
            words = row.allowed.split(" ")
            assert float(words[-1]) == row.high, row
            assert float(words[-3]) == row.low, row
