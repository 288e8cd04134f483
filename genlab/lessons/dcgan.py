"""The rules of DCGAN on the real nets, and what a measurement says when one is dropped."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from genlab.core.options import Options, option
from genlab.core.random import scope
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Progress, Quantity, tex
from genlab.lessons.dcgan_rules import (
    BATCH,
    CONVS,
    MEASURES,
    NONE,
    POOLS,
    RULES,
    Measures,
    Profile,
    Rule,
    profile,
)
from genlab.lessons.panels import Curve, Curves, Panel, Table, array, histogram
from genlab.lessons.teaching import dcgan
from genlab.models.gan import DCGAN, DCGANOptions
from genlab.nets.conv import SIZES


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
            "One forward and one backward pass without training. Every number is measured on "
            "these nets."
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
                "The generator upsamples the code to an image with transposed convolutions; "
                "the critic downsamples it with strided convolutions.",
                r"z \to \text{conv}^{\top} \to \text{BN} \to \text{ReLU} \to \cdots \to"
                r" \text{conv}^{\top} \to \tanh = x,\qquad x \to \text{conv} \to \text{LeakyReLU}"
                r" \to \text{conv} \to \text{BN} \to \cdots \to \ell(x)",
                rf"{self._count(self.gan.generator, CONVS)}\ \text{{layers in }} G,\quad"
                rf" {self._count(self.gan.body, CONVS) + self._count(self.gan.head, CONVS)}"
                rf"\ \text{{in }} D,\quad {int(baseline.weights)}\ \text{{weights in }} D",
            ),
            Equation(
                "Without normalisation a layer of n inputs multiplies the signal by about 0.02 "
                "√n, here in the critic's second layer. With normalisation every map has scale 1.",
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
                "G's images stay in [-1, 1] for any code.",
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
                "Each rule, and a measurement without it",
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
