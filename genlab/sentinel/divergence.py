"""Divergence: NaN or infinite numbers, and exploding gradients."""

from __future__ import annotations

import math

import numpy as np

from genlab.sentinel.base import SYMPTOMS, Curve, Finding, History, Symptom, holds_since
from genlab.sentinel.remedies import flatter, lower_learning_rate, remove_momentum
from genlab.sentinel.statistics import start_of_last_run

#: How many times as large as at first a gradient norm must be; in 109 healthy runs the third
#: largest look had 340 at most, mostly below 100.
GROWN = 1000.0
#: How many times as large as its median a loss is where it takes off.
OFF = 20.0


def _gradients(history: History) -> list[str]:
    return sorted(name for name in history.names if name.startswith("grad_"))


def _losses(history: History) -> list[str]:
    """The losses and objectives on the training batch."""
    rows = history.series
    return [
        name
        for name in sorted(history.names)
        if rows.get(name, {}).get("group") == "loss" and rows[name].get("kind") == "training batch"
    ]


def _took_off(curve: Curve) -> int | None:
    """The first step of the last stretch on which |values| far exceeded their median."""
    size = np.abs(np.nan_to_num(curve.values, nan=np.inf, posinf=np.inf, neginf=np.inf))
    known = size[np.isfinite(size)]
    usual = float(np.median(known)) if len(known) else 0.0
    far = np.flatnonzero(size <= OFF * usual + 1e-12)
    first = int(far[-1]) + 1 if len(far) else 0
    return int(curve.steps[first]) if first < len(curve) else None


@SYMPTOMS.register("diverged", title="Divergence: not a number", order=40)
class Diverged(Symptom):
    """A number became NaN or infinite, and the run ended."""

    @classmethod
    def fits(cls, history: History) -> bool:
        return history.status == "diverged" or bool(_losses(history))

    def look(self, history: History) -> Finding | None:
        if history.status != "diverged":
            return None
        since, evidence = history.step, []
        if history.message:
            evidence.append(history.message.split(". ")[0] + ".")
        for name in [*_losses(history), *_gradients(history)]:
            curve = history.curve(name)
            good = np.flatnonzero(np.isfinite(curve.values))
            off = _took_off(curve)
            if off is not None:
                since = min(since, off)
            if not len(good):
                continue
            last, first = curve.values[good[-1]], curve.values[good[0]]
            if name.startswith("grad_") or abs(last) > OFF * abs(np.median(curve.values[good])):
                evidence.append(
                    f"{history.series.get(name, {}).get('title', name)}: {first:.3g} at step "
                    f"{curve.steps[good[0]]:,}, {last:.3g} at step {curve.steps[good[-1]]:,}, the "
                    f"last finite one ({history.kind(name)})."
                )
        return Finding(
            since=max(0, since - 1),
            severity="serious",
            evidence=evidence or [f"The run ended at step {history.step:,}."],
            cause=(
                "Steps that are too long for the curvature: each one lands where the loss is "
                "steeper, until a number leaves the range of floats."
            ),
            remedies=[
                *lower_learning_rate(history),
                *lower_learning_rate(history, 100.0),
                *flatter(history),
            ],
        )


@SYMPTOMS.register("exploding", title="Exploding gradient", order=50)
class Exploding(Symptom):
    """A gradient norm that is a thousand times what it was at first."""

    needs = (("grad_model",), ("grad_generator",), ("grad_discriminator",))

    def look(self, history: History) -> Finding | None:
        begun, evidence = [], []
        for name in _gradients(history):
            curve = history.curve(name)
            first = float(curve.values[0]) if len(curve) else math.nan
            if not first > 0:
                continue
            if (
                holds_since(history, curve, ~(curve.values < GROWN * first), part=0.0, least=3)
                is None
            ):
                continue
            # It was on its way before it was there.
            begun_at = start_of_last_run(~(curve.values < math.sqrt(GROWN) * first))
            if begun_at is not None:
                begun.append(int(curve.steps[begun_at]))
                evidence.append(
                    f"{history.series.get(name, {}).get('title', name)}: {first:.2g} at step "
                    f"{curve.steps[0]:,}, {curve.values[-1]:.2g} at step {curve.steps[-1]:,} "
                    f"({history.kind(name)})."
                )
        if not begun or history.status == "diverged":
            return None
        return Finding(
            since=min(begun),
            severity="serious",
            evidence=evidence,
            cause=(
                "Each step makes the loss steeper (Pascanu et al. 2013): the learning rate is too "
                "large, or nothing holds the critic's scale."
            ),
            remedies=[
                *lower_learning_rate(history),
                *lower_learning_rate(history, 100.0),
                *remove_momentum(history),
            ],
        )
