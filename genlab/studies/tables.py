"""The tables of the documentation as studies, one command each: ``genlab study --table modes``.

A table is a base run and its arms. Its first arm is the one with which the others are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genlab.core.errors import SpecError
from genlab.studies.queue import create_arms
from genlab.studies.study import Arm, Study

#: All rows of the table of the grid share wider nets, more steps, and a learning rate that falls
#: to 0: a generator that still moves blurs its modes.
_GRID = {"data": "grid", "std": 0.05, "steps": 16_000, "lr_final_ratio": 0.0, "hidden": 128,
         "batch": 128, "beta1": 0.5, "beta2": 0.99, "lr": 1e-3}  # fmt: skip
_RING = {"data": "ring", "std": 0.05, "steps": 6_000, "lr_final_ratio": 0.0, "lr": 1e-3}
#: What all families share; the rest is what the app proposes for each, but for the hidden units
#: of the nets of a path, which give them about as many parameters as the VAE and the RealNVP.
_FAMILIES = {"steps": 1_500, "batch": 128}
_FAMILY: Mapping[str, Mapping[str, Any]] = {
    "VAE": {"model": "vae"},
    "GAN": {"model": "gan"},
    "RealNVP": {"model": "realnvp"},
    "flow matching": {"model": "flow_matching", "hidden": 58},
    "DDPM": {"model": "ddpm", "hidden": 58},
}
_WGAN_GP = {"objective": "wgan_gp", "penalty": 0.1, "beta1": 0.0, "beta2": 0.9}


def _f(divergence: str, **more: Any) -> dict[str, Any]:
    pinned = {"critic_activation": "leaky_relu", "batch": 128}
    return {"objective": "fgan", "divergence": divergence, **pinned, **more}


@dataclass(frozen=True)
class TableStudy:
    """A table of the documentation.

    Args:
        title: of the study.
        base: the options that all rows share.
        arms: the changed options of each row.
        metric: the metric of the headline; where it is one of the sample quality, this is
            measured too.
        minutes: CPU minutes of one seed of all rows, roughly, on one core.
    """

    title: str
    base: Mapping[str, Any]
    arms: Mapping[str, Mapping[str, Any]]
    metric: str
    minutes: float


TABLES: Mapping[str, TableStudy] = {
    "ring": TableStudy(
        "modes of the ring of 8",
        {"model": "gan", **_RING},
        {
            "non-saturating": {"objective": "nonsaturating"},
            "minimax": {"objective": "minimax"},
            "f-GAN, KL": _f("kl", hidden=128, beta1=0.5, beta2=0.99),
            "f-GAN, reverse KL": _f("reverse_kl"),
            "f-GAN, JS": _f("js"),
            "f-GAN, Pearson": _f("pearson"),
            "LSGAN": {"objective": "lsgan"},
            "WGAN-GP": {**_WGAN_GP, "critic_steps": 2},
            "R3GAN": {"objective": "r3gan", "beta1": 0.0},
            "PacGAN2": {"objective": "nonsaturating", "pack": 2},
        },
        "grid_js",
        3.0,
    ),
    "grid": TableStudy(
        "modes of the grid of 25",
        {"model": "gan", **_GRID},
        {
            "non-saturating": {"objective": "nonsaturating"},
            "minimax": {"objective": "minimax"},
            "f-GAN, KL": _f("kl", lr=5e-4),
            "f-GAN, reverse KL": _f("reverse_kl"),
            "f-GAN, JS": _f("js"),
            "f-GAN, Pearson": _f("pearson", lr=5e-4),
            "LSGAN": {"objective": "lsgan"},
            "WGAN-GP": {**_WGAN_GP, "critic_steps": 1, "steps": 12_000},
            "R3GAN": {
                "objective": "r3gan",
                "beta1": 0.0,
                "gamma": 0.03,
                "lr": 2e-3,
                "steps": 12_000,
            },
            "PacGAN2": {"objective": "nonsaturating", "pack": 2},
        },
        "grid_js",
        6.0,
    ),
    "narrow": TableStudy(
        "why samples of the ring GAN are narrow",
        {"model": "gan", "data": "ring", "steps": 2_000, "batch": 128},
        {
            "rate 1e-3, constant": {"lr": 1e-3, "lr_final_ratio": 1.0},
            "rate 1e-3 to 0": {"lr": 1e-3, "lr_final_ratio": 0.0},
            "rate 2e-3 to 0": {"lr": 2e-3, "lr_final_ratio": 0.0},
            "rate 1e-3, mean of weights": {"lr": 1e-3, "lr_final_ratio": 1.0, "ema_decay": 0.99},
        },
        "grid_js",
        0.1,
    ),
    "mnist": TableStudy(
        "log-likelihood of MNIST digits",
        {"data": "mnist5k", "steps": 20_000},
        {
            "VAE": {"model": "vae", "objective": "elbo"},
            "IWAE": {"model": "vae", "objective": "iwae"},
            "convolutional VAE": {"model": "conv_vae", "objective": "elbo"},
        },
        "test_iwae_100",
        40.0,
    ),
    "samples": TableStudy(
        "quality of samples of digits",
        {"data": "digits", "steps": 4_000},
        {
            "VAE": {"model": "vae"},
            "GAN": {"model": "gan"},
            "DCGAN": {"model": "dcgan"},
        },
        "quality_frechet",
        3.0,
    ),
    "families-ring": TableStudy(
        "families on the ring of 8", {"data": "ring", **_FAMILIES}, _FAMILY, "grid_js", 0.4
    ),
    "families-grid": TableStudy(
        "families on the grid of 25", {"data": "grid", **_FAMILIES}, _FAMILY, "grid_js", 0.4
    ),
    "families-digits": TableStudy(
        "families on digits of 8 x 8",
        {"data": "digits", "batch": 64},
        # About 20 s of one core each.
        {
            "VAE": {"model": "vae", "steps": 10_000},
            "GAN": {"model": "gan", "steps": 8_000},
            "RealNVP": {"model": "realnvp", "steps": 2_000},
            "flow matching": {"model": "flow_matching", "steps": 800},
            "DDPM": {"model": "ddpm", "steps": 600},
        },
        "quality_frechet",
        1.7,
    ),
}


def start_table(
    name: str,
    seeds: int = 5,
    *,
    study: str = "",
    stop_early: bool = False,
    quality: bool = False,
) -> Study:
    """Start the study of a table of the documentation.

    Args:
        name: a row of :data:`TABLES`.
        seeds: of each row.
        study: its name; if empty, that of the table.
        stop_early: as of :func:`genlab.studies.create`.
        quality: whether the quality of the samples is measured although the table's metric is
            another one.

    Raises:
        SpecError: if there is no such table, or a study of this name already.
    """
    if name not in TABLES:
        raise SpecError.unknown("table", name, TABLES)
    table = TABLES[name]
    arms = [Arm(title, dict(changes)) for title, changes in table.arms.items()]
    return create_arms(
        table.base, arms, seeds, name=study or f"table-{name}", title=table.title,
        stop_early=stop_early, quality=quality or table.metric.startswith("quality"),
    )  # fmt: skip
