"""Remedies: changes of options, derived from those of the failing run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.core.errors import GenlabError
from genlab.core.run_spec import Combination
from genlab.sentinel.base import History, Remedy


def lower_learning_rate(history: History, by: float = 10.0) -> list[Remedy]:
    """A smaller learning rate: the default of such runs, or a fraction of the present one."""
    rate = history.spec.get("lr")
    if not isinstance(rate, float | int):
        return []
    rates = [float(f"{rate / by:.2g}")]
    usual = _default(history, "lr")
    if usual is not None and usual < 0.5 * rate:
        rates = list(dict.fromkeys([usual, *rates]))
    return [
        Remedy(
            f"a learning rate of {one:g} instead of {rate:g}"
            + (", what such runs have by default" if one == usual else ""),
            {"lr": one},
        )
        for one in rates
    ]


def remove_momentum(history: History) -> list[Remedy]:
    """β₁ = 0, where it is above the 0.5 that is usual for GANs."""
    beta = history.spec.get("beta1")
    if not isinstance(beta, float | int) or beta < 0.8:
        return []
    return [Remedy(f"no momentum (β₁ = 0 instead of {beta:g})", {"beta1": 0.0})]


def flatter(history: History) -> list[Remedy]:
    """A critic with a bounded gradient, which is informative wherever the samples are."""
    if history.spec.get("objective") is None or "loss_generator" not in history.names:
        return []
    known = (
        ("r3gan", "the relativistic loss with zero-centred slopes (R3GAN, Huang et al. 2024)"),
        ("r1", "the critic's slope held at the data (R1, Mescheder et al. 2018)"),
        ("wgan_gp", "a critic of slope 1 (WGAN-GP, Gulrajani et al. 2017)"),
    )
    rate, found = history.spec.get("lr"), []
    for name, text in known:
        changes: dict[str, str | float] = {"objective": name}
        usual = _default(history, "lr", changes)
        # A loss that is steeper or flatter has a learning rate of its own.
        if usual is not None and isinstance(rate, float | int) and rate > 2 * usual:
            changes["lr"] = usual
            text = f"{text}, at its own learning rate of {usual:g}"
        found.append(Remedy(text, changes))
    return found


def of_the_game(history: History) -> list[Remedy]:
    """The remedies of an adversarial game, the most likely first.

    What is far from its default goes back to it; else the loss is changed; else the steps are
    made smaller.
    """
    usual = _default(history, "lr")
    rates = lower_learning_rate(history)
    back = [one for one in rates if one.changes["lr"] == usual]
    smaller = [one for one in rates if one not in back]
    return [*remove_momentum(history), *back, *flatter(history), *smaller]


def _default(
    history: History, name: str, changes: Mapping[str, Any] | None = None
) -> float | None:
    """The default of an option in such a run, or in one with changes."""
    try:
        table = Combination.of({**history.spec, **(changes or {})}).options()
    except GenlabError:
        return None
    found = [row.default for rows in table.values() for row in rows if row.name == name]
    return float(found[0]) if found else None
