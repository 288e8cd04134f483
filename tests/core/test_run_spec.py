"""Options and run specs: what is given is checked, and comes back from the flat form."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import pytest

from genlab.core.errors import SpecError
from genlab.core.options import Option, Options, option
from genlab.core.run_spec import (
    KINDS,
    Combination,
    RunSpec,
    TrainOptions,
    models_for,
    objectives_for,
)
from genlab.core.tables import DATASETS, MODELS


@dataclass(frozen=True)
class Sample(Options):
    """One option of each type."""

    count: int = option(3, "a count", low=1, high=10)
    rate: float = option(0.5, "a rate", low=0.0, high=1.0, unit="1/s", log=True)
    kind: str = option("a", "a kind", choices=("a", "b"))
    size: int = option(8, "a size", choices=lambda: (8, 28))
    flag: bool = option(False, "a flag", advanced=True)
    text: str = option("x", "free text")


ROWS = {row.name: row for row in Sample.table()}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("count", 1, 1),
        ("count", "10", 10),
        ("count", " 7 ", 7),
        ("count", 4.0, 4),
        ("count", "1e1", 10),
        ("rate", 0, 0.0),
        ("rate", "1", 1.0),
        ("rate", ".25", 0.25),
        ("kind", "b", "b"),
        ("size", "28", 28),
        ("flag", True, True),
        ("flag", "on", True),
        ("flag", "FALSE", False),
        ("flag", 1, True),
        ("text", 5, "5"),
    ],
)
def test_values_and_their_text_are_read(name: str, given: object, value: object) -> None:
    found = ROWS[name].parse(given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "allowed"),
    [
        ("count", 0, "a whole number from 1 to 10"),
        ("count", 11, "a whole number from 1 to 10"),
        ("count", 2.5, "a whole number from 1 to 10"),
        ("count", True, "a whole number from 1 to 10"),
        ("count", "many", "a whole number from 1 to 10"),
        ("count", "inf", "a whole number from 1 to 10"),
        ("count", None, "a whole number from 1 to 10"),
        ("count", [1], "a whole number from 1 to 10"),
        ("rate", -0.001, "a number from 0 to 1"),
        ("rate", 1.001, "a number from 0 to 1"),
        ("rate", "nan", "a number from 0 to 1"),
        ("rate", False, "a number from 0 to 1"),
        ("rate", "", "a number from 0 to 1"),
        ("kind", "c", "a, b"),
        ("kind", "A", "a, b"),
        ("size", 9, "8, 28"),
        ("flag", "maybe", "true, false"),
        ("flag", 2, "true, false"),
        ("flag", None, "true, false"),
        ("text", None, "text"),
    ],
)
def test_other_values_are_refused_in_words(name: str, given: object, allowed: str) -> None:
    with pytest.raises(SpecError) as caught:
        Sample.build({name: given})
    assert (caught.value.option, caught.value.value) == (name, given)
    assert caught.value.allowed == f"allowed: {allowed}"
    assert str(caught.value) == (
        f"{name} = {given!r} is not possible: allowed: {allowed}. Nothing was started."
    )


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(SpecError) as caught:
        Sample.build({"cuont": 3})
    assert "did you mean 'count'?" in str(caught.value)
    assert all(name in str(caught.value) for name in ROWS)
    with pytest.raises(SpecError) as caught:
        Sample.build({"qqq": 3})
    assert "did you mean" not in str(caught.value)


def test_the_table_keeps_order_and_metadata() -> None:
    assert list(ROWS) == ["count", "rate", "kind", "size", "flag", "text"]
    rate = ROWS["rate"]
    assert (rate.unit, rate.log, rate.low, rate.high, rate.help) == ("1/s", True, 0, 1, "a rate")
    assert ROWS["size"].choices == (8, 28)
    assert ROWS["flag"].advanced


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (None, None, "a number"),
        (1.5, None, "a number of at least 1.5"),
        (None, 2, "a number of at most 2"),
        (1e-7, 2**31 - 1, "a number from 1e-07 to 2147483647"),
    ],
)
def test_bounds_are_said_in_full(low: float | None, high: float | None, words: str) -> None:
    row = Option("x", float, 1.0, "", low=low, high=high)
    assert row.allowed == f"allowed: {words}"
    assert row.parse(1.75) == 1.75


def test_narrowed_moves_the_default_only_if_it_fell_out() -> None:
    kind = ROWS["kind"]
    assert kind.with_choices(("b",)).default == "b"
    assert kind.with_choices(("b", "a")).default == "a"
    with pytest.raises(SpecError, match="allowed: b"):
        kind.with_choices(("b",)).parse("a")
    with pytest.raises(ValueError, match="no choice of the option kind"):
        kind.with_choices(())


def pairs() -> list[tuple[str, str]]:
    return [(data, model) for data in DATASETS.names() for model in models_for(data)]


@pytest.mark.parametrize(("data", "model"), pairs())
def test_every_pair_comes_back_from_its_flat_form(data: str, model: str) -> None:
    """As a dictionary, as JSON and as a URL's text."""
    for objective in objectives_for(model):
        spec = RunSpec.build(data=data, model=model, objective=objective, seed=7, steps=11)
        flat = spec.flat()
        assert RunSpec.build(**flat) == spec
        assert RunSpec.build(**json.loads(json.dumps(flat))) == spec
        assert RunSpec.build(**dict(parse_qsl(urlencode(flat), keep_blank_values=True))) == spec
        assert hash(RunSpec.build(**flat)) == hash(spec)
        assert (spec.objective, spec.train.seed, spec.train.steps) == (objective, 7, 11)


