"""Posterior collapse: a code without information about x."""

from __future__ import annotations

import numpy as np

from genlab.sentinel.base import (
    SYMPTOMS,
    Finding,
    History,
    Remedy,
    Symptom,
    after_start,
    holds_since,
)
from genlab.sentinel.remedies import lower_learning_rate

#: Nats of KL in all below which q(z|x) is the prior for every x.
NOTHING = 0.1
#: The least perplexity of the codes; with one code it is 1.
CODES = 2.0


@SYMPTOMS.register("posterior_collapse", title="Posterior collapse", order=80)
class PosteriorCollapse(Symptom):
    """q(z | x) = p(z) for every x: the decoder ignores its code.

    A single dimension that falls silent is no failure: the bound prunes what it does not need.
    """

    needs = (("val_kl", "active_units"),)

    def look(self, history: History) -> Finding | None:
        kl, active = history.curve("val_kl"), history.curve("active_units")
        n = min(len(kl), len(active))
        empty = (kl.values[:n] < NOTHING) & (active.values[:n] == 0)
        empty &= after_start(history, kl)[:n]
        since = holds_since(history, kl, empty, part=0.15, least=3)
        if since is None:
            return None
        evidence = [
            f"KL(q(z|x) ‖ p(z)) = {kl.values[-1]:.2g} nats in all "
            f"({history.kind('val_kl')}, held-out), below {NOTHING:g} since step {since:,}."
        ]
        silent, latent = history.curve("silent_units"), history.spec.get("latent")
        if len(silent):
            evidence.append(
                f"KL of {silent.values[-1]:.0f}{f' of {latent}' if latent else ''} latent "
                f"dimensions is below 0.01 nats ({history.kind('silent_units')})."
            )
        evidence.append(
            f"{active.values[n - 1]:.0f} units are active, Var_x E_q[z] > 0.01 "
            f"({history.kind('active_units')}; Burda et al. 2016)."
        )
        beta = history.spec.get("beta")
        heavy = isinstance(beta, float | int) and beta > 1
        free = Remedy(
            "half a nat of each dimension's KL free (Kingma et al. 2016)",
            {"objective": "free_bits", "free_nats": 0.5},
        )
        # No warm-up and no smaller step makes a code worth fifty times its price.
        remedies = [Remedy("β = 1, the ELBO", {"beta": 1.0}), free]
        gentle = [
            free,
            Remedy(
                "a KL that is warmed up over a quarter of the run, from the start",
                {"warmup": max(1, history.steps // 4)},
                anew=True,
            ),
            *lower_learning_rate(history, 5.0),
        ]
        return Finding(
            since=since,
            severity="serious",
            evidence=evidence,
            cause=(
                f"The KL counts {beta:g} times, so a code costs more than it brings."
                if heavy
                else "While the decoder cannot use the code yet, the KL alone pulls q(z|x) to the "
                "prior; from there the decoder gets noise and learns to ignore it (Bowman et al. "
                "2016; Lucas et al. 2019)."
            ),
            remedies=remedies if heavy else gentle,
        )


@SYMPTOMS.register("codebook_collapse", title="Codebook collapse", order=90)
class CodebookCollapse(Symptom):
    """All positions of the code use the same entry of the codebook."""

    needs = (("perplexity", "used_codes"),)

    def look(self, history: History) -> Finding | None:
        spread, used = history.curve("perplexity"), history.curve("used_codes")
        few = (spread.values < CODES) & after_start(history, spread)
        since = holds_since(history, spread, few, part=0.15, least=20)
        if since is None:
            return None
        size = history.spec.get("codebook_size", "?")
        return Finding(
            since=since,
            severity="serious",
            evidence=[
                f"{np.median(used.values[-20:]):.0f} of {size} codes are in use, of a perplexity "
                f"of {spread.last(20):.2f}, medians of the last 20 records "
                f"({history.kind('perplexity')})."
            ],
            cause=(
                "Codes that no encoding is nearest to are never moved, and the encodings follow "
                "those that are (van den Oord et al. 2017, section 3)."
            ),
            remedies=[
                Remedy("a commitment four times as small", _quarter(history, "commitment")),
                *lower_learning_rate(history, 5.0),
            ],
        )


def _quarter(history: History, name: str) -> dict[str, float]:
    value = history.spec.get(name)
    return {name: value / 4} if isinstance(value, float | int) else {}
