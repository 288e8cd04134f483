"""The Jensen-Shannon divergence from a discriminator: a lower bound."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

LOG_2 = math.log(2.0)


def js_bound(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """A lower bound of JS(P ‖ Q) = ½KL(P‖M) + ½KL(Q‖M), M = (P + Q)/2, with its standard error.

    (V̂ + log 4)/2 with V̂ = E_P log D(x) + E_Q log(1 − D(x)), in nats; tight at D* = p/(p + q).
    The critic must be fixed and the samples fresh: on the critic's training examples the estimate
    is biased upward.

    Source: Goodfellow et al. 2014, theorem 1.

    Args:
        real: logits of D on samples of P, (n,).
        fake: logits of D on samples of Q, (m,).

    Returns:
        the bound and its standard error, in nats.
    """
    a, b = -softplus(-real.double()), -softplus(fake.double())
    value = float(a.mean() + b.mean())
    error = math.sqrt(float(a.var()) / len(a) + float(b.var()) / len(b))
    return 0.5 * value + LOG_2, 0.5 * error
