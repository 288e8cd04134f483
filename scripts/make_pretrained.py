"""Make the small models that ship: a VAE, a GAN, a diffusion and a flow on 5,000 real digits.

    .venv/bin/python -m scripts.make_pretrained

Trains them in the foreground with fixed seeds (about 22 minutes of processor time) and writes
``checkpoints/pretrained/<name>``: the description, the last snapshot's weights, the records and
a few pictures. Together they stay under 4 MB, which the script checks.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from genlab import runs
from genlab.runs import foreground

TARGET = Path(__file__).resolve().parents[1] / "checkpoints" / "pretrained"
LIMIT = 4_000_000
MODELS: dict[str, dict[str, Any]] = {
    "vae-mnist5k": {"model": "conv_vae", "data": "mnist5k", "latent": 10, "steps": 4000},
    "dcgan-mnist5k": {
        "model": "dcgan",
        "data": "mnist5k",
        "latent": 32,
        "steps": 6000,
        "batch": 64,
    },
    "flow-matching-mnist5k": {
        "model": "flow_matching",
        "data": "mnist5k",
        "sampling_steps": 8,
        "steps": 3000,
    },
    "ddpm-mnist5k": {"model": "ddpm", "data": "mnist5k", "steps": 3000},
}
TITLES = {
    "vae-mnist5k": "VAE on 5,000 MNIST digits",
    "dcgan-mnist5k": "DCGAN on 5,000 MNIST digits",
    "flow-matching-mnist5k": "Flow matching on 5,000 MNIST digits",
    "ddpm-mnist5k": "DDPM on 5,000 MNIST digits",
}


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def main(names: list[str]) -> None:
    """Train and export the named models, all of them by default."""
    for name in names or list(MODELS):
        run = foreground.train({**MODELS[name], "seed": 0, "snapshots": 8}, title=TITLES[name])
        if run.row.status != "done":
            raise SystemExit(f"{name} is {run.row.status} at step {run.row.step}; nothing written")
        shutil.rmtree(TARGET / name, ignore_errors=True)
        runs.export(run.id, TARGET / name, snapshots=1)
        print(f"{name}: {size(TARGET / name):,} bytes")
    total = size(TARGET)
    print(f"together {total:,} bytes")
    if total > LIMIT:
        raise SystemExit(f"the shipped models are over {LIMIT:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
