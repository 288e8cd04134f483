"""The rules of DCGAN: each as a change of the nets, with measurements without it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genlab.core.measure import Kind
from genlab.core.random import generator, scope
from genlab.data.base import DataMeta
from genlab.models.gan import DCGAN, DCGANOptions

BATCH = 64


#: How much every image is brightened, in [-1, 1], to test whether the critic reacts.
BRIGHTER = 0.2


#: The largest step from the rules' standard deviation that is dropped to.
WIDE = 0.2


POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Upsample)


CONVS = (nn.Conv2d, nn.ConvTranspose2d)


NONE = "none"


@dataclass(frozen=True)
class Measures:
    """Measurements of one forward and one backward pass, before any training.

    Args:
        code: root mean square of the gradient of G's loss at the code z.
        output: mean of G's output, in [-1, 1].
        saturated: share of G's outputs beyond ±0.95.
        dead: share of the critic's hidden units that are exactly 0.
        blind: share of the critic's first map without any gradient.
        notices: change of the mean score when every picture is made brighter.
        weights: how many the critic has.
        spread: standard deviation of the convolutions' weights.
    """

    code: float
    output: float
    saturated: float
    dead: float
    blind: float
    notices: float
    weights: float
    spread: float


#: What the page calls each, its unit, and what kind of number it is.
MEASURES: Mapping[str, tuple[str, str, Kind]] = {
    "code": ("gradient of G's loss at z, root mean square", "nats", "Monte Carlo"),
    "output": ("mean of G's output", "of [-1, 1]", "Monte Carlo"),
    "saturated": ("share of G's outputs beyond ±0.95", "probability", "Monte Carlo"),
    "dead": ("share of D's hidden units at exactly 0", "probability", "Monte Carlo"),
    "blind": ("share of D's first map without gradient", "probability", "Monte Carlo"),
    "notices": (
        f"change of D's mean score, all pictures brighter by {BRIGHTER:g}",
        "nats",
        "Monte Carlo",
    ),
    "weights": ("weights of D", "count", "exact"),
    "spread": ("standard deviation of the convolutions' weights", "", "exact"),
}


@dataclass(frozen=True)
class Profile:
    """The measures, and the size of signal and gradient after each layer from z to the score."""

    measures: Measures
    layers: tuple[str, ...]
    signal: tuple[float, ...]
    gradient: tuple[float, ...]
    pixels: Tensor


@dataclass(frozen=True)
class Rule:
    """One rule of DCGAN.

    Args:
        name, title: for the form and for the page.
        says: the rule.
        drop: breaks it, in place.
        shown_by: the measure that shows what breaks.
        why: what it means.
        higher: whether the measure is larger where the rule is dropped.
    """

    name: str
    title: str
    says: str
    drop: Callable[[DCGAN], None]
    shown_by: str
    why: str
    higher: bool


def _swap(net: nn.Module, change: Callable[[nn.Module], nn.Module | None]) -> None:
    """Replace layers in place: those for which ``change`` gives another."""
    for name, child in list(net.named_children()):
        other = change(child)
        if other is not None:
            setattr(net, name, other)
        else:
            _swap(child, change)


def _both(gan: DCGAN) -> tuple[nn.Module, ...]:
    return gan.generator, gan.body, gan.head


def _without_batch_norm(gan: DCGAN) -> None:
    for net in _both(gan):
        _swap(net, lambda m: nn.Identity() if isinstance(m, nn.BatchNorm2d) else None)


def _norm_at_the_input(gan: DCGAN) -> None:
    gan.body = nn.Sequential(nn.BatchNorm2d(gan.data_shape[0]), *gan.body.children())


def _sigmoid(gan: DCGAN) -> None:
    _swap(gan.generator, lambda m: nn.Sigmoid() if isinstance(m, nn.Tanh) else None)


def _relu_in_d(gan: DCGAN) -> None:
    _swap(gan.body, lambda m: nn.ReLU() if isinstance(m, nn.LeakyReLU) else None)


def _sigmoids_in_g(gan: DCGAN) -> None:
    _swap(gan.generator, lambda m: nn.Sigmoid() if isinstance(m, nn.ReLU) else None)


def _pooling(gan: DCGAN) -> None:
    def change(layer: nn.Module) -> nn.Module | None:
        if not isinstance(layer, nn.Conv2d):
            return None
        conv = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1, bias=False)
        nn.init.normal_(conv.weight, 0.0, 0.02)
        return nn.Sequential(conv, nn.MaxPool2d(2))

    _swap(gan.body, change)


def _linear_layer(gan: DCGAN) -> None:
    shape = (1, *gan.data_shape)
    with torch.no_grad():
        wide = gan.body(torch.zeros(shape)).numel()
    linear, last = nn.Linear(wide, 256), nn.Linear(256, 1)
    gan.head = nn.Sequential(nn.Flatten(), linear, nn.LeakyReLU(0.2), last)


def _wide_weights(gan: DCGAN) -> None:
    for net in _both(gan):
        for layer in net.modules():
            if isinstance(layer, CONVS):
                nn.init.normal_(layer.weight, 0.0, WIDE)


RULES = (
    Rule(
        "batch norm",
        "batch normalisation in both nets",
        "Every hidden map is normalised over the batch.",
        _without_batch_norm,
        "code",
        "weights of 0.02 shrink signal and gradient at every layer: next to nothing reaches z",
        False,
    ),
    Rule(
        "clean edges",
        "none at D's input and G's output",
        "The picture itself is not normalised.",
        _norm_at_the_input,
        "notices",
        "the authors saw samples oscillate and training become unstable; here D no longer notices "
        "that a whole batch is brighter",
        False,
    ),
    Rule(
        "tanh",
        "tanh at G's output",
        "G's images cover [-1, 1], as the data do.",
        _sigmoid,
        "output",
        "a sigmoid lives in [0, 1]: the dark half of the data is out of reach",
        True,
    ),
    Rule(
        "strides",
        "strided convolutions, no pooling",
        "The nets learn their down- and upsampling.",
        _pooling,
        "blind",
        "max-pooling passes the gradient to one of four units: the others give G no gradient",
        True,
    ),
    Rule(
        "leaky",
        "LeakyReLU(0.2) in D",
        "No unit of the critic is ever silent.",
        _relu_in_d,
        "dead",
        "an inactive ReLU unit passes no gradient to G",
        True,
    ),
    Rule(
        "relu",
        "ReLU in G",
        "G's hidden units do not saturate.",
        _sigmoids_in_g,
        "code",
        "a sigmoid's slope is at most ¼: each layer costs a factor",
        False,
    ),
    Rule(
        "no linear layer",
        "no fully connected hidden layer",
        "Convolutions share weights across positions.",
        _linear_layer,
        "weights",
        "one linear layer outweighs all convolutions",
        True,
    ),
    Rule(
        "small weights",
        "weights from N(0, 0.02²)",
        "All units start in the linear range of tanh.",
        _wide_weights,
        "saturated",
        "with weights ten times as large, G starts with black and white dots in the saturated "
        "range of tanh",
        True,
    ),
)


@functools.lru_cache(maxsize=256)
def profile(rule: str, size: int, width: int, seed: int) -> Profile:
    """One forward and one backward pass through nets that follow the rules, or all but one."""
    meta = DataMeta((1, size, size), "unit")
    with scope(seed, "dcgan lesson"):
        gan = DCGAN(DCGANOptions(width=width), meta)
    gan.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    if rule != NONE:
        with scope(seed, "dropped", rule):
            next(r for r in RULES if r.name == rule).drop(gan)
    seen: list[tuple[str, Tensor]] = []
    for where, net in (("G", gan.generator), ("D", gan.body), ("D", gan.head)):
        for layer in net.modules():
            if hasattr(layer, "inplace"):
                layer.inplace = False  # type: ignore[assignment]
            if next(layer.children(), None) is None:
                layer.register_forward_hook(_watch(seen, where))
    z = torch.randn(BATCH, gan.latent, generator=generator(seed, "dcgan codes"))
    z.requires_grad_()
    with torch.enable_grad():
        x = gan.decode(z).mean
        logit = gan.score(x)
        # The loss of a non-saturating generator.
        softplus(-logit).mean().backward()
    layers = list(seen)
    with torch.no_grad():
        # Data space is [0, 1], half as wide as the range of the nets.
        brighter = gan.score(x.detach() + BRIGHTER / 2)
    hidden = [(w, t) for w, t in layers if "act" in w and w.startswith("D")]
    first = next(t for w, t in layers if w.startswith("D conv"))
    critic = [*gan.body.parameters(), *gan.head.parameters()]
    convs = [
        m.weight.detach().flatten()
        for n in _both(gan)
        for m in n.modules()
        if isinstance(m, CONVS)
    ]
    pixels = 2 * x.detach().flatten() - 1
    measures = Measures(
        code=_size(z.grad) * BATCH,
        output=float(pixels.mean()),
        saturated=float((pixels.abs() > 0.95).float().mean()),
        dead=sum(float((t == 0).sum()) for _, t in hidden) / sum(t.numel() for _, t in hidden),
        blind=float((first.grad == 0).float().mean()) if first.grad is not None else 1.0,
        notices=abs(float((brighter - logit).mean().detach())),
        weights=float(sum(w.numel() for w in critic)),
        spread=float(torch.cat(convs).std()),
    )
    shown = [(w, t) for w, t in layers if "conv" in w or "act" in w or "linear" in w]
    return Profile(
        measures,
        tuple(w for w, _ in shown),
        tuple(float(t.detach().std()) for _, t in shown),
        tuple(_size(t.grad) * BATCH for _, t in shown),
        pixels,
    )


def _size(gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else float(gradient.square().mean().sqrt())


def _watch(seen: list[tuple[str, Tensor]], where: str) -> Callable[..., None]:
    def hook(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        if not output.requires_grad:
            return
        output.retain_grad()
        kind = "linear" if isinstance(layer, nn.Linear) else "other"
        kind = "conv" if isinstance(layer, CONVS) else kind
        if isinstance(layer, (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid)):
            kind = "act"
        count = 1 + sum(name.startswith(f"{where} {kind}") for name, _ in seen)
        seen.append((f"{where} {kind} {count}", output))

    return hook
