"""The 23 reparameterised families of Kingma & Welling 2013, section 2.4, as rows of one table.

``FAMILIES["gamma"].sample(params, shape, generator)`` is differentiable in every continuous
parameter; a new family is one :class:`Family` given to :func:`register`.
"""

from __future__ import annotations

from genlab.distributions.families.base import FAMILIES, Cross, Family, Natural, register
from genlab.distributions.families.noise import Logs, Noise
from genlab.distributions.families.parameters import Constraint, Parameter, Params
from genlab.distributions.families.supports import Support, Tail

# The order of the three groups is the order of the table.
from genlab.distributions.families import inverse_cdf, location_scale, composition  # isort: skip
from genlab.distributions.families.gradients import (
    GradientVariance,
    Spread,
    gradient_variances,
)
from genlab.distributions.families.kl import (
    ClosedForm,
    Divergence,
    bregman_kl,
    closed_form_kl,
    kl,
    monte_carlo_kl,
)

__all__ = [
    "FAMILIES",
    "ClosedForm",
    "Constraint",
    "Cross",
    "Divergence",
    "Family",
    "GradientVariance",
    "Logs",
    "Natural",
    "Noise",
    "Parameter",
    "Params",
    "Spread",
    "Support",
    "Tail",
    "bregman_kl",
    "closed_form_kl",
    "composition",
    "gradient_variances",
    "inverse_cdf",
    "kl",
    "location_scale",
    "monte_carlo_kl",
    "register",
]
