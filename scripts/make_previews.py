"""Make the moving previews of the Start page: what each preset's first picture will do.

    .venv/bin/python -m scripts.make_previews [key ...]

Each preset is trained in the foreground for at most so many steps, and its most instructive
picture is taken at steps that are log-spaced. The pictures stand beside each other in one file,
``genlab/ui/static/cards/<key>.webp``, which the page plays. About three minutes for all on an idle
machine. Together the files stay below 600 kB, which the script checks.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from genlab.core import random
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS
from genlab.panels import check_picture
from genlab.probes.base import Probe, probes_for, read_probes
from genlab.runs import catalog
from genlab.train.algorithm import Info
from genlab.train.loop import train
from genlab.train.observers import Observer
from genlab.ui.presets import FRAMES, PRESETS, Preset

TARGET = Path(__file__).resolve().parents[1] / "genlab" / "ui" / "static" / "cards"
LIMIT = 600_000
SIDE, QUALITY = 160, 80
#: The first step of a log-spaced series; before it the picture of step 0.
FIRST = 20
#: Of longer presets so many steps are enough to see what will happen.
MOST = 4_000


def moments(steps: int) -> list[int]:
    """The steps whose pictures are shown, the first and the last among them."""
    spaced = np.geomspace(FIRST, steps, FRAMES - 1).round().astype(int)
    return [0, *(int(step) for step in spaced)]


class Camera(Observer):
    """Takes the thumbnail of one panel at given steps."""

    def __init__(self, algorithm: Any, probe: Probe, panel: str, steps: list[int]) -> None:
        self._algorithm, self._probe, self._panel = algorithm, probe, panel
        self._steps = set(steps)
        self.shots: list[Image.Image] = []

    def begin(self, step: int, state: Any) -> bool:
        self._take(step, state)
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self._take(step, state)
        return False

    def _take(self, step: int, state: Any) -> None:
        if step in self._steps:
            reading = read_probes(self._probe, self._algorithm.model(state), step)
            picture = reading.pictures[self._panel]
            png = check_picture(picture).thumbnail(picture)
            self.shots.append(Image.open(io.BytesIO(png)).convert("RGBA"))


def film(values: Mapping[str, Any]) -> list[Image.Image]:
    """The thumbnails of one run's first panel."""
    whole = RunSpec.build(**values)
    spec = RunSpec.build(**{**whole.flat(), "steps": min(MOST, whole.train.steps)})
    data = catalog.dataset(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    found = probes_for(spec, MODELS[spec.model], data)
    ranked = [(view.rank, name, probe) for probe in found for name, view in probe.views.items()]
    _, panel, probe = max(ranked, key=lambda one: one[0])
    random.seed_run(spec.train.seed)
    camera = Camera(algorithm, probe, panel, moments(spec.train.steps))
    train(algorithm, data, algorithm.init(spec.train.seed, data), observers=[camera])
    return camera.shots


def beside(films: list[list[Image.Image]]) -> list[Image.Image]:
    """The pictures of several runs beside each other, each at its full height."""
    made = []
    for shots in zip(*films, strict=True):
        page = Image.new("RGBA", (SIDE * len(shots), SIDE))
        for k, shot in enumerate(shots):
            page.paste(shot.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (k * SIDE, 0))
        made.append(page)
    return made


def make(preset: Preset) -> bytes:
    """The strip of a preset's pictures as WebP."""
    shots = beside([film(values) for values in preset.runs.values()])
    strip = Image.new("RGBA", (sum(shot.width for shot in shots), SIDE))
    left = 0
    for shot in shots:
        strip.paste(shot, (left, 0))
        left += shot.width
    out = io.BytesIO()
    strip.save(out, "WEBP", quality=QUALITY, method=6)
    return out.getvalue()


def main(keys: list[str]) -> None:
    """Make the previews of the named presets, of all by default."""
    torch.set_num_threads(1)
    for preset in PRESETS:
        if not keys or preset.key in keys:
            path = TARGET / f"{preset.key}.webp"
            path.write_bytes(make(preset))
            print(f"{path.name}: {path.stat().st_size:,} bytes", flush=True)
    total = sum(path.stat().st_size for path in TARGET.glob("*.webp"))
    if total > LIMIT:
        raise SystemExit(f"the previews have {total:,} bytes, over {LIMIT:,}")


if __name__ == "__main__":
    main(sys.argv[1:])
