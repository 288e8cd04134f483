"""The challenges that ship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from genlab.challenges.base import CHALLENGES, Goal, Pictures, Training
from genlab.divergences.f import F
from genlab.divergences.gaussian_fits import fit_gaussian
from genlab.divergences.mixtures_1d import Mixture1D
from genlab.lessons.panels import Curve, Curves

RING: Mapping[str, Any] = {"model": "gan", "data": "ring"}
#: What decides which likelihood is compared.
PIXELS = ("data", "likelihood")
#: Two bumps, far enough apart that the divergences disagree; all of them on x > 0.
TARGET = Mixture1D((0.35, 0.65), (2.5, 6.0), (0.5, 0.8))
#: The divergences of the pictures: far enough apart that a number tells them.
DRAWN = ("kl", "js", "total_variation", "reverse_kl")


def modes(n: int, share: float) -> tuple[Goal, Goal]:
    """At least n modes, and this share of the samples near one."""
    return (
        Goal("high_quality", "samples within 3 std of a mode", "probability", low=share),
        Goal("modes", "modes reached", low=float(n)),
    )


def elbo(least: float) -> tuple[Goal]:
    """A held-out ELBO of at least so many nats."""
    return (Goal("test_elbo", "ELBO on held-out images", "nats", low=least),)


def log_prob(least: float) -> tuple[Goal]:
    """A held-out log-likelihood of at least so many nats."""
    return (Goal("test_log_prob", "exact log p(x) on held-out examples", "nats", low=least),)


def draw_fit(name: str) -> Curves:
    """Two bumps, and the Gaussian that is nearest to them by a divergence D(data ‖ model)."""
    fit = fit_gaussian(F[name], TARGET).mixture
    x = torch.linspace(0.0, 10.0, 201, dtype=torch.float64)
    curves = (
        Curve("data p", x.numpy(), TARGET(x).exp().numpy()),
        Curve("model q", x.numpy(), fit(x).exp().numpy(), style="dash", colour=1),
    )
    about = f"p has mean {TARGET.mean:.3f} and standard deviation {TARGET.variance**0.5:.3f}"
    note = f"{about}; q has {fit.mean:.3f} and {fit.variance**0.5:.3f}. By adaptive quadrature."
    return Curves("Data and the nearest Gaussian", note, curves, "x", "density")


def divergence_titles() -> Mapping[str, str]:
    """The answers to choose from."""
    return {name: F.row(name).title for name in DRAWN}


CHALLENGES.register("modes", title="All 8 modes, and nothing between", order=10, summary="A GAN.")(
    Training(
        "All 8 modes, and nothing between",
        "Train a GAN that reaches all eight Gaussians of the ring and puts its samples on them.",
        {**RING, "steps": 1000},
        ("model", "data"),
        1000,
        modes(8, 0.9),
        {"lr": 3e-3, "batch": 1024, "lr_final_ratio": 0.05},
        hint="The noise of a step, and how large the last steps are.",
    )
)
CHALLENGES.register(
    "grid",
    title="A grid of 25 modes in 2,000 steps",
    order=20,
    summary="A GAN on a grid of Gaussians.",
)(
    Training(
        "A grid of 25 modes in 2,000 steps",
        "Train a GAN that reaches the 25 Gaussians of the grid. 22 are enough: of 2,500 samples "
        "the rarest modes may get none.",
        {"model": "gan", "data": "grid", "steps": 2000},
        ("model", "data"),
        2000,
        modes(22, 0.48),
        {"lr": 3e-3, "batch": 1024, "lr_final_ratio": 0.05},
        hint="More examples a step see every mode in each of them.",
    )
)
CHALLENGES.register(
    "repair", title="Repair a collapsed GAN by one fork", order=30, summary="Two modes of eight."
)(
    Training(
        "Repair a collapsed GAN by one fork",
        "The given run has collapsed: it reaches two modes of eight at most. Fork it at its end, "
        "change what you like, and bring all modes back.",
        {**RING, "objective": "minimax", "beta1": 0.9, "lr": 1e-3, "steps": 1000},
        ("model", "data"),
        2000,
        modes(8, 0.4),
        {
            **{"objective": "r1", "gamma": 0.1, "beta1": 0.0, "lr": 3e-3, "batch": 512},
            **{"lr_final_ratio": 0.05, "steps": 3000},
        },
        fork_at=1000,
        hint="Watch names the symptoms of the run. A critic that is punished for steep slopes "
        "pulls on samples from afar.",
    )
)
CHALLENGES.register(
    "elbo", title="A better ELBO in 1,000 steps", order=40, summary="A VAE on small digits."
)(
    Training(
        "A better ELBO in 1,000 steps",
        "Raise the ELBO on held-out digits by the options of the VAE and of its training.",
        {"model": "vae", "data": "digits", "likelihood": "bernoulli", "steps": 1000},
        ("model", *PIXELS),
        1000,
        elbo(-24.75),
        {"lr": 4e-3, "batch": 256, "hidden": 400, "latent": 12},
        hint="An ELBO is low where training ends early, and where q is far from the posterior.",
    )
)
CHALLENGES.register(
    "plane", title="Digits in a plane", order=50, summary="A VAE with two latent dimensions."
)(
    Training(
        "Digits in a plane",
        "Two numbers for each image are all that the decoder gets. Make the best of them.",
        {"model": "vae", "data": "digits", "likelihood": "bernoulli", "latent": 2, "steps": 1000},
        ("model", "latent", *PIXELS),
        1000,
        elbo(-25.25),
        {"lr": 3e-3, "batch": 256, "hidden": 256, "layers": 2, "lr_final_ratio": 0.05},
        hint="With so few latents the nets must do more.",
    )
)
CHALLENGES.register(
    "moons", title="The density of two moons", order=60, summary="Any model with an exact density."
)(
    Training(
        "The density of two moons",
        "Fit a model whose density is exact, in 200 steps. The model is yours to choose.",
        {"model": "realnvp", "data": "moons", "steps": 200},
        ("data",),
        200,
        log_prob(-1.15),
        {"model": "spline_flow", "lr": 5e-3, "batch": 512, "lr_final_ratio": 0.05},
        hint="In so few steps the kind of flow matters more than its learning rate.",
    )
)
CHALLENGES.register(
    "pixels", title="Pixel after pixel", order=70, summary="An autoregressive model of digits."
)(
    Training(
        "Pixel after pixel",
        "Predict each black or white pixel from those before it: raise the exact log p(x) of "
        "held-out digits within 600 steps.",
        {"model": "made", "data": "digits", "binarise": "threshold", "steps": 600},
        ("data", "binarise"),
        600,
        log_prob(-18.8),
        {"lr": 5e-3, "batch": 256, "lr_final_ratio": 0.05},
        hint="Too long a training learns the training images by heart.",
    )
)
CHALLENGES.register(
    "pictures", title="Which divergence drew this?", order=80, summary="Three pictures to read."
)(
    Pictures(
        "Which divergence drew this?",
        "Each picture shows the same data p with two bumps, and the Gaussian q that is nearest to "
        "them by one f-divergence D(p ‖ q). Which divergence was it? The lesson on f-GANs draws "
        "such pictures for values of your own.",
        divergence_titles,
        ("total_variation", "kl", "reverse_kl"),
        draw_fit,
        hint="Does q pay for data that it misses, or for samples where there are no data?",
    )
)
