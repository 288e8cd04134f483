"""The label of a choice of an option: the title of its row, or its name in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from genlab.core.options import Option
from genlab.core.registry import Registry
from genlab.distributions import LIKELIHOODS
from genlab.distributions.posteriors import POSTERIORS
from genlab.distributions.priors import PRIORS
from genlab.divergences.f import F
from genlab.paths import COUPLINGS, PATHS, PREDICTIONS, SAMPLERS

#: Tables whose rows are choices of options.
ROWS: tuple[Registry[Any], ...] = (
    LIKELIHOODS, POSTERIORS, PRIORS, COUPLINGS, PATHS, SAMPLERS, PREDICTIONS, F,
)  # fmt: skip
#: Choices of no table whose title is not their name in words.
TITLES: Mapping[str, str] = {
    "auto": "Automatic",
    "beta": "β",
    "cpu": "CPU",
    "cuda": "CUDA",
    "leaky_relu": "Leaky ReLU",
    "mlp": "Residual linear net",
    "mps": "MPS",
    "unet": "U-Net",
}
WORD = re.compile(r"[a-z][a-z_]+")


def choice_title(option: Option, value: Any) -> str:
    """The label of a choice.

    Names of datasets, signs and numbers are shown unchanged.

    Example:
        >>> names = tuple(LIKELIHOODS.names())
        >>> choice_title(Option("likelihood", str, "", "", choices=names), "continuous_bernoulli")
        'Continuous Bernoulli'
        >>> choice_title(Option("binarise", str, "", "", choices=("none", "dynamic")), "none")
        'None'
        >>> choice_title(Option("device", str, "", "", choices=("cpu", "cuda")), "cuda")
        'CUDA'
    """
    choices = option.choices or ()
    for table in ROWS:
        if value in table and all(one in table for one in choices):
            title = table.row(value).title
            return title[0].upper() + title[1:] if WORD.match(title[:2]) else title
    if value in TITLES:
        return TITLES[value]
    if len(choices) > 1 and all(WORD.fullmatch(str(one)) for one in choices):
        return str(value).replace("_", " ").capitalize()
    return str(value)
