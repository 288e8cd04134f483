"""Every adversarial loss as an entry, its slopes and its best critic."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.tables import OBJECTIVES
from genlab.divergences.f import F, FDivergence
from genlab.objectives.adversarial import Adversarial, AdversarialLoss
from genlab.objectives.fgan import FGAN, FGANOptions

#: The range of the search for the best critic's output; beyond it there is no best output.
FAR = 60.0


@dataclass(frozen=True)
class Entry:
    """A loss of the table.

    Args:
        name: the row's name; for an f-GAN with the divergence's name.
        title: its name on the page.
        loss: the losses of both players, as functions of the critic's output.
        of: the meaning of that output.
        row: the divergence that the critic bounds; None for other losses.
        alternative: whether the generator maximises E T instead of minimising the bound.
        paired: whether the losses are functions of a difference C(x) − C(G(z)).
    """

    name: str
    title: str
    loss: AdversarialLoss
    of: str
    row: FDivergence | None = None
    alternative: bool = False
    paired: bool = False


@functools.cache
def _fgan(name: str, alternative: bool) -> AdversarialLoss:
    kind = "alternative" if alternative else "bound"
    asked = {"divergence": name, "generator_loss": kind, "output_activation": "centred"}
    return FGAN(FGANOptions.build(asked)).row


def entries() -> tuple[Entry, ...]:
    """All adversarial losses: objectives with a row of losses, and all f-GANs.

    Objectives with the same losses and different constraints of the critic share one entry.

    Example:
        >>> {"minimax", "nonsaturating", "hinge", "fgan kl"} <= {e.name for e in entries()}
        True
    """
    found: dict[tuple[object, ...], Entry] = {}
    for item in OBJECTIVES.rows():
        loss = getattr(item.value, "row", None)
        if not issubclass(item.value, Adversarial) or not isinstance(loss, AdversarialLoss):
            continue
        key = (loss.real, loss.fake, loss.generator)
        if key in found:
            same = found[key]
            title = f"{same.title}; {item.title}"
            found[key] = Entry(same.name, title, loss, same.of)
        else:
            of = "logit" if loss.logit else "score"
            # A loss without a term for generated examples alone is a loss of pairs.
            one = torch.ones(1, dtype=torch.float64)
            paired = item.value.ignores_shift and not bool(derivative(loss.fake, one).any())
            of = "difference" if paired else of
            found[key] = Entry(item.name, item.title, loss, of, paired=paired)
    rows = list(found.values())
    for name in F.names():
        title = F[name].title
        rows.append(Entry(f"fgan {name}", f"f-GAN {title}", _fgan(name, False), "V", F[name]))
        rows.append(
            Entry(f"fgan {name} alternative", f"f-GAN {title}, alternative", _fgan(name, True),
                  "V", F[name], True)
        )  # fmt: skip
    return tuple(rows)


def names() -> tuple[str, ...]:
    """The names of :func:`entries`."""
    return tuple(entry.name for entry in entries())


def derivative(loss: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """dl/dv at each entry, (n,) -> (n,)."""
    leaf = at.detach().requires_grad_()
    with torch.enable_grad():
        value = loss(leaf)
        if not value.requires_grad:
            return torch.zeros_like(at)
        (slope,) = torch.autograd.grad(value.sum(), leaf)
    return slope


def best_output(loss: AdversarialLoss, log_ratio: Tensor) -> Tensor:
    """The best output of the critic for given log p/q, (n,) -> (n,), by bisection.

    argmin over v of p real(v) + q fake(v); NaN if the loss decreases without limit.

    Example:
        >>> from genlab.objectives.adversarial import ROWS
        >>> best = best_output(ROWS[0], torch.tensor([-1.0, 2.0], dtype=torch.float64))
        >>> [round(v, 6) for v in best.tolist()]     # the logit is log p/q
        [-1.0, 2.0]
    """
    real, fake = log_ratio.sigmoid(), (-log_ratio).sigmoid()

    def slope(v: Tensor) -> Tensor:
        return real * derivative(loss.real, v) + fake * derivative(loss.fake, v)

    low, high = torch.full_like(real, -FAR), torch.full_like(real, FAR)
    for _ in range(50):
        middle = (low + high) / 2
        up = slope(middle) > 0
        low, high = torch.where(up, low, middle), torch.where(up, middle, high)
    found = (low + high) / 2
    return torch.where(found.abs() < 0.99 * FAR, found, torch.full_like(found, math.nan))
