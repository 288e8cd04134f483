"""Fully visible Bayes nets: the chain rule turns any autoregressive network into a density."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy import special
from torch import Tensor

from genlab.core.options import Option, Options, option
from genlab.core.random import generator, scope
from genlab.data.base import DataMeta
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.panels import Bars, Curve, Curves, Matrix, Panel, array
from genlab.lessons.teaching import visible
from genlab.models.fvbn import FVBN, FVBNOptions
from genlab.models.made import MADE, MADEOptions
from genlab.models.nade import NADE, NADEOptions
from genlab.models.visible import ORDERINGS, FullyVisible, all_binary

#: Number of ancestral samples in the check.
DRAWS = 4000


@dataclass(frozen=True)
class VisibleOptions(Options):
    """Options of the lesson."""

    net: str = option(
        "made", "network of the conditionals", choices=("made", "fvbn", "nade"), label="Network"
    )
    dim: int = option(6, "binary variables D", low=2, high=10, label="Binary variables D")
    ordering: str = option(
        "natural", "order of the chain rule", choices=ORDERINGS, label="Variable order"
    )
    scale: float = option(
        1.0, "standard deviation of the weights", low=0.0, high=10.0, label="Weight scale"
    )
    seed: int = option(0, "seed of weights, masks and order", low=0, high=2**31 - 1, label="Seed")


HIDDEN = (
    Option(
        "hidden", int, 12, "hidden units per layer", low=2, high=64, label="Hidden units per layer"
    ),
)
LAYERS = (Option("layers", int, 2, "hidden layers", low=1, high=3, label="Hidden layers"),)


@LESSONS.register(
    "visible",
    title="Fully visible Bayes nets",
    summary="The chain rule, masks, and a density that sums to 1 for any weights.",
)
class Visible(Lesson):
    """p(x) = Π_i p(x_i | x_<i) on D binary variables, small enough to sum over all of them."""

    chapter = 2
    idea = (
        "The chain rule writes any distribution as a product of conditionals, and each "
        "conditional depends only on earlier variables. A network that computes these "
        "conditionals is a normalised density for **any** weights. There is no latent variable to "
        "infer, and a sample is drawn one variable at a time."
    )
    needs = ("bayes",)
    goals = (
        ("write p(x) as a product of conditionals"),
        ("read from the masks of MADE which input reaches which output"),
    )
    notes = (
        (
            "MADE computes all conditionals with one masked network: a unit of degree m is "
            "connected only to inputs of degree up to m, and an output only to units of a smaller "
            "degree."
        ),
    )
    questions, exercises = visible.QUESTIONS, visible.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "made", "binarise": "threshold"}
    source = "Frey 1998; Larochelle and Murray 2011 (NADE); Germain et al. 2015 (MADE)."
    Options = VisibleOptions

    @classmethod
    def more(cls, options: VisibleOptions) -> tuple[Option, ...]:
        last = 2**options.dim - 1
        code = Option(
            "x",
            int,
            min(37, last),
            "the example x, written as a number with these bits",
            0,
            last,
            label="Example x, its bits as a number",
        )
        return {"made": HIDDEN + LAYERS, "nade": HIDDEN, "fvbn": ()}[options.net] + (code,)

    @functools.cached_property
    def model(self) -> FullyVisible:
        """The net with its random weights, in float64."""
        o, meta = self.options, DataMeta((self.options.dim,), "binary")
        order = {"ordering": o.ordering, "order_seed": o.seed}
        with scope(o.seed, "visible net"):
            if o.net == "made":
                sizes = {"hidden": self.extra["hidden"], "layers": self.extra["layers"]}
                model: FullyVisible = MADE(MADEOptions(**order, **sizes), meta)
            elif o.net == "nade":
                model = NADE(NADEOptions(**order, hidden=self.extra["hidden"]), meta)
            else:
                model = FVBN(FVBNOptions(**order), meta)
        source = generator(o.seed, "weights of a visible net")
        with torch.no_grad():
            for weights in model.parameters():
                fan = weights.shape[-1] if weights.dim() > 1 else 1
                noise = torch.randn(weights.shape, generator=source)
                weights.copy_(noise * o.scale / math.sqrt(fan))
        return model.double().eval()

    @functools.cached_property
    def everything(self) -> Tensor:
        """All 2^D inputs, (2^D, D)."""
        return all_binary((self.options.dim,)).double()

    @functools.cached_property
    def log_p(self) -> Tensor:
        """log p of all inputs in nats, (2^D,)."""
        with torch.no_grad():
            return self.model.log_prob(self.everything)

    @functools.cached_property
    def example(self) -> Tensor:
        """The chosen x, (1, D)."""
        return self.everything[self.extra["x"]][None]

    @functools.cached_property
    def single(self) -> FullyVisible:
        """The same net in float32, the type of its samples."""
        return copy.deepcopy(self.model).float()

    @functools.cached_property
    def steps(self) -> tuple[tuple[float, int], ...]:
        """The logit of p(bit = 1 | earlier bits) and the bit, in the model's order."""
        with torch.no_grad():
            cursor, found = self.single.cursor(1), []
            for bit in self.example[:, self.model.order].T.float():
                found.append((float(cursor.logit()), int(bit)))
                cursor.push(bit)
        return tuple(found)

    @torch.no_grad()
    def ancestral(self) -> Tensor:
        """Samples bit by bit, (DRAWS, D) in the model's order, from the lesson's own stream."""
        source, cursor = generator(self.options.seed, "ancestral"), self.single.cursor(DRAWS)
        bits = []
        for _ in range(self.options.dim):
            bits.append((torch.rand(DRAWS, generator=source) < cursor.logit().sigmoid()).float())
            cursor.push(bits[-1])
        return torch.stack(bits, 1).double()

    @property
    def factors(self) -> tuple[float, ...]:
        """log p(bit | earlier bits) in nats, in the model's order."""
        return tuple(float(special.log_expit(v if bit else -v)) for v, bit in self.steps)

    @functools.cached_property
    def influence(self) -> Tensor:
        """The largest |∂ logit_i / ∂x_j| over 64 random inputs, (D, D) in the model's order."""
        source = generator(self.options.seed, "influence")
        x = torch.rand(64, self.options.dim, generator=source, dtype=torch.float64)
        x.requires_grad_()
        logits = self.model.ordered_logits(x)
        rows = []
        for i in range(self.options.dim):
            part = logits[:, i].sum()
            slope = torch.autograd.grad(part, x, retain_graph=True, allow_unused=True)[0]
            rows.append((torch.zeros_like(x) if slope is None else slope).abs().amax(0))
        return torch.stack(rows).detach()

    def masks(self) -> tuple[tuple[str, Tensor], ...]:
        """The masks of each layer of a MADE, (out, in) of zeros and ones."""
        if not isinstance(self.model, MADE):
            return ()
        net = self.model.net
        last = len(net.linears) - 1
        names = ["x → hidden 1", *(f"hidden {k} → hidden {k + 1}" for k in range(1, last))]
        names.append(f"hidden {last} → output")
        masks = [getattr(net, f"mask{k}")[0].double() for k in range(last + 1)]
        return tuple(zip(names, masks, strict=True))

    def equations(self) -> tuple[Equation, ...]:
        total = float(self.log_p.exp().sum())
        log_p = float(self.log_p[self.extra["x"]])
        order = self.model.order.tolist()
        factors = r" \cdot ".join(tex(math.exp(v), 3) for v in self.factors)
        names = ", ".join(f"x_{{{i + 1}}}" for i in order)
        allowed = self.options.dim * (self.options.dim - 1) // 2
        below = self.influence.tril(-1)
        return (
            Equation(
                "The chain rule, in any chosen order.",
                r"p(x) = \prod_{i=1}^{D} p(x_{o(i)} \mid x_{o(1)}, \dots, x_{o(i-1)})",
                rf"o:\ {names}",
            ),
            Equation(
                "Each conditional is a Bernoulli whose logit depends on earlier variables only.",
                r"\log p(x) = \sum_i \log p(x_{o(i)} \mid x_{o(<i)})",
                rf"\log ({factors}) = {tex(log_p)}",
                (
                    Quantity("log p(x)", log_p, "exact", "nats"),
                    Quantity(
                        "−log₂ p(x) / D",
                        -log_p / (self.options.dim * math.log(2)),
                        "exact",
                        "bits/dim",
                    ),
                ),
            ),
            Equation(
                "Each conditional is normalised, so the product is normalised for any weights.",
                r"\sum_{x \in \{0, 1\}^D} p(x) = 1",
                rf"\sum_{{{2**self.options.dim:,}\text{{ inputs}}}} p(x) = {total:.12f}".replace(
                    ",", "{,}"
                ),
                (Quantity("Σ p(x)", total, "exact", "probability"),),
            ),
            Equation(
                "The Jacobian shows which logit depends on which input. It is 0 on and above the "
                "diagonal.",
                r"\frac{\partial\, \mathrm{logit}_i}{\partial x_j} = 0 \quad (j \ge i)",
                rf"{int((below > 0).sum())} \text{{ of }} {allowed}"
                r"\text{ allowed entries are not zero}",
            ),
        )

    def check(self) -> tuple[Check, ...]:
        dim, code = self.options.dim, self.extra["x"]
        steps = sum(self.factors)
        counted = float(self.ancestral().sum(1).mean())
        p = self.log_p.exp()
        ones = self.everything.sum(1)
        mean = float((p * ones).sum())
        error = math.sqrt(max(float((p * ones**2).sum()) - mean**2, 0.0) / DRAWS)
        return (
            Check(
                "The probabilities of all inputs sum to 1.",
                float(p.sum()),
                1.0,
                f"sum over {2**dim:,} inputs",
                "one",
                "exact",
                "probability",
                1e-9,
            ),
            Check(
                "log p(x) is the sum of the conditionals, bit by bit.",
                float(self.log_p[code]),
                steps,
                "all conditionals in one pass",
                "one conditional at a time, as in sampling, in float32",
                "exact",
                "nats",
                2e-5 * max(1.0, abs(steps)),
            ),
            Check(
                "No logit depends on its own variable or a later one.",
                float(self.influence.triu().max()),
                0.0,
                "largest forbidden entry of the Jacobian",
                "zero",
                "exact",
                "logits",
                0.0,
            ),
            Check(
                "The mean number of ones in ancestral samples equals that of the density.",
                counted,
                mean,
                f"{DRAWS:,} samples",
                "sum over all inputs",
                "Monte Carlo",
                "ones",
                4 * error + 1e-9,
                DRAWS,
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        dim = self.options.dim
        labels = tuple(f"x{i + 1}" for i in self.model.order.tolist())
        p, code = self.log_p.exp(), self.extra["x"]
        inputs = np.arange(2**dim, dtype=np.float64)
        chosen = np.exp(np.array(self.factors))
        bits = "".join(str(int(v)) for v in self.example[0])
        shown: list[Panel] = [
            Matrix(
                "Which logit depends on which input: |∂ logit / ∂ input|",
                "largest over 64 random inputs, in the order of the chain rule",
                array(self.influence),
                labels,
                labels,
                row_title="output",
                column_title="input",
            )
        ]
        shown += [
            Matrix(
                f"Mask {name}",
                "1 keeps a weight, 0 removes it; fixed by the degrees of the units",
                array(mask),
                tuple(str(k + 1) for k in range(mask.shape[0])),
                tuple(str(k + 1) for k in range(mask.shape[1])),
                ("closed", "open"),
                "to",
                "from",
            )
            for name, mask in self.masks()
        ]
        shown += [
            Bars(
                f"The conditionals along x = {bits}",
                "exact, in the order of the chain rule",
                tuple(
                    f"{name} = {bit}" for name, (_, bit) in zip(labels, self.steps, strict=True)
                ),
                (("p(this bit | earlier bits)", chosen),),
                "probability",
            ),
            Curves(
                f"The probability of all {2**dim:,} inputs",
                "exact, by enumeration",
                (Curve("p(x)", inputs, array(p), "area", 0),),
                "x as a number",
                "probability",
                marks=(("the chosen x", float(code)),),
            ),
        ]
        return tuple(shown)