def test_a_spec_cannot_be_changed() -> None:
    spec = RunSpec.build(data="digits", model="vae")
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.train.steps = 3  # type: ignore[misc]
    assert spec.train.steps >= 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"data": "digits"}, "model = None is not possible"),
        ({"model": "vae"}, "data = None is not possible"),
        ({"data": "digit", "model": "vae"}, "did you mean 'digits'?"),
        ({"data": "digits", "model": "vea"}, "did you mean 'vae'?"),
        ({"data": "digits", "model": "vae", "objective": "elbow"}, "did you mean 'elbo'?"),
        (
            {"data": "digits", "model": "vae", "objective": "minimax"},
            "model 'vae' goes with: elbo",
        ),
        ({"data": "digits", "model": "vae", "algorithm": "magic"}, "algorithm = 'magic'"),
        ({"data": "digits", "model": "vae", "step": 5}, "did you mean 'steps'?"),
        ({"data": "digits", "model": "vae", "steps": 0}, "steps = 0 is not possible"),
        ({"data": "digits", "model": "vae", "seed": 2**31}, "from 0 to 2147483647"),
        ({"data": "digits", "model": "vae", "radius": 1}, "option = 'radius' is not possible"),
        ({"data": "ring", "model": "dcgan"}, "models for 'ring':"),
        ({"data": "ring", "model": "gan", "std": "wide"}, "std = 'wide' is not possible"),
    ],
)
def test_a_bad_description_is_refused_by_name(values: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        RunSpec.build(**values)
    assert said in str(caught.value)
    assert str(caught.value).endswith("Nothing was started.")


def test_defaults_come_from_the_option_then_the_model_then_the_objective(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from genlab.core.tables import OBJECTIVES

    declared = {row.name: row.default for row in TrainOptions.table()}
    vae, elbo = MODELS["vae"], OBJECTIVES["elbo"]
    monkeypatch.setattr(vae, "defaults", classmethod(lambda cls, meta: {}))
    monkeypatch.setattr(elbo, "defaults", classmethod(lambda cls: {}))
    values = {"data": "digits", "model": "vae", "objective": "elbo"}
    assert RunSpec.build(**values).train.batch == declared["batch"]
    monkeypatch.setattr(vae, "defaults", classmethod(lambda cls, meta: {"batch": 17, "steps": 19}))
    assert RunSpec.build(**values).train.batch == 17
    monkeypatch.setattr(elbo, "defaults", classmethod(lambda cls: {"batch": 23}))
    spec = RunSpec.build(**values)
    assert (spec.train.batch, spec.train.steps) == (23, 19)
    assert RunSpec.build(**values, batch=29).train.batch == 29


def test_choices_narrowed_by_the_data_hold_in_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    vae = MODELS["vae"]
    narrow = classmethod(lambda cls, meta: {"likelihood": ("gaussian",)})
    monkeypatch.setattr(vae, "choices", narrow)
    monkeypatch.setattr(vae, "defaults", classmethod(lambda cls, meta: {}))
    values = {"data": "digits", "model": "vae"}
    row = next(r for r in Combination.of(values).options()["model"] if r.name == "likelihood")
    assert (row.choices, row.default) == (("gaussian",), "gaussian")
    assert RunSpec.build(**values).flat()["likelihood"] == "gaussian"
    with pytest.raises(SpecError, match="likelihood = 'bernoulli'"):
        RunSpec.build(**values, likelihood="bernoulli")


def test_names_of_the_parts_are_no_option() -> None:
    assert KINDS == ("data", "model", "objective", "algorithm")
    spec = RunSpec.build(data="digits", model="vae")
    assert list(spec.flat())[:4] == list(KINDS)
