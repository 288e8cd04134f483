"""Pathwise gradients of the ELBO and of the importance-weighted bound, without the score term.

With z = g(ε, φ), d/dφ log w(z, φ) has a part along the path, ∂ log w/∂z · dz/dφ, and the score
−∂ log q(z | x)/∂φ at a fixed z, whose expectation is 0. These estimators leave the score out:

- *sticking the landing*: the ELBO without it. Where q is the posterior, log w is the same for
  every z, so that the gradient of the encoder is 0 for each draw and not only on average.
- *doubly reparameterised*: for the bound of k draws the score is reparameterised once more, which
  turns the weights w̃ of the encoder's gradient into w̃²; with k = 1 it is the above. Its
  signal-to-noise ratio does not fall with k, as that of the plain gradient does.

Sources: Roeder, Wu and Duvenaud 2017, "Sticking the landing"; Tucker et al. 2019, "Doubly
reparameterized gradient estimators for Monte Carlo objectives".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from genlab.core.errors import SpecError
from genlab.distributions.detached import detached
from genlab.distributions.posteriors import POSTERIORS
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder
from genlab.objectives.importance_weights import log_likelihood

#: The gradient estimators, as the options of the objectives name them.
PLAIN, STICKING, DOUBLY = "reparameterised", "sticking_the_landing", "doubly_reparameterised"


def check_detachable(option: str, value: str, model_options: Any) -> None:
    """Refuse a posterior whose density is unknown with detached parameters, such as a flow's.

    Raises:
        SpecError: naming the option, before anything starts.
    """
    name = getattr(model_options, "posterior", None)
    if value != PLAIN and name is not None and not POSTERIORS[name].detachable:
        able = [row.name for row in POSTERIORS.rows() if row.value.detachable]
        raise SpecError(
            option,
            value,
            "it needs the density of the posterior with its parameters held fixed, which "
            f"{name!r} does not have; posteriors that do: {', '.join(able)}",
            {option: PLAIN},
        )


def detach_parameters(q: Distribution) -> Distribution:
    """q with its parameters detached from the graph.

    Raises:
        ValueError: where no rule for that is known.
    """
    fixed = detached(q)
    if fixed is None:
        raise ValueError(f"the parameters of {type(q).__name__} cannot be detached")
    return fixed


class _Weighted(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a weight on its way back."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return z.view_as(z)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        return gradient * weight, None


def doubly_reparameterised(model: GenerativeModel, x: Tensor, samples: int) -> Tensor:
    """log w, (k, B), such that the gradient of L_k = log mean w is doubly reparameterised.

    The decoder's gradient is Σ w̃ ∂ log w/∂θ as always. What flows on from log w into z, which by
    the log-mean-exp comes with w̃, is multiplied by w̃ once more.

    Args:
        x: (B, *data_shape).
        samples: draws k for each example.

    Raises:
        ValueError: if the posterior cannot be detach_parameters.
    """
    assert isinstance(model, HasEncoder)
    assert isinstance(model, HasDecoder)
    decoder, q = model, model.encode(x)
    fixed = detach_parameters(q)
    z = q.rsample(torch.Size((samples,)))

    def weigh(at: Tensor) -> Tensor:
        ratio = decoder.prior().log_prob(at) - fixed.log_prob(at)
        return log_likelihood(decoder, x, at) + ratio

    with torch.no_grad():
        share = torch.softmax(weigh(z), dim=0)
    weighted: Tensor = _Weighted.apply(z, share.unsqueeze(-1))  # type: ignore[no-untyped-call]
    return weigh(weighted)
