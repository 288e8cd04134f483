"""The presets of the Start page: one click, interesting within ten seconds on two cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genlab import runs
from genlab.core.run_spec import RunSpec


@dataclass(frozen=True)
class Preset:
    """One or more runs that start together.

    Args:
        key: a short name, used for the button's key.
        title: what the button says.
        text: what there is to see.
        runs: the flat values of each run, by its title; more than one opens Compare.
    """

    key: str
    title: str
    text: str
    runs: Mapping[str, Mapping[str, Any]]
    icon: str


#: Few enough that on two cores, where one run waits for the other, both are seen within seconds.
#: The sizes make decoder and generator the same net (see :mod:`genlab.compare.duel`).
NET = {"latent": 16, "hidden": 256, "layers": 2}
DIGITS = {"data": "digits", "steps": 2_500, "batch": 64, "seed": 0, **NET}
PRESETS: tuple[Preset, ...] = (
    Preset(
        "vae",
        "VAE on digits",
        "An encoder and a decoder learn 8×8 digits; the samples become sharper while you watch.",
        {"VAE on digits": {"model": "vae", "data": "digits", "latent": 8, "steps": 10_000}},
        ":material/blur_on:",
    ),
    Preset(
        "gan",
        "GAN on a ring of 8 Gaussians",
        "Points move towards eight modes; watch which modes are found and lost, "
        "over the true density.",
        {"GAN on a ring": {"model": "gan", "data": "ring", "steps": 10_000, "lr": 1e-3}},
        ":material/bubble_chart:",
    ),
    Preset(
        "dcgan",
        "DCGAN on MNIST (5,000 digits)",
        "A convolutional GAN draws 28×28 handwriting; watch D(x) against D(G(z)).",
        {
            "DCGAN on MNIST": {
                "model": "dcgan",
                "data": "mnist5k",
                "width": 16,
                "batch": 32,
                "lr": 1e-3,
                "steps": 5_000,
            }
        },
        ":material/draw:",
    ),
    Preset(
        "duel",
        "VAE against GAN",
        "Two models learn the same digits from the same batches with the same seed, side by side.",
        {
            "VAE (duel)": {**DIGITS, "model": "vae"},
            "GAN (duel)": {**DIGITS, "model": "gan", "lr": 1e-3},
        },
        ":material/compare_arrows:",
    ),
)


def start_preset(preset: Preset) -> list[str]:
    """Start a preset's runs; every spec is checked before the first of them starts."""
    specs = {title: RunSpec.build(**values) for title, values in preset.runs.items()}
    return [runs.start(spec, title) for title, spec in specs.items()]
