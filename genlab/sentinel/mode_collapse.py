"""Mode collapse: a generator whose samples lack diversity."""

from __future__ import annotations

import math

import numpy as np

from genlab.sentinel.base import SYMPTOMS, Finding, History, Symptom, after_start, holds_since
from genlab.sentinel.remedies import of_the_game
from genlab.sentinel.statistics import running_median

#: Of all modes, and of the data's own distances; healthy games end at 0.67 and more.
MODES, DIVERSITY = 0.75, 0.35
#: The share of the samples that must lie near a mode for a missing mode to say something.
HIT = 0.3
#: The part of the run that it must last: where it was better before, and where it never was.
LOST, NEVER = 0.04, 0.6


@SYMPTOMS.register("mode_collapse", title="Mode collapse", order=60)
class ModeCollapse(Symptom):
    """Modes without samples, or samples that are too close to each other.

    Modes are counted where they are known. Elsewhere the distance of two samples stands for them:
    it falls to zero where every code gives the same.
    """

    needs = (("modes", "high_quality"), ("diversity", "loss_generator"))

    @staticmethod
    def _bars(history: History) -> dict[str, float]:
        """The series that show it, with the threshold of each."""
        bars = {}
        # Samples that hit nothing at all have missed the data: that is no collapse.
        if history.curve("high_quality").last(3) >= HIT:
            bars["modes"] = MODES * history.truth("modes")
        if "loss_generator" in history.names:
            bars["diversity"] = DIVERSITY
        return bars

    def look(self, history: History) -> Finding | None:
        begun: list[int] = []
        evidence: list[str] = []
        for name, least in self._bars(history).items():
            since = _lacking(history, name, least)
            if since is not None:
                begun.append(since)
                evidence.append(_evidence(history, name, since))
        if not begun:
            return None
        good = history.curve("high_quality")
        if len(good):
            share, kind = good.last(1), history.kind("high_quality")
            evidence.append(f"{share:.0%} of the samples lie within 3 std of a mode ({kind}).")
        return Finding(
            since=min(begun),
            severity="serious",
            evidence=evidence,
            cause=(
                "The generator is paid for pleasing the critic of the moment, not for covering "
                "the data: it moves to where that critic is most easily pleased, and the critic "
                "follows (Goodfellow 2016, section 5.1; Metz et al. 2017). Steps that are too "
                "long, momentum, and a critic that may be steep make it worse."
                if "loss_generator" in history.names
                else "The model puts its mass on a part of the data: a local optimum of its "
                "likelihood, which depends on where it began."
            ),
            remedies=of_the_game(history),
        )


def _lacking(history: History, name: str, least: float) -> int | None:
    """The step since which the series has been below the threshold; None where it is not."""
    curve = history.curve(name)
    if not len(curve) or math.isnan(least):
        return None
    low = (np.nan_to_num(curve.values, nan=0.0) <= least) & after_start(history, curve)
    since = holds_since(history, curve, low, part=LOST, least=3)
    if since is None:
        return None
    middle = running_median(np.nan_to_num(curve.values[curve.steps < since], nan=0.0), 3)
    lost = len(middle) >= 3 and bool(middle.max() > 1.2 * least)
    return since if lost or history.step - since >= NEVER * history.steps else None


def _evidence(history: History, name: str, since: int) -> str:
    curve = history.curve(name)
    now, kind = curve.values[-1], history.kind(name)
    if name == "modes":
        every = history.truth(name)
        most = np.nanmax(curve.values[curve.steps >= since])
        return (
            f"{now:.0f} of {every:.0f} modes are reached, at most {most:.0f} since step {since:,} "
            f"({kind})."
        )
    return (
        f"Two samples are {now:.2g} times as far apart as two held-out examples, since step "
        f"{since:,} no more than {np.nanmax(curve.values[curve.steps >= since]):.2g} ({kind} of "
        "each)."
    )
