"""The likelihood side as a whole: what is refused before it starts, and what one file can add."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats
from streamlit.testing.v1 import AppTest

from genlab import data as datasets
from genlab import runs
from genlab.core.errors import SpecError
from genlab.core.random import seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.distributions import LIKELIHOODS
from genlab.distributions.families import FAMILIES
from genlab.distributions.posteriors import POSTERIORS
from genlab.distributions.posteriors.family import from_family
from genlab.inference.advi import ADVI
from genlab.inference.bayesnet import BayesNet
from genlab.inference.constraints import Interval, Lower, Real
from genlab.inference.log_joints import LogJoint, Parameter
from genlab.inference.mcmc import HMC
from genlab.lessons import lesson
from genlab.models.visible import all_binary
from genlab.probes.base import probes_for, read_probes
from genlab.runs import foreground
from genlab.train.loop import train
from genlab.ui import main
from genlab.ui.main import SCRIPT


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty store."""
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(main, "start_background", lambda: None)
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    yield runs.store
    runs.configure()


# --- What is refused

#: Rows of the table that may be q(z | x) beside N(0, I): on all of R, the positive numbers or the
#: unit interval, tails no heavier than that E_q[z²] can be finite. The others have an end that
#: moves, are vectors, or have no variance.
PROPER = {
    *("logistic", "gumbel", "laplace", "student_t", "logistic_location_scale", "gaussian"),
    *("exponential", "rayleigh", "weibull", "gompertz", "erlang", "log_normal", "gamma"),
    *("chi_squared", "f", "beta"),
}
NO_VARIANCE = {"cauchy"}


def test_exactly_the_proper_pairs_can_be_made() -> None:
    refused = {}
    for name in FAMILIES.names():
        try:
            from_family(name)
        except SpecError as error:
            refused[name] = str(error)
    assert set(FAMILIES.names()) - set(refused) == PROPER
    for name, words in refused.items():
        why = "tails are too heavy" if name in NO_VARIANCE else "support of q must be all of R"
        assert why in words
        assert "Nothing was started" in words
        assert name not in POSTERIORS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "vae", "posterior": "cauchy"}, "posterior = 'cauchy' is not possible"),
        (
            {"model": "vae", "posterior": "gamma", "prior": "unit"},
            "prior = 'unit' is not possible",
        ),
        ({"model": "vae", "posterior": "planar", "objective": "beta_tc"}, "posterior"),
        ({"model": "vae", "sigma": 0.0}, "sigma = 0.0 is not possible"),
        ({"model": "vae", "objective": "iwae", "importance": 0}, "importance = 0"),
        ({"model": "made"}, "set binarise=threshold or binarise=dynamic"),
        ({"model": "pixelcnn", "binarise": "dynamic", "kernel": 4}, "kernel = 4"),
    ],
)
def test_a_run_that_cannot_be_is_never_made(store: Any, values: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        foreground.train({"data": "digits", **values})
    assert "Nothing was started" in str(caught.value)
    assert store().runs() == []


JOINTS = {
    "not a number": (Lower(), lambda v: (v["z"] - 2).log(), r"log_prob = nan.*must be finite"),
    "wrong shape": (Real(), lambda v: -v["z"].square()[None], r"shape \(1,\)"),
    "no tensor": (Real(), lambda v: 0.5, "must be a torch tensor"),
}


@pytest.mark.parametrize("name", JOINTS)
@pytest.mark.parametrize("engine", [ADVI, HMC])
def test_a_log_joint_that_cannot_be_is_refused_by_every_engine(engine: Any, name: str) -> None:
    support, log_prob, words = JOINTS[name]
    target = LogJoint([Parameter("z", support)], log_prob)
    with pytest.raises(SpecError, match=words) as caught:
        engine(target)
    assert "Nothing was started" in str(caught.value)


@pytest.mark.parametrize("engine", [ADVI, HMC])
@pytest.mark.parametrize(("support", "value"), [(Lower(), -1.0), (Interval(0, 1), 1.0)])
def test_a_start_outside_the_support_is_refused_by_every_engine(
    engine: Any, support: Any, value: float
) -> None:
    target = LogJoint([Parameter("z", support)], lambda v: -v["z"].square())
    with pytest.raises(SpecError, match=f"z = {value} is not possible: allowed: a number"):
        engine(target, start={"z": value})
    assert float(engine(target, start={"z": 0.5})._start) == pytest.approx(
        float(support.forward(torch.tensor(0.5, dtype=torch.float64)))
    )


def test_twenty_binary_variables_are_enumerated_and_no_more() -> None:
    coin, table = [0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]]
    assert float(BayesNet.chain(coin, table, 20).enumerate().log_evidence) == pytest.approx(
        0, abs=1e-9
    )
    assert all_binary((4, 5)).shape == (2**20, 4, 5)
    for build in (
        lambda: BayesNet.chain(coin, table, 21).enumerate(),
        lambda: all_binary((3, 7)),
        lambda: lesson("visible", {"dim": 21}),
    ):
        with pytest.raises(SpecError, match="Nothing was started") as caught:
            build()
        assert any(word in str(caught.value) for word in ("20 binary", "dim = 21"))


# --- What one file adds

