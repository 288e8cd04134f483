"""The rules of DCGAN on the real nets, and what a measurement says when one is dropped."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genlab.core.measure import Kind
from genlab.core.options import Options, option
from genlab.core.random import generator, scope
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Progress, Quantity, tex
from genlab.lessons.panels import Curve, Curves, Panel, Table, array, histogram
from genlab.lessons.teaching import dcgan
from genlab.models.gan import DCGAN, DCGANOptions
from genlab.nets.conv import SIZES

BATCH = 64
#: How much brighter every picture is made, in [-1, 1], to see whether the critic notices.
BRIGHTER = 0.2
#: The largest step from the rules' standard deviation that is dropped to.
WIDE = 0.2
POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Upsample)
CONVS = (nn.Conv2d, nn.ConvTranspose2d)
NONE = "none"


@dataclass(frozen=True)
class Measures:
    """What one forward and one backward pass at the first step say; no training.

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
        "G's pictures fill [-1, 1], as the data do.",
        _sigmoid,
        "output",
        "a sigmoid lives in [0, 1]: the dark half of the data is out of reach",
        True,
    ),
    Rule(
        "strides",
        "strided convolutions, no pooling",
        "The nets learn how to shrink and to grow.",
        _pooling,
        "blind",
        "of four units a max-pool hears one: the others send G no gradient",
        True,
    ),
    Rule(
        "leaky",
        "LeakyReLU(0.2) in D",
        "No unit of the critic is ever silent.",
        _relu_in_d,
        "dead",
        "a unit of a plain ReLU that is off passes nothing on to G",
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
        "What is learned at one place holds at every place.",
        _linear_layer,
        "weights",
        "one linear layer outweighs all convolutions",
        True,
    ),
    Rule(
        "small weights",
        "weights from N(0, 0.02²)",
        "Everything starts near the linear part of tanh.",
        _wide_weights,
        "saturated",
        "ten times as wide, G begins with black and white dots at the flat ends of tanh",
        True,
    ),
)


@dataclass(frozen=True)
class DCGANLessonOptions(Options):
    """Options of the lesson."""

    rule: str = option(
        "batch norm",
        "the rule to drop",
        choices=(*(r.name for r in RULES), NONE),
        label="Rule to drop",
    )
    size: int = option(28, "pixels a side", choices=tuple(SIZES), label="Image side (pixels)")
    width: int = option(16, "channels of the largest hidden map", low=8, high=32, label="Channels")
    seed: int = option(0, "seed of the weights and codes", low=0, high=2**31 - 1, label="Seed")


@functools.lru_cache(maxsize=256)
def profile(rule: str, size: int, width: int, seed: int) -> Profile:
    """One pass forward and back through the nets by the rules, or with one dropped."""
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
        # What a non-saturating generator would lower.
        softplus(-logit).mean().backward()
    layers = list(seen)
    with torch.no_grad():
        # Data space is [0, 1]: half of what the nets see.
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


