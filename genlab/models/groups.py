"""Groups of models, as a reader of the field would sort them, told by what a model can do.

The first group that fits is a model's group, so a model of a plugin has one without being named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from genlab.models.base import (
    HasCodes,
    HasCritic,
    HasDecoder,
    HasDiffusionSteps,
    HasEncoder,
    HasInverse,
    HasJointCritic,
    HasLatentCritic,
    HasLogProb,
    HasProbabilityPath,
)
from genlab.models.bayesian import Bayesian


@dataclass(frozen=True)
class Group:
    """A group of models.

    Args:
        name: in links and keys.
        title: what people read.
        text: what its models have in common, in one sentence.
        fits: whether a class of models belongs here.
        picture: the shapes of a picture of 120 × 60, as SVG without its frame.
    """

    name: str
    title: str
    text: str
    fits: Callable[[type[Any]], bool]
    picture: str


def _any(*capabilities: type) -> Callable[[type[Any]], bool]:
    return lambda model: issubclass(model, capabilities)


def _bridge(model: type[Any]) -> bool:
    if issubclass(model, (HasJointCritic, HasLatentCritic, HasCodes)):
        return True
    return issubclass(model, HasCritic) and issubclass(model, HasEncoder)


def _box(x: float, text: str, width: float = 20, y: float = 20, height: float = 20) -> str:
    middle = x + width / 2
    return (
        f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>'
        f'<text x="{middle}" y="{y + height / 2 + 4}">{text}</text>'
    )


def _arrow(x: float, to: float, y: float = 30) -> str:
    return f'<path class="way" d="M{x} {y}H{to}m-4 -3l4 3l-4 3"/>'


def _word(x: float, text: str, y: float = 34) -> str:
    return f'<text x="{x}" y="{y}">{text}</text>'


VAE = "".join(
    (
        _word(8, "x"),
        _arrow(15, 26),
        '<path class="box" d="M28 14L50 22V38L28 46Z"/><text x="39" y="34">q</text>',
        _word(60, "z"),
        '<path class="box" d="M70 22L92 14V46L70 38Z"/><text x="81" y="34">p</text>',
        _arrow(94, 106),
        _word(113, "x"),
    )
)
GAN = "".join(
    (
        _word(8, "z"),
        _arrow(14, 26),
        _box(28, "G"),
        _arrow(50, 70),
        _box(72, "D"),
        _arrow(94, 106),
        _word(113, "?"),
        '<path class="way" d="M38 50V56H82V44m-3 4l3 -4l3 4"/>',
        _word(46, "x", 53),
    )
)
BRIDGE = "".join(
    (
        _word(8, "x"),
        _arrow(14, 22),
        _box(24, "E", 18),
        _word(52, "z"),
        _box(62, "G", 18),
        _arrow(82, 106),
        _word(113, "x"),
        _box(62, "D", 18, 42, 16),
        '<path class="way" d="M52 38V50H60m-4 -3l4 3l-4 3"/>',
    )
)
FLOW = (
    '<circle class="dot" cx="16" cy="20" r="2.5"/><circle class="dot" cx="12" cy="32" r="2.5"/>'
    '<circle class="dot" cx="18" cy="43" r="2.5"/>'
    '<path class="way" d="M22 20C50 20 60 10 94 10m-4 -3l4 3l-4 3"/>'
    '<path class="way" d="M20 32C50 32 60 30 94 30m-4 -3l4 3l-4 3"/>'
    '<path class="way" d="M24 43C50 43 60 50 94 50m-4 -3l4 3l-4 3"/>'
    '<rect class="box" x="98" y="5" width="10" height="10"/>'
    '<rect class="box" x="98" y="25" width="10" height="10"/>'
    '<rect class="box" x="98" y="45" width="10" height="10"/>'
)
DENSITY = (
    '<path class="way" d="M6 52H114"/>'
    '<path class="box" d="M8 52C24 52 26 14 40 14S54 42 64 42S76 24 86 24S98 52 112 52"/>'
    '<path class="way" d="M40 52V18M64 52V46M86 52V28"/>'
)
INFERENCE = (
    '<path class="way" d="M6 52H114"/>'
    '<path class="way" d="M6 50C30 50 34 34 50 34S76 50 114 50" stroke-dasharray="3 3"/>'
    '<path class="box" d="M52 52C66 52 66 10 76 10S86 52 100 52"/>'
    + _word(30, "prior", 26)
    + _word(101, "post.", 22)
)
OTHER = _box(50, "?")

#: In the order in which they are shown; the first that fits is a model's group.
GROUPS: tuple[Group, ...] = (
    Group(
        "inference",
        "Inference",
        "A model that is written down; what is unknown in it gets a posterior.",
        _any(Bayesian),
        INFERENCE,
    ),
    Group(
        "bridges",
        "VAE–GAN bridges",
        "An encoder and a critic in one model.",
        _bridge,
        BRIDGE,
    ),
    Group(
        "gan",
        "GANs",
        "A generator learns from a critic that tells its images from real ones.",
        _any(HasCritic),
        GAN,
    ),
    Group(
        "flows",
        "Flows and diffusion",
        "Noise is carried to the data, and back.",
        _any(HasInverse, HasProbabilityPath, HasDiffusionSteps),
        FLOW,
    ),
    Group(
        "vae",
        "VAEs",
        "An encoder and a decoder share a code; training raises a bound of the likelihood.",
        lambda model: issubclass(model, HasDecoder) and not issubclass(model, HasLogProb),
        VAE,
    ),
    Group(
        "density",
        "Learned densities",
        "The probability of each example is computed exactly.",
        _any(HasLogProb),
        DENSITY,
    ),
    Group("other", "Others", "Models of no other group.", _any(object), OTHER),
)
#: The order in which people meet them.
SHOWN = ("vae", "gan", "bridges", "flows", "density", "inference", "other")


def group_of(model: type[Any]) -> Group:
    """The group of a class of models.

    Example:
        >>> from genlab.core.tables import MODELS
        >>> [group_of(MODELS[name]).name for name in ("vae", "dcgan", "bigan", "realnvp", "made")]
        ['vae', 'gan', 'bridges', 'flows', 'density']
    """
    return next(group for group in GROUPS if group.fits(model))


def by_group(models: Iterable[tuple[str, type[Any]]]) -> dict[str, list[str]]:
    """The names of models by their group, in the order in which groups are shown.

    Args:
        models: names and classes.
    """
    found: dict[str, list[str]] = {name: [] for name in SHOWN}
    for name, model in models:
        found[group_of(model).name].append(name)
    return {group: names for group, names in found.items() if names}
