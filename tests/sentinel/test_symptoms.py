"""Each symptom on histories whose truth is known: it is seen where it is, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genlab.core.measure import Series
from genlab.core.run_spec import RunSpec
from genlab.sentinel import (
    SYMPTOMS,
    Finding,
    History,
    Remedy,
    Symptom,
    look,
    vary_spec,
    watched_symptoms,
)

STEPS = 2000
#: Series of a game in the plane, and of a VAE, as the probes and the objectives have them.
GAME = (
    Series("loss_generator", "generator's loss", "loss", "nats", "training batch"),
    Series("loss_discriminator", "discriminator's loss", "loss", "nats", "training batch"),
    Series("d_real", "D(x)", "confidence", "probability", "training batch"),
    Series("d_fake", "D(G(z))", "confidence", "probability", "training batch"),
    Series("val_d_real", "D(x), held-out", "confidence", "probability", "Monte Carlo", 256),
    Series("val_d_train", "D(x), training", "confidence", "probability", "Monte Carlo", 256),
    Series("modes", "modes reached", "coverage", "count", "Monte Carlo", 2000, truth=8.0),
    Series("high_quality", "near a mode", "quality", "probability", "Monte Carlo", 2000),
    Series("grid_js", "JS", "divergence", "nats", "grid", 2000, truth=0.02),
    Series("diversity", "distance", "diversity", "share", "Monte Carlo", 128, truth=1.0),
    Series("grad_generator", "gradient", "gradient norm", "", "Monte Carlo", 64),
)
VAE = (
    Series("elbo", "ELBO", "loss", "nats", "training batch"),
    Series("val_kl", "KL", "divergence", "nats", "exact", 256),
    Series("active_units", "active units", "latent", "count", "Monte Carlo", 256),
    Series("silent_units", "silent units", "latent", "count", "exact", 256),
    Series("grad_model", "gradient", "gradient norm", "", "Monte Carlo", 64),
)


def spec(**values):
    return RunSpec.build(**{"steps": STEPS, **values}).flat()


GAN = spec(model="gan", data="ring", objective="minimax", lr=0.01, beta1=0.5)


def history(flat, series, curves, *, status="running", seed=0):
    """A run with a record every 4 steps and a look every 100; curves are functions of t in [0, 1].

    Series that are not named stand at healthy values.
    """
    one = History(flat, [row.flat() for row in series], steps=flat["steps"], status=status)
    rng = np.random.default_rng(seed)
    calm = {
        "loss_generator": 0.7,
        "loss_discriminator": 1.38,
        "d_real": 0.55,
        "d_fake": 0.45,
        "val_d_real": 0.55,
        "val_d_train": 0.57,
        "modes": 8,
        "high_quality": 0.95,
        "grid_js": 0.1,
        "diversity": 1.0,
        "elbo": -25.0,
        "val_kl": 6.0,
        "active_units": 3,
        "silent_units": 1,
    }
    for step in range(4, STEPS + 1, 4):
        values = {}
        for row in series:
            if row.kind != "training batch" and step % 100:
                continue
            name = row.name
            usual = calm.get(name, 1.0)
            make = curves.get(name, lambda t, usual=usual: usual)
            noise = 0.005 * rng.normal() if row.kind == "training batch" else 0.0
            values[name] = make(step / STEPS) + noise
        one.add(step, values)
    return one


def names(found):
    return [one.name for one in found]


def after(start, then, before):
    return lambda t: then if t >= start else before


#: symptom, spec, series, what happens to the curves, since which step.
PLANTED = {
    "mode_collapse": (GAN, GAME, {"modes": after(0.5, 2, 8)}, 1000),
    "mode_collapse by diversity": (GAN, GAME, {"diversity": after(0.5, 0.02, 0.9)}, 1000),
    "saturated": (
        GAN,
        GAME,
        {"d_real": after(0.4, 0.997, 0.6), "d_fake": after(0.4, 0.002, 0.4)},
        840,
    ),
    "given_up": (
        GAN,
        GAME,
        {
            "d_real": lambda t: 0.5,
            "d_fake": lambda t: 0.5,
            "grid_js": lambda t: 0.6,
            "grad_generator": after(0.1, 0.01, 1.0),
        },
        4,
    ),
    "critic_overfits": (GAN, GAME, {"val_d_train": after(0.5, 0.9, 0.6)}, 1100),
    "oscillation": (
        GAN,
        GAME,
        {"d_fake": lambda t: 0.45 + 0.1 * math.sin(2 * math.pi * 40 * t)},
        980,
    ),
    "posterior_collapse": (
        spec(model="vae", data="digits", latent=4),
        VAE,
        {
            "val_kl": after(0.3, 1e-4, 5.0),
            "active_units": after(0.3, 0, 3),
            "silent_units": after(0.3, 4, 0),
        },
        600,
    ),
    "exploding": (
        spec(model="vae", data="digits", lr=0.5),
        VAE,
        {"grad_model": after(0.8, 1e5, 2.0)},
        1600,
    ),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_failure_is_seen_since_it_began(case):
    flat, series, curves, since = PLANTED[case]
    found = look(history(flat, series, curves))
    assert names(found) == [case.split()[0]]
    (one,) = found
    assert one.since == pytest.approx(since, abs=100)
    assert one.title == SYMPTOMS.row(one.name).title
    assert one.evidence
    assert one.cause.endswith(".")
    assert one.remedies
    for remedy in one.remedies:
        new = RunSpec.build(**vary_spec(flat, remedy.changes))
        assert any(new.flat()[key] != flat.get(key) for key in remedy.changes)


@pytest.mark.parametrize("case", PLANTED)
def test_before_it_began_nothing_is_seen(case):
    flat, series, _, _ = PLANTED[case]
    assert look(history(flat, series, {})) == []


def test_evidence_says_numbers_with_their_kind_and_size():
    flat, series, curves, _ = PLANTED["mode_collapse"]
    (one,) = look(history(flat, series, curves))
    assert one.evidence[0] == (
        "2 of 8 modes are reached, at most 2 since step 1,000 (Monte Carlo, n = 2,000)."
    )
    flat, series, curves, _ = PLANTED["posterior_collapse"]
    (one,) = look(history(flat, series, curves))
    assert "KL of 4 of 4 latent dimensions is below 0.01 nats (exact, n = 256)." in one.evidence


def test_what_passes_by_is_no_failure():
    curves = {
        "modes": lambda t: 2 if 0.3 <= t < 0.5 else 8,
        "d_real": lambda t: 0.999 if t < 0.03 else 0.6,
        "d_fake": lambda t: 0.001 if t < 0.03 else 0.4,
        "val_d_train": lambda t: 0.95 if 0.2 <= t < 0.3 else 0.57,
    }
    assert look(history(GAN, GAME, curves)) == []


def test_samples_that_hit_nothing_have_not_collapsed():
    curves = {"modes": lambda t: 1, "high_quality": lambda t: 0.01}
    assert look(history(GAN, GAME, curves)) == []


def test_a_discriminator_at_one_half_of_a_generator_that_still_learns_has_not_given_up():
    flat, series, curves, _ = PLANTED["given_up"]
    assert look(history(flat, series, {**curves, "grid_js": lambda t: 0.69 - 0.3 * t})) == []
    assert look(history(flat, series, {**curves, "grad_generator": lambda t: 1.0})) == []
    assert look(history(flat, series, {**curves, "grid_js": lambda t: 0.25})) == []


def test_a_few_silent_dimensions_are_no_collapse():
    curves = {"silent_units": lambda t: 3, "active_units": lambda t: 1, "val_kl": lambda t: 1.1}
    assert look(history(spec(model="vae", data="digits", latent=4), VAE, curves)) == []


def test_noise_alone_raises_no_alarm():
    flat, series, _, _ = PLANTED["oscillation"]
    rng = np.random.default_rng(2)
    alarms = 0
    for seed in range(60):
        level = iter(0.45 + 0.002 * rng.normal(size=STEPS).cumsum())
        curves = {"d_fake": lambda t, level=level: float(np.clip(next(level), 0.2, 0.8))}
        alarms += bool(look(history(flat, series, curves, seed=seed)))
    assert alarms <= 1


def test_a_run_that_diverged_tells_what_went_last_and_since_when():
    flat = spec(model="vae", data="digits", lr=0.2)
    one = history(flat, VAE, {"elbo": after(0.9, -1e9, -25.0)}, status="diverged")
    one.message = "elbo became NaN or infinite at step 2000. The snapshot of step 9 is kept."
    one.add(2000, {"elbo": None})
    (found,) = look(one)
    assert (found.name, found.severity) == ("diverged", "serious")
    assert found.evidence[0] == "elbo became NaN or infinite at step 2000."
    assert "-1e+09 at step 1,996" in found.evidence[1]
    assert found.since == pytest.approx(1800, abs=4)
    assert {"lr": 0.02} in [dict(remedy.changes) for remedy in found.remedies]


def test_a_run_with_nothing_but_its_end_is_told_too():
    one = History(spec(model="vae", data="digits", lr=1.0), status="diverged", steps=10)
    (found,) = look(one)
    assert found.since == 0
    assert found.remedies


def test_remedies_of_a_spec_that_no_longer_exists_are_left_out():
    flat, series, curves, _ = PLANTED["mode_collapse"]
    (found,) = look(history({**flat, "model": "nobody"}, series, curves))
    assert found.remedies == ()


def test_what_is_watched_follows_from_the_series_that_there_are():
    assert watched_symptoms(History(GAN)) == []
    game, vae = history(GAN, GAME, {}), history(spec(model="vae", data="digits"), VAE, {})
    assert "Posterior collapse" in watched_symptoms(vae)
    assert "Posterior collapse" not in watched_symptoms(game)
    assert {"Mode collapse", "Oscillation", "Saturated discriminator"} <= set(
        watched_symptoms(game)
    )


def test_a_resumed_run_that_goes_over_its_steps_again_is_read_once():
    one = History({}, steps=10)
    for step in (1, 2, 3, 2, 3, 4):
        one.add(step, {"elbo": float(step)})
    assert one.curve("elbo").steps.tolist() == [1, 2, 3, 4]


def test_the_heaviest_weight_of_the_kl_is_named_and_taken_back():
    flat = spec(model="vae", data="digits", objective="beta", beta=50, latent=4)
    _, series, curves, _ = PLANTED["posterior_collapse"]
    (found,) = look(history(flat, series, curves))
    assert "50 times" in found.cause
    assert found.remedies[0].changes == {"beta": 1.0}


LOSSES = ["objective"] * 3
#: A planted failure, options of the run, and what each remedy changes, in their order.
ORDERS = [
    # Momentum and rate far above their defaults go back first; then another loss.
    ("mode_collapse", {"beta1": 0.9, "lr": 0.05}, ["beta1", "lr", *LOSSES, "lr"]),
    ("mode_collapse", {"lr": 0.05}, ["lr", *LOSSES, "lr"]),
    # Where no option stands out the loss is the likely cause, and smaller steps come last.
    ("mode_collapse", {"lr": 2e-3}, [*LOSSES, "lr"]),
    ("given_up", {"lr": 2e-3}, [*LOSSES, "lr"]),
    # A critic that is sure gives no gradient, at whatever rate.
    ("saturated", {"lr": 2e-3}, [*LOSSES, "lr", "objective"]),
    ("critic_overfits", {"lr": 2e-3}, [*LOSSES, "lr"]),
    # Momentum drives a cycle outward; a mean of the weights hides it and heals nothing.
    ("oscillation", {"beta1": 0.9, "lr": 2e-3}, ["beta1", *LOSSES[:2], "lr", "ema_decay"]),
    ("oscillation", {"lr": 2e-3}, [*LOSSES[:2], "lr", "ema_decay"]),
    ("posterior_collapse", {}, ["objective", "warmup", "lr"]),
    ("exploding", {"lr": 0.5}, ["lr", "lr", "lr", "beta1"]),
]


@pytest.mark.parametrize(("case", "options", "order"), ORDERS)
def test_the_most_likely_remedy_is_first(case, options, order):
    flat, series, curves, _ = PLANTED[case]
    found = look(history(spec(**{**flat, **options}), series, curves))
    (one,) = [finding for finding in found if finding.name == case]
    told = [
        "objective" if "objective" in remedy.changes else next(iter(remedy.changes))
        for remedy in one.remedies
    ]
    assert told == order
    changes = [dict(remedy.changes) for remedy in one.remedies]
    assert all(changes.count(one) == 1 for one in changes)


def test_a_symptom_that_fails_hides_no_other(caplog):
    @SYMPTOMS.register("broken", title="Broken")
    class Broken(Symptom):
        """It cannot look."""

        needs = (("modes",),)

        def look(self, history):
            raise ZeroDivisionError

    try:
        flat, series, curves, _ = PLANTED["mode_collapse"]
        assert names(look(history(flat, series, curves))) == ["mode_collapse"]
        assert "'broken' could not be looked for" in caplog.text
    finally:
        SYMPTOMS.unregister("broken")


def test_a_symptom_is_added_in_one_file():
    @SYMPTOMS.register("bored", title="Boredom")
    class Bored(Symptom):
        """The ELBO has not moved."""

        needs = (("elbo",),)

        def look(self, history):
            curve = history.curve("elbo")
            if len(curve) < 5 or np.ptp(curve.values[-5:]) > 0.1:
                return None
            return Finding(
                since=int(curve.steps[-5]),
                evidence=["It stands still."],
                cause="Nothing happens.",
                remedies=[
                    Remedy("larger steps", {"lr": 0.05}),
                    Remedy("an option nobody has", {"sugar": 2}),
                    Remedy("a value out of range", {"lr": 70.0}),
                    Remedy("what it has already", {"seed": 0}),
                ],
            )

    try:
        flat = spec(model="vae", data="digits")
        (found,) = look(history(flat, VAE, {}))
        assert (found.name, found.title) == ("bored", "Boredom")
        assert [remedy.text for remedy in found.remedies] == ["larger steps"]
        assert "Boredom" in watched_symptoms(history(flat, VAE, {}))
    finally:
        SYMPTOMS.unregister("bored")


OVER = (
    Series("elbo", "ELBO", "loss", "nats", "training batch"),
    Series("val_elbo", "ELBO, held-out", "loss", "nats", "Monte Carlo", 256),
)
FLAT_VAE = spec(model="vae", data="digits")


def test_a_vae_that_learns_its_examples_by_heart_is_seen() -> None:
    """The numbers of a real run: training −3,048 and rising, held-out −4,700 to −6,288."""
    curves = {
        "elbo": lambda t: -3048 - 4000 * math.exp(-6 * t),
        "val_elbo": lambda t: -4700 - 3000 * (0.4 - t) if t < 0.4 else -4700 - 2647 * (t - 0.4),
    }
    (finding,) = look(history(FLAT_VAE, OVER, curves))
    assert finding.name == "overfitting"
    assert 700 <= finding.since <= 900
    assert "was -4,832 nats" in finding.evidence[0], "the median of -4,700, -4,832 and -4,900"
    assert "is -6,156 now" in finding.evidence[0]
    assert len(finding.remedies) >= 2
    for remedy in finding.remedies:
        assert vary_spec(FLAT_VAE, remedy.changes) is not None


@pytest.mark.parametrize(("noise", "fall", "few", "many"), [
    (0.5, 0.0, 0, 2), (5.0, 0.0, 0, 2), (5.0, 80.0, 60, 100),
])  # fmt: skip
def test_a_held_out_elbo_that_has_come_to_rest_is_no_overfitting(
    noise: float, fall: float, few: int, many: int
) -> None:
    """Of 100 runs at rest, more than 2 alarms have a probability below 0.002; most that fall are
    seen."""

    def alarm(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        curves = {
            "elbo": lambda t: -100 - 100 * math.exp(-6 * t),
            "val_elbo": lambda t: (
                -110 - 100 * math.exp(-8 * t) - fall * max(0, t - 0.4) + noise * rng.normal()
            ),
        }
        return bool(look(history(FLAT_VAE, OVER, curves)))

    assert few <= sum(map(alarm, range(100))) <= many


def test_a_critic_that_knows_its_images_by_heart_is_seen_after_two_looks() -> None:
    one = History(GAN, [row.flat() for row in GAME], steps=STEPS)
    for step in (0, 200, 400):
        known = 0.5 if step == 0 else 0.967
        one.add(step, {"val_d_train": known, "val_d_real": 0.5 if step == 0 else 0.029})
    (finding,) = look(one)
    assert (finding.name, finding.since) == ("critic_overfits", 200)
    assert "0.97 on training and 0.03 on held-out" in finding.evidence[0]


@pytest.mark.parametrize(
    ("flat", "series", "curves"),
    [
        (GAN, GAME, {"diversity": lambda t: 0.01, "modes": lambda t: 0.0}),
        (FLAT_VAE, VAE, {"val_kl": lambda t: 1e-4, "active_units": lambda t: 0}),
    ],
)
def test_an_untrained_net_is_never_called_collapsed(flat, series, curves) -> None:
    """At step 0 all codes give much the same; what counts is whether it stays so."""
    one = History(flat, [row.flat() for row in series], steps=STEPS)
    for step in (0, 1, 2, 4, 8, 16, 32):
        one.add(step, {name: make(step / STEPS) for name, make in curves.items()})
    assert look(one) == []
    whole = history(flat, series, curves)
    whole.add(0, {name: make(0.0) for name, make in curves.items()})
    for finding in look(history(flat, series, curves)):
        assert finding.since >= 0.02 * STEPS
        assert finding.since > 0