@LESSONS.register(
    "dcgan",
    title="DCGAN: rules that hold a GAN together",
    summary="The rules checked on the real nets; drop one and measure what breaks.",
)
class DCGANRules(Lesson):
    """The nets of the model ``dcgan`` at their first step, with and without one rule."""

    chapter = 12
    idea = (
        "Convolutional GANs did not train until a handful of rules was found by trial. Each "
        "has a reason that can be measured before a single step: does a gradient reach the "
        "code, do the outputs cover the data, can the critic see what it must judge? Below are "
        "the nets of the Train page, once by all rules and once with one rule dropped."
    )
    needs = ("gan_game",)
    goals = (
        ("name the rules and what each protects"),
        ("find a broken rule from the size of signal and gradient"),
    )
    notes = (
        (
            "One pass forward and one back; nothing is trained, and every number is measured "
            "on these nets."
        ),
    )
    questions, exercises = dcgan.QUESTIONS, dcgan.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "mnist5k", "model": "dcgan"}
    source = (
        "Radford, Metz and Chintala 2016, Unsupervised representation learning with deep "
        "convolutional generative adversarial networks, section 3."
    )
    Options = DCGANLessonOptions
    options: DCGANLessonOptions

    def _at(self, rule: str) -> Profile:
        o = self.options
        return profile(rule, o.size, o.width, o.seed)

    def prepare(self, progress: Progress) -> None:
        names = (NONE, *(rule.name for rule in RULES))
        for k, name in enumerate(names):
            progress(k / len(names), f"Measuring the nets without: {name}")
            self._at(name)

    @property
    def rule(self) -> Rule | None:
        """The rule that is dropped."""
        return next((rule for rule in RULES if rule.name == self.options.rule), None)

    @functools.cached_property
    def gan(self) -> DCGAN:
        """The nets by the rules."""
        with scope(self.options.seed, "dcgan lesson"):
            meta = DataMeta((1, self.options.size, self.options.size), "unit")
            return DCGAN(DCGANOptions(width=self.options.width), meta)

    def equations(self) -> tuple[Equation, ...]:
        baseline, other = self._at(NONE).measures, self._at(self.options.rule).measures
        fan = self.options.width * 16
        gain = 0.02 * math.sqrt(fan)
        steps = [
            Equation(
                "The generator grows a picture from the code by fractionally strided "
                "convolutions, the critic shrinks it by strided ones; both learn how.",
                r"z \to \text{conv}^{\top} \to \text{BN} \to \text{ReLU} \to \cdots \to"
                r" \text{conv}^{\top} \to \tanh = x,\qquad x \to \text{conv} \to \text{LeakyReLU}"
                r" \to \text{conv} \to \text{BN} \to \cdots \to \ell(x)",
                rf"{self._count(self.gan.generator, CONVS)}\ \text{{layers in }} G,\quad"
                rf" {self._count(self.gan.body, CONVS) + self._count(self.gan.head, CONVS)}"
                rf"\ \text{{in }} D,\quad {int(baseline.weights)}\ \text{{weights in }} D",
            ),
            Equation(
                "Without normalisation a layer of n inputs multiplies the signal by about "
                "0.02 √n, here in the critic's second layer; with it, every map has size 1.",
                r"\operatorname{sd}(w \cdot h) \approx 0.02\, \sqrt{n}\; \operatorname{rms}(h),"
                r"\qquad \hat h = \frac{h - \bar h}{\operatorname{sd}(h)}",
                rf"0.02 \cdot \sqrt{{{fan}}} = {tex(gain)}",
            ),
        ]
        if self.rule is not None:
            name = self.rule.shown_by
            title, unit, kind = MEASURES[name]
            n = BATCH if kind != "exact" else 0
            a, b = getattr(baseline, name), getattr(other, name)
            steps.append(
                Equation(
                    f"Dropped: {self.rule.title}. Measured: {title}. What it means: "
                    f"{self.rule.why}.",
                    r"\text{by the rules} \;\to\; \text{without the rule}",
                    rf"{tex(a)} \;\to\; {tex(b)}",
                    (
                        Quantity("by the rules", a, kind, unit, n),
                        Quantity("without", b, kind, unit, n),
                    ),
                )
            )
        flat = MODELS["dcgan"].defaults(self.gan.meta)
        steps.append(
            Equation(
                "The optimiser is part of the rules: Adam with a small step and half the usual "
                "momentum.",
                r"\alpha = 2 \cdot 10^{-4},\quad \beta_1 = 0.5,\quad \text{batches of } 128",
                rf"\alpha = {tex(flat['lr'])},\quad \beta_1 = {tex(flat['beta1'])},\quad"
                rf" \text{{batches of }} {flat['batch']}",
            )
        )
        return tuple(steps)

    @staticmethod
    def _count(net: nn.Module, kind: Any) -> int:
        return sum(isinstance(m, kind) for m in net.modules())

    def check(self) -> tuple[Check, ...]:
        gan = self.gan
        critic = nn.Sequential(gan.body, gan.head)
        convs = [m for n in (gan.generator, critic) for m in n.modules() if isinstance(m, CONVS)]
        weights = torch.cat([m.weight.detach().flatten() for m in convs])
        ups, downs = self._count(gan.generator, CONVS), self._count(critic, CONVS)
        slopes = [m.negative_slope for m in critic.modules() if isinstance(m, nn.LeakyReLU)]
        doublings = SIZES[self.options.size][1]
        with scope(self.options.seed, "wild codes"), torch.no_grad():
            wild = gan.generator(50 * torch.randn(8, gan.latent))
        strides = sum(math.log2(m.stride[0]) for m in convs)

        def exact(says: str, left: float, right: float, what: str, rule: str) -> Check:
            return Check(says, left, right, what, rule, "exact", "count", 0.0)

        tree = "counted in the module tree"
        found = [
            exact(
                "No pooling, no fixed enlarging.",
                self._count(gan.generator, POOLS) + self._count(critic, POOLS),
                0,
                f"pooling layers, {tree}",
                "none",
            ),
            exact(
                "Every halving and doubling is a stride.",
                strides,
                2 * doublings,
                f"Σ log₂ stride of G's and D's convolutions, {tree}",
                f"two times log₂({self.options.size}/{SIZES[self.options.size][0]})",
            ),
            exact(
                "No fully connected layer.",
                self._count(gan.generator, nn.Linear) + self._count(critic, nn.Linear),
                0,
                f"linear layers, {tree}",
                "none",
            ),
            exact(
                "Batch normalisation everywhere in G but at its output.",
                self._count(gan.generator, nn.BatchNorm2d),
                ups - 1,
                tree,
                "convolutions less one",
            ),
            exact(
                "and in D but at its input and at the score.",
                self._count(critic, nn.BatchNorm2d),
                downs - 2,
                tree,
                "convolutions less two",
            ),
            Check(
                "LeakyReLU with slope 0.2 in D.",
                sum(slopes) / max(len(slopes), 1),
                0.2,
                f"mean slope of {len(slopes)} activations",
                "0.2",
                "exact",
                "",
                1e-12,
            ),
            Check(
                "G's pictures stay in [-1, 1], whatever the code.",
                float(wild.abs().max()),
                1.0,
                "largest |x| at codes of 50 times the usual size",
                "1",
                "Monte Carlo",
                "",
                0.0,
                8,
                "≤",
            ),
            Check(
                "The weights start from N(0, 0.02²): standard deviation",
                float(weights.std()),
                0.02,
                "of all convolutions' weights",
                "0.02",
                "Monte Carlo",
                "",
                5 * 0.02 / math.sqrt(2 * len(weights)),
                len(weights),
            ),
            Check(
                "and mean.",
                float(weights.mean()),
                0.0,
                "of all convolutions' weights",
                "0",
                "Monte Carlo",
                "",
                5 * 0.02 / math.sqrt(len(weights)),
                len(weights),
            ),
        ]
        if self.rule is not None:
            name = self.rule.shown_by
            baseline, other = (getattr(self._at(n).measures, name) for n in (NONE, self.rule.name))
            up = self.rule.higher
            found.append(
                Check(
                    f"Without the rule ({self.rule.title}) it breaks: {MEASURES[name][0]}.",
                    other if up else baseline,
                    baseline if up else other,
                    "without the rule" if up else "by the rules",
                    "by the rules" if up else "without the rule",
                    MEASURES[name][2],
                    MEASURES[name][1],
                    0.0,
                    BATCH if MEASURES[name][2] != "exact" else 0,
                    ">",
                )
            )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        baseline, other = self._at(NONE), self._at(self.options.rule)
        title = "all rules" if self.rule is None else f"without: {self.rule.name}"
        pair = [(baseline, "by the rules", 0)]
        if self.rule is not None:
            pair.append((other, title, 1))
        note = f"batch of {BATCH} codes, first weights, nothing trained"

        def layers(values: Callable[[Profile], tuple[float, ...]]) -> tuple[Curve, ...]:
            return tuple(
                Curve(name, np.arange(1.0, len(p.layers) + 1),
                      np.maximum(np.array(values(p)), 1e-12), "line" if k == 0 else "dash", k)
                for p, name, k in pair
            )  # fmt: skip

        split = next(k for k, name in enumerate(baseline.layers) if name.startswith("D"))
        marks = (("G | D", split + 0.5),)
        drawn = []
        for p, name, k in pair:
            x, y = histogram(array(p.pixels), -1.0, 1.0, 50)
            drawn.append(Curve(name, x, y, "steps", k))
        return (
            Curves(
                "Size of the signal after each layer, from z to the score",
                f"standard deviation · {note} · {', '.join(baseline.layers[:3])}, ...",
                layers(lambda p: p.signal),
                "layer, from z to the score",
                "standard deviation",
                y_log=True,
                marks=marks,
            ),
            Curves(
                "Size of the gradient that G feels, at each layer",
                f"root mean square of dL/dh, L non-saturating · {note}",
                layers(lambda p: p.gradient),
                "layer, from z to the score",
                "gradient (nats)",
                y_log=True,
                marks=marks,
            ),
            Curves(
                "What G draws at first",
                f"density of pixels in [-1, 1] · {note}",
                tuple(drawn),
                "pixel",
                "density",
            ),
            Table(
                "Each rule, and what one measurement says without it",
                note,
                ("rule", "why", "measured", "by the rules", "dropped"),
                tuple(
                    (
                        rule.title,
                        rule.why,
                        MEASURES[rule.shown_by][0],
                        f"{getattr(baseline.measures, rule.shown_by):.3g}",
                        f"{getattr(self._at(rule.name).measures, rule.shown_by):.3g}",
                    )
                    for rule in RULES
                ),
            ),
            Table(
                "All measures of the two nets",
                note,
                ("measure", "by the rules", title, "unit"),
                tuple(
                    (
                        MEASURES[entry.name][0],
                        f"{getattr(baseline.measures, entry.name):.4g}",
                        f"{getattr(other.measures, entry.name):.4g}",
                        MEASURES[entry.name][1],
                    )
                    for entry in fields(Measures)
                ),
            ),
        )
