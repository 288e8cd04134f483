"""Every dataset that needs no files, under the shared contract."""

from __future__ import annotations

import pytest
import torch

from genlab import data
from genlab.core.tables import DATASETS
from genlab.data.base import Density
from genlab.testing.data_contract import DataContract, DensityContract, loaded

#: Besides the defaults: the ends of the ranges where a formula could break.
VARIANTS = (
    ("gaussian", {"dim": 1, "std": 0.3, "mean": 1.0}),
    ("two_gaussians", {"dim": 1, "distance": 2, "std": 1}),
    ("mixture", {"components": "0.2*N([0,0],[1,0.1])+0.8*N((3,1),[[1,0.6],[0.6,0.5]])"}),
    ("ring", {"modes": 3, "radius": 2, "std": 0.3}),
    ("grid", {"side": 2, "std": 0.2}),
    ("checkerboard", {"cells": 2, "length": 1.0}),
    ("spirals", {"arms": 3, "turns": 0.8, "std": 0.1}),
    ("spirals", {"arms": 1, "turns": 4, "std": 0.1}),
    ("pinwheel", {"arms": 2, "twist": -2, "radial": 0.5, "tangential": 0.3}),
)
KNOWN = [(n, {}) for n in data.offline() if DATASETS[n].meta(DATASETS[n].Options()).density]


class TestOffline(DataContract):
    @pytest.fixture(params=[n for n in data.offline() if n != "eight_schools"])
    def name(self, request: pytest.FixtureRequest) -> str:
        return request.param


class TestEightSchools(DataContract):
    """There are no other schools to hold out, and the set says so."""

    shared = 8

    @pytest.fixture
    def name(self) -> str:
        return "eight_schools"

    def test_it_says_that_nothing_is_held_out(self, name: str) -> None:
        assert "nothing is held out" in loaded(name).meta.note
        assert loaded(name).train.x[:, 0].tolist() == [28, 8, -3, 7, -1, 1, 18, 12]


class TestDensities(DensityContract):
    @pytest.fixture(params=[*KNOWN, *VARIANTS], ids=lambda p: f"{p[0]}-{len(p[1])}")
    def density(self, request: pytest.FixtureRequest) -> Density:
        name, values = request.param
        source = DATASETS[name]
        law = source.load(source.Options.build({**values, "points": 100})).density
        assert law is not None
        return law


def test_the_offline_sets_are_those_promised() -> None:
    assert set(data.offline()) >= {
        "digits",
        "mnist5k",
        "gaussian",
        "two_gaussians",
        "mixture",
        "ring",
        "grid",
        "moons",
        "checkerboard",
        "spirals",
        "pinwheel",
        "swiss_roll",
        "sprites",
        "linear_table",
        "logistic_table",
        "eight_schools",
        "waiting_times",
    }
    assert set(data.names()) - set(data.offline()) >= {
        "mnist",
        "fashion_mnist",
        "kmnist",
        "cifar10",
        "own",
    }


def test_a_set_without_a_density_says_why() -> None:
    unknown = [n for n in data.offline() if not loaded(n).meta.is_image and not loaded(n).density]
    tables = {"linear_table", "logistic_table", "eight_schools", "waiting_times"}
    assert set(unknown) >= {"moons", "swiss_roll"} | tables
    assert all("No density in closed form" in loaded(n).meta.note for n in unknown)


@pytest.mark.parametrize("n", [100, 5000])
def test_the_number_of_points_changes_the_training_set_alone(n: int) -> None:
    source = DATASETS["ring"]
    small = source.load(source.Options(points=n))
    whole = loaded("ring")
    assert len(small.train) == n
    assert torch.equal(small.validation.x, whole.validation.x)
    assert torch.equal(small.test.x, whole.test.x)
