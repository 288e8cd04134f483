"""Normalising flows: an invertible map, the change of variables, and an exact log p(x)."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.core.random import generator
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, signed, tex
from genlab.lessons.panels import Bars, Curve, Panel, Plane, array
from genlab.lessons.teaching import flows

LOG_2PI = math.log(2 * math.pi)
#: Draws of the data, and nodes of the quadrature over x₁.
DRAWS, NODES = 20_000, 80
#: The data: x₁ ~ N(0, 1), x₂ given x₁ ~ N(BEND (x₁² − 1), SPREAD²).
BEND, SPREAD = 1.0, 0.4


@dataclass(frozen=True)
class FlowLessonOptions(Options):
    """Options of the lesson."""

    bend: float = option(
        0.4, "coefficient of x₁² − 1 in the shift of x₂", low=-2.0, high=2.0, label="Bend"
    )
    log_scale1: float = option(0.0, "log-scale of x₁", low=-2.0, high=2.0, label="Log-scale of x₁")
    log_scale2: float = option(
        0.0, "log-scale of x₂ where x₁ = 0", low=-2.0, high=2.0, label="Log-scale of x₂"
    )
    slope: float = option(
        0.2,
        "slope of the log-scale of x₂ in x₁",
        low=-1.0,
        high=1.0,
        label="Change of the log-scale with x₁",
    )
    x1: float = option(1.0, "first coordinate of the point x", low=-3.0, high=3.0, label="x₁")
    x2: float = option(0.5, "second coordinate of the point x", low=-3.0, high=3.0, label="x₂")
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


@LESSONS.register(
    "flows",
    title="Normalising flows",
    summary="An invertible net, the change of variables, and a likelihood without a bound.",
)
class Flows(Lesson):
    """One affine coupling layer in the plane, fitted by hand to a banana."""

    chapter = 15
    idea = (
        "A flow turns noise into data by an **invertible** net, so every x has exactly one code "
        "z. The density at x is the density of its code times the change of volume: log p(x) = "
        "log N(z) + log |det ∂z/∂x|. This is exact, without the bound of a VAE or the critic of "
        "a GAN."
    )
    needs = ("vae_to_gan",)
    goals = (
        "compute log p(x) of a coupling layer by hand",
        "say why a flow's loss is a likelihood, and what restriction this needs",
    )
    notes = (
        "A coupling layer keeps one part of x and scales and shifts the rest. A net computes "
        "scale and shift from the kept part. The net itself is never inverted, so any net will "
        "do. The Jacobian is triangular, so its determinant is the product of the scales.",
        "With a single layer, x₂ given x₁ is Gaussian for any net. Layers with alternating roles "
        "are more flexible, because each one transforms the output of the previous one.",
    )
    questions, exercises = flows.QUESTIONS, flows.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "moons", "model": "realnvp"}
    source = (
        "Dinh, Sohl-Dickstein and Bengio 2017, Density estimation using Real NVP; Papamakarios "
        "et al. 2021, Normalizing flows for probabilistic modeling and inference."
    )
    Options = FlowLessonOptions
    options: FlowLessonOptions

    def log_scale(self, x1: Tensor) -> Tensor:
        """The log-scale of x₂ at x₁, with the shape of x₁."""
        return self.options.log_scale2 + self.options.slope * x1

    def shift(self, x1: Tensor) -> Tensor:
        """The shift of x₂ at x₁, with the shape of x₁."""
        return self.options.bend * (x1.square() - 1.0)

    def to_noise(self, x: Tensor) -> Tensor:
        """z = f(x), (B, 2) -> (B, 2)."""
        first = x[:, 0] * math.exp(-self.options.log_scale1)
        second = (x[:, 1] - self.shift(x[:, 0])) * (-self.log_scale(x[:, 0])).exp()
        return torch.stack([first, second], 1)

    def to_data(self, z: Tensor) -> Tensor:
        """x = f⁻¹(z), (B, 2) -> (B, 2)."""
        first = z[:, 0] * math.exp(self.options.log_scale1)
        second = z[:, 1] * self.log_scale(first).exp() + self.shift(first)
        return torch.stack([first, second], 1)

    def log_det(self, x: Tensor) -> Tensor:
        """log |det ∂f/∂x|, (B, 2) -> (B,)."""
        return -self.options.log_scale1 - self.log_scale(x[:, 0])

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of the flow in nats, (B, 2) -> (B,)."""
        z = self.to_noise(x)
        return self.log_det(x) - 0.5 * z.square().sum(1) - LOG_2PI

    @property
    def x(self) -> Tensor:
        """The chosen point, (1, 2)."""
        return torch.tensor([[self.options.x1, self.options.x2]], dtype=torch.float64)

    @property
    def entropy(self) -> float:
        """The entropy of the data in nats."""
        return 1.0 + LOG_2PI + math.log(SPREAD)

    @functools.cached_property
    def excess(self) -> float:
        """KL(data ‖ flow) in nats: a closed form in x₂, Gauss–Hermite in x₁."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        x1, w = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
        a = self.options.log_scale1
        first = 0.5 * (math.exp(-2 * a) - 1.0) + a
        log_s = self.log_scale(x1)
        away = (BEND - self.options.bend) * (x1.square() - 1.0)
        second = log_s - math.log(SPREAD) + 0.5 * (SPREAD**2 + away.square()) / (2 * log_s).exp()
        return first + float((w * (second - 0.5)).sum())

    @functools.cached_property
    def data(self) -> Tensor:
        """Draws of the data, (DRAWS, 2)."""
        noise = torch.randn(
            DRAWS, 2, generator=generator(self.options.seed, "banana"), dtype=torch.float64
        )
        second = BEND * (noise[:, 0].square() - 1.0) + SPREAD * noise[:, 1]
        return torch.stack([noise[:, 0], second], 1)

    def equations(self) -> tuple[Equation, ...]:
        z, det = self.to_noise(self.x)[0], float(self.log_det(self.x))
        base = float(-0.5 * z.square().sum() - LOG_2PI)
        log_p = base + det
        o = self.options
        return (
            Equation(
                "A coupling layer keeps x₁ up to a scale, and scales and shifts x₂ by functions "
                "of x₁.",
                r"z_1 = x_1 e^{-a},\quad z_2 = (x_2 - t(x_1))\, e^{-s(x_1)}",
                rf"f({tex(o.x1)},\ {tex(o.x2)}) = ({tex(float(z[0]))},\ {tex(float(z[1]))})",
            ),
            Equation(
                "Its Jacobian is triangular, so its determinant is simply the product of the "
                "scales.",
                r"\log\left|\det\frac{\partial z}{\partial x}\right| = -a - s(x_1)",
                rf"= {tex(det)}\ \text{{nats}}",
                (Quantity("log |det ∂z/∂x|", det, "exact", "nats"),),
            ),
            Equation(
                "The change of variables gives the density. The inverse map gives samples. Both "
                "need one pass.",
                r"\log p(x) = \log \mathcal{N}(f(x);0,I) + \log|\det \partial f/\partial x|",
                rf"{tex(base)} + {signed(det)} = {tex(log_p)}",
                (Quantity("log p(x)", log_p, "exact", "nats"),),
            ),
            Equation(
                "Training minimises the mean of −log p(x). This is the entropy of the data plus a "
                "divergence, so it cannot fall below the entropy.",
                r"E[-\log p(x)] = H(\text{data}) + \mathrm{KL}(\text{data} \,\|\, p)",
                rf"{tex(self.entropy)} + {tex(self.excess)} = {tex(self.entropy + self.excess)}",
                (
                    Quantity("H(data)", self.entropy, "exact", "nats"),
                    Quantity("KL(data ‖ p)", self.excess, "grid", "nats"),
                ),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        x = self.x[0].clone()
        jacobian = torch.autograd.functional.jacobian(lambda v: self.to_noise(v[None])[0], x)
        _, slogdet = torch.linalg.slogdet(jacobian)
        back = self.to_data(self.to_noise(self.data[:1000]))
        values = -self.log_prob(self.data)
        # The box holds all but 1e-14 of the mass of the noise; the map carries it to data space.
        z = torch.linspace(-8.0, 8.0, 801, dtype=torch.float64)
        mesh = torch.cartesian_prod(z, z)
        there = self.to_data(mesh)
        area = (-self.log_det(there)).exp() * (z[1] - z[0]) ** 2
        total = float((self.log_prob(there).exp() * area).sum())
        return (
            Check(
                "The product of the scales is the determinant.",
                float(self.log_det(self.x)),
                float(slogdet),
                "−a − s(x₁)",
                "slogdet of the Jacobian by automatic differentiation",
                "exact",
                "nats",
                1e-9,
            ),
            Check(
                "The inverse map inverts the map.",
                float((back - self.data[:1000]).abs().max()),
                0.0,
                "largest |f⁻¹(f(x)) − x| of 1,000 points",
                "zero",
                "exact",
                "data units",
                1e-9,
            ),
            Check(
                "The density integrates to 1 for all settings.",
                total,
                1.0,
                "sum over 801 x 801 cells, carried from noise to data",
                "one",
                "grid",
                "probability",
                1e-6,
            ),
            Check(
                "The mean of −log p over the data is the entropy plus the divergence.",
                float(values.mean()),
                self.entropy + self.excess,
                f"mean over {DRAWS:,} draws",
                "closed form in x₂, quadrature in x₁",
                "Monte Carlo",
                "nats",
                4 * float(values.std()) / math.sqrt(DRAWS),
                DRAWS,
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        axis = np.linspace(-3.5, 3.5, 121)
        up = np.linspace(-2.5, 5.0, 121)
        mesh = np.stack(np.meshgrid(axis, up), -1).reshape(-1, 2)
        density = self.log_prob(torch.from_numpy(mesh)).exp().view(len(up), len(axis))
        lines = []
        along = torch.linspace(-2.5, 2.5, 81, dtype=torch.float64)
        for value in torch.linspace(-2.0, 2.0, 9, dtype=torch.float64):
            for z in (torch.stack([along, value.expand(81)], 1),
                      torch.stack([value.expand(81), along], 1)):  # fmt: skip
                line = array(self.to_data(z))
                lines.append(Curve("", line[:, 0], line[:, 1], "faint", -1))
        z, det = self.to_noise(self.x)[0], float(self.log_det(self.x))
        parts = [float(-0.5 * z.square().sum() - LOG_2PI), det]
        losses = one_layer_on_the_ring()
        return (
            Plane(
                "The flow's density, and a grid of z mapped to data space",
                "density exact · lines: a regular grid of z · points: 300 draws of the data",
                (axis, up, array(density)),
                tuple(lines),
                array(self.data[:300]),
                "data",
                (("x", self.options.x1, self.options.x2),),
                "x₁",
                "x₂",
                points_colour="data",
            ),
            Bars(
                "log p(x) of the chosen point, term by term",
                "exact, nats",
                ("log N(f(x))", "log |det ∂f/∂x|", "log p(x)"),
                (("nats", np.array([*parts, sum(parts)])),),
                "nats",
            ),
            Bars(
                "The best fit of one layer to a ring of 8 modes",
                "smallest mean of −log p(x) over all nets, by quadrature",
                tuple(losses),
                (("nats", np.array(list(losses.values()))),),
                "nats",
                levels=(("entropy of the ring", losses["entropy"]),),
            ),
        )


@functools.lru_cache(maxsize=1)
def one_layer_on_the_ring() -> dict[str, float]:
    """The smallest mean of −log p(x) on the ring: of a Gaussian, of one layer, of any model."""
    angle = torch.arange(8, dtype=torch.float64) * (2 * math.pi / 8)
    means, sd = torch.stack([angle.cos(), angle.sin()], 1), 0.05
    var1 = float(means[:, 0].square().mean()) + sd**2
    x1 = torch.linspace(-1.5, 1.5, 6001, dtype=torch.float64)
    joint = (-0.5 * ((x1[:, None] - means[:, 0]) / sd).square()).exp()
    gamma = joint / joint.sum(1, keepdim=True)
    p = joint.mean(1) / (sd * math.sqrt(2 * math.pi))
    mean2 = gamma @ means[:, 1]
    var2 = gamma @ means[:, 1].square() - mean2.square() + sd**2
    log_var2 = float(torch.trapezoid(p * var2.log(), x1))
    gaussian = 1.0 + LOG_2PI + math.log(var1)
    layer = 1.0 + LOG_2PI + 0.5 * (math.log(var1) + log_var2)
    # The modes do not overlap: the entropy is log 8 plus that of one mode.
    entropy = math.log(8) + 1.0 + LOG_2PI + 2 * math.log(sd)
    return {"best Gaussian": gaussian, "one coupling layer": layer, "entropy": entropy}
