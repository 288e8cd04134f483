"""All families in one table, made from the models' capabilities, with measured claims."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from genlab import models
from genlab.core.options import Options, option
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS, OBJECTIVES
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity
from genlab.lessons.panels import Bars, Panel, Table
from genlab.lessons.teaching import families_compared
from genlab.models.base import (
    GenerativeModel,
    HasCritic,
    HasDecoder,
    HasDiffusionSteps,
    HasEncoder,
    HasInverse,
    HasLikelihood,
    HasLogProb,
    HasProbabilityPath,
)

#: One model of each family that differs in the answers of the table.
FAMILIES: Mapping[str, str] = {
    "gaussian_mixture": "Mixture with exact inference",
    "vae": "VAE",
    "gan": "GAN",
    "realnvp": "Coupling flow",
    "maf": "Autoregressive flow",
    "ddpm": "Diffusion (DDPM)",
    "flow_matching": "Flow matching",
}
#: Number of samples for which evaluations are counted.
COUNTED = 4
EXACT, ALONG, BOUND, NONE = "exact", "exact up to the ODE's step size", "lower bound", "none"


@dataclass(frozen=True)
class ComparedOptions(Options):
    """Options of the lesson."""

    sampling: int = option(
        32, "steps of the samplers of diffusion and flow matching", low=1, high=256, log=True,
        label="Sampling steps",
    )  # fmt: skip
    couplings: int = option(
        8, "invertible layers of the flows", low=1, high=16, label="Layers of a flow"
    )
    seed: int = option(0, "seed of the untrained nets", low=0, high=2**31 - 1, label="Seed")


def likelihood_of(kind: type[GenerativeModel]) -> str:
    """What a kind of model knows about log p(x), from its capabilities.

    Example:
        >>> [likelihood_of(MODELS[name]) for name in ("realnvp", "vae", "gan")]
        ['exact', 'lower bound', 'none']
    """
    if issubclass(kind, HasInverse) or (
        issubclass(kind, HasLogProb) and not issubclass(kind, HasProbabilityPath)
    ):
        return EXACT
    if issubclass(kind, HasDiffusionSteps):
        return f"{BOUND}; {ALONG}"
    if issubclass(kind, HasProbabilityPath):
        return ALONG
    if issubclass(kind, HasLikelihood) and issubclass(kind, HasEncoder):
        return BOUND
    return NONE


def encoder_of(kind: type[GenerativeModel]) -> str:
    """How a kind of model finds the code of an example, from its capabilities."""
    if issubclass(kind, HasInverse):
        return "yes: the inverse"
    if issubclass(kind, HasProbabilityPath):
        return "yes: the ODE backwards"
    if issubclass(kind, HasEncoder):
        return "yes: q(z | x)"
    return "none" if issubclass(kind, HasDecoder) else "no code"


class _Uses(TorchFunctionMode):
    """Counts how often each weight is read."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.counts = {id(weight): 0 for weight in weights}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        for value in (*args, *kwargs.values()):
            for one in value if isinstance(value, (list, tuple)) else (value,):
                if id(one) in self.counts:
                    self.counts[id(one)] += 1
        return func(*args, **kwargs)


def evaluations(model: GenerativeModel, n: int) -> int:
    """How often each layer is evaluated for n samples drawn together; 0 without layers."""
    # Parameters of the model itself (the means of a mixture) are not a layer.
    layers = [w for name, w in model.named_parameters() if "." in name and w.dim() >= 2]
    uses = _Uses(layers)
    with uses:
        model.sample(n)
    return min((count for count in uses.counts.values() if count), default=0)


