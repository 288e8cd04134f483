"""A discriminator that is saturated, no longer learns, or has memorised its examples."""

from __future__ import annotations

import math

import numpy as np

from genlab.sentinel.base import SYMPTOMS, Finding, History, Remedy, Symptom, holds_since
from genlab.sentinel.remedies import flatter, lower_learning_rate, of_the_game, remove_momentum
from genlab.sentinel.statistics import running_median

#: Records of a median, so that one batch does not count.
WINDOW = 20
#: From how near to 0 and 1 a discriminator is saturated, and how near to 1/2 it says nothing.
SURE, UNSURE = 0.02, 0.03
#: Nats of JS above a perfect sampler's that a discriminator at 1/2 does not see; log 2 = 0.69.
BLIND = 0.35
#: A generator that comes nearer all the same, below this part of the worst seen, is not lost.
STILL = 0.85
#: It passes nothing on where the generator's gradient is below this part of what it was at first.
PASSED = 0.5
#: How much more sure of training than of held-out examples; with n = 256 of each two means differ
#: by 0.044 (one standard error) at most.
GAP = 0.2
#: From this gap on two looks suffice: it is eleven standard errors.
WIDE = 0.5


def _both(history: History) -> tuple[np.ndarray, np.ndarray]:
    """Running medians of D(x) and D(G(z)) on the training batch."""
    real, fake = (history.curve(name).values for name in ("d_real", "d_fake"))
    n = min(len(real), len(fake))
    return running_median(real[:n], WINDOW), running_median(fake[:n], WINDOW)


@SYMPTOMS.register("saturated", title="Saturated discriminator", order=10)
class Saturated(Symptom):
    """D(x) → 1 and D(G(z)) → 0: the generator's gradient vanishes.

    The generator's gradient through the logit is D(G(z)) in the minimax game, 1 − D(G(z)) in the
    non-saturating one; in both, the slope of D at the samples is what is left to follow.
    """

    needs = (("d_real", "d_fake"),)

    def look(self, history: History) -> Finding | None:
        real, fake = _both(history)
        curve = history.curve("d_real")
        sure = (real >= 1 - SURE) & (fake <= SURE)
        since = holds_since(history, curve, sure, part=0.05, least=2 * WINDOW)
        if since is None:
            return None
        batch = history.kind("d_real")
        evidence = [
            f"D(x) = {real[-1]:.4g} and D(G(z)) = {fake[-1]:.2g}, medians of the last {WINDOW} "
            f"records ({batch})."
        ]
        held_out = history.curve("val_d_real")
        if len(held_out):
            kind = history.kind("val_d_real")
            evidence.append(
                f"D(x) = {held_out.values[-1]:.3g} on held-out examples ({kind}): "
                + (
                    "they are told from generated ones as surely."
                    if held_out.values[-1] > 0.9
                    else "it is less sure of what it has not seen."
                )
            )
        faded = history.curve("grad_generator")
        if len(faded) > 1 and faded.values[0] > 0:
            evidence.append(
                f"The generator's gradient norm is {faded.values[-1]:.2g}, "
                f"{faded.values[-1] / faded.values[0]:.2g} times that of the first step "
                f"({history.kind('grad_generator')})."
            )
        return Finding(
            since=since,
            severity="serious",
            evidence=evidence,
            cause=(
                "Data and samples lie apart, so that a discriminator can separate them perfectly; "
                "its slope at the samples is then about zero and the generator learns nothing "
                "more (Arjovsky and Bottou 2017, theorem 2.4). A large learning rate gets there "
                "in a few steps."
            ),
            remedies=[
                *flatter(history),
                *lower_learning_rate(history),
                Remedy("the non-saturating loss", {"objective": "nonsaturating"}),
                *remove_momentum(history),
            ],
        )


@SYMPTOMS.register("given_up", title="Discriminator that has given up", order=20)
class GivenUp(Symptom):
    """D = 1/2 everywhere, while the samples are known to be far from the data."""

    needs = (("d_real", "d_fake", "grid_js"), ("d_real", "d_fake", "line_js"))

    def look(self, history: History) -> Finding | None:
        name = "grid_js" if "grid_js" in history.names else "line_js"
        real, fake = _both(history)
        curve = history.curve("d_real")
        flat = (np.abs(real - 0.5) <= UNSURE) & (np.abs(fake - 0.5) <= UNSURE)
        since = holds_since(history, curve, flat, part=0.25, least=2 * WINDOW)
        if since is None:
            return None
        js = history.curve(name)
        seen = js.values[js.steps >= since]
        floor = history.truth(name)
        floor = 0.0 if math.isnan(floor) else floor
        now = float(np.median(seen[-3:])) if len(seen) > 1 else 0.0
        if not now - floor >= BLIND or now < STILL * np.nanmax(seen):
            return None
        passed = history.curve("grad_generator")
        if len(passed) > 3 and not passed.last(3) <= PASSED * passed.values[0]:
            return None
        evidence = [
            f"D(x) = {real[-1]:.3f} and D(G(z)) = {fake[-1]:.3f}, medians of the last {WINDOW} "
            f"records ({history.kind('d_real')}): a coin would say the same.",
            f"JS(data ‖ generated) is {seen[-1]:.2g} nats ({history.kind(name)}); a perfect "
            f"sampler has {floor:.2g}, and distributions without a point in common log 2 = 0.69.",
        ]
        bound = history.curve("js_bound")
        if len(bound):
            evidence.append(
                f"This discriminator proves no more than {max(0.0, bound.values[-1]):.2g} nats "
                f"({history.kind('js_bound')})."
            )
        if len(passed) > 3:
            evidence.append(
                f"The generator's gradient norm is {passed.last(3):.2g} (median of 3 looks), "
                f"{passed.last(3) / passed.values[0]:.2g} times that at first "
                f"({history.kind('grad_generator')})."
            )
        return Finding(
            since=since,
            evidence=evidence,
            cause=(
                "The discriminator is not near its optimum D* = p/(p + q), so its gradient is no "
                "longer that of a divergence (Goodfellow et al. 2014, proposition 1): its steps "
                "are so long that it cannot follow the generator."
            ),
            remedies=of_the_game(history),
        )


@SYMPTOMS.register("critic_overfits", title="Overfitting discriminator", order=30)
class CriticOverfits(Symptom):
    """D separates training examples better than held-out ones: the critic overfits."""

    needs = (("val_d_real", "val_d_train"),)

    def look(self, history: History) -> Finding | None:
        train, other = history.curve("val_d_train"), history.curve("val_d_real")
        n = min(len(train), len(other))
        apart = train.values[:n] - other.values[:n]
        gap = running_median(apart, 3)
        since = holds_since(history, train, gap >= GAP, part=0.05, least=3)
        if since is None:
            since = holds_since(history, train, apart >= WIDE, part=0.0, least=2)
        if since is None:
            return None
        kind = history.kind("val_d_real")
        return Finding(
            since=since,
            evidence=[
                f"D(x) = {train.values[n - 1]:.2f} on training and {other.values[n - 1]:.2f} on "
                f"held-out examples ({kind} of each); the median gap of the last looks is "
                f"{gap[-1]:.2f}, 0.044 is the largest standard error of one."
            ],
            cause=(
                "The discriminator tells the training examples themselves from everything else. "
                "The generator is then led to copies of them, or away from what it has not seen "
                "(Karras et al. 2020, section 2)."
            ),
            remedies=[*flatter(history), *lower_learning_rate(history, 5.0)],
        )