PLUGIN = '''
"""A family, a posterior and a likelihood that nobody knew of."""

import math

import torch
from torch.distributions import Independent, StudentT

from genlab.distributions import LIKELIHOODS, Likelihood
from genlab.distributions.families import Family, Parameter, register
from genlab.distributions.families.supports import Support, Tail
from genlab.distributions.families.parameters import POSITIVE, REAL
from genlab.distributions.posteriors import POSTERIORS
from genlab.distributions.posteriors.family import from_family

TAIL = Tail("exponential", 1.0, lambda p: math.pi / (2 * p["scale"]))


def draw(p, noise):
    angle = math.pi / 2 * noise.uniform()
    return p["loc"] + p["scale"] * (2 / math.pi) * torch.log(torch.tan(angle))


register(
    Family(
        name="secant",
        title="Hyperbolic secant",
        group="location-scale",
        parameters=(
            Parameter("loc", "a", REAL, 0.0, -3.0, 3.0),
            Parameter("scale", "b", POSITIVE, 1.0, 0.1, 3.0),
        ),
        support=Support("real", "R"),
        sampler="a + b (2 / pi) log tan(pi u / 2)",
        density="sech(pi (z - a) / 2b) / 2b",
        draw=draw,
        log_density=lambda p, z: (
            -torch.log(2 * p["scale"])
            - torch.nn.functional.softplus(math.pi * (z - p["loc"]) / p["scale"])
            + math.pi * (z - p["loc"]) / (2 * p["scale"])
            + math.log(2)
        ),
        left=TAIL,
        right=TAIL,
        mean_of=lambda p: p["loc"],
        variance_of=lambda p: p["scale"] ** 2,
        entropy_of=None,
    )
)
POSTERIORS.register("secant", title="Hyperbolic secant", summary="Its entries are secant.")(
    from_family("secant")
)


def heavy(h, options):
    return Independent(StudentT(4.0, h[:, 0], 0.2), h.dim() - 2)


LIKELIHOODS.register("heavy", title="Student t", summary="For outliers.")(
    Likelihood(supports=("real", "unit"), densities=("real", "unit"), outputs=1, make=heavy)
)
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[None]:
    """The rows of one file, for one test; a run names them and no page knows them."""
    file = tmp_path / "secant_rows.py"
    file.write_text(PLUGIN)
    found = importlib.util.spec_from_file_location("secant_rows", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    # Filled first, so that the rows of the package stay before those of the file.
    assert len(FAMILIES) + len(POSTERIORS) + len(LIKELIHOODS) > 20
    sys.modules["secant_rows"] = module
    found.loader.exec_module(module)
    yield
    del sys.modules["secant_rows"]
    FAMILIES.unregister("secant")
    POSTERIORS.unregister("secant")
    LIKELIHOODS.unregister("heavy")


def test_a_family_of_one_file_is_in_the_lesson_and_right(plugin: None) -> None:
    row, law = FAMILIES["secant"], stats.hypsecant(1.0, 2 / torch.pi)
    source = torch.Generator().manual_seed(0)
    z = row.sample({"loc": 1.0, "scale": 1.0}, (20_000,), source).numpy()
    # Level 1e-5: fewer than 100 such tests raise under 0.1 % false alarms; D > 2.5/√n fails.
    assert stats.kstest(z, law.cdf).pvalue > 1e-5
    point = torch.tensor([-2.0, 0.3, 4.0], dtype=torch.float64)
    params = row.check({"loc": 1.0, "scale": 1.0})
    assert row.log_prob(params, point).tolist() == pytest.approx(
        law.logpdf(point.numpy()).tolist(), abs=1e-6
    )
    made = lesson("families", {"family": "secant", "loc": "-1", "scale": "0.5"})
    for check in made.check():
        assert check.holds, check
    assert made.panels()
    assert made.equations()


def test_a_posterior_and_a_likelihood_of_one_file_train_and_are_looked_at(plugin: None) -> None:
    spec = RunSpec.build(
        data="moons", model="vae", posterior="secant", likelihood="heavy", batch=128, steps=150
    )
    data = datasets.load(spec)
    seed_run(0)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    probes = probes_for(spec, type(algorithm.model(state := algorithm.init(0, data))), data)
    elbo = next(probe for probe in probes if probe.name == "elbo")
    before = read_probes(elbo, algorithm.model(state), 0).values["val_elbo"]
    state, _ = train(algorithm, data, state)
    after = read_probes(elbo, algorithm.model(state), 150).values["val_elbo"]
    assert after > before + 1.0
    # An ELBO is no more than what the truth gives its own data.
    x = data.validation.x
    if data.density is not None:
        truth = data.density.log_prob(x)
        assert after < float(truth.mean()) + 4 * float(truth.std()) / len(x) ** 0.5
    assert algorithm.sample(state, 5).shape == (5, 2)


def test_the_pages_offer_the_rows_of_one_file(plugin: None, store: Any) -> None:
    app = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    app.query_params["data"], app.query_params["model"] = "moons", "vae"
    app.query_params["posterior"], app.query_params["likelihood"] = "secant", "heavy"
    app.switch_page("../../pages/train.py").run()
    assert not app.exception
    assert not app.error
    app.button(key="train.start").click().run()
    (row,) = store().runs()
    assert (row.spec["posterior"], row.spec["likelihood"]) == ("secant", "heavy")
    app = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    for name in list(app.query_params):
        del app.query_params[name]
    app.query_params["lesson"], app.query_params["family"] = "families", "secant"
    app.switch_page("../../pages/learn.py").run()
    assert not app.exception
    assert not app.error
    assert "secant" in {box.value for box in app.selectbox}
