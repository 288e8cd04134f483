"""The duel of four: the same data and clock, and as many parameters as whole units allow."""

from __future__ import annotations

import pytest

from genlab import models
from genlab.compare import duel, four
from genlab.core.tables import DATASETS


@pytest.mark.parametrize("data", ["ring", "digits"])
def test_four_runs_are_alike_in_what_can_be_alike(data: str) -> None:
    found = four.specs(data, steps=10, seed=3)
    assert [spec.model for spec in found.values()] == ["vae", "gan", "realnvp", "ddpm"]
    flat = [spec.flat() for spec in found.values()]
    for name in ("data", "seed", "steps", "batch", "threads"):
        assert len({one[name] for one in flat}) == 1
    totals = [duel.budget(spec).total for spec in found.values()]
    wanted = (totals[0] + totals[1]) / 2
    # One unit more or less changes these nets by less than 6 %.
    assert all(abs(total / wanted - 1) < 0.06 for total in totals[2:])


def test_one_more_unit_is_further_from_the_wanted_number() -> None:
    spec = four.specs("ring", steps=10)["Flow on ring"]
    wanted = sum(duel.budget(s).total for s in duel.specs("ring", steps=10).values()) // 2
    values = {"data": "ring", "model": "realnvp", "steps": 10}
    away = [
        abs(duel.budget(type(spec).build(hidden=h, **values)).total - wanted)
        for h in (spec.model_options.hidden + d for d in (-1, 0, 1))
    ]
    assert away[1] == min(away)


def test_data_that_one_of_them_cannot_learn_are_not_offered() -> None:
    names = [row.name for row in DATASETS.rows() if four.fits(row.name)]
    assert {"ring", "digits"} <= set(names)
    assert set(names) <= {row.name for row in DATASETS.rows() if duel.fits(row.name)}


def test_a_sample_of_a_diffusion_costs_more_than_one_of_a_gan() -> None:
    found = four.specs("ring", steps=10)
    cost = {
        spec.model: four.sampling_time(models.build(spec), 256).each for spec in found.values()
    }
    # 64 evaluations of a net of the same size, against one.
    assert cost["ddpm"] > 5 * cost["gan"]
