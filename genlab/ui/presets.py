"""The presets of the Start page: one click, and a picture that changes within two seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genlab import runs
from genlab.core.run_spec import RunSpec

#: Pictures of a moving preview (``scripts/make_previews.py``).
FRAMES = 16


@dataclass(frozen=True)
class Preset:
    """One or more runs that start together.

    Args:
        key: a short name, used for the button's key and for the file of the preview.
        title: the title of the card.
        text: what the user will see.
        runs: the flat values of each run, by its title; more than one opens Compare.
        icon: of the button.
        preview: what the animated preview shows, in a phrase.
        pace: the runs' first values of the command ``pace``; empty for full speed.
    """

    key: str
    title: str
    text: str
    runs: Mapping[str, Mapping[str, Any]]
    icon: str
    preview: str
    pace: Mapping[str, float] = field(default_factory=dict)


#: Pixels are sampled as 0 or 1 at each step. The Bernoulli likelihood is then exact, and the net
#: cannot memorise the 4,000 training digits. With grey pixels, continuous Bernoulli and N(0, I),
#: samples of the same net are still blots after a minute.
DIGITS: Mapping[str, Any] = {"data": "mnist5k", "binarise": "dynamic", "likelihood": "bernoulli"}
#: These sizes give decoder and generator the same architecture (see :mod:`genlab.compare.duel`).
DUEL: Mapping[str, Any] = {
    "data": "mnist5k",
    "binarise": "dynamic",
    "steps": 4_000,
    "batch": 64,
    "seed": 0,
    "latent": 20,
    "hidden": 256,
    "layers": 2,
}
#: Slow at first, where most changes; later a doubling of the steps takes some seconds.
FOLLOWED: Mapping[str, float] = {"rate": 8.0, "growth": 0.12}
BRISK: Mapping[str, float] = {"rate": 20.0, "growth": 0.25}
PRESETS: tuple[Preset, ...] = (
    Preset(
        "vae",
        "VAE on handwritten digits",
        "In half a minute, grey blots become new handwritten digits. Each pixel is sampled as 0 "
        "or "
        "1, so the likelihood is Bernoulli.",
        {
            "VAE on digits": {
                **DIGITS,
                "model": "vae",
                "latent": 10,
                "lr": 2e-3,
                "lr_final_ratio": 0.1,
                "steps": 4_000,
            }
        },
        ":material/blur_on:",
        "Images drawn by the VAE, from noise to digits",
        BRISK,
    ),
    Preset(
        "gan",
        "GAN on a ring of 8 Gaussians",
        "Generated points move towards eight modes. See which modes are found, and which are lost "
        "again.",
        {"GAN on a ring": {"model": "gan", "data": "ring", "steps": 10_000}},
        ":material/bubble_chart:",
        "Generated points that spread to the eight modes of a ring",
        FOLLOWED,
    ),
    Preset(
        "duel",
        "VAE against GAN",
        "Two models learn the same digits with the same decoder, side by side.",
        {
            "VAE (duel)": {**DUEL, "model": "vae", "likelihood": "bernoulli"},
            "GAN (duel)": {**DUEL, "model": "gan", "lr": 1e-3},
        },
        ":material/compare_arrows:",
        "Images of the VAE on the left and of the GAN on the right",
    ),
    Preset(
        "dcgan",
        "Convolutional GAN on digits",
        "A game of two networks gives sharper digits. It takes a few minutes.",
        {
            "DCGAN on digits": {
                "model": "dcgan",
                "data": "mnist5k",
                "width": 16,
                "batch": 32,
                "lr": 1e-3,
                "steps": 5_000,
            }
        },
        ":material/draw:",
        "Images drawn by the convolutional GAN, from noise to digits",
    ),
    Preset(
        "flow",
        "Flow from noise to a checkerboard",
        "Each noise point follows a path to the data. See the paths straighten.",
        {"Flow to a checkerboard": {"model": "flow_matching", "data": "checkerboard"}},
        ":material/air:",
        "Generated points that settle in the cells of a checkerboard",
        BRISK,
    ),
    Preset(
        "table",
        "Regression on a table",
        "Variational inference optimises an approximate posterior, shown beside the exact one.",
        {
            "Regression on a table": {
                "model": "linear_regression",
                "data": "linear_table",
                "steps": 2_000,
            }
        },
        ":material/table_chart:",
        "The approximate posterior that moves onto the exact one",
        BRISK,
    ),
)


def start_preset(preset: Preset) -> list[str]:
    """Start a preset's runs; every spec is checked before the first of them starts."""
    specs = {title: RunSpec.build(**values) for title, values in preset.runs.items()}
    started = runs.start_together(specs)
    for run in started:
        if preset.pace:
            runs.request(run, "pace", **preset.pace)
    return started