@LESSONS.register(
    "families_compared",
    title="All families in one table",
    summary="Likelihood, encoder, sampling cost and loss of VAE, GAN, flow and diffusion.",
)
class FamiliesCompared(Lesson):
    """The families of this course side by side on the same data, with their capabilities."""

    chapter = 18
    idea = (
        "No family combines an **exact likelihood**, an **encoder**, **one-pass samples** and a "
        "**free choice of net**. A VAE has only a bound of the likelihood, a GAN has none, a "
        "flow restricts the net, and diffusion and flow matching need many passes. The table is "
        "made from the capabilities of the models in this program, and the costs are counted."
    )
    needs = ("flows", "diffusion", "flow_matching")
    goals = (
        "name what each family can and cannot do",
        "choose a family by the needs of a task",
    )
    notes = (
        "Numbers of different rows are comparable only if they have the same meaning. A lower "
        "bound of log p says that the model is at least this good, while an exact log p says how "
        "good it is. A GAN has no such number.",
    )
    questions, exercises = families_compared.QUESTIONS, families_compared.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "realnvp"}
    source = (
        "Bond-Taylor et al. 2022, Deep generative modelling: a comparative review of VAEs, GANs, "
        "normalizing flows, energy-based and autoregressive models."
    )
    Options = ComparedOptions
    options: ComparedOptions

    @functools.cached_property
    def specs(self) -> dict[str, RunSpec]:
        """A run of each family on the ring."""
        found = {}
        for name in FAMILIES:
            known = {row.name for row in MODELS[name].Options.table()}
            given = {
                "sampling_steps": self.options.sampling,
                "flow_layers": self.options.couplings,
                "sampler": "euler" if name == "flow_matching" else "ddim",
            }
            values = {key: value for key, value in given.items() if key in known}
            found[name] = RunSpec.build(data="ring", model=name, **values)
        return found

    @functools.cached_property
    def models(self) -> dict[str, GenerativeModel]:
        """The untrained models."""
        with scope(self.options.seed, "families"):
            return {name: models.build(spec).eval() for name, spec in self.specs.items()}

    @functools.cached_property
    def costs(self) -> dict[str, int]:
        """How often each layer is evaluated for a sample, counted."""
        with scope(self.options.seed, "samples of the families"), torch.no_grad():
            return {name: evaluations(model, COUNTED) for name, model in self.models.items()}

    def cost(self, name: str) -> int:
        """The number of consecutive evaluations for one sample."""
        return self.costs[name]

    def minimised(self, name: str) -> str:
        """The family's default loss."""
        spec = self.specs[name]
        return OBJECTIVES.row(spec.objective).title

    @functools.cached_property
    def mass(self) -> float:
        """The integral of an untrained flow's density over a box that holds it."""
        model = self.models["realnvp"]
        assert isinstance(model, HasLogProb)
        axis = torch.linspace(-9.0, 9.0, 601)
        with torch.no_grad():
            log_p = model.log_prob(torch.cartesian_prod(axis, axis)).double()
        return float(log_p.exp().sum() * (18.0 / 600) ** 2)

    def equations(self) -> tuple[Equation, ...]:
        costs = self.costs
        return (
            Equation(
                "Likelihood: the change of variables gives it exactly, Jensen's inequality gives "
                "a bound, and a game gives neither.",
                r"\log p(x) = \log p(z) + \log|\det| \ \ge\ \text{ELBO}",
                rf"\int p_{{\text{{flow}}}} = {self.mass:.6f}",
                (Quantity("mass of the untrained flow", self.mass, "grid", "probability"),),
            ),
            Equation(
                "A VAE, a GAN or a coupling flow draws a sample in one pass. An autoregressive "
                "flow computes one entry after the other.",
                r"x = G(z),\qquad x_i = f(z_i, x_{<i})",
                rf"\text{{VAE }} {costs['vae']},\ \text{{GAN }} {costs['gan']},\ "
                rf"\text{{couplings }} {costs['realnvp']},\ \text{{MAF }} {costs['maf']}",
            ),
            Equation(
                "Diffusion and flow matching follow a path in N evaluations. N can be chosen "
                "after training.",
                r"x_{k+1} = x_k + h\,u_{t_k}(x_k),\quad k = 1, \dots, N",
                rf"\text{{DDPM }} {costs['ddpm']},\ "
                rf"\text{{flow matching }} {costs['flow_matching']}",
            ),
        )

    def check(self) -> tuple[Check, ...]:
        n = float(self.options.sampling)
        found = [
            Check(
                f"{FAMILIES[name]}: a sample needs {words}.",
                float(self.costs[name]),
                wanted,
                "reads of each weight, counted",
                "according to the table",
                "exact",
                "evaluations",
                0.0,
            )
            for name, words, wanted in (
                ("vae", "one pass", 1.0),
                ("gan", "one pass", 1.0),
                ("realnvp", "one pass", 1.0),
                ("ddpm", "one evaluation per step", n),
                ("flow_matching", "one evaluation per step", n),
            )
        ]
        found.append(
            Check(
                "A flow is a normalised density even before training.",
                self.mass,
                1.0,
                "sum over a grid of 601 x 601 points",
                "one",
                "grid",
                "probability",
                5e-3,
            )
        )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        rows = []
        for name, title in FAMILIES.items():
            kind = MODELS[name]
            critic = "a second net, the critic" if issubclass(kind, HasCritic) else ""
            net = "invertible" if issubclass(kind, HasInverse) else "free"
            rows.append(
                (
                    title,
                    likelihood_of(kind),
                    encoder_of(kind),
                    f"{self.costs[name] or 'no net'}",
                    ", ".join(filter(None, (net, critic))),
                    self.minimised(name),
                )
            )
        shown = [name for name in FAMILIES if self.costs[name]]
        return (
            Bars(
                "Cost of a sample",
                "evaluations of each layer, counted with untrained models for points in the plane",
                tuple(FAMILIES[name] for name in shown),
                (("evaluations", np.array([float(self.costs[name]) for name in shown])),),
                "evaluations",
                y_log=True,
            ),
            Table(
                "All families",
                "from the capabilities of the models; cost counted",
                ("family", "log p(x)", "encoder", "evaluations per sample", "net", "minimised"),
                tuple(rows),
            ),
        )
