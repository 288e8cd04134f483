"""Oscillation: the players cycle instead of converging."""

from __future__ import annotations

from genlab.sentinel.base import SYMPTOMS, Finding, History, Remedy, Symptom
from genlab.sentinel.remedies import flatter, lower_learning_rate, remove_momentum
from genlab.sentinel.statistics import MOST, find_cycle

#: Records ago it must have been seen already: a chance peak does not stay so long.
AGAIN = 16
#: What is looked at, with the words for it.
CURVES = {
    "d_fake": "D(G(z))",
    "c_fake": "The critic's score of G(z)",
    "loss_generator": "The generator's loss",
    "loss_discriminator": "The discriminator's loss",
}


@SYMPTOMS.register("oscillation", title="Oscillation", order=70)
class Oscillation(Symptom):
    """A significant cycle that makes up most of a curve's remaining variance."""

    needs = (("loss_generator", "loss_discriminator"),)

    def look(self, history: History) -> Finding | None:
        evidence, since = [], history.step
        for name, title in CURVES.items():
            curve = history.curve(name)
            found, before = find_cycle(curve.values), find_cycle(curve.values[:-AGAIN])
            if found is None or before is None:
                continue
            window = curve.steps[-MOST:]
            apart = (window[-1] - window[0]) / max(1, len(window) - 1)
            since = min(since, int(window[0]))
            unit = str(history.series.get(name, {}).get("unit", ""))
            evidence.append(
                f"{title} goes round once in {found.period * apart:,.0f} steps, "
                f"{found.cycles:.0f} times in the last {len(window)} records, by "
                f"±{found.amplitude:.2g} {unit} ({history.kind(name)}); the cycle has "
                f"{found.share:.0%} of what is left of its variance without a trend, and stands "
                f"{found.ratio:.0f} times out of the noise."
            )
        if not evidence:
            return None
        return Finding(
            since=since,
            evidence=evidence,
            cause=(
                "In a game each player's step turns the other's slope: simultaneous steps go "
                "round the equilibrium instead of to it, and momentum drives them outward "
                "(Mescheder et al. 2018; Gidel et al. 2019)."
            ),
            remedies=[
                *remove_momentum(history),
                *(one for one in flatter(history) if one.changes["objective"] != "wgan_gp"),
                *lower_learning_rate(history),
                Remedy(
                    "the running mean of the weights, which lies inside the cycle "
                    "(Yazıcı et al. 2019)",
                    {"ema_decay": 0.999},
                ),
            ],
        )
